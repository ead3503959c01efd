"""reading_on.py: what it says of a network is right on the given values, or it refuses."""

import functools
import random
import re
import warnings
from tempfile import TemporaryDirectory

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, losses, ops
from keras.layers import GRU, LSTM, Dense, SimpleRNN

from tests.porting import reading_on
from tests.porting.reading_on import check, live_of, reader_of, windows_and_answers
from tests.porting.stateful import reset_states
from tests.shared import JOBS, eagerly, sequential, states

STEPS, RNG = 3, np.random.default_rng(5)
VALUES = RNG.normal(size=(9, 1))
IDS = 10**9 + RNG.integers(1, 9, 9)
MASKED = VALUES.copy()
MASKED[[0, 2, 6, 7]] = -9
MANY = {"return_sequences": True}

pytestmark = pytest.mark.usefixtures("seed", "eager")


@pytest.fixture
def eager():
    """Let TensorFlow compile nothing: for a few batches, this is faster."""
    with eagerly():
        yield
    keras.config.set_dtype_policy("float32")


@pytest.fixture
def keras_words():
    """Let errors of Keras have their usual words."""
    keras.config.enable_traceback_filtering()
    yield
    keras.config.disable_traceback_filtering()


def chain(*parts, batch_size=None, steps=STEPS):
    return sequential(*parts, shape=(batch_size, steps, 1))


def of_last_value(*parts, steps=STEPS):
    return chain(layers.Lambda(lambda x: x[:, -1]), *parts, steps=steps)


def each_value(model):
    """Return a reader by hand of a network that of_last_value has made: a fast one."""
    _, dense = model.layers
    return chain(Dense.from_config(dense.get_config()), steps=None)


def functional(graph, shape=(STEPS, 1), dtype=None, network=keras.Model):
    inputs = keras.Input(shape, dtype=dtype)
    return network(inputs, graph(inputs))


class Times(layers.Layer):
    factor, states = 1, "no state of a recurrent layer"

    def build(self, shape):
        self.calls = self.add_weight(shape=(), initializer="zeros", trainable=False)

    def call(self, x):
        self.calls.assign_add(1)
        return self.factor * x


class FromOnes(layers.SimpleRNNCell):
    def get_initial_state(self, batch_size=None):
        return [ops.ones((batch_size, self.units))]


class OfThree(SimpleRNN):  # Only its arguments are its own.
    def __init__(self):
        super().__init__(3)


class Halves(SimpleRNN):
    def call(self, sequences, initial_state=None, mask=None, training=False):
        return super().call(sequences, initial_state, mask, training) / 2

    call.__module__ = "keras_of_mine"  # not one of Keras


class Forgets(SimpleRNN):  # From the second step on, its first state has no effect.
    def inner_loop(self, sequences, initial_state, mask, training=False):
        states = [state + 1e4 for state in initial_state]
        return super().inner_loop(sequences, states, mask, training)

    inner_loop.__module__ = None  # as if `exec` had run this file


class Late(layers.Conv1D):  # It answers zero to the first step.
    def call(self, x):
        answers = super().call(x)
        return (
            answers * ops.cast(ops.arange(ops.shape(x)[1]) > 0, x.dtype)[:, np.newaxis]
        )


@keras.saving.register_keras_serializable()
class Coder(keras.Model):  # It has no call of its own.
    pass


class OwnCall(keras.Sequential):
    def call(self, x, training=None, mask=None):
        return super().call(x) ** 2


class OwnGraph(keras.Model):
    def call(self, x, training=None, mask=None):
        return super().call(x) ** 2


class Around(layers.Layer):
    def __init__(self, *parts):
        super().__init__()
        self.parts, self.supports_masking = list(parts), True

    def call(self, x, mask=None, training=True):
        if mask is not None or training:
            x = 2 * x
        for part in self.parts:
            x = part(x)
        return x + 1


class Weighed(Around):
    def build(self, shape):
        self.weight = self.add_weight((), initializer="ones", trainable=False)

    def call(self, x):
        return ops.clip(super().call(x), -self.weight, self.weight)


class InTensorFlow(Around):  # Symbols of Keras cannot run through it.
    def build(self, shape):
        self.calls = self.add_weight(shape=(), initializer="zeros", trainable=False)

    def call(self, x):
        self.calls.assign_add(1)
        return tf.identity(super().call(x))


keras.utils.set_random_seed(1)
CHANGED, ADAPTED, LOOKUP = (
    Times(),
    layers.Normalization(),
    layers.IntegerLookup(),
)
CHANGED.factor = 3
ADAPTED.adapt(5 + 3 * VALUES)
LOOKUP.adapt(IDS)


def encoder():
    """Return a network of two inputs and two outputs."""
    x = {name: keras.Input((None, 2), name=name) for name in ("steps", "more")}
    shared = Dense(2)
    steps = shared(x["steps"]) * x["more"]
    last = layers.Flatten()(SimpleRNN(2, **MANY)(steps)[:, -1:])
    return Coder([x["steps"], x["more"]], {"steps": steps, "last": shared(last)})


def many_layers(x):
    x = layers.Concatenate()([Dense(2, "tanh")(x), x + np.ones(1)])
    x = layers.RNN([layers.SimpleRNNCell(3), layers.SimpleRNNCell(2)], **MANY)(x)
    coded = encoder()([x, x + 1])
    x = Dense(3)(layers.LayerNormalization()(coded["steps"]))
    layer = SimpleRNN(3, return_state=True, **MANY)
    all_of_it, state = layer(layer(x)[0])
    *_, second_state = LSTM(2, return_state=True)(x)
    both = [all_of_it[:, -1], coded["last"], second_state]
    both = layers.Concatenate()(both)
    both_ways = layers.Bidirectional(SimpleRNN(2, unroll=True, **MANY))
    decoder = both_ways(layers.RepeatVector(2)(both))
    decoder = SimpleRNN(3, unroll=True, **MANY)(decoder, initial_state=state)
    return Dense(2)(decoder)


