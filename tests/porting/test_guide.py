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

from tests import conftest
from tests.conftest import eagerly
from tests.porting.test_stateful import sequential, states

FOLDER = Path(__file__).parent
GUIDE = (FOLDER / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"(?s)```python\n(.*?)```", GUIDE)
START, CHECK, COPY, EACH_STEP, LENGTHS, CARRIED, BURN_IN, LIVE, CONV = BLOCKS
NETWORK = START[: START.index("series = made_series(")]
span = functools.partial(conftest.span, GUIDE)


def replaced(program, changes):
    for old, new in changes.items():
        assert old in program
        program = program.replace(old, new)
    return program


def smaller(program):
    """Return a program of the guide with random values, each to be echoed at the next."""
    changes = {
        "STEPS, FEATURES = 24": "STEPS, FEATURES = 5",
        "return np.array(series)": "return np.random.random((length, 1))",
        "series[:-1], series[1:]": "series[1:], series[:-1]",
        "new[:-1], new[1:]": "new[1:], new[:-1]",
        "N = 24": "N = 4",
        "20_000": "1_500",
        "1_001": "61",
        '"adam"': "keras.optimizers.Adam(0.02)",
        "epochs=14)": "epochs=5, verbose=0)",
        "range(14)": "range(5)",
        "batch_size=50)": "batch_size=50, verbose=0)",
        "epochs=100": "epochs=15, verbose=0",
    }
    program = replaced(program, changes)
    # Make the variables of Adam before `fit`, or Keras compiles twice.
    build = r"\1.optimizer.build(\1.trainable_variables)"
    return re.sub(r"(?m)^(\w+)\.compile.*", rf"\g<0>\n{build}", program)


STATEFUL = {"stateful.py": (FOLDER / "stateful.py").read_text(encoding="utf-8")}
PROGRAM = smaller("\n".join(BLOCKS))
conftest.BESIDE["guide"] = conftest.run_program, PROGRAM, STATEFUL

pytestmark = pytest.mark.usefixtures("seed", "eager")


@pytest.fixture
def eager(monkeypatch):
    """Let TensorFlow compile nothing, as `eagerly` does, and Keras predict in one batch."""
    monkeypatch.setattr(
        keras.Model, "predict", lambda model, X, verbose: model.predict_on_batch(X)
    )
    with eagerly():
        yield


def errors_of(output):
    """Return the errors that checks have printed, by check."""
    printed = re.findall(r"(?m)^(.+): (\S+)$", output)
    assert [name for name, _ in printed[:3]] == ["on windows", "reading on", "naive"]
    return np.reshape([float(error) for _, error in printed], (-1, 3))


def test_the_pasted_guide_shows_what_is_wrong_and_cures_it(beside):
    (on_windows, reading_on, naive), by_copies, *cured = errors_of(beside("guide"))
    assert on_windows < 0.1 * naive < reading_on
    assert by_copies.tolist() == [on_windows, reading_on, naive]
    assert len(cured) == 4
    for on_windows, reading_on, naive in cured:
        assert max(on_windows, reading_on) < 0.1 * naive


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

RETURN = "return np.array(series)"


def ids_of(series):
    """Return a made series as ids, from 0 to 19, both of which occur."""
    return (9.5 * series[:, 0] + 9.5).round().astype(int).clip(0, 19)


