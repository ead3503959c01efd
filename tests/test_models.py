"""The three networks: as in the article, and trained as `fit` would train them.

test_scripts.py trains them in full, and tests their accuracy.
"""

import contextlib
import functools
import importlib
import io
import random
import types
from pathlib import Path

import keras
import numpy as np
import pytest

import echo_current
import echo_lag
import echo_lag_no_context
from tests.experiments import fit_per_epoch
from tests.scripts import SCRIPTS

STATEFUL = [echo_lag_no_context, echo_lag]


@pytest.fixture(autouse=True)
def seed():
    keras.utils.set_random_seed(1)


@functools.cache
def trained(name):
    """Train a script's network for 5 epochs, once for all tests, and record everything."""
    script = importlib.import_module(name)
    model = script.build_model()
    initial = model.get_weights()
    sequences, traces = [], []
    generate_data, train_step = script.generate_data, model.train_step

    def record_sequence():
        sequences.append(generate_data())
        return sequences[-1]

    def record_trace(data):
        traces.append(data)
        return train_step(data)

    # The training must not start from the state that this leaves.
    script.predict(model, generate_data()[0])
    model.train_step = record_trace
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(script, "generate_data", record_sequence)
        with contextlib.redirect_stdout(io.StringIO()) as output:
            history = script.fit(model, epochs=5)
    states = [state.numpy() for state in getattr(model.layers[0], "states", None) or []]
    return types.SimpleNamespace(
        script=script,
        model=model,
        initial=initial,
        sequences=sequences,
        traces=traces,
        history=history,
        states=states,
        output=output.getvalue(),
    )


# Training


@pytest.mark.parametrize("name", SCRIPTS)
def test_network_and_fit_are_those_of_the_article(name):
    _, units, batch_shape, batches, _, epochs = SCRIPTS[name]
    ours = trained(name)
    assert ours.script.EPOCHS == epochs
    assert ours.model.input_shape == batch_shape
    assert ours.model.layers[0].stateful is (batch_shape[0] is not None)
    # The layers, the loss and the optimizer are the same, or other weights would result.
    fitted = fit_per_epoch.build_model(units, batch_shape)
    fitted.set_weights(ours.initial)
    expected = fit_per_epoch.fit(fitted, 5, iter(ours.sequences).__next__, verbose=0)

    after = ours.model.get_weights()
    for got, weights in zip(after, fitted.get_weights(), strict=True):
        np.testing.assert_allclose(got, weights, rtol=0, atol=2e-6)
    # Training has moved what is compared, and by many times the tolerance.
    assert np.abs(after[0] - ours.initial[0]).max() > 1e-3
    np.testing.assert_allclose(ours.history, expected[["loss", "accuracy"]], rtol=1e-5)
    updates = 5 * batches
    assert ours.model.optimizer.iterations == fitted.optimizer.iterations == updates
    assert len(ours.states) == (2 if ours.script in STATEFUL else 0)
    assert not any(map(np.any, ours.states))


@pytest.mark.parametrize("name", SCRIPTS)
def test_fit_reports_each_epoch_and_makes_it_a_new_sequence(name):
    training = trained(name)
    assert len(training.traces) == 1
    assert training.history.index.tolist() == [1, 2, 3, 4, 5]
    assert training.history.index.name == "epoch"
    assert list(training.history) == ["loss", "accuracy"]
    assert training.output.splitlines() == [
        f"Epoch {epoch}/5 - loss: {loss:.4f} - accuracy: {accuracy:.4f}"
        for epoch, loss, accuracy in training.history.itertuples()
    ]
    assert len({y.tobytes() for _, y in training.sequences}) == 5


def test_break_leaves_a_usable_history(tmp_path, monkeypatch):
    text = Path(echo_lag.__file__).read_text(encoding="utf-8")
    line = '        history[epoch] = {"loss": loss, "accuracy": accuracy}\n'
    assert line in text
    stop = f"{line}        if epoch == 2:\n            break\n"
    Path(tmp_path, "student.py").write_text(text.replace(line, stop), encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    student = importlib.import_module("student")
    student.compile_fit = lambda model: lambda X, y: {"loss": 4.6, "accuracy": 0}
    history = student.fit(student.build_model())
    assert history.index.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("n", "time_steps", "n_targets"),
    [(20, 4, 20), (23, 5, 23), (20, 5, 15), (40, 5, 40)],
)
def test_sequence_that_does_not_fit_the_network_is_an_error(
    n, time_steps, n_targets, monkeypatch
):
    model = echo_lag.build_model()
    before = model.get_weights()
    data = np.ones((n, time_steps, 100)), np.ones((n_targets, 100))
    monkeypatch.setattr(echo_lag, "generate_data", lambda: data)
    with pytest.raises(ValueError, match="cannot reshape array"):
        echo_lag.fit(model, epochs=1)
    assert all(map(np.array_equal, model.get_weights(), before))


# Predictions


@pytest.mark.parametrize("name", SCRIPTS)
def test_predict_is_the_predict_of_keras_from_a_reset_state(name):
    script, model = trained(name).script, trained(name).model
    batch_size = model.input_shape[0] or 1
    X, _ = script.generate_data(random.choices(range(100), k=50))
    X = X[: 7 * batch_size]
    yhat = script.predict(model, X)
    if script in STATEFUL:
        model.layers[0].reset_state()
    expected = model.predict(X, batch_size=batch_size, verbose=0)
    np.testing.assert_allclose(yhat, expected, atol=1e-6)


@pytest.mark.parametrize("script", STATEFUL)
def test_predict_for_any_count_gives_each_sample_the_state_of_its_row(script):
    model = trained(script.__name__).model
    batch_size, *sample_shape = model.input_shape
    one_row = fit_per_epoch.build_model(50, (1, *sample_shape))
    # Large weights, so that a wrong state would show.
    weights = model.get_weights()
    large = [3 * array for array in weights]
    one_row.set_weights(large)
    X, _ = script.generate_data(random.choices(range(100), k=40))
    expected = np.zeros((23, 100))
    for row in range(batch_size):
        one_row.layers[0].reset_state()
        for i in range(row, 23, batch_size):
            expected[i] = one_row(X[i : i + 1])[0]
    model.set_weights(large)
    yhat = [script.predict(model, X[:n]) for n in (1, 4, 7, 23)]
    model.set_weights(weights)
    for got in yhat:
        np.testing.assert_allclose(got, expected[: len(got)], atol=1e-6)
    assert [len(got) for got in yhat] == [1, 4, 7, 23]


def test_evaluate_prints_the_echo_and_measures_100_new_sequences(monkeypatch, capsys):
    generate_data = echo_lag.generate_data
    targets, predictions = [], []

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
    right = np.equal(targets[1:], predictions[1:])
    assert 0.2 < right.mean() < 0.8
    assert capsys.readouterr().out.splitlines() == [
        f"Expected:  {targets[0]}",
        f"Predicted: {predictions[0]}",
        f"Accuracy over 100 new sequences: {right.mean():.4f}",
    ]


def test_part_2_predicts_all_samples_of_own_integers(capsys):
    echo_current.evaluate(trained("echo_current").model, [7])
    assert capsys.readouterr().out.startswith("Expected:  [7]\n")
