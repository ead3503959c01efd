"""The experiments: their command lines, data, networks and training."""

import random
from unittest import mock

import keras
import numpy as np
import pytest
import tensorflow as tf

from sequences import generate_sequence, one_hot_decode
from tests.experiments import extensions
from tests.experiments.extensions import build_model, generate_data, parse


def pairs(command, sequence):
    """Return the samples as pairs, ([time steps], value to echo); -1 is missing."""
    X, y = generate_data(parse(command), sequence)
    assert X.dtype == y.dtype == np.float32
    X = X[:, :, :100]  # without the feature of --mark
    decoded = np.where((X == -1).all(axis=-1), -1, one_hot_decode(X)).tolist()
    return list(zip(decoded, one_hot_decode(y), strict=True))


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
        ("--layer simple-rnn --untrained", (5, 5, 100), "SimpleRNN Dense"),
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
    assert memory.stateful is (not from_zero)
    assert bool(memory.trainable_weights) is ("--untrained" not in command)
    if "LSTM" in layers:
        forget = memory.cell.bias[options.units : 2 * options.units]
        assert set(forget.numpy()) == {-2 if "-2" in command else 1}
    rate = 0.01 if "0.01" in command else 0.001
    assert float(model.optimizer.learning_rate) == pytest.approx(rate)


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
        ("--burn-in 2 --stateless", "--stateless and --burn-in do not go together"),
    ],
)
def test_bad_command_line(command, message, capsys):
    with pytest.raises(SystemExit):
        parse(command)
    assert message in capsys.readouterr().err
