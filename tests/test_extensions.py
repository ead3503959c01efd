"""What goes beyond the article: its extensions and its readers' questions."""

import functools
import json
import random
import re
import runpy
import subprocess
import sys
from pathlib import Path

import extensions
import keras
import numpy as np
import pytest
import tensorflow as tf
from benchmark import port
from extensions import build_model, generate_data

import echo_lag
import echo_lag_no_context
from sequences import generate_sequence, one_hot_decode


def pairs(sequence, **framing):
    """Return the framing's samples as pairs, ([time steps], value to echo), -1 if missing."""
    X, y = generate_data(sequence, **framing)
    decoded = np.where((X == -1).all(axis=-1), -1, one_hot_decode(X)).tolist()
    return list(zip(decoded, one_hot_decode(y), strict=True))


def run(capsys, *options):
    """Run a command line in this process, and return the lines that it prints."""
    extensions.main([str(option) for option in options])
    return capsys.readouterr().out.splitlines()


def error_of(capsys, options):
    """Run a bad command line, and return the error that it ends with."""
    with pytest.raises(SystemExit) as stop:
        extensions.main(options.split())
    assert stop.value.code == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    return printed.err.split(": error: ")[1].removesuffix("\n")


# The article's own experiments, as special cases


@pytest.mark.parametrize(
    ("script", "options", "own"),
    [
        (echo_lag, "", ""),
        (echo_lag, "--lag 1 --context 5 --units 50 --batch-size 5", "3 1 4 1 5 9 2"),
        (echo_lag_no_context, "--no-context", "3 1 4 1 5 9 2"),
    ],
)
def test_defaults_print_what_the_scripts_print(script, options, own, capsys):
    common = ["--epochs", "3", "--seed", "1", *own.split()]
    script.main(common)
    expected = capsys.readouterr().out.splitlines()
    assert run(capsys, *options.split(), *common) == expected


@pytest.mark.parametrize(
    ("script", "options"),
    [(echo_lag, {}), (echo_lag_no_context, {"context": 1, "batch_size": 6})],
)
def test_default_network_is_the_script_s(script, options):
    def settings(part):
        # Keras numbers the names of all that it makes.
        return {**part.get_config(), "name": ""}

    ours, theirs = build_model(**options), script.build_model()
    for layer, expected in zip(ours.layers, theirs.layers, strict=True):
        assert type(layer) is type(expected)
        assert settings(layer) == settings(expected)
    assert ours.input_shape == theirs.input_shape
    assert ours.loss == theirs.loss
    assert settings(ours.optimizer) == settings(theirs.optimizer)


@pytest.mark.parametrize(
    ("script", "options"), [(echo_lag, {}), (echo_lag_no_context, {"context": 1})]
)
def test_default_framing_is_the_script_s(script, options):
    sequence = generate_sequence()
    ours, theirs = generate_data(sequence, **options), script.generate_data(sequence)
    for got, expected in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(got, expected)
        assert got.dtype == expected.dtype


# Framings


@pytest.mark.parametrize(
    ("context", "lag"),
    [(1, 0), (1, 1), (2, 1), (2, 2), (5, 0), (5, 1), (5, 4), (5, 5), (24, 1), (24, 24)],
)
def test_lag_and_context_pair_by_pair(context, lag):
    s = generate_sequence(27)
    assert pairs(s, context=context, lag=lag) == [
        (s[t - context + 1 : t + 1], s[t - lag]) for t in range(context, 27)
    ]


@pytest.mark.parametrize("missing", ["mark", "mask"])
@pytest.mark.parametrize(
    ("context", "lag"), [(1, 0), (1, 1), (5, 0), (5, 1), (5, 5), (25, 1), (30, 4)]
)
def test_missing_pair_by_pair(missing, context, lag):
    s = generate_sequence()
    padded = [-1] * context + s
    assert pairs(s, context=context, lag=lag, missing=missing) == [
        (padded[t + 1 : t + 1 + context], s[t - lag]) for t in range(lag, 25)
    ]


