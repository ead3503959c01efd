"""The program for real values: its windows, its errors and its command line."""

import keras
import numpy as np
import pytest

from tests.experiments import extensions, real_values
from tests.experiments.real_values import parse, relative_error, windows_of


@pytest.mark.parametrize("lag", [1, 3, 4])
@pytest.mark.parametrize("burn_in", [0, 2])
def test_framing_pair_by_pair(lag, burn_in):
    s = np.random.random(20)
    X, y = windows_of(s, parse(f"--lag {lag} --burn-in {burn_in}"))
    length = burn_in + 5
    assert X.shape == (21 - length, length, 1)
    pairs = [(window.tolist(), target) for window, target in zip(X[:, :, 0], y)]
    assert pairs == [
        (s[t + 1 - length : t + 1].tolist(), s[t - lag]) for t in range(length - 1, 20)
    ]


def test_mean_is_that_of_all_values_from_the_lag_on():
    s = np.random.random(20)
    _, y = windows_of(s, parse("--lag 2 --mean"))
    assert y == pytest.approx([s[t - 2 : t + 1].mean() for t in range(4, 20)])


def test_relative_error():
    y = np.array([[0.0, 1.0], [1.0, 3.0], [2.0, 8.0]])
    assert relative_error(y, y).tolist() == [0, 0]
    assert relative_error(y, np.array([1.0, 4.0])) == pytest.approx([1, 1])  # the means
    assert relative_error(np.array([0, 1]), np.array([1, 0])) == 4
    metric = keras.metrics.R2Score(class_aggregation=None)
    yhat = np.random.random((3, 2))
    r_squared = metric(y, yhat).numpy()
    assert relative_error(y, yhat) == pytest.approx(1 - r_squared, rel=1e-5)


@pytest.mark.parametrize("option", ["", "--mean"])
def test_many_answers_pair_by_pair(option):
    s = np.random.random(20)
    options = parse(f"--lag 3 --steps 4 --each-step {option}")
    X, y = real_values.windows_with_many_answers(s, options)
    assert X.shape == y.shape == (14, 4, 1)
    # The first window begins with the value whose answer is the first value.
    for start, (window, answers) in enumerate(zip(X[:, :, 0], y[:, :, 0]), start=3):
        assert window.tolist() == s[start : start + 4].tolist()
        ends = range(start, start + 4)
        right = [s[t - 3 : t + 1].mean() if option else s[t - 3] for t in ends]
        assert answers == pytest.approx(right)


@pytest.fixture
def trained_on(monkeypatch):
    """Return a list, to which each pass of a training adds its X and y."""
    data = []

    def compile_training_pass(model, batch_size, jit_compile):
        assert batch_size == 50
        return lambda X, y: data.append((X, y))

    monkeypatch.setattr(real_values, "compile_training_pass", compile_training_pass)
    return data


@pytest.mark.parametrize("option", ["", "--burn-in 2"])
def test_options_reach_the_network_and_its_training(option, trained_on):
    options = parse(f"--layer gru --lag 2 --steps 4 --epochs 3 {option}")
    model = real_values.train(options)
    layer, dense = model.layers
    assert model.input_shape == (None, 4 + options.burn_in, 1)
    assert type(getattr(layer, "layer", layer)) is keras.layers.GRU
    assert (type(layer).__name__ == "BurnIn") is (options.burn_in == 2)
    assert (dense.units, model.loss) == (1, "mse")
    assert type(model.optimizer) is keras.optimizers.Adam
    assert float(model.optimizer.learning_rate) == pytest.approx(0.001)
    assert len(trained_on) == 3
    for X, y in trained_on:
        assert (X[:, -3, 0] == y).all()
        assert len(y) == len(np.unique(y)) == 20_000
    (first, _), (second, _), _ = trained_on
    assert not np.array_equal(first, second)  # in another order,
    assert np.array_equal(np.sort(first, axis=0), np.sort(second, axis=0))  # the same


def test_an_answer_for_each_step_reaches_the_network_and_its_training(trained_on):
    options = parse("--lag 2 --steps 4 --epochs 2 --each-step")
    model = real_values.train(options)
    assert model.output_shape == (None, 4, 1)
    for X, y in trained_on:
        assert X.shape == y.shape == (20_000, 4, 1)
        assert (y[:, 2:] == X[:, :2]).all()


@pytest.mark.parametrize("option", ["", "--draw-once"])
def test_windows_of_several_lengths_reach_the_training(option, trained_on):
    options = parse(f"--lag 2 --steps 6 --shortest 3 --epochs 4 {option}")
    masking, *_ = real_values.train(options).layers
    assert masking.mask_value == extensions.MISSING
    assert len(trained_on) == 4
    drawn = []
    for X, y in trained_on:
        assert (X[:, -3, 0] == y).all()
        lengths = (X[:, :, 0] != extensions.MISSING).sum(axis=1)
        assert set(lengths) == {3, 4, 5, 6}
        drawn.append(tuple(lengths[np.argsort(X[:, -1, 0])]))  # by window
    assert len(set(drawn)) == (1 if option else 4)