THREE_TIMES = layers.Lambda(lambda x, by: by * x, arguments={"by": 3})


def branches(x):
    x = layers.Reshape((STEPS, -1))(
        ops.reshape(layers.Reshape((-1, 1))(x), (-1, STEPS, 1))
    )
    x = sequential(ADAPTED, THREE_TIMES, shape=(None, None, 1))(x)
    all_of_it = SimpleRNN(3, ops.sin, **MANY)(x)
    last = layers.Lambda(lambda x: x[:, -1])(all_of_it)
    coded = layers.RNN([FromOnes(2, "relu"), layers.GRUCell(2)])(x)
    both = [coded, last, last * x[:, -1, :1], layers.Flatten()(all_of_it[:, -1:, :2])]
    both.append(layers.Flatten()(all_of_it[:, -3:-1]))
    both = layers.Concatenate(axis=1)(both)
    return layers.Softmax()(Dense(2)(both))


def classes(x):
    small = layers.TimeDistributed(layers.Lambda(lambda x: x - 10**9 - 1))
    word = small(x[..., np.newaxis])  # one at each step
    both = [LOOKUP(x), word[..., 0]]
    words = layers.Embedding(10, 4, mask_zero=True)(word)
    one_hot = layers.CategoryEncoding(10, "one_hot")
    embedded = [layers.Embedding(10, 4)(ids) for ids in both]
    both = [one_hot(word), one_hot(word[..., 0]), *embedded]
    both.append(ops.tanh(layers.TimeDistributed(SimpleRNN(2))(words)))
    both.append(ops.take(np.eye(9), ops.cumsum(word[..., 0] > 3, axis=1), axis=0))
    x = layers.Concatenate()(both)
    x = OfThree()(x)
    return Dense(9000, "softmax")(x + x)


STATEFUL = (
    SimpleRNN(3, stateful=True, **MANY),
    layers.RNN(layers.SimpleRNNCell(2), stateful=True),
)
DROPS = layers.LSTMCell(3, dropout=0.5), layers.SimpleRNNCell(3, recurrent_dropout=0.5)
ALMOST_300 = Dense(
    1,
    kernel_initializer=keras.initializers.Constant(1e-4),
    bias_initializer=keras.initializers.Constant(-300),
)
NEAR_300 = Dense(2, bias_initializer=keras.initializers.Constant(300))
EACH = layers.TimeDistributed(sequential(Dense(2), shape=(None, 1)))
AHEAD = (
    layers.Flatten(),
    layers.Dropout(0.5),
    CHANGED,
    Dense(6),
    OwnCall([Dense(6)]),
    layers.Reshape((2, -1)),
)


FAINT, GROWS = keras.initializers.Constant(1e-5), keras.initializers.Constant(9)


class NoConfig(layers.Layer):
    def __init__(self, function):
        super().__init__()
        self.call = function


class Doubles(layers.SimpleRNNCell):
    def call(self, x, states, training=False):
        output, states = super().call(x, states)
        return 2 * output, states


def masks(x):
    zero_output = GRU(2, zero_output_for_mask=True)
    inner = sequential(SimpleRNN(2, **MANY), zero_output, shape=(None, None, 1))
    inner.supports_masking = True
    own = inner(NoConfig(ops.negative)(x), mask=x[..., 0] < 0)
    # Like all layers that change pictures, this one has the default training=True.
    frames = layers.RandomBrightness(0.5)(x[..., np.newaxis])
    frames = layers.ConvLSTM1D(1, 1)(frames, None, x[..., 0] > -9)
    x = layers.Masking(-9)(x)
    x = layers.Lambda(ops.tanh, mask=lambda x, mask: mask)(x)
    x = layers.RNN(Doubles(2), return_state=True)(
        LSTM(2, **MANY)(x, mask=x[..., 0] < 0.5)
    )
    return layers.Concatenate()([own, layers.Flatten()(frames), *x])


def own_code(x):
    x = layers.Lambda(lambda x: x - x[:, 0:1] / 2)(x)
    x = Around(Around(SimpleRNN(2, **MANY)), InTensorFlow())(x)
    x = OwnCall([layers.RNN(FromOnes(2))])(x)
    return InTensorFlow(Dense(2))(x)


def earlier_steps(x):
    x = layers.SpectralNormalization(Dense(1))(x - x[:, :1] / 2)
    x = x * ops.pad(x, [[0, 0], [1, 0], [0, 0]], constant_values=2)[:, :-1]
    x = layers.Conv1D(3, 2, dilation_rate=2, padding="causal", activation="tanh")(x)
    x = layers.Conv1D(2, 2)(layers.ZeroPadding1D((1, 0))(x))
    x = ops.cumsum(x, axis=1) / ops.cumsum(ops.ones_like(x), axis=-2)
    x = ops.cumsum(x[..., np.newaxis], axis=-2)[..., 0]  # sums over features
    first = Dense(2)(x[:, 0])
    x = layers.Conv1D(2, 1, padding="causal")(inputs=x)
    x = SimpleRNN(2)(sequences=x, initial_state=first)
    x, _ = layers.SimpleRNNCell(2)(x, states=[x])
    one_ahead = SimpleRNN(2, **MANY)(layers.RepeatVector(1)(x))
    return layers.Conv1D(2, 2, padding="causal")(one_ahead)


