"""The module to copy, stateful.py, and the code of its guide, README.md."""

import re
import runpy
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from keras.layers import GRU, LSTM, RNN, Dense, Embedding, LSTMCell, Masking

from tests.porting.stateful import compile_training_pass, one_at_a_time, reset_states

FOLDER = Path(__file__).parent
GUIDE = (FOLDER / "README.md").read_text(encoding="utf-8")
BY_BATCH, BY_PASS, ONE_STEP, STATE, EMBEDDING = re.findall(
    r"```python\n(.*?)```", GUIDE, re.DOTALL
)


@pytest.fixture(autouse=True)
def seed():
    keras.utils.set_random_seed(1)


class Counter(keras.layers.Layer):
    """A custom layer that holds a stateful layer in a list, and a state of its own."""

    stateful = True

    def __init__(self):
        super().__init__()
        self.parts = [LSTM(3, stateful=True)]

    def build(self, shape):
        self.count = self.add_weight(shape=(), initializer="zeros", trainable=False)
        self.parts[0].build(shape)

    def call(self, inputs):
        self.count.assign_add(1.0)
        return self.parts[0](inputs)

    def reset_states(self):
        self.count.assign(0.0)


def sequential(*chain, shape=(2, 3, 4)):
    return keras.Sequential([keras.Input(batch_shape=shape), *chain])


def states(model):
    parts = [part for part in model._flatten_layers() if isinstance(part, RNN)]
    return keras.tree.flatten([part.states or [] for part in parts])


def fit_and_reset(model, X, y, batch_size):
    """Train as Keras does, and return the loss and the metrics."""
    model.run_eagerly = True  # For so few batches, faster than compiling.
    history = model.fit(X, y, batch_size=batch_size, shuffle=False, verbose=0).history
    reset_states(model)
    return {name: value for name, (value,) in history.items()}


