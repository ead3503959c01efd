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
    return [state.value.numpy() for state in model.layers[0].states]


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


@pytest.mark.parametrize(
    ("script", "epochs", "batch_size"),
    [(echo_current, 500, 1), (echo_lag_no_context, 2000, 6), (echo_lag, 2000, 5)],
)
def test_training_is_as_long_as_in_the_article(script, epochs, batch_size):
    assert (script.EPOCHS, script.BATCH_SIZE) == (epochs, batch_size)
    X, _ = script.generate_data()
    assert len(X) % batch_size == 0


@pytest.mark.parametrize(
    ("options", "input_shape", "output_shape", "layers"),
    [
        ({"context": 3}, (5, 3, 100), (5, 100), ["LSTM", "Dense"]),
        ({"units": 7}, (5, 5, 100), (5, 100), ["LSTM", "Dense"]),
        ({"batch_size": 4}, (4, 5, 100), (4, 100), ["LSTM", "Dense"]),
        ({"stateful": False}, (5, 5, 100), (5, 100), ["LSTM", "Dense"]),
        ({"missing": "mark"}, (5, 5, 100), (5, 100), ["LSTM", "Dense"]),
        ({"missing": "mask"}, (5, 5, 100), (5, 100), ["Masking", "LSTM", "Dense"]),
        (
            {"echo_sequence": True},
            (5, 5, 100),
            (5, 5, 100),
            ["LSTM", "TimeDistributed"],
        ),
    ],
)
def test_network_of_part_4_with_an_extension(
    options, input_shape, output_shape, layers
):
    model = echo_lag.build_model(**options)
    assert model.input_shape == input_shape
    assert model.output_shape == output_shape
    assert [type(layer).__name__ for layer in model.layers] == layers
    lstm = model.get_layer("lstm")
    assert lstm.units == options.get("units", 50)
    assert lstm.stateful is options.get("stateful", True)


def test_masking_hides_what_is_missing():
    masked = echo_lag.build_model(missing="mask")
    marked = echo_lag.build_model(missing="mark")
    marked.set_weights(masked.get_weights())
    X, _ = echo_lag.generate_data(missing="mask")
    first = echo_lag.predict(masked, X)[0]
    assert np.abs(first - echo_lag.predict(marked, X)[0]).max() > 1e-4
    # Behind the mask, the first sample is a window of two time steps.
    short = echo_lag.build_model(context=2)
    short.set_weights(masked.get_weights())
    expected = echo_lag.predict(short, X[:1, 3:])[0]
    np.testing.assert_allclose(first, expected, atol=1e-6)


def test_network_of_part_3_answers_each_of_its_time_steps():
    through_time = echo_lag_no_context.build_model(batch_size=1, time_steps=24)
    one_at_a_time = echo_lag_no_context.build_model(batch_size=1)
    assert through_time.output_shape == (1, 24, 100)
    assert one_at_a_time.output_shape == (1, 100)
    assert one_at_a_time.get_layer("lstm").stateful is True
    one_at_a_time.set_weights(through_time.get_weights())
    X, _ = echo_lag_no_context.generate_data()
    np.testing.assert_allclose(
        echo_lag_no_context.predict(one_at_a_time, X),
        echo_lag_no_context.predict(through_time, X.reshape(1, 24, 100))[0],
        atol=1e-6,
    )


# Training


@pytest.mark.parametrize(
    ("script", "network", "framing"),
    [
        (echo_current, {}, {}),
        (echo_lag_no_context, {}, {}),
        (echo_lag, {}, {}),
        (echo_lag_no_context, {"batch_size": 1, "time_steps": 24}, {}),
        (echo_lag, {"stateful": False, "units": 9}, {"lag": 3}),
        (echo_lag, {"batch_size": 6, "missing": "mask"}, {"missing": "mask"}),
        (echo_lag, {"echo_sequence": True}, {"echo_sequence": True}),
    ],
)
def test_train_gives_the_weights_of_fit(script, network, framing):
    ours, ported = script.build_model(**network), script.build_model(**network)
    initial = ours.get_weights()
    ported.set_weights(initial)

    random.seed(2)
    history = script.train(ours, epochs=5, **framing)
    random.seed(2)
    expected = port(script, ported, epochs=5, **framing)

    for got, weights in zip(ours.get_weights(), ported.get_weights(), strict=True):
        np.testing.assert_allclose(got, weights, rtol=0, atol=2e-6)
    # Training has moved what is compared, and by many times the tolerance.
    assert np.abs(ours.get_weights()[0] - initial[0]).max() > 1e-3
    np.testing.assert_allclose(history["loss"], expected["loss"], rtol=1e-5)
    np.testing.assert_allclose(history["accuracy"], expected["accuracy"], atol=1e-6)
    assert ours.optimizer.iterations == ported.optimizer.iterations