ANY_LENGTH = {
    "layers": many_layers,
    "masks": masks,
    "own code": own_code,
    "earlier steps": earlier_steps,
}
RIGHT = {
    "layers": lambda: functional(many_layers),
    "steps ahead": lambda: chain(EACH, layers.RNN(DROPS), *AHEAD),
    "masks": lambda: functional(masks),
    "own code": lambda: functional(own_code),
    "earlier steps": lambda: functional(earlier_steps),
    "branches": lambda: functional(branches, (STEPS,)),
    "classes": lambda: functional(classes, (STEPS,), "int64"),
    "stateful": lambda: chain(
        sequential(STATEFUL[0], shape=(4, None, 1)),
        STATEFUL[1],
        NEAR_300,
        batch_size=4,
    ),
}


def from_zero(network, X):
    """Return the answers of a network to some windows, each from a zero state."""
    reset_states(network)
    return np.array(network(X, training=False), "float64")


def live_like(reader):
    """Return the live network that live_of makes of a reader's cell, without its comparisons."""
    (layer,) = [part for part in reader.layers if isinstance(part, layers.RNN)]
    return reading_on._network_of(layer.cell, (4, 1), stateful=True)


def assert_near(answers, others):
    assert np.shape(answers) == np.shape(others)
    assert np.abs(answers - others).max() < 1e-3 * others.std(axis=0).max()


@eagerly()
def compare_readers(kind):
    """Compare the readers of a network with it. (This runs in the second process.)"""
    warnings.filterwarnings("error", ".*(OneStep|Functional).*destroy the mask")
    keras.utils.set_random_seed(1)
    model = RIGHT[kind]()
    values = {"classes": IDS, "branches": VALUES[:, 0], "masks": MASKED}
    values = values.get(kind, VALUES)
    longer = windows_and_answers([(values, values)], 5)[0][:4]
    X = longer[:, :STEPS]
    # To save this loss with a reader, Keras would ask for its code.
    model.compile("adam", lambda right, answers: ops.mean((right - answers) ** 2, -1))
    model.optimizer.build(model.trainable_variables)
    if kind == "stateful":  # A call leaves a state.
        model.predict_on_batch(X)

    def all_of_it():
        nodes = [len(layer._inbound_nodes) for layer in model._flatten_layers()]
        if kind == "own code":  # Nodes are added when it is opened.
            nodes = []
        drawn = random.getstate(), np.random.get_state()[1].tolist()
        arrays = [*model.variables, *model.optimizer.variables, *states(model)]
        return nodes, drawn, [np.array(array).tolist() for array in arrays]

    before = all_of_it()
    reader = reader_of(model, values)
    if kind == "stateful":  # A reader is a network, too.
        live = live_of(reader, values[:4], STEPS, np.int64(4))
    else:
        live = live_like(reader)
    assert all_of_it() == before
    assert not (reader.compiled or live.compiled)
    assert len(reader.get_weights()) == len(model.get_weights())
    answers = np.array(reader(longer, training=False), "float64")
    assert_near(answers[:, STEPS - 1], from_zero(model, X))
    if kind in ANY_LENGTH:  # The same network for longer windows answers alike.
        of_five = functional(ANY_LENGTH[kind], (5, 1))
        of_five.set_weights(model.get_weights())
        assert_near(answers[:, -1], from_zero(of_five, longer))
    for seen in 2, 1:
        found = [live.predict_on_batch(longer[:, [step]]) for step in range(seen)]
        assert_near(np.concatenate(found, axis=1), answers[:, :seen])
        reset_states(live)
    if kind == "stateful":  # A reader trains on, and the model with it,
        reader.compile("sgd", "mse")
        reader.train_on_batch(longer, answers + 1)
        answers, before = np.array(reader(longer), "float64"), answers
        assert answers.mean() > before.mean()
        assert_near(answers[:, STEPS - 1], from_zero(model, X))
    if kind == "earlier steps":  # and is saved.
        with TemporaryDirectory() as folder:
            reader.save(f"{folder}/reader.keras")
            loaded = keras.models.load_model(f"{folder}/reader.keras")
        assert_near(np.array(loaded(longer)), answers)
    if kind == "steps ahead":  # In training, it drops values.
        dropped = [np.array(reader(longer[:n], training=True)) for n in (4, 1)]
        assert np.abs(dropped[0] - answers).max() > 1e-3
        assert dropped[1].shape == answers[:1].shape
        # Compiled, it must take any length, too.
        tf.config.run_functions_eagerly(False)
        for seen in 5, 4:
            assert_near(reader.predict_on_batch(longer[:, :seen]), answers[:, :seen])


for kind in RIGHT:
    JOBS[f"readers: {kind}"] = compare_readers, kind


@pytest.mark.parametrize("kind", RIGHT)
def test_readers_answer_as_the_network_does_and_leave_it_alone(kind, result_of):
    result_of(f"readers: {kind}")