def assert_same_weights(model, expected, atol):
    for got, weights in zip(model.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_allclose(got, weights, rtol=0, atol=atol)


# reset_states


def test_reset_states_resets_every_stateful_layer_and_nothing_else():
    options = {"stateful": True, "return_sequences": True}
    model = sequential(
        LSTM(4, **options),
        LSTM(4, return_sequences=True),
        sequential(GRU(4, **options)),
        layers.Bidirectional(LSTM(2, **options)),
        RNN([LSTMCell(3), layers.GRUCell(4)], **options),
        layers.Reshape((3, 2, 2)),
        layers.TimeDistributed(layers.SimpleRNN(4, stateful=True)),
        layers.Dropout(0.5),
        Counter(),
    )
    weights = model.get_weights()
    variables = [*states(model), model.layers[-1].count]
    assert len(variables) == 2 + 1 + 4 + 3 + 1 + 2 + 1
    for variable in variables:
        variable.assign(np.ones(variable.shape))
    reset_states(model)
    assert not any(map(np.any, variables))
    assert all(map(np.array_equal, model.get_weights(), weights))


def test_reset_states_takes_a_model_that_is_not_built_yet():
    reset_states(keras.Sequential([LSTM(3, stateful=True)]))


# compile_training_pass


def two_layers():
    options = {"stateful": True, "unroll": True}
    return sequential(
        LSTM(3, return_sequences=True, **options), LSTM(3, **options), Dense(2)
    )


def masked():
    ids = Embedding(5, 3, mask_zero=True)
    return sequential(
        ids, GRU(3, stateful=True), Dense(2, activation="softmax"), shape=(2, 3)
    )


def nested_states():
    cells = [LSTMCell(3), layers.GRUCell(4)]
    return sequential(
        RNN(cells, stateful=True, return_sequences=True, unroll=True),
        layers.LayerNormalization(),
        Counter(),
        Dense(1, activation="sigmoid"),
    )


def regularized():
    lstm = LSTM(3, kernel_regularizer="l2")
    frozen = Dense(3, trainable=False)
    return sequential(lstm, frozen, Dense(2), shape=(None, None, 4))


def absolute_error(y, yhat):
    return keras.ops.mean(keras.ops.abs(y - yhat))


# The code of the guide, below, is compiled just in time.
@pytest.mark.parametrize(
    ("build", "optimizer", "loss", "metrics", "lengths", "batch_size"),
    [
        (two_layers, {}, "mse", [absolute_error], [6, 8, 4], None),
        (
            masked,
            {"use_ema": True, "ema_momentum": 0.5, "gradient_accumulation_steps": 2},
            "sparse_categorical_crossentropy",
            ["accuracy"],
            [6, 6, 6],
            None,
        ),
        (
            nested_states,
            {"clipnorm": 0.1},
            "binary_crossentropy",
            ["AUC", "accuracy"],
            [6, 6, 6],
            None,
        ),
        (regularized, {"weight_decay": 0.1}, "huber", [], [6, 6, 6], 3),
    ],
)
def test_training_pass_is_fit_and_a_reset(
    build, optimizer, loss, metrics, lengths, batch_size
):
    rng = np.random.default_rng(1)
    schedule = keras.optimizers.schedules.InverseTimeDecay(0.05, 1, 0.1)
    ours, fitted = build(), build()
    # Large weights, so that a wrong state would show.
    ours.set_weights([3 * weights for weights in ours.get_weights()])
    fitted.set_weights(ours.get_weights())
    for model in ours, fitted:
        sgd = keras.optimizers.SGD(schedule, momentum=0.9, **optimizer)
        model.compile(loss=loss, optimizer=sgd, metrics=metrics)
    initial = ours.get_weights()
    traces, train_step = [], ours.train_step

    def record_trace(data):
        traces.append(data)
        return train_step(data)

    ours.train_step = record_trace
    train_on_sequence = compile_training_pass(ours, batch_size, jit_compile=False)
    for n in lengths:
        X = rng.normal(size=(n, 3, 4))
        if build is masked:
            X = rng.integers(5, size=(n, 3))
        y = rng.normal(size=(n, 2))
        if "crossentropy" in loss:
            y = rng.integers(2, size=n)
        # The training must not start from this state.
        for state in states(ours):
            state.assign(np.ones(state.shape))
        results = train_on_sequence(ours, X, y)
        assert not any(np.any(state) for state in states(ours))
        expected = fit_and_reset(fitted, X, y, batch_size or 2).values()
        # Keras numbers the metrics of the second network.
        assert sorted(results.values()) == pytest.approx(sorted(expected), rel=1e-4)
        assert all(type(value) is float for value in results.values())
    assert_same_weights(ours, fitted, atol=3e-6)
    assert np.abs(ours.get_weights()[0] - initial[0]).max() > 1e-3
    assert ours.optimizer.iterations == fitted.optimizer.iterations
    # A second one for the second length, which is for all others, too.
    assert len(traces) == min(2, len(set(lengths)))


def compiled(*chain, shape=(2, 3, 4), optimizer="sgd", **options):
    model = sequential(*chain or [LSTM(2, stateful=True)], shape=shape)
    model.compile(optimizer, "mse", **options)
    return model


def functional(n_inputs=1, n_outputs=1):
    inputs = [keras.Input(batch_shape=(2, 3, 4)) for _ in range(n_inputs)]
    last = layers.Concatenate()(inputs) if n_inputs > 1 else inputs[0]
    model = keras.Model(inputs, [LSTM(2)(last) for _ in range(n_outputs)])
    model.compile("sgd", "mse")
    return model


def scaled():
    sgd = keras.optimizers.SGD()
    return compiled(optimizer=keras.optimizers.LossScaleOptimizer(sgd))


@pytest.mark.parametrize(
    ("build", "batch_size", "message"),
    [
        (keras.Model, 2, "has no known inputs: a functional model"),
        (lambda: keras.Sequential([LSTM(2)]), 2, "has no known inputs: a functional"),
        (lambda: "model", 2, "'model' has no known inputs"),
        (lambda: functional(2), None, "2 inputs and 1 outputs: one of each"),
        (lambda: functional(1, 2), None, "1 inputs and 2 outputs: one of each"),
        (lambda: sequential(LSTM(2)), None, "not compiled: call model.compile"),
        (lambda: compiled(run_eagerly=True), None, "run_eagerly is True"),
        (scaled, None, "scales the loss"),
        (lambda: compiled(LSTM(2), shape=(None, 3, 4)), None, "pass batch_size"),
        (compiled, 3, "batch_size is 3: the model has 2"),
        (compiled, 0, "batch_size is 0: an integer >= 1"),
        (compiled, np.zeros((6, 3, 4)), "an integer >= 1 is needed"),
    ],
)
def test_model_that_cannot_be_trained_so_is_an_error(build, batch_size, message):
    with pytest.raises(ValueError, match=message):
        compile_training_pass(build(), batch_size)


ROWS, TARGETS = np.zeros((6, 3, 4)), np.zeros((6, 2))


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        ({"a": ROWS}, TARGETS, "X is a dict: a NumPy array or a tensor"),
        (tf.data.Dataset.from_tensors(ROWS), None, "X is a _TensorDataset"),
        (ROWS, None, "y is a NoneType"),
        (ROWS[:, :2], TARGETS, r"shape \(6, 2, 4\): the model takes \(2, 3, 4"),
        (ROWS[:, 0], TARGETS, r"shape \(6, 4\)"),
        (ROWS, TARGETS[:5], r"\(6, 3, 4\) and y \(5, 2\): as many"),
        (ROWS, np.ones(()), "as many samples of each"),
        (ROWS[:0], TARGETS[:0], "0 samples are not a multiple"),
        (ROWS[:5], TARGETS[:5], "5 samples are not a multiple of batch size 2"),
    ],
)
def test_data_that_does_not_fit_is_an_error(X, y, message):
    model = compiled()
    before = model.get_weights()
    with pytest.raises(ValueError, match=message):
        compile_training_pass(model)(model, X, y)
    assert all(map(np.array_equal, model.get_weights(), before))