@pytest.mark.parametrize("script", STATEFUL)
def test_state_is_zero_at_the_start_of_each_epoch(script, monkeypatch):
    model = script.build_model()
    generate_data = script.generate_data
    states = []

    def record_state():
        states.append(lstm_states(model))
        return generate_data()

    monkeypatch.setattr(script, "generate_data", record_state)
    script.train(model, epochs=3)
    states.append(lstm_states(model))
    assert np.shape(states) == (4, 2, script.BATCH_SIZE, 50)
    assert not np.any(states)
    # Not because it never changes: a batch leaves a state behind.
    model.predict_on_batch(generate_data()[0][: script.BATCH_SIZE])
    assert all(np.all(state) for state in lstm_states(model))


@pytest.mark.parametrize("script", SCRIPTS)
def test_train_reports_each_epoch_and_makes_it_a_new_sequence(
    script, monkeypatch, capsys
):
    framed = []
    generate_data = script.generate_data

    def record():
        framed.append(generate_data())
        return framed[-1]

    monkeypatch.setattr(script, "generate_data", record)
    history = script.train(script.build_model(), epochs=3)
    assert list(history) == ["loss", "accuracy"]
    assert capsys.readouterr().out.splitlines() == [
        f"Epoch {epoch}/3 - loss: {loss:.4f} - accuracy: {accuracy:.4f}"
        for epoch, loss, accuracy in zip([1, 2, 3], *history.values(), strict=True)
    ]
    assert len({y.tobytes() for _, y in framed}) == len(framed) == 3


# Predictions


@pytest.mark.parametrize("script", SCRIPTS)
def test_predict_is_the_predict_of_keras_from_a_reset_state(script):
    model = script.build_model()
    X, _ = script.generate_data()
    yhat = script.predict(model, X)
    if script in STATEFUL:
        model.layers[0].reset_states()
    expected = model.predict(X, batch_size=script.BATCH_SIZE, verbose=0)
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
        one_row.layers[0].reset_states()
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
    accuracy = script.evaluate(model, sequence)
    assert capsys.readouterr().out.splitlines() == [
        f"Expected:  {y.argmax(axis=1).tolist()}",
        f"Predicted: {yhat.argmax(axis=1).tolist()}",
        f"Accuracy over 100 new sequences: {accuracy:.4f}",
    ]


@pytest.mark.parametrize("script", SCRIPTS)
def test_evaluate_measures_100_new_sequences(script, monkeypatch):
    targets, predictions = [], []
    generate_data, predict = script.generate_data, script.predict

    def record_target(sequence=None):
        X, y = generate_data(sequence)
        targets.append(y.argmax(axis=1))
        return X, y

    def record_prediction(model, X):
        yhat = predict(model, X)
        predictions.append(yhat.argmax(axis=1))
        return yhat

    monkeypatch.setattr(script, "generate_data", record_target)
    monkeypatch.setattr(script, "predict", record_prediction)
    accuracy = script.evaluate(script.build_model())
    # The first of the 101 is the one shown.
    assert len({target.tobytes() for target in targets}) == 101
    right = np.equal(targets[1:], predictions[1:])
    assert accuracy == pytest.approx(right.mean(), abs=1e-6)


# The article's claims, trained in full


def train_in_full(script):
    """Return the accuracy over 100 new sequences and the history of the article's training."""
    model = script.build_model()
    history = script.train(model)
    return script.evaluate(model), history


def test_echo_current_is_always_right():
    accuracy, history = train_in_full(echo_current)
    assert accuracy == 1
    assert history["accuracy"][-1] == 1
    assert history["loss"][-1] < 0.12


def test_echo_lag_no_context_is_no_better_than_chance():
    accuracy, history = train_in_full(echo_lag_no_context)
    # No prediction can depend on its target, so the number of right ones among 2,400 has
    # a binomial distribution: mean 24, standard deviation 4.9. Over 5 deviations, 2 % is
    # passed by chance about once in 200,000 runs.
    assert accuracy < 0.02
    # A network that knows nothing spreads its bets over 100 classes: a loss of ln 100.
    assert np.mean(history["loss"][-100:]) == pytest.approx(math.log(100), abs=0.1)


def test_echo_lag_is_right_on_99_percent():
    accuracy, history = train_in_full(echo_lag)
    assert accuracy >= 0.99
    assert np.mean(history["accuracy"][-100:]) >= 0.95


@pytest.mark.parametrize("lag", [0, 1, 2, 3, 4])
def test_each_lag_is_learned_without_state(lag):
    model = echo_lag.build_model(stateful=False)
    echo_lag.train(model, lag=lag)
    assert echo_lag.evaluate(model, lag=lag) >= 0.99


def test_training_through_time_is_the_fix_for_part_3(capsys):
    echo_lag_no_context.main(["--through-time", "--epochs", "4000", "--seed", "1"])
    *_, line = capsys.readouterr().out.splitlines()
    text, accuracy = line.rsplit(" ", 1)
    assert text == "Accuracy over 100 new sequences, the first number of each aside:"
    assert float(accuracy) >= 0.95