def test_missing_marks_every_feature():
    X, y = generate_data(missing="mask")
    assert X.dtype == y.dtype == np.float32
    assert X.shape == (24, 5, 100)
    # The pair of the second value has two values, and three time steps before them.
    assert np.all(X[0, :3] == -1)
    assert X[0, 3:].sum() == 2 and X[0, 3:].min() == 0
    assert np.array_equal(np.unique(X), [-1, 0, 1])


@pytest.mark.parametrize(
    ("context", "lag"), [(1, 0), (1, 1), (3, 1), (3, 3), (5, 0), (5, 1), (5, 2), (5, 5)]
)
def test_echo_sequence_pair_by_pair(context, lag):
    s = generate_sequence()
    first = max(context, lag + context - 1)
    assert pairs(s, context=context, lag=lag, echo_sequence=True) == [
        (s[t - context + 1 : t + 1], s[t - context + 1 - lag : t + 1 - lag])
        for t in range(first, 25)
    ]


@pytest.mark.parametrize("echo_sequence", [False, True])
def test_mark_start_adds_a_feature_to_the_same_windows(echo_sequence):
    s = generate_sequence()
    X, y = generate_data(s, lag=2, echo_sequence=echo_sequence)
    marked, same = generate_data(s, lag=2, echo_sequence=echo_sequence, mark_start=True)
    np.testing.assert_array_equal(marked[..., :100], X)
    np.testing.assert_array_equal(same, y)
    assert marked[..., 100:].squeeze(-1).tolist() == [[1, 0, 0, 0, 0]] * len(X)
    assert marked.dtype == np.float32


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"context": 0}, "context is 0: an integer of at least 1 is needed"),
        ({"context": 2.5}, "context is 2.5: an integer of at least 1 is needed"),
        ({"lag": -1}, "lag is -1: an integer from 0 to 5 is needed"),
        ({"lag": 6}, "lag is 6: an integer from 0 to 5 is needed"),
        ({"lag": 1.5}, "lag is 1.5: an integer from 0 to 5 is needed"),
        ({"context": 2, "lag": 3}, "lag is 3: an integer from 0 to 2 is needed"),
        ({"missing": "pad"}, "missing is 'pad': drop, mark or mask is needed"),
        (
            {"missing": "mask", "echo_sequence": True},
            "missing is 'mask': echoing the sequence needs drop",
        ),
        ({"sequence": [1, 2, 3, 4, 5, 100]}, "100 is not an integer from 0 to 99"),
    ],
)
def test_framing_rejects_a_bad_option(options, message):
    with pytest.raises(ValueError) as error:
        generate_data(**options)
    assert str(error.value) == message


def test_framing_says_for_what_a_sequence_is_too_short():
    with pytest.raises(ValueError) as error:
        generate_data(context=25)
    assert str(error.value) == (
        "25 integers are too few: at least 26 are needed for context 25, lag 1 and "
        "missing 'drop'"
    )
    X, _ = generate_data(range(26), context=25)
    assert len(X) == 1


# Networks


@pytest.mark.parametrize(
    ("options", "input_shape", "output_shape", "layers"),
    [
        ({"context": 3}, (5, 3, 100), (5, 100), ["LSTM", "Dense"]),
        ({"units": 7}, (5, 5, 100), (5, 100), ["LSTM", "Dense"]),
        ({"batch_size": 4}, (4, 5, 100), (4, 100), ["LSTM", "Dense"]),
        ({"stateful": False}, (5, 5, 100), (5, 100), ["LSTM", "Dense"]),
        ({"missing": "mark"}, (5, 5, 100), (5, 100), ["LSTM", "Dense"]),
        ({"missing": "mask"}, (5, 5, 100), (5, 100), ["Masking", "LSTM", "Dense"]),
        ({"mark_start": True}, (5, 5, 101), (5, 100), ["LSTM", "Dense"]),
        ({"swap_state": True}, (5, 5, 100), (5, 100), ["SwappedState", "Dense"]),
        (
            {"random_state": True, "stateful": False},
            (5, 5, 100),
            (5, 100),
            ["RandomState", "Dense"],
        ),
        (
            {"echo_sequence": True},
            (5, 5, 100),
            (5, 5, 100),
            ["LSTM", "TimeDistributed"],
        ),
    ],
)
def test_network_with_an_extension(options, input_shape, output_shape, layers):
    model = build_model(**options)
    assert model.input_shape == input_shape
    assert model.output_shape == output_shape
    assert [type(layer).__name__ for layer in model.layers] == layers
    lstm = model.get_layer("lstm")
    assert lstm.units == options.get("units", 50)
    assert lstm.stateful is options.get("stateful", True)


