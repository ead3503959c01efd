"""The three networks: as in the article, and trained as `fit` would train them.

test_scripts.py trains them in full, and tests their accuracy.
"""

import contextlib
import functools
import io
import random
from types import SimpleNamespace

import fit_per_epoch
import keras
import numpy as np
import pytest
from keras.layers import GRU, LSTM, Bidirectional, Dense

import echo_current
import echo_lag
import echo_lag_no_context

SCRIPTS = [echo_current, echo_lag_no_context, echo_lag]
STATEFUL = [echo_lag_no_context, echo_lag]


@pytest.fixture(autouse=True)
def seed():
    keras.utils.set_random_seed(1)


@functools.cache
def trained(script):
    """Train a script's network for 5 epochs, once for all tests, and record everything."""
    model = script.build_model()
    initial = model.get_weights()
    sequences, traces = [], []
    train_step = model.train_step

    def generate_data():
        sequences.append(script.generate_data())
        return sequences[-1]

    def record_trace(data):
        traces.append(data)
        return train_step(data)

    # The training must not start from the state that this leaves.
    script.predict(model, script.generate_data()[0])
    model.train_step = record_trace
    with contextlib.redirect_stdout(io.StringIO()) as output:
        history = script.train(model, epochs=5, generate_data=generate_data)
    return SimpleNamespace(
        model=model,
        initial=initial,
        sequences=sequences,
        traces=traces,
        history=history,
        output=output,
    )


@pytest.mark.parametrize(
    ("script", "epochs", "input_shape", "units", "stateful"),
    [
        (echo_current, 500, (None, 1, 100), 15, False),
        (echo_lag_no_context, 2000, (6, 1, 100), 50, True),
        (echo_lag, 2000, (5, 5, 100), 50, True),
    ],
)
def test_network_is_the_one_of_the_article(
    script, epochs, input_shape, units, stateful
):
    model = trained(script).model
    lstm, dense = model.layers
    assert script.EPOCHS == epochs
    assert isinstance(lstm, LSTM)
    assert isinstance(dense, Dense)
    assert model.input_shape == input_shape
    assert model.output_shape == (input_shape[0], 100)
    assert lstm.units == units
    assert lstm.stateful is stateful
    assert lstm.return_sequences is False
    assert dense.units == 100
    assert dense.activation is keras.activations.softmax
    # An LSTM has 4 gates, each with weights from 100 features and from its own units and
    # a bias; the Dense layer has weights from the units and a bias for 100 classes.
    parameters = 4 * units * (100 + units + 1) + 100 * (units + 1)
    assert model.count_params() == parameters
    assert model.loss == "categorical_crossentropy"
    assert isinstance(model.optimizer, keras.optimizers.Adam)
    assert float(model.optimizer.learning_rate) == pytest.approx(0.001)


# Training


@pytest.mark.parametrize(
    ("script", "batches"), [(echo_current, 25), (echo_lag_no_context, 4), (echo_lag, 4)]
)
def test_train_gives_the_weights_of_fit(script, batches):
    ours = trained(script)
    _, units, batch_shape = fit_per_epoch.PARTS[script.__name__]
    fitted = fit_per_epoch.build_model(units, batch_shape)
    fitted.set_weights(ours.initial)
    expected = fit_per_epoch.train(fitted, 5, iter(ours.sequences).__next__)

    for got, weights in zip(
        ours.model.get_weights(), fitted.get_weights(), strict=True
    ):
        np.testing.assert_allclose(got, weights, rtol=0, atol=2e-6)
    # Training has moved what is compared, and by many times the tolerance.
    assert np.abs(ours.model.get_weights()[0] - ours.initial[0]).max() > 1e-3
    np.testing.assert_allclose(ours.history, expected[["loss", "accuracy"]], rtol=1e-5)
    assert ours.model.optimizer.iterations == fitted.optimizer.iterations == 5 * batches


@pytest.mark.parametrize("script", SCRIPTS)
def test_train_reports_each_epoch_and_makes_it_a_new_sequence(script):
    training = trained(script)
    assert len(training.traces) == 1
    assert training.history.index.tolist() == [1, 2, 3, 4, 5]
    assert training.history.index.name == "epoch"
    assert list(training.history) == ["loss", "accuracy"]
    assert training.output.getvalue().splitlines() == [
        f"Epoch {epoch}/5 - loss: {loss:.4f} - accuracy: {accuracy:.4f}"
        for epoch, loss, accuracy in training.history.itertuples()
    ]
    assert len({y.tobytes() for _, y in training.sequences}) == 5


