"""The measurements find what is known of networks that are made by hand."""

import contextlib
import functools
import io

import keras
import matplotlib
import numpy as np
import pytest

from tests.experiments import extensions, inside
from tests.porting.stateful import one_at_a_time

EYE, NOTHING = np.eye(100), np.zeros((100, 100))
OPEN, SHUT = np.full(100, 200.0), np.full(100, -200.0)


def network(clears):
    """Return the weights of an LSTM that answers the value before.

    Its first 100 units hold the current value, the next 100 take over what those held. If
    it does not clear, the latter keep all older values, too.
    """
    gate = np.zeros((100, 200))
    kernel = np.hstack([gate, gate, EYE, NOTHING, gate])
    to_next = np.vstack([np.hstack([NOTHING, EYE]), np.zeros((100, 200))])
    recurrent = np.hstack([np.zeros((200, 400)), to_next, np.zeros((200, 200))])
    forget = [SHUT, SHUT if clears else OPEN]
    bias = np.concatenate([OPEN, OPEN, *forget, np.zeros(200), OPEN, OPEN])
    weights = [kernel, recurrent, bias, 50 * np.vstack([NOTHING, EYE]), np.zeros(100)]
    return [array.astype("float32") for array in weights]


@pytest.fixture
def conveyor_belt(monkeypatch):
    """Measure an LSTM that always holds the last two values, instead of training one."""
    new_sequences = inside.new_sequences

    def train(seed, epochs=(2000,), **options):
        return [network(clears=True)] * len(epochs)

    def fewer_sequences(seed, n, steps):
        # The read-out, of 9 steps, must be fitted on more states than its 400 features.
        return new_sequences(seed, {5: 496, 9: 1200}.get(steps, 100), steps)

    monkeypatch.setattr(inside, "train", train)
    monkeypatch.setattr(inside, "new_sequences", fewer_sequences)
    monkeypatch.setattr(inside, "LOOK_BACK", {1: {}})


def test_run_is_the_network_of_keras():
    # An untrained one, first from a zero state and then from the one that was left.
    weights = inside.train(1, epochs=(0,))[0]
    keras.utils.set_random_seed(1)
    model = extensions.build_model()
    keras_network = one_at_a_time(model, batch_size=3)
    sequences = inside.new_sequences(seed=1, n=3, steps=4)
    first = inside.run(weights, sequences[:, :2])
    second = inside.run(weights, sequences[:, 2:], first.h[:, -1], first.c[:, -1])
    logits = np.concatenate([first.logits, second.logits], axis=1)
    for step, values in enumerate(sequences.T):
        X = np.eye(100, dtype="float32")[values][:, None]
        yhat = keras_network.predict_on_batch(X)
        expected = np.exp(logits[:, step])
        expected /= expected.sum(axis=1, keepdims=True)
        np.testing.assert_allclose(yhat, expected, rtol=1e-4)
    (lstm,) = (layer for layer in keras_network.layers if "LSTM" in str(type(layer)))
    left = [second.h[:, -1], second.c[:, -1]]
    np.testing.assert_allclose(lstm.states, left, rtol=1e-4, atol=1e-6)


def test_training_is_that_of_extensions(monkeypatch):
    for module in inside, extensions:
        quickly = functools.partial(module.compile_training_pass, jit_compile=False)
        monkeypatch.setattr(module, "compile_training_pass", quickly)
    keras.utils.set_random_seed(1)
    model = extensions.build_model((1, 100), batch_size=1)
    with contextlib.redirect_stdout(io.StringIO()):
        extensions.train(model, 2, lambda: extensions.generate_data(context=1))
    untrained, trained = inside.train(1, epochs=(0, 2), context=1, batch_size=1)
    for weights, expected in zip(trained, model.get_weights(), strict=True):
        np.testing.assert_allclose(weights, expected, atol=1e-6)
    assert not np.array_equal(untrained[0], trained[0])


def test_read_out_finds_the_conveyor_belt():
    sequences = inside.new_sequences(seed=1, n=1200, steps=4)
    ran = inside.run(network(clears=True), sequences)
    found = inside.shares_found(inside.states_of(ran, "h and c"), sequences)
    assert np.diagonal(found).min() > 0.99
    assert np.diagonal(found, 1).min() > 0.99
    assert np.diagonal(found, 2).max() < 0.05
    assert np.isnan(found[np.tril_indices(4, -1)]).all()


def test_read_out_finds_nothing_in_noise():
    rng = np.random.default_rng(1)
    states, values = rng.normal(size=(3000, 50)), rng.integers(100, size=3000)
    assert inside.share_found(states, values) < 0.05


