"""The scripts from the shell, as a person runs them."""

import importlib
import json
import os
import re
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

ROOT = Path(__file__).parent.parent
SCRIPTS = ["echo_current", "echo_lag_no_context", "echo_lag"]
SMALLEST = {"echo_current": 1, "echo_lag_no_context": 2, "echo_lag": 6}
HISTORY = pd.DataFrame({"loss": [4.6, 2.3], "accuracy": [0.0, 0.5]}).rename_axis(
    "epoch"
)


def python(*arguments, **environment):
    """Run Python in a process of its own, in another folder than the scripts'."""
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        check=False,
        text=True,
        cwd=ROOT.parent,
        env={**os.environ, **environment},
    )


def first_epochs(script):
    """Run three epochs of a script with seed 1 and return what it prints."""
    process = python(ROOT / f"{script}.py", "--epochs", "3", "--seed", "1")
    assert process.returncode == 0, process.stderr
    return process.stdout


def error_of(script, capsys, *arguments):
    """Run `main` with a bad command line and return the error that it ends with."""
    with pytest.raises(SystemExit) as stop:
        importlib.import_module(script).main([str(argument) for argument in arguments])
    assert stop.value.code == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    usage, error = printed.err.split(": error: ")
    assert usage.startswith("usage: ")
    return error.removesuffix("\n")


@pytest.fixture(scope="module")
def output():
    """The standard output of three epochs with seed 1, once for each script."""
    with ThreadPoolExecutor() as threads:
        return dict(zip(SCRIPTS, threads.map(first_epochs, SCRIPTS)))


@pytest.mark.parametrize("script", SCRIPTS)
def test_output_is_the_epochs_the_echo_and_the_accuracy(script, output):
    number = r"\d+\.\d{4}"
    integers = r"\[\d+(, \d+)*\]"
    *epochs, expected, predicted, accuracy = output[script].splitlines()
    for epoch, line in enumerate(epochs, start=1):
        assert re.fullmatch(
            rf"Epoch {epoch}/3 - loss: {number} - accuracy: {number}", line
        )
    assert len(epochs) == 3
    assert re.fullmatch(rf"Expected:  {integers}", expected)
    assert re.fullmatch(rf"Predicted: {integers}", predicted)
    assert expected.count(",") == predicted.count(",") == 25 - SMALLEST[script]
    assert re.fullmatch(rf"Accuracy over 100 new sequences: {number}", accuracy)


@pytest.mark.parametrize("script", SCRIPTS)
def test_same_seed_same_output(script, output, capsys):
    importlib.import_module(script).main(["--seed", "1", "--epochs", "3"])
    assert capsys.readouterr().out == output[script]


def test_other_seed_other_output(output, capsys):
    importlib.import_module("echo_current").main(["--seed", "2", "--epochs", "3"])
    assert capsys.readouterr().out != output["echo_current"]


def test_own_integers_around_the_options_and_a_plot(tmp_path, capsys):
    file = tmp_path / "curves.png"
    first, last = ["3", "14", "15"], ["92", "65", "35", "89", "79"]
    options = ["--epochs", "2", "--plot", str(file)]
    importlib.import_module("echo_lag").main([*first, *options, *last])
    assert capsys.readouterr().out.splitlines()[-3] == "Expected:  [65, 35, 89]"
    assert matplotlib.image.imread(file).std() > 0


IMPORTS = """
import gc
import importlib
import tensorflow as tf
from tensorflow.python.eager import context

devices = context.context()
devices._initialize_physical_devices()
gpu = context.PhysicalDevice("/physical_device:GPU:0", "GPU")
devices._physical_devices.append(gpu)
for script in ["echo_lag", "echo_lag_no_context", "echo_current"]:
    devices._visible_device_list.append(gpu)
    module = importlib.import_module(script)
    assert gc.isenabled()
    assert not tf.config.get_visible_devices("GPU")
assert tf.config.list_physical_devices("GPU")
module.build_model()
print("imported")
module.main(["--epochs", "1"])
"""


def test_import_prints_nothing_leaves_the_garbage_collector_on_and_hides_a_gpu():
    # A pretended one. A network built before `main` must not be too early to hide it.
    process = python("-c", IMPORTS, PYTHONPATH=str(ROOT))
    assert process.returncode == 0, process.stderr
    assert process.stdout.startswith("imported\nEpoch 1/1 ")