def test_each_answer_is_compared_with_the_value_before(monkeypatch, capsys):
    # This network keeps the last two values and answers with the one before the last.
    layer = keras.layers.SimpleRNN(2, activation="linear")
    model = keras.Sequential([keras.Input((5, 1)), layer, keras.layers.Dense(1)])
    layer.set_weights([np.array([[1.0, 0]]), np.array([[0, 1.0], [0, 0]]), np.zeros(2)])
    model.layers[1].set_weights([np.array([[0], [1.0]]), np.zeros(1)])
    monkeypatch.setattr(real_values, "train", lambda options: model)
    real_values.main("--seed 3")
    assert capsys.readouterr().out.splitlines() == [
        "Error over 100 new sequences: 0.000000",
        "Error fed one value at a time: 0.000000",
        f"Error by number: -{' 0.000000' * 49}",
    ]
    # Now it answers with the mean of both.
    model.layers[1].set_weights([np.array([[0.5], [0.5]]), np.zeros(1)])
    real_values.main("--seed 3 --mean")
    windows, late, by_number = capsys.readouterr().out.splitlines()
    assert windows.endswith(": 0.000000") and late.endswith(": 0.000000")
    assert by_number.count(" 0.000000") == 49
    # At lag 2, it answers with another random value.
    model.layers[1].set_weights([np.array([[0], [1.0]]), np.zeros(1)])
    real_values.main("--seed 3 --lag 2")
    windows, late, by_number = capsys.readouterr().out.splitlines()
    assert 1.8 < float(windows.split()[-1]) < 2.2
    assert 1.8 < float(late.split()[-1]) < 2.2
    shares = by_number.removeprefix("Error by number: ").split()
    assert len(shares) == 50
    assert shares[:2] == ["-", "-"] and "-" not in shares[2:]


def test_the_last_answer_to_a_window_is_measured_if_there_are_many(monkeypatch, capsys):
    layer = keras.layers.SimpleRNN(2, activation="linear", return_sequences=True)
    model = keras.Sequential([keras.Input((5, 1)), layer, keras.layers.Dense(1)])
    layer.set_weights([np.array([[1.0, 0]]), np.array([[0, 1.0], [0, 0]]), np.zeros(2)])
    model.layers[1].set_weights([np.array([[0], [1.0]]), np.zeros(1)])
    monkeypatch.setattr(real_values, "train", lambda options: model)
    real_values.main("--seed 3 --each-step")
    assert capsys.readouterr().out.splitlines()[:2] == [
        "Error over 100 new sequences: 0.000000",
        "Error fed one value at a time: 0.000000",
    ]


class RightUpTo175:
    """Answers rightly up to number 175, then with 0.5; and so at number 40."""

    def predict(self, X, verbose):
        answers = np.roll(X, 1, axis=1)
        answers[:, 39] = answers[:, 175:] = 0.5
        return answers


@pytest.mark.usefixtures("trained_on")
def test_late_answers_are_the_last_25(monkeypatch, capsys):
    monkeypatch.setattr(real_values, "make_reader", lambda model: RightUpTo175())
    real_values.main("--seed 4")
    _, late, by_number = capsys.readouterr().out.splitlines()
    assert float(late.split()[-1]) == pytest.approx(1, abs=0.01)
    shares = by_number.removeprefix("Error by number: ").split()
    assert [share == "0.000000" for share in shares[1:]] == [
        number != 40 for number in range(2, 51)
    ]


def test_the_seed_repeats_a_run(monkeypatch, capsys):
    monkeypatch.setattr(real_values, "compile_training_pass", compile_nothing)
    monkeypatch.setattr(real_values, "make_reader", lambda model: RightUpTo175())
    printed = []
    for seed in 5, 5, 6:
        real_values.main(f"--seed {seed}")
        printed.append(capsys.readouterr().out)
    first, same, other = printed
    assert first == same
    assert first != other


def compile_nothing(model, batch_size, jit_compile):
    return lambda X, y: None


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("--lag 0", "--lag: 0 is too small: at least 1 is needed"),
        ("--lag 5", "--steps is 5: --lag + 1 to 50 is needed"),
        ("--steps 51", "--steps is 51: --lag + 1 to 50 is needed"),
        ("--burn-in -1", "--burn-in is -1: 0 to 20 is needed"),
        ("--burn-in 21", "--burn-in is 21: 0 to 20 is needed"),
        ("--shortest 2 --burn-in 1", "only one of --burn-in, --shortest and --each-"),
        ("--shortest 2 --each-step", "only one of --burn-in, --shortest and --each-"),
        ("--shortest 6", "--shortest is 6: at most --steps is needed"),
        ("--draw-once", "--draw-once needs --shortest"),
        ("--seed -1", "--seed is -1: 0 to 2**32 - 1 is needed"),
        ("--layer dense", "invalid choice: 'dense'"),
    ],
)
def test_bad_command_line(command, message, capsys):
    with pytest.raises(SystemExit):
        parse(command)
    assert message in capsys.readouterr().err
