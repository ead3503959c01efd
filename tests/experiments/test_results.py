"""The measurements: their commands, what is read of a run, and the report's tables."""

import platform
import sys
import threading
import time

import keras
import numpy as np
import pandas as pd
import pytest

from tests.experiments import real_values, results
from tests.experiments.extensions import parse
from tests.scripts import SCRIPTS

REPORT = results.REPORT.read_text("utf-8")
RUNS = """\
command,seed,accuracy,one_at_a_time,epochs_to_95,by_number,versions,late
--lag 1,1,0.25,0.5,30,- 0.5,keras 3
--lag 1,2,0.25,0.5,30,- 0.5,keras 3
--lag 1,3,0.25,0.5,inf,- 0.5,keras 3
a.py,1,0.7,,inf,,keras 3
"""


@pytest.fixture
def file(tmp_path, monkeypatch):
    """Put RUNS in the place of results.csv."""
    monkeypatch.setattr(results, "FILE", tmp_path / "results.csv")
    results.FILE.write_text(RUNS, "utf-8")
    return results.FILE


def test_the_file_holds_all_runs_of_the_tables_and_no_run_twice():
    runs = results.read_runs()
    assert not runs.duplicated(["command", "seed"]).any()
    assert set(results.jobs_of(REPORT)) <= set(zip(runs.command, runs.seed))


def test_each_command_of_the_file_can_be_run_again():
    for command in results.read_runs().command.unique():
        program, _, options = command.partition(" ")
        if program == "real_values.py":
            assert real_values.parse(options)
        elif program.startswith("--"):
            assert parse(command)
        else:
            assert program.removesuffix(".py") in SCRIPTS


def test_the_last_column_of_the_file_is_the_late_one():
    assert results.read_runs().columns[-1] == "late"


def test_tables_of_the_report_are_those_of_the_file():
    changed = REPORT.replace("| 99.8 % (", "| 99.7 % (")
    assert changed != REPORT
    assert results.filled(changed) == REPORT


def test_cells_are_medians_with_their_ranges(file, monkeypatch):
    file.write_text(
        """\
command,seed,accuracy,one_at_a_time,epochs_to_95,by_number,versions
--lag 1,1,0.25,0.5,30,- 0.5,keras 3
--lag 1,2,1,0.25,20,- 0.4,keras 3
--lag 1,3,0.5,0.75,inf,- 0.9,keras 3
--lag 2 --epochs 60,1,0.1,0.2,inf,- - 0,keras 3
--lag 2 --epochs 60,2,0.1,0.4,inf,- - 0,keras 3
--lag 2 --epochs 60,3,0.1,0.3,60,- - 0,keras 3
--list 30,1,0.75,0.3,inf,- 0,keras 3
--list 30,2,0.25,0.3,inf,- 0,keras 3
--list 30,3,1,0.3,inf,- 0,keras 3
a.py,1,0.7,,inf,,keras 3
""",
        "utf-8",
    )
    report = "| `one`: command |\n|---|\n| `--lag 1` |\n| `a.py` |\n"
    assert results.lines_of("one", report)[2:] == [
        "| `--lag 1` | 50.0 % (25.0 to 100.0 %) | 50.0 % (25.0 to 75.0 %) | 30 |",
        "| `a.py` | 70.0 % (70.0 %) |  | not reached |",
    ]
    rows = {"x": ["--lag 1", "--lag 2 --epochs 60"], "y": ["--list 30"]}
    monkeypatch.setitem(results.GRIDS, "two", rows)
    monkeypatch.setitem(results.COLUMNS, "two", ["a", "b"])
    assert results.lines_of("two", report) == [
        "| `two`: network | a | b |",
        "| --- | --- | --- |",
        "| x | 30 of 2000: 25.0 to 75.0 % | 1 of 3 seeds in 60: 20.0 to 40.0 % |",
        "| y | 75.0 %: 30.0 % |  |",
    ]


def test_a_table_by_number_has_the_medians_at_its_numbers(file, monkeypatch):
    monkeypatch.setattr(results, "NUMBERS", (1, 2, 3))
    lines = "- 0.1 0.9", "- 0.6 0.7", "- 0.2 0.8"
    rows = [f"--lag 1,{seed},1,1,9,{line},keras 3" for seed, line in enumerate(lines)]
    file.write_text("\n".join([RUNS.splitlines()[0], *rows, ""]), "utf-8")
    report = "| `by number`: command |\n|---|\n| `--lag 1` |\n"
    assert results.lines_of("by number", report) == [
        "| `by number`: command | 1 | 2 | 3 |",
        "| --- | --- | --- | --- |",
        "| `--lag 1` | - | 20 % | 80 % |",
    ]


