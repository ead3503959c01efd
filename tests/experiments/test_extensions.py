"""What goes beyond the article: extensions, readers' questions and our experiments."""

import functools
import json
import os
import random
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

import echo_lag
import echo_lag_no_context
from sequences import generate_sequence, one_hot_decode, one_hot_encode
from tests.experiments import extensions, fit_per_epoch
from tests.experiments.extensions import (
    build_model,
    feed_one_at_a_time,
    generate_data,
    reset_states,
)

ROOT = Path(echo_lag.__file__).parent


def pairs(sequence, **framing):
    """Return the samples as pairs, ([time steps], value to echo); -1 is missing."""
    X, y = generate_data(sequence, **framing)
    decoded = np.where((X == -1).all(axis=-1), -1, one_hot_decode(X)).tolist()
    assert X.dtype == y.dtype == np.float32
    return list(zip(decoded, one_hot_decode(y), strict=True))


def run(capsys, options):
    """Run a command line in this process, and return the lines that it prints."""
    extensions.main(options.split())
    return capsys.readouterr().out.splitlines()


def error_of(capsys, options):
    """Run a bad command line, and return the error that it ends with."""
    with pytest.raises(SystemExit) as stop:
        extensions.main(options.split())
    assert stop.value.code == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    return printed.err.split(": error: ")[1].removesuffix("\n")


def with_large_weights(model):
    """Return the network with weights so large that a wrong state would show."""
    model.set_weights([3 * weights for weights in model.get_weights()])
    return model


@pytest.fixture
def passed_on(monkeypatch):
    """Neither train nor measure; keep what main passes to each function."""
    calls = {}

    def replace(name, result):
        def keep(*arguments, **options):
            calls[name] = [*arguments, options]
            return result

        monkeypatch.setattr(extensions, name, keep)

    replace("train", None)
    replace("evaluate", np.zeros(1))
    replace("feed_one_at_a_time", (np.zeros((100, 25)), np.zeros((100, 25))))
    return calls


# The article's own experiments, as special cases


@pytest.mark.parametrize(
    ("script", "options"),
    [(echo_lag, ""), (echo_lag_no_context, "--context 1 --batch-size 6")],
)
def test_prints_what_the_script_prints(script, options, monkeypatch, capsys):
    common = "--epochs 3 --seed 1 3 1 4 1 5 9 2"
    monkeypatch.setattr(sys, "argv", [script.__file__, *common.split()])
    script.main()
    expected = capsys.readouterr().out.splitlines()
    lines = run(capsys, f"{options} {common}")
    assert lines[:6] == expected
    names = [line.split(":")[0].removeprefix("Accuracy ") for line in lines[6:]]
    assert names == ["by batch", "fed one number at a time", "by number"]


# Framings


@pytest.mark.parametrize(
    ("context", "lag"),
    [(1, 0), (1, 1), (2, 2), (2, 7), (5, 0), (5, 1), (5, 4), (5, 5), (5, 6), (24, 24)],
)
def test_lag_and_context_pair_by_pair(context, lag):
    s = generate_sequence(27)
    assert pairs(s, context=context, lag=lag) == [
        (s[t - context + 1 : t + 1], s[t - lag]) for t in range(max(context, lag), 27)
    ]


@pytest.mark.parametrize("missing", ["mark", "mask"])
@pytest.mark.parametrize(
    ("context", "lag"), [(1, 0), (1, 1), (5, 0), (5, 1), (5, 7), (25, 1), (30, 4)]
)
def test_missing_pair_by_pair(missing, context, lag):
    s = generate_sequence()
    padded = [-1] * context + s
    assert pairs(s, context=context, lag=lag, missing=missing) == [
        (padded[t + 1 : t + 1 + context], s[t - lag]) for t in range(lag, 25)
    ]


@pytest.mark.parametrize(
    ("context", "lag"), [(1, 0), (1, 1), (3, 1), (3, 4), (5, 0), (5, 1), (5, 2), (5, 5)]
)
def test_echo_sequence_pair_by_pair(context, lag):
    s = generate_sequence()
    first = max(context, lag + context - 1)
    assert pairs(s, context=context, lag=lag, echo_sequence=True) == [
        (s[t - context + 1 : t + 1], s[t - context + 1 - lag : t + 1 - lag])
        for t in range(first, 25)
    ]


