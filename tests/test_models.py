"""The three networks: as in the article, trained as `fit` would, and as good as it says."""

import math
import random

import keras
import numpy as np
import pytest
from benchmark import port

import echo_current
import echo_lag
import echo_lag_no_context

SCRIPTS = [echo_current, echo_lag_no_context, echo_lag]
STATEFUL = [echo_lag_no_context, echo_lag]


@pytest.fixture(autouse=True)
def seed():
    keras.utils.set_random_seed(1)


def lstm_states(model):
    return [state.value.numpy() for state in model.get_layer("lstm").states]


# Networks


@pytest.mark.parametrize(
    ("script", "input_shape", "units", "stateful", "parameters"),
    [
        # An LSTM has 4 gates, each with weights from 100 features and from its own units
        # and a bias; the Dense layer has weights from the units and a bias for 100 classes.
        (echo_current, (None, 1, 100), 15, False, 4 * 15 * (100 + 15 + 1) + 100 * 16),
        (
            echo_lag_no_context,
            (6, 1, 100),
            50,
            True,
            4 * 50 * (100 + 50 + 1) + 100 * 51,
        ),
        (echo_lag, (5, 5, 100), 50, True, 4 * 50 * (100 + 50 + 1) + 100 * 51),
    ],
)
def test_network_is_the_one_of_the_article(
    script, input_shape, units, stateful, parameters
):
    model = script.build_model()
    lstm, dense = model.layers
    assert isinstance(lstm, keras.layers.LSTM)
    assert isinstance(dense, keras.layers.Dense)
    assert model.input_shape == input_shape
    assert model.output_shape == (input_shape[0], 100)
    assert lstm.units == units
    assert lstm.stateful is stateful
    assert lstm.return_sequences is False
    assert dense.units == 100
    assert dense.activation is keras.activations.softmax
    assert model.count_params() == parameters
    assert model.loss == "categorical_crossentropy"
    assert isinstance(model.optimizer, keras.optimizers.Adam)
    assert float(model.optimizer.learning_rate) == pytest.approx(0.001)


# Training


@pytest.mark.parametrize(
    ("script", "epochs", "samples", "batch_size"),
    [
        (echo_current, 500, 25, 1),
        (echo_lag_no_context, 2000, 24, 6),
        (echo_lag, 2000, 20, 5),
    ],
)
def test_train_gives_the_weights_of_fit(script, epochs, samples, batch_size):
    assert script.EPOCHS == epochs
    ours, ported = script.build_model(), script.build_model()
    initial = ours.get_weights()
    ported.set_weights(initial)

    random.seed(2)
    history = script.train(ours, epochs=5)
    random.seed(2)
    expected = port(ported, epochs=5, generate_data=script.generate_data)

    for got, weights in zip(ours.get_weights(), ported.get_weights(), strict=True):
        np.testing.assert_allclose(got, weights, rtol=0, atol=2e-6)
    # Training has moved what is compared, and by many times the tolerance.
    assert np.abs(ours.get_weights()[0] - initial[0]).max() > 1e-3
    np.testing.assert_allclose(history["loss"], expected["loss"], rtol=1e-5)
    np.testing.assert_allclose(history["accuracy"], expected["accuracy"], atol=1e-6)
    steps = 5 * samples / batch_size
    assert ours.optimizer.iterations == ported.optimizer.iterations == steps


@pytest.mark.parametrize("script", STATEFUL)
def test_state_is_zero_at_the_start_of_each_epoch(script):
    model = script.build_model()
    batch_size = model.input_shape[0]
    states = []

    def record_state():
        states.append(lstm_states(model))
        return script.generate_data()

    script.train(model, epochs=3, generate_data=record_state)
    states.append(lstm_states(model))
    assert np.shape(states) == (4, 2, batch_size, 50)
    assert not np.any(states)
    # Not because it never changes: a batch leaves a state behind.
    model.predict_on_batch(script.generate_data()[0][:batch_size])
    assert all(np.all(state) for state in lstm_states(model))


@pytest.mark.parametrize("script", SCRIPTS)
def test_train_reports_each_epoch_and_makes_it_a_new_sequence(script, capsys):
    model = script.build_model()
    framed, traces = [], []
    train_step = model.train_step

    def record():
        framed.append(script.generate_data())
        return framed[-1]

    def record_trace(data):
        traces.append(data)
        return train_step(data)

    model.train_step = record_trace
    history = script.train(model, epochs=3, generate_data=record)
    assert len(traces) == 1
    assert history.index.tolist() == [1, 2, 3]
    assert list(history) == ["loss", "accuracy"]
    assert capsys.readouterr().out.splitlines() == [
        f"Epoch {epoch}/3 - loss: {loss:.4f} - accuracy: {accuracy:.4f}"
        for epoch, loss, accuracy in history.itertuples()
    ]
    assert len({y.tobytes() for _, y in framed}) == len(framed) == 3