def test_a_reader_is_as_exact_as_the_network():
    keras.config.set_dtype_policy("mixed_float16")  # Readers are made under it, too.
    single = {"dtype": "float32"}
    scale = layers.Lambda(lambda x: x / 1e4, **single)
    both = layers.Concatenate(**single)
    matrix = layers.Reshape((2, 1), **single)
    model = functional(lambda x: matrix(both([x[:, -1], GRU(1, **single)(scale(x))])))
    reader, X = reader_of(model, 1e4 * VALUES), 1e6 * VALUES[np.newaxis, :STEPS]
    assert np.array_equal(reader(X)[:, -1], model(X))
    assert live_of(model, 1e4 * VALUES).input_shape == (1, 1, 1)
    # Sums are not kept in 16 bits, where 2048 + 1 is 2048.
    sums = functional(lambda x: ops.cumsum(Dense(1, kernel_initializer="ones")(x), 1))
    ones = np.append(2048, np.ones(9))[np.newaxis, :, np.newaxis]
    assert reader_of(sums, VALUES)(ones)[0, -1] > 2050


def after(first):
    """Return a network of a first layer and a SimpleRNN."""
    return functional(lambda x: SimpleRNN(2)(first(x)))


def clipped_by_a_weight(layer):
    """Return a network with a layer of ours that uses a weight of a layer in it."""

    def clip(x):
        bound = ops.max(layer.cell.kernel)
        return ops.clip(x, -bound, bound)

    return after(Around(layer, clip))


def forgetful(first):
    """Return a network that forgets soon: what it does at the first step hardly shows."""
    weak = keras.initializers.Constant(0.05)
    return functional(lambda x: SimpleRNN(2, recurrent_initializer=weak)(first(x)))


def in_pairs(x):
    """Add the next value to each second one: only at some steps, this reads ahead."""
    following = ops.pad(x, [[0, 0], [0, 1], [0, 0]])[:, 1:]
    is_second = ops.arange(ops.shape(x)[1])[:, np.newaxis] % 2 == 1
    return x + ops.where(is_second, following, 0)


def pooled_features(x):
    """Return the greater one of two equal features: this pools no time steps."""
    pairs = ops.repeat(x, 2, axis=-1)[..., np.newaxis]
    return layers.MaxPooling2D((1, 2))(pairs)[..., 0]


def near_zero(x):
    """Return a logarithm: of 0, it is finite with these weights, and nan with smaller ones."""
    x = 100 * ops.abs(x[:, -2:])
    high = Dense(1, bias_initializer=keras.initializers.Constant(9))(0 * x)
    return layers.Flatten()(ops.log(x + high - 8.9))


def every_second(x):
    return SimpleRNN(2, **MANY)(x)[:, ::2]


