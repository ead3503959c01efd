"""The experiments: their command lines, data, networks and training."""

import functools
import random
import sys
from unittest import mock

import keras
import numpy as np
import pytest
import tensorflow as tf

import echo_lag
from sequences import generate_sequence, one_hot_decode, one_hot_encode
from tests.experiments import extensions, fit_per_epoch
from tests.experiments.extensions import build_model, generate_data, parse


def pairs(command, sequence):
    """Return the samples as pairs, ([time steps], value to echo); -1 is missing."""
    X, y = generate_data(parse(command), sequence)
    assert X.dtype == y.dtype == np.float32
    X = X[:, :, :100]  # without the feature of --mark
    decoded = np.where((X == -1).all(axis=-1), -1, one_hot_decode(X)).tolist()
    return list(zip(decoded, one_hot_decode(y), strict=True))


def with_large_weights(model):
    """Return the network with weights so large that a wrong state would show."""
    model.set_weights([3 * array for array in model.get_weights()])
    return model


@pytest.fixture
def no_xla(monkeypatch):
    """Train without XLA: for so few batches, it takes longer to compile than to run."""
    without = functools.partial(extensions.compile_training_pass, jit_compile=False)
    monkeypatch.setattr(
        extensions, "compile_training_pass", lambda model, jit_compile: without(model)
    )


SAME_AS = {"echo_lag": "", "echo_lag_no_context": "--context 1 --batch-size 6"}


@pytest.mark.parametrize("name", SAME_AS)
def test_trains_as_the_script(name, trained, no_xla, capsys):
    options = parse(f"{SAME_AS[name]} --epochs 3")
    expected = [line.replace("/2000", "/3") for line in trained(name).lines[:3]]
    capsys.readouterr()
    keras.utils.set_random_seed(0)
    extensions.train(build_model(options), options)
    assert capsys.readouterr().out.splitlines() == expected


def test_a_run_prints_what_the_script_prints(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["echo_lag.py", "--seed=0", "--epochs=3"])
    echo_lag.main()
    expected = capsys.readouterr().out.splitlines()
    extensions.main("--seed 0 --epochs 3")
    *lines, one_at_a_time, by_number = capsys.readouterr().out.splitlines()
    assert lines == expected
    assert one_at_a_time.startswith("Accuracy fed one value at a time: 0.0")
    assert len(by_number.removeprefix("Accuracy by number: ").split()) == 25


@pytest.mark.parametrize("name", SAME_AS)
def test_evaluates_a_trained_network_as_the_script(name, trained, capsys):
    script, model = trained(name).script, trained(name).model
    options = parse(SAME_AS[name])
    keras.utils.set_random_seed(2)
    script.evaluate(model)
    *_, expected = capsys.readouterr().out.splitlines()
    keras.utils.set_random_seed(2)
    extensions.evaluate(model, options)
    *_, accuracy = capsys.readouterr().out.splitlines()
    assert accuracy == expected


@pytest.mark.parametrize(
    "command",
    [
        "--through-time",
        "--echo-sequence --lag 2 --batch-size 19",
        "--burn-in 2 --mark first",
    ],
)
def test_training_gives_the_weights_of_fit(command, no_xla):
    keras.utils.set_random_seed(1)
    options = parse(f"{command} --units 4 --unique 9 --epochs 3")
    ours, reference = build_model(options), build_model(options)
    before = ours.get_weights()
    reference.set_weights(before)
    reference.run_eagerly = True
    random.seed(2)
    extensions.train(ours, options)
    random.seed(2)
    fit_per_epoch.fit(reference, 3, lambda: generate_data(options), verbose=0)
    after = ours.get_weights()
    for got, expected in zip(after, reference.get_weights(), strict=True):
        np.testing.assert_allclose(got, expected, rtol=0, atol=1e-5)
    # Training has moved what is compared, and by many times the tolerance.
    assert np.abs(after[-1] - before[-1]).max() > 1e-3


@pytest.mark.parametrize(
    "command",
    [
        "",
        "--context 1 --batch-size 6",
        "--through-time",
        "--echo-sequence",
        "--missing mark",
        "--missing mask",
        "--stateless --lead 2",
        "--burn-in 2 --mark first",
        "--layer two-lstms --list 60",
        "--unique 7",
    ],
)
def test_a_network_gives_answers_of_the_shape_of_the_right_ones(command):
    options = parse(command)
    X, y = generate_data(options)
    rows = slice(None) if options.list else slice(options.batch_size)
    yhat = build_model(options)(X[rows])
    assert yhat.shape == y[rows].shape
    assert np.sum(yhat, axis=-1) == pytest.approx(1)  # probabilities