def test_mlp_takes_the_time_steps_side_by_side():
    model = build_model(context=3, units=7, mlp=True)
    X, _ = generate_data(context=3)
    hidden, hidden_bias, output, output_bias = model.get_weights()
    assert hidden.shape == (300, 7)
    scores = np.tanh(X.reshape(-1, 300) @ hidden + hidden_bias) @ output + output_bias
    expected = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(echo_lag.predict(model, X), expected, rtol=1e-4)


def test_swapped_state_comes_from_the_row_before():
    swapped = build_model(swap_state=True)
    # Large weights, so that a wrong state would show.
    swapped.set_weights([3 * weights for weights in swapped.get_weights()])
    one_row = build_model(batch_size=1)
    one_row.set_weights(swapped.get_weights())
    X, _ = generate_data()
    expected = np.zeros((20, 100))
    for row in range(5):
        one_row.get_layer("lstm").reset_state()
        for batch in range(4):
            i = 5 * batch + (row + batch) % 5
            expected[i] = one_row.predict_on_batch(X[i : i + 1])[0]
    np.testing.assert_allclose(echo_lag.predict(swapped, X), expected, atol=1e-6)


def test_random_state_is_new_for_each_sample_and_carries_nothing():
    model = build_model(random_state=True, stateful=False, batch_size=100)
    layer = model.get_layer("lstm")
    hidden, cell = (np.array(state) for state in layer.get_initial_state(100))
    for state in (hidden, cell):
        assert state.shape == (100, 50)
        assert -1 <= state.min() < -0.99 and 0.99 < state.max() <= 1
    assert not np.array_equal(hidden, cell)
    assert not np.array_equal(hidden, layer.get_initial_state(100)[0])
    X = np.repeat(generate_data()[0][:1], 100, axis=0)
    assert len(np.unique(model.predict_on_batch(X)[:, 0])) > 90
    assert layer.states is None


@pytest.mark.parametrize("cut", [True, False])
def test_cut_gradients_reach_the_last_time_step_only(cut):
    model, uncut = build_model(cut_gradients=cut), build_model()
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


@pytest.mark.parametrize("stateful", [True, False])
def test_masking_hides_what_is_missing(stateful):
    masked = build_model(missing="mask", stateful=stateful)
    marked = build_model(missing="mark", stateful=stateful)
    marked.set_weights(masked.get_weights())
    X, _ = generate_data(missing="mask")
    first = echo_lag.predict(masked, X)[0]
    assert np.abs(first - echo_lag.predict(marked, X)[0]).max() > 1e-4
    # Behind the mask, the first sample is a window of two time steps.
    short = build_model(context=2)
    short.set_weights(masked.get_weights())
    expected = echo_lag.predict(short, X[:1, 3:])[0]
    np.testing.assert_allclose(first, expected, atol=1e-6)


def test_network_through_time_answers_as_the_one_that_gets_one_number_at_a_time():
    through_time = build_model(batch_size=1, context=24, echo_sequence=True)
    one_at_a_time = build_model(batch_size=1, context=1)
    assert through_time.output_shape == (1, 24, 100)
    assert one_at_a_time.output_shape == (1, 100)
    assert one_at_a_time.get_layer("lstm").stateful is True
    one_at_a_time.set_weights(through_time.get_weights())
    X, _ = generate_data(context=1)
    np.testing.assert_allclose(
        echo_lag.predict(one_at_a_time, X),
        echo_lag.predict(through_time, X.reshape(1, 24, 100))[0],
        atol=1e-6,
    )


# Training


