"""The exercises fit the present scripts, and the answers show the runs of exercises.csv."""

import functools
import importlib
import random
import re
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import keras
import numpy as np
import pandas as pd
import pytest

import echo_current
import echo_lag
import echo_lag_no_context
from tests.experiments import exercises
from tests.experiments.exercises import ROOT, SHEET, cell, line, tables, variant
from tests.experiments.extensions import BurnIn

PAGE = (ROOT / "tests/experiments/ANSWERS.md").read_text("utf-8")
ANSWERS = tables(PAGE)
ROWS = [
    (number, label, todo)
    for number, (_, _, *rows) in tables(SHEET).items()
    for label, todo, *_ in rows
]
TODOS = [todo for _, _, todo in ROWS]
WRONG = ["", "B,A", "B, Z", "run a", "B, B"]
WRONG += ["`a` in place of `absent`", "`a` in place of `gc.`", "`GRU(50` for `LSTM(50`"]
RUN = {"accuracy": 1, "one_at_a_time": 1, "epochs_to_95": 7, "by_number": "1 " * 25}


@pytest.mark.parametrize("todo", TODOS)
def test_a_row_changes_the_present_scripts(todo):
    texts, _ = variant(todo)
    for name, text in texts.items():
        compile(text, name, "exec")
    unchanged = all((ROOT / name).read_text("utf-8") == texts[name] for name in texts)
    assert unchanged == bool(re.fullmatch("none|run `[^`]+`", todo))


@pytest.mark.parametrize("todo", WRONG)
def test_a_row_must_be_understood_and_fit(todo):
    with pytest.raises(ValueError, match="not understood|echo_lag.py has this . times"):
        variant(todo)


def test_a_text_is_replaced_in_the_script_that_is_trained():
    texts, command = variant("run `echo_lag_no_context.py`, `GRU(` in place of `LSTM(`")
    assert command == "echo_lag_no_context.py"
    assert "GRU(50" in texts[command] and "LSTM(50" in texts["echo_lag.py"]
    reader = "-m tests.experiments.read_on --lag 3"
    texts, command = variant(f"run `{reader}`, `GRU(` in place of `LSTM(`")
    assert command == reader
    assert "GRU(50" in texts["echo_lag.py"]


def test_each_change_belongs_to_a_row():
    used = {step for todo in TODOS for step in todo.split(", ")}
    assert set(exercises.CHANGES) <= used
    assert len(exercises.CHANGES) == SHEET.count("```diff")
    assert "".join(exercises.CHANGES) == "ABCDEF"


@functools.cache
def changed(change):
    """Return the script with a change, its network, and sequences.py with this change."""
    name = "echo_lag_no_context" if change == "E" else "echo_lag"
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        for file, text in variant(change)[0].items():
            Path(folder, file).write_text(text, "utf-8")
        patch.syspath_prepend(folder)
        for module in name, "sequences":  # These come back at the end.
            patch.delitem(sys.modules, module)
        script = importlib.import_module(name)
        assert Path(script.__file__).parent == Path(folder)
        return script, script.build_model(), sys.modules["sequences"]


@pytest.mark.parametrize("change", exercises.CHANGES)
def test_a_changed_script_trains_and_tests_on_what_its_network_takes(
    change, monkeypatch, capsys
):
    script, model, _ = changed(change)
    trained_on, tested_on = [], []

    def compile_fit(model):
        return lambda X, y: trained_on.append((X, y)) or {"loss": 0, "accuracy": 0}

    def predict_on_batch(batch):
        tested_on.append(batch.shape)
        return np.zeros(model.output_shape)

    monkeypatch.setattr(script, "compile_fit", compile_fit)
    monkeypatch.setattr(model, "predict_on_batch", predict_on_batch)
    script.fit(model, epochs=1)
    script.evaluate(model)
    ((X, y),) = trained_on
    assert len(X) == len(y)
    assert X.shape[1:] == model.input_shape
    assert y.shape[1:] == model.output_shape
    assert set(tested_on) == {model.input_shape}
    assert "Accuracy over 100 new sequences: 0." in capsys.readouterr().out


SEQUENCE = random.Random(3).sample(range(100), 25)  # no value twice
WINDOWS, ANSWER = echo_lag.generate_data(SEQUENCE)


