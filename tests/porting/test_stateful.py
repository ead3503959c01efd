"""The module to copy, stateful.py, and the code of its guide, README.md."""

import random
import re
import runpy
from pathlib import Path
from unittest import mock

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from keras.layers import GRU, LSTM, RNN, Dense, Embedding, LSTMCell, Masking

from tests.conftest import eagerly
from tests.porting import stateful
from tests.porting.stateful import (
    BurnIn,
    compile_training_pass,
    one_at_a_time,
    reset_states,
)

FOLDER = Path(__file__).parent
GUIDE = (FOLDER / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)


def block(part):
    """Return the only block of code in the guide that has this part."""
    (found,) = [code for code in BLOCKS if part in code]
    return found


BY_BATCH = block("model.train_on_batch(X[batch], y[batch], return_dict=True)")
BY_PASS = block("results = train_on_sequence(X, y)")
ONE_STEP = block("for value in X[0]:")
CHECK = block("for name, yhat in found.items():")
LENGTHS = block("SHORTEST, LONGEST, MASK = 2, 10, -1")
BURN_IN = block("BurnIn(keras.layers.LSTM(50), N)")
WRAP = block("copy = keras.models.clone_model(model)")
COPY = block("longer.set_weights(model.get_weights())")
BY_HAND = block("model.predict_on_batch(before)")
STATE = block("saved = [state.numpy()")
EQUAL_IDS = block("class Adam(keras.optimizers.Adam):")
CARRIED = {"stateful": True, "return_sequences": True}
INPUTS = keras.Input((None, 4), dtype="float64")


@pytest.fixture(autouse=True)
def seed():
    keras.utils.set_random_seed(1)


def sequential(*chain, shape=(2, 3, 4)):
    return keras.Sequential([keras.Input(batch_shape=shape), *chain])


def states(model):
    parts = [part for part in model._flatten_layers() if isinstance(part, RNN)]
    return keras.tree.flatten([part.states or [] for part in parts])


def fit_and_reset(model, X, y, batch_size=2):
    """Train as Keras does, and return the loss and the metrics."""
    model.run_eagerly = True  # For so few batches, faster than compiling.
    history = model.fit(X, y, batch_size=batch_size, shuffle=False, verbose=0).history
    reset_states(model)
    return {name: value for name, (value,) in history.items()}


def weights(model):
    return np.concatenate([array.ravel() for array in model.get_weights()])


class MyLSTM(LSTM):
    """Has a state of its own, which is 1 until it is reset."""

    def __init__(self, units):
        super().__init__(units, stateful=True)
        self.own = self.add_weight(initializer="ones", trainable=False)

    def reset_states(self):
        super().reset_states()
        self.own.assign(0)


def test_each_block_of_the_guide_has_a_name_here():
    tested = {BY_BATCH, BY_PASS, ONE_STEP, CHECK, LENGTHS, BURN_IN}
    tested |= {WRAP, COPY, BY_HAND, STATE, EQUAL_IDS}
    assert tested == set(BLOCKS)


def test_reset_states_calls_the_reset_states_of_an_lstm_of_your_own():
    layer = MyLSTM(2)
    model = sequential(layer)
    model(np.ones((2, 3, 4)))
    assert all(map(np.any, layer.states))
    reset_states(model)
    assert not any(map(np.any, layer.states))
    assert layer.own == 0


