"""The exercises fit the present scripts, and the answers have the tables that are printed."""

import re

import pytest

from tests.experiments import exercises
from tests.experiments.exercises import ROOT, SHEET, tables, variant

ANSWERS = tables((ROOT / "tests/experiments/ANSWERS.md").read_text("utf-8"))
TODOS = [row[1] for _, _, *rows in tables(SHEET).values() for row in rows]
WRONG = ["", "B,A", "B, Z", "run a", "B, B", "`a` for `absent`", "`a` for `gc.`"]
RUN = {"accuracy": 1, "one_at_a_time": 1, "epochs_to_95": 7, "by_number": "1 " * 25}


@pytest.mark.parametrize("todo", TODOS)
def test_a_row_changes_the_present_scripts(todo):
    texts, _ = variant(todo)
    for name, text in texts:
        compile(text, name, "exec")
    unchanged = all((ROOT / name).read_text("utf-8") == text for name, text in texts)
    assert unchanged == bool(re.fullmatch("none|run `[^`]+`", todo))


@pytest.mark.parametrize("todo", WRONG)
def test_a_row_must_be_understood_and_fit(todo):
    with pytest.raises(ValueError, match="not understood|echo_lag.py has this . times"):
        variant(todo)


@pytest.mark.parametrize("number", tables(SHEET))
def test_answers_have_the_table_that_is_printed(number, monkeypatch, capsys):
    monkeypatch.setattr(exercises, "run", lambda texts, command, seed: RUN)
    exercises.main([number])
    columns, _, *printed = tables(capsys.readouterr().out)["1"]
    heading, _, *answers = ANSWERS[number]
    assert heading == columns
    assert [row[0] for row in answers] == [row[0] for row in printed]
    assert all(all(row) for row in answers)


def test_a_run_by_hand_tells_when_it_has_learned(capsys):
    epochs = ["Epoch 1/200 - loss: 1 - accuracy: 1.0000\n"] * 200
    exercises.repeat([*epochs, "Accuracy over 100 new sequences: 1.0000\n"])
    assert capsys.readouterr().out.endswith("\nEpochs to 95 %: 20\n")
