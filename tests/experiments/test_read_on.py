"""The program that trains a changed echo_lag.py, and lets its network read on."""

import random
import runpy
import subprocess
import sys
from types import SimpleNamespace

import keras
import numpy as np
import pytest

import echo_lag
from tests.experiments import exercises, extensions, read_on, results


@pytest.fixture
def steps(monkeypatch):
    """Put functions that only draw in the place of a training; return what they did."""
    done = []

    def step(name):
        def draw(*arguments, **how):
            done.append((name, random.random(), np.random.random(), arguments, how))
            return name

        return draw

    names = ["build_model", "fit", "evaluate"]
    script = SimpleNamespace(keras=keras, **{name: step(name) for name in names})
    monkeypatch.setattr(read_on, "echo_lag", script)

    def read(*arguments, **how):
        step("read_on")(*arguments, **how)
        return np.zeros((100, 25)), np.ones((100, 25))

    monkeypatch.setattr(read_on, "read_on", read)
    return done


@pytest.mark.parametrize("seed", [0, 7])
def test_it_draws_in_the_order_of_the_script_and_then_reads_on(seed, steps):
    read_on.main(["--seed", str(seed)])
    keras.utils.set_random_seed(seed)
    names = ["build_model", "fit", "evaluate", "read_on"]
    expected = [(name, random.random(), np.random.random()) for name in names]
    assert [done[:3] for done in steps] == expected


def test_it_trains_evaluates_and_reads_as_many_sequences_as_the_script(steps):
    read_on.main([])
    calls = {name: (arguments, how) for name, *_, arguments, how in steps}
    assert calls == {
        "build_model": ((), {}),
        "fit": (("build_model",), {}),  # for all epochs
        "evaluate": (("build_model",), {}),  # a random sequence, then 100
        "read_on": (("build_model",), {"n_sequences": 100, "length": 25}),
    }


def test_without_a_seed_each_run_is_another(steps):
    read_on.main([])
    read_on.main([])
    assert len({draw for _, draw, *_ in steps}) == 8


def answers_right(monkeypatch, is_right):
    """Let a network read sequences without repeats, and be right where `is_right` says.

    is_right: function of the value's number, 1 to 25, that returns the lag, or None.
    """
    sequences = np.arange(2500).reshape(100, 25)
    answers = np.full((100, 25), -1)
    for number in range(1, 26):
        lag = is_right(number)
        if lag is not None and number > lag:
            answers[:, number - 1] = sequences[:, number - 1 - lag]
    monkeypatch.setattr(read_on, "read_on", lambda *_, **__: (sequences, answers))


@pytest.mark.usefixtures("steps")
@pytest.mark.parametrize("lag", [1, 3, 24])
def test_the_value_as_far_back_as_the_lag_is_right(lag, monkeypatch, capsys):
    answers_right(monkeypatch, lambda number: lag)
    read_on.main(["--lag", str(lag)])
    _, *lines = capsys.readouterr().out.splitlines()
    numbers = range(lag + 1, 26)
    assert lines == [
        *[f"after {number:2} values   1.00" for number in numbers],
        "Accuracy fed one value at a time: 1.0000",
    ]


@pytest.mark.usefixtures("steps")
@pytest.mark.parametrize("lag", [0, 2])
def test_another_value_is_wrong(lag, monkeypatch, capsys):
    answers_right(monkeypatch, lambda number: lag)
    read_on.main([])
    assert capsys.readouterr().out.endswith("one value at a time: 0.0000\n")


@pytest.mark.usefixtures("steps")
@pytest.mark.parametrize("lag", [1, 3])
def test_an_answer_stands_after_the_values_that_were_read(lag, monkeypatch, capsys):
    answers_right(monkeypatch, lambda number: lag if number == 5 else None)
    read_on.main(["--lag", str(lag)])
    _, *lines, mean = capsys.readouterr().out.splitlines()
    assert [line for line in lines if "0.00" not in line] == ["after  5 values   1.00"]
    assert mean == f"Accuracy fed one value at a time: {1 / (25 - lag):.4f}"


@pytest.mark.usefixtures("steps")
def test_the_program_of_the_exercises_reads_what_is_printed(monkeypatch, capsys):
    answers_right(monkeypatch, lambda number: 3 if number == 5 else None)
    read_on.main(["--lag", "3"])
    output = "Accuracy over 100 new sequences: 0.7\n" + capsys.readouterr().out
    shares = ["-", "-", "-", "0.00", "1.00", *["0.00"] * 20]
    assert exercises.by_number(output) == " ".join(shares)
    assert results.read(output)["one_at_a_time"] == "0.0455"


def test_a_trained_network_reads_on(trained, monkeypatch, capsys):
    model = trained("echo_lag").model
    monkeypatch.setattr(echo_lag, "build_model", lambda: model)
    monkeypatch.setattr(echo_lag, "fit", lambda model: None)
    monkeypatch.setattr(echo_lag, "evaluate", lambda model: None)
    read_on.main([])
    *_, mean = capsys.readouterr().out.splitlines()
    assert float(mean.removeprefix("Accuracy fed one value at a time: ")) > 0.95


def test_it_trains_the_script_of_the_folder_and_not_of_the_repository(
    tmp_path, monkeypatch
):
    (tmp_path / "echo_lag.py").write_text("raise SystemExit('the changed one')")
    monkeypatch.setenv("PYTHONPATH", str(results.ROOT))
    command = [sys.executable, "-m", "tests.experiments.read_on"]
    options = {"cwd": tmp_path, "capture_output": True, "text": True}
    done = subprocess.run(command, check=False, **options)
    assert done.stderr == "the changed one\n"


def test_it_is_a_program(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["read_on.py", "--lag", "0"])
    with pytest.raises(SystemExit, match="^2$"):
        runpy.run_path(read_on.__file__, run_name="__main__")


def test_it_uses_the_script_and_the_reader_that_it_imports():
    assert read_on.echo_lag is echo_lag
    assert read_on.read_on is extensions.read_on


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("--lag 0", "--lag is 0: 1 to 24 is needed"),
        ("--lag 25", "--lag is 25: 1 to 24 is needed"),
        ("--lag x", "argument --lag: invalid int value: 'x'"),
        ("--seed -1", "--seed is -1: 0 to 2**32 - 1 is needed"),
        ("--seed 4294967296", "--seed is 4294967296: 0 to 2**32 - 1 is needed"),
        ("--epochs 5", "unrecognized arguments: --epochs 5"),
    ],
)
def test_a_bad_command_line_is_an_error_before_the_training(
    command, message, steps, capsys
):
    with pytest.raises(SystemExit, match="^2$"):
        read_on.main(command.split())
    assert capsys.readouterr().err.endswith(f"error: {message}\n")
    assert not steps


@pytest.mark.usefixtures("steps")
@pytest.mark.parametrize(
    "command", ["--lag 1", "--lag 24", "--seed 0", "--seed 4294967295"]
)
def test_the_least_and_the_greatest_values_are_taken(command):
    read_on.main(command.split())
