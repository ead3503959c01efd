"""The scripts as a person runs them, and the article's claims.

Code that all scripts share is tested with echo_lag.py only. Another test checks that it is
the same in all of them.
"""

import json
import math
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import matplotlib.pyplot
import numpy as np
import pandas as pd
import pytest

import echo_lag
from tests.scripts import SCRIPTS

ROOT = Path(__file__).parents[1]
HISTORY = pd.DataFrame(
    {"loss": [4.0, 2, 3, 1], "accuracy": [0.0, 0.5, 0.2, 1]},
    index=pd.RangeIndex(1, 5, name="epoch"),
)


def python(*arguments, **environment):
    """Run Python in a process of its own, in another folder than the scripts'."""
    process = subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        check=False,
        text=True,
        cwd=ROOT.parent,
        env={**os.environ, **environment},
    )
    assert process.returncode == 0, process.stderr
    return process.stdout


def run(monkeypatch, script, *arguments):
    """Run a script's `main` in this process with these arguments."""
    monkeypatch.setattr(sys, "argv", [script.__file__, *map(str, arguments)])
    script.main()


@pytest.fixture(scope="module")
def outputs():
    """The lines that each script prints, trained in full with seed 1 from the shell."""
    with ThreadPoolExecutor(2) as threads:
        files = [ROOT / f"{script}.py" for script in SCRIPTS]
        outputs = threads.map(lambda file: python(file, "--seed", "1"), files)
        return dict(zip(SCRIPTS, map(str.splitlines, outputs)))


@pytest.mark.parametrize("script", SCRIPTS)
def test_output_is_the_epochs_the_echo_and_the_accuracy(script, outputs):
    number = r"\d+\.\d{4}"
    integers = r"\[\d+(, \d+)*\]"
    *epochs, expected, predicted, accuracy = outputs[script]
    for epoch, line in enumerate(epochs, start=1):
        assert re.fullmatch(
            rf"Epoch {epoch}/{SCRIPTS[script].epochs} - loss: {number} - accuracy: {number}",
            line,
        )
    assert len(epochs) == SCRIPTS[script].epochs
    assert re.fullmatch(rf"Expected:  {integers}", expected)
    assert re.fullmatch(rf"Predicted: {integers}", predicted)
    assert expected.count(",") == predicted.count(",") == 25 - SCRIPTS[script].fewest
    assert re.fullmatch(rf"Accuracy over 100 new sequences: {number}", accuracy)


def results(lines):
    """Return the accuracy in the last line, and the epochs' losses and accuracies."""
    epochs = [[float(number) for number in line.split()[4::3]] for line in lines[:-3]]
    losses, accuracies = np.transpose(epochs)
    return float(lines[-1].split()[-1]), losses, accuracies


def test_echo_current_is_always_right(outputs):
    accuracy, losses, accuracies = results(outputs["echo_current"])
    assert accuracy == accuracies[-1] == 1
    assert losses[-1] < 0.12


def test_echo_lag_no_context_is_no_better_than_chance(outputs):
    accuracy, losses, _ = results(outputs["echo_lag_no_context"])
    # No prediction can depend on its target, so the number of right ones among 2,400 has
    # a binomial distribution: mean 24, standard deviation 4.9. Chance alone reaches 2 %
    # about once in 100,000 runs.
    assert accuracy < 0.02
    # A network that knows nothing spreads its bets over 100 classes: a loss of ln 100.
    assert losses[-100:].mean() == pytest.approx(math.log(100), abs=0.1)


def test_echo_lag_is_right_on_99_percent(outputs):
    accuracy, _, accuracies = results(outputs["echo_lag"])
    assert accuracy >= 0.99
    assert accuracies[-100:].mean() >= 0.95


def test_same_seed_same_output(outputs, monkeypatch, capsys):
    run(monkeypatch, echo_lag, "--seed", 1, "--epochs", 3)
    epochs = capsys.readouterr().out.splitlines()[:3]
    assert epochs == [line.replace("/2000", "/3") for line in outputs["echo_lag"][:3]]


