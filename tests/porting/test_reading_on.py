"""reading_on.py: what it says of a network is right on the given values, or it refuses."""

import contextlib
import functools
import re

import keras
import numpy as np
import pytest
import reading_on
import tensorflow as tf
from keras import layers, losses, ops
from keras.layers import GRU, LSTM, Dense, SimpleRNN
from reading_on import check, live_of, windows_and_answers
from stateful import reset_states

from tests.shared import JOBS, eagerly, sequential

STEPS, RNG = 3, np.random.default_rng(5)
VALUES = RNG.normal(size=(12, 1))
MASKED = np.where(np.arange(12)[:, np.newaxis] % 5 > 2, -9, VALUES)
IDS = RNG.integers(0, 5, 12)
MANY = {"return_sequences": True}
CAUSAL = {"padding": "causal"}

pytestmark = [
    pytest.mark.usefixtures("seed", "eager"),
    # Keras says so of a network in a network, but passes the mask on.
    pytest.mark.filterwarnings("ignore:Layer .* will therefore destroy the mask"),
]


@pytest.fixture
def eager():
    """Let TensorFlow compile nothing: for a few batches, this is faster."""
    with eagerly():
        yield


def chain(*parts, batch_size=None, steps=STEPS):
    return sequential(*parts, shape=(batch_size, steps, 1))


def functional(graph, shape=(STEPS, 1), dtype=None):
    inputs = keras.Input(shape, dtype=dtype)
    return keras.Model(inputs, graph(inputs))


def first_of(answers):
    return keras.tree.flatten(answers)[0]


def assert_near(answers, others):
    answers, others = np.array(answers), np.array(others)
    assert answers.shape == others.shape
    assert np.abs(answers - others).max() < 1e-4 * np.abs(others).max()


# ---- Networks that are read on


class OfThree(SimpleRNN):  # Only its arguments are its own.
    def __init__(self):
        super().__init__(3)


def adapted():
    layer = layers.Normalization()
    layer.adapt(5 + 3 * VALUES)
    return layer


def branches(steps):
    """Return a network of a network, of layers that are called twice, and of one more output."""
    inner = sequential(SimpleRNN(2, **MANY), Dense(2), shape=(None, steps, 1))
    twice = Dense(1)

    def graph(x):
        all_of_it, state = SimpleRNN(2, return_state=True, **MANY)(inner(x))
        both = [
            all_of_it[:, -1],
            state,
            layers.Flatten()(inner(twice(all_of_it))[:, -1:]),
        ]
        return {"change": x[:, -1] + twice(layers.Concatenate()(both)[:, :2])}

    return functional(graph, (steps, 1))


def three_outputs(steps):
    inner = functional(LSTM(2, return_state=True), (steps, 1))
    return functional(lambda x: ops.concatenate(inner(x), axis=-1), (steps, 1))


def ids(steps):
    embedding = layers.Embedding(5, 3, mask_zero=True)
    parts = embedding, GRU(3, **MANY), LSTM(3), Dense(5, "softmax")
    return sequential(*parts, shape=(None, steps))


def ids_by_hand(steps):
    def graph(x):
        last, h, c = LSTM(2, return_state=True)(layers.Embedding(5, 3)(x), None, x > 0)
        return layers.Concatenate()([last, h, c])

    return functional(graph, (steps,), "int32")


def decoder(steps):
    parts = layers.RepeatVector(2), SimpleRNN(3, **MANY), Dense(1)
    return chain(GRU(3), *parts, layers.Reshape((2, 1)), steps=steps)


def decoders(steps):
    each = sequential(layers.RepeatVector(2), SimpleRNN(3, **MANY), shape=(None, 4))
    return chain(SimpleRNN(4, **MANY), layers.TimeDistributed(each), steps=steps)


def convolutions(steps):
    first = layers.Conv1D(3, 2, activation="tanh", **CAUSAL)
    return chain(first, layers.Conv1D(2, 3, dilation_rate=2, **CAUSAL), steps=steps)


