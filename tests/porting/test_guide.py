"""The code of the guide, README.md, and what it says of Keras."""

import re
import runpy
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from keras.layers import GRU, LSTM, RNN, Dense, Embedding, LSTMCell

from tests import conftest
from tests.conftest import eagerly
from tests.porting.stateful import reset_states
from tests.porting.test_stateful import fit_and_reset, sequential, states, weights

FOLDER = Path(__file__).parent
GUIDE = (FOLDER / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)


def block(part):
    """Return the only block of code in the guide that has this part."""
    (found,) = [code for code in BLOCKS if part in code]
    return found


BY_BATCH = block("model.train_on_batch(X[batch], y[batch], return_dict=True)")
BY_PASS = block("results = train_on_sequence(X, y)")
NETWORK = block("def network(")
LIVE = block("for value in sequence:")
COPY = block("def copy_of(")
CHECK = block("def check(")
COUNTS = block("def random_values(")
EACH_STEP = block("y = windows_of(right)  # was")
LENGTHS = block("SHORTEST, MASK = ")
BURN_IN = block("STEPS, N = ")
BY_HAND = block("model.predict_on_batch(before)")
STATE = block("saved = [state.numpy()")
EQUAL_IDS = block("class Adam(keras.optimizers.Adam):")


SPANS = re.findall(r"`([^`]+)`", re.sub(r"(?s)```.*?```", "", GUIDE))


def span(pattern):
    """Return the only piece of code in the guide's text that has this pattern."""
    pieces = {re.sub(r"\s+", " ", piece) for piece in SPANS}
    (found,) = [piece for piece in pieces if re.fullmatch(pattern, piece)]
    return found


def smaller(program):
    """Return a program of the guide that learns to echo 30 values, in windows of 5."""
    for old, new in {
        "STEPS = 10": "STEPS = 5",
        "STEPS, N = 20, 10": "STEPS, N = 9, 4",
        "100": "30",
        "20_000": "1_500",
        "epochs=14": "epochs=8, verbose=0",
        "range(14)": "range(8)",
        "batch_size=50)": "batch_size=50, verbose=0)",
        '"adam"': "keras.optimizers.Adam(0.03)",
    }.items():
        program = program.replace(old, new)
    return program


# Each remedy, with what it needs of the blocks before it.
START = NETWORK + CHECK + COUNTS
REMEDIES = {"each step": EACH_STEP, "lengths": LENGTHS, "burn-in": BURN_IN}
PROGRAM = "\n".join([START, *REMEDIES.values()])
conftest.BESIDE["guide"] = conftest.run_program, smaller(PROGRAM)


pytestmark = pytest.mark.usefixtures("seed")


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Return a function that runs code from the guide, beside stateful.py."""
    monkeypatch.syspath_prepend(FOLDER)

    def run(code, names):
        file = tmp_path / "guide.py"
        file.write_text(code.replace("range(100)", "range(2)"), encoding="utf-8")
        return runpy.run_path(str(file), names)

    return run


def test_each_block_of_the_guide_has_a_name_here():
    tested = {BY_BATCH, BY_PASS, NETWORK, LIVE, COPY, CHECK, COUNTS}
    tested |= {*REMEDIES.values(), BY_HAND, STATE, EQUAL_IDS}
    assert tested == set(BLOCKS)


def of_the_guide():
    """Return the guide's stateful network, and X and y for it."""
    model = sequential(LSTM(3, stateful=True), Dense(1), shape=(8, 4, 1))
    model.compile(loss="mse", optimizer="adam", metrics=["mae"])
    values = np.sin(np.arange(20) / 3).astype("float32")
    X = np.stack([values[i : i + 4, None] for i in range(16)])
    return model, X, values[4:20]


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


def test_the_diff_of_the_guide_turns_the_old_network_into_a_new_one(run):
    diff = re.search(r"```diff\n(.*?)```", GUIDE, re.DOTALL)[1]
    new = [line[1:] for line in diff.splitlines() if not line.startswith("-")]
    program = "\n".join(new[: new.index("for epoch in range(100):")])
    names = {"Sequential": keras.Sequential, "LSTM": LSTM, "Dense": Dense}
    model = run(program, names)["model"]
    assert (model.input_shape, model.output_shape) == ((8, 10, 1), (8, 1))
    assert [layer.stateful for layer in model.layers[:2]] == [True, True]
    assert model.compiled


X = np.random.default_rng(1).random((1, 20, 100)).astype("float32")


