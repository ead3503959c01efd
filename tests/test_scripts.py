"""The three scripts: as in the article, as `fit` would train them, and as a person runs them.

Each network is trained in full once, in this process; all tests look at that training.
"""

import contextlib
import functools
import importlib
import io
import math
import os
import random
import re
import subprocess
import sys
import types
from pathlib import Path

import keras
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from matplotlib.figure import Figure

import echo_lag
from tests.experiments import fit_per_epoch
from tests.scripts import SCRIPTS

ROOT = Path(__file__).parents[1]


@functools.cache
def trained(name):
    """Train a script's network in full with seed 0, and record the first epochs."""
    script = importlib.import_module(name)
    keras.utils.set_random_seed(0)
    model = script.build_model()
    # The training must not start from the state that this leaves.
    script.predict(model, np.ones((5, *SCRIPTS[name].batch_shape[1:])))
    generate_data, train_step = script.generate_data, model.train_step
    sequences, weights, traces = [], [], []

    def record_sequence():
        sequence = generate_data()
        if len(sequences) < 4:
            weights.append(model.get_weights())
            sequences.append(sequence)
        return sequence

    model.train_step = lambda data: traces.append(data) or train_step(data)
    output = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(output):
        patch.setattr(script, "generate_data", record_sequence)
        history = script.fit(model)
    states = [s.numpy() for s in getattr(model.layers[0], "states", None) or []]
    with contextlib.redirect_stdout(output):
        script.evaluate(model)
    lines = output.getvalue().splitlines()
    accuracy = float(lines[-1].split()[-1])
    return types.SimpleNamespace(**locals())


@pytest.mark.parametrize("name", SCRIPTS)
def test_network_and_fit_are_those_of_the_article(name):
    _, units, batch_shape, _, epochs = SCRIPTS[name]
    ours = trained(name)
    assert ours.script.EPOCHS == epochs == len(ours.history)
    assert ours.model.input_shape == batch_shape
    stateful = batch_shape[0] is not None
    assert ours.model.layers[0].stateful is stateful
    # The layers, the loss and the optimizer are the same, or other weights would result.
    fitted = fit_per_epoch.build_model(units, batch_shape)
    fitted.set_weights(ours.weights[0])
    fitted.run_eagerly = True  # For so few batches, faster than compiling.
    expected = fit_per_epoch.fit(fitted, 3, iter(ours.sequences).__next__, verbose=0)
    for got, weights in zip(ours.weights[3], fitted.get_weights(), strict=True):
        np.testing.assert_allclose(got, weights, rtol=0, atol=2e-6)
    # Training has moved what is compared, and by many times the tolerance.
    assert np.abs(ours.weights[3][0] - ours.weights[0][0]).max() > 1e-3
    np.testing.assert_allclose(
        ours.history[:3], expected[["loss", "accuracy"]], rtol=1e-5
    )
    assert len({y.tobytes() for _, y in ours.sequences}) == 4  # a new one each time
    assert len(ours.traces) == 1  # compiled only once
    assert len(ours.states) == (2 if stateful else 0)
    assert not any(map(np.any, ours.states))


@pytest.mark.parametrize("name", SCRIPTS)
def test_output_is_the_epochs_the_echo_and_the_accuracy(name):
    *epochs, expected, predicted, accuracy = trained(name).lines
    assert epochs == [
        f"Epoch {i}/{len(epochs)} - loss: {loss:.4f} - accuracy: {accuracy:.4f}"
        for i, loss, accuracy in trained(name).history.itertuples()
    ]
    integers = r"\[\d+(, \d+)*\]"
    assert re.fullmatch(rf"Expected:  {integers}", expected)
    assert re.fullmatch(rf"Predicted: {integers}", predicted)
    assert expected.count(",") == predicted.count(",") == 25 - SCRIPTS[name].fewest
    assert re.fullmatch(r"Accuracy over 100 new sequences: \d\.\d{4}", accuracy)


def test_accuracies_are_those_of_the_article():
    part_2, part_3, part_4 = map(trained, SCRIPTS)
    assert part_2.accuracy == part_2.history.accuracy.iloc[-1] == 1
    assert part_2.history.loss.iloc[-1] < 0.12
    assert part_4.accuracy >= 0.99
    assert part_4.history.accuracy[-100:].mean() >= 0.95
    # In part 3, of 2,400 answers, 24 are right by chance, with a standard deviation of 4.9.
    assert part_3.accuracy < 0.02
    # A network that knows nothing spreads its bets over 100 classes: a loss of ln 100.
    assert part_3.history.loss[-100:].mean() == pytest.approx(math.log(100), abs=0.1)


@pytest.mark.parametrize("name", SCRIPTS)
def test_predict_is_the_predict_of_keras_from_a_reset_state(name):
    script, model = trained(name).script, trained(name).model
    batch_size = model.input_shape[0] or 1
    X, _ = script.generate_data(random.choices(range(100), k=50))
    X = X[: 7 * batch_size]
    yhat = script.predict(model, X)
    if batch_size > 1:
        model.layers[0].reset_state()
    expected = model.predict(X, batch_size=batch_size, verbose=0)
    np.testing.assert_allclose(yhat, expected, atol=1e-6)
    for n in 1, 4, 7, 23:  # The last batch may be incomplete.
        np.testing.assert_allclose(script.predict(model, X[:n]), yhat[:n], atol=1e-6)


