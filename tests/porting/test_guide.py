"""The code of the guide, README.md."""

import functools
import re
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from keras.layers import GRU, LSTM, Dense, Embedding

from tests import shared
from tests.shared import eagerly, sequential, states

FOLDER = Path(__file__).parent
GUIDE = (FOLDER / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"(?s)```python\n(.*?)```", GUIDE)
START, CHECK, COPY, EACH_STEP, LENGTHS, CARRIED, BURN_IN, LIVE, FORECAST = BLOCKS
FUNCTIONS = START[: START.index("training = [")]
CHECK_ALONE = CHECK[: CHECK.index("new = made_series(")]
span = functools.partial(shared.span, GUIDE)


def replaced(program, changes):
    for old, new in changes.items():
        assert old in program
        program = program.replace(old, new)
    return program


def smaller(program):
    """Return a program of the guide with random values, each to be echoed at the next.

    The forecast is that of a sine.
    """
    changes = {
        "STEPS, FEATURES = 24": "STEPS, FEATURES = 5",
        "return np.array(series)": "return np.random.random((length, 1))",
        "return series[:-1], series[1:]": "return series[1:], series[:-1]",
        "N = 24": "N = 4",
        "STEPS, AHEAD = 24, 24": f"STEPS, AHEAD = 8, 3\n{SINE}",
        "20_000": "1_500",
        "5_000": "120",
        "1_000": "60",
        '"adam"': "keras.optimizers.Adam(0.02)",
        "epochs=14)": "epochs=5, verbose=0)",
        "range(14)": "range(5)",
        "batch_size=50)": "batch_size=50, verbose=0)",
        "epochs=100": "epochs=15, verbose=0",
    }
    program = replaced(program, changes)
    # Make the variables of Adam before `fit`, or Keras compiles twice.
    build = r"\1\2.optimizer.build(\2.trainable_variables)"
    return re.sub(r"(?m)^( *)(\w+)\.compile.*", rf"\g<0>\n{build}", program)


SINE = """new = np.sin(np.arange(200))[:, np.newaxis]
made_series = lambda length: np.sin(np.arange(length))[:, np.newaxis]
"""
STATEFUL = {"stateful.py": (FOLDER / "stateful.py").read_text(encoding="utf-8")}
PROGRAM = smaller("\n".join(BLOCKS))


def run_guide():
    """Return what the smaller program prints."""
    with pytest.MonkeyPatch.context() as patch:
        shared.predict_in_one_batch(patch)
        return shared.run_program(PROGRAM, STATEFUL)


shared.BESIDE["guide"] = (run_guide,)

pytestmark = pytest.mark.usefixtures("seed", "eager")


@pytest.fixture
def eager(monkeypatch):
    """Let TensorFlow compile nothing, as `eagerly` does, and Keras predict in one batch."""
    shared.predict_in_one_batch(monkeypatch)
    with eagerly():
        yield


def errors_of(output):
    """Return the errors that checks have printed: check; early, late; the columns."""
    rows = re.findall(r"(?m)^(?:after 1 to 5|late) +(\S+) +(\S+) +(\S+)$", output)
    return np.array(rows, dtype=float).reshape(-1, 2, 3)


def test_the_pasted_guide_shows_what_is_wrong_and_cures_it(beside):
    errors = errors_of(beside("guide"))
    (as_it_is, by_copies, *cured), forecasts = errors[:6, 1], errors[6:]
    on_windows, reading_on, naive = as_it_is
    assert on_windows < 0.1 * naive < reading_on
    assert by_copies.tolist() == as_it_is.tolist()
    assert len(cured) == 4
    for on_windows, reading_on, naive in cured:
        assert max(on_windows, reading_on) < 0.1 * naive
    # An answer at each step and several lengths: the first answers, too. (The very first one
    # can only be guessed.)
    for _, first, naive in errors[2:4, 0]:
        assert first < 0.5 * naive
    at_last, at_each = forecasts[:, 1]
    assert max(at_last[0], *at_each[:2]) < 0.1 * at_each[2]
    assert at_last[1] > 10 * at_last[0]