def test_masking_hides_what_is_missing():
    options = parse("--missing mask --unique 10 --stateless")
    X = generate_data(options)[0][: options.batch_size]
    masked = with_large_weights(build_model(options))
    options = parse("--unique 10 --through-time")
    bare = build_model(options)
    bare.set_weights(masked.get_weights())
    there = X.min(axis=-1) == 0
    assert there.sum(axis=1).tolist() == [2, 3, 4, 5]  # time steps of each window
    for x, steps, answer in zip(X, there, masked(X), strict=True):
        extensions.reset_states(bare)
        np.testing.assert_allclose(answer, bare(x[None, steps])[0, -1], atol=1e-5)


@pytest.mark.parametrize(
    "command", ["--stateless", "--layer gru", "--echo-sequence", "--burn-in 2"]
)
def test_fed_one_at_a_time_it_answers_as_to_all_time_steps_at_once(command):
    model = with_large_weights(build_model(parse(f"{command} --units 8 --unique 10")))
    sequences, answers = extensions.feed_one_at_a_time(model, n_sequences=30)
    layer = parse(command).layer
    options = parse(f"--through-time --units 8 --unique 10 --layer {layer}")
    options.batch_size = 30
    at_once = build_model(options)
    at_once.set_weights(model.get_weights())
    X = np.array([one_hot_encode(sequence, 10) for sequence in sequences])
    assert answers.tolist() == one_hot_decode(at_once(X))


def test_answers_that_no_network_can_know_do_not_count(monkeypatch, capsys):
    fed = np.arange(50).reshape(2, 25), np.roll(np.arange(50).reshape(2, 25), 3, axis=1)
    monkeypatch.setattr(extensions, "feed_one_at_a_time", lambda model: fed)
    for name in "train", "evaluate":
        monkeypatch.setattr(extensions, name, lambda model, options: None)
    monkeypatch.setattr(keras.utils, "set_random_seed", print)
    extensions.main("--lag 3 --seed 0")
    seed, one_at_a_time, by_number = capsys.readouterr().out.splitlines()
    assert (seed, one_at_a_time) == ("0", "Accuracy fed one value at a time: 1.0000")
    assert by_number == f"Accuracy by number:{' -' * 3}{' 1.00' * 22}"


def test_at_a_lag_of_0_each_answer_counts(monkeypatch, capsys):
    fed = np.arange(50).reshape(2, 25)
    monkeypatch.setattr(extensions, "feed_one_at_a_time", lambda model: (fed, fed))
    for name in "train", "evaluate":
        monkeypatch.setattr(extensions, name, lambda model, options: None)
    extensions.main("--lag 0")
    one_at_a_time, by_number = capsys.readouterr().out.splitlines()
    assert one_at_a_time == "Accuracy fed one value at a time: 1.0000"
    assert by_number == f"Accuracy by number:{' 1.00' * 25}"


@pytest.mark.parametrize("kind", ["drop", "mark", "mask", "echo"])
@pytest.mark.parametrize(
    ("context", "lag"), [(1, 0), (1, 1), (2, 7), (5, 0), (5, 1), (5, 5), (20, 1)]
)
def test_framing_pair_by_pair(kind, context, lag):
    s = generate_sequence(28)
    before = [-1] * context + s  # A window ends at t + context.
    option = "--echo-sequence" if kind == "echo" else f"--missing {kind}"
    first = {"drop": max(context, lag), "echo": max(context, lag + context - 1)}
    assert pairs(f"--length 28 --context {context} --lag {lag} {option}", s) == [
        (before[t + 1 : t + 1 + context], before[t + 1 - lag : t + 1 - lag + context])
        if kind == "echo"
        else (before[t + 1 : t + 1 + context], s[t - lag])
        for t in range(first.get(kind, lag), 28)
    ]


@pytest.mark.parametrize("lag", [0, 1, 5])
def test_through_time_makes_the_pairs_of_part_3_one_sample(lag):
    s = generate_sequence()
    bare = pairs(f"--context 1 --lag {lag}", s)
    ((inputs, targets),) = pairs(f"--through-time --lag {lag}", s)
    assert list(zip(inputs, targets)) == [(value, target) for (value,), target in bare]