def test_reset_states_resets_every_stateful_layer_and_nothing_else():
    custom = layers.Identity()
    custom.stateful = True
    custom.reset_states = mock.Mock()
    model = sequential(
        LSTM(4, **CARRIED),
        LSTM(4, return_sequences=True),
        sequential(GRU(4, **CARRIED)),
        layers.Bidirectional(RNN([LSTMCell(2), LSTMCell(2)], **CARRIED)),
        RNN([LSTMCell(3), layers.GRUCell(4)], **CARRIED),
        layers.Reshape((3, 2, 2)),
        layers.TimeDistributed(layers.SimpleRNN(4, stateful=True)),
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
    """With a `train_step` and `metrics` as in Keras's guides."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.mean_loss = keras.metrics.Mean(name="loss")

    @property
    def metrics(self):
        return [self.mean_loss]

    def train_step(self, data):
        X, y = data
        with tf.GradientTape() as tape:
            loss = self.compute_loss(y=y, y_pred=self(X, training=True))
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply(gradients, self.trainable_variables)
        self.mean_loss.update_state(loss)
        return {"loss": self.mean_loss.result()}


def with_a_step_of_its_own():
    sequence = keras.Input(batch_shape=(2, 3, 4))
    answer = Dense(2)(LSTM(3, stateful=True)(sequence))
    return OwnStep(sequence, answer), "mse", {}


def two_layers():
    first = LSTM(3, kernel_regularizer="l2", unroll=True, **CARRIED)
    second = LSTM(3, stateful=True)
    model = sequential(first, second, Dense(3, trainable=False), Dense(2))
    return model, "mse", {"clipnorm": 0.1, "weight_decay": 0.1}


def masked():
    ids = Embedding(5, 3, mask_zero=True)
    softmax = Dense(2, activation="softmax")
    model = sequential(ids, GRU(3, stateful=True), softmax, shape=(2, 3))
    ema = {"use_ema": True, "ema_momentum": 0.5, "gradient_accumulation_steps": 2}
    return model, "sparse_categorical_crossentropy", ema


def of_any_batch_size():
    nested = keras.Sequential([BurnIn(LSTM(3), 1), Dense(1)])
    model = keras.Model([INPUTS], [nested(INPUTS)])
    # A loss of your own may take y, (n, 2), of another shape than the output, (n, 1).
    return model, lambda y, yhat: keras.ops.mean((y[:, 1:] - yhat) ** 2, axis=-1), {}


@pytest.mark.parametrize(
    ("build", "lengths", "traces"),
    [
        # Traced for the first length and for the second, which serves all others, too.
        (of_any_batch_size, [6, 8, 4], 2),
        (two_layers, [6, 6], 1),
        (masked, [6, 6], 1),
        (with_a_step_of_its_own, [6, 6], 1),
    ],
)
def test_training_pass_is_fit_and_a_reset(build, lengths, traces):
    rng = np.random.default_rng(1)
    schedule = keras.optimizers.schedules.InverseTimeDecay(0.05, 1, 0.1)
    (ours, loss, options), (fitted, _, _) = build(), build()
    # Large weights, so that a wrong state would show.
    ours.set_weights([3 * array for array in ours.get_weights()])
    fitted.set_weights(ours.get_weights())
    for model in ours, fitted:
        sgd = keras.optimizers.SGD(schedule, momentum=0.9, **options)
        model.compile(sgd, loss, metrics=["accuracy"], run_eagerly=True)
    ours.train_step = mock.Mock(wraps=ours.train_step)
    train_on_sequence = compile_training_pass(ours, np.int64(2))
    for n in lengths:
        X, y = rng.normal(size=(n, 3, 4)), rng.normal(size=(n, 2))
        if build is masked:
            X, y = rng.integers(5, size=(n, 3)), rng.integers(2, size=n)
        # The training must not start from this state.
        for state in states(ours):
            state.assign(np.ones(state.shape))
        results = train_on_sequence(X.tolist(), y)
        assert type(results["loss"]) is float
        assert not any(np.any(state) for state in states(ours))
        assert results == pytest.approx(fit_and_reset(fitted, X, y), rel=1e-4)
    np.testing.assert_allclose(weights(ours), weights(fitted), rtol=0, atol=1e-5)
    assert ours.train_step.call_count == traces


# Keras 3.8 does not have the first one.
SPARSE = keras.losses.SparseCategoricalCrossentropy
IDS_LOSS = getattr(keras.losses, "CategoricalGeneralizedCrossEntropy", SPARSE)()


def compiled(loss="mse"):
    model = sequential(LSTM(2, stateful=True))
    model.compile("sgd", loss)
    return model


X, Y = np.ones((6, 3, 4)), np.ones((6, 2))


@pytest.mark.parametrize(
    ("loss", "x", "y", "message"),
    [
        ("mse", X, Y[:4], "X has 6 samples and y 4: as many are needed, in full batch"),
        ("mse", X[:5], Y[:5], "X has 5 samples and y 5: .* in full batches of 2"),
        ("mse", X[:0], Y[:0], "X has 0 samples"),
        ("mse", None, Y, "^None is not an array of samples$"),
        ("mse", X, 3, "^3 is not an array of samples$"),
        ("mse", X.astype(str), Y, "Invalid dtype: str"),
        ("mse", X[:, :2], Y, r"expected shape=\(.*, 3, 4\), found shape=\(2, 2, 4\)"),
        ("mse", X, Y[:, 0], r"batch of y has shape \(2,\): \(2, 2\) is needed"),
        (keras.losses.Huber(), X, Y[:, :1], r"shape \(2, 1\): \(2, 2\) is needed"),
        ("sparse_categorical_crossentropy", X, Y, r"\(2, 2\): \(2, 1\) is needed"),
        (IDS_LOSS, X, Y, r"\(2, 2\): \(2, 1\) is needed"),
    ],
)
def test_data_that_does_not_fit_is_an_error(loss, x, y, message):
    with pytest.raises(ValueError, match=message):
        compile_training_pass(compiled(loss))(x, y)


@eagerly()
def test_data_is_checked_once_for_each_shape():
    train_on_sequence = compile_training_pass(compiled())
    with mock.patch.object(stateful, "_prepare", wraps=stateful._prepare) as prepare:
        train_on_sequence(X, Y)
        train_on_sequence(X, Y)
        assert prepare.call_count == 1
        with pytest.raises(ValueError, match=r"shape \(2, 1\): \(2, 2\) is needed"):
            train_on_sequence(X, Y[:, :1])


@pytest.mark.parametrize("loss", [IDS_LOSS, keras.losses.Circle(), keras.losses.CTC()])
@eagerly()
def test_losses_of_ids_take_ids(loss):
    is_ctc = isinstance(loss, keras.losses.CTC)
    lstm = LSTM(2, stateful=True, return_sequences=is_ctc)
    model = sequential(lstm, Dense(2, activation="softmax"))
    model.compile("sgd", loss)
    y = np.ones((6, 1), dtype=int)
    assert np.isfinite(compile_training_pass(model)(X, y)["loss"])


def test_floats_arrive_as_in_fit_and_xla_compiles_if_asked(monkeypatch):
    model = compiled()
    model.train_step = mock.Mock()
    with mock.patch.object(tf, "function", wraps=tf.function) as function:
        compile_training_pass(model)(X, Y)
        assert function.call_args.kwargs["jit_compile"] is False
        compile_training_pass(model, jit_compile=True)
        assert function.call_args.kwargs["jit_compile"] is True
    monkeypatch.setattr(keras.config, "floatx", lambda: "float16")
    compile_training_pass(model)(X, Y)
    (data,) = model.train_step.call_args.args
    assert [part.dtype for part in data] == ["float16", "float16"]


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


ANY, FIXED, ALL = (None, 3, 3), (4, 3, 3), {"return_sequences": True}
CELLS = [type("MyCell", (LSTMCell,), {})(3), LSTMCell(2)]
NESTED = sequential(GRU(3, **ALL), shape=ANY)
SCALED, SCALED_AS_ONE = layers.Normalization(), layers.Normalization(axis=None)
for scaled in SCALED, SCALED_AS_ONE:
    scaled.adapt(np.linspace(-1, 2, 36).reshape(4, 3, 3))


CHAINS = [
    (FIXED, [layers.Dropout(0.5), LSTM(3, stateful=True, unroll=True), Dense(2)]),
    (ANY, [NESTED, LSTM(3, dtype="float64")]),
    (ANY, [BurnIn(RNN([LSTMCell(3), LSTMCell(2)], return_sequences=True), 2)]),
    (FIXED, [layers.TimeDistributed(Dense(2)), layers.SimpleRNN(3, **ALL)]),
    ((None, None, 3), [RNN(CELLS), layers.Flatten(), Dense(2)]),
    (ANY, [Masking(), LSTM(3, **ALL), layers.BatchNormalization(), GRU(3)]),
    (ANY, [layers.Activation("tanh"), GRU(3), layers.RepeatVector(2), LSTM(3)]),
    ((4, 3), [Embedding(4, 3), layers.LayerNormalization(), GRU(3)]),
    (ANY, [SCALED, layers.ReLU(), GRU(3, **ALL)]),
    (ANY, [SCALED_AS_ONE, layers.ELU(), GRU(3)]),
    (ANY, [layers.Softmax(), GRU(3, **ALL), layers.Softmax(axis=[-1])]),
    (ANY, [layers.Rescaling([0.1, 1, 2], 1), GRU(3, **ALL), layers.Identity()]),
    (ANY, [layers.LeakyReLU(), GRU(3), layers.Softmax(axis=1)]),
    (ANY, [layers.GaussianNoise(1.0), layers.SpatialDropout1D(0.5), GRU(3)]),
]


def test_each_layer_of_the_list_is_in_a_network_that_is_compared():
    compared = {type(layer) for _, chain in CHAINS for layer in chain}
    assert set(stateful.PER_STEP_LAYERS) <= compared


@pytest.mark.parametrize(("shape", "chain"), CHAINS)
@eagerly()
def test_one_at_a_time_answers_as_the_network_does_on_whole_sequences(shape, chain):
    rng = np.random.default_rng(1)
    model = sequential(*chain, shape=shape)
    network = one_at_a_time(model, batch_size=4)
    # The weights are shared.
    model.set_weights([2 * array + 0.1 for array in model.get_weights()])
    X = rng.normal(size=(4, 3, 3)) if len(shape) == 3 else rng.integers(4, size=(4, 3))
    for _ in range(2):
        reset_states(model)
        reset_states(network)
        whole = model.predict_on_batch(X)
        answers = [network.predict_on_batch(X[:, [step]]) for step in range(3)]
        got = answers[-1]
        if whole.ndim == 3:  # BurnIn has no answers to its first steps.
            got = np.hstack(answers[-whole.shape[1] :])
        np.testing.assert_allclose(got, whole, atol=1e-5)
        assert got.dtype == whole.dtype
        assert np.abs(whole).max() > 0.01


FROM_ONES = RNN(LSTMCell(3))
FROM_ONES.cell.get_initial_state = lambda batch_size: 2 * [np.ones((1, 3))]
UNKNOWN = "is not known to treat each time step by itself"
INSIDE = layers.TimeDistributed(LSTM(2, stateful=True))
PAIRS = layers.TimeDistributed(layers.Reshape((2, 2)))


@pytest.mark.parametrize(
    ("chain", "message"),
    [
        ([layers.Bidirectional(LSTM(3))], f"Bidirectional .* {UNKNOWN}"),
        ([layers.Flatten(), Dense(3)], UNKNOWN),
        ([type("MyDense", (Dense,), {})(3), LSTM(3)], UNKNOWN),
        ([type("MyLSTM", (LSTM,), {})(3)], UNKNOWN),
        ([LSTM(3, go_backwards=True)], UNKNOWN),
        ([layers.LayerNormalization(axis=(-2, -1)), LSTM(3)], UNKNOWN),
        ([layers.Softmax(axis=1), LSTM(3)], UNKNOWN),
        ([layers.Softmax(axis=None), LSTM(3)], UNKNOWN),
        ([layers.Softmax(axis=[-2, -1]), LSTM(3)], UNKNOWN),
        ([layers.Normalization(axis=1), LSTM(3)], UNKNOWN),
        ([layers.Normalization(axis=(1, 2)), LSTM(3)], UNKNOWN),
        ([layers.Conv1D(3, 2, padding="causal"), LSTM(3)], f"Conv1D .* {UNKNOWN}"),
        ([PAIRS, INSIDE, LSTM(3)], f"TimeDistributed .* {UNKNOWN}"),
        ([LSTM(8), layers.Reshape((2, 2, 2)), INSIDE], f"TimeDistributed .* {UNKNOWN}"),
        ([LSTM(3), layers.RepeatVector(3), LSTM(3, stateful=True)], UNKNOWN),
        ([Dense(3)], "has no recurrent layer"),
        ([FROM_ONES], "a state that is not zero"),
    ],
)
def test_network_that_may_need_a_whole_sequence_is_an_error(chain, message):
    with pytest.raises(ValueError, match=message):
        one_at_a_time(sequential(*chain))


def sums(X):
    return keras.ops.cumsum(X, axis=1)


SUMS, AFTER_LSTM = layers.Activation(sums), LSTM(4, return_sequences=True)
EACH_STEP = np.array([[1.0], [2.0], [3.0]])
CAUSAL = {"padding": "causal", "dilation_rate": 8}


@pytest.mark.parametrize(
    ("shape", "chain"),
    [
        (ANY, [SUMS, LSTM(3)]),
        (ANY, [AFTER_LSTM, SUMS]),
        (ANY, [BurnIn(LSTM(4, return_sequences=True), 1), SUMS]),
        (ANY, [Dense(3, activation=sums), LSTM(3)]),
        (FIXED, [layers.Rescaling(EACH_STEP), LSTM(3)]),
        (FIXED, [AFTER_LSTM, layers.Rescaling(1, offset=EACH_STEP)]),
        (ANY, [layers.GroupNormalization(1), LSTM(3)]),
        (ANY, [AFTER_LSTM, layers.GroupNormalization(2), GRU(3), Dense(2)]),
        ((2, 40, 3), [layers.Conv1D(3, 2, **CAUSAL), LSTM(3)]),
    ],
)
def test_a_layer_that_mixes_time_steps_is_an_error_even_if_it_is_in_the_list(
    shape, chain, monkeypatch
):
    added = (*stateful.PER_STEP_LAYERS, layers.GroupNormalization, layers.Conv1D)
    monkeypatch.setattr(stateful, "PER_STEP_LAYERS", added)
    with pytest.raises(ValueError, match="mixes time steps: alone, they get other an"):
        one_at_a_time(sequential(*chain, shape=shape))


WORDS = layers.StringLookup(vocabulary=["a", "b"])
INTEGERS = layers.IntegerLookup(vocabulary=[5, 6], num_oov_indices=0)
OF_IMAGES = [layers.Conv2D(3, 3), layers.GlobalAveragePooling2D()]


@pytest.mark.parametrize(
    ("shape", "dtype", "chain"),
    [
        ((None, 60), None, [Embedding(1, 2)]),
        ((None, None), None, [Embedding(9, 2, mask_zero=True)]),
        ((None, None), "int32", [layers.Rescaling(1, -1000), Embedding(2, 2)]),
        ((None, None), "string", [WORDS, Embedding(3, 2)]),
        ((None, None), "int64", [INTEGERS, Embedding(2, 2)]),
        (
            (None, None, None, None, 2),
            None,
            [layers.TimeDistributed(p) for p in OF_IMAGES],
        ),
        ((None, 1, 3), None, [Dense(2)]),
        ((None, None, 3), None, [layers.Activation(keras.ops.arccosh)]),  # NaN
    ],
)
def test_networks_of_ids_texts_and_images_are_not_refused(
    shape, dtype, chain, monkeypatch
):
    added = (*stateful.PER_STEP_LAYERS, layers.StringLookup, layers.IntegerLookup)
    monkeypatch.setattr(stateful, "PER_STEP_LAYERS", added)
    inputs = keras.Input(batch_shape=shape, dtype=dtype)
    assert one_at_a_time(keras.Sequential([inputs, *chain, LSTM(3)]))


def test_one_at_a_time_starts_from_zero_and_leaves_the_variables_of_the_model_alone():
    # With dropout, a call in training would draw from a seed, which is a variable.
    model = sequential(layers.Dropout(0.5), LSTM(3, stateful=True, dropout=0.5))
    model.predict_on_batch(np.ones((2, 3, 4)))
    before = [variable.numpy() for variable in (*states(model), *model.variables)]
    network = one_at_a_time(model, 2)
    after = [variable.numpy() for variable in (*states(model), *model.variables)]
    assert all(map(np.array_equal, before, after))
    assert any(map(np.any, states(model)))
    assert not any(map(np.any, states(network)))


def test_one_at_a_time_keeps_the_precision_of_a_layer():
    network = one_at_a_time(sequential(LSTM(3, dtype="float64")))
    assert {state.dtype for state in states(network)} == {"float64"}


def test_one_at_a_time_leaves_random_numbers_alone():
    drawn = []
    for make in [lambda model: None, one_at_a_time]:
        model = sequential(layers.Dropout(0.5), LSTM(3, stateful=True, dropout=0.5))
        keras.utils.set_random_seed(1)
        make(model)
        drawn.append([np.random.random(), random.random()])
    assert drawn[0] == drawn[1]


@pytest.mark.parametrize("policy", ["float64", "mixed_float16", "mixed_bfloat16"])
def test_rounding_is_not_taken_for_mixing(policy):
    norms = [layers.BatchNormalization(dtype=policy), LSTM(9, dtype=policy)]
    model = sequential(Dense(512, "softmax", dtype=policy), *norms, shape=(7, 60, 256))
    model.set_weights([4 * array for array in model.get_weights()])
    assert one_at_a_time(model, batch_size=7)


@pytest.mark.parametrize("size", [0, -1, None, 2.0, "2"])
def test_one_at_a_time_takes_a_number_of_sequences(size):
    message = f"^batch_size is {size!r}: an integer of at least 1 is needed$"
    with pytest.raises(ValueError, match=message):
        one_at_a_time(sequential(LSTM(3)), size)


def test_one_at_a_time_takes_a_sequential_model_with_an_input():
    functional = keras.Model(INPUTS, LSTM(2)(INPUTS))
    for model in functional, keras.Sequential([LSTM(2)]):
        with pytest.raises(ValueError, match="not a Sequential model with keras.Input"):
            one_at_a_time(model)
    network = one_at_a_time(keras.Sequential(functional.layers))
    assert network.input_shape == (1, 1, 4)
    assert network.inputs[0].dtype == "float64"
    assert network.layers[1].name == functional.layers[1].name


@pytest.mark.parametrize(
    "layer",
    [
        LSTM(3, unroll=True),
        LSTM(3, stateful=True),
        GRU(3, return_sequences=True),
        layers.SimpleRNN(3, dtype="float64"),
        RNN(LSTMCell(3)),
        RNN([LSTMCell(2), layers.GRUCell(3)], stateful=True),
    ],
)
def test_burn_in_is_the_layer_but_for_the_first_gradients(layer, tmp_path):
    twin = type(layer).from_config(layer.get_config())
    plain = sequential(twin, shape=(2, 5, 4))
    burn_in = BurnIn(layer, np.int64(3), name="memory")
    assert burn_in.compute_dtype == burn_in.reader.compute_dtype == layer.compute_dtype
    model = sequential(burn_in, shape=(2, 5, 4))
    # Large weights, so that a wrong state would show.
    model.set_weights([3 * array for array in model.get_weights()])
    plain.set_weights(model.get_weights())
    X = tf.constant(np.random.normal(size=(2, 5, 4)), "float32")
    for _ in range(2):  # Does the second batch start from the state of the first?
        with tf.GradientTape() as tape:
            tape.watch(X)
            answer = model(X)
        reached = np.any(tape.gradient(answer, X), axis=(0, 2))
        assert reached.tolist() == [False] * 3 + [True] * 2
        expected = plain(X)
        if layer.return_sequences:
            expected = expected[:, 3:]
        np.testing.assert_allclose(answer, expected, atol=1e-5)
    reset_states(model)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(X), model(X))
    assert (loaded.layers[0].n, loaded.layers[0].name) == (3, "memory")


@pytest.mark.parametrize(
    "layer", [layers.Bidirectional(LSTM(2)), LSTM(2, go_backwards=True), Dense(2)]
)
def test_burn_in_takes_a_forward_recurrent_layer(layer):
    with pytest.raises(ValueError, match="is not LSTM, GRU, SimpleRNN or RNN"):
        BurnIn(layer, 3)


@pytest.mark.parametrize("n", [0, 2.0, "3"])
def test_burn_in_takes_a_number_of_steps(n):
    with pytest.raises(ValueError, match=f"n is {n!r}: an integer of at least 1"):
        BurnIn(LSTM(2), n)


@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 4, 5)])
def test_burn_in_takes_three_axes(shape):
    with pytest.raises(ValueError, match="expected ndim=3"):
        sequential(BurnIn(RNN(LSTMCell(2)), 1), shape=shape)


def test_burn_in_takes_more_steps_without_a_mask():
    with pytest.raises(ValueError, match="needs more than 3 time steps, not 3"):
        sequential(BurnIn(LSTM(2), 3), shape=(2, 3, 4))
    with pytest.raises(ValueError, match="takes no mask"):
        sequential(Masking(), BurnIn(LSTM(2), 1))
    model = sequential(BurnIn(LSTM(2), 3), shape=(None, None, 4))
    for steps in 5, 6:  # From the second length on, TensorFlow does not know it before.
        model.predict_on_batch(np.ones((2, steps, 4)))
    with pytest.raises(tf.errors.InvalidArgumentError, match="more than 3 time steps"):
        model.predict_on_batch(np.ones((2, 3, 4)))


@pytest.mark.parametrize(
    "second", [LSTM(2), sequential(LSTM(2), shape=(2, 2, 4)), BurnIn(LSTM(2), 1)]
)
def test_another_recurrent_layer_beside_burn_in_is_an_error(second):
    model = sequential(BurnIn(LSTM(4, return_sequences=True), 1), second)
    model.compile("sgd", "mse")
    before = weights(model)
    with pytest.raises(ValueError, match="must be the only recurrent layer"):
        model.fit(X, Y, batch_size=2, verbose=0)
    assert np.array_equal(weights(model), before)


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
@eagerly()
def test_training_code_of_the_guide_is_fit_and_a_reset(run, code):
    (model, X, y), (fitted, _, _) = of_the_guide(), of_the_guide()
    fitted.set_weights(model.get_weights())
    names = run(code, {"model": model, "X": X, "y": y})
    for _ in range(2):
        results = fit_and_reset(fitted, X, y, batch_size=8)
    loss = names["loss"] if code is BY_BATCH else names["results"]["loss"]
    assert loss == pytest.approx(results["loss"], rel=1e-5)
    np.testing.assert_allclose(weights(model), weights(fitted), rtol=0, atol=1e-5)
    assert not any(np.any(state) for state in states(model))


@eagerly()
def test_one_step_and_the_saved_state_of_the_guide(run):
    model, X, _ = of_the_guide()
    names = run(ONE_STEP, {"model": model, "X": X})
    assert not any(np.any(state) for state in states(names["network"]))
    expected = model.predict_on_batch(X[:8])[0]
    np.testing.assert_allclose(names["answer"][0], expected, atol=1e-5)
    before = [state.numpy() for state in states(model)]
    save, restore = STATE.split("\n", maxsplit=1)
    names = run(save, {"layer": model.layers[0], "keras": keras})
    reset_states(model)
    run(restore, names)
    assert np.any(before[0])
    assert all(map(np.array_equal, before, states(model)))


def test_program_of_the_guide_trains_a_network_that_looks_back(run, capsys):
    # To learn sooner: 10 values, shorter windows and a higher rate.
    smaller = LENGTHS.replace("= 2, 10, -1", "= 2, 5, -1")
    smaller = smaller.replace("100, size=100", "10, size=300").replace("(100", "(10")
    smaller = smaller.replace("LONGEST, 100)", "LONGEST, 10)")
    assert "100" not in smaller
    smaller = smaller.replace("20_000", "2_000").replace("range(14)", "range(5)")
    smaller = smaller.replace('"adam"', "keras.optimizers.Adam(0.02)")
    run(smaller.replace("batch_size=50", "batch_size=50, verbose=0"), {})
    assert float(capsys.readouterr().out) > 0.95


def test_program_of_the_guide_draws_each_length_anew_for_each_epoch(run, monkeypatch):
    calls = []
    monkeypatch.setattr(
        keras.Model, "fit", lambda model, *data, **how: calls.append((*data, how))
    )
    run(LENGTHS.replace("20_000", "3_000"), {})
    assert len(calls) == 14
    drawn = []
    for X, y, how in calls:
        is_hidden = (X == -1).all(axis=2)
        lengths = 10 - is_hidden.sum(axis=1)
        assert set(lengths) == {*range(2, 11)}
        assert (np.diff(is_hidden.astype(int), axis=1) <= 0).all()  # the first ones
        assert (y.argmax(axis=1) == X[:, -2].argmax(axis=1)).all()
        assert how == {"batch_size": 50}
        drawn.append(tuple(lengths))
    assert len(set(drawn)) == 14


def test_the_shortest_window_of_the_guide_is_the_lag_plus_1():
    guide = " ".join(GUIDE.split())
    assert "the answer reaches plus 1 (for the value three steps back, 4)" in guide


def test_ids_are_hidden_as_the_guide_says():
    size, condition = re.search(
        r"`first` has\s+`size=(.*?)`, and the condition is `(.*?)`", GUIDE
    ).groups()
    names = {"X": np.arange(1, 401).reshape(100, 4), "LONGEST": 4, "np": np}
    first = np.random.randint(4 - 2 + 1, size=eval(size, names))
    X = np.where(eval(condition, {**names, "first": first}), 0, names["X"])
    assert set((X > 0).sum(axis=1)) == {2, 3, 4}
    ids = sequential(Embedding(401, 2, mask_zero=True), LSTM(3), shape=(None, None))
    for row in X:
        left = row[row > 0]
        assert np.array_equal(row[-len(left) :], left)  # The last steps are left.
    hidden = ids.predict_on_batch(X[:1])
    left = X[:1, X[0] > 0]
    np.testing.assert_allclose(hidden, ids.predict_on_batch(left), atol=1e-6)


@eagerly()
def test_burn_in_of_the_guide_trains_on_longer_windows(run):
    one_hot, values = np.eye(100, dtype="float32"), np.arange(60)
    code = BURN_IN.replace("epochs=14", "epochs=1, verbose=0")
    names = run(code, {"keras": keras, "np": np, "one_hot": one_hot, "values": values})
    assert names["model"].input_shape == (None, 15, 100)
    burn_in, _ = names["model"].layers
    assert (type(burn_in).__name__, burn_in.n) == ("BurnIn", 10)
    windows = names["X"].argmax(axis=2)
    assert windows[0].tolist() == [*range(15)]
    assert (names["y"].argmax(axis=1) == windows[:, -2]).all()


def check_of_the_guide(run, capsys, memory, right, values, shape=(-1, 1)):
    """Return what the guide's check prints of a linear network: its errors, by name.

    memory: the weights of a SimpleRNN layer. right: the right answer to each time step.
    """
    layer = layers.SimpleRNN(len(memory[1]), activation="linear")
    model = sequential(layer, Dense(1, use_bias=False), shape=(None, 5, 1))
    layer.set_weights([np.array(array, "float32") for array in memory])
    model.layers[-1].set_weights([np.eye(len(memory[1]))[:, -1:]])  # the last unit
    X = np.lib.stride_tricks.sliding_window_view(values, 5)[:, :, None]
    run(CHECK, {"model": model, "X": X, "y": right[4:].reshape(shape)})
    printed = re.findall(r"(?m)^(.+): ([\d.]+)$", capsys.readouterr().out)
    return {name: float(error) for name, error in printed}


VALUES = np.random.default_rng(5).random(200)
BEFORE = np.concatenate([[0], VALUES[:-1]])
MEANS = np.convolve(VALUES, np.ones(5))[:200] / 5  # of the last 5 values


def last_two(gain=1):
    """Return weights that keep the last two values: the last unit has the earlier one."""
    return [[[1, 0]], [[0, gain], [0, 0]], [0, 0]]


@pytest.mark.parametrize("shape", [(-1, 1), (-1,)])
def test_check_of_the_guide_on_a_network_that_looks_back(run, capsys, shape):
    errors = check_of_the_guide(run, capsys, last_two(), BEFORE, VALUES, shape)
    assert [*errors] == ["on windows", "one value at a time", "naive"]
    assert errors["on windows"] == errors["one value at a time"] == 0
    assert errors["naive"] == pytest.approx(np.var(BEFORE), rel=0.3)


def test_check_of_the_guide_on_a_network_that_does_not_look_back(run, capsys):
    # It adds up all values since the start of its window, in place of the last five.
    adds_up = [[[0.2]], [[1]], [0]]
    errors = check_of_the_guide(run, capsys, adds_up, MEANS, VALUES)
    assert errors["on windows"] == 0
    assert errors["one value at a time"] > 10 * errors["naive"]


def test_check_of_the_guide_compares_the_same_time_steps_of_a_signal_with_a_trend(
    run, capsys
):
    # It looks back, but its answers are a tenth too small: errors rise with the signal.
    rising = np.arange(200) / 100
    before = np.concatenate([[0], rising[:-1]])
    errors = check_of_the_guide(run, capsys, last_two(0.9), before, rising)
    assert errors["on windows"] > 0.01
    assert errors["one value at a time"] == pytest.approx(
        errors["on windows"], rel=1e-3
    )


def test_check_of_the_guide_takes_the_last_answers_of_a_sequence(run, capsys):
    layer = layers.SimpleRNN(2, activation="linear", return_sequences=True)
    model = sequential(layer, Dense(1, use_bias=False), shape=(None, 5, 1))
    layer.set_weights([np.array(array, "float32") for array in last_two()])
    model.layers[-1].set_weights([np.eye(2)[:, -1:]])
    windows = np.lib.stride_tricks.sliding_window_view
    X, y = windows(VALUES, 5)[:, :, None], windows(BEFORE, 5)[:, :, None]
    assert "`model.predict(X)[:, -1]` for `model.predict(X)`" in GUIDE
    code = CHECK.replace("model.predict(X)", "model.predict(X)[:, -1]")
    run(code, {"model": model, "X": X, "y": y[:, -1]})
    assert capsys.readouterr().out.count(": 0.000000\n") == 2


def test_check_of_the_guide_takes_ids(run, capsys):
    model = sequential(Embedding(9, 2), LSTM(3), Dense(1), shape=(None, 5))
    X = np.lib.stride_tricks.sliding_window_view(np.arange(30) % 9, 5)
    run(CHECK, {"model": model, "X": X, "y": X[:, -2:-1] / 9})
    assert capsys.readouterr().out.count(": 0.") == 3


@eagerly()
def test_validation_with_the_callback_of_the_guide_starts_from_zero():
    hooks = re.search(
        r"let a callback call `reset_states\(self.model\)` in\s+`(\w+)`."
        r"\s+If such a\s+`fit` runs several epochs, let it do so in\s+`(\w+)`",
        GUIDE,
    ).groups()

    def reset(callback, *_, **__):
        reset_states(callback.model)

    names = dict.fromkeys(hooks, reset)
    callback = type("Reset", (keras.callbacks.Callback,), names)()
    (model, X, y), (reference, _, _) = of_the_guide(), of_the_guide()
    # Large weights, so that a wrong state would show.
    model.set_weights([3 * array for array in model.get_weights()])
    reference.set_weights(model.get_weights())
    options = {"batch_size": 8, "verbose": 0}
    fitted = model.fit(
        X,
        y,
        epochs=2,
        shuffle=False,
        validation_data=(X, y),
        validation_batch_size=8,
        callbacks=[callback],
        **options,
    )
    for loss, val_loss in zip(fitted.history["loss"], fitted.history["val_loss"]):
        expected = fit_and_reset(reference, X, y, batch_size=8)["loss"]
        assert loss == pytest.approx(expected, rel=1e-4)
        val_expected, _ = reference.evaluate(X, y, **options)
        reset_states(reference)
        assert val_loss == pytest.approx(val_expected, rel=1e-4)


def test_the_schedule_of_the_guide_is_the_decay_of_keras_2():
    code = re.search(r"`(keras\.optimizers\.schedules\..*?)` as `learning_rate`", GUIDE)
    schedule = eval(code[1], {"keras": keras, "lr": 0.1, "decay": 0.5})
    for step in 0, 1, 3:
        assert float(schedule(step)) == pytest.approx(0.1 / (1 + 0.5 * step))


@eagerly()
def test_a_trained_layer_of_the_guide_keeps_its_weights_in_burn_in(run):
    softmax = Dense(2, activation="softmax")
    model = sequential(LSTM(2), softmax, shape=(None, 3, 100))
    names = {"model": model, "BurnIn": BurnIn, "keras": keras, "N": 4, "STEPS": 3}
    longer = run(WRAP, names)["longer"]
    assert longer.input_shape == (None, 7, 100)
    before = weights(model)
    assert np.array_equal(weights(longer), before)
    longer.fit(np.ones((2, 7, 100)), np.eye(2)[[0, 0]], verbose=0)
    assert not np.array_equal(weights(longer), before)  # It is trained on,
    assert np.array_equal(weights(model), before)  # and the old network is not.
    run(COPY, {"longer": longer, "model": model})
    assert np.array_equal(weights(longer), before)


def test_an_rnn_of_cells_takes_the_weights_of_two_layers():
    layers_ = sequential(LSTM(3, return_sequences=True), LSTM(3))
    cells = sequential(RNN([LSTMCell(3), LSTMCell(3)]))
    cells.set_weights(layers_.get_weights())
    X = np.random.normal(size=(2, 3, 4))
    expected = layers_.predict_on_batch(X)
    np.testing.assert_allclose(cells.predict_on_batch(X), expected, atol=1e-6)


def test_windows_of_several_features_are_made_as_the_guide_says():
    code = re.search(r"`(np\.lib\S+\(values, LONGEST, axis=0\).*?)`", GUIDE)[1]
    values = np.arange(20).reshape(10, 2)
    windows = eval(code, {"np": np, "values": values, "LONGEST": 3})
    assert windows.shape == (8, 3, 2)
    assert np.array_equal(windows[4], values[4:7])


def test_a_stateful_network_is_checked_by_a_copy(run, capsys):
    stateful_model = sequential(LSTM(3, stateful=True), Dense(1), shape=(8, 4, 1))
    copy = sequential(LSTM(3), Dense(1), shape=(None, 4, 1))
    copy.set_weights(stateful_model.get_weights())
    X = np.lib.stride_tricks.sliding_window_view(VALUES, 4)[:, :, None]
    run(CHECK, {"model": copy, "X": X, "y": X[:, -2]})
    assert len(re.findall(r"(?m)^.+: [\d.]+$", capsys.readouterr().out)) == 3


@eagerly()
def test_y_without_the_first_steps_of_a_burn_in_fits():
    burn_in = BurnIn(LSTM(2, return_sequences=True), 2)
    model = sequential(burn_in, Dense(1), shape=(None, 5, 4))
    model.compile("sgd", "mse")
    X, y = np.ones((6, 5, 4)), np.arange(30).reshape(6, 5, 1)
    shorter = eval(re.search(r"first `N` steps: `(.*?)`", GUIDE)[1], {"y": y, "N": 2})
    np.testing.assert_array_equal(shorter, y[:, 2:])
    model.fit(X, shorter, verbose=0)
    with pytest.raises((ValueError, tf.errors.InvalidArgumentError)):
        model.fit(X, y, verbose=0)


@eagerly()
def test_burn_in_by_hand_of_the_guide_leaves_the_zero_state(run):
    model, X, y = of_the_guide()
    names = {"model": model, "before": X[:8], "X": X[:8], "y": y[:8]}
    run(BY_HAND, {**names, "reset_states": reset_states})
    assert all(np.any(state) for state in states(model))


@pytest.mark.parametrize("guided", [False, True])
@pytest.mark.parametrize(
    ("name", "row"),
    [("Adam", "first step of Adam .*"), ("RMSprop", "the same with RMSprop")],
)
@eagerly()
def test_first_step_with_equal_ids_is_as_in_the_table(run, name, row, guided):
    code = EQUAL_IDS.replace("Adam", name)
    optimizer = run(code, {})[name] if guided else getattr(keras.optimizers, name)
    model = sequential(Embedding(3, 2), layers.Flatten(), Dense(1), shape=(32, 1))
    model.compile(optimizer(0.001), "mse", run_eagerly=True)
    before = model.get_weights()[0]
    model.train_on_batch(np.zeros((32, 1), "int32"), np.ones((32, 1)))
    step = np.abs(model.get_weights()[0] - before).max() / 0.001
    times = re.search(rf"{row} \| ([\d.]+) times the rate \| ([\d.]+) times", GUIDE)
    assert step == pytest.approx(float(times[1 if guided else 2]), abs=0.01)


def test_optimizer_of_the_guide_leaves_weights_without_a_gradient(run):
    used, unused = keras.Variable([1.0]), keras.Variable([1.0])
    with pytest.warns(UserWarning, match="Gradients do not exist"):
        run(EQUAL_IDS, {})["Adam"](0.5).apply([tf.ones(1), None], [used, unused])
    assert used.numpy() == pytest.approx([0.5], rel=1e-4)
    assert unused.numpy() == [1]