def test_pass_for_a_model_that_was_compiled_again_or_loaded_is_an_error(tmp_path):
    model = compiled()
    train_on_sequence = compile_training_pass(model)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    with pytest.raises(ValueError, match="not the one that this function was compiled"):
        train_on_sequence(loaded, ROWS, TARGETS)
    model.compile(model.optimizer, "mae")
    with pytest.raises(ValueError, match="call compile_training_pass again"):
        train_on_sequence(model, ROWS, TARGETS)


# one_at_a_time


class CutCell(LSTMCell):
    """A cell that Keras does not know, without a config of its own."""

    def call(self, inputs, states):
        return super().call(inputs, [*map(keras.ops.stop_gradient, states)])


class OddCell(keras.layers.Layer):
    """A cell whose output is not its state."""

    state_size = 2

    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], 2))

    def call(self, inputs, states):
        state = keras.ops.tanh(inputs @ self.kernel - states[0])
        return 2 * state + 1, [state]


class ScaledCell(LSTMCell):
    """A cell whose config is not complete."""

    def __init__(self, units, scale=1.0):
        super().__init__(units)
        self.scale = scale

    def call(self, inputs, states):
        return super().call(self.scale * inputs, states)


def both(**options):
    """Return two layers, the second with the options."""
    return [LSTM(3, return_sequences=True), GRU(3, **options)]


