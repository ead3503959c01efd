"""The exercises fit the present scripts, and the answers have the tables that are printed."""

import ast
import re

import pytest

from tests.experiments import exercises
from tests.experiments.exercises import ROOT, SHEET, apply, cell, table_of, variant

SECTIONS = exercises.exercises(SHEET)
ROWS = [(n, row[1]) for n in SECTIONS for row in table_of(SECTIONS[n][1])[1]]
ANSWERS = (ROOT / "tests" / "experiments" / "ANSWERS.md").read_text("utf-8")
CELLS = {"95 % at epoch": r"\d+|never", "answers with seed 1": r"\S.*"}


@pytest.mark.parametrize("number, todo", ROWS)
def test_a_row_changes_the_present_scripts(number, todo):
    texts, _ = variant(number, todo)
    for _, text in texts:
        ast.parse(text)
    unchanged = all((ROOT / name).read_text("utf-8") == text for name, text in texts)
    assert unchanged == (todo == "none" or todo.startswith("run"))


def test_each_change_belongs_to_a_row():
    for number, (_, section) in SECTIONS.items():
        letters = set(re.findall(r"hange ([A-Z])\b", section))
        assert len(letters) == section.count("```diff")
        todo = " ".join(todo for n, todo in ROWS if n == number)
        assert letters <= set(re.findall(r"\b[A-Z]\b", todo))


@pytest.mark.parametrize("line", ["-absent", "-import gc", "     reset_states(model)"])
def test_a_change_must_fit(line):
    texts = {"echo_lag.py": (ROOT / "echo_lag.py").read_text("utf-8")}
    with pytest.raises(ValueError, match="echo_lag.py has this"):
        apply(f"```diff\n@@ echo_lag.py, fit @@\n{line}\n```", texts)


def test_answers_have_the_tables_that_are_printed(monkeypatch, capsys):
    runs = {"accuracy": "1", "one_at_a_time": "1", "epochs_to_95": 7, "answers": "23"}
    monkeypatch.setattr(exercises, "run", lambda texts, command, seed: runs)
    exercises.main([])
    printed = exercises.exercises(capsys.readouterr().out)
    answered = exercises.exercises(ANSWERS)
    assert list(printed) == list(answered) == list(SECTIONS)
    for number, (title, text) in printed.items():
        assert title == answered[number][0]
        (heading, rows), (columns, answers) = map(table_of, (text, answered[number][1]))
        assert columns == heading
        assert [row[0] for row in answers] == [row[0] for row in rows]
        for row in answers:
            for column, text in zip(columns[1:], row[1:], strict=True):
                assert re.fullmatch(CELLS.get(column, r"\d+\.\d %"), text)


def test_cells_show_medians():
    measured = [("0.1", 9), ("0.3", float("inf")), ("0.2", 8)]
    runs = [{"accuracy": share, "epochs_to_95": epoch} for share, epoch in measured]
    assert cell("accuracy", runs) == "20.0 %"
    assert [cell("95 % at epoch", runs[:n]) for n in (3, 2)] == ["9", "never"]
