"""The module to copy, stateful.py."""

import runpy
from unittest import mock

import keras
import numpy as np
import pytest
import stateful
import tensorflow as tf
from keras import layers
from keras.layers import GRU, LSTM, RNN, Dense, Embedding, LSTMCell, SimpleRNN
from stateful import compile_training_pass, reset_states

from tests.shared import JOBS, eagerly, fit_and_reset, sequential, states, weights

pytestmark = pytest.mark.usefixtures("seed")

CARRIED = {"stateful": True, "return_sequences": True}


class MyLSTM(LSTM):
    """Has a state of its own, which is 1 until it is reset."""

    def __init__(self, units):
        super().__init__(units, stateful=True)
        self.own = self.add_weight(initializer="ones", trainable=False)

    def reset_states(self):
        super().reset_states()
        self.own.assign(0)


def test_reset_states_calls_the_reset_states_of_an_lstm_of_your_own():
    layer = MyLSTM(2)
    model = sequential(layer)
    model(np.ones((2, 3, 4)))
    assert all(map(np.any, layer.states))
    reset_states(model)
    assert not any(map(np.any, layer.states))
    assert layer.own == 0


class Kept(layers.Wrapper):
    def call(self, X):
        return self.layer(X)


def test_reset_states_resets_every_stateful_layer_and_nothing_else():
    custom = Kept(layers.Identity())
    custom.stateful = True
    custom.reset_states = mock.Mock()
    model = sequential(
        LSTM(4, **CARRIED),
        LSTM(4, return_sequences=True),
        sequential(GRU(4, **CARRIED)),
        layers.Bidirectional(RNN([LSTMCell(2), LSTMCell(2)], **CARRIED)),
        RNN([LSTMCell(3), layers.GRUCell(4)], **CARRIED),
        layers.Reshape((3, 2, 2)),
        layers.TimeDistributed(SimpleRNN(4, stateful=True)),
        custom,
    )
    before = weights(model)
    variables = states(model)
    assert len(variables) == 2 + 1 + 2 * 4 + 3 + 1
    for variable in variables:
        variable.assign(np.ones(variable.shape))
    reset_states(model)
    assert not any(map(np.any, variables))
    custom.reset_states.assert_called_once()
    assert np.array_equal(weights(model), before)
    reset_states(keras.Sequential([RNN([LSTMCell(3)], stateful=True)]))  # not built yet