def test_other_seed_other_network_and_other_sequences(monkeypatch):
    def record(model, epochs):
        starts.append([model.get_weights()[0], echo_lag.generate_data()[0]])

    starts = []
    monkeypatch.setattr(echo_lag, "fit", record)
    monkeypatch.setattr(echo_lag, "evaluate", lambda model, sequence: None)
    for options in (["--seed", 1], ["--seed", 2], ["--seed", 1], []):
        run(monkeypatch, echo_lag, *options)
    first, other, same, unseeded = starts
    assert all(map(np.array_equal, first, same))
    assert not any(map(np.array_equal, first, other))
    assert not any(map(np.array_equal, first, unseeded))


IMPORTS = """
import gc, os, sys

def note(event, arguments):
    if event == "import" and arguments[0] == "tensorflow":
        seen.append(os.environ["CUDA_VISIBLE_DEVICES"])

seen = []
threshold = gc.get_threshold()
sys.addaudithook(note)
import echo_lag
print(seen[0], echo_lag.keras.backend.backend(), os.environ.get("MPLBACKEND"))
print(gc.isenabled(), gc.get_threshold() == threshold, gc.get_freeze_count() == 0)
"""


def test_import_hides_a_gpu_takes_tensorflow_and_changes_no_more(tmp_path):
    (tmp_path / "keras.json").write_text(json.dumps({"backend": "jax"}))
    preferences = {
        "PYTHONPATH": str(ROOT),
        "KERAS_HOME": str(tmp_path),
        "KERAS_BACKEND": "jax",
        "CUDA_VISIBLE_DEVICES": "0",
        "MPLBACKEND": "svg",
    }
    expected = "-1 tensorflow svg\nTrue True True\n"
    assert python("-c", IMPORTS, **preferences) == expected


def test_script_runs_below_a_notebook_that_asks_for_its_own_backend():
    options = ["--epochs", "1", "3", "14", "15", "92", "65", "35"]
    output = python(ROOT / "echo_lag.py", *options, MPLBACKEND="module://none.such")
    assert output.splitlines()[1] == "Expected:  [65]"


@pytest.mark.parametrize(
    ("scripts", "shared"),
    [
        (SCRIPTS, "# No GPU.*?\n# Prepare"),
        (SCRIPTS, r"def evaluate\(.*"),
        (["echo_lag_no_context", "echo_lag"], r"    model.add\(keras.layers.LSTM.*"),
    ],
)
def test_scripts_have_not_drifted_apart(scripts, shared):
    parts = set()
    for script in scripts:
        # All but the shapes and the fewest integers is the same.
        text = (ROOT / f"{script}.py").read_text(encoding="utf-8")
        part = re.search(shared, text, flags=re.DOTALL)[0]
        batch_size, time_steps, _ = SCRIPTS[script].batch_shape
        part = part.replace(f"{batch_size}, {time_steps}, 100", "BATCH, STEPS, 100")
        part = part.replace(f"4, {batch_size}, 100", "4, BATCH, 100")
        part = re.sub(rf"batch_size={batch_size}|X\), {batch_size}\)", "BATCH", part)
        part = re.sub(rf"i \+ {batch_size}|of {batch_size} samples", "BATCH", part)
        part = re.sub(rf"{batch_size}\) for i|of {time_steps} time steps?", "", part)
        parts.add(part.replace(f"{SCRIPTS[script].fewest} or more", "N or more"))
    assert len(parts) == 1


# Options and pictures


@pytest.fixture
def no_training(monkeypatch):
    monkeypatch.setattr(echo_lag, "fit", lambda model, epochs: HISTORY[:epochs])
    return monkeypatch


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_own_integers_around_the_options_and_a_plot(
    suffix, no_training, tmp_path, capsys
):
    file = tmp_path / f"curves.{suffix}"
    options = ["--epochs", 4, "--seed", 0, "--plot", file]
    run(no_training, echo_lag, 3, 14, 15, *options, 92, 65, 35, 89, 79)
    assert capsys.readouterr().out.startswith("Expected:  [65, 35, 89]\n")
    start = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}[suffix]
    assert file.read_bytes().startswith(start)