# Predictions


@pytest.mark.parametrize("script", SCRIPTS)
def test_predict_is_the_predict_of_keras_from_a_reset_state(script):
    model = script.build_model()
    X, _ = script.generate_data()
    yhat = script.predict(model, X)
    if script in STATEFUL:
        model.get_layer("lstm").reset_state()
    batch_size = model.input_shape[0] or 1
    expected = model.predict(X, batch_size=batch_size, verbose=0)
    np.testing.assert_allclose(yhat, expected, atol=1e-6)
    np.testing.assert_allclose(script.predict(model, X), yhat, atol=1e-6)


@pytest.mark.parametrize("script", STATEFUL)
@pytest.mark.parametrize("n", [1, 4, 7, 23])
def test_predict_for_any_count_gives_each_sample_the_state_of_its_row(script, n):
    model = script.build_model()
    # Large weights, so that a wrong state would show.
    model.set_weights([3 * weights for weights in model.get_weights()])
    batch_size, *sample_shape = model.input_shape
    one_row = keras.Sequential(
        [
            keras.Input(batch_shape=(1, *sample_shape)),
            keras.layers.LSTM(50, stateful=True),
            keras.layers.Dense(100, activation="softmax"),
        ]
    )
    one_row.set_weights(model.get_weights())

    X, _ = script.generate_data(random.choices(range(100), k=40))
    X = X[:n]
    expected = np.zeros((n, 100))
    for row in range(min(n, batch_size)):
        one_row.layers[0].reset_state()
        for i in range(row, n, batch_size):
            expected[i] = one_row.predict_on_batch(X[i : i + 1])[0]
    np.testing.assert_allclose(script.predict(model, X), expected, atol=1e-6)


@pytest.mark.parametrize(("script", "at_least"), list(zip(SCRIPTS, [1, 2, 6])))
@pytest.mark.parametrize("more", [0, 1, 30])
def test_evaluate_echoes_any_count_of_integers(script, at_least, more, capsys):
    model = script.build_model()
    sequence = random.choices(range(100), k=at_least + more)
    X, y = script.generate_data(sequence)
    yhat = script.predict(model, X)
    assert yhat.shape == y.shape == (1 + more, 100)
    right = script.evaluate(model, sequence)
    assert capsys.readouterr().out.splitlines() == [
        f"Expected:  {y.argmax(axis=1).tolist()}",
        f"Predicted: {yhat.argmax(axis=1).tolist()}",
        f"Accuracy over 100 new sequences: {right.mean():.4f}",
    ]


@pytest.mark.parametrize("script", SCRIPTS)
def test_evaluate_measures_100_new_sequences(script, monkeypatch):
    targets, predictions = [], []
    predict = script.predict

    def record_target(sequence=None):
        X, y = script.generate_data(sequence)
        targets.append(y.argmax(axis=1))
        return X, y

    def record_prediction(model, X):
        yhat = predict(model, X)
        predictions.append(yhat.argmax(axis=1))
        return yhat

    monkeypatch.setattr(script, "predict", record_prediction)
    right = script.evaluate(script.build_model(), generate_data=record_target)
    # The first of the 101 is the one shown.
    assert len({target.tobytes() for target in targets}) == 101
    expected = np.equal(targets[1:], predictions[1:]).ravel()
    np.testing.assert_array_equal(right, expected)


# The article's claims, trained in full


def train_in_full(script):
    """Return the accuracy over 100 new sequences and the history of the article's training."""
    model = script.build_model()
    history = script.train(model)
    return script.evaluate(model).mean(), history


def test_echo_current_is_always_right():
    accuracy, history = train_in_full(echo_current)
    assert accuracy == 1
    assert history["accuracy"].iloc[-1] == 1
    assert history["loss"].iloc[-1] < 0.12


def test_echo_lag_no_context_is_no_better_than_chance():
    accuracy, history = train_in_full(echo_lag_no_context)
    # No prediction can depend on its target, so the number of right ones among 2,400 has
    # a binomial distribution: mean 24, standard deviation 4.9. Over 5 deviations, 2 % is
    # passed by chance about once in 200,000 runs.
    assert accuracy < 0.02
    # A network that knows nothing spreads its bets over 100 classes: a loss of ln 100.
    assert history["loss"][-100:].mean() == pytest.approx(math.log(100), abs=0.1)


def test_echo_lag_is_right_on_99_percent():
    accuracy, history = train_in_full(echo_lag)
    assert accuracy >= 0.99
    assert history["accuracy"][-100:].mean() >= 0.95