class OwnStep(keras.Model):
    """With a `train_step`, its own loss and `metrics` as in Keras's guides."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.mean_loss = keras.metrics.Mean(name="loss")

    @property
    def metrics(self):
        return [self.mean_loss]

    def train_step(self, data):
        X, y = data
        with tf.GradientTape() as tape:
            loss = keras.ops.mean((y - self(X, training=True)) ** 2)
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply(gradients, self.trainable_variables)
        self.mean_loss.update_state(loss)
        return {"loss": self.mean_loss.result()}


def with_a_step_of_its_own():
    sequence = keras.Input(batch_shape=(2, 3, 4))
    answer = Dense(2)(SimpleRNN(3, stateful=True, unroll=True)(sequence))
    return OwnStep(sequence, answer), None, {}


def two_layers():
    first = LSTM(3, kernel_regularizer="l2", unroll=True, **CARRIED)
    second = SimpleRNN(3, stateful=True, unroll=True)
    model = sequential(first, second, Dense(3, trainable=False), Dense(2))
    return model, "mse", {"clipnorm": 0.1, "weight_decay": 0.1}


def masked():
    ids = Embedding(5, 3, mask_zero=True)
    layer = SimpleRNN(3, stateful=True, unroll=True)
    model = sequential(ids, layer, Dense(2, activation="softmax"), shape=(2, 3))
    ema = {"use_ema": True, "ema_momentum": 0.5, "gradient_accumulation_steps": 2}
    return model, "sparse_categorical_crossentropy", ema


def of_any_batch_size():
    nested = keras.Sequential([SimpleRNN(3, unroll=True), Dense(1)])  # only speed
    inputs = keras.Input((3, 4), dtype="float64")
    model = keras.Model([inputs], [nested(inputs)])

    # A loss of your own may take y, (n, 2), of another shape than the output, (n, 1).
    def loss(y, yhat):
        return keras.ops.mean((y[:, 1:] - yhat) ** 2, axis=-1)

    loss.__module__ = "keras_losses"  # yours, not Keras's
    return model, loss, {}


def train_both_ways(build, lengths):
    """Train by the pass and by Keras, on sequences of these lengths.

    Returns: of each way, the results by length and the weights. Of the pass, also the states
        that it has left, how often it was traced, and how often it checked the shapes.
    """
    keras.utils.set_random_seed(1)
    rng = np.random.default_rng(1)
    schedule = keras.optimizers.schedules.InverseTimeDecay(0.05, 1, 0.1)
    (ours, loss, options), (fitted, _, _) = build(), build()
    # Large weights, so that a wrong state would show.
    ours.set_weights([3 * array for array in ours.get_weights()])
    fitted.set_weights(ours.get_weights())
    for model in ours, fitted:
        sgd = keras.optimizers.SGD(schedule, momentum=0.9, **options)
        metrics = ["accuracy"]
        if build is two_layers:  # It returns a value for each output.
            metrics.append(keras.metrics.F1Score(threshold=0.1))
        model.compile(sgd, loss, metrics=metrics, run_eagerly=True)
    ours.train_step = mock.Mock(wraps=ours.train_step)
    ours.compute_output_spec = mock.Mock(wraps=ours.compute_output_spec)
    train_on_sequence = compile_training_pass(ours, np.int64(2))
    results, expected, left = [], [], []
    for n in lengths:
        X, y = rng.normal(size=(n, 3, 4)), rng.normal(size=(n, 2))
        if build is masked:
            X, y = rng.integers(5, size=(n, 3)), rng.integers(2, size=n)
            y = y[:, np.newaxis] if results else y  # Ids may have a last axis.
        # The training must not start from this state.
        for state in states(ours):
            state.assign(np.ones(state.shape))
        results.append(train_on_sequence(X.tolist(), y))
        left += [state.numpy() for state in states(ours)]
        expected.append(fit_and_reset(fitted, X, y))
    # Checking the shapes takes as long as a pass, so it must happen once.
    checks = ours.compute_output_spec.call_count
    by_pass = results, weights(ours), left, ours.train_step.call_count, checks
    return by_pass, (expected, weights(fitted))


# Of each network: the lengths, and how often the pass is traced: for the first length and
# for the second, which serves all others, too. And how often shapes are checked.
NETWORKS = {
    of_any_batch_size: ([4, 6, 2], 2, 1),
    two_layers: ([4, 4], 1, 1),
    masked: ([4, 4], 2, 2),  # y has two shapes
    with_a_step_of_its_own: ([4, 4], 1, 1),
}


for build, (lengths, *_) in NETWORKS.items():
    JOBS[f"pass {build.__name__}"] = train_both_ways, build, lengths


@pytest.mark.parametrize("build", NETWORKS)
def test_training_pass_is_fit_and_a_reset(build, result_of):
    lengths, *expected_counts = NETWORKS[build]
    by_pass, (expected, fitted) = result_of(f"pass {build.__name__}")
    results, trained, left, *counts = by_pass
    assert len(results) == len(lengths)
    for got, of_fit in zip(results, expected, strict=True):
        assert type(got["loss"]) is float
        assert got.keys() == of_fit.keys()
        for name in got:
            assert got[name] == pytest.approx(of_fit[name], rel=1e-4)
    np.testing.assert_allclose(trained, fitted, rtol=0, atol=1e-5)
    assert not any(map(np.any, left))
    assert counts == expected_counts


# A loss that takes ids, too. Keras 3.8 does not have it. (Keras makes a loss of its class.)
SPARSE = keras.losses.SparseCategoricalCrossentropy
TakesIds = getattr(keras.losses, "CategoricalGeneralizedCrossEntropy", SPARSE)


def compiled(loss="mse"):
    model = sequential(SimpleRNN(2, stateful=True))
    model.compile("sgd", loss)
    return model


X, Y = np.ones((6, 3, 4)), np.ones((6, 2))


@pytest.mark.parametrize(
    ("loss", "x", "y", "message"),
    [
        ("mse", X, Y[:4], "X has 6 samples and y 4: as many are needed, in full batch"),
        ("mse", X[:4], Y, "X has 4 samples and y 6: as many are needed, in full batch"),
        ("mse", X[:5], Y[:5], "X has 5 samples and y 5: .* in full batches of 2"),
        ("mse", X[:0], Y[:0], "X has 0 samples"),
        ("mse", None, Y, "^None is not an array of samples$"),
        ("mse", X, 3, "^3 is not an array of samples$"),
        ("mse", X.astype(str), Y, "Invalid dtype: str"),
        ("mse", X[:, :2], Y, r"expected shape=\(.*, 3, 4\), found shape=\(2, 2, 4\)"),
        ("mse", X, Y[:, np.newaxis], r"shape \(2, 1, 2\): \(2, 2\) is needed"),
        ("mse", X, Y[:, :1], r"shape \(2, 1\): \(2, 2\) is needed"),
        ("mse", X, Y[:, 0], r"batch of y has shape \(2,\): \(2, 2\) is needed"),
        ([keras.losses.Huber], X, Y[:, :1], r"shape \(2, 1\): \(2, 2\) is needed"),
        ("sparse_categorical_crossentropy", X, Y, r"\(2, 2\): \(2, 1\) is needed"),
        (TakesIds, X, Y, r"\(2, 2\): \(2, 1\) is needed"),
    ],
)
@eagerly()
def test_data_that_does_not_fit_is_an_error(loss, x, y, message):
    train_on_sequence = compile_training_pass(compiled(loss))
    if loss == "mse":
        train_on_sequence(X, Y)  # Data that fit have been seen before.
    for _ in "first call", "second call":
        with pytest.raises(ValueError, match=message):
            train_on_sequence(x, y)


@pytest.mark.parametrize(
    ("loss", "each_step", "ids"),
    [
        (TakesIds, False, 1),
        (keras.losses.Circle, False, 1),
        (keras.losses.CTC, True, 1),
        ("sparse_categorical_crossentropy", True, 3),  # one for each time step
    ],
)
@eagerly()
def test_losses_of_ids_take_ids(loss, each_step, ids):
    layer = SimpleRNN(2, stateful=True, return_sequences=each_step)
    model = sequential(layer, Dense(2, activation="softmax"))
    model.compile("sgd", loss)
    y = np.ones((6, ids), dtype=int)
    assert np.isfinite(compile_training_pass(model)(X, y)["loss"])


def test_floats_arrive_as_in_fit_and_xla_compiles_if_asked(monkeypatch):
    model = compiled()
    model.train_step = mock.Mock()
    with mock.patch.object(tf, "function", wraps=tf.function) as function:
        compile_training_pass(model)(X, Y)
        assert function.call_args.kwargs["jit_compile"] is False
        compile_training_pass(model, jit_compile=True)(X, Y)
        assert function.call_args.kwargs["jit_compile"] is True
    monkeypatch.setattr(keras.config, "floatx", lambda: "float16")
    compile_training_pass(model)(X, Y)
    (data,) = model.train_step.call_args.args
    assert [part.dtype for part in data] == ["float16", "float16"]
    compile_training_pass(model)(X.astype("int32"), Y)
    (data,) = model.train_step.call_args.args
    assert [part.dtype for part in data] == ["int32", "float16"]


def test_model_that_cannot_be_trained_so_is_an_error(monkeypatch):
    inputs = keras.Input((None, 4), dtype="float64")
    models = [keras.Sequential([LSTM(2)]), keras.Model(inputs, [inputs, inputs])]
    for model in [*models, keras.Model([inputs, keras.Input((3, 4))], inputs)]:
        with pytest.raises(ValueError, match="not have one keras.Input and one output"):
            compile_training_pass(model, 2)
    model = keras.Model(inputs, LSTM(2)(inputs))
    with pytest.raises(ValueError, match="is not compiled"):
        compile_training_pass(model, 2)
    model.compile("sgd", "mse")
    for size in None, 0, "2":
        with pytest.raises(ValueError, match=f"is {size!r}: an integer of at least 1"):
            compile_training_pass(model, size)
    with pytest.raises(ValueError, match="batch_size is 3: 2 is needed"):
        compile_training_pass(compiled(), 3)
    train_on_sequence = compile_training_pass(model, 2)
    model.compile(model.optimizer, "mae")
    with pytest.raises(ValueError, match="call compile_training_pass again"):
        train_on_sequence(np.ones((6, 3, 4)), np.ones((6, 2)))
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(ImportError, match="backend must be TensorFlow"):
        runpy.run_path(stateful.__file__)


@eagerly()
def test_new_compile_of_a_model_with_metrics_of_its_own_is_an_error():
    model, loss, _ = with_a_step_of_its_own()
    model.compile("adam", loss)
    train_on_sequence = compile_training_pass(model)
    train_on_sequence(X, Y)
    model.compile("adam", loss)
    with pytest.raises(ValueError, match="call compile_training_pass again"):
        train_on_sequence(X, Y)