@eagerly()
def test_networks_of_the_guide_answer_the_same_for_each_shape(run):
    shapes = re.findall(r"(?m)^\| `(network\(.*?\))` \|", GUIDE)
    names = run(NETWORK, {})
    windows, any_length, live = [eval(shape, names) for shape in shapes]
    for copy in any_length, live:
        copy.set_weights(windows.get_weights())
    answers = any_length.predict_on_batch(X)[0]
    assert answers.shape == (20, 100)
    first = windows.predict_on_batch(X[:, :10])[0]
    np.testing.assert_allclose(answers[9], first, atol=1e-6)
    one_by_one = [live.predict_on_batch(X[:, [step]])[0] for step in range(20)]
    np.testing.assert_allclose(answers, one_by_one, atol=1e-6)


@eagerly()
def test_the_loop_over_a_live_stream_gives_the_answers_to_a_whole_sequence(run):
    network = run(NETWORK, {})["network"]
    model, reader = network((None, 10, 100)), network((None, None, 100), True)
    reader.set_weights(model.get_weights())
    names = {"network": network, "model": model, "sequence": X[0]}
    names = run(LIVE, names)
    last = reader.predict_on_batch(X)[0, -1]
    np.testing.assert_allclose(names["answer"], last, atol=1e-6)
    assert not any(np.any(state) for state in states(names["live"]))


@eagerly()
def test_a_causal_convolution_reads_on_but_not_value_by_value(run):
    conv = layers.Conv1D(4, 3, padding="causal")
    lstm = LSTM(3, return_sequences=True)
    model = sequential(conv, lstm, shape=(None, 10, 100))
    names = run(COPY, {"model": model})
    answers = names["reader"].predict_on_batch(X)[0]
    first = model.predict_on_batch(X[:, :10])[0]
    np.testing.assert_allclose(answers[:10], first, atol=1e-6)
    one_by_one = [names["live"].predict_on_batch(X[:, [n]])[0, 0] for n in range(10)]
    assert np.abs(one_by_one - first).max() > 0.01


@pytest.mark.parametrize("unroll", [False, True])
@eagerly()
def test_copies_of_a_network_answer_as_it_does(run, unroll):
    lstm = LSTM(5, return_sequences=True, unroll=unroll)
    model = sequential(lstm, Dense(4), GRU(3), Dense(2), shape=(None, 10, 100))
    names = run(COPY, {"model": model})
    reader, live = names["reader"], names["live"]
    assert (reader.input_shape, live.input_shape) == ((None, None, 100), (1, 1, 100))
    answers = reader.predict_on_batch(X)[0]
    first = model.predict_on_batch(X[:, :10])[0]
    np.testing.assert_allclose(answers[9], first, atol=1e-6)
    for step in range(12):
        answer = live.predict_on_batch(X[:, [step]])[0]
        np.testing.assert_allclose(answer, answers[step], atol=1e-6)


@eagerly()
def test_a_functional_network_with_an_embedding_is_copied(run):
    ids = keras.Input((10,), dtype="int32")
    model = keras.Model(ids, Dense(2)(LSTM(3)(Embedding(9, 4)(ids))))
    copy_of = run(COPY, {"model": sequential(LSTM(2), shape=(2, 3, 100))})["copy_of"]
    found = (
        span(r"keras\.Input\(\(None,\).*"),
        span(r"keras\.Input\(batch_shape=.*int32.*"),
    )
    any_length, one = (eval(code, {"keras": keras}) for code in found)
    reader = copy_of(model, any_length, return_sequences=True)
    live = copy_of(model, one, stateful=True)
    sequence = np.arange(30)[np.newaxis] % 9
    first = model.predict_on_batch(sequence[:, :10])
    answers = reader.predict_on_batch(sequence)[0]
    np.testing.assert_allclose(answers[9], first[0], atol=1e-6)
    for value, answer in zip(sequence[0], answers):
        got = live.predict_on_batch(np.array([[value]]))[0]
        np.testing.assert_allclose(got, answer, atol=1e-6)


VALUES = np.random.default_rng(5).random(200)
BEFORE = np.concatenate([[0], VALUES[:-1]])
MEANS = np.convolve(VALUES, np.ones(5))[:200] / 5  # of the last 5 values


def last_two(gain=1):
    """Return weights that keep the last two values: the last unit has the earlier one."""
    return [[[1, 0]], [[0, gain], [0, 0]], [0, 0]]


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

        check = run(CHECK.replace("STEPS = 10", "STEPS = 5"), {})["check"]
        model, reader = network((None, 5, 1), each_step), network((None, None, 1), True)
        reader.set_weights(
            [0 * array for array in reader.get_weights()]
        )  # to be copied
        check(model, reader, values[:, None], right)
        printed = re.findall(r"(?m)^(.+): (\S+)$", capsys.readouterr().out)
        return {name: float(error) for name, error in printed}

    return checked