SMALL = int(IDS.max()) - 10**9  # the highest of these ids
# Of each network that is refused, the reason that the message must give.
REFUSED = {
    "all at once": (  # After an EinsumDense, Keras does not know the number of steps.
        lambda: chain(
            layers.Conv1D(1, 2, padding="causal"),
            layers.EinsumDense("abc,cd->abd", (None, 2)),
            layers.Bidirectional(SimpleRNN(2)),
        ),
        "^(?!.*(conv1d|einsum)).*'bidirectional.* both directions",
    ),
    "backwards": (  # The embedding gets other ids than the given values.
        lambda: functional(
            lambda x: SimpleRNN(2, go_backwards=True)(
                layers.Embedding(4, 2)(layers.Discretization([-1, 0, 1])(x[..., 0]))
            )
        ),
        "^(?!.*embedding).*'simple_rnn.* backwards",
    ),
    "ahead in a block": (
        lambda: chain(
            layers.AveragePooling1D(2), layers.UpSampling1D(2), SimpleRNN(2), steps=4
        ),
        "'average_pooling.* pools",
    ),
    "pairs": (
        lambda: after(layers.Lambda(in_pairs)),
        "on windows, .* output.* 'lambda.* code of yours:",
    ),
    "all steps": (
        lambda: chain(
            layers.TimeDistributed(layers.Flatten()), layers.Flatten(), Dense(2)
        ),
        "^[^']* cannot [^']* 'flatten[^']*' flattens [^']*error: Input",
    ),
    "convolution": (
        lambda: after(functional(layers.Conv1D(2, 2, padding="same"), network=Coder)),
        "^(?!.*coder).*'conv1d.* causal",
    ),
    "attention": (
        lambda: functional(
            lambda x: Dense(2)(
                SimpleRNN(2, return_state=True)(
                    layers.Attention()([x[:, -1:], pooled_features(x)])
                )[1]
            )
        ),
        "^(?!.*(dense|pooling)).*'attention.* attends",
    ),
    "fewer steps": (  # What is harmless is not named.
        lambda: after(
            lambda x: layers.Cropping1D((1, 0))(
                layers.BatchNormalization()(x[:, :, :1][:, ..., :1])
                + x[:, -1][:, np.newaxis]
            )
        ),
        "^(?!.*(normalization|get_item)).*'cropping1d.* number of",
    ),
    "from the end": (  # (batch, steps, 1, 1) has axis 1 at -3.
        lambda: functional(
            lambda x: SimpleRNN(2)(
                layers.LayerNormalization(-3)(x[..., np.newaxis])[..., 0]
            )
        ),
        "'layer_normalization.* axis 1",
    ),
    "step by number": (
        lambda: functional(lambda x: SimpleRNN(2, **MANY)(x)[:, STEPS - 1]),
        "'get_item.* by their numbers.*error: slice[^{]*$",
    ),
    "faint output": (
        lambda: functional(
            lambda x: ops.concatenate(
                [
                    0 * x + 1e5,
                    100 * SimpleRNN(1, **MANY)(x) + ops.mean(x, 1, keepdims=True) / 10,
                    (x - ops.mean(x, 1, keepdims=True)) / 1e4,
                    0 * x,
                ],
                axis=-1,
            )
        ),
        r"output 2 by \S+, where it varies by \S+e-05",
    ),
    "a step less": (
        lambda: forgetful(lambda x: x[:, 1:] - x[:, :-1]),
        "'get_item.* by their",
    ),
    "a step more": (
        lambda: forgetful(lambda x: ops.concatenate([x[:, :1], x], axis=1)),
        "'concatenate.* axis 1",
    ),
    "from a later step": (
        lambda: functional(
            lambda x: GRU(2)(SimpleRNN(2, **MANY)(x, x[:, 1]), initial_state=x[:, 1])
        ),
        "'simple_rnn.* starts from a state.*'gru.* starts from a state",
    ),
    "ids": (
        lambda: sequential(
            layers.Embedding(SMALL, 2),
            SimpleRNN(2, stateful=True),
            shape=(1, STEPS),
        ),
        f"'embedding.* 0 to {SMALL - 1}, .* to {SMALL}.0; error: indices",
    ),
    "hardly varies": (lambda: chain(SimpleRNN(2), ALMOST_300), "scale"),
    "subclassed": (keras.Model, "keras.Input"),
    "from the last value": (
        lambda: after(lambda x: x - x[:, -1:]),
        "'get_item.* by their",
    ),
    "rows, of the last one": (
        lambda: after(layers.Lambda(lambda x: x - x[-1:])),
        "on windows, a reader",
    ),
    "rows, of the first one": (
        lambda: after(layers.Lambda(lambda x: x - x[:1])),
        "on windows, a reader",
    ),
    "nan": (  # of zeros before the first step
        lambda: functional(lambda x: layers.Flatten()(ops.log(ops.abs(x[:, -2:])))),
        "^(?!.*missing).*reader answers nan.* 'get_item",
    ),
    "nan with other weights": (lambda: functional(near_zero), "reader answers nan"),
    "every second step": (  # The network with its own call takes no longer windows.
        lambda: functional(
            lambda x: functional(every_second, network=OwnGraph)(x)[:, -1]
        ),
        "longer windows.* 'own_graph.* code of yours.*'get_item[^']*' takes[^']*$",
    ),
    "answers of each step": (
        lambda: chain(SimpleRNN(2, **MANY), layers.Conv1D(2, 2, padding="same")),
        "'conv1d.* causal",
    ),
    "own call of a layer": (
        lambda: after(Halves(2, **MANY)),
        "'halves.* code of yours that calls more",
    ),
    "own code with a weight": (
        lambda: after(Weighed(SimpleRNN(2, **MANY))),
        "'weighed.* code of yours that uses weights",
    ),
    "hidden by a tiny scale": (
        lambda: functional(
            lambda x: (
                SimpleRNN(2)(x)
                + Dense(2, kernel_initializer=FAINT)(layers.GlobalMaxPooling1D()(x))
            )
        ),
        "with other weights.*'global_max_pooling1d' pools",
    ),
    "own code with a bound": (  # which is not trained for now, perhaps
        lambda: clipped_by_a_weight(SimpleRNN(2, trainable=False, **MANY)),
        "with other weights.*'around.* code of yours",
    ),
    "own code with a mask": (
        lambda: after(
            lambda x: Around()(x=Around(SimpleRNN(2, **MANY))(layers.Masking(-9)(x)))
        ),
        "'around[^']*' [^']* that asks .*'around[^']*' [^']* that asks",
    ),
    "own loop of a layer": (
        lambda: after(Forgets(2, "relu", recurrent_initializer=FAINT, **MANY)),
        "'forgets.* code of yours",
    ),
    "own convolution": (
        lambda: functional(lambda x: Late(2, 2, padding="causal")(x)[:, -1]),
        "'late.* code of yours",
    ),
    "one step": (
        lambda: chain(
            layers.Bidirectional(SimpleRNN(2, **MANY)),
            layers.Flatten(),
            Dense(2),
            steps=1,
        ),
        "one time step .*'bidirectional.* both directions.*error: Input",
    ),
}


@pytest.mark.filterwarnings("ignore:You are using a softmax")  # of one time step
@pytest.mark.parametrize("kind", REFUSED)
@pytest.mark.usefixtures("keras_words")
def test_a_reader_that_would_be_wrong_is_refused_in_a_line_that_says_why(kind):
    build, reason = REFUSED[kind]
    network = build()
    values = (IDS - 10**9).astype(float) if kind == "ids" else VALUES
    if kind == "ids":  # Compiled, TensorFlow says more of where it was.
        tf.config.run_functions_eagerly(False)
    for state in states(network):
        state.assign(ops.ones_like(state))
    before = network.get_weights()
    with pytest.raises(ValueError, match="^.+$") as refusal:
        live_of(network, values)
    assert re.search(reason, str(refusal.value))
    assert all(map(np.array_equal, network.get_weights(), before))
    assert all(np.all(state) for state in states(network))


# After an EinsumDense, Keras does not know the number of time steps.
EINSUM = functools.partial(layers.EinsumDense, "abc,cd->abd", (None, 1))
DENSE = functools.partial(Dense, 1)


@pytest.mark.parametrize(
    ("last", "each_step"),
    [(DENSE, False), (DENSE, True), (EINSUM, True)],
)
def test_a_window_may_have_one_time_step(last, each_step):
    model = chain(SimpleRNN(2, return_sequences=each_step), last(), steps=1)
    longer = chain(SimpleRNN(2, **MANY), last(), steps=len(VALUES))
    longer.set_weights(model.get_weights())
    answers = reader_of(model, VALUES)(VALUES[np.newaxis])[0]
    assert_near(np.array(answers), np.array(longer(VALUES[np.newaxis])[0]))


