"""The experiments: their command lines, data, networks and training."""

import functools
import importlib
import random
import sys
from unittest import mock

import keras
import numpy as np
import pytest
import tensorflow as tf

import sequences
from sequences import generate_sequence, one_hot_decode, one_hot_encode
from tests.experiments import extensions
from tests.experiments.extensions import build_model, generate_data
from tests.shared import eagerly, read_nothing


def parse(command):
    """Return the options of a command line."""
    return extensions.parse(command.split())


def pairs(command, sequence):
    """Return the samples as pairs, ([time steps], value to echo); -1 is missing."""
    X, y = generate_data(parse(command), sequence)
    assert X.dtype == y.dtype == np.float32
    X = X[:, :, :100]  # without the feature of --mark
    decoded = np.where((X == -1).all(axis=-1), -1, one_hot_decode(X)).tolist()
    return list(zip(decoded, one_hot_decode(y), strict=True))


@functools.cache
def network(command):
    """Return a command's network, for tests that change nothing in it."""
    return build_model(parse(command))


def with_large_weights(model):
    """Return the network with weights so large that a wrong state would show."""
    # A bias, as a time step of zeros would leave a zero state without one.
    model.set_weights([3 * array + 0.5 for array in model.get_weights()])
    return model


SAME_AS = {"echo_lag": "", "echo_lag_no_context": "--context 1 --batch-size 6"}


@pytest.mark.parametrize("name", SAME_AS)
@eagerly()
def test_a_run_trains_as_the_script(name, monkeypatch, capsys):
    script = importlib.import_module(name)
    for module in script, extensions:
        monkeypatch.setattr(module, "evaluate", lambda *_: None)
    monkeypatch.setattr(extensions, "feed", read_nothing)
    monkeypatch.setattr(sys, "argv", ["script.py", "--seed=0", "--epochs=1"])
    script.main()
    expected = capsys.readouterr().out.splitlines()
    assert len(expected) == 1
    extensions.main(f"{SAME_AS[name]} --seed 0 --epochs 1".split())
    assert capsys.readouterr().out.splitlines()[:1] == expected


@pytest.mark.parametrize(
    "command",
    [
        "",
        "--stateless",
        "--layer gru",
        "--layer two-lstms",
        "--layer cut-gradients",
        "--layers 2",
        "--burn-in 2",
        "--echo-sequence",
        "--missing mask",
        "--stateless --shortest 2",
        "--list 60 --shortest 2 --layer gru",
        "--list 60 --shortest 2 --layers 2",
    ],
)
@eagerly()
def test_a_reader_answers_after_each_value_as_the_network_does(command):
    if "--shortest 2 --layers" in command and not keras.layers.LSTM(2).supports_masking:
        pytest.skip("this version of Keras lets no LSTM pass a mask on")
    options = parse(f"{command} --units 8 --unique 10")
    model = with_large_weights(build_model(options))
    X, _ = generate_data(options)
    X = X[: options.batch_size]
    if options.shortest:
        X[0, :3] = extensions.MISSING
    expected = model.predict_on_batch(X)  # from a zero state
    there = X.min(axis=-1) == 0  # A network does not see what is missing.
    reader = extensions.make_reader(model)
    for sample in 0, -1:
        steps = there[sample]
        answers = reader.predict_on_batch(X[sample, steps][np.newaxis])
        assert answers.shape == (1, steps.sum(), 10)
        last = expected[sample if options.echo_sequence else [sample]]
        np.testing.assert_allclose(answers[0, -len(last) :], last, atol=1e-5)


def test_a_reader_shares_the_weights_and_draws_no_random_numbers():
    model = build_model(parse("--units 8 --unique 10 --burn-in 2"))
    before = random.getstate(), np.random.get_state()[1].tolist()
    reader = extensions.make_reader(model)
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before
    model.set_weights([array + 1 for array in model.get_weights()])
    assert all(map(np.array_equal, reader.get_weights(), model.get_weights()))


class PlusOne:
    """Answers each value plus 1; keeps what it has read."""

    def predict(self, X, verbose):
        self.read = X
        return np.roll(X[:, :, :10], 1, axis=2)