@pytest.mark.parametrize(("shape", "each_step"), [((-1, 1), False), ((-1,), True)])
def test_check_tells_a_network_that_looks_back(checked, shape, each_step):
    errors = checked(last_two(), BEFORE.reshape(shape), VALUES, each_step)
    assert [*errors] == ["on windows", "reading on", "naive"]
    assert max(errors["on windows"], errors["reading on"]) < 1e-12
    assert errors["naive"] == pytest.approx(np.var(BEFORE), rel=0.3)


def test_check_tells_a_network_that_does_not_look_back(checked):
    # It adds up all values since the start of its window, in place of the last five.
    errors = checked([[[0.2]], [[1]], [0]], MEANS, VALUES)
    assert errors["on windows"] < 1e-12
    assert errors["reading on"] > 10 * errors["naive"]


def test_check_compares_the_same_time_steps_of_a_signal_with_a_trend(checked):
    # It looks back, but its answers are a tenth too small: errors rise with the signal.
    rising = np.arange(200) / 100
    before = np.concatenate([[0], rising[:-1]])
    errors = checked(last_two(0.9), before, rising)
    assert errors["on windows"] > 0.01
    assert errors["reading on"] == pytest.approx(errors["on windows"], rel=1e-3)


def test_check_looks_late_in_the_sequence(checked):
    wrong_at_first = BEFORE.copy()
    wrong_at_first[:100] += 9
    errors = checked(last_two(), wrong_at_first, VALUES)
    assert max(errors["on windows"], errors["reading on"]) < 1e-12


@eagerly()
def test_check_takes_ids(run, capsys):
    def network(shape, each_step=False):
        memory = LSTM(3, return_sequences=each_step)
        return sequential(Embedding(9, 2), memory, Dense(1), shape=shape)

    model, reader = network((None, 10)), network((None, None), each_step=True)
    run(CHECK, {})["check"](model, reader, np.arange(60) % 9, np.arange(60) / 9)
    assert len(re.findall(r"(?m)^.+: \S+$", capsys.readouterr().out)) == 3


@eagerly()
def test_a_stateful_network_is_checked_by_a_copy(run, capsys):
    names = run(NETWORK + CHECK, {})
    carried = names["network"]((8, 10, 100), stateful=True)
    copy = eval(span(r"network\(\(None, STEPS.*"), {**names, "STEPS": 10})
    copy.set_weights(carried.get_weights())
    reader = names["network"]((None, None, 100), each_step=True)
    names["check"](copy, reader, X[0], X[0])
    assert len(re.findall(r"(?m)^.+: \S+$", capsys.readouterr().out)) == 3


@pytest.mark.parametrize("shape", [(20,), (20, 2)])
def test_windows_of_the_guide_are_all_windows(run, shape):
    values = np.arange(np.prod(shape)).reshape(shape)
    windows = run(CHECK, {})["windows_of"](values)
    assert windows.shape == (11, 10, *shape[1:])
    assert np.array_equal(windows[4], values[4:14])
    assert np.array_equal(windows[-1], values[-10:])


def both_ways(each_step):
    return layers.Bidirectional(LSTM(2, return_sequences=each_step))


def backwards(each_step):
    return LSTM(2, return_sequences=each_step, go_backwards=True)


def memory(each_step):
    return LSTM(2, return_sequences=each_step)


MIXERS = {
    "Bidirectional": [both_ways],
    "go_backwards": [backwards],
    "Conv1D": [lambda _: layers.Conv1D(2, 3, padding="same"), memory],
    "pooling": [lambda _: layers.AveragePooling1D(2, 1, padding="same"), memory],
}


@pytest.mark.parametrize("name", MIXERS)
@eagerly()
def test_check_refuses_a_layer_that_needs_all_time_steps_at_once(run, name):
    assert name in re.search(r"(?s)\*\*`Not equal to tolerance`\*\*.*?\n- ", GUIDE)[0]

    def network(shape, each_step=False):
        chain = [make(each_step) for make in MIXERS[name]]
        return sequential(*chain, Dense(1), shape=shape)

    model, reader = network((None, 10, 1)), network((None, None, 1), each_step=True)
    check = run(CHECK, {})["check"]
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        check(model, reader, VALUES[:12, None], BEFORE[:12])
    # A copy that reads the first window alone would agree with the model.
    window = VALUES[np.newaxis, :10, np.newaxis]
    copy = network((None, None, 1))
    copy.set_weights(model.get_weights())
    expected = model.predict_on_batch(window)
    np.testing.assert_allclose(copy.predict_on_batch(window), expected, atol=1e-6)