@pytest.mark.parametrize(
    "options", ["--lead 3", "--burn-in 3", "--burn-in 3 --mark first"]
)
def test_random_values_stand_before_each_window(options):
    s = generate_sequence()
    samples = pairs(options, s)
    assert [(steps[3:], y) for steps, y in samples] == pairs("", s)
    before = [value for steps, _ in samples for value in steps[:3]]
    assert len(set(before)) > 25  # Of 60 values, 45 differ on average.


def test_mark_is_one_at_one_step_of_each_window():
    first, _ = generate_data(parse("--mark first --burn-in 2"))
    assert first.shape == (20, 7, 101)
    assert (first[:, :, 100] == [0, 0, 1, 0, 0, 0, 0]).all()
    marks = np.concatenate([generate_data(parse("--mark random"))[0] for _ in range(9)])
    assert set(marks[:, :, 100].sum(axis=1)) == {1}
    assert set(marks[:, :, 100].argmax(axis=1)) == {0, 1, 2, 3, 4}


@pytest.mark.parametrize(
    ("command", "input_shape", "layers"),
    [
        ("--stateless --units 7", (5, 5, 100), "LSTM Dense"),
        ("--lag 7 --learning-rate 0.01", (3, 5, 100), "LSTM Dense"),
        ("--context 25 --missing mask", (4, 25, 100), "Masking LSTM Dense"),
        ("--through-time", (1, None, 100), "LSTM Dense"),
        ("--lead 5 --unique 7", (5, 10, 7), "LSTM Dense"),
        ("--layer two-lstms --list 60", (None, 5, 100), "RNN Dense"),
        ("--layer cut-gradients --units 7", (5, 5, 100), "RNN Dense"),
        ("--layer normalized-lstm --stateless", (5, 5, 100), "Sequential Dense"),
        ("--forget-bias -2 --units 7", (5, 5, 100), "LSTM Dense"),
        ("--burn-in 2 --units 7 --mark first", (5, 7, 101), "BurnIn Dense"),
    ],
)
def test_options_reach_the_network(command, input_shape, layers):
    options = parse(command)
    model = build_model(options)
    assert model.input_shape == input_shape
    assert [type(layer).__name__ for layer in model.layers] == layers.split()
    if "Masking" in layers:
        assert model.layers[0].mask_value == extensions.MISSING
    memory, dense = model.layers[-2:]
    memory = getattr(memory, "layer", memory)  # of BurnIn
    assert dense.kernel.shape == (options.units, options.unique)
    from_zero = {"--stateless", "--list", "--burn-in"} & set(command.split())
    memory = getattr(memory, "layers", [memory])[0]  # of normalized-lstm
    assert memory.stateful is (not from_zero)
    assert memory.trainable_weights == memory.weights
    if "LSTM" in layers:
        # The gates: input, forget, candidate, output.
        bias = np.repeat([0, -2 if "-2" in command else 1, 0, 0], options.units)
        np.testing.assert_array_equal(memory.cell.bias, bias)
    assert memory.unroll is (input_shape[1] is not None and input_shape[1] <= 15)
    rate = 0.01 if "0.01" in command else 0.001
    assert float(model.optimizer.learning_rate) == pytest.approx(rate)


@pytest.mark.parametrize("layer", [*extensions.LAYERS, "gru --burn-in 2"])
def test_train_says_which_weights_are_trained(layer):
    trained = {}
    for choice in "all", "dense", "recurrent-kernel", "all-but-recurrent-kernel":
        model = build_model(parse(f"--layer {layer} --train {choice}"))
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


def test_weights_that_are_not_trained_stay():
    command = "--layer simple-rnn --units 9 --epochs 1 --train all-but-recurrent-kernel"
    options = parse(command)
    model = build_model(options)
    before = model.get_weights()
    extensions.train(model, options)
    stay = [np.array_equal(*pair) for pair in zip(before, model.get_weights())]
    assert stay == [False, True, False, False, False]


def test_cut_gradients_reach_the_last_time_step_only():
    uncut, cut = build_model(parse("")), build_model(parse("--layer cut-gradients"))
    cut.set_weights(uncut.get_weights())
    X = tf.constant(generate_data(parse(""))[0][:5])
    with tf.GradientTape() as tape:
        tape.watch(X)
        yhat = cut(X)
        first = tf.reduce_sum(yhat[:, 0])  # The sum of all is always 1.
    reached = np.any(tape.gradient(first, X), axis=(0, 2))
    assert reached.tolist() == [False] * 4 + [True]
    np.testing.assert_allclose(yhat, uncut(X), atol=1e-5)  # Forwards, nothing is cut.