def in_16_bits(steps):
    half = {"dtype": "mixed_float16"}
    parts = layers.Conv1D(3, 2, **CAUSAL, **half), GRU(3, **half), Dense(2)
    return chain(*parts, steps=steps)


def stateful(steps):
    layer = SimpleRNN(3, stateful=True)
    model = chain(SimpleRNN(3, stateful=True, **MANY), layer, batch_size=2, steps=steps)
    model.predict_on_batch(np.ones((2, steps, 1)))  # This leaves a state.
    return model


def cells(steps):
    dropping = layers.LSTMCell(3, dropout=0.5, recurrent_dropout=0.5)
    return chain(layers.RNN([dropping, layers.GRUCell(2)]), Dense(2), steps=steps)


RIGHT = {
    "last answer": lambda steps: chain(LSTM(3), Dense(2), Dense(1), steps=steps),
    "each answer": lambda steps: chain(
        adapted(), GRU(2, **MANY), Dense(2), steps=steps
    ),
    "any length": lambda steps: chain(OfThree(), layers.Reshape((3,)), steps=None),
    "constant answer": lambda steps: functional(
        lambda x: ops.concatenate([LSTM(2)(x), 0 * x[:, -1] + 1], axis=-1), (steps, 1)
    ),
    "one number": lambda steps: functional(lambda x: LSTM(2)(x)[:, 0], (steps, 1)),
    "branches": branches,
    "three outputs of a network": three_outputs,
    "ids": ids,
    "ids by hand": ids_by_hand,
    "masks": lambda steps: chain(
        layers.Masking(-9), SimpleRNN(3, **MANY), LSTM(3, **MANY), GRU(2), steps=steps
    ),
    "masks in a network": lambda steps: chain(
        layers.Masking(-9), chain(LSTM(2, **MANY), GRU(2), steps=steps), steps=steps
    ),
    "decoder": decoder,
    "decoders": decoders,
    "convolutions": convolutions,
    "in 16 bits": in_16_bits,
    "stateful": stateful,
    "cells": cells,
}


def answers_of_both(kind):
    """Return answers of a live network, those of the network, and if its weights are as before."""
    keras.utils.set_random_seed(1)
    values = IDS if "ids" in kind else MASKED if "masks" in kind else VALUES
    model = RIGHT[kind](STEPS)
    before = model.get_weights()
    found = []
    with eagerly():
        live = live_of(model, values, STEPS, np.int64(2))
        kept = all(map(np.array_equal, model.get_weights(), before))
        X = np.stack([values[:9], values[2:11]])
        for seen in 9, 1:
            longer = RIGHT[kind](seen)
            longer.set_weights(before)
            reset_states(longer)
            reset_states(live)
            for step in range(seen):
                answers = live.predict_on_batch(X[:, [step]])
            expected = first_of(longer.predict_on_batch(X[:, :seen]))
            if expected.ndim > first_of(answers).ndim:  # an answer at each step
                expected = expected[:, -1]
            found.append((np.array(first_of(answers)), np.array(expected)))
    return found, kept


for kind in RIGHT:
    JOBS[f"live {kind}"] = answers_of_both, kind


@pytest.mark.parametrize("kind", RIGHT)
def test_a_live_network_answers_as_the_network_does_to_as_many_values(kind, result_of):
    found, kept = result_of(f"live {kind}")
    assert kept and len(found) == 2
    for answers, expected in found:
        assert_near(answers, expected)


def test_a_live_network_shares_the_weights():
    model = chain(SimpleRNN(2))
    live = live_of(model, VALUES)
    assert len(model.trainable_variables) == 3  # It can still be trained.
    model.set_weights([array + 1 for array in model.get_weights()])
    for value in VALUES[:STEPS]:
        answers = live.predict_on_batch(value[np.newaxis, np.newaxis])
    assert_near(answers, model.predict_on_batch(VALUES[np.newaxis, :STEPS]))