@pytest.fixture(scope="module")
def errors(beside):
    """Return the errors that the smaller program of the guide has printed, by check."""
    printed = re.findall(r"(?m)^(.+): (\S+)$", beside("guide"))
    assert [name for name, _ in printed] == 4 * ["on windows", "reading on", "naive"]
    shares = [float(error) for _, error in printed]
    return dict(zip(["as it is", *REMEDIES], np.reshape(shares, (-1, 3)), strict=True))


def test_the_network_of_the_guide_counts(errors):
    on_windows, reading_on, naive = errors["as it is"]
    assert on_windows < 0.1 * naive
    assert reading_on > 0.5 * naive


@pytest.mark.parametrize("remedy", REMEDIES)
def test_a_remedy_of_the_guide_makes_it_look_back(errors, remedy):
    on_windows, reading_on, naive = errors[remedy]
    assert on_windows < 0.2 * naive
    assert reading_on < 0.2 * naive


@pytest.mark.parametrize("outputs", [(), (1,), (3,)])
def test_old_answers_of_a_network_with_many_answers_are_found(run, outputs):
    (line,) = re.findall("(?m)^assert .*", EACH_STEP)
    X, y = np.ones((8, 5, 1)), np.ones((8, 5, *outputs))
    run(line, {"X": X, "y": y})
    with pytest.raises(AssertionError):
        run(line, {"X": X, "y": y[:, -1]})


def test_keras_trains_on_old_answers_without_an_error():
    model = sequential(LSTM(2, return_sequences=True), Dense(1), shape=(None, 5, 1))
    model.compile("sgd", "mse", run_eagerly=True)
    model.fit(np.ones((8, 5, 1)), np.ones((8, 1)), verbose=0)


def test_check_refuses_a_reader_with_one_answer(run):
    model, reader = (sequential(both_ways(False), shape=(1, n, 1)) for n in (10, None))
    with pytest.raises(AssertionError):
        run(CHECK, {})["check"](model, reader, VALUES[:60, None], BEFORE[:60])


def test_a_live_copy_of_a_network_with_many_answers_has_one_more_axis(run):
    lstm = LSTM(5, return_sequences=True)
    names = run(COPY, {"model": sequential(lstm, Dense(2), shape=(None, 10, 100))})
    taken = span(r"live\.predict_on_batch\(\.\.\.\)\[.*").split("(...)")[1]
    answer = names["live"].predict_on_batch(X[:, :1])
    assert eval(f"answer{taken}", {"answer": answer}).shape == (2,)


def test_numpy_roll_wraps_around():
    assert np.roll([7, 8, 9], 1)[0] == 9


@eagerly()
def test_each_length_is_drawn_anew_for_each_epoch(run, monkeypatch):
    calls = []
    monkeypatch.setattr(keras.Model, "fit", lambda _, *data, **how: calls.append(data))
    code = (START + LENGTHS).replace("20_000", "3_000")
    run(code.replace("\ncheck(model,", "\nprint("), {})
    _, *calls = calls  # The first one trains as it is.
    assert len(calls) == 14
    drawn = []
    for X, y in calls:
        is_hidden = (X == -1).all(axis=2)
        lengths = 10 - is_hidden.sum(axis=1)
        assert set(lengths) == {*range(2, 11)}
        assert (np.diff(is_hidden.astype(int), axis=1) <= 0).all()  # the first ones
        assert (y.argmax(axis=1) == X[:, -2].argmax(axis=1)).all()
        drawn.append(tuple(lengths))
    assert len(set(drawn)) == 14


def test_ids_are_hidden_as_the_guide_says():
    size = span("size=.*").removeprefix("size=")
    condition = span(r"np\.arange\(STEPS\) < .*")
    names = {"X": np.arange(1, 401).reshape(100, 4), "STEPS": 4, "np": np}
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


def test_layers_that_pass_no_mask_on_say_so():
    for layer in layers.Conv1D(2, 2), layers.Lambda(abs), layers.Reshape((4, 2)):
        assert not layer.supports_masking
    for layer in Dense(2), layers.LayerNormalization(), layers.Dropout(0.5):
        assert layer.supports_masking


def burn_in_of_the_guide(run, layer=None):
    """Return the guide's network with burn-in, untrained; layer: in place of its LSTM."""
    code = BURN_IN[: BURN_IN.index("X, y =")]
    if layer:
        code = code.replace("keras.layers.LSTM(50, return_state=True)", "OTHER")
        mapped = span("state = keras.tree.*")
        code = re.sub(r"(?m)^state = .*", mapped, code)
    names = run(code, {"keras": keras, "OTHER": layer})
    return names["model"]


