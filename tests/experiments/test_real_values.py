"""The program for real values: its windows, its R² and its command line."""

import keras
import numpy as np
import pytest

from tests.experiments import real_values
from tests.experiments.real_values import parse, r_squared, windows_of


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


def test_r_squared():
    y = np.array([[0.0, 1.0], [1.0, 3.0], [2.0, 8.0]])
    assert r_squared(y, y).tolist() == [1, 1]
    assert r_squared(y, np.array([1.0, 4.0])) == pytest.approx([0, 0])  # the means
    assert r_squared(np.array([0, 1]), np.array([1, 0])) == -3
    metric = keras.metrics.R2Score(class_aggregation=None)
    yhat = np.random.random((3, 2))
    assert r_squared(y, yhat) == pytest.approx(metric(y, yhat).numpy(), rel=1e-5)


@pytest.mark.parametrize("option", ["", "--burn-in 2"])
def test_options_reach_the_network_and_its_training(option, monkeypatch):
    calls = {}
    monkeypatch.setattr(
        keras.Model, "fit", lambda model, *data, **how: calls.update(data=data, how=how)
    )
    options = parse(f"--layer gru --lag 2 --steps 4 --epochs 3 {option}")
    model = real_values.train(options)
    layer, dense = model.layers
    assert model.input_shape == (None, 4 + options.burn_in, 1)
    assert type(getattr(layer, "layer", layer)) is keras.layers.GRU
    assert (type(layer).__name__ == "BurnIn") is (options.burn_in == 2)
    assert (dense.units, model.loss) == (1, "mse")
    X, y = calls["data"]
    assert (X[:, -3, 0] == y).all()
    assert len(y) == 20_000 - 3 - options.burn_in
    assert calls["how"] == {"batch_size": 50, "epochs": 3, "verbose": 0}


def test_each_answer_is_compared_with_the_value_before(monkeypatch, capsys):
    # This network keeps the last two values and answers with the one before the last.
    layer = keras.layers.SimpleRNN(2, activation="linear")
    model = keras.Sequential([keras.Input((5, 1)), layer, keras.layers.Dense(1)])
    layer.set_weights([np.array([[1.0, 0]]), np.array([[0, 1.0], [0, 0]]), np.zeros(2)])
    model.layers[1].set_weights([np.array([[0], [1.0]]), np.zeros(1)])
    monkeypatch.setattr(real_values, "train", lambda options: model)
    real_values.main("--seed 3")
    assert capsys.readouterr().out.splitlines() == [
        "R² over 100 new sequences: 1.0000",
        "R² fed one value at a time: 1.0000",
        f"R² by number: -{' 1.00' * 49}",
    ]
    # At lag 2, it answers with another random value.
    real_values.main("--seed 3 --lag 2")
    windows, late, by_number = capsys.readouterr().out.splitlines()
    assert -1.2 < float(windows.split()[-1]) < -0.8
    assert -1.2 < float(late.split()[-1]) < -0.8
    assert by_number.startswith("R² by number: - - -")
    assert len(by_number.split()) == 3 + 50


def test_late_answers_are_the_last_25(monkeypatch, capsys):
    class Network:
        """Answers rightly up to number 25, and then with 0.5."""

        number = 0
        previous = None

        def predict_on_batch(self, X):
            self.number += 1
            right, self.previous = self.previous, X[:, 0]
            early = 1 < self.number <= 25
            return right if early else np.full((100, 1), 0.5)

    monkeypatch.setattr(real_values, "one_at_a_time", lambda *_, **__: Network())
    monkeypatch.setattr(keras.Model, "fit", lambda *_, **__: None)
    real_values.main("--seed 4")
    _, late, by_number = capsys.readouterr().out.splitlines()
    assert float(late.split()[-1]) == pytest.approx(0, abs=0.01)
    assert by_number.split()[4:28] == ["1.00"] * 24
    assert float(by_number.split()[28]) < 0.1


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("--lag 0", "--lag: invalid count value: '0'"),
        ("--lag 5", "--steps is 5: --lag + 1 to 25 is needed"),
        ("--steps 26", "--steps is 26: --lag + 1 to 25 is needed"),
        ("--burn-in -1", "--burn-in is -1: 0 to 20 is needed"),
        ("--burn-in 21", "--burn-in is 21: 0 to 20 is needed"),
        ("--seed -1", "--seed is -1: 0 to 2**32 - 1 is needed"),
        ("--layer dense", "invalid choice: 'dense'"),
    ],
)
def test_bad_command_line(command, message, capsys):
    with pytest.raises(SystemExit):
        parse(command)
    assert message in capsys.readouterr().err