def test_change_a_puts_ten_random_values_before_each_window():
    _, model, sequences = changed("A")
    X, y = sequences.generate_data_lag(SEQUENCE)
    assert np.array_equal(X[:, 10:], WINDOWS)
    assert np.array_equal(y, ANSWER)
    before = X[:, :10]
    assert before.shape == (20, 10, 100)
    assert (before.sum(axis=2) == 1).all() and (before.max(axis=2) == 1).all()
    assert len(np.unique(before.argmax(axis=2), axis=0)) == 20
    burn_in, _ = model.layers
    assert type(burn_in) is BurnIn and burn_in.n == 10
    assert type(burn_in.layer) is keras.layers.LSTM and not burn_in.layer.stateful


def test_change_b_marks_the_first_value_of_each_window():
    _, model, sequences = changed("B")
    X, y = sequences.generate_data_lag(SEQUENCE)
    assert X.shape == (20, 5, 101)
    assert np.array_equal(X[:, :, :100], WINDOWS)
    assert np.array_equal(y, ANSWER)
    assert X[:, :, 100].tolist() == [[1, 0, 0, 0, 0]] * 20
    lstm, _ = model.layers
    assert lstm.stateful


def test_change_c_asks_for_the_value_before_each_value():
    _, model, sequences = changed("C")
    X, y = sequences.generate_data_lag(SEQUENCE)
    assert np.array_equal(X, WINDOWS)
    expected = [SEQUENCE[start : start + 5] for start in range(20)]
    assert y.argmax(axis=2).tolist() == expected
    assert (y.sum(axis=2) == 1).all()
    assert (X.argmax(axis=2)[:, :-1] == np.array(expected)[:, 1:]).all()
    lstm, _ = model.layers
    assert not lstm.stateful


def test_change_d_asks_for_the_second_value_a_lag_of_3():
    _, _, sequences = changed("D")
    X, y = sequences.generate_data_lag(SEQUENCE)
    assert np.array_equal(X, WINDOWS)
    assert np.array_equal(y, X[:, 1]) and np.array_equal(y, X[:, 4 - 3])
    lags = re.findall(r"read_on --lag (\d+)`, D", SHEET)
    assert lags == ["3"] * 4


def test_change_e_trains_and_tests_in_batches_of_1():
    _, model, _ = changed("E")
    assert model.input_shape == (1, 1, 100)


def test_change_f_trains_on_parts_of_one_list(monkeypatch):
    script, _, _ = changed("F")
    parts = []

    def generate_data(sequence):
        parts.append(tuple(sequence))
        return WINDOWS, ANSWER

    def compile_fit(model):
        return lambda X, y: {"loss": 0, "accuracy": 0}

    monkeypatch.setattr(script, "generate_data", generate_data)
    monkeypatch.setattr(script, "compile_fit", compile_fit)
    np.random.seed(1)
    script.fit(keras.Sequential(), epochs=5000)
    np.random.seed(1)
    values = np.random.randint(100, size=500).tolist()
    assert set(parts) == {tuple(values[start : start + 25]) for start in range(476)}


def answers_kept(exercise, row):
    """Return which share is right after 1, 2, ... values, for each run of a row."""
    runs = [
        run["by_number"].replace("-", "nan").split()
        for run in exercises.read_runs()
        if (run["exercise"], run["row"]) == (exercise, row)
    ]
    return np.array(runs, dtype=float)


def test_the_lstm_is_right_again_where_the_answers_say():
    low, high = map(int, re.search(r"between (\d+) and (\d+)\s+values", PAGE).groups())
    for shares in answers_kept("2", "LSTM, zero state"):
        assert low <= shares[5:].argmax() + 6 <= high


def test_the_simple_rnn_is_right_after_as_many_values_as_the_answers_say():
    found = re.search(
        r"is\s+right after (\d+) values, too, and mostly wrong after more than (\d+)",
        PAGE,
    )
    right, last = map(int, found.groups())
    shares = answers_kept("4", "SimpleRNN(100), zero state")
    assert right < last
    assert (shares[:, right - 1 : last] > 0.9).all()
    assert (shares[:, last:] < 0.5).all()


def test_a_short_list_is_learned_by_heart():
    n = re.search(r"But with ([\d,]+) numbers, most answers", PAGE)[1].replace(",", "")
    shares = [
        float(r["accuracy"])
        for r in exercises.read_runs()
        if r["row"].endswith(f" {n}")
    ]
    assert shares and max(shares) < 0.5