def reached_by_gradients(model):
    """Return which time steps of the input the gradients of the answer reach."""
    inputs = tf.constant(X[:, :20])
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        first = model(inputs)[:, 0]  # The sum of all is always 1.
    return np.any(tape.gradient(first, inputs), axis=(0, 2)).tolist()


def test_burn_in_reads_its_time_steps_without_gradients(run):
    model = burn_in_of_the_guide(run)
    assert reached_by_gradients(model) == [False] * 10 + [True] * 10


def test_a_network_with_burn_in_answers_as_one_without(run):
    model = burn_in_of_the_guide(run)
    plain = run(NETWORK, {})["network"]((None, 20, 100))
    plain.set_weights(model.get_weights())
    expected = plain.predict_on_batch(X[:, :20])
    np.testing.assert_allclose(model.predict_on_batch(X[:, :20]), expected, atol=1e-6)


def test_burn_in_of_two_cells_reads_its_time_steps_without_gradients(run):
    names = {"keras": keras}
    names["cells"] = eval(span("cells = .*").removeprefix("cells = "), names)
    layer = eval(span("layer = .*").removeprefix("layer = "), names)
    model = burn_in_of_the_guide(run, layer)
    assert reached_by_gradients(model) == [False] * 10 + [True] * 10


def test_an_rnn_of_cells_takes_the_weights_of_two_layers():
    two_layers = sequential(LSTM(3, return_sequences=True), LSTM(3))
    cells = sequential(RNN([LSTMCell(3), LSTMCell(3)]))
    cells.set_weights(two_layers.get_weights())
    X = np.random.normal(size=(2, 3, 4))
    expected = two_layers.predict_on_batch(X)
    np.testing.assert_allclose(cells.predict_on_batch(X), expected, atol=1e-6)


@eagerly()
def test_burn_in_by_hand_of_the_guide_leaves_the_zero_state(run):
    model, X, y = of_the_guide()
    twin, _, _ = of_the_guide()
    twin.set_weights(model.get_weights())
    names = {"model": model, "before": X[:8], "X": X[8:16], "y": y[8:16]}
    run(BY_HAND, {**names, "reset_states": reset_states})
    twin.predict_on_batch(X[:8])
    twin.train_on_batch(X[8:16], y[8:16])
    np.testing.assert_allclose(weights(model), weights(twin), atol=1e-6)


@eagerly()
def test_the_saved_state_of_the_guide_is_restored(run):
    model, X, _ = of_the_guide()
    model.predict_on_batch(X[:8])
    before = [state.numpy() for state in states(model)]
    save, restore = STATE.split("\n", maxsplit=1)
    names = run(save, {"layer": model.layers[0], "keras": keras})
    reset_states(model)
    run(restore, names)
    assert np.any(before[0])
    assert all(map(np.array_equal, before, states(model)))


@eagerly()
def test_validation_with_the_callback_of_the_guide_starts_from_zero():
    assert span(r"reset_states\(self.model\)")
    hooks = [span("on_test_.*"), span("on_epoch_.*")]

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
    code = span(r"keras\.optimizers\.schedules\..*")
    schedule = eval(code, {"keras": keras, "lr": 0.1, "decay": 0.5})
    for step in 0, 1, 3:
        assert float(schedule(step)) == pytest.approx(0.1 / (1 + 0.5 * step))


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


def test_the_old_epsilon_of_rmsprop_squared_is_about_the_same():
    assert "about the same: the old epsilon squared" in GUIDE
    epsilon, gradient = 0.1, 0.01
    # The first step with epsilon outside the root; rho is 0.9.
    old = gradient / (np.sqrt(0.1 * gradient**2) + epsilon)
    weight = keras.Variable([0.0])
    optimizer = keras.optimizers.RMSprop(1.0, epsilon=epsilon**2)
    optimizer.apply([tf.constant([gradient])], [weight])
    assert -weight.numpy() == pytest.approx([old], rel=0.05)


def test_optimizer_of_the_guide_leaves_weights_without_a_gradient(run):
    used, unused = keras.Variable([1.0]), keras.Variable([1.0])
    with pytest.warns(UserWarning, match="Gradients do not exist"):
        run(EQUAL_IDS, {})["Adam"](0.5).apply([tf.ones(1), None], [used, unused])
    assert used.numpy() == pytest.approx([0.5], rel=1e-4)
    assert unused.numpy() == [1]
