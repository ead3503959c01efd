"""The program for real values: its windows, its errors and its command line."""

import keras
import numpy as np
import pytest

from tests.experiments import extensions, real_values
from tests.experiments.real_values import (
    draw,
    relative_error,
    seasons,
    slow_noise,
    windows_of,
    windows_with_many_answers,
)


def parse(command):
    """Return the options of a command line."""
    return real_values.parse(command.split())


@pytest.mark.parametrize("command", ["--lag 1", "--lag 3", "--lag 3 --mean", "--next"])
@pytest.mark.parametrize("burn_in", [0, 2])
def test_framing_pair_by_pair(command, burn_in):
    options = parse(f"{command} --burn-in {burn_in}")
    (s,), (answers,) = draw(1, 20, options, 0.1)
    lag, length = options.unanswered, burn_in + 5
    # After the values that `draw` returns, --next has one more, its last answer.
    after = [*s, answers[-1]]
    for t in range(lag, 20):
        right = after[t + 1] if options.next else s[t - lag]
        right = s[t - lag : t + 1].mean() if options.mean else right
        assert answers[t - lag] == pytest.approx(right)
    X, y = windows_of(s, answers, options)
    assert X.shape == (21 - length, length, 1)
    for start, window in enumerate(X[:, :, 0]):
        assert window.tolist() == s[start : start + length].tolist()
    assert y.tolist() == answers[length - 1 - lag :].tolist()


@pytest.mark.parametrize("command", ["--lag 3", "--lag 3 --mean", "--next"])
def test_many_answers_pair_by_pair(command):
    options = parse(f"{command} --steps 4 --each-step")
    (s,), (answers,) = draw(1, 20, options, 0.1)
    X, y = windows_with_many_answers(s, answers, options)
    lag = options.unanswered
    assert X.shape == y.shape == (17 - lag, 4, 1)
    # The first window begins with the first value that has an answer.
    for start, (window, right) in enumerate(zip(X[:, :, 0], y[:, :, 0])):
        assert window.tolist() == s[start + lag : start + lag + 4].tolist()
        assert right.tolist() == answers[start : start + 4].tolist()


def test_a_season_without_noise_is_a_sine_from_any_step_on():
    series = seasons(200, 60, noise=0)
    assert np.allclose(series[:, 24:], series[:, :-24])
    assert np.allclose(series[:, 12:], -series[:, :-12])
    assert np.allclose(series.max(axis=1), 1)
    assert len(np.unique(series[:, 0].round(6))) == 13  # sines of 24 steps


def test_noise_moves_the_height_and_the_mean_of_a_season():
    np.random.seed(1)
    many = slow_noise(4000, 300, keep=0.9, step=0.5)
    assert many[:, 0].std() == pytest.approx(0.5 / np.sqrt(1 - 0.9**2), rel=0.05)
    assert many[:, -1].std() == pytest.approx(many[:, 0].std(), rel=0.05)
    left = many[:, 1:] - 0.9 * many[:, :-1]  # independent steps
    assert left.std() == pytest.approx(0.5, rel=0.01)
    assert abs(np.corrcoef(left[:, 7], left[:, 8])[0, 1]) < 0.05
    np.random.seed(2)
    plain, noisy = seasons(4000, 30, noise=0), []
    for noise in 0.1, 0.2:
        np.random.seed(2)
        noisy.append(seasons(4000, 30, noise) - plain)
    assert np.allclose(noisy[1], 2 * noisy[0])
    # b moves all steps, a most those where the sine is far from zero.
    spread = [(noisy[0])[np.abs(plain) < 0.01].std(), noisy[0][plain > 0.99].std()]
    assert spread == pytest.approx([0.0987, 0.1049], rel=0.05)


def test_an_error_is_relative_to_that_of_the_naive_answer():
    y, yhat = np.random.random((2, 30, 2))
    metric = keras.metrics.R2Score(class_aggregation=None)
    r_squared = metric(y, yhat).numpy()
    errors = relative_error(y, yhat, None, parse("--lag 3"))  # against the mean
    assert errors == pytest.approx(1 - r_squared, rel=1e-5)
    last = y + [1, 2]
    errors = relative_error(y, yhat, last, parse("--next"))
    assert errors == pytest.approx(np.mean((y - yhat) ** 2, axis=0) / [1, 4])


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


def test_windows_of_several_lengths_reach_the_training(trained_on):
    options = parse("--lag 2 --steps 6 --shortest 3 --epochs 4")
    masking, *_ = real_values.train(options).layers
    assert masking.mask_value == extensions.MISSING
    assert len(trained_on) == 4
    drawn = []
    for X, y in trained_on:
        assert (X[:, -3, 0] == y).all()
        lengths = (X[:, :, 0] != extensions.MISSING).sum(axis=1)
        assert set(lengths) == {3, 4, 5, 6}
        drawn.append(tuple(lengths[np.argsort(X[:, -1, 0])]))  # by window
    assert len(set(drawn)) == 4  # anew for each epoch