def test_each_answer_is_that_to_its_value_and_the_sixth_has_the_mark(monkeypatch):
    monkeypatch.setattr(extensions, "make_reader", lambda model: reader)
    reader, model = PlusOne(), build_model(parse("--unique 10 --mark first"))
    sequences, answers = extensions.feed(model, n_sequences=30)
    assert sequences.shape == answers.shape == (30, 25)
    assert np.array_equal(answers, (sequences + 1) % 10)
    assert (reader.read[:, :, 10] == np.eye(25)[5]).all()
    assert len(np.unique(sequences, axis=0)) == 30
    sequences, answers = extensions.feed(model, n_sequences=2, length=40, before=(7, 8))
    assert sequences.shape == answers.shape == (2, 40)
    assert np.array_equal(answers, (sequences + 1) % 10)
    values = reader.read[:, :, :10].argmax(axis=2)
    assert np.array_equal(values, [[7, 8, *sequence] for sequence in sequences])
    assert (reader.read[:, :, 10] == np.eye(42)[7]).all()


def answers_of_main(monkeypatch, capsys, lag, right_from=1):
    """Return the lines of a run whose answers are right from a number on, wrong before."""

    same = " --same" if lag > 0 else ""

    def feed(model, n_sequences=100, length=25, before=None):
        assert [*before] == [0, 1, 2] * bool(same)
        assert (n_sequences, length) in [(100, 25), (50, 1000)]
        sequences = np.arange(n_sequences * length).reshape(n_sequences, length)
        answers = np.roll(sequences, lag, axis=1)
        answers[:, : right_from - 1] = -1
        return sequences, answers

    monkeypatch.setattr(extensions, "feed", feed)
    for name in "train", "evaluate":
        monkeypatch.setattr(extensions, name, lambda model, options: None)
    extensions.main(f"--lag {lag} --burn-in 3{same}".split())
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize("lag", [0, 3])
def test_answers_that_no_network_can_know_do_not_count(lag, monkeypatch, capsys):
    assert answers_of_main(monkeypatch, capsys, lag) == [
        "Accuracy fed one value at a time: 1.0000",
        f"Accuracy by number:{' -' * lag}{' 1.00' * (25 - lag)}",
        "Accuracy at numbers 900 to 1000: 1.0000",
    ]


@pytest.mark.parametrize(
    ("right_from", "share"), [(900, "1.0000"), (901, "0.9901"), (1000, "0.0099")]
)
def test_late_answers_are_those_at_numbers_900_to_1000(
    right_from, share, monkeypatch, capsys
):
    *_, late = answers_of_main(monkeypatch, capsys, 3, right_from)
    assert late == f"Accuracy at numbers 900 to 1000: {share}"


@pytest.mark.parametrize(
    ("context", "lag"), [(1, 0), (1, 1), (2, 7), (5, 0), (5, 1), (5, 5), (20, 1)]
)
def test_windows_pair_by_pair(context, lag):
    s = generate_sequence(28)
    command = f"--length 28 --context {context} --lag {lag}"
    # A window ends with s[t]. Like the article, we drop the first complete one.
    assert pairs(command, s) == [
        (s[t - context + 1 : t + 1], s[t - lag]) for t in range(max(context, lag), 28)
    ]
    filled = [-1] * context + s  # Here, a window ends with filled[t + context].
    for option in "--missing mark", "--missing mask":
        assert pairs(f"{command} {option}", s) == [
            (filled[t + 1 : t + 1 + context], s[t - lag]) for t in range(lag, 28)
        ]
    # Here, a window begins with s[t], its answers with s[t - lag].
    assert pairs(f"{command} --echo-sequence", s) == [
        (s[t : t + context], s[t - lag : t - lag + context])
        for t in range(max(1, lag), 28 - context + 1)
    ]
    bare = pairs(f"--length 28 --context 1 --lag {lag}", s)
    ((inputs, targets),) = pairs(f"--length 28 --through-time --lag {lag}", s)
    assert list(zip(inputs, targets)) == [(value, target) for (value,), target in bare]


@pytest.mark.parametrize(
    "options", ["--lead 3", "--burn-in 3 --mark first", "--burn-in 3 --same"]
)
def test_values_stand_before_each_window(options):
    s = generate_sequence()
    samples = pairs(options, s)
    assert [(steps[3:], y) for steps, y in samples] == pairs("", s)
    before = [value for steps, _ in samples for value in steps[:3]]
    if "same" in options:
        assert before == [0, 1, 2] * len(samples)
    else:
        assert len(set(before)) > 25  # Of 60 values, 45 differ on average.