def test_the_file_of_your_own_numbers_has_no_heading(tmp_path, monkeypatch):
    code = re.search(r"`(pd\.read_csv\(.*?)`", SHEET)[1]
    monkeypatch.chdir(tmp_path)
    numbers = [*range(30, 60)]
    (tmp_path / "my_numbers.csv").write_text("\n".join(map(str, numbers)), "utf-8")
    assert eval(code, {"pd": pd}).tolist() == numbers


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
        {"accuracy": "0.2", "one_at_a_time": "0.4", "epochs_to_95": "8"},
    ]
    assert cell("accuracy", runs) == "20.0 %"
    assert cell("one at a time", runs) == "70.0 %"
    assert cell("epochs to 95 %", runs) == "9"
    assert cell("epochs to 95 %", runs[1:2]) == "not reached"


def test_after_5_values_is_the_accuracy_of_the_fifth_answer():
    shares = [
        f"- {n}.2 {n}.3 {n}.4 {n}.5 {n}.6 {n}.7 {n}.8 {n}.9 0.0" for n in (0, 0, 9)
    ]
    runs = [{"by_number": line} for line in shares]
    assert cell("after 2 values", runs) == "20.0 %"
    assert cell("after 5 values", runs) == "50.0 %"
    assert cell("after 10 values", runs) == "0.0 %"


def test_the_file_has_the_runs_of_all_rows_and_no_others():
    runs = exercises.read_runs()
    found = [(r["exercise"], r["row"], r["change"], r["seed"]) for r in runs]
    assert found == [(*row, seed) for row in ROWS for seed in ("1", "2", "3")]
    assert all(run["versions"].startswith("python 3") for run in runs)


@pytest.mark.parametrize("number", tables(SHEET))
def test_the_table_of_an_answer_is_that_of_its_runs(number):
    (first, _, *columns), _, *rows = tables(SHEET)[number]
    kept = [run for run in exercises.read_runs() if run["exercise"] == number]
    expected = [
        line(label, columns, [run for run in kept if run["row"] == label])
        for label, *_ in rows
    ]
    heading, _, *answers = ANSWERS[number]
    assert heading == [first, *columns]
    assert [f"| {' | '.join(cells)} |" for cells in answers] == expected


def test_the_plan_for_a_class_takes_90_minutes():
    (minutes, about), _, *rows = ANSWERS["7"]
    assert (minutes, about) == ("minutes", "a class of 90 minutes")
    assert sum(int(cell) for cell, _ in rows if cell.isdigit()) == 90


class Begins(Exception):
    """What a command does after its options were parsed."""


def commands():
    """Return the commands on both pages, without the Python that runs them."""
    found = set()
    for page in SHEET, PAGE:
        text = " ".join(re.sub(r"(?s)```.*?```", "", page).split())
        for code in re.findall(r"`(.+?)`", text):
            code = code.removeprefix("| ").removeprefix(".venv/bin/python ")
            if re.match(r"-m |\w+\.py\b", code):
                found.add(code)
    return sorted(found)


def test_the_commands_of_the_pages_are_found():
    assert {
        "echo_lag.py --seed 1",
        "echo_lag_no_context.py",
        "-m tests.experiments.exercises 2",
        "-m tests.experiments.exercises -",
        "-m tests.experiments.read_on --seed 1",
        "-m tests.experiments.read_on --lag 3",
    } <= set(commands())


@pytest.mark.parametrize("command", commands())
def test_a_command_names_a_program_and_options_that_it_has(command, monkeypatch):
    def begin(*arguments, **how):
        raise Begins

    for script in echo_current, echo_lag, echo_lag_no_context:
        monkeypatch.setattr(script, "build_model", begin)
    for name in "run", "repeat":
        monkeypatch.setattr(exercises, name, begin)
    name, *options = command.removeprefix("-m ").split()
    module = importlib.import_module(name.removesuffix(".py"))
    monkeypatch.setattr(sys, "argv", [name, *options])
    with pytest.raises(Begins):
        module.main()


@pytest.fixture
def file(tmp_path, monkeypatch):
    """Put a file that does not exist yet in the place of exercises.csv; run nothing."""

    def run(texts, command, seed):
        shares = {"accuracy": f"0.{seed}", "one_at_a_time": f"0.0{seed}"}
        by_number = ["-", *[f"0.{seed}{n}" for n in range(10, 34)]]
        epochs = 10 * seed if seed < 3 else np.inf
        return {**shares, "epochs_to_95": epochs, "by_number": " ".join(by_number)}

    monkeypatch.setattr(exercises, "run", run)
    monkeypatch.setattr(exercises, "FILE", tmp_path / "exercises.csv")
    return exercises.FILE


