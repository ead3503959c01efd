"""The exercises fit the present scripts, and the prompt answers as the network does."""

import ast
import io
import re
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from tests.experiments import prompt

ROOT = Path(prompt.__file__).parents[2]
SHEET = Path(prompt.__file__).with_name("EXERCISES.md").read_text(encoding="utf-8")
QUESTIONS, ANSWERS = SHEET.split("\n## Answers\n")
TITLES = re.findall(r"^## (.*)", QUESTIONS, re.MULTILINE)
# The introduction has the line that prints the epoch of 95 %.
INTRODUCTION, *EXERCISES = re.split(r"^## .*", QUESTIONS, flags=re.MULTILINE)


def apply(section, texts):
    """Change the texts of files, a dict, as the diffs in a section say."""
    for block in re.findall(r"```diff\n(.*?)```", section, re.DOTALL):
        for hunk in re.split(r"^(?=@@ )", block, flags=re.MULTILINE)[1:]:
            heading, *lines = hunk.splitlines()
            name, function = re.fullmatch(r"@@ (\w+\.py), (\w+) @@", heading).groups()
            old, new = (
                "".join(f"{line[1:]}\n" for line in lines if line[0] in signs)
                for signs in (" -", " +")
            )
            before, found, after = texts[name].partition(old)
            assert found, f"not in {name}:\n{old}"
            assert old not in after, f"more than once in {name}:\n{old}"
            functions = re.findall(r"^def (\w+)", before + old, re.MULTILINE)
            assert function == (functions[-1] if functions else "imports")
            texts[name] = before + new + after


@pytest.mark.parametrize("exercise", EXERCISES, ids=TITLES)
def test_exercise_applies_to_the_scripts(exercise):
    texts = {file.name: file.read_text(encoding="utf-8") for file in ROOT.glob("*.py")}
    present = dict(texts)
    apply(exercise, texts)
    assert texts != present
    # Students can print the epoch of 95 % in each exercise.
    apply(INTRODUCTION, texts)
    for text in texts.values():
        ast.parse(text)


def test_each_exercise_has_its_answer():
    assert re.findall(r"^### (.*)", ANSWERS, re.MULTILINE) == TITLES


@pytest.fixture(scope="module")
def model():
    """Return an untrained network whose answers depend on all values so far."""
    keras.utils.set_random_seed(3)
    model = keras.Sequential([keras.Input((None, 100))])
    model.add(keras.layers.LSTM(20, use_bias=False))
    model.add(keras.layers.Dense(100, activation="softmax", use_bias=False))
    model.set_weights([np.random.normal(size=w.shape) for w in model.get_weights()])
    return model


@pytest.fixture(scope="module")
def file(model, tmp_path_factory):
    file = tmp_path_factory.mktemp("networks") / "lag.keras"
    model.save(file)
    return file


def test_prompt_answers_as_the_network(model, file, monkeypatch, capsys):
    values = [23, 10, 23, 99, 0, 23]
    X = np.eye(100)[values][np.newaxis]
    answers = [model(X[:, :n]).numpy().argmax() for n in range(1, 7)]
    assert len({answers[0], answers[2], answers[5]}) == 3  # The state matters.
    # What is no value must leave the state as it is.
    typed = "23\n\n10 x 23\n-1\n100 1.5\n99 00\n23"
    monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
    prompt.main([str(file)])
    lines = capsys.readouterr().out.splitlines()
    echoes = [line for line in lines if line.startswith("after")]
    words = ["23", "10", "23", "99", "00", "23"]
    assert echoes == [f"after {word}: {n}" for word, n in zip(words, answers)]
    wrong = [line.split()[0] for line in lines if "is not a whole number from" in line]
    assert wrong == ["x", "-1", "100", "1.5"]
    assert "first answer can only be guessed" in lines[1]


def test_control_c_ends_the_prompt(file, monkeypatch, capsys):
    class Interrupted(io.StringIO):
        def readline(self, *_):
            raise KeyboardInterrupt

    monkeypatch.setattr(sys, "stdin", Interrupted())
    prompt.main([str(file)])
    assert capsys.readouterr().out.endswith("\n\n")


@pytest.mark.parametrize(
    "name, message",
    [
        ("missing.keras", "missing.keras does not exist"),
        ("text.keras", "text.keras is no network that Keras can load"),
        ("input.keras", "input.keras does not take and answer one hot values"),
        ("answer.keras", "answer.keras does not take and answer one hot values"),
        ("dense.keras", "the network has no recurrent layer"),
    ],
)
def test_file_without_such_a_network(name, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    layers = {
        "input.keras": [keras.Input((5, 3)), keras.layers.LSTM(2)],
        "answer.keras": [keras.Input((5, 100)), keras.layers.LSTM(2)],
        "dense.keras": [keras.Input((5, 100))],
    }
    if name == "text.keras":
        Path(name).write_text("no network")
    elif name in layers:
        units = 3 if name == "answer.keras" else 100
        keras.Sequential([*layers[name], keras.layers.Dense(units)]).save(name)
    with pytest.raises(SystemExit) as stop:
        prompt.main([name])
    assert stop.value.code == 2
    *_, error = capsys.readouterr().err.splitlines()
    assert message in error