def test_a_mark_is_one_at_the_first_step_or_at_a_random_one_of_each_window():
    first, _ = generate_data(parse("--mark first --burn-in 2"))
    assert first.shape == (20, 7, 101)
    assert (first[:, :, 100] == [0, 0, 1, 0, 0, 0, 0]).all()
    marks = [generate_data(parse("--mark random"))[0][:, :, 100] for _ in range(9)]
    assert (np.sum(marks, axis=2) == 1).all()
    steps = np.argmax(marks, axis=2)
    assert set(steps.ravel()) == {0, 1, 2, 3, 4}
    assert all(len(set(of_sequence)) > 1 for of_sequence in steps)


@pytest.mark.parametrize(
    ("command", "layers", "stateful"),
    [
        ("", "LSTM Dense", True),
        ("--start random", "LSTM Dense", True),
        ("--start learned", "LearnedStart Dense", False),
        ("--stateless", "LSTM Dense", False),
        ("--list 60", "LSTM Dense", False),
        ("--layer gru", "GRU Dense", True),
        ("--layer simple-rnn", "SimpleRNN Dense", True),
        ("--layer two-lstms", "RNN Dense", True),
        ("--layer cut-gradients", "RNN Dense", True),
        ("--layers 2", "LSTM LSTM Dense", True),
        ("--stateless --layers 3", "LSTM LSTM LSTM Dense", False),
        ("--burn-in 2", "BurnIn Dense", False),
        ("--missing mask", "Masking LSTM Dense", True),
        ("--stateless --shortest 2", "Masking LSTM Dense", False),
    ],
)
def test_layers_are_those_of_the_options(command, layers, stateful):
    model = network(command)
    assert [type(layer).__name__ for layer in model.layers] == layers.split()
    assert model.input_shape[0] in (None, 4, 5)  # at most 5, and divides the samples
    found = [part for part in model._flatten_layers() if hasattr(part, "cell")]
    assert {layer.stateful for layer in found} == {stateful}


def test_bias_and_rate_are_those_of_the_options():
    biases = {"": 1, "--forget-bias -2": -2, "--forget-bias 0 --burn-in 1": 0}
    for command, bias in biases.items():
        model = build_model(parse(f"{command} --units 7 --learning-rate 2"))
        # The gates: input, forget, candidate, output.
        found = getattr(model.layers[0], "layer", model.layers[0]).cell.bias
        assert np.array_equal(found, np.repeat([0, bias, 0, 0], 7))
        assert type(model.optimizer) is keras.optimizers.Adam
        assert float(model.optimizer.learning_rate) == 2


@pytest.mark.parametrize("layer", [*extensions.LAYERS, "gru --burn-in 2"])
def test_train_says_which_weights_are_trained(layer):
    trained = {}
    for choice in "all", "dense", "recurrent-kernel", "all-but-recurrent-kernel":
        options = parse(f"--layer {layer} --train {choice} --units 4 --context 1")
        model = build_model(options)
        *weights, kernel, bias = model.trainable_weights
        assert kernel is model.layers[-1].kernel
        assert bias is model.layers[-1].bias
        trained[choice] = [weight.name for weight in weights]
    kernels = [name for name in trained["all"] if name == "recurrent_kernel"]
    assert len(kernels) == (2 if layer == "two-lstms" else 1)
    assert trained["dense"] == []
    assert trained["recurrent-kernel"] == kernels
    others = [name for name in trained["all"] if name != "recurrent_kernel"]
    assert trained["all-but-recurrent-kernel"] == others


@pytest.mark.parametrize(
    ("command", "steps"), [("--layer cut-gradients", 1), ("--burn-in 3", 5)]
)
@eagerly()
def test_gradients_reach_only_the_last_time_steps(command, steps):
    options = parse(f"{command} --units 4 --unique 9")
    model = with_large_weights(build_model(options))
    X = tf.constant(generate_data(options)[0][:5])
    with tf.GradientTape() as tape:
        tape.watch(X)
        yhat = model(X)
        first = tf.reduce_sum(yhat[:, 0])  # The sum of all is always 1.
    reached = np.any(tape.gradient(first, X), axis=(0, 2))
    assert reached.tolist() == [False] * (X.shape[1] - steps) + [True] * steps
    length = X.shape[1]
    plain = build_model(parse(f"--list 60 --context {length} --units 4 --unique 9"))
    plain.set_weights(model.get_weights())
    np.testing.assert_allclose(yhat, plain(X), atol=1e-5)  # Forwards, nothing is cut.


