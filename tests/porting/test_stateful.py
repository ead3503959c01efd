"""The module to copy, stateful.py, and the code of its guide, README.md."""

import re
import runpy
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers
from keras.layers import GRU, LSTM, RNN, Dense, Embedding, LSTMCell, Masking

from tests.porting.stateful import compile_training_pass, one_at_a_time, reset_states

FOLDER = Path(__file__).parent
GUIDE = (FOLDER / "README.md").read_text(encoding="utf-8")
BY_BATCH, BY_PASS, ONE_STEP, STATE, EMBEDDING = re.findall(
    r"```python\n(.*?)```", GUIDE, re.DOTALL
)
INPUTS = keras.Input((None, 4), dtype="float64")


@pytest.fixture(autouse=True)
def seed():
    keras.utils.set_random_seed(1)


class Counter(layers.Layer):
    """A custom layer with a state of its own."""

    stateful = True

    def __init__(self):
        super().__init__()
        self.states = [self.add_weight(initializer="zeros", trainable=False)]

    def call(self, inputs):
        self.states[0].assign_add(1.0)
        return inputs * self.states[0]

    def reset_states(self):
        self.states[0].assign(0.0)


def sequential(*chain, shape=(2, 3, 4)):
    return keras.Sequential([keras.Input(batch_shape=shape), *chain])


def states(model):
    parts = [p for p in model._flatten_layers() if isinstance(p, (RNN, Counter))]
    return keras.tree.flatten([part.states or [] for part in parts])


def fit_and_reset(model, X, y, batch_size=2):
    """Train as Keras does, and return the loss and the metrics."""
    model.run_eagerly = True  # For so few batches, faster than compiling.
    history = model.fit(X, y, batch_size=batch_size, shuffle=False, verbose=0).history
    reset_states(model)
    return {name: value for name, (value,) in history.items()}


def weights(model):
    return np.concatenate([array.ravel() for array in model.get_weights()])


def test_reset_states_resets_every_stateful_layer_and_nothing_else():
    options = {"stateful": True, "return_sequences": True}
    model = sequential(
        LSTM(4, **options),
        LSTM(4, return_sequences=True),
        sequential(GRU(4, **options)),
        layers.Bidirectional(RNN([LSTMCell(2), LSTMCell(2)], **options)),
        RNN([LSTMCell(3), layers.GRUCell(4)], **options),
        layers.Reshape((3, 2, 2)),
        layers.TimeDistributed(layers.SimpleRNN(4, stateful=True)),
        Counter(),
    )
    before = weights(model)
    variables = states(model)
    assert len(variables) == 2 + 1 + 2 * 4 + 3 + 1 + 1
    for variable in variables:
        variable.assign(np.ones(variable.shape))
    reset_states(model)
    assert not any(map(np.any, variables))
    assert np.array_equal(weights(model), before)
    reset_states(keras.Sequential([RNN([LSTMCell(3)], stateful=True)]))  # not built yet


def two_layers():
    options = {"stateful": True, "return_sequences": True, "unroll": True}
    lstms = LSTM(3, kernel_regularizer="l2", **options), LSTM(3, stateful=True)
    model = sequential(*lstms, Counter(), Dense(3, trainable=False), Dense(2))
    return model, "mse", {"clipnorm": 0.1, "weight_decay": 0.1}


def masked():
    ids = Embedding(5, 3, mask_zero=True)
    softmax = Dense(2, activation="softmax")
    model = sequential(ids, GRU(3, stateful=True), softmax, shape=(2, 3))
    ema = {"use_ema": True, "ema_momentum": 0.5, "gradient_accumulation_steps": 2}
    return model, "sparse_categorical_crossentropy", ema


def of_any_batch_size():
    nested = keras.Sequential([LSTM(3), Dense(1)])
    model = keras.Model([INPUTS], [nested(INPUTS)])
    # A loss of your own may take y, (n, 2), of another shape than the output, (n, 1).
    return model, lambda y, yhat: keras.ops.mean((y[:, 1:] - yhat) ** 2, axis=-1), {}


