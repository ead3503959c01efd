"""The experiments: their command lines, data, networks and training."""

import functools
import random

import keras
import numpy as np
import pytest
import tensorflow as tf

from sequences import generate_sequence, one_hot_decode, one_hot_encode
from tests.experiments import extensions, fit_per_epoch
from tests.experiments.extensions import build_model, generate_data, parse
from tests.test_scripts import trained


def pairs(command, sequence):
    """Return the samples as pairs, ([time steps], value to echo); -1 is missing."""
    X, y = generate_data(parse(command), sequence)
    assert X.dtype == y.dtype == np.float32
    X = X[:, :, :100]  # without the feature of --mark
    decoded = np.where((X == -1).all(axis=-1), -1, one_hot_decode(X)).tolist()
    return list(zip(decoded, one_hot_decode(y), strict=True))


@pytest.fixture
def quickly(monkeypatch):
    """Train without XLA: for so few batches, it takes longer to compile than to run."""
    without_xla = functools.partial(extensions.compile_training_pass, jit_compile=False)
    monkeypatch.setattr(extensions, "compile_training_pass", without_xla)


def with_large_weights(model):
    """Return the network with weights so large that a wrong state would show."""
    model.set_weights([3 * weights for weights in model.get_weights()])
    return model


def answers_and_reach(model, X):
    """Return the answers to a batch, and which time steps the gradients reach."""
    X = tf.constant(X)
    with tf.GradientTape() as tape:
        tape.watch(X)
        yhat = model(X)
        first = tf.reduce_sum(yhat[:, 0])  # The sum of all is always 1.
    gradients = np.abs(tape.gradient(first, X)).max(axis=(0, 2))
    return yhat, (gradients > 0).tolist()


@pytest.mark.parametrize(
    ("script", "options"),
    [("echo_lag", ""), ("echo_lag_no_context", "--context 1 --batch-size 6")],
)
def test_trains_as_the_script(script, options, quickly, capsys):
    options = parse(f"{options} --epochs 3")
    expected = [line.replace("/2000", "/3") for line in trained(script).lines[:3]]
    keras.utils.set_random_seed(0)
    extensions.train(build_model(options), options)
    assert capsys.readouterr().out.splitlines() == expected


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


@pytest.mark.parametrize("script", ["echo_lag", "echo_lag_no_context"])
def test_evaluate_is_that_of_the_script(script, capsys):
    model, module = trained(script).model, trained(script).script
    options = parse("" if script == "echo_lag" else "--context 1 --batch-size 6")
    printed = []
    for evaluate in module.evaluate, lambda model: extensions.evaluate(model, options):
        keras.utils.set_random_seed(2)
        evaluate(model)
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1]


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
    ("options", "counts"),
    [("--lead 3,2,1,0", [3, 2, 1, 0]), ("--lead 3,0", [3, 0]), ("--lead 3", [3])]
    + [("--burn-in 3", [3]), ("--burn-in 3 --mark first", [3])],
)
def test_random_values_stand_before_each_window(options, counts):
    leads = []
    for _ in range(10):
        s = generate_sequence()
        samples = pairs(options, s)
        leads += [tuple(steps[:3]) for steps, _ in samples]
        assert [(steps[3:], y) for steps, y in samples] == pairs("", s)
    filled = {tuple(value == -1 for value in row) for row in leads}
    assert filled == {(True,) * (3 - n) + (False,) * n for n in counts}
    assert len({value for row in leads for value in row}) > 50


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
        ("--lead 5,0 --unique 7", (5, 10, 7), "Masking LSTM Dense"),
        ("--layer mlp --batch-size 4", (4, 5, 100), "Flatten Dense Dense"),
        ("--layer cut-gradients --units 7", (5, 5, 100), "RNN Dense"),
        ("--layer simple-rnn", (5, 5, 100), "SimpleRNN Dense"),
        ("--forget-bias -2 --units 7", (5, 5, 100), "LSTM Dense"),
        ("--burn-in 2 --units 7 --mark first", (5, 7, 101), "BurnIn Dense"),
    ],
)
def test_options_reach_the_network(command, input_shape, layers):
    options = parse(command)
    model = build_model(options)
    assert model.input_shape == input_shape
    assert [type(layer).__name__ for layer in model.layers] == layers.split()
    memory, dense = model.layers[-2:]
    memory = getattr(memory, "layer", memory)  # of BurnIn
    assert dense.kernel.shape == (options.units, options.unique)
    if options.layer != "mlp":
        assert memory.stateful is ("--stateless" not in command)
        assert memory.unroll is (input_shape[1] in (5, 7, 10))
    if "LSTM" in layers:
        bias = np.repeat([0, -2 if "-2" in command else 1, 0, 0], options.units)
        np.testing.assert_array_equal(memory.cell.bias, bias)
    rate = 0.01 if "0.01" in command else 0.001
    assert float(model.optimizer.learning_rate) == pytest.approx(rate)


