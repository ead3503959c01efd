"""The exercises fit the present scripts, and the answers have the tables that are printed."""

import importlib.util
import re
import shlex
import shutil
import subprocess

import numpy as np
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


def test_change_d_trains_on_windows_of_2_to_5_values(tmp_path):
    texts, _ = variant("D")
    file = tmp_path / "changed_echo_lag.py"
    file.write_text(dict(texts)["echo_lag.py"], "utf-8")
    spec = importlib.util.spec_from_file_location(file.stem, file)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    passes = []

    def compile_fit(model):
        return lambda X, y: passes.append(X) or {"loss": 0, "accuracy": 0}

    script.compile_fit = compile_fit
    model = script.build_model()
    script.fit(model, epochs=20)
    X = np.concatenate(passes).reshape(-1, 5, 100)
    skipped = (X == -1).all(axis=2).sum(axis=1)
    assert set(skipped) == {0, 1, 2, 3}
    sheet = " ".join(SHEET.split())
    assert "each window, 0 to 3 of them. So its windows have 2 to 5 values." in sheet
    masking, lstm, _ = model.layers
    assert masking.mask_value == -1 and not lstm.stateful


def test_each_change_belongs_to_a_row():
    used = {step for todo in TODOS for step in todo.split(", ")}
    assert set(exercises.CHANGES) <= used
    assert len(exercises.CHANGES) == SHEET.count("```diff")


def test_a_row_shows_the_median_and_the_run_by_hand(monkeypatch, capsys):
    def run(texts, command, seed):
        return {"accuracy": f"0.{seed}", "epochs_to_95": 10.0 * seed}

    monkeypatch.setattr(exercises, "run", run)
    exercises.main(["1"])
    *_, last = capsys.readouterr().out.splitlines()
    assert last == "| SimpleRNN | 20.0 % (10.0 %) | 20 (10) |"


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
            form = r"(\d+|not reached)" if "epochs" in column else r"\d+\.\d %"
            assert re.fullmatch(rf"{form} \({form}\)", text)


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """Return a folder with the scripts, committed with git, in the place of ROOT."""
    for file in ROOT.glob("*.py"):
        shutil.copy(file, tmp_path)
    me = "-c user.name=Me -c user.email=me@example.com"
    for command in "init -q -b main", "add .", f"{me} commit -q -m Scripts":
        subprocess.run(["git", *command.split()], cwd=tmp_path, check=True)
    monkeypatch.setattr(exercises, "ROOT", tmp_path)
    monkeypatch.setattr(exercises, "run", lambda texts, command, seed: RUN)
    return tmp_path


@pytest.mark.parametrize("staged", [False, True])
def test_it_says_which_script_is_not_as_committed(staged, clone, capsys):
    exercises.main(["1"])
    assert "Not as committed" not in capsys.readouterr().out
    with open(clone / "echo_current.py", "a") as file:
        file.write("# changed\n")
    if staged:
        subprocess.run(["git", "add", "."], cwd=clone, check=True)
    exercises.main(["1"])
    first, *_ = capsys.readouterr().out.splitlines()
    assert first == "Not as committed, so tables may differ: echo_current.py"


def test_a_script_that_a_row_does_not_fit_is_an_error_before_any_run(clone, capsys):
    script = clone / "echo_lag.py"
    script.write_text(script.read_text("utf-8").replace("LSTM(50", "LSTM(60"), "utf-8")
    with pytest.raises(SystemExit, match="^2$"):
        exercises.main(["1"])
    output, error = capsys.readouterr()
    assert "|" not in output
    assert "error: echo_lag.py has this 0 times, not once:\nLSTM(50\n" in error
    assert "Restore the scripts, or go back to the branch main." in error


def test_a_run_is_that_of_the_changed_scripts_with_its_seed():
    texts = {
        "echo_lag.py": "import sys, sequences, tests.scripts\n"
        "print('Accuracy over 100 new sequences:', sequences.VALUE, *sys.argv[1:])",
        "sequences.py": "VALUE = 'changed'",
    }
    measured = exercises.run(tuple(texts.items()), "echo_lag.py --epochs 9", 3)
    assert measured["accuracy"] == "changed --epochs 9 --seed 3"


def test_a_row_is_run_with_its_scripts_and_three_seeds(monkeypatch):
    ran = []

    def run(texts, command, seed):
        ran.append((dict(texts)["echo_lag.py"].count("GRU(50"), command, seed))
        return RUN

    monkeypatch.setattr(exercises, "run", run)
    exercises.main(["1"])
    for seed in 1, 2, 3:
        assert ran.count((1, "echo_lag.py", seed)) == 1  # the row GRU
        assert ran.count((0, "echo_lag.py", seed)) == 3  # the others


CHANGED_BY_A = dict(variant("A")[0])["echo_lag.py"]


@pytest.fixture
def git(clone):
    """Make change A, and commit it as EXERCISES.md says; return a function for git.

    git("status") returns what `git status` prints. git.printed is what the commit printed.
    """

    def run(command):
        arguments = shlex.split(f"git {command}")
        options = {"cwd": clone, "capture_output": True, "text": True}
        return subprocess.run(arguments, check=True, **options).stdout

    (clone / "echo_lag.py").write_text(CHANGED_BY_A, "utf-8")
    *_, run.printed = [run(line) for line in re.findall(r"(?m)^git (.*)", SHEET)]
    return run


def test_the_commit_of_change_a_prints_what_the_sheet_says(git):
    said = re.search(r"says `(1 file changed, .*?)`", SHEET)[1]
    assert said in git.printed


def test_the_sheet_undoes_a_change_but_not_change_a(git, clone):
    (restore,) = set(re.findall(r"`git (restore .*?)`", SHEET))
    (clone / "echo_lag.py").write_text("# another change", "utf-8")
    git(restore)
    assert (clone / "echo_lag.py").read_text("utf-8") == CHANGED_BY_A


def test_the_sheet_leads_to_the_scripts_without_change_a_and_back(git, clone):
    leave, come_back = re.findall(r"`git (switch .*?)`", SHEET)
    git(leave)
    unchanged = dict(variant("none")[0])["echo_lag.py"]
    assert (clone / "echo_lag.py").read_text("utf-8") == unchanged
    git(come_back)
    assert (clone / "echo_lag.py").read_text("utf-8") == CHANGED_BY_A


def test_a_commit_that_the_sheet_undoes_keeps_the_changes(git, clone):
    (undo,) = re.findall(r"`git (reset .*?)`", SHEET)
    git(undo)
    assert git("rev-parse HEAD") == git("rev-parse main")
    assert (clone / "echo_lag.py").read_text("utf-8") == CHANGED_BY_A


@pytest.mark.parametrize("number", ["0", "7", "x"])
def test_an_exercise_that_does_not_exist_is_an_error(number, capsys):
    with pytest.raises(SystemExit, match="^2$"):
        exercises.main([number])
    assert "error: the exercises are 1 to 6\n" in capsys.readouterr().err


def test_a_run_that_was_cut_is_an_error():
    with pytest.raises(SystemExit, match="not a run that came to its end"):
        exercises.repeat(["Epoch 1/200 - loss: 1 - accuracy: 1.0000\n"])


def test_it_tells_how_many_runs_a_table_has(monkeypatch, capsys):
    monkeypatch.setattr(exercises, "run", lambda texts, command, seed: RUN)
    exercises.main(["1", "3"])
    assert capsys.readouterr().err == "Exercise 1: 12 runs\nExercise 3: 9 runs\n"


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