def test_few_windows_are_those_of_the_whole_sequence(monkeypatch):
    monkeypatch.setattr(reading_on, "MOST_WINDOWS", 10)
    monkeypatch.setattr(reading_on, "MOST_LONGER", 10)
    ahead = layers.Conv1D(2, 3, padding="same", activation="relu")
    model = functional(lambda x: SimpleRNN(2)(x) + ahead(x)[:, -1] / 1000)
    ahead.set_weights([np.ones((3, 1, 2)), np.full(2, -9)])
    values = RNG.normal(size=(30, 1))
    values[20:25] = 12  # Only these values show it, and in few answers.
    with pytest.raises(ValueError, match="'conv1d.* causal"):
        reader_of(model, values)


def test_many_recordings_that_begin_alike_are_compared_where_they_differ(monkeypatch):
    monkeypatch.setattr(reading_on, "MOST_WINDOWS", 4)
    model = chain(SimpleRNN(2), batch_size=1)
    recordings = [
        np.append(np.zeros(STEPS), VALUES[n % 8 : n % 8 + 2]) for n in range(4)
    ]
    pairs = [(values[:, np.newaxis], np.ones((5, 2))) for values in recordings]
    assert np.isfinite(check(model, pairs, {}, error="mse").loc["late", "on windows"])


def burn_in(x):
    layer, x = SimpleRNN(2, return_state=True), ADAPTED(x)
    _, state = layer(x[:, :2])
    return layer(x[:, 2:], initial_state=ops.stop_gradient(state))[0]


def test_a_reader_by_hand_gets_the_weights_and_is_compared():
    model = functional(burn_in)
    model.compile("adam", "mse")
    # (Of an even length: in_pairs is found after 4 values only, and `late` after 8.)
    sequences = VALUES[3:], VALUES[1:]
    pairs = [(values, np.repeat(values, 2, axis=1)) for values in sequences]
    # It gets the mean and the variance.
    scale = sequential(layers.Normalization(), shape=(None, None, 1))

    def by_hand(*last, **kind):
        return chain(scale, SimpleRNN(2, **kind, **MANY), *last, steps=None)

    before = model.get_weights()
    errors = check(model, pairs, {}, reader=by_hand())
    assert np.isfinite(errors.loc["late", "reading on"])
    assert all(map(np.array_equal, model.get_weights(), before))
    late = layers.Lambda(lambda x: x * ops.cast(ops.shape(x)[1] < 8, x.dtype))
    narrow = layers.Lambda(lambda x: x[..., :1])
    for reader, reason in [
        (by_hand(use_bias=False), "cannot take"),
        (by_hand(activation="relu"), "answers otherwise"),
        (by_hand(go_backwards=True), "'simple_rnn.* backwards"),
        (keras.Sequential([SimpleRNN(2)]), "cannot take"),  # It has no weights yet.
        (by_hand(late), "later values follow.* 'lambda"),
        (by_hand(layers.Lambda(in_pairs)), "later values follow.* 'lambda"),
        (by_hand(narrow), r"\(10, 1\), not \(10, 2\)"),
    ]:
        with pytest.raises(ValueError, match=f"^.* reader .*{reason}.*$"):
            check(model, pairs, {}, reader=reader)


