"""The three scripts: as in the article, as `fit` would train them, and as commands."""

import importlib
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path
from unittest import mock

import keras
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

import echo_lag
from tests.experiments import extensions, fit_per_epoch
from tests.scripts import SCRIPTS

ROOT = Path(__file__).parents[1]
NOTEBOOK = "module://matplotlib_inline.backend_inline"  # the MPLBACKEND of Jupyter

each_script = pytest.mark.parametrize("name", SCRIPTS)


@each_script
def test_fit_is_that_of_the_article(name, trained):
    _, units, batch_shape, _, epochs = SCRIPTS[name]
    ours = trained(name)
    # The layers, the loss and the optimizer are the same, or other weights would result.
    keras.utils.set_random_seed(0)
    model = fit_per_epoch.build_model(units, batch_shape)
    model.run_eagerly = True  # For so few batches, faster than compiling.
    history = fit_per_epoch.fit(model, 3, ours.script.generate_data, verbose=0)
    for got, expected in zip(ours.weights, model.get_weights(), strict=True):
        np.testing.assert_allclose(got, expected, rtol=0, atol=1e-5)
    history = history[["loss", "accuracy"]]
    np.testing.assert_allclose(ours.history[:3], history, rtol=1e-5)
    loss, accuracy = ours.history.loc[epochs]
    line = f"Epoch {epochs}/{epochs} - loss: {loss:.4f} - accuracy: {accuracy:.4f}"
    assert ours.lines[-4] == line
    ours.model.train_step.assert_called_once()  # traced once
    ours.tf_function.assert_called_once_with(jit_compile=True)


def test_accuracies_are_those_of_the_article(trained):
    part_2, part_3, part_4 = map(trained, SCRIPTS)
    assert part_2.lines[-1].endswith(": 1.0000")
    assert part_2.history.loss.iloc[-1] < 0.12
    assert float(part_4.lines[-1].split()[-1]) >= 0.99
    assert part_4.history.accuracy[-100:].mean() >= 0.95
    # In part 3, of 2,400 answers, 24 are right by chance, with a standard deviation of 4.9.
    assert float(part_3.lines[-1].split()[-1]) < 0.02
    # A network that knows nothing spreads its bets over 100 classes: a loss of ln 100.
    assert part_3.history.loss[-100:].mean() == pytest.approx(np.log(100), abs=0.1)


@each_script
def test_predict_is_the_predict_of_keras_from_a_reset_state(name, trained):
    script, model = trained(name).script, trained(name).model
    batch_size = model.input_shape[0] or 1
    X, _ = script.generate_data(range(7 * batch_size + SCRIPTS[name].fewest - 1))
    yhat = script.predict(model, X)
    if batch_size > 1:
        model.layers[0].reset_state()
    expected = model.predict(X, batch_size=batch_size, verbose=0)
    np.testing.assert_allclose(yhat, expected, atol=1e-5)
    # The last batch may be incomplete.
    np.testing.assert_allclose(script.predict(model, X[:-1]), yhat[:-1], atol=1e-5)


def test_plot_draws_the_means_of_25_epochs(tmp_path, monkeypatch):
    figure = Figure()
    monkeypatch.setattr(echo_lag, "Figure", lambda **options: figure)
    values = {"loss": range(60), "accuracy": range(100, 160)}
    echo_lag.plot(pd.DataFrame(values, range(1, 61)), tmp_path / "curves.svg")
    loss, accuracy = figure.axes
    assert loss.lines[0].get_xydata()[1].tolist() == [2, 0.5]
    assert loss.lines[0].get_xydata()[-1].tolist() == [60, 47]
    assert accuracy.lines[0].get_xydata()[-1].tolist() == [60, 147]
    assert loss.get_ylabel() == "loss, mean of 25 epochs"


def fake_fit(model, epochs):
    print(f"Trained for {epochs} epochs")
    return pd.DataFrame({"loss": [4.6], "accuracy": [0.01]}, index=[1])