@pytest.mark.parametrize("lead", [(3, 2, 1, 0), (3, 0), (3,)])
def test_lead_puts_random_values_before_each_window(lead):
    leads = []
    for _ in range(10):
        s = generate_sequence()
        X, y = generate_data(s, lead=lead)
        bare, same = generate_data(s)
        np.testing.assert_array_equal(X[:, 3:], bare)
        np.testing.assert_array_equal(y, same)
        assert X.dtype == np.float32
        leads.append(X[:, :3])
    leads = np.concatenate(leads)
    filled = (leads == -1).all(axis=-1)
    # From the front, and by each of the numbers.
    assert {tuple(row) for row in filled.tolist()} == {
        (True,) * (3 - n) + (False,) * n for n in lead
    }
    values = leads[~filled]
    assert np.all(np.sort(values)[:, -2:] == [0, 1]) and values.min() == 0
    assert len(set(values.argmax(axis=1))) > 50


@pytest.mark.parametrize("lag", [0, 1, 5])
def test_through_time_makes_the_pairs_of_part_3_one_sample(lag):
    s = generate_sequence()
    X, y = generate_data(s, lag=lag, through_time=True)
    bare, same = generate_data(s, context=1, lag=lag)
    np.testing.assert_array_equal(X, bare.reshape(1, -1, 100))
    np.testing.assert_array_equal(y, same.reshape(1, -1, 100))


@pytest.mark.parametrize("unique", [2, 1000])
def test_unique_is_the_number_of_features_of_classes_and_of_random_values(unique):
    X, y = generate_data(unique=unique, lead=(1,))
    assert X.shape == (20, 6, unique) and y.shape == (20, unique)
    last = unique - 1
    assert pairs([0] * 5 + [last], unique=unique) == [([0, 0, 0, 0, last], 0)]
    values = np.concatenate([generate_data(unique=unique)[1] for _ in range(20)])
    assert min(unique, 200) <= len(set(values.argmax(axis=1))) <= unique


def test_length_is_the_number_of_values():
    X, y = generate_data(length=35, context=15)
    assert X.shape == (20, 15, 100) and y.shape == (20, 100)


@pytest.mark.parametrize(
    "options", [{"lag": 7}, {"echo_sequence": True, "lag": 2}, {"through_time": True}]
)
def test_embedding_takes_the_integers_of_the_one_hot_vectors(options):
    s = generate_sequence(25, 30)
    ours = generate_data(s, unique=30, embedding=True, **options)
    for got, encoded in zip(ours, generate_data(s, unique=30, **options), strict=True):
        assert got.tolist() == one_hot_decode(encoded)
        assert got.dtype == np.float32


# Networks


def test_mlp_takes_the_time_steps_side_by_side():
    model = build_model(shape=(3, 100), units=7, layer="mlp")
    X, _ = generate_data(context=3)
    hidden, hidden_bias, output, output_bias = model.get_weights()
    assert hidden.shape == (300, 7)
    scores = np.tanh(X.reshape(-1, 300) @ hidden + hidden_bias) @ output + output_bias
    expected = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(model(X), expected, rtol=1e-4)


@pytest.mark.parametrize(("options", "bias"), [({}, 1), ({"forget_bias": -0.5}, -0.5)])
def test_forget_bias_is_where_the_forget_gates_start(options, bias):
    model = build_model(units=7, **options)
    expected = [0] * 7 + [bias] * 7 + [0] * 14
    assert model.layers[0].get_weights()[2].tolist() == expected
    assert model.layers[0].get_weights()[0].any()


@pytest.mark.parametrize("cut", [True, False])
def test_cut_gradients_reach_the_last_time_step_only(cut):
    uncut = build_model()
    model = build_model(layer="cut-gradients") if cut else build_model()
    model.set_weights(uncut.get_weights())
    X, _ = generate_data()
    X = tf.constant(X[:5])
    with tf.GradientTape() as tape:
        tape.watch(X)
        yhat = model(X)
        # The sum of all is always 1.
        first = tf.reduce_sum(yhat[:, 0])
    reached = np.abs(tape.gradient(first, X)).max(axis=(0, 2)) > 0
    assert reached.tolist() == [not cut, not cut, not cut, not cut, True]
    # Forwards, nothing is cut.
    np.testing.assert_allclose(yhat, uncut(X), atol=1e-6)