@pytest.mark.parametrize("build", [two_layers, masked, of_any_batch_size])
def test_training_pass_is_fit_and_a_reset(build):
    rng = np.random.default_rng(1)
    schedule = keras.optimizers.schedules.InverseTimeDecay(0.05, 1, 0.1)
    (ours, loss, options), (fitted, _, _) = build(), build()
    # Large weights, so that a wrong state would show.
    ours.set_weights([3 * array for array in ours.get_weights()])
    fitted.set_weights(ours.get_weights())
    for model in ours, fitted:
        sgd = keras.optimizers.SGD(schedule, momentum=0.9, **options)
        model.compile(sgd, loss, metrics=["accuracy"], run_eagerly=True)
    traces, train_step = [], ours.train_step
    ours.train_step = lambda data: traces.append(data) or train_step(data)
    train_on_sequence = compile_training_pass(ours, 2, jit_compile=False)
    for n in 6, 8, 4:
        X, y = rng.normal(size=(n, 3, 4)), rng.normal(size=(n, 2))
        if build is masked:
            X, y = rng.integers(5, size=(n, 3)), rng.integers(2, size=n)
        # The training must not start from this state.
        for state in states(ours):
            state.assign(np.ones(state.shape))
        results = train_on_sequence(X.tolist(), y)
        assert not any(np.any(state) for state in states(ours))
        assert results == pytest.approx(fit_and_reset(fitted, X, y), rel=1e-4)
    np.testing.assert_allclose(weights(ours), weights(fitted), rtol=0, atol=3e-6)
    # A second one for the second length, which is for all others, too. Numbers are float32.
    assert len(traces) == 2 and all(y.dtype != "float64" for _, y in traces)


def compiled(loss="mse"):
    model = sequential(LSTM(2, stateful=True))
    model.compile("sgd", loss)
    return model


def test_data_that_does_not_fit_is_an_error():
    X, Y = np.ones((6, 3, 4)), np.ones((6, 2))
    for loss, x, y, message in [
        ("mse", X, Y[:4], "X has 6 samples and y 4: as many are needed, in full batch"),
        ("mse", X[:5], Y[:5], "X has 5 samples and y 5: .* in full batches of 2"),
        ("mse", X[:0], Y[:0], "X has 0 samples"),
        ("mse", X.astype(str), Y, "X is of type <U32: real numbers are needed"),
        ("mse", X, Y + 1j, "y is of type complex128: real numbers are needed"),
        ("mse", X[:, :2], Y, r"expected shape=\(.*, 3, 4\), found shape=\(2, 2, 4\)"),
        ("mse", X, Y[:, 0], r"batch of y has shape \(2,\): \(2, 2\) is needed"),
        (keras.losses.Huber(), X, Y[:, :1], r"shape \(2, 1\): \(2, 2\) is needed"),
        ("sparse_categorical_crossentropy", X, Y, r"\(2, 2\): \(2, 1\) is needed"),
    ]:
        with pytest.raises(ValueError, match=message):
            compile_training_pass(compiled(loss), jit_compile=False)(x, y)
    train_on_sequence = compile_training_pass(compiled(), jit_compile=False)
    train_on_sequence(X, Y)
    with pytest.raises(ValueError, match=r"shape \(2, 1\): \(2, 2\) is needed"):
        train_on_sequence(X, Y[:, :1])