@eagerly()
def test_never_reset_leaves_the_state_between_sequences():
    options = parse("--never-reset --units 4 --context 2 --length 12 --epochs 2")
    ours, reference = build_model(options), build_model(options)
    reference.set_weights(ours.get_weights())
    batches = extensions.new_batches(options)
    random.seed(2)
    for _ in range(2 * options.batches):
        reference.train_on_batch(*next(batches))
    drawn_next = random.random()
    random.seed(2)
    extensions.train(ours, options)
    assert random.random() == drawn_next  # It has drawn no more.
    for got, expected in zip(ours.get_weights(), reference.get_weights(), strict=True):
        np.testing.assert_allclose(got, expected, atol=1e-5)
    assert np.all(ours.layers[0].states[0])  # The last one is still there.


def test_windows_of_several_lengths_hide_their_first_steps_in_a_copy():
    X = np.arange(3000, dtype="float32").reshape(200, 5, 3)
    before = X.copy()
    hidden = extensions.hide_steps(X, 2)
    assert np.array_equal(X, before)
    assert hidden.dtype == X.dtype
    is_hidden = (hidden == extensions.MISSING).all(axis=2)
    lengths = 5 - is_hidden.sum(axis=1)
    assert set(lengths) == {2, 3, 4, 5}
    assert min(np.bincount(lengths)[2:]) > 25  # of 200; each is equally likely
    for window, original, length in zip(hidden, X, lengths):
        assert np.array_equal(window[5 - length :], original[5 - length :])


def lengths_of(X):
    """Return how many time steps of each window are not hidden."""
    return (X != extensions.MISSING).any(axis=2).sum(axis=1).tolist()


@pytest.mark.parametrize(
    "option", ["", "--burn-in 2", "--echo-sequence", "--shortest 3"]
)
def test_fit_gets_all_windows_of_a_list_in_each_epoch(option):
    options = parse(f"--list 60 --lag 2 --epochs 4 {option}")
    model = mock.Mock()
    extensions.train(model, options)
    calls = model.fit.call_args_list
    for X, y in (call.args for call in calls):
        steps, answers = np.array(one_hot_decode(X)), np.array(one_hot_decode(y))
        if options.echo_sequence:
            assert (steps.shape, answers.shape) == ((54, 5), (54, 5))
            assert (answers[:, 2:] == steps[:, :-2]).all()
            assert (answers[2:, 0] == steps[:-2, 0]).all()  # from before the window
        else:
            assert steps.shape == (55 - options.burn_in, 5 + options.burn_in)
            assert (answers == steps[:, -3]).all()
            assert (steps[1:, -2] == steps[:-1, -1]).all()
    lengths = [tuple(lengths_of(call.args[0])) for call in calls]
    how = [call.kwargs for call in calls]
    assert {options["batch_size"] for options in how} == {50}
    assert not any("shuffle" in options for options in how)  # Keras does by default.
    if options.shortest:  # anew for each epoch
        assert all(set(drawn) == {3, 4, 5} for drawn in lengths)
        assert len(set(lengths)) == 4
        epochs = [(options["initial_epoch"], options["epochs"]) for options in how]
        assert epochs == [(0, 1), (1, 2), (2, 3), (3, 4)]
    else:
        assert [options["epochs"] for options in how] == [4]


def test_training_hides_first_steps_and_the_test_does_not(monkeypatch):
    train_on_sequence = mock.Mock(return_value={"loss": 0, "accuracy": 0})
    compiler = mock.Mock(return_value=train_on_sequence)
    monkeypatch.setattr(extensions, "compile_training_pass", compiler)
    options = parse("--stateless --shortest 2 --epochs 20")
    model = build_model(options)
    extensions.train(model, options)
    lengths = []
    for X, y in (call.args for call in train_on_sequence.call_args_list):
        assert one_hot_decode(y) == np.array(one_hot_decode(X))[:, -2].tolist()
        lengths += lengths_of(X)
    assert set(lengths) == {2, 3, 4, 5}
    with mock.patch.object(model, "predict_on_batch", wraps=model.predict_on_batch):
        extensions.answers(model, options)
        batches = [call.args[0] for call in model.predict_on_batch.call_args_list]
    assert set(lengths_of(np.concatenate(batches))) == {5}


def states_around(options, epochs):
    """Train; return the states before each batch and after it, (epochs, batches, ...)."""
    model = build_model(options)
    layer, before, after = model.layers[0], [], []
    train_on_batch = model.train_on_batch

    def record(*data, **how):
        before.append([state.numpy() for state in layer.states])
        results = train_on_batch(*data, **how)
        after.append([state.numpy() for state in layer.states])
        return results

    model.train_on_batch = record
    extensions.train(model, options)
    shape = (epochs, options.batches, 2, options.batch_size, options.units)
    return np.reshape(before, shape), np.reshape(after, shape)