def test_a_table_of_late_answers_has_both_shares(file):
    header = RUNS.splitlines()[0]
    rows = [f"--lag 1,{n},1,0.{n},9,- 1,keras 3,0.{n + 5}" for n in (1, 2, 3)]
    file.write_text("\n".join([header, *rows, ""]), "utf-8")
    report = "| `late`: command |\n|---|\n| `--lag 1` |\n"
    assert results.lines_of("late", report)[2:] == [
        "| `--lag 1` | 20.0 % (10.0 to 30.0 %) | 70.0 % (60.0 to 80.0 %) |"
    ]


def test_a_cell_of_real_values_has_the_error_on_windows_and_the_late_ones():
    values = {"accuracy": [0.1, 0.0003, 0.2], "one_at_a_time": [2.5, 0.0004, 0.9]}
    cell = results.cell_of_grid("real_values.py --lag 3", pd.DataFrame(values))
    assert cell == "0.10: 0.00040 to 2.50"


@pytest.mark.parametrize(
    ("epochs", "cell"),
    [
        ([30, 20, 25], "25"),
        ([30, np.inf, 25], "30"),
        ([30, 20, np.inf, np.inf], "2 of 4 seeds"),
        ([np.inf, np.inf], "not reached"),
    ],
)
def test_epochs_are_a_median_if_most_seeds_got_there(epochs, cell):
    assert results.reached(np.array(epochs, dtype=float)) == cell


def test_a_run_that_fails_says_why():
    with pytest.raises(RuntimeError, match="(?s)-c import absent.*No module named"):
        results.run(["-c", "import absent"])


def test_the_program_fills_the_tables(tmp_path, monkeypatch):
    report = tmp_path / "report.md"
    report.write_text(REPORT.replace("| 99.8 % (", "| 99.7 % ("), "utf-8")
    monkeypatch.setattr(results, "REPORT", report)
    monkeypatch.setattr(results, "run_what_lacks", lambda jobs: None)
    monkeypatch.setattr(sys, "argv", ["results.py"])
    results.main()
    assert report.read_text("utf-8") == REPORT


def test_versions_are_found_where_the_distribution_has_another_name(monkeypatch):
    names = {"tensorflow": ["tensorflow"], "keras": ["keras-nightly"]}
    # Python 3.10 does not find all. The others have the names of their packages.
    monkeypatch.setattr(results, "packages_distributions", lambda: names)
    monkeypatch.setattr(results, "version", lambda name: f"of {name}")
    results.versions.cache_clear()
    found = results.versions()
    results.versions.cache_clear()
    assert found == (
        f"python {platform.python_version()} tensorflow of tensorflow "
        "keras of keras-nightly numpy of numpy pandas of pandas"
    )


def test_run_is_read_from_what_it_prints():
    output = results.run(["-c", "print('Accuracy over 100 new sequences: 0.9750')"])
    script = results.read(output)
    assert script["accuracy"] == "0.9750"
    assert script["one_at_a_time"] is None
    lines = [f"Epoch {i}/200 - loss: 4.6052 - accuracy: 0.5000" for i in range(1, 51)]
    lines += [f"Epoch {i}/200 - loss: 0.1 - accuracy: 1.0000" for i in range(51, 201)]
    lines += [
        output,
        "Accuracy fed one value at a time: 0.25",
        "Accuracy by number: - 0.25",
    ]
    assert results.late_share("\n".join(lines)) is None
    lines += ["Accuracy at numbers 900 to 1000: 0.5"]
    assert results.late_share("\n".join(lines)) == "0.5"
    extension = results.read("\n".join(lines))
    assert extension["epochs_to_95"] == 68
    assert extension["one_at_a_time"] == "0.25"
    assert extension["by_number"] == "- 0.25"
    real = results.read(output.replace("Accuracy", "Error").replace("0.9", "17.9"))
    assert real["accuracy"] == "17.9750"


@pytest.mark.parametrize(
    ("curve", "epochs"),
    [
        # With 2 of 20 epochs at 50 % the mean is 95 %, so 18 at 100 % are enough. It must
        # stay there for the next 100 epochs.
        ([0.5] * 200 + [1] * 117, np.inf),
        ([0.5] * 200 + [1] * 118, 218),
        ([1] * 119 + [0] * 300, 20),
        ([1] * 118 + [0] * 100 + [1] * 300, 237),
        # Each mean is exactly 95 % from 220 on, but not in floats.
        ([0.5] * 200 + ([0.9] + [0.95] * 18 + [1]) * 15, 220),
        (([0.951] * 30 + [0.949] * 30) * 30, np.inf),
    ],
)
def test_epochs_to_95_are_those_until_it_stays(curve, epochs):
    assert results.epochs_to_95(pd.Series(curve, dtype=float)) == epochs


