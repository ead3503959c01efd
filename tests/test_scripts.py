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


def run(command, *arguments):
    """Run a script with its arguments, as from the shell, and return what it prints."""
    script, *options = command.split()
    process = python(ROOT / f"{script}.py", *options, *arguments)
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
    return {script: run(f"{script} --epochs 3 --seed 1") for script in SCRIPTS}


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
    assert run(f"{script} --seed 1 --epochs 3") == output[script]


def test_other_seed_other_output(output):
    assert run("echo_lag --epochs 3 --seed 2") != output["echo_lag"]


def test_own_integers_around_the_options_and_a_plot(tmp_path):
    file = str(tmp_path / "curves.png")
    output = run(
        "echo_lag 3 14 15 --epochs 2 --plot", file, "92", "65", "35", "89", "79"
    )
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


# The article's extensions

NUMBER = r"\d\.\d{4}"
ACCURACY = f"Accuracy over 100 new sequences: {NUMBER}"


@pytest.mark.parametrize(
    ("command", "n_samples", "last"),
    [
        ("echo_lag --stateless", 20, ACCURACY),
        ("echo_lag --lag 5 --units 8 --batch-size 20", 20, ACCURACY),
        ("echo_lag --context 4", 21, ACCURACY),
        ("echo_lag --missing mark", 24, ACCURACY),
        ("echo_lag --context 25 --missing mask", 24, ACCURACY),
        ("echo_lag --echo-sequence", 20, rf"Accuracy by time step:( {NUMBER}){{5}}"),
        (
            "echo_lag --echo-sequence --lag 3 --context 4",
            19,
            rf"Accuracy by time step:( {NUMBER}){{4}}",
        ),
        ("echo_lag_no_context --batch-size 1", 24, ACCURACY),
        (
            "echo_lag_no_context --through-time",
            24,
            f"Accuracy over 100 new sequences, the first number of each aside: {NUMBER}",
        ),
    ],
)
def test_extension(command, n_samples, last, capsys):
    script, *options = command.split()
    importlib.import_module(script).main([*options, "--epochs", "1"])
    _, expected, _, *accuracies = capsys.readouterr().out.splitlines()
    assert re.fullmatch(last, accuracies[-1])
    expected = json.loads(expected.removeprefix("Expected:"))
    assert len(expected) == n_samples


@pytest.mark.parametrize(
    "command",
    [
        "echo_lag --lag 1 --context 5 --units 50 --batch-size 5 --missing drop",
        "echo_lag_no_context --batch-size 6",
    ],
)
def test_defaults_are_the_article(command, output, capsys):
    script, *options = command.split()
    module = importlib.import_module(script)
    module.main([*options, "--epochs", "3", "--seed", "1"])
    assert capsys.readouterr().out == output[script]


def test_through_time_from_the_shell_feeds_own_integers_one_at_a_time():
    output = run("echo_lag_no_context --through-time --epochs 1 3 1 4")
    assert output.splitlines()[1] == "Expected:  [3, 1]"


def test_lag_from_the_shell_with_missing_values_of_own_integers():
    output = run("echo_lag --lag 2 --missing mask --stateless --epochs 1 3 1 4")
    assert output.splitlines()[1] == "Expected:  [3]"


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("echo_lag --lag 6", "lag is 6: an integer from 0 to 5 is needed"),
        ("echo_lag --lag -1", "lag is -1: an integer from 0 to 5 is needed"),
        ("echo_lag --lag x", "argument --lag: invalid int value: 'x'"),
        ("echo_lag --context 0", "context is 0: an integer of at least 1 is needed"),
        (
            "echo_lag --context 25",
            (
                "25 integers are too few: at least 26 are needed for context 25, lag 1 "
                "and missing 'drop'"
            ),
        ),
        ("echo_lag --units 0", "argument --units: 0 is not a positive integer"),
        (
            "echo_lag --batch-size 3",
            (
                "--batch-size is 3: it must divide the 20 samples of a sequence, "
                "so one of 1, 2, 4, 5, 10, 20"
            ),
        ),
        (
            "echo_lag --missing mark --batch-size 5",
            (
                "--batch-size is 5: it must divide the 24 samples of a sequence, "
                "so one of 1, 2, 3, 4, 6, 8, 12, 24"
            ),
        ),
        (
            "echo_lag --missing mask --echo-sequence",
            "missing is 'mask': echoing the sequence needs drop",
        ),
        (
            "echo_lag --lag 3 --missing mark 3 1 4",
            (
                "3 integers are too few: at least 4 are needed for context 5, lag 3 "
                "and missing 'mark'"
            ),
        ),
        (
            "echo_lag_no_context --batch-size 5",
            (
                "--batch-size is 5: it must divide the 24 samples of a sequence, "
                "so one of 1, 2, 3, 4, 6, 8, 12, 24"
            ),
        ),
        (
            "echo_lag_no_context --batch-size 6 --through-time",
            "--batch-size does not go with --through-time: it trains on 1 sample",
        ),
    ],
)
def test_bad_extension(command, message, capsys):
    script, *options = command.split()
    assert error_of(script, capsys, *options) == message


# Errors


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--epochs", 0], "argument --epochs: 0 is not a positive integer"),
        (["--epochs", -5], "argument --epochs: -5 is not a positive integer"),
        (["--epochs", "x"], "argument --epochs: invalid positive_int value: 'x'"),
        (["--epochs", 1.5], "argument --epochs: invalid positive_int value: '1.5'"),
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
    expected = f"{n} integers are too few: at least {n + 1} are needed"
    assert error_of(script, capsys, *range(n)).startswith(expected)


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
    assert last == "echo_lag.py: error: argument --epochs: 0 is not a positive integer"


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