# Three batches of 5 windows.
START = "--units 6 --context 2 --length 17 --epochs 3 --start"


KINDS = "carried-units-reversed", "other-sequence", "random", "shuffled"


@pytest.mark.parametrize("kind", KINDS)
@eagerly()
def test_a_batch_starts_from_a_state_that_its_name_says(kind):
    before, after = states_around(parse(f"{START} {kind}"), 3)
    assert after.any(axis=(2, 3, 4)).all()
    if kind == "carried-units-reversed":
        assert not before[:, 0].any()  # as after a reset
        assert np.array_equal(before[:, 1:], np.flip(after[:, :-1], axis=-1))
    elif kind == "other-sequence":
        assert not before[:, 0].any()
        assert not before[0].any()  # There is no sequence before the first one.
        assert np.array_equal(before[1:, 1:], after[:-1, :-1])
    else:
        rows = before[1:].swapaxes(2, 3).reshape(-1, 12)
        assert len(np.unique(rows, axis=0)) == len(rows) == 30
        assert np.isin(rows, after).all() == (kind == "shuffled")


@eagerly()
def test_another_network_reads_the_windows_untrained_and_its_states_are_the_starts():
    options = parse(f"{START} other-network")
    others, build = [], extensions.build_model

    def build_and_keep(options):
        others.append(build(options))
        random.seed(2)
        return others[-1]

    with mock.patch.object(extensions, "build_model", build_and_keep):
        before, after = states_around(options, 3)
    (other,) = others
    random.seed(2)
    batches = extensions.new_batches(options)
    for starts in before:
        extensions.reset_states(other)
        for start in starts:
            np.testing.assert_allclose(start, other.layers[0].states, atol=1e-6)
            other.predict_on_batch(next(batches)[0])
    assert not np.isin(before[:, 1:], after).any()


def test_these_starts_are_multiples_of_the_carried_state():
    carried = np.random.normal(size=(2, 5, 6))
    for name, factor in {"2": 2, "half": 0.5, "minus-1": -1}.items():
        start = extensions.state_of_start(f"carried-times-{name}", 1, None, carried)
        assert np.array_equal(start, factor * carried), name


def test_a_random_state_is_one_that_an_lstm_can_have():
    shape = (4, 2, 500, 6)
    h, c = extensions.state_of_start("random", 1, np.full(shape, 7.0), None)
    assert c.mean() == pytest.approx(0, abs=0.1)
    assert c.std() == pytest.approx(1, abs=0.1)
    assert (np.abs(h) < np.abs(np.tanh(c))).all()
    gate = h / np.tanh(c)
    assert gate.mean() == pytest.approx(0.5, abs=0.05)
    assert gate.std() == pytest.approx(12**-0.5, abs=0.05)


@pytest.mark.parametrize(
    "kind", ["similar", "similar-mean-0", "only-means", "shuffled"]
)
def test_a_state_has_the_mean_and_the_deviation_of_each_unit_or_one_of_both(kind):
    rng = np.random.default_rng(3)
    before = rng.normal(5 * rng.normal(size=(2, 1, 6)), [1, 20] * 3, (4, 2, 500, 6))
    # Batches and rows differ, but the new states of rows do not:
    before[2:] += 20
    before[:, :, 250:] += 20
    state = extensions.state_of_start(kind, 1, before, before[0])
    assert state.shape == (2, 500, 6)
    means = before.mean(axis=(0, 2)) * (kind != "similar-mean-0")
    deviations = before.std(axis=(0, 2)) * (kind != "only-means")
    for rows in state[:, :250], state[:, 250:]:
        np.testing.assert_allclose(rows.mean(axis=1), means, atol=7)
        np.testing.assert_allclose(rows.std(axis=1), deviations, rtol=0.2, atol=1e-9)
    if kind.startswith("similar"):  # Each number is drawn by itself.
        assert len(np.unique(state)) == state.size


@eagerly()
def test_a_learned_start_is_zeros_at_first_is_trained_and_read_from():
    options = parse("--start learned --units 6 --unique 10")
    model = build_model(options)
    layer = model.layers[0]
    X, y = generate_data(options)
    X = X[: options.batch_size]
    from_zeros = extensions.make_reader(network("--units 6 --unique 10 --stateless"))
    weights = [array for array in model.get_weights() if array.shape != (1, 6)]
    from_zeros.set_weights(weights)
    expected = from_zeros.predict_on_batch(X)[:, -1]
    np.testing.assert_allclose(model.predict_on_batch(X), expected, atol=1e-6)
    model.train_on_batch(X, y[: options.batch_size])
    assert all(np.all(state) for state in layer.start)
    expected = extensions.make_reader(model).predict_on_batch(X)[:, -1]
    np.testing.assert_allclose(model.predict_on_batch(X), expected, atol=1e-6)