def test_cut_gradients_reach_the_last_time_step_only():
    uncut, cut = build_model(parse("")), build_model(parse("--layer cut-gradients"))
    cut.set_weights(uncut.get_weights())
    X = generate_data(parse(""))[0][:5]
    (expected, all_steps), (yhat, reached) = (
        answers_and_reach(m, X) for m in (uncut, cut)
    )
    assert all_steps == [True] * 5 and reached == [False] * 4 + [True]
    np.testing.assert_allclose(yhat, expected, atol=1e-6)  # Forwards, nothing is cut.


@pytest.mark.parametrize("layer", ["lstm", "gru", "simple-rnn"])
def test_burn_in_moves_the_state_and_teaches_nothing(layer):
    options = parse(f"--burn-in 3 --units 8 --unique 10 --layer {layer}")
    model = with_large_weights(build_model(options))
    bare = build_model(parse(f"--units 8 --unique 10 --layer {layer}"))
    bare.set_weights(model.get_weights())
    X = generate_data(options)[0][:5]
    for _ in range(2):  # The state that a batch leaves does not reach the next one.
        extensions.reset_states(bare)
        bare.predict_on_batch(X[:, :3])
        yhat, reached = answers_and_reach(model, X)
        np.testing.assert_allclose(yhat, bare(X[:, 3:]), atol=1e-6)
        assert reached == [False] * 3 + [True] * 5


@pytest.mark.parametrize("command", ["--missing mask", "--lead 2,1,0"])
def test_masking_hides_what_is_missing(command):
    options = parse(f"{command} --unique 10 --stateless")
    X = generate_data(options)[0][: options.batch_size]
    masked = with_large_weights(build_model(options))
    options = parse("--unique 10 --through-time")
    bare = build_model(options)
    bare.set_weights(masked.get_weights())
    there = X.min(axis=-1) == 0
    assert len(set(there.sum(axis=1))) > 1
    for x, steps, answer in zip(X, there, masked(X), strict=True):
        extensions.reset_states(bare)
        np.testing.assert_allclose(answer, bare(x[None, steps])[0, -1], atol=1e-6)


@pytest.mark.parametrize(
    "command", ["--stateless", "--layer gru", "--echo-sequence", "--burn-in 2"]
)
def test_fed_one_at_a_time_a_network_answers_as_to_all_time_steps_at_once(command):
    model = with_large_weights(build_model(parse(f"{command} --units 8 --unique 10")))
    sequences, answers = extensions.feed_one_at_a_time(model, n_sequences=30)
    options = parse("--through-time --units 8 --unique 10")
    options.layer, options.batch_size = parse(command).layer, 30
    at_once = build_model(options)
    at_once.set_weights(model.get_weights())
    X = np.array([one_hot_encode(sequence, 10) for sequence in sequences])
    assert answers.tolist() == one_hot_decode(at_once(X))
    assert len(np.unique(sequences, axis=0)) == 30


@pytest.mark.parametrize(
    "command",
    [
        "--through-time",
        "--echo-sequence --lag 2 --batch-size 19",
        "--lead 1,0 --stateless",
        "--burn-in 2 --mark first",
    ],
)
def test_train_gives_the_weights_of_fit(command, quickly):
    keras.utils.set_random_seed(1)
    options = parse(f"{command} --units 4 --unique 9 --epochs 3")
    ours, reference = build_model(options), build_model(options)
    initial = ours.get_weights()
    reference.set_weights(initial)
    reference.run_eagerly = True
    random.seed(2)
    extensions.train(ours, options)
    random.seed(2)
    fit_per_epoch.fit(reference, 3, lambda: generate_data(options), verbose=0)
    for got, weights in zip(ours.get_weights(), reference.get_weights(), strict=True):
        np.testing.assert_allclose(got, weights, rtol=0, atol=2e-6)
    # Training has moved what is compared, and by many times the tolerance.
    assert np.abs(ours.get_weights()[0] - initial[0]).max() > 1e-3


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("--lag -1", "--lag is -1: 0 to 24 is needed"),
        ("--lag 25 --length 50", "--lag is 25: 0 to 24 is needed"),
        ("--epochs 0", "--epochs: invalid count value: '0'"),
        ("--lead 5,-1", "--lead: invalid counts value: '5,-1'"),
        ("--context 25", "25 values: at least 26 are needed"),
        ("--missing mark --batch-size 5", "--batch-size is 5: it must divide 24"),
        ("--through-time --missing mask", "--through-time makes a sequence one sample"),
        ("--lead 5 --missing mask", "each go alone"),
        ("--echo-sequence --burn-in 1", "each go alone"),
        ("--layer mlp --burn-in 1", "takes a window as a whole"),
        ("--layer mlp --stateless", "--stateless changes nothing here"),
        ("--layer gru --forget-bias 1", "--forget-bias is that of --layer lstm"),
    ],
)
def test_bad_command_line(command, message, capsys):
    with pytest.raises(SystemExit):
        parse(command)
    assert message in capsys.readouterr().err