def test_backend_is_tensorflow_whatever_the_user_prefers(tmp_path):
    (tmp_path / "keras.json").write_text(json.dumps({"backend": "jax"}))
    process = python(
        "-c",
        "import echo_lag; print(echo_lag.keras.backend.backend())",
        PYTHONPATH=str(ROOT),
        KERAS_HOME=str(tmp_path),
        KERAS_BACKEND="jax",
    )
    assert process.stdout == "tensorflow\n", process.stderr


@pytest.mark.parametrize(
    ("scripts", "start"),
    [(SCRIPTS, "def plot("), (["echo_lag_no_context", "echo_lag"], "def train(")],
)
def test_scripts_have_not_drifted_apart(scripts, start):
    ends = set()
    for script in scripts:
        # All but the shapes, the batch size and the fewest integers is the same.
        _, end = (ROOT / f"{script}.py").read_text().split(start)
        end = re.sub(r"  # \(.*\)$|batch_size=\d", "", end, flags=re.MULTILINE)
        ends.add(end.replace(f"{SMALLEST[script]} or more", "N or more"))
    assert len(ends) == 1


@pytest.mark.skipif(not hasattr(signal, "SIGPIPE"), reason="needs a signal of Unix")
def test_script_ends_quietly_when_its_reader_does():
    # More lines than a pipe's buffer holds.
    with subprocess.Popen(
        [sys.executable, ROOT / "echo_current.py", "--epochs", "300"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readline().startswith("Epoch 1/300 ")
        process.stdout.close()
        errors = process.stderr.read()
    assert process.returncode == -signal.SIGPIPE
    assert "Traceback" not in errors
    assert "BrokenPipeError" not in errors


# Pictures


@pytest.mark.parametrize("script", SCRIPTS)
def test_plot_shows_the_training_that_was_done(script, tmp_path, monkeypatch):
    module = importlib.import_module(script)
    history = pd.DataFrame({"loss": [4.0, 2, 3, 1], "accuracy": [0.0, 0.5, 0.2, 1]})

    def train(model, epochs):
        assert epochs == 4
        return history

    monkeypatch.setattr(module, "train", train)
    monkeypatch.setattr(module, "evaluate", lambda model, sequence: None)
    module.main(["--epochs", "4", "--plot", str(tmp_path / "main.png")])
    module.plot(history, tmp_path / "same.png", format="png")
    module.plot(history[:3], tmp_path / "other.png", format="png")
    drawn, same, other = (
        matplotlib.image.imread(tmp_path / name)
        for name in ("main.png", "same.png", "other.png")
    )
    np.testing.assert_array_equal(drawn, same)
    assert not np.array_equal(drawn, other)


@pytest.mark.parametrize("script", SCRIPTS)
def test_plot_draws_each_epoch_and_the_mean_of_25(script, tmp_path, monkeypatch):
    module = importlib.import_module(script)
    figure = Figure()
    monkeypatch.setattr(module, "Figure", lambda: figure)
    loss, accuracy = np.linspace(4.6, 0, 60), np.linspace(0, 1, 60) ** 2
    index = pd.RangeIndex(1, 61, name="epoch")
    history = pd.DataFrame({"loss": loss, "accuracy": accuracy}, index=index)
    module.plot(history, tmp_path / "curves.png", format="png")
    for axis, values in zip(figure.axes, (loss, accuracy), strict=True):
        raw, smooth = axis.lines
        for line in (raw, smooth):
            np.testing.assert_array_equal(line.get_xdata(), index)
        np.testing.assert_array_equal(raw.get_ydata(), values)
        means = [values[max(0, i - 24) : i + 1].mean() for i in range(60)]
        # What is masked is not drawn, and not compared.
        drawn = np.ma.filled(smooth.get_ydata(), np.nan)
        np.testing.assert_allclose(drawn, means)


@pytest.mark.parametrize("suffix", ["png", "PNG", "jpg", "tif", "svg", "pdf", "eps"])
def test_plot_in_any_format(suffix, tmp_path, monkeypatch):
    module = importlib.import_module("echo_lag")
    monkeypatch.setattr(module, "train", lambda model, epochs: HISTORY)
    monkeypatch.setattr(module, "evaluate", lambda model, sequence: None)
    file = tmp_path / f"curves.{suffix}"
    module.main(["--plot", str(file)])
    if suffix in ("png", "PNG", "jpg", "tif"):
        height, width, _ = matplotlib.image.imread(file).shape
        assert height > 300 and width > 300
    else:
        assert file.stat().st_size > 1000


@pytest.mark.parametrize("script", SCRIPTS)
def test_plot_says_what_it_shows(script, tmp_path):
    file = tmp_path / "curves.svg"
    with matplotlib.rc_context({"svg.fonttype": "none"}):
        importlib.import_module(script).plot(HISTORY, file, format="svg")
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", file.read_text())
    assert {
        f"{script}.py",
        "epoch",
        "loss",
        "loss, mean of 25 epochs",
        "accuracy",
        "accuracy, mean of 25 epochs",
    } <= set(texts)


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("old", [b"an old picture", None])
def test_plot_leaves_what_is_there_until_the_training_is_done(
    script, old, tmp_path, monkeypatch
):
    file = tmp_path / "curves.png"
    if old:
        file.write_bytes(old)

    def interrupt(model, epochs):
        raise KeyboardInterrupt

    module = importlib.import_module(script)
    monkeypatch.setattr(module, "train", interrupt)
    with pytest.raises(KeyboardInterrupt):
        module.main(["--plot", str(file)])
    assert file.exists() == bool(old)
    assert not old or file.read_bytes() == old


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("missing/curves.png", "No such file or directory"),
        ("file/curves.png", "Not a directory"),
        ("folder.png", "Is a directory"),
        ("curves.xyz", "Format 'xyz' is not supported (supported formats: "),
        ("curves", "Format '' is not supported (supported formats: "),
    ],
)
def test_plot_that_cannot_be_written(script, name, reason, tmp_path, capsys):
    (tmp_path / "file").touch()
    (tmp_path / "folder.png").mkdir()
    error = error_of(script, capsys, "--plot", tmp_path / name)
    assert reason in error
    assert reason.startswith("Format") or str(tmp_path / name) in error
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder.png"]


