"""The scripts from the shell, as a person runs them."""

import importlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import matplotlib.image
import pytest

import echo_lag

ROOT = Path(__file__).parent.parent
SCRIPTS = ["echo_current", "echo_lag_no_context", "echo_lag"]
SMALLEST = {"echo_current": 1, "echo_lag_no_context": 2, "echo_lag": 6}


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


def run(script, *arguments, **environment):
    """Run a script in a process of its own and return its standard output."""
    process = python(ROOT / f"{script}.py", *arguments, **environment)
    assert process.returncode == 0, process.stderr
    return process.stdout


def error_of(script, capsys, *arguments):
    """Run `main` with a bad command line and return the error that it ends with."""
    with pytest.raises(SystemExit) as stop:
        importlib.import_module(script).main([str(argument) for argument in arguments])
    assert stop.value.code == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    usage, error = printed.err.splitlines()
    assert usage.startswith("usage: ")
    return error.split(": error: ")[1]


@pytest.fixture(scope="module")
def output():
    """The standard output of three epochs with seed 1, once for each script."""
    return {script: run(script, "--epochs", "3", "--seed", "1") for script in SCRIPTS}


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
def test_same_seed_same_output(script, output):
    assert run(script, "--seed", "1", "--epochs", "3") == output[script]


def test_other_seed_other_output(output):
    assert run("echo_lag", "--epochs", "3", "--seed", "2") != output["echo_lag"]


def test_own_integers_around_the_options_and_a_plot(tmp_path):
    file = str(tmp_path / "curves.png")
    options = ["--epochs", "2", "--plot", file]
    output = run("echo_lag", "3", "14", "15", *options, "92", "65", "35", "89", "79")
    assert output.splitlines()[-3] == "Expected:  [65, 35, 89]"
    assert matplotlib.image.imread(file).std() > 0


@pytest.mark.parametrize("suffix", ["png", "PNG", "jpg", "tif", "svg", "pdf", "eps"])
def test_plot_in_any_format(suffix, tmp_path):
    file = tmp_path / f"curves.{suffix}"
    echo_lag.plot({"loss": [4.6, 2.3], "accuracy": [0.0, 0.5]}, str(file))
    if suffix in ("png", "PNG", "jpg", "tif"):
        height, width, _ = matplotlib.image.imread(file).shape
        assert height > 300 and width > 300
    else:
        assert file.stat().st_size > 1000


@pytest.mark.parametrize("script", SCRIPTS)
def test_plot_says_what_it_shows(script, tmp_path):
    file = tmp_path / "curves.svg"
    with matplotlib.rc_context({"svg.fonttype": "none"}):
        history = {"loss": [4.6, 2.3], "accuracy": [0.0, 0.5]}
        importlib.import_module(script).plot(history, str(file))
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", file.read_text())
    assert {f"{script}.py", "epoch", "loss", "accuracy"} <= set(texts)


def test_import_prints_nothing():
    process = python("-c", f"import {', '.join(SCRIPTS)}", PYTHONPATH=str(ROOT))
    assert process.returncode == 0, process.stderr
    assert process.stdout == ""


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


# Errors


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--epochs", 0], "--epochs is 0: at least 1 is needed"),
        (["--epochs", -5], "--epochs is -5: at least 1 is needed"),
        (["--epochs", "x"], "argument --epochs: invalid int value: 'x'"),
        (["--epochs", 1.5], "argument --epochs: invalid int value: '1.5'"),
        (["--seed", -1], "--seed is -1: 0 to 4294967295 is allowed"),
        (["--seed", 2**32], "--seed is 4294967296: 0 to 4294967295 is allowed"),
        ([*range(10), 100], "100 is not an integer from 0 to 99"),
        ([*range(10), -1], "-1 is not an integer from 0 to 99"),
        (["--layers", 2, *range(10)], "unrecognized arguments: --layers"),
    ],
)
def test_bad_command_line(script, arguments, message, capsys):
    assert error_of(script, capsys, *arguments) == message


@pytest.mark.parametrize("script", SCRIPTS)
def test_argument_that_is_not_an_integer(script, capsys):
    error = error_of(script, capsys, 3, "1.5")
    assert error == "argument INTEGER: invalid int value: '1.5'"


@pytest.mark.parametrize("script", ["echo_lag_no_context", "echo_lag"])
def test_too_few_integers(script, capsys):
    n = SMALLEST[script] - 1
    assert error_of(script, capsys, *range(n)) == (
        f"{n} integers are too few: at least {n + 1} are needed"
    )


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
    text = capsys.readouterr().out
    assert "How to Learn to Echo Random Integers" in text.replace("\n", " ")
    for option in ("--epochs", "--seed", "--plot", "INTEGER"):
        assert option in text
    assert f"(default: {module.EPOCHS})" in text
