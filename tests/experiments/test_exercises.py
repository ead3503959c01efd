"""The exercises fit the present scripts, and the answers have the tables that are printed."""

import re

import pytest

from tests.experiments import exercises
from tests.experiments.exercises import ROOT, SHEET, cell, tables, variant

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


def test_each_change_belongs_to_a_row():
    used = {step for todo in TODOS for step in todo.split(", ")}
    assert set(exercises.CHANGES) <= used
    assert len(exercises.CHANGES) == SHEET.count("```diff")


def test_a_cell_shows_the_median_of_its_column():
    runs = [
        {"accuracy": "0.1", "one_at_a_time": "0.9", "epochs_to_95": 9.0},
        {"accuracy": "0.3", "one_at_a_time": "0.7", "epochs_to_95": float("inf")},
        {"accuracy": "0.2", "one_at_a_time": "0.4", "epochs_to_95": 8.0},
    ]
    assert cell("accuracy", runs) == "20.0 %"
    assert cell("one at a time", runs) == "70.0 %"
    assert cell("epochs to 95 %", runs) == "9"
    assert cell("epochs to 95 %", runs[1:2]) == "not reached"


def test_number_5_is_the_accuracy_at_the_fifth_value():
    shares = [
        f"- {n}.2 {n}.3 {n}.4 {n}.5 {n}.6 {n}.7 {n}.8 {n}.9 0.0" for n in (0, 0, 9)
    ]
    runs = [{"by_number": line} for line in shares]
    assert cell("number 2", runs) == "20.0 %"
    assert cell("number 5", runs) == "50.0 %"
    assert cell("number 10", runs) == "0.0 %"


@pytest.mark.parametrize("number", tables(SHEET))
def test_each_cell_of_an_answer_has_the_form_of_its_column(number):
    (_, *columns), _, *rows = ANSWERS[number]
    for _, *cells in rows:
        for column, text in zip(columns, cells, strict=True):
            form = r"\d+|not reached" if "epochs" in column else r"\d+\.\d %"
            assert re.fullmatch(form, text)


def test_it_tells_how_many_runs_a_table_has(monkeypatch, capsys):
    monkeypatch.setattr(exercises, "run", lambda texts, command, seed: RUN)
    exercises.main(["1", "3"])
    assert capsys.readouterr().err == "Exercise 1: 12 runs\nExercise 3: 6 runs\n"


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