# Errors


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--epochs", 0], "--epochs is 0: at least 1 is needed"),
        (["--epochs", -5], "--epochs is -5: at least 1 is needed"),
        (["--epochs", "x"], "argument --epochs: invalid int value: 'x'"),
        (["--epochs", 1.5], "argument --epochs: invalid int value: '1.5'"),
        (["--seed", -1], "Seed must be between 0 and 2**32 - 1"),
        (["--seed", 2**32], "Seed must be between 0 and 2**32 - 1"),
        ([*range(10), 100], "100 is not an integer from 0 to 99"),
        ([*range(10), -1], "-1 is not an integer from 0 to 99"),
        (["--layers", 2, *range(10)], "unrecognized arguments: --layers"),
        ([3, 1.5], "argument sequence: invalid int value: '1.5'"),
    ],
)
def test_bad_command_line(script, arguments, message, capsys):
    assert error_of(script, capsys, *arguments) == message


@pytest.mark.parametrize("script", ["echo_lag_no_context", "echo_lag"])
def test_too_few_integers(script, capsys):
    n = SMALLEST[script] - 1
    expected = f"{n} integers are too few: at least {n + 1} are needed"
    assert error_of(script, capsys, *range(n)) == expected


def test_error_from_the_shell_is_status_2_without_a_traceback():
    process = python(ROOT / "echo_lag.py", "--epochs", "0")
    assert process.returncode == 2
    assert process.stdout == ""
    assert "Traceback" not in process.stderr
    *_, last = process.stderr.splitlines()
    assert last == "echo_lag.py: error: --epochs is 0: at least 1 is needed"


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_names_the_article_and_the_options(script, capsys):
    module = importlib.import_module(script)
    with pytest.raises(SystemExit) as stop:
        module.main(["--help"])
    assert stop.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "How to Learn to Echo Random Integers" in text
    for option in ("--epochs", "--seed", "--plot", "sequence"):
        assert option in text
    assert f"{SMALLEST[script]} or more integers from 0 to 99" in text
    assert f"(default: {module.EPOCHS})" in text