@pytest.mark.parametrize(
    ("chain", "shape"),
    [
        ([LSTM(3, stateful=True, unroll=True), Dense(2)], (4, 5, 3)),
        (
            [GRU(3, reset_after=False, dropout=0.5), layers.Dropout(0.5)],
            (None, None, 3),
        ),
        (
            [
                layers.SimpleRNN(3, return_sequences=True),
                layers.TimeDistributed(Dense(2)),
            ],
            (4, None, 3),
        ),
        ([RNN(CutCell(3))], (None, 5, 3)),
        (
            [
                RNN([LSTMCell(3), OddCell()]),
                layers.Flatten(),
                sequential(Dense(2), shape=(4, 2)),
            ],
            (None, 5, 3),
        ),
        ([layers.BatchNormalization(), *both(), Dense(2)], (None, 5, 3)),
        ([sequential(*both(return_sequences=True), shape=(4, 5, 3))], (4, 5, 3)),
        ([Masking(), *both(), Dense(2)], (None, 5, 3)),
        ([Masking(), RNN(OddCell(), return_sequences=True)], (None, 5, 3)),
        ([Masking(), LSTM(3, zero_output_for_mask=True)], (None, 5, 3)),
        ([Embedding(4, 3, mask_zero=True), *both(return_sequences=True)], (None, 5)),
        ([Embedding(4, 3), layers.LayerNormalization(), LSTM(3)], (4, 5)),
    ],
)
def test_one_at_a_time_answers_as_the_network_does_on_whole_sequences(chain, shape):
    rng = np.random.default_rng(1)
    model = sequential(*chain, shape=shape)
    model.set_weights([2 * weights + 0.1 for weights in model.get_weights()])
    # A loss that cannot be made again from its name.
    model.compile("sgd", lambda y, yhat: keras.ops.mean(yhat))
    network = one_at_a_time(model, batch_size=4)
    assert network.input_shape == (4, 1, *shape[2:])
    for _ in range(2):
        X = rng.integers(4, size=(4, 5))
        if len(shape) == 3:
            X = rng.normal(size=(4, 5, 3)) * rng.integers(2, size=(4, 5, 1))
        reset_states(model)
        reset_states(network)
        expected = model.predict_on_batch(X)
        answers = [network.predict_on_batch(X[:, [step]]) for step in range(5)]
        answers = np.hstack(answers) if expected.ndim == 3 else answers[-1]
        np.testing.assert_allclose(answers, expected, atol=1e-6)
        assert np.abs(expected).max() > 0.01


READS_BACKWARDS = "reads a sequence from its end"


@pytest.mark.parametrize(
    ("chain", "message"),
    [
        ([layers.Bidirectional(LSTM(3))], rf"\(Bidirectional\) {READS_BACKWARDS}"),
        ([LSTM(3, go_backwards=True)], rf"\(LSTM\) {READS_BACKWARDS}"),
        ([layers.Flatten(), Dense(3)], r"\(Flatten\) is not known to treat each time"),
        ([*both(return_sequences=True), layers.GlobalMaxPooling1D()], "is not known"),
        (
            [layers.LayerNormalization(axis=1), LSTM(3)],
            r"\(LayerNormalization\) is not",
        ),
        (
            [LSTM(3), layers.RepeatVector(3), LSTM(3)],
            "follows a layer without return_seq",
        ),
        ([Dense(3)], "has no recurrent layer"),
        ([RNN(ScaledCell(3, 2.0))], r"get_config of ScaledCell .* lacks \['scale'\]"),
    ],
)
def test_network_that_needs_a_whole_sequence_is_an_error(chain, message):
    with pytest.raises(ValueError, match=message):
        one_at_a_time(sequential(*chain))


def test_network_of_another_kind_or_wrong_batch_size_is_an_error():
    model = functional()
    for network in model, keras.Sequential([LSTM(2)]):
        with pytest.raises(ValueError, match="is not a Sequential model"):
            one_at_a_time(network)
    with pytest.raises(ValueError, match="batch_size is 0: an integer >= 1"):
        one_at_a_time(sequential(LSTM(2)), 0)
    # What the message proposes.
    assert one_at_a_time(keras.Sequential(model.layers)).input_shape == (1, 1, 4)