def test_model_that_cannot_be_trained_so_is_an_error(monkeypatch):
    models = [keras.Sequential([LSTM(2)]), keras.Model(INPUTS, [INPUTS, INPUTS])]
    for model in [*models, keras.Model([INPUTS, keras.Input((3, 4))], INPUTS)]:
        with pytest.raises(ValueError, match="not have one keras.Input and one output"):
            compile_training_pass(model, 2)
    model = keras.Model(INPUTS, LSTM(2)(INPUTS))
    with pytest.raises(ValueError, match="is not compiled"):
        compile_training_pass(model, 2)
    model.compile("sgd", "mse")
    for size in None, 0, "2":
        with pytest.raises(ValueError, match=f"is {size!r}: an integer is needed"):
            compile_training_pass(model, size)
    with pytest.raises(ValueError, match="batch_size is 3: 2 is needed"):
        compile_training_pass(compiled(), 3)
    train_on_sequence = compile_training_pass(model, 2)
    model.compile(model.optimizer, "mae")
    with pytest.raises(ValueError, match="call compile_training_pass again"):
        train_on_sequence(np.ones((6, 3, 4)), np.ones((6, 2)))
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(ValueError, match="backend is 'jax': 'tensorflow' is needed"):
        compile_training_pass(model, 2)


ANY, FIXED, ALL = (None, 5, 3), (4, 5, 3), {"return_sequences": True}
CELLS = [type("MyCell", (LSTMCell,), {})(3), LSTMCell(2)]
NESTED = sequential(GRU(3, **ALL), shape=ANY)


@pytest.mark.parametrize(
    ("shape", "chain"),
    [
        (FIXED, [layers.Dropout(0.5), LSTM(3, stateful=True, unroll=True), Dense(2)]),
        (ANY, [NESTED, LSTM(3, dtype="float64", return_state=True)]),
        (FIXED, [layers.TimeDistributed(Dense(2)), layers.SimpleRNN(3, **ALL)]),
        ((None, None, 3), [RNN(CELLS), layers.Flatten(), Dense(2)]),
        # Only the answers at the time steps 2 and 3, which are masked, would differ.
        (ANY, [Masking(), LSTM(3, **ALL), layers.BatchNormalization(), GRU(3)]),
        (ANY, [layers.Activation("tanh"), GRU(3), layers.RepeatVector(2), LSTM(3)]),
        ((4, 5), [Embedding(4, 3), layers.LayerNormalization(), GRU(3)]),
    ],
)
def test_one_at_a_time_answers_as_the_network_does_on_whole_sequences(shape, chain):
    rng = np.random.default_rng(1)
    model = sequential(*chain, shape=shape)
    network = one_at_a_time(model, batch_size=4)
    # The weights are shared.
    model.set_weights([2 * array + 0.1 for array in model.get_weights()])
    X = rng.normal(size=(4, 5, 3)) if len(shape) == 3 else rng.integers(4, size=(4, 5))
    X[:, 1:3] = 0
    for _ in range(2):
        reset_states(model)
        reset_states(network)
        whole = keras.tree.flatten(model.predict_on_batch(X))[-1]
        answers = [network.predict_on_batch(X[:, [step]]) for step in range(5)]
        answers = [keras.tree.flatten(answer)[-1] for answer in answers]
        got = np.hstack(answers) if whole.ndim == 3 else answers[-1]
        np.testing.assert_allclose(got, whole, atol=1e-6)
        assert got.dtype == whole.dtype
        assert np.abs(whole).max() > 0.01