def test_runs_that_are_lacking_are_added(file, monkeypatch, capsys):
    ran = []

    def run(arguments):
        ran.append(" ".join(arguments))
        return "Accuracy over 100 new sequences: 0.75"

    monkeypatch.setattr(results, "run", run)
    report = "| `one`: command |\n|---|\n| `a.py` |\n| `real_values.py --lag 2` |\n\n"
    report += "| `two`: network |\n"
    monkeypatch.setattr(results, "SEEDS", {"one": 2, "two": 3})
    monkeypatch.setattr(results, "GRIDS", {"two": {"x": ["--lag 1", "", "--lag 0"]}})
    results.run_what_lacks(results.jobs_of(report))
    extension = "-m tests.experiments.extensions --lag 0 --seed"
    assert sorted(ran) == [
        *(f"{extension} {seed}" for seed in (1, 2, 3)),
        *(f"-m tests.experiments.real_values --lag 2 --seed {seed}" for seed in (1, 2)),
        "a.py --seed 2",
        f"{results.SAMPLE} --seed 1",
    ]
    printed = [line.split(":")[0] for line in capsys.readouterr().out.splitlines()]
    assert printed == [f"{number} of 7" for number in range(1, 8)]
    added = results.read_runs()[4:]
    assert set(added.accuracy) == {0.75}
    assert added.versions.str.contains(f"keras {keras.__version__}").all()


def test_each_run_is_written_as_it_ends(file, monkeypatch):
    def measure(command, seed):
        if seed < 3:
            return {"command": command, "seed": seed}
        # The third run waits for the lines of the others, up to 10 s, and fails.
        for _ in range(100):
            if file.read_text("utf-8").count("b.py") == 2:
                raise RuntimeError("two lines are there")
            time.sleep(0.1)
        raise RuntimeError("no two lines are there")

    monkeypatch.setattr(results, "measure", measure)
    with pytest.raises(RuntimeError, match="^two lines are there$"):
        results.run_what_lacks([("b.py", 1), ("b.py", 2), ("b.py", 3)])
    *_, before_last, last = file.read_text("utf-8").splitlines()
    assert {before_last, last} == {"b.py,1", "b.py,2"}


def test_two_runs_go_side_by_side(file, monkeypatch):
    both = threading.Barrier(2, timeout=10)  # Alone, a run would wait in vain.

    def measure(command, seed):
        both.wait()
        return {"command": command, "seed": seed}

    monkeypatch.setattr(results, "measure", measure)
    results.run_what_lacks([("b.py", 1), ("b.py", 2)])
    assert file.read_text("utf-8").count("b.py") == 2


def test_a_run_that_fails_ends_the_others(file, monkeypatch):
    started = []

    def measure(command, seed):
        started.append(seed)
        time.sleep(0.1)
        raise RuntimeError("it fails")

    monkeypatch.setattr(results, "measure", measure)
    with pytest.raises(RuntimeError, match="it fails"):
        results.run_what_lacks([("b.py", seed) for seed in range(50)])
    assert len(started) < 10
    assert file.read_text("utf-8") == RUNS


def test_a_run_has_one_thread(monkeypatch):
    monkeypatch.delenv("TF_NUM_INTRAOP_THREADS")
    code = "import os; print(os.environ['TF_NUM_INTRAOP_THREADS'])"
    assert results.run(["-c", code]) == "1\n"


def test_a_run_imports_from_this_repository_in_any_folder(tmp_path):
    code = "import os, sequences; print(os.getcwd())"
    assert results.run(["-c", code], tmp_path) == f"{tmp_path}\n"


def test_cells_of_errors_are_medians_and_ranges():
    assert results.error(float("nan")) == "-"
    by_number = ["- - - 6.2 0.00004" + " 9.0" * 45, "- - - 6.4 0.00002" + " 8.0" * 45]
    values = {"accuracy": [0.000312, 0.1], "one_at_a_time": [59.104, 22.3]}
    runs = pd.DataFrame({**values, "by_number": by_number})
    assert results.cells_of_errors(runs) == [
        "0.05016 (0.00031 to 0.10)",
        "40.70 (22.30 to 59.10)",
        *["6.30", "0.00003", "8.50", "8.50", "8.50", "8.50"],
    ]


@pytest.mark.parametrize("end", ["--lag 1,3,0.5,0.75,inf,- 0.25,keras 3", "--lag"])
def test_cut_file_is_an_error_and_stays(end, file, monkeypatch, capsys):
    file.write_text(RUNS + end, "utf-8")
    monkeypatch.setattr(sys, "argv", ["results.py"])
    monkeypatch.setattr(results, "run_what_lacks", lambda jobs: pytest.fail("it runs"))
    with pytest.raises(SystemExit, match="^2$"):
        results.main()
    assert "has a line that is not complete: delete it" in capsys.readouterr().err
    assert file.read_text("utf-8") == RUNS + end
