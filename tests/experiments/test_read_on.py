"""The program that trains a changed echo_lag.py, and lets its network read on."""

import functools
import os
import re
import runpy
import subprocess
import sys
from unittest import mock

import pandas as pd
import pytest

import echo_lag
from tests import experiments, shared
from tests.experiments import extensions, read_on, results


@pytest.fixture
def copied(trained, monkeypatch):
    """Let a training copy the weights of part 4, and return a history."""
    weights = trained("echo_lag").weights
    history = pd.DataFrame({"accuracy": [0.5] * 200 + [1.0] * 200}, range(1, 401))

    def fit(model, *options):
        model.set_weights(weights)
        return history

    def evaluate(model, *options):
        print("Accuracy over 100 new sequences: 0.5")

    shared.predict_in_one_batch(monkeypatch)
    monkeypatch.setattr(echo_lag, "fit", fit)
    for module in echo_lag, extensions:  # This is tested elsewhere.
        monkeypatch.setattr(module, "evaluate", evaluate)
    # Only for speed: sequences of 1,000 values are not compared.
    feed = extensions.feed

    def feed_short_ones(model, n_sequences=100, length=25, before=()):
        read = feed if length == 25 else shared.read_nothing
        return read(model, n_sequences, length, before)

    monkeypatch.setattr(extensions, "feed", feed_short_ones)
    monkeypatch.setattr(extensions, "train", fit)


@pytest.mark.usefixtures("copied")
def test_it_prints_what_the_laboratory_prints(clone, monkeypatch, capsys):
    options = extensions.parse(["--lag", "3"])
    framing = functools.partial(extensions.generate_data, options)
    monkeypatch.setattr(echo_lag, "generate_data", framing)
    extensions.main(["--lag", "3", "--seed", "0"])
    expected = results.read(capsys.readouterr().out)
    fit = echo_lag.fit

    def fit_meanwhile(model):
        """Train; a script is edited for the next run."""
        (clone / "one.py").write_text("changed")
        return fit(model)

    monkeypatch.setattr(echo_lag, "fit", fit_meanwhile)
    read_on.main(["--lag", "3", "--seed", "0"])
    output = capsys.readouterr().out
    measured = results.read(output)
    assert measured["on_windows"] == "0.5"
    assert measured["reading_on"] == expected["reading_on"]
    # It is fed by part 4's network: after n values, this names value n - 1.
    lines = re.findall(r"(?m)^after +(\d+) values +(\S+) +value (\d+) in (\d+)", output)
    numbers, shares, values, named = zip(*lines)
    assert " ".join(["-"] * 3 + [*shares]) == expected["by_number"]
    assert [*map(int, numbers)] == [*range(4, 26)]
    assert [*map(int, values)] == [*range(3, 25)]
    assert min(map(int, named)) > 95
    *_, epochs, right, changed = output.splitlines()
    assert epochs == "Epochs to 95 %: 218"
    assert right == "Right after: none"  # for a lag of 3
    assert changed == "Changed scripts: none"


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """Return a folder with two scripts, committed with git, which is the present one."""
    monkeypatch.chdir(tmp_path)
    for name in "one.py", "two.py", "tests.py/three.py":
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    me = "-c user.name=Me -c user.email=me@example.com"
    for command in "init -q -b main", "add .", f"{me} commit -q -m Scripts":
        subprocess.run(["git", *command.split()], check=True)
    return tmp_path


def test_it_names_the_scripts_that_are_changed(clone):
    assert read_on.changed_scripts() == "none"
    (clone / "tests.py/three.py").write_text("changed")  # no script
    assert read_on.changed_scripts() == "none"
    (clone / "two.py").write_text("changed")
    assert read_on.changed_scripts() == "two.py"
    (clone / "one.py").write_text("changed")
    subprocess.run(["git", "add", "one.py"], check=True)
    assert read_on.changed_scripts() == "one.py, two.py"


@pytest.mark.parametrize("path", [None, ""])
def test_it_says_that_git_cannot_tell(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # no clone
    if path is not None:
        monkeypatch.setenv("PATH", path)  # no git
    assert read_on.changed_scripts() == "git cannot tell"


def test_it_trains_the_script_of_the_folder_and_not_of_the_repository(
    tmp_path, monkeypatch
):
    script = "from sequences import generate_data_lag as generate_data\n"
    script += "def build_model():\n    raise SystemExit('the changed one')\n"
    (tmp_path / "echo_lag.py").write_text(script)
    monkeypatch.syspath_prepend(tmp_path)  # as `python -m` does with the folder
    monkeypatch.delitem(sys.modules, "echo_lag")
    monkeypatch.setattr(sys, "argv", ["read_on.py"])
    with pytest.raises(SystemExit, match="the changed one"):
        runpy.run_path(read_on.__file__, run_name="__main__")
    with mock.patch.dict(os.environ, KERAS_BACKEND="jax"):  # a user's
        runpy.run_path(experiments.__file__)
        assert os.environ["KERAS_BACKEND"] == "tensorflow"


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("--lag 0", "argument --lag: 0 is not a number from 1 to 24"),
        (
            "--lag 3",
            "--lag is 3: the answers that echo_lag.py trains on have a lag of 1",
        ),
        ("--seed -1", "argument --seed: -1 is not a number from 0 to 4294967295"),
        ("--epochs 5", "unrecognized arguments: --epochs 5"),
    ],
)
def test_a_bad_command_line_is_an_error_before_the_training(
    command, message, monkeypatch, capsys
):
    monkeypatch.setattr(echo_lag, "build_model", lambda: pytest.fail("it begins"))
    with pytest.raises(SystemExit, match="^2$"):
        read_on.main(command.split())
    assert capsys.readouterr().err.endswith(f"error: {message}\n")