@pytest.mark.parametrize(
    ("network", "framing"),
    [
        ({"batch_size": 1, "context": 24, "echo_sequence": True}, {"context": 1}),
        ({"stateful": False, "units": 9}, {"lag": 3}),
        ({"batch_size": 6, "missing": "mask"}, {"missing": "mask"}),
        ({"echo_sequence": True}, {"echo_sequence": True}),
        ({"swap_state": True, "mark_start": True}, {"mark_start": True}),
        ({"mlp": True}, {"lag": 4}),
    ],
)
def test_train_gives_the_weights_of_fit(network, framing):
    keras.utils.set_random_seed(1)
    frame = functools.partial(generate_data, **framing)
    ours, ported = build_model(**network), build_model(**network)
    initial = ours.get_weights()
    ported.set_weights(initial)

    random.seed(2)
    history = echo_lag.train(ours, epochs=5, generate_data=frame)
    random.seed(2)
    expected = port(ported, epochs=5, generate_data=frame)

    for got, weights in zip(ours.get_weights(), ported.get_weights(), strict=True):
        np.testing.assert_allclose(got, weights, rtol=0, atol=2e-6)
    # Training has moved what is compared, and by many times the tolerance.
    assert np.abs(ours.get_weights()[0] - initial[0]).max() > 1e-3
    np.testing.assert_allclose(history["loss"], expected["loss"], rtol=1e-5)
    assert ours.optimizer.iterations == ported.optimizer.iterations


def test_frozen_lstm_keeps_its_weights_while_the_output_layer_learns():
    model = build_model(freeze_lstm=True, context=1, batch_size=6)
    *lstm, dense, bias = model.get_weights()
    echo_lag_no_context.train(model, epochs=2)
    *frozen, trained, trained_bias = model.get_weights()
    for before, after in zip(lstm, frozen, strict=True):
        np.testing.assert_array_equal(before, after)
    assert np.abs(trained - dense).max() > 1e-3
    assert np.abs(trained_bias - bias).max() > 1e-3