# The code and the claims of the guide


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Return a function that runs code from the guide, beside stateful.py."""

    def run(code, names):
        file = tmp_path / "guide.py"
        file.write_text(code.replace("range(100)", "range(2)"), encoding="utf-8")
        return runpy.run_path(str(file), names)

    monkeypatch.syspath_prepend(FOLDER)
    yield run
    sys.modules.pop("stateful", None)


def waves():
    """Return X and y for the network of the guide."""
    values = np.sin(np.arange(34) / 3).astype("float32")
    X = np.stack([values[i : i + 10, None] for i in range(24)])
    return X, values[10:34]


def of_the_guide():
    model = sequential(LSTM(3, stateful=True), Dense(1), shape=(8, 10, 1))
    model.compile(loss="mse", optimizer="adam", metrics=["mae"])
    return model


@pytest.mark.parametrize("code", [BY_BATCH, BY_PASS])
def test_training_code_of_the_guide_is_fit_and_a_reset(run, code):
    X, y = waves()
    model, fitted = of_the_guide(), of_the_guide()
    fitted.set_weights(model.get_weights())
    names = run(code, {"model": model, "X": X, "y": y})
    for _ in range(2):
        results = fit_and_reset(fitted, X, y, batch_size=8)
    loss = names["loss"] if code is BY_BATCH else names["results"]["loss"]
    assert loss == pytest.approx(results["loss"], rel=1e-5)
    assert_same_weights(model, fitted, atol=2e-6)
    assert not any(np.any(state) for state in states(model))


def test_one_time_step_of_the_guide_answers_as_the_network(run):
    X, _ = waves()
    model = of_the_guide()
    names = run(ONE_STEP, {"model": model, "X": X})
    expected = model.predict_on_batch(X[:8])[0]
    np.testing.assert_allclose(names["answer"][0], expected, atol=1e-6)
    assert not any(np.any(state) for state in states(names["network"]))


def test_state_of_the_guide_is_saved_and_restored(run):
    model = of_the_guide()
    model.predict_on_batch(waves()[0][:8])
    before = [state.numpy() for state in states(model)]
    save, restore = STATE.split("\n", maxsplit=1)
    names = run(save, {"layer": model.layers[0], "keras": keras})
    reset_states(model)
    run(restore, names)
    assert np.any(before[0])
    assert all(map(np.array_equal, before, states(model)))


def test_keras_repeats_a_single_sample_without_an_error():
    X, _ = waves()
    model = of_the_guide()
    assert model.predict(X[:9], batch_size=8, verbose=0).shape == (16, 1)
    with pytest.raises(Exception, match="shape"):
        model.predict(X[:12], batch_size=8, verbose=0)


@pytest.mark.parametrize("guided", [False, True])
def test_first_step_of_adam_with_an_embedding_is_as_in_the_table(run, guided):
    adam = run(EMBEDDING, {})["Adam"] if guided else keras.optimizers.Adam
    model = sequential(Embedding(3, 2), layers.Flatten(), Dense(1), shape=(32, 1))
    model.compile(adam(0.001), "mse", run_eagerly=True)
    before = model.get_weights()[0]
    model.train_on_batch(np.zeros((32, 1), "int32"), np.ones((32, 1)))
    step = np.abs(model.get_weights()[0] - before).max() / 0.001
    times = re.search(
        r"first step of Adam.*\| ([\d.]+) times the rate \| ([\d.]+) ", GUIDE
    )
    assert step == pytest.approx(float(times[1 if guided else 2]), abs=0.01)


def test_keras_passes_targets_to_a_metric_as_they_are():
    shapes = []

    def metric(y, yhat):
        shapes.append((y.shape, yhat.shape))
        return keras.ops.mean(y - yhat)

    model = sequential(Dense(1), shape=(4, 1))
    model.compile("sgd", "mse", metrics=[metric], run_eagerly=True)
    model.train_on_batch(np.ones((4, 1)), np.ones(4))
    assert shapes[-1] == ((4,), (4, 1))