def test_plot_draws_the_mean_of_25_epochs_and_says_so(tmp_path):
    loss, accuracy = np.linspace(4.6, 0, 60), np.linspace(0, 1, 60) ** 2
    index = pd.RangeIndex(1, 61, name="epoch")
    history = pd.DataFrame({"loss": loss, "accuracy": accuracy}, index=index)
    before = set(matplotlib.pyplot.get_fignums())
    with matplotlib.rc_context({"svg.fonttype": "none"}):
        echo_lag.plot(history, tmp_path / "curves.svg")
    (number,) = set(matplotlib.pyplot.get_fignums()) - before
    for axis, values in zip(matplotlib.pyplot.figure(number).axes, (loss, accuracy)):
        (line,) = axis.lines
        means = [values[max(0, i - 24) : i + 1].mean() for i in range(60)]
        np.testing.assert_array_equal(line.get_xdata(), index)
        np.testing.assert_allclose(line.get_ydata(), means)
    matplotlib.pyplot.close(number)
    svg = (tmp_path / "curves.svg").read_text(encoding="utf-8")
    texts = set(re.findall(r"<text[^>]*>([^<]*)</text>", svg))
    assert {"echo_lag.py, means of 25 epochs", "epoch", "loss", "accuracy"} <= texts


@pytest.mark.parametrize("old", [b"an old picture", None])
def test_an_interrupted_run_leaves_what_was_there(old, tmp_path, monkeypatch):
    def interrupt(model, epochs):
        raise KeyboardInterrupt

    file = tmp_path / "curves.png"
    if old:
        file.write_bytes(old)
    monkeypatch.setattr(echo_lag, "fit", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run(monkeypatch, echo_lag, "--plot", file)
    assert file.read_bytes() == old if old else not file.exists()


def test_a_plot_that_fails_costs_neither_the_echo_nor_the_accuracy(
    no_training, tmp_path, capsys
):
    folder = tmp_path / "curves.png"
    folder.mkdir()
    with pytest.raises(IsADirectoryError):
        run(no_training, echo_lag, "--plot", folder)
    assert "Accuracy over 100 new sequences" in capsys.readouterr().out


# Errors


def error_of(monkeypatch, capsys, *arguments):
    """Run `main` with a bad command line and return the error that it ends with."""
    with pytest.raises(SystemExit) as stop:
        run(monkeypatch, echo_lag, *arguments)
    assert stop.value.code == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    usage, error = printed.err.split(": error: ")
    assert usage.startswith("usage: ")
    return error.removesuffix("\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--epochs", -5], "--epochs is -5: at least 1 is needed"),
        (["--epochs", 1.5], "argument --epochs: invalid int value: '1.5'"),
        (["--seed", -1], "Seed must be between 0 and 2**32 - 1"),
        (["--seed", 2**32], "Seed must be between 0 and 2**32 - 1"),
        (["--plot", "no/a.png"], "--plot is no/a.png: its folder does not exist"),
        (["--plot", "a.xyz"], "--plot is a.xyz: .png, .svg or .pdf is needed"),
        (["--plot", "a"], "--plot is a: .png, .svg or .pdf is needed"),
        (["--layers", 2, *range(10)], "unrecognized arguments: --layers"),
        ([3, 1.5], "argument sequence: invalid int value: '1.5'"),
    ],
)
def test_bad_command_line(arguments, message, monkeypatch, capsys):
    assert error_of(monkeypatch, capsys, *arguments) == message


@pytest.mark.parametrize("sequence", [range(5), [*range(10), 100], [*range(10), -1]])
def test_integers_that_cannot_be_framed(sequence, monkeypatch, capsys):
    with pytest.raises(ValueError) as error:
        echo_lag.generate_data(sequence)
    assert error_of(monkeypatch, capsys, *sequence) == str(error.value)


def test_last_seed_and_a_single_epoch(no_training, capsys):
    run(no_training, echo_lag, "--seed", 2**32 - 1, "--epochs", 1)
    assert "Accuracy" in capsys.readouterr().out
