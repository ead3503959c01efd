"""The code in README.md and tests/README.md does what they say."""

import functools
import random
import re
import runpy
from pathlib import Path

import fit_per_epoch
import keras
import numpy as np
import pytest

import echo_lag

FOLDER = Path(echo_lag.__file__).parent
READMES = [FOLDER / "README.md", FOLDER / "tests" / "README.md"]
TEXT = "".join(file.read_text() for file in READMES)
PORT, FROM_PYTHON, OWN_NUMBERS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


def run(folder, code, names=None):
    """Run code from a README, given the values of some names; return all of them."""
    file = folder / "readme.py"
    file.write_text(code)
    return runpy.run_path(str(file), names)


def build():
    """Return a network of two stateful layers, the second in a network inside it."""
    lstm = keras.layers.LSTM(3, stateful=True, return_sequences=True)
    inner = keras.Sequential([keras.Input(batch_shape=(8, 10, 6))])
    inner.add(keras.layers.GRU(4, stateful=True))
    model = keras.Sequential([keras.Input(batch_shape=(8, 10, 1))])
    model.add(keras.layers.Bidirectional(lstm))
    model.add(inner)
    model.add(keras.layers.Dense(1))
    model.compile(loss="mse", optimizer="adam", metrics=["mae"])
    return model


def test_ported_network_trains_as_fit_and_validates(tmp_path):
    model, reference = build(), build()
    reference.set_weights(model.get_weights())
    waves = np.sin(np.arange(40 + 10) / 3).astype("float32")
    X = np.stack([waves[i : i + 10, None] for i in range(40)])
    y = waves[10:50]
    names = {
        "model": model,
        "X": X,
        "y": y,
        "X_new": X[:16],
        "y_new": y[:16],
        "compile_training_pass": echo_lag.compile_training_pass,
        "reset_states": echo_lag.reset_states,
    }
    names = run(tmp_path, PORT.replace("range(100)", "range(3)"), names)

    for _ in range(3):
        last = fit_per_epoch.train(reference, 1, lambda: (X, y)).iloc[-1]
        echo_lag.reset_states(reference)
    expected = reference.evaluate(X[:16], y[:16], batch_size=8, return_dict=True)
    for got, weights in zip(model.get_weights(), reference.get_weights(), strict=True):
        np.testing.assert_allclose(got, weights, atol=2e-6)
    results = {name: float(value) for name, value in names["results"].items()}
    assert results == pytest.approx(last.to_dict(), rel=1e-4)
    assert names["validation"] == pytest.approx(expected, rel=1e-4)
    assert set(expected) == {"loss", "mae"}


def test_keras_repeats_a_single_sample_without_an_error():
    model = build()
    waves = np.zeros((12, 10, 1), dtype="float32")
    assert model.predict(waves[:9], batch_size=8).shape == (16, 1)
    with pytest.raises(Exception, match="shape"):
        model.predict(waves, batch_size=8)


def run_own_numbers(folder, monkeypatch, count):
    """Run the code for own numbers on a file of random numbers; return them and the data."""
    numbers = random.choices(range(100), k=count)
    (folder / "my_numbers.csv").write_text("\n".join(map(str, numbers)))
    monkeypatch.chdir(folder)
    drawn = []

    def train(model, generate_data):
        drawn.extend(generate_data() for _ in range(300))

    monkeypatch.setattr(echo_lag, "train", train)
    run(folder, OWN_NUMBERS)
    return numbers, drawn


def test_own_numbers_are_cut_anywhere_from_the_file(tmp_path, monkeypatch, capsys):
    numbers, drawn = run_own_numbers(tmp_path, monkeypatch, count=27)
    starts = set()
    for X, y in drawn:
        (start,) = [
            start
            for start in range(3)
            if np.array_equal(X, echo_lag.generate_data(numbers[start : start + 25])[0])
        ]
        np.testing.assert_array_equal(
            y, echo_lag.generate_data(numbers[start : start + 25])[1]
        )
        starts.add(start)
    assert starts == {0, 1, 2}
    assert capsys.readouterr().out.startswith(f"Expected:  {numbers[4:-1]}\n")


def test_too_few_own_numbers_end_in_a_clear_error(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="^24 numbers are too few: at least 25 "):
        run_own_numbers(tmp_path, monkeypatch, count=24)


def test_network_is_trained_saved_and_loaded_from_python(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(echo_lag, "train", functools.partial(echo_lag.train, epochs=2))
    names = run(tmp_path, FROM_PYTHON)
    assert list(names["history"].index) == [1, 2]
    assert "Expected:  [65, 35]" in capsys.readouterr().out
    loaded = keras.models.load_model("lag.keras")
    X, _ = echo_lag.generate_data()
    np.testing.assert_allclose(
        echo_lag.predict(loaded, X), echo_lag.predict(names["model"], X), atol=1e-6
    )