def test_parts_are_not_named_like_those_that_a_loaded_network_may_have():
    inner, causal = chain(SimpleRNN(2, **MANY)), layers.Conv1D(1, 2, **CAUSAL)
    live = live_of(functional(lambda x: inner(causal(x))), VALUES)
    names = [part.name for part in live.operations]
    assert len(names) == 4 and not re.search("get_item|functional", " ".join(names))
    with pytest.raises(ValueError):  # It takes one step, not two.
        live.predict_on_batch(VALUES[np.newaxis, :2])


# ---- Networks that are refused


class FromOnes(layers.LSTMCell):
    def get_initial_state(self, batch_size=None):
        h, c = super().get_initial_state(batch_size)
        return [h, c + 1]


class Halves(SimpleRNN):
    def call(self, sequences, initial_state=None, mask=None, training=False):
        return super().call(sequences, initial_state, mask, training) / 2


class OwnCall(keras.Sequential):
    def call(self, x, training=None, mask=None):
        return super().call(x) ** 2


class Around(layers.Wrapper):
    def call(self, x):
        return self.layer(x)


def rnn(x):
    return SimpleRNN(2)(x)


def many(x):
    return SimpleRNN(2, **MANY)(x)


def causal_after_pooling(x):
    pooled = layers.AveragePooling1D(2, 1, "same")(x)
    return rnn(layers.Conv1D(1, 2, **CAUSAL)(pooled))


def a_little_ahead(x):
    return rnn(x + layers.Conv1D(1, 2, padding="same")(x) / 1000)


def faint_output(x):
    return ops.concatenate([1e5 * rnn(x), x[:, 0] / 1e5 + 1], axis=-1)