@pytest.mark.parametrize("options", [{"missing": "mask"}, {"lead": (2, 1, 0)}])
def test_masking_hides_what_is_missing(options):
    X, _ = generate_data(unique=10, **options)
    masked = with_large_weights(build_model(X.shape[1:], len(X), unique=10, **options))
    bare = build_model((None, 10), batch_size=1, unique=10)
    bare.set_weights(masked.get_weights())
    there = X.min(axis=-1) == 0
    assert len(set(there.sum(axis=1))) > 1
    for values, answer in zip([x[t] for x, t in zip(X, there)], masked(X), strict=True):
        reset_states(bare)
        np.testing.assert_allclose(answer, bare(values[None])[0], atol=1e-6)


@pytest.mark.parametrize(
    "options",
    [
        {"shape": (5, 10), "stateless": True, "missing": "mask"},
        {"shape": (5, 10), "echo_sequence": True, "layer": "cut-gradients"},
        {"shape": (None,), "through_time": True, "embedding": True},
        {"shape": (5, 10), "layer": "gru"},
    ],
)
def test_fed_one_at_a_time_a_network_answers_as_to_all_time_steps_at_once(options):
    options |= {"units": 8, "unique": 10}
    model = with_large_weights(build_model(batch_size=2, **options))
    sequences, answers = feed_one_at_a_time(model, n_sequences=30)
    options |= {"shape": (25, *options["shape"][1:]), "through_time": True}
    at_once = build_model(batch_size=30, **options)
    at_once.set_weights(model.get_weights())
    X = sequences
    if "embedding" not in options:
        X = np.array([one_hot_encode(sequence, 10) for sequence in sequences])
    assert answers.tolist() == one_hot_decode(at_once(X))
    assert len(np.unique(sequences, axis=0)) == 30
    assert set(sequences.ravel()) == set(range(10))


# Training


@pytest.mark.parametrize(
    ("framing", "network"),
    [
        ({"through_time": True, "embedding": True}, {"batch_size": 1}),
        (
            {"echo_sequence": True, "context": 2, "lag": 2},
            {"layer": "cut-gradients", "batch_size": 11},
        ),
        ({"lead": (1, 0), "context": 1}, {"stateless": True, "batch_size": 6}),
    ],
)
def test_train_gives_the_weights_of_fit(framing, network, capsys):
    keras.utils.set_random_seed(1)
    frame = functools.partial(generate_data, unique=9, **framing)
    network = {**network, **extensions.keywords(build_model, framing)}
    network |= {"shape": frame()[0].shape[1:], "units": 4, "unique": 9}
    ours, reference = build_model(**network), build_model(**network)
    initial = ours.get_weights()
    reference.set_weights(initial)

    random.seed(2)
    extensions.train(ours, epochs=5, generate_data=frame)
    lines = capsys.readouterr().out.splitlines()
    random.seed(2)
    expected = fit_per_epoch.fit(reference, 5, frame, verbose=0)

    for got, weights in zip(ours.get_weights(), reference.get_weights(), strict=True):
        np.testing.assert_allclose(got, weights, rtol=0, atol=2e-6)
    # Training has moved what is compared, and by many times the tolerance.
    assert np.abs(ours.get_weights()[0] - initial[0]).max() > 1e-3
    assert lines == [
        f"Epoch {i + 1}/5 - loss: {epoch.loss:.4f} - accuracy: {epoch.accuracy:.4f}"
        for i, epoch in expected.iterrows()
    ]


# A high learning rate saves most of the epochs. Chance is 1 %.
def test_training_through_time_is_the_fix_for_part_3(capsys):
    lines = run(capsys, "--through-time --learning-rate 0.01 --epochs 500 --seed 1")
    name, accuracy = lines[-2].split(": ")
    assert name == "Accuracy fed one number at a time"
    assert float(accuracy) >= 0.9


# From the command line to the networks and back