def test_network_that_may_need_a_whole_sequence_is_an_error():
    functional = keras.Model(INPUTS, LSTM(2)(INPUTS))
    over_time = layers.LayerNormalization(axis=(-2, -1))
    stateful = layers.TimeDistributed(LSTM(3, stateful=True))
    from_one = LSTMCell(3)
    from_one.get_initial_state = lambda batch_size: 2 * [np.ones((batch_size, 3))]
    unknown = "is not known to treat each time step by itself"
    for model, message in [
        (sequential(layers.Bidirectional(LSTM(3))), rf"\(Bidirectional\) {unknown}"),
        (sequential(layers.Flatten(), Dense(3)), unknown),
        (sequential(type("MyDense", (Dense,), {})(3), LSTM(3)), unknown),
        (sequential(type("MyLSTM", (LSTM,), {})(3)), unknown),
        (sequential(LSTM(3, go_backwards=True)), unknown),
        (sequential(over_time, LSTM(3)), unknown),
        (sequential(LSTM(4), layers.Reshape((2, 2, 1)), stateful), unknown),
        (sequential(LSTM(3), layers.RepeatVector(3), LSTM(3, stateful=True)), unknown),
        (sequential(Dense(3)), "has no recurrent layer"),
        (sequential(RNN(from_one)), "a state that is not zero"),
        (functional, "not a Sequential model with keras.Input"),
        (keras.Sequential([LSTM(2)]), "not a Sequential model with keras.Input"),
    ]:
        with pytest.raises(ValueError, match=message):
            one_at_a_time(model)
    network = one_at_a_time(keras.Sequential(functional.layers))
    assert (network.input_shape, network.inputs[0].dtype) == ((1, 1, 4), "float64")
    assert network.layers[1].name == functional.layers[1].name


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Return a function that runs code from the guide, beside stateful.py."""
    monkeypatch.syspath_prepend(FOLDER)

    def run(code, names):
        file = tmp_path / "guide.py"
        file.write_text(code.replace("range(100)", "range(2)"), encoding="utf-8")
        return runpy.run_path(str(file), names)

    return run


def of_the_guide():
    """Return the guide's network, and X and y for it."""
    model = sequential(LSTM(3, stateful=True), Dense(1), shape=(8, 4, 1))
    model.compile(loss="mse", optimizer="adam", metrics=["mae"])
    values = np.sin(np.arange(28) / 3).astype("float32")
    X = np.stack([values[i : i + 4, None] for i in range(24)])
    return model, X, values[4:28]


@pytest.mark.parametrize("code", [BY_BATCH, BY_PASS])
def test_training_code_of_the_guide_is_fit_and_a_reset(run, code):
    (model, X, y), (fitted, _, _) = of_the_guide(), of_the_guide()
    fitted.set_weights(model.get_weights())
    names = run(code, {"model": model, "X": X, "y": y})
    for _ in range(2):
        results = fit_and_reset(fitted, X, y, batch_size=8)
    loss = names["loss"] if code is BY_BATCH else names["results"]["loss"]
    assert loss == pytest.approx(results["loss"], rel=1e-5)
    np.testing.assert_allclose(weights(model), weights(fitted), rtol=0, atol=2e-6)
    assert not any(np.any(state) for state in states(model))


def test_one_step_and_the_saved_state_of_the_guide(run):
    model, X, _ = of_the_guide()
    names = run(ONE_STEP, {"model": model, "X": X})
    assert not any(np.any(state) for state in states(names["network"]))
    expected = model.predict_on_batch(X[:8])[0]
    np.testing.assert_allclose(names["answer"][0], expected, atol=1e-6)
    before = [state.numpy() for state in states(model)]
    save, restore = STATE.split("\n", maxsplit=1)
    names = run(save, {"layer": model.layers[0], "keras": keras})
    reset_states(model)
    run(restore, names)
    assert np.any(before[0])
    assert all(map(np.array_equal, before, states(model)))


@pytest.mark.parametrize("guided", [False, True])
def test_first_step_of_adam_with_an_embedding_is_as_in_the_table(run, guided):
    adam = run(EMBEDDING, {})["Adam"] if guided else keras.optimizers.Adam
    model = sequential(Embedding(3, 2), layers.Flatten(), Dense(1), shape=(32, 1))
    model.compile(adam(0.001), "mse", run_eagerly=True)
    before = model.get_weights()[0]
    model.train_on_batch(np.zeros((32, 1), "int32"), np.ones((32, 1)))
    step = np.abs(model.get_weights()[0] - before).max() / 0.001
    times = re.search(r"step of Adam.*\| ([\d.]+) times the rate \| ([\d.]+) ", GUIDE)
    assert step == pytest.approx(float(times[1 if guided else 2]), abs=0.01)