@eagerly()
def test_training_from_other_states_is_training_on_each_batch(capsys):
    options = parse(f"{START} other-sequence --epochs 1")
    ours, reference = build_model(options), build_model(options)
    reference.set_weights(ours.get_weights())
    random.seed(2)
    extensions.train(ours, options)
    random.seed(2)
    X, y = generate_data(options)
    losses = []
    for batch in np.split(np.arange(15), 3):  # The first sequence starts from zero.
        extensions.reset_states(reference)
        reference.reset_metrics()
        losses.append(reference.train_on_batch(X[batch], y[batch])[0])
    for got, expected in zip(ours.get_weights(), reference.get_weights(), strict=True):
        np.testing.assert_allclose(got, expected, atol=1e-5)
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith(f"Epoch 1/1 - loss: {np.mean(losses):.4f}")


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("--lag -1", "--lag: -1 is not a number from 0 to 24"),
        ("--layers 2 --burn-in 1", "--layers and --burn-in do not go together"),
        ("--through-time --context 5", "--through-time and --context do not go"),
        ("--stateles", "unrecognized arguments: --stateles"),
        ("--epochs 0", "--epochs: 0 is not a number from 1 to 1000000"),
        ("--epochs 1.5", "--epochs: invalid int value: '1.5'"),
        ("--lead -1", "--lead: -1 is not a number from 0 to 1000000"),
        ("--learning-rate nan", "nan is not a number from 1e-09 to 1000"),
        ("--learning-rate 1e-46", "1e-46 is not a number from 1e-09 to 1000"),
        ("--forget-bias 1e39", "1e39 is not a number from -1000 to 1000"),
        ("--seed -1", "--seed: -1 is not a number from 0 to 4294967295"),
        ("--context 25", "--length is 25: at least 26 is needed"),
        ("--missing mark --batch-size 5", "--batch-size is 5: it must divide 24"),
        ("--list 20", "--list is 20: at least --length is needed"),
        ("--parts-of 24", "--parts-of is 24: at least --length is needed"),
        ("--layer gru --forget-bias 0", "--forget-bias is that of --layer lstm"),
        ("--layer gru --start random", "--start is that of --layer lstm"),
        ("--shortest 2", "--shortest needs --stateless or --list"),
        ("--stateless --shortest 6", "--shortest is 6: more than --lag and at most"),
        ("--stateless --shortest 1", "--shortest is 1: more than --lag and at most"),
        ("--start other-sequence --batch-size 20", "needs a smaller --batch-size"),
        ("--same", "--same needs --burn-in or --lead, at most --unique"),
        ("--same --lead 6 --unique 5", "--same needs --burn-in or --lead, at most --u"),
    ],
)
def test_bad_command_line(command, message, capsys):
    with pytest.raises(SystemExit, match="^2$"):
        parse(command)
    assert message in capsys.readouterr().err


def test_evaluates_a_network_as_the_script(monkeypatch, capsys):
    name = "echo_lag_no_context"
    script, options = importlib.import_module(name), parse(SAME_AS[name])
    model = with_large_weights(script.build_model())
    keras.utils.set_random_seed(2)
    script.evaluate(model)
    expected = capsys.readouterr().out
    keras.utils.set_random_seed(2)
    extensions.evaluate(model, options)
    assert capsys.readouterr().out == expected

    # A network that always answers 0 is right on three of 2,400 answers. float32 and float64
    # round this share, 0.00125, to other digits.
    zeros = one_hot_encode([0] * options.batch_size).astype("float32")
    monkeypatch.setattr(model, "predict_on_batch", lambda X: zeros)
    outputs = []
    for program, arguments in (script, [model]), (extensions, [model, options]):
        drawn = [[1] * 25, [0] * 3 + [1] * 22, *[[1] * 25] * 99]
        draw = mock.Mock(side_effect=drawn)
        for module in sequences, extensions:
            monkeypatch.setattr(module, "generate_sequence", draw)
        program.evaluate(*arguments)
        outputs.append(capsys.readouterr().out)
    assert outputs[0] == outputs[1]