@pytest.mark.parametrize(
    ("options", "input_shape", "layers"),
    [
        ("--stateless --units 7", (5, 5, 100), "LSTM Dense"),
        ("--batch-size 4 --lag 3", (4, 5, 100), "LSTM Dense"),
        ("--lag 7 --learning-rate 0.01", (3, 5, 100), "LSTM Dense"),
        ("--context 25 --missing mask", (4, 25, 100), "Masking LSTM Dense"),
        ("--echo-sequence", (5, 5, 100), "LSTM Dense"),
        ("--through-time", (1, None, 100), "LSTM Dense"),
        # Default values go with everything.
        (
            "--unique 7 --embedding --missing drop --layer lstm",
            (5, 5),
            "Embedding LSTM Dense",
        ),
        ("--lead 5 --unique 7", (5, 10, 7), "Masking LSTM Dense"),
        ("--lead 0,3", (5, 8, 100), "Masking LSTM Dense"),
        ("--layer mlp --units 7", (5, 5, 100), "Flatten Dense Dense"),
        ("--layer cut-gradients --units 7", (5, 5, 100), "RNN Dense"),
        ("--layer gru", (5, 5, 100), "GRU Dense"),
        ("--layer simple-rnn --units 7", (5, 5, 100), "SimpleRNN Dense"),
        ("--context 15 --length 35", (5, 15, 100), "LSTM Dense"),
    ],
)
def test_options_reach_the_networks(options, input_shape, layers, passed_on):
    extensions.main(options.split())
    model, epochs, frame, _ = passed_on["train"]
    assert epochs == 2000
    assert model.input_shape == input_shape
    assert [type(layer).__name__ for layer in model.layers] == layers.split()
    memory, dense = model.layers[-2:]
    units, unique = dense.kernel.shape
    assert units == (7 if "--units 7" in options else 50)
    assert unique == (7 if "--unique 7" in options else 100)
    if "mlp" in options:
        assert "feed_one_at_a_time" not in passed_on
    else:
        assert passed_on["feed_one_at_a_time"] == [model, {}]
        assert memory.stateful is ("--stateless" not in options)
        # Many time steps would take long to compile.
        assert memory.unroll is (input_shape[1] in (5, 8, 10))
        is_cut = type(memory.cell) is extensions.CutCell
        assert is_cut is ("cut-gradients" in options)
    rate = 0.01 if "0.01" in options else 0.001
    assert float(model.optimizer.learning_rate) == pytest.approx(rate)
    X, _ = frame(list(range(7)) * 5)
    assert X.shape[1:] == tuple(n or len(X[0]) for n in input_shape[1:])


@pytest.mark.parametrize(
    ("options", "samples", "last"),
    [
        ("--echo-sequence --context 4 --embedding --unique 9", 21, {"by time step": 4}),
        ("--layer mlp --lag 4 --missing mark --batch-size 21", 21, {}),
        (
            "--layer simple-rnn --lead 2,0,1 --numbers 60 --unique 4",
            20,
            {"by batch": 4},
        ),
    ],
)
def test_lines_printed_by_combinations_of_options(
    options, samples, last, monkeypatch, capsys
):
    # It would take long to compile.
    monkeypatch.setattr(extensions, "train", lambda *arguments: None)
    expected, predicted, *accuracies = run(capsys, options)
    assert len(json.loads(expected.removeprefix("Expected: "))) == samples
    assert len(json.loads(predicted.removeprefix("Predicted:"))) == samples
    names = [line.removeprefix("Accuracy ").split(": ") for line in accuracies]
    fed = {} if "mlp" in options else {"fed one number at a time": 1, "by number": 25}
    parts = {"over 100 new sequences": 1, **last, **fed}
    assert {name: len(values.split()) for name, values in names} == parts


@pytest.mark.parametrize(
    ("options", "right", "expected"),
    [
        # Right in the second batch of 5, and in the last answer of the last.
        ("", [0] * 5 + [1] * 5 + [0] * 9 + [1], "batch: 0.0000 1.0000 0.0000 0.2000"),
        ("--batch-size 20", [1] * 20, None),
        (
            "--echo-sequence",
            [[0, 1, 0, 0, 1]] * 19 + [[1, 1, 1, 1, 1]],
            "time step: 0.0500 1.0000 0.0500 0.0500 1.0000",
        ),
    ],
)
def test_accuracy_by_part(options, right, expected, passed_on, monkeypatch, capsys):
    answers = np.array(right * 100, dtype=float)
    monkeypatch.setattr(extensions, "evaluate", lambda *arguments: answers)
    parts = [line for line in run(capsys, options) if line.startswith("Accuracy by")]
    if expected:
        assert parts.pop(0) == f"Accuracy by {expected}"
    (by_number,) = parts
    assert by_number.startswith("Accuracy by number: ")