def test_one_unit_is_enough_if_it_stands_for_a_value():
    rng = np.random.default_rng(1)
    values = rng.integers(20, size=600)
    states = rng.normal(size=(600, 5))
    assert inside.share_found_in_one_unit(states, values) < 0.2
    states[:, 3] = np.sin(100 * values)
    assert inside.share_found_in_one_unit(states, values) == 1


def test_look_back_finds_two_values_and_none_when_shuffled(conveyor_belt):
    found, answered = inside.look_back(seed=1).values()
    for row in "untrained, h and c", "lag 1, h", "lag 1, c", "lag 1, h and c":
        assert min(found[row][:2]) > 0.99
        assert max(found[row][2:]) < 0.05
    assert max(found["lag 1, h and c, shuffled"]) < 0.05
    assert answered["lag 1"][1] == 1
    assert max(answered["lag 1"][0], *answered["lag 1"][2:]) < 0.05


def test_network_that_does_not_clear_is_right_when_older_values_are_scaled():
    weights = network(clears=False)
    sequences = np.array([np.random.default_rng(i).permutation(100) for i in range(20)])
    logits = inside.run(weights, sequences).logits[:, 2:]
    as_it_is = inside.share_right(logits, sequences[:, 1:-1])
    assert as_it_is < 0.2
    assert inside.right_after_scaling(weights, sequences, 1) == as_it_is
    assert inside.right_after_scaling(weights, sequences, 0.5) == 1
    assert inside.right_after_scaling(weights, sequences, 0) == 1


def test_subtracting_the_mean_logit_removes_a_preference():
    values = np.resize(range(100), 400)
    logits = EYE[values] + 10 * EYE[7]
    assert inside.share_right(logits, values) == 0.01
    assert inside.share_right(inside.without_preference(logits, 100), values[100:]) == 1


def test_shares_of_window():
    windows = np.array([[1, 2, 3, 4, 5]] * 4)
    logits = EYE[[4, 5, 3, 99]]
    assert inside.shares_of_window(logits, windows) == [1 / 4, 3 / 4, 1 / 3]


def test_network_that_looks_back_has_no_clock_and_no_list(conveyor_belt):
    rows, best = inside.clock(seed=1).values()
    assert len(rows) == 24
    assert best["number"][0] == 8
    np.testing.assert_allclose([*rows.values()], 1, atol=0.02)
    (rows,) = inside.numbers(seed=1).values()
    assert rows["500 numbers"] == [1, 1, 1, 0]


def test_pause_and_batches_of_1_of_a_network_that_echoes(conveyor_belt):
    for rows in inside.pause(seed=1).values():
        assert max(rows["test loss"]) < 0.01
        assert min(rows["right"]) == min(rows["right of these"]) == 1
    for rows in inside.batches_of_1(seed=1).values():
        np.testing.assert_array_equal([*rows.values()], 1)


def test_table_has_the_median_and_the_range(capsys):
    results = [{("of", "a", "b"): {"row": [np.nan, x]}} for x in (0.1, 0.3, 0.94)]
    inside.print_medians([*results, *[{("of", "a", "b"): {"row": [np.nan, 0.3]}}]])
    assert "| row |  | 30 % (10 to 94) |" in capsys.readouterr().out
    assert inside.median_text([4.54, 4.6, 4.4]) == "4.54 (4.4 to 4.6)"


def test_picture_shows_the_median_of_each_share(tmp_path):
    def result(share):
        rows = {f"value {n}": np.full(9, np.nan) for n in inside.STEPS}
        rows["value 4"] = np.full(9, share)
        return {("zero",): rows, ("carried",): rows}

    file = tmp_path / "inside.svg"
    with matplotlib.rc_context({"svg.fonttype": "none"}):
        inside.draw([result(0.31), result(0.72), result(0.97)], file, format="svg")
    text = file.read_text()
    assert text.count(">72<") == 18
    assert "from a zero state" in text


@pytest.mark.parametrize(
    "options, message",
    [
        (["--only", "pictures"], "invalid choice: 'pictures'"),
        (["--seeds", "0"], "0 is not a positive integer"),
        (["--figure", "missing/inside.png"], "No such file or directory"),
        (["--only", "clock", "--figure", "x.png"], "draws the read-out, not clock"),
    ],
)
def test_bad_command_line(options, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stop:
        inside.main(options)
    assert stop.value.code == 2
    assert message in capsys.readouterr().err