def test_predict_takes_nothing_but_one_hot_samples():
    for X in np.zeros((20, 5)), np.zeros((20, 5, 99)):
        with pytest.raises((ValueError, tf.errors.InvalidArgumentError)):
            echo_lag.predict(trained("echo_lag").model, X)


def test_evaluate_prints_the_echo_and_measures_100_new_sequences(monkeypatch, capsys):
    targets, predictions, generate_data = [], [], echo_lag.generate_data

    def record_target(sequence=None):
        X, y = generate_data(sequence)
        targets.append(y.argmax(axis=1).tolist())
        return X, y

    def guess(model, X):
        # Right by chance for about half of the samples.
        yhat = np.roll(X[:, -2], random.randint(0, 1), axis=1)
        predictions.append(yhat.argmax(axis=1).tolist())
        return yhat

    monkeypatch.setattr(echo_lag, "generate_data", record_target)
    monkeypatch.setattr(echo_lag, "predict", guess)
    echo_lag.evaluate(None, [*range(30)])
    assert targets[0] == [*range(4, 29)]
    # The first of the 101 is the one shown.
    assert len(set(map(tuple, targets))) == len(predictions) == 101
    assert capsys.readouterr().out.splitlines() == [
        f"Expected:  {targets[0]}",
        f"Predicted: {predictions[0]}",
        f"Accuracy over 100 new sequences: {np.equal(targets[1:], predictions[1:]).mean():.4f}",
    ]


# What Python reads after the script has run.
AFTERWARDS = "print(os.environ['CUDA_VISIBLE_DEVICES'], keras.config.backend(), gc.isenabled())\n"


def test_script_from_the_shell_of_another_folder(tmp_path):
    options = "8 3 14 15 92 65 35 --seed 0 --epochs 3 --plot curves.png"
    process = subprocess.run(
        [sys.executable, "-i", ROOT / "echo_lag.py", *options.split()],
        cwd=tmp_path,
        env={
            **os.environ,
            "KERAS_BACKEND": "jax",
            "CUDA_VISIBLE_DEVICES": "0",
            "MPLBACKEND": "module://none.such",  # as in a notebook of another Python
        },
        input=AFTERWARDS,
        capture_output=True,
        check=True,
        text=True,
    )
    *epochs, expected, _, accuracy, afterwards = process.stdout.splitlines()
    same_seed = trained("echo_lag").lines[:3]
    assert epochs == [line.replace("/2000", "/3") for line in same_seed]
    assert expected == "Expected:  [92, 65]"
    assert accuracy.startswith("Accuracy over 100 new sequences: 0.0")
    assert afterwards == "-1 tensorflow True"
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_plot_draws_the_means_of_25_epochs(tmp_path, monkeypatch):
    figure, open_figures = Figure(), plt.get_fignums()
    monkeypatch.setattr(echo_lag, "Figure", lambda **options: figure)
    values = pd.DataFrame({"loss": np.arange(60.0), "accuracy": np.arange(60.0) ** 2})
    history = values.set_index(values.index + 1)
    echo_lag.plot(history, tmp_path / "curves.svg")
    for axis, name in zip(figure.axes, history, strict=True):
        x, y = axis.lines[0].get_data()
        assert (x[0], x[-1]) == (1, 60)
        assert (y[1], y[-1]) == (history[name][:2].mean(), history[name][-25:].mean())
        assert axis.get_ylabel().startswith(name)
    assert plt.get_fignums() == open_figures  # those of a notebook


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--epochs 0", "--epochs is 0: at least 1 is needed"),
        ("--seed -1", "Seed must be between 0 and 2**32 - 1"),
        ("--plot no/a.png", "--plot is no/a.png: its folder does not exist"),
        ("--plot a.xyz", "--plot is a.xyz: .png, .svg or .pdf is needed"),
        ("1 2 3 4 5", "at least 6 integers are needed, not 5"),
        ("1 2 3 4 5 100", "100 is not an integer from 0 to 99"),
    ],
)
def test_bad_command_line(arguments, message, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["echo_lag.py", *arguments.split()])
    with pytest.raises(SystemExit) as stop:
        echo_lag.main()
    assert stop.value.code == 2
    assert capsys.readouterr().err.endswith(f": error: {message}\n")


def test_scripts_have_not_drifted_apart():
    texts = [(ROOT / f"{script}.py").read_text("utf-8") for script in SCRIPTS]
    # All but shapes and counts is the same. (Shapes are tested above, by what they do.)
    texts = [re.sub(r"steps?\b", "step", re.sub(r"\b[1-6]\b", "N", t)) for t in texts]
    start, end, lag = (
        "# No GPU.*?\n# Prepare",
        r"def evaluate\(.*",
        r"\n    model.add\(keras.l.*",
    )
    for shared, scripts in (start, texts), (end, texts), (lag, texts[1:]):
        assert len({re.search(shared, text, re.DOTALL)[0] for text in scripts}) == 1