@pytest.mark.parametrize("each_step", [False, True])
def test_errors_are_those_of_each_answer_at_the_same_time_steps(each_step, monkeypatch):
    monkeypatch.setattr(reading_on, "MOST_WINDOWS", 5)  # All are read all the same.
    layer = SimpleRNN(1, "linear", use_bias=False, return_sequences=each_step)
    model = chain(layer, steps=None if each_step else STEPS)
    model.set_weights([np.ones((1, 1)), np.ones((1, 1))])  # It answers with the sum.
    model.compile("adam", "mse")
    rising = VALUES + np.arange(9)[:, np.newaxis]
    stretches = [(VALUES, rising), (rising[:8], VALUES[:8]), (rising[:5], VALUES[:5])]
    found, by_number = [], []
    for values, right in stretches:
        squares = []
        for step in range(len(values)):
            seen = values[: step + 1]
            on_window = seen[-STEPS:].sum() if step >= STEPS - 1 else np.nan
            before = seen[-3, 0] if step >= 2 else np.nan
            long_ago = seen[-6, 0] if step >= 5 else np.nan  # not in 5 steps
            now = seen[-1, 0]
            ways = on_window, seen.sum(), 2 * now, now, before, long_ago, 0
            squares.append((np.array(ways, float) - right[step]) ** 2)
        late = squares[(len(values) + STEPS) // 2 :]
        found.append([np.mean(squares[:5], axis=0), np.mean(late, axis=0)])
        by_number.append(squares[:5])
    zeros = np.zeros((9, 1))
    naive = {
        "writes": lambda values: np.multiply(values, 2, out=values),
        "last": lambda values: values,
        "before": lambda values: values[:-2],
        "long ago": lambda values: values[:-5],
        "zero": lambda values: zeros[: len(values)],
    }
    if not each_step:
        errors = check(model, stretches, naive, steps=STEPS, by_number=True)
        assert errors.index.tolist() == [1, 2, 3, 4, 5]  # as many as all stretches have
        np.testing.assert_allclose(errors, np.mean(by_number, axis=0), rtol=1e-4)

    def error(right, answers):
        answers -= right  # A function may write into its arrays.
        right[:] = answers
        return np.square(right, out=right)  # of arrays, not of tensors

    errors = check(model, stretches, naive, steps=np.int64(STEPS), error=error)
    assert errors.index.tolist() == ["after 1 to 5", "late"]
    spread = np.std(found, axis=0, ddof=1)[:, 1] / np.sqrt(3)
    np.testing.assert_allclose(errors.pop("+/-"), spread, rtol=1e-4)
    assert errors.columns.tolist() == ["on windows", "reading on", *naive]
    np.testing.assert_allclose(errors, np.mean(found, axis=0), rtol=1e-4)


ONE_HOT = np.broadcast_to(np.eye(3)[IDS % 3], (9, 3))  # read-only
LOGITS = losses.CategoricalCrossentropy(from_logits=True)
SPARSE = losses.sparse_categorical_crossentropy
LOSSES = {
    "name": ("categorical_crossentropy", ONE_HOT),
    "logits": (LOGITS, ONE_HOT),
    "ids": ("sparse_categorical_crossentropy", IDS % 3),
    "partial": (functools.partial(SPARSE, axis=-1), IDS % 3),
}


@pytest.mark.parametrize("kind", LOSSES)
def test_the_error_is_the_loss_of_the_model(kind):
    loss, right = LOSSES[kind]
    model = of_last_value(Dense(3, "softplus" if kind == "logits" else "softmax"))
    model.compile("sgd", loss)
    X, y = windows_and_answers([(VALUES, right)], STEPS)
    errors = check(model, [(VALUES, right)], {}, reader=each_value(model))
    late = model.evaluate(X[-3:], y[-3:], verbose=0)  # values 7 to 9
    assert errors.loc["late", "on windows"] == pytest.approx(late, rel=1e-4)


def test_a_mistake_is_an_error_that_says_what_is_wrong(monkeypatch):
    model, any_length = of_last_value(Dense(3)), of_last_value(Dense(3), steps=None)
    for network in model, any_length:
        network.compile("adam", LOGITS)
    pair = VALUES, ONE_HOT

    def fails(says, network=model, pairs=(pair,), naive=None, **options):
        with pytest.raises(ValueError, match=f"^.*{says}.*$"):
            check(network, pairs, naive or {}, **options)

    def errors_fail(says, network=model, *args, **options):
        fails(says, network, *args, reader=each_value(network), **options)

    def one_more(values):
        return np.ones((len(values) + 1, 3)) / 3

    one, number = keras.Input((STEPS, 1)), keras.Input(())
    two = keras.Model([one, keras.Input((STEPS, 1))], one), keras.Model(one, [one, one])
    for network in *two, keras.Model(number, number):
        fails("one keras.Input", network)
    wide = np.repeat(VALUES, 2, axis=1)
    fails("list of pairs", pairs=pair)
    fails("list of pairs", pairs=[])
    fails(r"\(9, 1\).*\(8, 3\)", pairs=[(VALUES, ONE_HOT[1:])])
    fails(r"\(8, 1\).*\(9, 3\)", pairs=[(VALUES[1:], ONE_HOT)])
    fails(r"\(3, 1\).* of 3 ", pairs=[pair, (VALUES[:3], ONE_HOT[:3])])
    fails(r"\(None, 3, 1\).*, 3, 2\)", pairs=[(wide, ONE_HOT)])
    errors_fail(r"\(7, 3\).*\(7, 2\)", pairs=[(VALUES, ONE_HOT[:, :2])])
    errors_fail(r"\(7, 3\).*\(7,\)", pairs=[(VALUES, IDS)])
    for values, right in [(3.0, 3.0), (VALUES[:, 0], ONE_HOT)]:
        fails(r"values \(.*\): 2 axes", pairs=[(values, right)])
    errors_fail(r"last.*\(9, 1\).*\(9, 3\)", naive={"last": np.copy})
    taken = {"reading on": np.copy}, {"+/-": np.copy}
    for wrong in np.copy, {"mean": 1.0}, {"mean": VALUES}, *taken:
        fails("naive: a dict", naive=wrong)
    errors_fail(r"last.*\(\), .*\(9, 3\)", naive={"last": lambda values: None})
    softmax = of_last_value(Dense(3, "softmax"))
    softmax.compile("adam", losses.SparseCategoricalCrossentropy(ignore_class=0))
    fails("leaves out a class", softmax, [(VALUES, IDS % 3)])
    fails("steps=9: 3 ", steps=9)
    ahead = chain(layers.Conv1D(2, 2, padding="same"), SimpleRNN(3), steps=None)
    fails("'conv1d.* causal", ahead, steps=3, error="mse")
    last_five = layers.Lambda(lambda x: ops.flip(ops.flip(x, 1)[:, :5], 1))
    forgets = chain(last_five, SimpleRNN(3), steps=None)
    short = VALUES[:4], ONE_HOT[:4]
    fails("longer windows.* 'lambda", forgets, [short, pair], steps=3, error="mse")
    last_three = functional(lambda x: SimpleRNN(3)(x[:, -3:]), (None, 1))
    fails(r"x\[:, -3:\] needs windows", last_three, steps=3, error="mse")
    last_four = functional(lambda x: SimpleRNN(3)(x[:, -4:]))  # of three
    fails(r"x\[:, -4:\] needs windows", last_four, error="mse")
    for steps in None, "8":
        fails(f"steps={steps!r}: a whole number", any_length, steps=steps)
    fails("error=", of_last_value(Dense(3)))
    fails("'mse'.* error=", error={"lambda": "mse"})
    errors_fail("error=", error=lambda right, answers: np.abs(right - answers).mean())
    flat = [(VALUES, VALUES[:, 0])]  # not (9, 1)
    one = of_last_value(Dense(1))
    errors_fail(
        r"\(7, 1\).*\(7,\)",
        one,
        flat,
        error=lambda right, answers: np.abs(right - answers).mean(axis=-1),
    )
    each = [(VALUES, VALUES)]
    errors_fail(r"errors are \(7, 7\)", one, each, error=lambda y, yhat: y[:, 0] - yhat)
    with pytest.raises(ValueError, match="^batch_size=0: "):
        live_of(model, VALUES, batch_size=0)
    with monkeypatch.context() as patch:  # What is not compared may be wrong, too.
        patch.setattr(reading_on, "MOST_WINDOWS", 2)
        of_ids = functional(lambda x: SimpleRNN(2)(layers.Embedding(2, 2)(x)), (STEPS,))
        ids = np.arange(20) % 2 - 7 * (np.arange(20) == 10)
        right = np.zeros((20, 2))
        fails("'embedding.* 0 to 1, .* -7 to 1", of_ids, [(ids, right)], error="mse")
    logarithm = of_last_value(layers.Lambda(lambda x: ops.log(ops.abs(x))))
    zeros = np.where(VALUES > 0, VALUES, 0)
    fails("infinity", logarithm, [(zeros, VALUES)], error="mse")
    ids, high = [(VALUES, IDS % 3)], [(VALUES, IDS % 3 + 7)]
    for says, pairs, naive in [
        (r"more: \(10, 3\), but right is \(9,\)", ids, {"more": one_more}),
        (r"\(7, 3\), but right is \(7, 1\)", [(VALUES, IDS[:, np.newaxis] % 3)], {}),
        ("on windows: .*error: .* label value of [789]", high, {}),
    ]:
        errors_fail(
            says, softmax, pairs, naive, error="sparse_categorical_crossentropy"
        )
    fails("nan", pairs=[(np.where(VALUES == VALUES[8], np.nan, VALUES), ONE_HOT)])


def test_what_is_unusual_is_no_mistake():
    model = of_last_value(Dense(1))
    late = np.where(VALUES == VALUES[0], np.nan, VALUES)  # no first right answer
    stretches = 2 * [(np.ones((12, 1)), np.ones((12, 1)))] + [(VALUES, late)]
    naive = {"last": lambda values: values, "far": lambda values: values[:-10]}
    naive["few"] = lambda values: values[-2:]
    reader = each_value(model)
    errors = check(model, stretches, naive, error="mae", reader=reader)
    assert np.isnan(errors.loc["after 1 to 5"]).sum() == 6
    assert np.isnan(errors.loc["late"]).tolist() == 4 * [False] + 2 * [True]
    expected = check(model, stretches, naive, None, losses.mean_absolute_error, reader)
    np.testing.assert_allclose(errors, expected, rtol=1e-5)
    # An own error for ids may be one of each output.
    several = of_last_value(Dense(3))
    of_ids = [(VALUES, IDS % 3)]
    reader = each_value(several)
    squares = check(
        several,
        of_ids,
        {},
        error=lambda ids, y: (np.eye(3)[ids] - y) ** 2,
        reader=reader,
    )
    expected = check(several, [(VALUES, ONE_HOT)], {}, error="mse", reader=reader)
    np.testing.assert_allclose(squares, expected, rtol=1e-5)
    # An answer may be one number.
    parts = keras.Input((STEPS, 1)), SimpleRNN(2), layers.Lambda(lambda x: x[:, 0])
    number, X = OwnCall(parts), VALUES[np.newaxis, :STEPS]
    listed = VALUES.tolist()
    reader, live = reader_of(number, listed), live_of(number, listed)
    assert len(reader.output_shape) == len(live.output_shape) == 2
    answer = reader.predict_on_batch(X)[:, -1]
    assert answer == pytest.approx(np.array(number(X)), rel=1e-5)
    # One longer window shows no deviation of answers.
    almost = layers.Lambda(lambda x: x + 1e-5 * x.shape[1])
    reader_of(after(almost), VALUES[: STEPS + 1])
    # With a smaller bias, this network answers nan.
    high = Dense(1, bias_initializer=keras.initializers.Constant(9))
    logarithm = layers.Lambda(lambda x: ops.log(x - 7))
    reader_of(chain(SimpleRNN(1), high, logarithm), VALUES)
    # Answers may grow without end.
    grows = functools.partial(SimpleRNN, 1, "relu", True, "ones", GROWS)
    positive = np.abs(VALUES)
    reader = chain(grows(return_sequences=True), steps=None)
    for by_hand in None, reader:
        errors = check(chain(grows()), [(positive, positive)], {}, None, "mse", by_hand)
        assert errors.loc["late", "reading on"] > 1e12


def test_recordings_give_windows_of_their_own():
    pairs = [(np.full((n, 1), n), np.arange(n)[:, np.newaxis]) for n in (4, 5, 7)]
    X, y = windows_and_answers(iter(pairs), 4)
    assert X[:, :, 0].tolist() == [[4] * 4] + [[5] * 4] * 2 + [[7] * 4] * 4
    assert y[:, 0].tolist() == [3, 3, 4, 3, 4, 5, 6]
    _, each = windows_and_answers(pairs, 4, each_step=True)
    assert each.shape == (7, 4, 1) and each[:, 0, 0].tolist() == [0, 0, 1, 0, 1, 2, 3]
    with pytest.raises(ValueError, match=r"^.*\(4, 1\).* 5 .*$"):
        windows_and_answers(pairs, 5)