@pytest.fixture
def run(monkeypatch, capsys):
    """Return a function: run a script as a command, but without the training."""

    def run_main(name, options):
        script = importlib.import_module(name)
        monkeypatch.setattr(script, "fit", fake_fit)
        monkeypatch.setattr(script, "predict", mock.Mock(wraps=script.predict))
        set_seed = mock.Mock(wraps=keras.utils.set_random_seed)
        monkeypatch.setattr(keras.utils, "set_random_seed", set_seed)
        monkeypatch.setattr(sys, "argv", [f"{name}.py", *options.split()])
        script.main()
        return capsys.readouterr().out.splitlines()

    return run_main


@each_script
def test_command_without_options(name, run):
    assert run(name, "")[0] == f"Trained for {SCRIPTS[name].epochs} epochs"
    keras.utils.set_random_seed.assert_not_called()


def test_help_tells_what_the_script_does(run, capsys):
    with pytest.raises(SystemExit, match="^0$"):
        run("echo_lag", "--help")
    assert echo_lag.__doc__ in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "echo", "file"),
    [
        ("echo_current", "[8, 3, 14, 15, 92, 65, 35]", "curves.PNG"),
        ("echo_lag_no_context", "[8, 3, 14, 15, 92, 65]", "curves.svg"),
        ("echo_lag", "[92, 65]", "curves.pdf"),
    ],
)
def test_command_with_all_options(name, echo, file, run, tmp_path):
    options = f"8 3 14 15 92 65 35 --epochs 1 --seed 0 --plot {tmp_path / file}"
    lines = run(name, options)
    assert lines[:2] == ["Trained for 1 epochs", f"Expected:  {echo}"]
    assert (tmp_path / file).exists()
    assert importlib.import_module(name).predict.call_count == 101
    keras.utils.set_random_seed.assert_called_once_with(0)


@each_script
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--epochs 0", "--epochs is 0: at least 1 is needed"),
        ("--seed -1", "Seed must be between 0 and 2**32 - 1"),
        ("--plot LICENSE/a.png", "--plot is LICENSE/a.png: its folder does not exist"),
        ("--plot a.xyz", "--plot is a.xyz: .png, .svg or .pdf is needed"),
        ("1 2 3 4 5 100", "100 is not an integer from 0 to 99"),
    ],
)
def test_bad_option_is_an_error_before_training(name, options, message, run, capsys):
    with pytest.raises(SystemExit, match="^2$"):
        run(name, options)
    output, error = capsys.readouterr()
    assert output == ""
    assert error.endswith(f"{name}.py: error: {message}\n")


def test_script_from_the_shell_of_another_folder(tmp_path, capsys):
    foreign = {"KERAS_BACKEND": "jax", "CUDA_VISIBLE_DEVICES": "0"}
    process = subprocess.Popen(
        [sys.executable, "-i", ROOT / "echo_lag.py", "--seed=0", "--epochs=3"],
        cwd=tmp_path,
        env={**os.environ, **foreign, "MPLBACKEND": NOTEBOOK},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    # Meanwhile: the experiments train and measure as the script does.
    extensions.main("--seed 0 --epochs 3")
    # What Python reads after the script has run.
    output, _ = process.communicate(
        "os.environ['CUDA_VISIBLE_DEVICES'], keras.config.backend(), gc.isenabled()\n"
    )
    *lines, afterwards = output.splitlines()
    assert lines == capsys.readouterr().out.splitlines()[:6]
    assert afterwards == "('-1', 'tensorflow', True)"


@pytest.mark.parametrize(("module", "kept"), [(pytest, True), (None, False)])
def test_the_plots_of_a_notebook_are_left_alone(module, kept, monkeypatch):
    # find_spec looks here first. Any module will do; None means that there is none.
    monkeypatch.setitem(sys.modules, "matplotlib_inline", module)
    monkeypatch.setenv("MPLBACKEND", NOTEBOOK)
    runpy.run_path(ROOT / "echo_lag.py")
    assert ("MPLBACKEND" in os.environ) is kept


@pytest.mark.parametrize(
    "lines", ["import gc.*?# Prepare", "# If Adam.*?for i in", "def evaluate.*"]
)
def test_scripts_have_not_drifted_apart(lines):
    found = set()
    for name, script in SCRIPTS.items():
        text = (ROOT / f"{name}.py").read_text("utf-8")
        text = text.replace(f"{script.fewest} or more", "N or more")
        found.add(re.search(lines, text, re.DOTALL)[0])
    assert len(found) == 1