@pytest.mark.parametrize(
    ("loss", "metrics", "targets"),
    [
        # A metric by its name, and one that has its variables from the start.
        (
            "mse",
            lambda: ["mae", keras.metrics.MeanSquaredError("squares")],
            lambda y: np.eye(2, dtype="float32")[y],
        ),
        ("sparse_categorical_crossentropy", lambda: ["accuracy"], lambda y: y),
    ],
)
def test_training_pass_is_fit_and_a_reset_for_another_network(loss, metrics, targets):
    ours = keras.Sequential(
        [
            keras.Input(batch_shape=(2, 1, 3)),
            LSTM(3, stateful=True, return_sequences=True, unroll=True),
            LSTM(3, stateful=True, unroll=True),
            Dense(2, activation="softmax"),
        ]
    )
    fitted = keras.models.clone_model(ours)
    ours.compile(loss=loss, optimizer="adam", metrics=metrics())
    fitted.compile(loss=loss, optimizer="adam", metrics=metrics(), run_eagerly=True)
    # Large weights, so that a wrong state would show.
    ours.set_weights([3 * weights for weights in ours.get_weights()])
    fitted.set_weights(ours.get_weights())
    rng = np.random.default_rng(1)
    X = rng.random((3, 6, 1, 3), dtype="float32")
    y = targets(rng.integers(2, size=(3, 6)))
    train_on_sequence = echo_lag.compile_training_pass(ours, X[0], y[0])
    for sequence in zip(X, y):
        results = train_on_sequence(*sequence)
        history = fitted.fit(*sequence, batch_size=2, shuffle=False, verbose=0).history
        for layer in fitted.layers[:2]:
            layer.reset_state()
        assert results.keys() == history.keys()
        for name, (expected,) in history.items():
            assert float(results[name]) == pytest.approx(expected, rel=1e-5)
    for got, weights in zip(ours.get_weights(), fitted.get_weights(), strict=True):
        np.testing.assert_allclose(got, weights, rtol=0, atol=2e-6)


@pytest.mark.parametrize(
    ("n", "time_steps", "n_targets"), [(20, 20, 20), (23, 5, 23), (20, 5, 15)]
)
def test_sequence_that_does_not_fit_the_network_is_an_error(n, time_steps, n_targets):
    # Time steps that are not 5, a batch of 5 that is not full, targets that are missing. A
    # new network, since one in use would refuse the time steps for another reason.
    model = echo_lag.build_model()
    before = model.get_weights()
    X, y = (
        np.ones((n, time_steps, 100), "float32"),
        np.ones((n_targets, 100), "float32"),
    )
    with pytest.raises(ValueError):
        echo_lag.train(model, epochs=1, generate_data=lambda: (X, y))
    assert all(map(np.array_equal, model.get_weights(), before))


def test_reset_states_resets_every_stateful_layer_also_of_nested_networks():
    lstms = [LSTM(2, stateful=True, return_sequences=True) for _ in range(4)]
    forgetful = LSTM(2, return_sequences=True)
    nested = keras.Sequential([keras.Input(batch_shape=(2, 1, 2)), lstms[2], forgetful])
    both_ways, gru = Bidirectional(lstms[3]), GRU(2, stateful=True)
    model = keras.Sequential(
        [keras.Input(batch_shape=(2, 1, 3)), *lstms[:2], nested, both_ways, gru]
    )
    layers = [*lstms[:3], both_ways.forward_layer, both_ways.backward_layer, gru]
    states = [state for layer in layers for state in layer.states]
    assert len(states) == 11
    model(np.ones((2, 1, 3), "float32"))
    assert all(np.all(state) for state in states)
    echo_lag.reset_states(model)
    assert not any(np.any(state) for state in states)


# Predictions


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("batches", [1, 7])
def test_predict_is_the_predict_of_keras_from_a_reset_state(script, batches):
    model = trained(script).model
    batch_size = model.input_shape[0] or 1
    X, _ = script.generate_data(random.choices(range(100), k=50))
    X = X[: batches * batch_size]
    yhat = script.predict(model, X)
    if script in STATEFUL:
        model.layers[0].reset_state()
    expected = model.predict(X, batch_size=batch_size, verbose=0)
    np.testing.assert_allclose(yhat, expected, atol=1e-6)


@pytest.mark.parametrize("script", STATEFUL)
def test_predict_for_any_count_gives_each_sample_the_state_of_its_row(script):
    model = trained(script).model
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


@pytest.mark.parametrize("more", [0, 1, 30])
def test_evaluate_echoes_any_count_of_integers(more, capsys):
    model = trained(echo_lag).model
    sequence = random.choices(range(100), k=6 + more)
    X, y = echo_lag.generate_data(sequence)
    yhat = echo_lag.predict(model, X)
    right = echo_lag.evaluate(model, sequence)
    assert len(yhat) == len(y) == 1 + more
    assert capsys.readouterr().out.splitlines() == [
        f"Expected:  {y.argmax(axis=1).tolist()}",
        f"Predicted: {yhat.argmax(axis=1).tolist()}",
        f"Accuracy over 100 new sequences: {right.mean():.4f}",
    ]


def test_evaluate_measures_100_new_sequences(monkeypatch):
    targets, predictions = [], []

    def record_target(sequence=None):
        X, y = echo_lag.generate_data(sequence)
        targets.append(y.argmax(axis=1))
        return X, y

    def guess(model, X):
        # Right by chance for about half of the samples.
        yhat = np.roll(X[:, -2], random.randint(0, 1), axis=1)
        predictions.append(yhat.argmax(axis=1))
        return yhat

    monkeypatch.setattr(echo_lag, "predict", guess)
    right = echo_lag.evaluate(None, generate_data=record_target)
    # The first of the 101 is the one shown.
    assert len({target.tobytes() for target in targets}) == 101
    assert 0.2 < right.mean() < 0.8
    np.testing.assert_array_equal(right, np.equal(targets[1:], predictions[1:]).ravel())