def test_the_tables_that_the_guide_shows_say_what_it_says_of_them():
    as_it_is, each_step, at_last, at_each = errors_of(GUIDE)
    # The first answers are worse than naive ones, then better.
    assert each_step[0, 1] < each_step[0, 2] < as_it_is[0, 1]
    on_windows, reading_on, naive = as_it_is[1]
    assert 3 * on_windows < reading_on < naive
    assert max(each_step[1, :2]) < 0.1 * naive
    assert at_last[1, 0] < at_last[1, 2] < at_last[1, 1]
    assert max(at_each[1, :2]) < at_each[1, 2] == at_last[1, 2]


def changes_of(diff):
    """Return which line of the guide's program becomes which lines."""
    changes, old = {}, None
    for line in diff.splitlines():
        text = line[1:] + "\n"
        if line.startswith("-"):
            old = text
            changes[old] = ""
        else:
            changes[old] += text
    return changes


IDS = changes_of(re.search(r"(?s)```diff\n(.*?)```", GUIDE)[1])
OF_INPUT = [line for line in IDS if "keras.Input" in line]

PAIR = "return series[:-1], series[1:]"
RETURN = "return np.array(series)"


def ids_of(series):
    """Return a made series as ids, from 0 to 19, both of which occur."""
    return (9.5 * series[:, 0] + 9.5).round().astype(int).clip(0, 19)


def recordings(n):
    """Return series of several lengths whose values are 100 times their number."""
    return [np.full((20 + i, 1), 100.0 * i) for i in range(n)]