def linear_network(recurrent, output, **options):
    """Return a linear network with these weights, whose first unit takes the value."""
    units = len(recurrent)
    layer = keras.layers.SimpleRNN(units, activation="linear", **options)
    model = keras.Sequential([keras.Input((5, 1)), layer, keras.layers.Dense(1)])
    layer.set_weights([np.eye(1, units), np.array(recurrent), np.zeros(units)])
    model.layers[1].set_weights([np.array(output), np.zeros(1)])
    return model


# The second unit takes over what the first one held.
LAST_TWO = [[0, 1], [0, 0]]


def test_each_answer_is_compared_with_the_value_before(monkeypatch, capsys):
    # This network keeps the last two values and answers with the one before the last.
    model = linear_network(LAST_TWO, [[0], [1]])
    monkeypatch.setattr(real_values, "train", lambda options: model)
    real_values.main(["--seed", "3"])
    assert capsys.readouterr().out.splitlines() == [
        "Error over 100 new sequences: 0.000000",
        "Error fed one value at a time: 0.000000",
        f"Error by number: -{' 0.000000' * 49}",
    ]
    # Now it answers with the mean of both.
    model.layers[1].set_weights([np.array([[0.5], [0.5]]), np.zeros(1)])
    real_values.main(["--seed", "3", "--mean"])
    windows, late, by_number = capsys.readouterr().out.splitlines()
    assert windows.endswith(": 0.000000") and late.endswith(": 0.000000")
    assert by_number.count(" 0.000000") == 49
    # At lag 2, it answers with another random value.
    model.layers[1].set_weights([np.array([[0], [1.0]]), np.zeros(1)])
    real_values.main(["--seed", "3", "--lag", "2"])
    windows, late, by_number = capsys.readouterr().out.splitlines()
    assert 1.8 < float(windows.split()[-1]) < 2.2
    assert 1.8 < float(late.split()[-1]) < 2.2
    shares = by_number.removeprefix("Error by number: ").split()
    assert len(shares) == 50
    assert shares[:2] == ["-", "-"] and "-" not in shares[2:]


def test_the_next_value_is_compared_with_the_last_one(monkeypatch, capsys):
    # This network answers with the last value, as the naive answer does.
    model = linear_network([[0]], [[1]])
    monkeypatch.setattr(real_values, "train", lambda options: model)
    real_values.main(["--next", "--seed", "3"])
    assert capsys.readouterr().out.splitlines() == [
        "Error over 100 new sequences: 1.000000",
        "Error fed one value at a time: 1.000000",
        f"Error by number:{' 1.000000' * 50}",
    ]


@pytest.mark.parametrize(
    ("option", "noises"),
    [
        ("", [0.1, 0.1]),
        ("--noise 0", [0, 0]),
        ("--noise 2 --test-noise 0 --each-step", [2, 0]),
    ],
)
def test_noise_is_that_of_the_training_and_of_the_test(option, noises, monkeypatch):
    drawn = []

    def seasons(n_sequences, length, noise):
        drawn.append(noise)
        return np.random.random((n_sequences, length))

    monkeypatch.setattr(real_values, "seasons", seasons)
    monkeypatch.setattr(real_values, "compile_training_pass", compile_nothing)
    monkeypatch.setattr(real_values, "make_reader", lambda model: RightUpTo175())
    real_values.main(f"--next {option}".split())
    assert drawn == noises


def test_the_last_answer_to_a_window_is_measured_if_there_are_many(monkeypatch, capsys):
    model = linear_network(LAST_TWO, [[0], [1]], return_sequences=True)
    monkeypatch.setattr(real_values, "train", lambda options: model)
    real_values.main(["--seed", "3", "--each-step"])
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
    real_values.main(["--seed", "4"])
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
    for seed in 0, 0, 1:
        real_values.main(f"--seed {seed}".split())
        printed.append(capsys.readouterr().out)
    first, same, other = printed
    assert first == same
    assert first != other


def compile_nothing(model, batch_size, jit_compile):
    return lambda X, y: None


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("--lag 50 --steps 50", "--lag: 50 is not a number from 1 to 49"),
        ("--lag 5", "--steps is 5: more than --lag is needed"),
        ("--steps 51", "--steps: 51 is not a number from 1 to 50"),
        ("--burn-in -1", "--burn-in: -1 is not a number from 0 to 20"),
        ("--shortest 2 --burn-in 1", "--burn-in: not allowed with argument --shortest"),
        ("--shortest 6", "--shortest is 6: more than --lag and at most --steps is"),
        ("--lag 3 --shortest 3", "--shortest is 3: more than --lag and at most"),
        ("--next --lag 1", "--next does not go with --lag or --mean"),
        ("--noise 0.1", "--noise and --test-noise need --next"),
        ("--next --test-noise -1", "--test-noise: -1 is not a number from 0 to 1000"),
        ("--next --noise 1e308", "--noise: 1e308 is not a number from 0 to 1000"),
        ("--seed -1", "--seed: -1 is not a number from 0 to 4294967295"),
    ],
)
def test_bad_command_line(command, message, capsys):
    with pytest.raises(SystemExit):
        parse(command)
    assert message in capsys.readouterr().err
