"""The scripts as a person runs them, and the article's claims.

Code that all scripts share is tested with echo_lag.py only. Another test checks that it is
the same in all of them.
"""

import json
import math
import os
import re
import runpy
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import matplotlib.image
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

import echo_lag

ROOT = Path(__file__).parent.parent
SCRIPTS = ["echo_current", "echo_lag_no_context", "echo_lag"]
SMALLEST = dict(zip(SCRIPTS, [1, 2, 6]))
EPOCHS = dict(zip(SCRIPTS, [500, 2000, 2000]))
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
            rf"Epoch {epoch}/{EPOCHS[script]} - loss: {number} - accuracy: {number}",
            line,
        )
    assert len(epochs) == EPOCHS[script]
    assert re.fullmatch(rf"Expected:  {integers}", expected)
    assert re.fullmatch(rf"Predicted: {integers}", predicted)
    assert expected.count(",") == predicted.count(",") == 25 - SMALLEST[script]
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


def test_same_seed_same_output(outputs, capsys):
    echo_lag.main(["--seed", "1", "--epochs", "3"])
    epochs = capsys.readouterr().out.splitlines()[:3]
    assert epochs == [line.replace("/2000", "/3") for line in outputs["echo_lag"][:3]]


def test_other_seed_other_network_and_other_sequences(monkeypatch):
    def record(model, epochs):
        starts.append([model.get_weights()[0], echo_lag.generate_data()[0]])

    starts = []
    monkeypatch.setattr(echo_lag, "train", record)
    monkeypatch.setattr(echo_lag, "evaluate", lambda model, sequence: None)
    for options in (["--seed", "1"], ["--seed", "2"], ["--seed", "1"], []):
        echo_lag.main(options)
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
sys.addaudithook(note)
import echo_lag
print(seen[0], echo_lag.keras.backend.backend(), gc.isenabled())
"""


def test_import_prints_nothing_hides_a_gpu_and_takes_tensorflow(tmp_path):
    (tmp_path / "keras.json").write_text(json.dumps({"backend": "jax"}))
    preferences = {
        "PYTHONPATH": str(ROOT),
        "KERAS_HOME": str(tmp_path),
        "KERAS_BACKEND": "jax",
        "CUDA_VISIBLE_DEVICES": "0",
    }
    assert python("-c", IMPORTS, **preferences) == "-1 tensorflow True\n"


@pytest.mark.parametrize(
    ("scripts", "shared"),
    [
        (SCRIPTS, "# Keras and TensorFlow read.*?\nfrom sequences"),
        (SCRIPTS, r"def evaluate\(.*"),
        (["echo_lag_no_context", "echo_lag"], r"def train\(.*"),
    ],
)
def test_scripts_have_not_drifted_apart(scripts, shared):
    parts = set()
    for script in scripts:
        # All but the shapes, the batch size and the fewest integers is the same.
        text = (ROOT / f"{script}.py").read_text()
        part = re.search(shared, text, flags=re.DOTALL)[0]
        part = re.sub(r"  # \(.*\)$|batch_size=\d", "", part, flags=re.MULTILINE)
        parts.add(part.replace(f"{SMALLEST[script]} or more", "N or more"))
    assert len(parts) == 1


@pytest.mark.skipif(os.name == "nt", reason="Windows reports a broken pipe differently")
def test_script_ends_quietly_when_its_reader_does():
    # At 300 epochs Python's buffer fills on the way, at 2 it is written at the end.
    commands = [
        "echo_current.py --epochs 300",
        "echo_current.py --epochs 2",
        "sequences.py",
    ]
    processes = [
        subprocess.Popen(
            [sys.executable, *command.split()],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": ""},
        )
        for command in commands
    ]
    for process in processes:
        process.stdout.close()
    for process in processes:
        with process:
            assert "Error" not in process.stderr.read()
        assert process.returncode == 0


def run(script, *arguments):
    """Run a script as %run of a notebook does, and return the status that it ends with."""
    file = str(ROOT / f"{script}.py")
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as stop:
        patch.setattr(sys, "argv", [file, *arguments])
        runpy.run_path(file, run_name="__main__")
    return stop.value.code


def test_notebook_keeps_its_signals_and_may_have_used_tensorflow(capsys):
    echo_lag.keras.ops.ones(1)
    signals = signal.valid_signals()
    handlers = [signal.getsignal(number) for number in signals]
    assert run("echo_lag", "--epochs", "0") == 2
    assert [signal.getsignal(number) for number in signals] == handlers
    printed = capsys.readouterr()
    assert printed.out == ""
    *_, last = printed.err.splitlines()
    assert last == "echo_lag.py: error: --epochs is 0: at least 1 is needed"


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_names_the_article_and_the_options(script, capsys):
    assert run(script, "--help") == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "How to Learn to Echo Random Integers" in text
    for option in ("--epochs N", "--seed N", "--plot FILE", "sequence"):
        assert option in text
    assert f"{SMALLEST[script]} or more integers to echo" in text
    assert f"(default: {EPOCHS[script]})" in text


# Options and pictures


@pytest.fixture
def no_training(monkeypatch):
    monkeypatch.setattr(echo_lag, "train", lambda model, epochs: HISTORY[:epochs])
    return monkeypatch


def test_own_integers_around_the_options_and_a_plot(no_training, tmp_path, capsys):
    options = ["--epochs", "4", "--plot", str(tmp_path / "main.png")]
    echo_lag.main(["3", "14", "15", *options, "92", "65", "35", "89", "79"])
    assert capsys.readouterr().out.startswith("Expected:  [65, 35, 89]\n")
    echo_lag.plot(HISTORY, tmp_path / "same.png", format="png")
    echo_lag.plot(HISTORY[:3], tmp_path / "other.png", format="png")
    drawn, same, other = (
        matplotlib.image.imread(tmp_path / name)
        for name in ("main.png", "same.png", "other.png")
    )
    np.testing.assert_array_equal(drawn, same)
    assert not np.array_equal(drawn, other)


@pytest.mark.parametrize(
    ("suffix", "start"), [("PNG", b"\x89PNG"), ("jpg", b"\xff\xd8"), ("pdf", b"%PDF")]
)
def test_plot_in_any_format(suffix, start, no_training, tmp_path):
    file = tmp_path / f"curves.{suffix}"
    no_training.setattr(echo_lag, "evaluate", lambda model, sequence: None)
    echo_lag.main(["--plot", str(file)])
    picture = file.read_bytes()
    assert picture.startswith(start)
    assert len(picture) > 5000


def test_plot_draws_each_epoch_and_the_mean_of_25(tmp_path, monkeypatch):
    figure = Figure()
    monkeypatch.setattr(echo_lag, "Figure", lambda: figure)
    loss, accuracy = np.linspace(4.6, 0, 60), np.linspace(0, 1, 60) ** 2
    index = pd.RangeIndex(1, 61, name="epoch")
    history = pd.DataFrame({"loss": loss, "accuracy": accuracy}, index=index)
    echo_lag.plot(history, tmp_path / "curves.png", format="png")
    for axis, values in zip(figure.axes, (loss, accuracy), strict=True):
        raw, smooth = axis.lines
        for line in (raw, smooth):
            np.testing.assert_array_equal(line.get_xdata(), index)
        np.testing.assert_array_equal(raw.get_ydata(), values)
        means = [values[max(0, i - 24) : i + 1].mean() for i in range(60)]
        # What is masked is not drawn, and not compared.
        drawn = np.ma.filled(smooth.get_ydata(), np.nan)
        np.testing.assert_allclose(drawn, means)


def test_plot_says_what_it_shows(tmp_path):
    file = tmp_path / "curves.svg"
    with matplotlib.rc_context({"svg.fonttype": "none"}):
        echo_lag.plot(HISTORY, file, format="svg")
    texts = set(re.findall(r"<text[^>]*>([^<]*)</text>", file.read_text()))
    assert {"echo_lag.py", "epoch", "loss", "accuracy"} <= texts
    assert {"loss, mean of 25 epochs", "accuracy, mean of 25 epochs"} <= texts


@pytest.mark.parametrize("old", [b"", b"an old picture", "a dangling link"])
def test_plot_leaves_what_is_there_until_the_training_is_done(
    old, tmp_path, monkeypatch
):
    def interrupt(model, epochs):
        raise KeyboardInterrupt

    file = tmp_path / "curves.png"
    if isinstance(old, str):
        file.symlink_to("missing.png")
    else:
        file.write_bytes(old)
    monkeypatch.setattr(echo_lag, "train", interrupt)
    with pytest.raises(KeyboardInterrupt):
        echo_lag.main(["--plot", str(file)])
    assert file.is_symlink() == isinstance(old, str)
    assert not isinstance(old, bytes) or file.read_bytes() == old


# Errors


def error_of(capsys, *arguments):
    """Run `main` with a bad command line and return the error that it ends with."""
    with pytest.raises(SystemExit) as stop:
        echo_lag.main([str(argument) for argument in arguments])
    assert stop.value.code == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    usage, error = printed.err.split(": error: ")
    assert usage.startswith("usage: ")
    return error.removesuffix("\n")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("missing/curves.png", "No such file or directory"),
        ("file/curves.png", "Not a directory"),
        ("folder.png", "Is a directory"),
        ("loop.png", "loop.png"),  # The reason depends on the version of Python.
        ("curves.xyz", "Format 'xyz' is not supported (supported formats: "),
        ("curves", "Format '' is not supported (supported formats: "),
    ],
)
def test_plot_that_cannot_be_written(name, reason, tmp_path, capsys):
    (tmp_path / "file").touch()
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "loop.png").symlink_to("loop.png")
    error = error_of(capsys, "--plot", tmp_path / name)
    assert reason in error
    assert reason.startswith("Format") or str(tmp_path / name) in error
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["file", "folder.png", "loop.png"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--epochs", -5], "--epochs is -5: at least 1 is needed"),
        (["--epochs", 1.5], "argument --epochs: invalid int value: '1.5'"),
        (["--seed", -1], "--seed is -1: 0 to 4294967295 is needed"),
        (["--seed", 2**32], "--seed is 4294967296: 0 to 4294967295 is needed"),
        (["--layers", 2, *range(10)], "unrecognized arguments: --layers"),
        ([3, 1.5], "argument sequence: invalid int value: '1.5'"),
    ],
)
def test_bad_command_line(arguments, message, capsys):
    assert error_of(capsys, *arguments) == message


@pytest.mark.parametrize("sequence", [range(5), [*range(10), 100], [*range(10), -1]])
def test_integers_that_cannot_be_framed(sequence, capsys):
    with pytest.raises(ValueError) as error:
        echo_lag.generate_data(sequence)
    assert error_of(capsys, *sequence) == str(error.value)


@pytest.mark.parametrize("seed", [0, 2**32 - 1])
def test_first_and_last_seed_and_a_single_epoch(seed, no_training, capsys):
    echo_lag.main(["--seed", str(seed), "--epochs", "1"])
    assert "Accuracy" in capsys.readouterr().out