ALL_IDS = {**IDS, RETURN: "return ids_of(np.array(series))"}
# Blocks of the guide, and what the guide says to change in them.
VARIANTS = {
    "several features": (
        START + CHECK,
        {
            "FEATURES = 24, 1": "FEATURES = 24, 2",
            RETURN: "return np.array(series) * [1, 2]",
            "right = series[:-1], series[1:]": "_ = series[:-1], 0",
            "X, y = ": f"{span('right = series.*')}\nX, y = ",
            "new_right = new[:-1], new[1:]": f"_ = new[:-1], 0\n{span('new_right = .*')}",
        },
    ),
    "ids": (START + CHECK + EACH_STEP + CARRIED + LIVE, ALL_IDS),
    "ids in windows of several lengths": (
        START + CHECK + LENGTHS,
        {
            **ALL_IDS,
            "Embedding(20, 16)": span(r"Embedding\(21.*"),
            "right = series[:-1]": "right = series[:-1] + 1",
            "new_right = new[:-1]": "new_right = new[:-1] + 1",
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
            **{old: new for old, new in IDS.items() if old not in OF_INPUT},
            "values, right = series[:-1], np.eye(20)[series[1:]]": "features, classes = "
            f"series, ids_of(series)\n{span('values, right = .*')}",
            "np.eye(20)[new[1:]]": "np.eye(20)[ids_of(new)[1:]]",
        },
    ),
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_other_data_take_the_changes_that_the_guide_names(run, variant, capsys):
    program, changes = VARIANTS[variant]
    few = {"FEATURES = 24": "FEATURES = 4", "20_000": "50", "1_001": "13"}
    program = replaced(program, {**changes, **few})
    for epochs in "epochs=14", "epochs=100":
        program = program.replace(epochs, "epochs=1, verbose=0")
    program = program.replace("range(14)", "range(2)")
    program = program.replace("batch_size=50)", "batch_size=50, verbose=0)")
    names = run(program, {"ids_of": ids_of})
    errors = errors_of(capsys.readouterr().out)
    assert np.isfinite(errors).all()
    if variant != "several features":  # The naive answer: how often each id occurs.
        assert (errors[:, 2] < np.log(20)).all()
        answers = names["model"].predict_on_batch(names["X"][:1])
        np.testing.assert_allclose(answers.sum(axis=-1), 1, atol=1e-5)
    if "hidden" in names:
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
NAMES = {"keras": keras, "np": np, "new_values": X[0], "FEATURES": 1}


def test_networks_of_the_guide_answer_the_same_for_each_shape(run):
    names = run(NETWORK)
    windows, reader = names["network"](None, 8), names["network"](None, None, True)
    reader.set_weights(windows.get_weights())
    answers = reader.predict_on_batch(X)[0]
    first = windows.predict_on_batch(X[:, :8])[0]
    np.testing.assert_allclose(answers[7], first, atol=1e-6)
    names = run(LIVE, {**names, **NAMES, "reader": reader})
    np.testing.assert_allclose(names["answers"], answers, atol=1e-6)
    assert not any(np.any(state) for state in states(names["live"]))


def test_a_live_stream_through_a_convolution_is_that_of_whole_sequences(run):
    names = run(CONV, NAMES)
    answers = names["reader"].predict_on_batch(X)[0]
    np.testing.assert_allclose(names["answers"], answers, atol=1e-6)


def test_each_window_starts_from_the_state_of_the_one_before_in_its_row(run):
    changes = {"FEATURES = 24": "FEATURES = 4", "epochs=100": "epochs=2, verbose=0"}
    values, right = np.random.random((2, 85, 1))
    names = {"values": values, "right": right, "check": lambda *_: None}
    names |= dict.fromkeys(["reader", "new_values", "new_right"])
    names = run(replaced(NETWORK + CARRIED, changes), names)
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


@pytest.fixture
def copied(run):
    """Return a function: what the guide's code makes of a network, by name."""
    names = {**NAMES, "new_right": None, "check": lambda *_: None}
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
def test_a_network_that_cannot_be_be_copied_is_refused(copied, layer):
    model = sequential(layer, Dense(1), shape=(None, 10, 1))
    with pytest.raises(ValueError, match=layer.name):
        copied(model)


VALUES = np.random.default_rng(5).random(40)
BEFORE = np.concatenate([[0], VALUES[:-1]])
MEANS = np.convolve(VALUES, np.ones(5))[:40] / 5  # of the last 5 values


def last_two(gain=1):
    """Return weights that keep the last two values: the last unit has the earlier one."""
    return [[[1, 0]], [[0, gain], [0, 0]], [0, 0]]


def check_of(run, steps):
    """Return the guide's check, and nothing else of its block."""
    code = NETWORK.replace("FEATURES = 24", f"FEATURES = {steps}")
    return run(code + CHECK[: CHECK.index("reader = network(")])["check"]


@pytest.fixture
def checked(run, capsys):
    """Return a function: what the guide's check prints of a linear network, by name.

    memory: the weights of a SimpleRNN layer. right: the right answer to each time step.
    """

    def checked(memory, right, values, each_step=False):
        def network(shape, each_step=False):
            options = {"activation": "linear", "return_sequences": each_step}
            layer = layers.SimpleRNN(len(memory[1]), **options)
            model = sequential(layer, Dense(1, use_bias=False), shape=shape)
            layer.set_weights([np.array(array, "float32") for array in memory])
            model.layers[1].set_weights([np.eye(len(memory[1]))[:, -1:]])
            return model

        check = check_of(run, 5)
        model, reader = network((None, 5, 1), each_step), network((None, None, 1), True)
        reader.set_weights(
            [0 * array for array in reader.get_weights()]
        )  # to be copied
        check(model, reader, values[:, None], right)
        printed = re.findall(r"(?m)^(.+): (\S+)$", capsys.readouterr().out)
        return {name: float(error) for name, error in printed}

    return checked


def test_check_tells_a_network_that_looks_back(checked):
    errors = checked(last_two(), BEFORE, VALUES, each_step=True)
    assert [*errors] == ["on windows", "reading on", "naive"]
    assert max(errors["on windows"], errors["reading on"]) < 1e-12
    assert errors["naive"] == pytest.approx(
        np.mean((VALUES - BEFORE)[22:] ** 2), rel=0.1
    )


def test_check_tells_a_network_that_does_not_look_back(checked):
    # It adds up all values since the start of its window, in place of the last five.
    errors = checked([[[0.2]], [[1]], [0]], MEANS, VALUES)
    assert errors["on windows"] < 1e-12
    assert errors["reading on"] > 10 * errors["naive"]


def test_check_compares_the_same_time_steps_of_a_signal_with_a_trend(checked):
    # It looks back, but its answers are a tenth too small: errors rise with the signal.
    rising = np.arange(40) / 20
    before = np.concatenate([[0], rising[:-1]])
    errors = checked(last_two(0.9), before, rising)
    assert errors["on windows"] > 0.01
    assert errors["reading on"] == pytest.approx(errors["on windows"], rel=1e-3)


def test_check_looks_late_in_the_sequence(checked):
    wrong_at_first = BEFORE.copy()
    wrong_at_first[:20] += 9
    errors = checked(last_two(), wrong_at_first, VALUES)
    assert max(errors["on windows"], errors["reading on"]) < 1e-12


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
    check = check_of(run, 10)
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        check(model, reader, VALUES[:12, None], BEFORE[:12])
    # A copy that reads the first window alone would agree with the model.
    window = VALUES[np.newaxis, :10, np.newaxis]
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
        check_of(run, 10)(model, reader, VALUES[:, None], BEFORE)


def test_check_refuses_a_network_that_keeps_its_state(run):
    model, reader = (
        sequential(LSTM(2, **how), Dense(1), shape=(32, None, 1))
        for how in ({"stateful": True}, {"return_sequences": True})
    )
    with pytest.raises(AssertionError, match=model.layers[0].name):
        check_of(run, 10)(model, reader, VALUES[:, None], BEFORE)


def test_each_length_is_drawn_anew_for_each_epoch(run, monkeypatch):
    calls = []
    monkeypatch.setattr(keras.Model, "fit", lambda _, *data, **how: calls.append(data))
    program = START + CHECK[: CHECK.index("reader = network(")] + LENGTHS
    program = replaced(program, {"20_000": "3_000", "\ncheck(model,": "\nprint("})
    run(program, dict.fromkeys(["reader", "new_values", "new_right"]))
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


def code_of(pattern, names):
    """Return what a piece of code in the guide's text assigns."""
    return eval(span(pattern).split(" = ", 1)[1], names)


@pytest.mark.parametrize("n_layers", [1, 2])
def test_burn_in_answers_as_the_network_does_but_without_gradients(run, n_layers):
    code = BURN_IN[: BURN_IN.index("X, y =")].replace("24", "8")
    names = {"keras": keras, "FEATURES": 1}
    if n_layers == 2:
        names["cells"] = code_of("cells = .*", names)
        names["layer"] = code_of("layer = .*", names)
        code = re.sub(r"(?m)^layer = .*\n", "", code)
        code = re.sub(r"(?m)^state = .*", span("state = .*"), code)
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