ALL_IDS = {**IDS, RETURN: "return ids_of(np.array(series))"}
OF_CLASSES = {old: new for old, new in IDS.items() if old not in OF_INPUT}
ANSWER_OF_IDS = IDS[f"    {PAIR}\n"]
OF_RECORDINGS = {
    "training = [pair_of(made_series(20_000))]": span(r"training = .* recordings\]"),
    "pair_of(new[i : i + 1_000]) for i in range(0, 5_000, 1_000)": "pair_of(series) for "
    "series in recordings[:2]",
}
# Blocks of the guide, and what the guide says to change in them.
VARIANTS = {
    "several features": (
        START + CHECK,
        {
            "FEATURES = 24, 1": "FEATURES = 24, 2",
            RETURN: "return np.array(series) * [1, 2]",
            PAIR: span(r"return series\[:-1\], series\[1:, :1\]"),
        },
    ),
    "ids": (START + CHECK + EACH_STEP + CARRIED + LIVE, ALL_IDS),
    "ids in windows of several lengths": (
        START + CHECK + LENGTHS,
        {
            **ALL_IDS,
            "Embedding(20, 16)": span(r"Embedding\(21.*"),
            "return series[:-1], np": "return 1 + series[:-1], np",
            "MASK = 1, -9": f"MASK = 1, 0; {span('MASK = 0')}",
            "keras.Sequential([*masking, *network(None, STEPS).layers])": "network(None, STEPS)",
            "size=(len(X), 1, 1)": span("size=.*"),
            "np.arange(STEPS)[:, np.newaxis] < first": span(
                r"np\.arange\(STEPS\) < .*"
            ),
        },
    ),
    "classes": (
        START + CHECK,
        {
            **OF_CLASSES,
            "return series[:-1], np.eye(20)[series[1:]]": "features, classes = series, "
            f"ids_of(series)\n    return {span('features, np.eye.*')}",
        },
    ),
    "many recordings": (START + CHECK, OF_RECORDINGS),
    "one answer per recording": (
        START + CHECK + EACH_STEP,
        {
            **OF_RECORDINGS,
            **OF_CLASSES,
            "return series[:-1], np.eye(20)[series[1:]]": "answer = np.eye(20)[int(series[0, 0])"
            f" // 100]\n    return series, {span('np.tile.*')}",
        },
    ),
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_other_data_take_the_changes_that_the_guide_names(run, variant, capsys):
    program, changes = VARIANTS[variant]
    few = {"FEATURES = 24": "FEATURES = 4"}
    if "recording" not in variant:
        few |= {"20_000": "50", "5_000": "39", "1_000": "13"}
    program = replaced(program, {**changes, **few})
    for epochs in "epochs=14", "epochs=100":
        program = program.replace(epochs, "epochs=1, verbose=0")
    program = program.replace("range(14)", "range(2)")
    program = program.replace("batch_size=50)", "batch_size=50, verbose=0)")
    names = run(program, {"ids_of": ids_of, "recordings": recordings(6)})
    errors = errors_of(capsys.readouterr().out)
    assert np.isfinite(errors[:, 1]).all()
    X, y, model = names["X"], names["y"], names["model"]
    if "cross" in names["LOSS"]:  # The naive answer: how often each id occurs.
        ids = [right.argmax(axis=-1) for _, right in names["training"]]
        shares = np.bincount(np.concatenate(ids), minlength=20) / sum(map(len, ids))
        (values, right), *_ = names["stretches"]
        np.testing.assert_allclose(names["naive"](values), [shares] * len(right))
        answers = model.predict_on_batch(X[:1])
        np.testing.assert_allclose(answers.sum(axis=-1), 1, atol=1e-5)
    if "recording" in variant:  # No window reaches from one into the next.
        number = X[:, 0, 0] / 100
        assert (X == X[:, :1]).all() and set(number) == set(range(6))
        if "one" in variant:
            assert (y.argmax(axis=-1) == number[:, None]).all()
        else:
            assert (y == X[:, 0]).all()
    if "ids in" in variant:
        # The last steps of each window are left, and the network does not see the others.
        assert set((names["hidden"] > 0).sum(axis=1)) == {1, 2, 3, 4}
        for row in names["hidden"][:9]:
            left = row[row > 0]
            assert np.array_equal(row[-len(left) :], left)
            answers = [
                names["reader"].predict_on_batch(r[None])[0, -1] for r in (row, left)
            ]
            np.testing.assert_allclose(*answers, atol=1e-6)


X = np.random.default_rng(1).random((1, 16, 1)).astype("float32")
NAMES = {"keras": keras, "np": np, "stretches": [(X[0], None)], "FEATURES": 1}


def test_networks_of_the_guide_answer_the_same_for_each_shape(run):
    names = run(FUNCTIONS)
    windows, reader = names["network"](None, 8), names["network"](None, None, True)
    reader.set_weights(windows.get_weights())
    answers = reader.predict_on_batch(X)[0]
    first = windows.predict_on_batch(X[:, :8])[0]
    np.testing.assert_allclose(answers[7], first, atol=1e-6)
    names = run(LIVE, {**names, **NAMES, "reader": reader})
    np.testing.assert_allclose(names["answers"], answers, atol=1e-6)
    assert not any(np.any(state) for state in states(names["live"]))


def test_each_window_starts_from_the_state_of_the_one_before_in_its_row(run):
    changes = {"FEATURES = 24": "FEATURES = 4", "epochs=100": "epochs=2, verbose=0"}
    values, right = np.random.random((2, 85, 1))
    names = {"training": [(values, right)], "check": lambda *_: None}
    names |= dict.fromkeys(["reader", "stretches"])
    names = run(replaced(FUNCTIONS + CARRIED, changes), names)
    keras.utils.set_random_seed(1)  # as the guide does
    reference = names["network"](10, 4, each_step=True, stateful=True)
    reference.compile("adam", "mse")
    for start in 0, 4, 0, 4:  # two batches, two epochs; a row has 8 values
        of_rows = [slice(row * 8 + start, row * 8 + start + 4) for row in range(10)]
        X, y = (
            np.array([array[part] for part in of_rows]) for array in (values, right)
        )
        reference.train_on_batch(X, y)
    for got, expected in zip(names["model"].get_weights(), reference.get_weights()):
        np.testing.assert_allclose(got, expected, atol=1e-6)


def test_a_forecast_is_that_of_the_next_values_and_compared_with_the_last_season(run):
    names = {
        "training": None,
        "check": lambda *_: None,
        "np": np,
        "new": np.zeros((9, 1)),
    }
    code = FORECAST[: FORECAST.index("training = ")]
    names = run(code, names)
    season = np.random.random(24)
    series = np.tile(season, 4)[:, np.newaxis]
    values, right = names["pair_of"](series)
    assert values.shape == (72, 1) and right.shape == (72, 24)
    for step, answers in enumerate(right):
        assert answers.tolist() == series[step + 1 : step + 25, 0].tolist()
    guess = names["naive"](values)
    assert np.array_equal(guess, right[23:])  # A season is known after 24 values.
    one_step = eval(
        span(r"return values\[:-23, :1\]").removeprefix("return "), {"values": values}
    )
    assert np.array_equal(one_step, right[23:, :1])


@pytest.fixture
def copied(run):
    """Return a function: what the guide's code makes of a network, by name."""
    names = {**NAMES, "check": lambda *_: None}
    return lambda model: run(COPY, {**names, "model": model})


def test_copies_of_a_network_answer_as_it_does(copied):
    first = LSTM(5, return_sequences=True, unroll=True)
    second = GRU(3, return_sequences=True)
    normal = layers.LayerNormalization()
    model = sequential(first, normal, second, Dense(2), shape=(None, 10, 1))
    names = copied(model)
    reader, live = names["reader"], names["live"]
    # Compiled, too, it takes any length.
    tf.function(reader).get_concrete_function(tf.TensorSpec((1, None, 1)))
    answers = reader.predict_on_batch(X)[0]
    same = model.predict_on_batch(X[:, :10])[0]
    np.testing.assert_allclose(answers[:10], same, atol=1e-6)
    taken = span(r"live\.predict_on_batch\(\.\.\.\)\[.*").split("(...)")[1]
    for step in range(12):
        got = live.predict_on_batch(X[:, [step]])
        answer = eval(f"got{taken}", {"got": got})
        np.testing.assert_allclose(answer, answers[step], atol=1e-6)


def test_a_functional_network_with_ids_is_copied(copied):
    ids = keras.Input((10,), dtype="int32")
    embedded = Embedding(10, 4, mask_zero=True)(ids)
    model = keras.Model(ids, Dense(2)(LSTM(3)(embedded)))
    names = copied(sequential(LSTM(2), shape=(None, 10, 1)))
    any_length = eval(span(r"keras\.Input\(\(None,\).*"))
    one = eval(span(r"keras\.Input\(batch_shape=.*int32.*"))
    reader = names["copy_of"](model, any_length, **names["any_length"])
    live = names["copy_of"](model, one, stateful=True)
    sequence = 1 + np.arange(16)[np.newaxis] % 9
    first = model.predict_on_batch(sequence[:, :10])
    answers = reader.predict_on_batch(sequence)[0]
    np.testing.assert_allclose(answers[9], first[0], atol=1e-6)
    for value, answer in zip(sequence[0], answers):
        got = live.predict_on_batch(np.array([[value]]))[0]
        np.testing.assert_allclose(got, answer, atol=1e-6)


@pytest.mark.parametrize(
    "layer",
    [
        layers.Bidirectional(LSTM(2)),
        LSTM(2, go_backwards=True),
        sequential(LSTM(2), shape=(None, 10, 1)),
    ],
)
def test_a_network_that_cannot_be_copied_is_refused(copied, layer):
    model = sequential(layer, Dense(1), shape=(None, 10, 1))
    with pytest.raises(ValueError, match=layer.name):
        copied(model)


def test_a_network_with_an_initial_state_is_not_copied(copied):
    inputs = keras.Input((10, 1))
    layer = GRU(2)
    for how in {"initial_state": Dense(2)(inputs[:, 0])}, {}:
        model = keras.Model(inputs, Dense(1)(layer(inputs, **how)))
        with pytest.raises(ValueError, match=layer.name):
            copied(model)


VALUES = np.random.default_rng(5).random((40, 1))
BEFORE = np.concatenate([[[0]], VALUES[:-1]])


def check_of(run, steps):
    """Return the names of the guide's functions and its check, for windows of some steps."""
    return run(FUNCTIONS.replace("FEATURES = 24", f"FEATURES = {steps}") + CHECK_ALONE)


# The weights of a linear SimpleRNN: its last unit has the value before, or the sum of all.
LAST_TWO = [[1, 0]], [[0, 1], [0, 0]], [0, 0]
SUM = [[1]], [[1]], [0]


@pytest.mark.parametrize("memory", [LAST_TWO, SUM])
@pytest.mark.parametrize("each_step", [False, True])
def test_errors_are_those_of_each_answer_at_the_same_time_steps(
    run, memory, each_step, capsys
):
    def network(steps, each_step):
        layer = layers.SimpleRNN(
            len(memory[1]), activation="linear", return_sequences=each_step
        )
        model = sequential(layer, Dense(1, use_bias=False), shape=(None, steps, 1))
        layer.set_weights([np.array(array, "float32") for array in memory])
        model.layers[1].set_weights([np.eye(len(memory[1]))[:, -1:]])
        return model

    def answer(values):
        """Return the answer after the last of some values."""
        return values[-2:-1].sum() if memory is LAST_TWO else values.sum()

    names = check_of(run, 5)
    model, reader = network(5, each_step), network(None, True)
    # The weights are to be copied.
    reader.set_weights([0 * array for array in reader.get_weights()])
    rising = VALUES[:31] + np.arange(31)[:, np.newaxis] / 9
    stretches = [(VALUES, BEFORE), (rising, VALUES[:31]), (rising[:6], VALUES[:6])]
    early, late = [], []
    for values, right in stretches:
        for step in range(len(values)):
            seen = values[: step + 1]
            on_window = answer(seen[-5:]) if step >= 4 else np.nan
            found = [on_window, answer(seen), seen[-1, 0]]
            squares = (np.array(found, dtype=float) - right[step]) ** 2
            early += [squares] * (step < 5)
            late += [squares] * (step >= (5 + len(values)) // 2)
    early = np.array(early)
    early[:, 0] = np.nan  # Not all of these have a full window.
    names["check"](model, reader, stretches)
    (errors,) = errors_of(capsys.readouterr().out)
    expected = [np.mean(early, axis=0), np.mean(late, axis=0)]
    np.testing.assert_allclose(errors, expected, rtol=0.06, atol=1e-6)


def test_naive_answers_that_begin_later_are_compared_with_their_right_ones(run):
    losses = check_of(run, 5)["losses"]
    found = losses(VALUES, VALUES[23:] + 2)
    assert np.isnan(found[:23]).all()
    np.testing.assert_allclose(found[23:], 4)
    with pytest.raises(AssertionError, match=r"\(40, 2\): \(40, 1\) is needed"):
        losses(VALUES, np.tile(VALUES, 2))


def test_a_recording_that_is_too_short_is_an_error(run):
    names = check_of(run, 40)
    with pytest.raises(AssertionError, match="^40 time steps: more than 40 are needed"):
        names["windows_and_answers"]([(VALUES, BEFORE)])


def both_ways(each_step):
    return layers.Bidirectional(LSTM(2, return_sequences=each_step))


def memory(each_step):
    return LSTM(2, return_sequences=each_step)


MIXERS = {
    "Bidirectional": [both_ways],
    "Conv1D": [lambda _: layers.Conv1D(2, 3, padding="same"), memory],
}


@pytest.mark.parametrize("name", MIXERS)
def test_check_refuses_a_layer_that_needs_all_time_steps_at_once(run, name):
    def network(shape, each_step=False):
        chain = [make(each_step) for make in MIXERS[name]]
        return sequential(*chain, Dense(1), shape=shape)

    model, reader = network((None, 10, 1)), network((None, None, 1), each_step=True)
    check = check_of(run, 10)["check"]
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        check(model, reader, [(VALUES[:12], BEFORE[:12])])
    # A copy that reads the first window alone would agree with the model.
    window = VALUES[np.newaxis, :10]
    copy = network((None, None, 1))
    copy.set_weights(model.get_weights())
    expected = model.predict_on_batch(window)
    np.testing.assert_allclose(copy.predict_on_batch(window), expected, atol=1e-6)


@pytest.mark.parametrize("outputs", [(), (1,), (3,)])
def test_old_answers_of_a_network_with_many_answers_are_found(run, outputs):
    (line,) = re.findall("(?m)^assert .*", EACH_STEP)
    X, y = np.ones((8, 5, 1)), np.ones((8, 5, *outputs))
    run(line, {"X": X, "y": y})
    with pytest.raises(AssertionError):
        run(line, {"X": X, "y": y[:, -1]})


def test_check_refuses_a_reader_with_one_answer(run):
    model, reader = (sequential(both_ways(False), shape=(1, n, 1)) for n in (10, None))
    with pytest.raises(AssertionError, match="reader"):
        check_of(run, 10)["check"](model, reader, [(VALUES, BEFORE)])


@pytest.mark.parametrize("stateful", [(True, False), (False, True)])
def test_check_refuses_a_network_that_keeps_its_state(run, stateful):
    model, reader = (
        sequential(
            LSTM(2, stateful=keeps, return_sequences=True), Dense(1), shape=(1, None, 1)
        )
        for keeps in stateful
    )
    (layer,) = [part for part in (model.layers[0], reader.layers[0]) if part.stateful]
    with pytest.raises(AssertionError, match=layer.name):
        check_of(run, 10)["check"](model, reader, [(VALUES, BEFORE)])


def test_each_length_is_drawn_anew_for_each_epoch(run, monkeypatch):
    calls = []
    monkeypatch.setattr(keras.Model, "fit", lambda _, *data, **how: calls.append(data))
    program = replaced(
        START + LENGTHS, {"20_000": "3_000", "\ncheck(model,": "\nprint("}
    )
    run(program, dict.fromkeys(["reader", "stretches"]))
    (values, _), *calls = calls  # The first one trains as it is.
    assert len(calls) == 14
    drawn = []
    for X, y in calls:
        is_hidden = (X == -9).all(axis=2)
        lengths = 24 - is_hidden.sum(axis=1)
        assert set(lengths) == {*range(1, 25)}
        assert (np.diff(is_hidden.astype(int), axis=1) <= 0).all()  # the first ones
        assert (X == values)[~is_hidden].all()
        assert (y[:-1] == values[1:, -1]).all()
        drawn.append(tuple(lengths))
    assert len(set(drawn)) == 14


@pytest.mark.parametrize("n_layers", [1, 2])
def test_burn_in_answers_as_the_network_does_but_without_gradients(run, n_layers):
    code = BURN_IN[: BURN_IN.index("X, y =")].replace("24", "8")
    names = {"keras": keras, "FEATURES": 1}
    if n_layers == 2:
        code = re.sub(r"(?m)^layer = .*", span(r"layer = .*RNN\(.*"), code)
    model = run(code, names)["model"]
    first = [LSTM(50, return_sequences=True) for _ in range(n_layers - 1)]
    plain = sequential(*first, LSTM(50), Dense(1), shape=(None, 16, 1))
    plain.set_weights(model.get_weights())
    inputs = tf.constant(X[:, :16])
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        answers = model(inputs)
    np.testing.assert_allclose(answers, plain(inputs), atol=1e-6)
    reached = np.any(tape.gradient(answers, inputs), axis=(0, 2)).tolist()
    assert reached == [False] * 8 + [True] * 8