def test_readme_s_code_trains_on_own_numbers(tmp_path, monkeypatch, capsys):
    readme = (Path(extensions.__file__).parent.parent / "README.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    numbers = random.choices(range(100), k=60)
    (tmp_path / "numbers.csv").write_text("\n".join(map(str, numbers)))
    monkeypatch.chdir(tmp_path)
    trained = []

    def train(model, generate_data):
        trained.extend(generate_data() for _ in range(3))

    monkeypatch.setattr(echo_lag, "train", train)
    (tmp_path / "own.py").write_text(code)
    runpy.run_path("own.py")
    # The last 10 are no sequence of 25, so the third is the first one again.
    expected = [numbers[:25], numbers[25:50], numbers[:25]]
    for (X, y), sequence in zip(trained, expected, strict=True):
        np.testing.assert_array_equal(X, echo_lag.generate_data(sequence)[0])
        np.testing.assert_array_equal(y, echo_lag.generate_data(sequence)[1])
    assert capsys.readouterr().out.startswith(f"Expected:  {numbers[4:-1]}\n")


@pytest.mark.parametrize("lag", [0, 2, 4])
def test_lag_is_learned_without_state_in_half_the_epochs(lag, capsys):
    *_, line = run(capsys, "--stateless", "--lag", lag, "--epochs", 1000, "--seed", 1)
    text, accuracy = line.rsplit(" ", 1)
    assert text == "Accuracy over 100 new sequences:"
    assert float(accuracy) >= 0.99


def test_training_through_time_is_the_fix_for_part_3(capsys):
    # Own integers are fed one at a time.
    options = ["--no-context", "--through-time", "--epochs", 4000, "--seed", 1, 3, 1, 4]
    *_, expected, predicted, all_numbers, line = run(capsys, *options)
    assert expected == "Expected:  [3, 1]"
    assert re.fullmatch(r"Predicted: \[\d+, \d+\]", predicted)
    assert re.fullmatch(ACCURACY, all_numbers)
    text, accuracy = line.rsplit(" ", 1)
    assert text == "Accuracy over 100 new sequences, the first number of each aside:"
    assert float(accuracy) >= 0.95


# The command line

NUMBER = r"\d\.\d{4}"
ACCURACY = f"Accuracy over 100 new sequences: {NUMBER}"


@pytest.mark.parametrize(
    ("options", "n_samples", "last"),
    [
        ("--lag 5 --units 8 --batch-size 20", 20, [ACCURACY]),
        ("--missing mark", 24, [ACCURACY]),
        ("--context 25 --missing mask", 24, [ACCURACY]),
        (
            "--echo-sequence --context 4",
            21,
            [ACCURACY, rf"Accuracy by time step:( {NUMBER}){{4}}"],
        ),
        ("--mlp --lag 4 --missing mark", 21, [ACCURACY]),
        ("--random-state --mark-start", 20, [ACCURACY]),
    ],
)
def test_extension(options, n_samples, last, capsys):
    epoch, expected, predicted, *accuracies = run(
        capsys, *options.split(), "--epochs", 1
    )
    assert re.fullmatch(rf"Epoch 1/1 - loss: {NUMBER} - accuracy: {NUMBER}", epoch)
    for line, name in [(expected, "Expected: "), (predicted, "Predicted:")]:
        assert len(json.loads(line.removeprefix(name))) == n_samples
    for line, pattern in zip(accuracies, last, strict=True):
        assert re.fullmatch(pattern, line)


@pytest.mark.parametrize(
    ("options", "input_shape", "layers"),
    [
        ("--stateless --units 7", (5, 5, 100), ["LSTM", "Dense"]),
        ("--batch-size 4 --lag 3", (4, 5, 100), ["LSTM", "Dense"]),
        ("--context 25 --missing mask", (4, 25, 100), ["Masking", "LSTM", "Dense"]),
        ("--echo-sequence", (5, 5, 100), ["LSTM", "TimeDistributed"]),
        ("--no-context", (6, 1, 100), ["LSTM", "Dense"]),
        ("--through-time", (1, 24, 100), ["LSTM", "TimeDistributed"]),
        ("--mlp", (5, 5, 100), ["Flatten", "HiddenLayer", "Dense"]),
        ("--mark-start", (5, 5, 101), ["LSTM", "Dense"]),
        ("--swap-state", (5, 5, 100), ["SwappedState", "Dense"]),
        ("--random-state", (5, 5, 100), ["RandomState", "Dense"]),
        ("--freeze-lstm", (5, 5, 100), ["LSTM", "Dense"]),
        ("--cut-gradients", (5, 5, 100), ["RNN", "Dense"]),
    ],
)
def test_options_reach_the_network(options, input_shape, layers, monkeypatch):
    trained = []
    monkeypatch.setattr(
        extensions, "train", lambda model, epochs, framing: trained.append(model)
    )
    extensions.main(options.split())
    (model,) = trained
    assert model.input_shape == input_shape
    assert [type(layer).__name__ for layer in model.layers] == layers
    memory = model.get_layer("lstm")
    assert memory.trainable is ("--freeze-lstm" not in options)
    assert getattr(memory, "cell", memory).units == (
        7 if "--units 7" in options else 50
    )
    if isinstance(memory, keras.layers.RNN):
        stateless = "--stateless" in options or "--random-state" in options
        assert memory.stateful is not stateless
    assert isinstance(getattr(memory, "cell", None), extensions.CutCell) is (
        "--cut-gradients" in options
    )


def test_accuracy_with_the_first_number_aside_leaves_it_out(capsys, monkeypatch):
    right = np.zeros((100, 24))
    right[:, 0] = 1
    right[:, 1] = 1
    monkeypatch.setattr(extensions, "train", lambda *arguments: None)
    monkeypatch.setattr(extensions, "evaluate", lambda *arguments: right.ravel())
    *_, line = run(capsys, "--through-time")
    assert line.endswith(f": {1 / 23:.4f}")
    # The first answer to lag 0 is the number at hand.
    assert run(capsys, "--through-time", "--lag", 0) == []


def test_from_the_shell_with_missing_values_of_own_integers():
    command = "--lag 2 --missing mask --stateless --batch-size 23 --epochs 1 3 1 4"
    process = subprocess.run(
        [sys.executable, Path(extensions.__file__), *command.split()],
        capture_output=True,
        check=True,
        text=True,
    )
    assert process.stdout.splitlines()[1] == "Expected:  [3]"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--epochs 0", "argument --epochs: 0 is not a positive integer"),
        ("--epochs x", "argument --epochs: x is not a positive integer"),
        ("--epochs 1.5", "argument --epochs: 1.5 is not a positive integer"),
        ("--seed -1", "Seed must be between 0 and 2**32 - 1"),
        ("1 2 3 4 5 100", "100 is not an integer from 0 to 99"),
        ("--lag 6", "lag is 6: an integer from 0 to 5 is needed"),
        ("--lag -1", "lag is -1: an integer from 0 to 5 is needed"),
        ("--lag x", "argument --lag: invalid int value: 'x'"),
        ("--lag 2 --no-context", "lag is 2: an integer from 0 to 1 is needed"),
        ("--context 0", "context is 0: an integer of at least 1 is needed"),
        (
            "--context 25",
            (
                "25 integers are too few: at least 26 are needed for context 25, lag 1 "
                "and missing 'drop'"
            ),
        ),
        ("--units 0", "argument --units: 0 is not a positive integer"),
        (
            "--batch-size 3",
            (
                "--batch-size is 3: it must divide the 20 samples of a sequence, "
                "so one of 1, 2, 4, 5, 10, 20"
            ),
        ),
        (
            "--missing mark --batch-size 5",
            (
                "--batch-size is 5: it must divide the 24 samples of a sequence, "
                "so one of 1, 2, 3, 4, 6, 8, 12, 24"
            ),
        ),
        (
            "--missing mask --echo-sequence",
            "missing is 'mask': echoing the sequence needs drop",
        ),
        (
            "--lag 3 --missing mark 3 1 4",
            (
                "3 integers are too few: at least 4 are needed for context 5, lag 3 "
                "and missing 'mark'"
            ),
        ),
        (
            "--no-context --batch-size 5",
            (
                "--batch-size is 5: it must divide the 24 samples of a sequence, "
                "so one of 1, 2, 3, 4, 6, 8, 12, 24"
            ),
        ),
        (
            "--batch-size 6 --through-time",
            "--batch-size does not go with --through-time: it trains on 1 sample",
        ),
        (
            "--context 5 --no-context",
            "--context does not go with --no-context: it has a context of 1",
        ),
        (
            "--stateless --mlp",
            "--stateless does not go with --mlp: an MLP has no state",
        ),
        (
            "--missing mask --mlp",
            "--missing mask does not go with --mlp: it skips no time steps",
        ),
        (
            "--missing mark --mark-start",
            (
                "--missing mark does not go with --mark-start: a first time step may be "
                "missing"
            ),
        ),
        (
            "--mark-start --no-context",
            "--mark-start does not go with a context of 1: all is start",
        ),
        (
            "--cut-gradients --context 1",
            "--cut-gradients does not go with a context of 1: it has none to cut",
        ),
        (
            "--stateless --swap-state",
            "argument --swap-state: not allowed with argument --stateless",
        ),
        (
            "--random-state --through-time",
            (
                "--random-state does not go with --through-time: it needs the state between "
                "numbers"
            ),
        ),
        (
            "--cut-gradients --freeze-lstm",
            (
                "--cut-gradients does not go with --freeze-lstm: a frozen LSTM has no use for "
                "gradients"
            ),
        ),
        (
            "--swap-state --no-context --batch-size 1",
            "--swap-state does not go with batches of 1: it needs rows to swap",
        ),
    ],
)
def test_bad_command_line(options, message, capsys):
    assert error_of(capsys, options) == message


def test_help_groups_the_options_by_the_article_s_bullets_and_the_readers_questions(
    capsys,
):
    with pytest.raises(SystemExit) as stop:
        extensions.main(["--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    places = [
        text.index(expected)
        for expected in [
            "\nIgnore Internal State:",
            "  --stateless ",
            "  --random-state ",
            "  --swap-state ",
            "\nMask Missing Data:",
            "  --missing ",
            "\nEntire Sequence as Timesteps:",
            "  --context ",
            "\nEcho Different Lag Value:",
            "  --lag ",
            "  --units ",
            "  --mark-start ",
            "\nEcho Lag Sequence:",
            "  --echo-sequence ",
            "\nthe readers' questions:",
            "  --no-context ",
            "  --through-time ",
            "  --freeze-lstm ",
            "  --cut-gradients ",
            "  --mlp ",
        ]
    ]
    assert places == sorted(places)