@pytest.mark.parametrize("lag", [0, 3])
def test_answers_that_no_network_can_know_do_not_count(
    lag, passed_on, monkeypatch, capsys
):
    sequences = np.array([generate_sequence() for _ in range(100)])
    answers = np.full((100, 25), -1)
    answers[:, lag:] = sequences[:, : 25 - lag]
    answers[:, 7] = -1
    monkeypatch.setattr(
        extensions, "feed_one_at_a_time", lambda *_, **__: (sequences, answers)
    )
    numbers = ["-"] * lag + ["1.0000"] * (25 - lag)
    numbers[7] = "0.0000"
    assert run(capsys, f"--lag {lag}")[-2:] == [
        f"Accuracy fed one number at a time: {1 - 1 / (25 - lag):.4f}",
        f"Accuracy by number: {' '.join(numbers)}",
    ]


def test_numbers_are_one_list_to_train_on(passed_on, monkeypatch, capsys):
    monkeypatch.setattr(
        extensions, "generate_sequence", lambda length, unique: list(range(length))
    )
    run(capsys, "--numbers 30 --context 1 --lag 0 --missing mark")
    *_, train_on, _ = passed_on["train"]
    _, evaluate_on, *_ = passed_on["evaluate"]
    starts = {tuple(one_hot_decode(train_on()[1])) for _ in range(200)}
    assert starts == {tuple(range(start, start + 25)) for start in range(6)}
    # What it is measured on is new.
    assert one_hot_decode(evaluate_on()[1]) == list(range(25))


def test_from_the_shell_with_own_integers_until_the_reader_has_read_enough():
    command = "--layer mlp --lag 2 --missing mark --epochs 1 3 1 4"
    process = subprocess.Popen(
        [sys.executable, "-m", extensions.__name__, *command.split()],
        cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout.readline().startswith("Epoch 1/1 - loss: ")
        assert process.stdout.readline() == "Expected:  [3]\n"
        process.stdout.close()
        assert "Traceback" not in process.stderr.read()
    assert process.returncode == 0


# Bad command lines, and help


INTEGERS = ["epochs", "batch-size", "context", "units", "unique", "numbers", "length"]
LEADS = ["0", "0,0", "-1", "2.5", "x", "1,", "1,x"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        *(
            (f"--{name} 0", f"--{name}: 0 is not a positive integer")
            for name in INTEGERS
        ),
        *(
            (f"--lead {lead}", f"--lead: {lead} is not N or N,N,..., with one N")
            for lead in LEADS
        ),
        ("--seed -1", "--seed is -1: 0 to 4294967295 is needed"),
        ("--numbers 24", "--numbers is 24: at least 25 are needed"),
        ("--learning-rate inf", "--learning-rate is inf: a number above 0 is needed"),
        ("--learning-rate 0", "--learning-rate is 0.0: a number above 0 is needed"),
        ("--forget-bias nan", "--forget-bias is nan: a number is needed"),
        ("--unique 9 1 2 3 4 5 9", "9 is not an integer from 0 to 8"),
        ("--embedding 1 2 3 4 5 -- -1", "-1 is not an integer from 0 to 99"),
        ("--embedding 1 2 3 4 5 100", "100 is not an integer from 0 to 99"),
        ("--lag -1", "context is 5, lag is -1: at least 1 and 0 are needed"),
        ("--context 25", "25 integers are too few: at least 26 are needed for context"),
        ("--lag 3 --missing mask 3 1 4", "for context 5, lag 3 and missing 'mask'"),
        ("--missing mark --batch-size 5", "--batch-size is 5: it must divide the 24 "),
        ("--missing mark --batch-size 5", "so one of 1, 2, 3, 4, 6, 8, 12, 24"),
    ],
)
def test_bad_command_line(options, message, capsys):
    assert message in error_of(capsys, options)


@pytest.mark.parametrize("pair", extensions.CONFLICTS)
def test_options_that_do_not_go_together(pair, capsys):
    values = {"--context": 3, "--batch-size": 1, "--lead": 2, "--length": 30}
    values |= {"--numbers": 60, "--forget-bias": -1}
    options = " ".join(f"{option} {values.get(option, '')}" for option in pair)
    first, second = pair
    expected = f"{first} does not go with {second}: {extensions.CONFLICTS[pair]}"
    assert error_of(capsys, options) == expected