# Of each network, its function of the Input (or one that returns the network itself), and what the
# message says.
REFUSED = {
    "both directions": (lambda x: layers.Bidirectional(LSTM(2))(x), "answers differ"),
    "backwards": (lambda x: GRU(2, go_backwards=True)(x), "answers differ"),
    "convolution": (
        lambda x: rnn(layers.Conv1D(2, 2, padding="same")(x)),
        "answers differ",
    ),
    "causal one": (causal_after_pooling, "answers differ"),
    "convolutional LSTM": (
        lambda x: layers.ConvLSTM1D(1, 1)(layers.Reshape((-1, 1, 1))(x)),
        "ConvLSTM1D is not supported",
    ),
    "all steps": (lambda x: Dense(2)(layers.Flatten()(many(x))), "cannot .*: Input 0"),
    "step by number": (lambda x: many(x)[:, STEPS - 1], "cannot read"),
    "first step": (lambda x: rnn(x - x[:, :1]), "answers differ"),
    "a step less": (lambda x: rnn(x[:, 1:] - x[:, :-1]), "cannot read"),
    "each second step": (lambda x: many(x)[:, ::2], r"\(10, 3, 2\), not \(10, 2, 2\)"),
    "each answer": (
        lambda x: layers.Conv1D(2, 2, padding="same")(many(x)),
        "answers differ",
    ),
    "a little ahead": (
        a_little_ahead,
        r"answers differ by up to \S+, .* [\de.-]+ is allowed.* TOLERANCE",
    ),
    "faint output": (faint_output, "answers differ"),
    "rows, of all": (lambda x: rnn(x - ops.mean(x, 0)), "answers differ"),
    "rows, of the first one": (
        lambda x: rnn(layers.Lambda(lambda x: x - x[:1])(x)),
        "answers differ",
    ),
    "rows, of the largest one": (
        lambda x: rnn(x / ops.max(ops.abs(x), axis=0)),
        "answers differ",
    ),
    "from a state": (
        lambda x: SimpleRNN(2)(x, initial_state=rnn(0 * x)),
        "states of other layers",
    ),
    "from ones": (lambda x: layers.RNN([FromOnes(2)])(x), "rnn.* other states"),
    "from ones, stateful": (
        lambda _: chain(layers.RNN(FromOnes(2), stateful=True), batch_size=2),
        "rnn.* other states",
    ),
    "masked cells": (
        lambda x: layers.RNN(layers.LSTMCell(2))(layers.Masking(-9)(x)),
        "with a mask",
    ),
    "masked cells in a network": (
        lambda x: chain(layers.RNN(layers.LSTMCell(2)))(layers.Masking(-9)(x)),
        "with a mask",
    ),
    "masked zeros": (
        lambda x: GRU(2, zero_output_for_mask=True)(layers.Masking(-9)(x)),
        "with a mask",
    ),
    "own call of a layer": (lambda x: rnn(Halves(2, **MANY)(x)), "answers differ"),
    "own call of a network": (
        lambda _: OwnCall([keras.Input((STEPS, 1)), LSTM(2)]),
        "answers differ",
    ),
    "a layer around": (lambda x: Around(SimpleRNN(2))(x), "answers differ"),
    "never varies": (lambda x: ops.relu(rnn(x) - 9), "hardly vary"),
    "hardly varies": (lambda x: rnn(x) / 1e6 + 1, "hardly vary: scale"),
    "nan of one step": (
        lambda x: rnn((x - x[:, :1]) / ops.std(x, axis=1, keepdims=True)),
        "differ by up to nan",
    ),
    "nan": (lambda x: ops.log(rnn(x)), "nan or infinity"),
    "one step": (lambda _: chain(SimpleRNN(2), steps=1), "steps=1: .* 2 or more"),
    "two outputs": (lambda x: [rnn(x), x[:, 0]], "one output"),
    "subclassed": (lambda _: keras.Model(), "one keras.Input"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_a_network_that_would_be_wrong_is_refused_in_a_line_that_says_why(kind):
    graph, reason = REFUSED[kind]
    inputs = keras.Input((STEPS, 1))
    made = graph(inputs)
    model = made if isinstance(made, keras.Model) else keras.Model(inputs, made)
    before = model.get_weights()
    values = MASKED if kind.startswith("masked") else VALUES
    with pytest.raises(ValueError, match=f"^.*{reason}.*$"):
        # 10 windows: repeated, they would be as many rows as the live network has.
        ten = np.random.normal(size=(STEPS + 9, 1))
        live_of(model, ten if "rows" in kind else values)
    assert all(map(np.array_equal, model.get_weights(), before))
    assert keras.config.is_traceback_filtering_enabled()  # again


def test_windows_from_the_whole_sequence_are_compared(monkeypatch):
    monkeypatch.setattr(reading_on, "MOST_COMPARED", 10)
    ahead = layers.Conv1D(1, 3, padding="same", activation="relu")
    model = functional(lambda x: SimpleRNN(1)(x) + ahead(x)[:, -1])
    ahead.set_weights([np.ones((3, 1, 1)), np.full(1, -9)])
    values = np.random.normal(size=(30, 1))
    values[24:28] = 9  # Only these values show it.
    with pytest.raises(ValueError, match="answers differ"):
        live_of(model, values)


def test_differences_count_beside_how_answers_vary_within_a_sequence(monkeypatch):
    monkeypatch.setattr(reading_on, "MOST_COMPARED", 4)  # two of each of two sequences
    pool = layers.GlobalAveragePooling1D()
    model = functional(lambda x: x[:, -1] + pool(x) / 500)
    levels = [np.full_like(VALUES, 100), np.full_like(VALUES, 200), VALUES]
    with pytest.raises(ValueError, match="answers differ"):
        check(model, [(values, VALUES) for values in levels], {}, error="mse")
    # These begin alike.
    zeros = np.zeros((STEPS, 1))
    pairs = [
        (np.append(zeros, VALUES[n : n + 2], axis=0), np.ones((5, 1))) for n in range(6)
    ]
    errors = check(chain(SimpleRNN(1)), pairs, {}, error="mse")
    assert np.isfinite(errors.loc["late", "on windows"])


@pytest.mark.parametrize("share, is_allowed", [(0.5, True), (2, False)])
@pytest.mark.parametrize("level", [0, 1000])  # at 1000, rounding decides
def test_so_large_a_difference_is_allowed(level, share, is_allowed):
    last, change = (
        VALUES[STEPS - 1 :, 0],
        VALUES[STEPS - 1 :, 0] - VALUES[: 1 - STEPS, 0],
    )
    limit = 1e-6 * level if level else 1e-4 * last.std()
    part = float(share * limit / np.abs(change).max())
    # Of one step, the first value is the last one, so the live network does not see the change.
    model = functional(lambda x: level + x[:, -1] + part * (x[:, -1] - x[:, 0]))
    with contextlib.nullcontext() if is_allowed else pytest.raises(ValueError):
        live_of(model, VALUES)


# ---- Readers by hand


def test_a_reader_by_hand_is_compared():
    scaling = adapted()

    def burn_in(x):
        layer, x = SimpleRNN(2, return_state=True), scaling(x)
        _, state = layer(x[:, :2])
        return layer(x[:, 2:], initial_state=ops.stop_gradient(state))[0]

    model = functional(burn_in)
    model.compile("adam", "mse")
    pairs = [(v, np.repeat(VALUES, 2, axis=1)) for v in (VALUES, VALUES[::-1])]
    before = model.get_weights()

    def by_hand(*last, **options):
        """Return the network of burn_in in one piece, with its weights."""
        reader = chain(scaling, SimpleRNN(2, **options), *last, steps=9)
        reader.set_weights(before)
        return reader

    for each_step in False, True:
        errors = check(model, pairs, {}, reader=by_hand(return_sequences=each_step))
        late = errors.loc["late"]
        assert np.isfinite(late).all() and late["reading on"] != late["on windows"]
    assert all(map(np.array_equal, model.get_weights(), before))
    narrow = layers.Lambda(lambda x: x[..., :1])
    for reader, reason in [
        (chain(scaling, SimpleRNN(2)), "answers differ"),
        (by_hand(activation="relu"), "answers differ"),
        (by_hand(narrow), r"\(20, 1\), not \(20, 2\)"),
        (keras.Sequential([SimpleRNN(2)]), "one keras.Input"),
    ]:
        with pytest.raises(ValueError, match=f"^.*{reason}.*$"):
            check(model, pairs, {}, reader=reader)


# ---- Errors


@pytest.mark.parametrize("each_step", [False, True])
@pytest.mark.parametrize("batch_size", [None, 12])
def test_errors_are_those_of_each_answer_at_the_same_time_steps(
    each_step, batch_size, monkeypatch
):
    monkeypatch.setattr(reading_on, "MOST_COMPARED", 5)  # All are read all the same.
    monkeypatch.setattr(reading_on, "ROWS", 3)
    how = {"return_sequences": each_step, "stateful": batch_size is not None}
    layer = SimpleRNN(1, "linear", use_bias=False, **how)
    model = chain(layer, steps=None if each_step else STEPS, batch_size=batch_size)
    model.set_weights([np.ones((1, 1)), np.ones((1, 1))])  # It answers with the sum.
    model.compile("adam", "mse")
    values = VALUES[:9]
    rising = values + np.arange(9)[:, np.newaxis]
    stretches = [
        (values, rising),
        (rising[:8], values[:8]),
        (rising[:5], values[:5, 0]),
    ]
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
    differences = np.subtract(found, np.roll(found, 1, axis=-1))[..., 1]
    spread = np.std(differences, axis=0, ddof=1) / np.sqrt(3)
    np.testing.assert_allclose(errors.pop("+/-"), spread, rtol=1e-4)
    assert errors.columns.tolist() == ["on windows", "reading on", *naive]
    np.testing.assert_allclose(errors, np.mean(found, axis=0), rtol=1e-4)


ONE_HOT = np.eye(3)[IDS % 3]
LOGITS = losses.CategoricalCrossentropy(from_logits=True)
SPARSE = losses.sparse_categorical_crossentropy
LOSSES = {
    "name": ("categorical_crossentropy", ONE_HOT),
    "logits": (LOGITS, ONE_HOT),
    "ids": ("sparse_categorical_crossentropy", IDS % 3),
    "partial": (functools.partial(SPARSE, axis=-1), IDS % 3),
    "class": (losses.CategoricalCrossentropy, ONE_HOT),
}


@pytest.mark.parametrize("kind", LOSSES)
def test_the_error_is_the_loss_of_the_model(kind):
    loss, right = LOSSES[kind]
    model = chain(SimpleRNN(3, "softplus" if kind == "logits" else "softmax"))
    model.compile("sgd", loss)
    X, y = windows_and_answers([(VALUES, right)], STEPS)
    errors = check(model, [(VALUES, right)], {})
    late = model.evaluate(X[-5:], y[-5:], verbose=0)  # values 8 to 12
    assert errors.loc["late", "on windows"] == pytest.approx(late, rel=1e-4)


def mean_of_each(right, answers):
    assert np.isfinite(answers).all()  # as scikit-learn's metrics ask
    return right != answers.argmax(axis=-1)


def mean_of_all(right, answers):
    return np.abs(right - answers).mean()


# What is given to check, and what the message says.
MISTAKES = {
    "no list of pairs": ({"stretches": (VALUES, ONE_HOT)}, "list of pairs"),
    "no pairs": ({"stretches": []}, "list of pairs"),
    "fewer answers": (
        {"stretches": [(VALUES, ONE_HOT), (VALUES, ONE_HOT[1:])]},
        r"\(12, 1\).*\(11, 3\)",
    ),
    "short": ({"stretches": [(VALUES[:3], ONE_HOT[:3])]}, r"\(3, 1\): .* 3 time"),
    "no features": ({"stretches": [(VALUES[:, 0], ONE_HOT)]}, r"\(12,\): 2 axes"),
    "other outputs": (
        {"stretches": [(VALUES, ONE_HOT[:, :2])]},
        r"\(10, 3\).*\(10, 2\)",
    ),
    "another length": ({"stretches": [(VALUES, IDS)]}, r"\(10,\): .* failed: \w+"),
    "ids out of range": (
        {"stretches": [(VALUES, IDS)], "error": "sparse_categorical_crossentropy"},
        "failed: Received",
    ),
    "an error of a function": ({"error": lambda y, yhat: 1 / 0}, "failed: division"),
    "texts": (
        {"stretches": [(VALUES.astype(str), ONE_HOT)]},
        r"no answer to values \(5, 3, 1\) of type <U32: .*not supported",
    ),
    "equal stretches": (
        {"stretches": [(VALUES, ONE_HOT), (VALUES.copy(), ONE_HOT[::-1])]},
        "equal",
    ),
    "ids in a column": (
        {"stretches": [(VALUES, IDS[:, np.newaxis])]},
        r"on windows: \(10, 3\), but right is \(10, 1\)",
    ),
    "naive function": ({"naive": np.copy}, "naive: a dict"),
    "taken name": ({"naive": {"reading on": np.copy}}, "naive: a dict"),
    "naive ids": (
        {"stretches": [(VALUES, IDS)], "naive": {"last": lambda values: IDS}},
        r"last: \(12,\), but the model answers \(12, 3\)",
    ),
    "nothing naive": ({"naive": {"last": lambda values: None}}, r"last: \(\), "),
    "more naive answers": (
        {"naive": {"more": lambda values: np.ones((13, 3))}},
        r"more: \(13, 3\)",
    ),
    "other steps": ({"steps": 9}, "steps=9: 3 "),
    "no number": ({"steps": "3"}, "steps='3'"),
    "errors of all": ({"error": mean_of_all}, "give another error="),
    "errors of all pairs": (
        {"error": lambda y, yhat: y[:, 0] - yhat[:, :1]},
        r"errors are \(10, 10\): give another error=",
    ),
    "two losses": ({"error": {"a": "mse"}}, "one loss"),
    "a class left out": (
        {"error": losses.SparseCategoricalCrossentropy(ignore_class=0)},
        "leaves out a class",
    ),
    "missing values": (
        {"stretches": [(np.where(VALUES == VALUES[8], np.nan, VALUES), ONE_HOT)]},
        "nan or infinity",
    ),
}


@pytest.mark.parametrize("kind", MISTAKES)
def test_a_mistake_is_an_error_that_says_what_is_wrong(kind):
    mistake, says = MISTAKES[kind]
    model = chain(SimpleRNN(3))
    model.compile("adam", "mse")
    given = {"stretches": [(VALUES, ONE_HOT)], "naive": {}, **mistake}
    with pytest.raises(ValueError, match=f"^.*{says}.*$"):
        check(model, **given)


def test_an_id_that_a_compiled_model_does_not_have_is_named_in_one_line():
    tf.config.run_functions_eagerly(False)  # as users have it
    model = sequential(layers.Embedding(4, 1), SimpleRNN(1), shape=(None, STEPS))
    with pytest.raises(ValueError, match=r"^no answer to .*\d is not in \[0, 4\)$"):
        live_of(model, IDS)


def test_a_model_that_grows_without_end_does_not_read_on():
    growth = keras.initializers.Constant(1e9)
    growing = SimpleRNN(1, "linear", recurrent_initializer=growth)
    both = layers.Concatenate()
    model = functional(lambda x: both([growing(x), 0.1 * GRU(1)(x)]))
    pairs = [(VALUES, IDS % 2), (VALUES[::-1], IDS % 2)]
    for number in losses.sparse_categorical_crossentropy, mean_of_each:
        late = check(model, pairs, {}, error=number).loc["late"]
        assert np.isfinite(late["on windows"]) and late["reading on"] == np.inf


def test_what_a_model_cannot_tell_is_asked_for():
    with pytest.raises(ValueError, match="^loss=None: .* error="):
        check(chain(SimpleRNN(1)), [(VALUES, VALUES)], {})
    with pytest.raises(ValueError, match="^steps=None: .* of the training"):
        check(chain(SimpleRNN(1), steps=None), [(VALUES, VALUES)], {})
    with pytest.raises(ValueError, match="^batch_size=0: "):
        live_of(chain(SimpleRNN(1)), VALUES, batch_size=0)


def test_recordings_give_windows_of_their_own():
    pairs = [(np.full((n, 1), n), np.arange(n)[:, np.newaxis]) for n in (4, 5, 7)]
    X, y = windows_and_answers(iter(pairs), 4)
    assert X[:, :, 0].tolist() == [[4] * 4] + [[5] * 4] * 2 + [[7] * 4] * 4
    assert y[:, 0].tolist() == [3, 3, 4, 3, 4, 5, 6]
    _, each = windows_and_answers(pairs, 4, each_step=True)
    assert each.shape == (7, 4, 1) and each[:, 0, 0].tolist() == [0, 0, 1, 0, 1, 2, 3]
    with pytest.raises(ValueError, match=r"^.*\(4, 1\).* 5 .*$"):
        windows_and_answers(pairs, 5)
    frames = np.random.normal(size=(5, 2, 2))
    X, y = windows_and_answers([(frames, frames)], 4)
    assert np.array_equal(X, [frames[:4], frames[1:]])
    assert np.array_equal(y, frames[3:])