def test_a_learner_leaves_the_file_as_it_is(file):
    exercises.main(["1"])
    assert not file.exists()


def test_kept_runs_make_the_table_that_was_printed(file, capsys):
    exercises.main(["4", "--keep"])
    _, _, *printed = tables(capsys.readouterr().out)["1"]
    (_, _, *columns), _, *rows = tables(SHEET)["4"]
    runs = exercises.read_runs()
    kept = [runs[start : start + 3] for start in range(0, len(runs), 3)]
    lines = [line(row[0], columns, of_row) for row, of_row in zip(rows, kept)]
    assert lines == [f"| {' | '.join(cells)} |" for cells in printed]
    assert [run["seed"] for run in runs] == ["1", "2", "3"] * 4
    assert "20.0 % (10.0 %) | 20 (10) | 2.0 % (1.0 %) | 21.3 % (11.3 %)" in lines[0]


def test_kept_runs_replace_those_of_their_exercise(file):
    for number in "2", "1":
        exercises.main([number, "--keep"])
    first = file.read_text("utf-8")
    file.write_text(first.replace("0.2,", "0.9,"), "utf-8")
    exercises.main(["1", "--keep"])
    runs = exercises.read_runs()
    rows = [(run["exercise"], run["row"]) for run in runs]
    assert rows == [row[:2] for row in ROWS if row[0] in "12" for _ in range(3)]
    shares = {
        number: {r["accuracy"] for r in runs if r["exercise"] == number}
        for number in "12"
    }
    assert shares == {"1": {"0.1", "0.2", "0.3"}, "2": {"0.1", "0.9", "0.3"}}


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
    assert error.endswith('\nRestore the scripts: git restore "*.py"\n')


def test_the_sheet_restores_the_scripts(clone):
    (command,) = re.findall(r'`(git restore "\*\.py")`', SHEET)
    for name, text in variant("A")[0].items():
        (clone / name).write_text(text, "utf-8")
    subprocess.run(command, shell=True, cwd=clone, check=True)
    for file in ROOT.glob("*.py"):
        assert (clone / file.name).read_text("utf-8") == file.read_text("utf-8")


def test_a_run_is_that_of_the_changed_scripts_with_its_seed():
    texts = {
        "echo_lag.py": "import sys, sequences, tests.scripts\n"
        "print('Accuracy over 100 new sequences:', sequences.VALUE, *sys.argv[1:])\n"
        "print('after  3 values   0.25\\nafter 25 values   0.50')",
        "sequences.py": "VALUE = 'changed'",
    }
    measured = exercises.run(texts, "echo_lag.py --epochs 9", 3)
    assert measured["accuracy"] == "changed --epochs 9 --seed 3"
    assert measured["by_number"] == " ".join(["- - 0.25", *["-"] * 21, "0.50"])


def test_a_row_is_run_with_its_scripts_and_three_seeds(monkeypatch):
    ran = []

    def run(texts, command, seed):
        ran.append((texts["echo_lag.py"].count("GRU(50"), command, seed))
        return RUN

    monkeypatch.setattr(exercises, "run", run)
    exercises.main(["1"])
    for seed in 1, 2, 3:
        assert ran.count((1, "echo_lag.py", seed)) == 1  # the row GRU
        assert ran.count((0, "echo_lag.py", seed)) == 3  # the others


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


def test_without_numbers_it_runs_all_exercises(monkeypatch, capsys):
    monkeypatch.setattr(exercises, "run", lambda texts, command, seed: RUN)
    exercises.main([])
    printed = tables(capsys.readouterr().out)
    assert [rows[0] for rows in printed.values()] == [
        ANSWERS[number][0] for number in tables(SHEET)
    ]


def test_a_run_by_hand_tells_when_it_has_learned(capsys):
    epochs = ["Epoch 1/200 - loss: 1 - accuracy: 1.0000\n"] * 200
    exercises.repeat([*epochs, "Accuracy over 100 new sequences: 1.0000\n"])
    assert capsys.readouterr().out.endswith("\nEpochs to 95 %: 20\n")