def test_fed_one_at_a_time_each_value_gets_the_answer_that_follows_it(monkeypatch):
    marks = []

    def predict_on_batch(X):
        marks.append(X[0, 0, 10])
        return np.roll(X[:, 0, :10], 1, axis=1)  # the value plus 1

    network = mock.Mock(predict_on_batch=predict_on_batch)
    one_at_a_time = mock.Mock(return_value=network)
    monkeypatch.setattr(extensions, "one_at_a_time", one_at_a_time)
    model = build_model(parse("--unique 10 --mark first"))
    sequences, answers = extensions.feed_one_at_a_time(model, n_sequences=30)
    one_at_a_time.assert_called_once_with(model, 30)
    assert np.array_equal(answers, (sequences + 1) % 10)
    assert marks == [0] * 5 + [1] + [0] * 19
    assert len(np.unique(sequences, axis=0)) == 30


def test_never_reset_leaves_the_state_between_sequences():
    options = parse("--never-reset --units 4 --unique 9 --epochs 3")
    ours, reference = build_model(options), build_model(options)
    reference.set_weights(ours.get_weights())
    batches = extensions.new_batches(options)
    random.seed(2)
    for _ in range(3 * options.batches):
        reference.train_on_batch(*next(batches))
    random.seed(2)
    extensions.train(ours, options)
    for got, expected in zip(ours.get_weights(), reference.get_weights(), strict=True):
        np.testing.assert_allclose(got, expected, atol=1e-5)
    assert np.all(ours.layers[0].states[0])  # The last one is still there.


def test_fit_gets_all_windows_of_a_list():
    options = parse("--list 60 --burn-in 2 --epochs 3")
    model = mock.Mock()
    extensions.train(model, options)
    X, y = model.fit.call_args.args
    assert X.shape == (53, 7, 100)
    windows = np.array(one_hot_decode(X))
    assert (windows[1:, :-1] == windows[:-1, 1:]).all()
    assert one_hot_decode(y) == windows[:, -2].tolist()
    how = model.fit.call_args.kwargs
    assert (how["batch_size"], how["epochs"]) == (50, 3)
    assert "shuffle" not in how  # Keras shuffles by default.


# An example of each option that does not go with some others.
EXAMPLES = {
    "missing": "--missing mark",
    "lead": "--lead 1",
    "mark": "--mark first",
    "burn-in": "--burn-in 1",
    "list": "--list 60",
    "context": "--context 6",
    "batch-size": "--batch-size 4",
}
DO_NOT_GO_TOGETHER = {
    "missing": "echo-sequence lead mark burn-in list through-time",
    "echo-sequence": "lead mark burn-in list through-time",
    "lead": "mark burn-in list through-time",
    "through-time": "context mark burn-in list stateless never-reset",
    "list": "mark batch-size stateless never-reset",
    "stateless": "burn-in never-reset",
    "never-reset": "burn-in",
}
PAIRS = [(a, b) for a, others in DO_NOT_GO_TOGETHER.items() for b in others.split()]


@pytest.mark.parametrize(("name", "other"), PAIRS)
def test_options_that_do_not_go_together(name, other, capsys):
    examples = [EXAMPLES.get(option, f"--{option}") for option in (name, other)]
    with pytest.raises(SystemExit, match="^2$"):
        parse(" ".join(examples))
    message = f"error: --{name} and --{other} do not go together\n"
    assert capsys.readouterr().err.endswith(message)


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("--lag -1", "--lag is -1: 0 to 24 is needed"),
        ("--lag 25 --length 50", "--lag is 25: 0 to 24 is needed"),
        ("--epochs 0", "--epochs: invalid count value: '0'"),
        ("--seed -1", "--seed is -1: 0 to 2**32 - 1 is needed"),
        ("--context 25", "25 values: at least 26 are needed"),
        ("--missing mark --batch-size 5", "--batch-size is 5: it must divide 24"),
        ("--list 20", "--list is 20: at least --length is needed"),
        ("--layer gru --forget-bias 1", "--forget-bias is that of --layer lstm"),
        ("--layer normalized-lstm --burn-in 2", "and --burn-in do not go together"),
        ("--train kernel", "invalid choice: 'kernel'"),
    ],
)
def test_bad_command_line(command, message, capsys):
    with pytest.raises(SystemExit):
        parse(command)
    assert message in capsys.readouterr().err
