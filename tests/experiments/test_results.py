"""The measurements: their rows, what is read of a run, and the report's tables."""

import sys
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pandas as pd
import pytest

import echo_lag
from tests.experiments import extensions, results
from tests.experiments.extensions import parse


def test_the_file_holds_all_runs_of_all_rows_and_no_others():
    runs = pd.read_csv(results.FILE)
    rows = {r for t in (*results.TABLES, *results.GRIDS) for r in results.rows_of(t)}
    assert all(row in results.SCRIPTS or parse(row) for row in rows)
    expected = sorted((row, seed) for row in rows for seed in results.seeds_of(row))
    assert sorted(zip(runs.command, runs.seed)) == expected
    assert runs.versions.nunique() == 1


def test_tables_of_the_report_are_those_of_the_file():
    report = results.REPORT.read_text("utf-8")
    assert report == results.filled(report)
    changed = report.replace("| 99.8 % |", "| 99.7 % |")
    assert changed != report == results.filled(changed)


def test_run_is_read_from_what_it_prints():
    lines = [f"Epoch {i}/200 - loss: 4.6052 - accuracy: 0.5000" for i in range(1, 51)]
    lines += [f"Epoch {i}/200 - loss: 0.1 - accuracy: 1.0000" for i in range(51, 201)]
    lines += ["Expected:  [1]", "Predicted: [1]"]
    lines += ["Accuracy over 100 new sequences: 0.9750"]
    script = results.read("\n".join(lines))
    assert script["accuracy"] == "0.9750" and script["one_at_a_time"] is None
    assert script["epochs_to_95"] == 68
    lines += ["Accuracy fed one value at a time: 0.2500", "Accuracy by number: - 0.25"]
    extension = results.read("\n".join(lines))
    assert (extension["one_at_a_time"], extension["by_number"]) == ("0.2500", "- 0.25")


@pytest.mark.parametrize(
    ("curve", "epochs"),
    [
        # With 2 of 20 epochs at 50 % the mean is 95 %, so 18 at 100 % are enough. It must
        # stay there for the next 100 epochs.
        ([0.5] * 200 + [1] * 117, np.inf),
        ([0.5] * 200 + [1] * 118, 218),
        ([1] * 119 + [0] * 300, 20),
        ([1] * 118 + [0] * 100 + [1] * 300, 237),
        (([0.951] * 30 + [0.949] * 30) * 30, np.inf),
    ],
)
def test_epochs_to_95_are_those_until_it_stays(curve, epochs):
    assert results.epochs_to_95(pd.Series(curve, dtype=float)) == epochs


def test_run_what_lacks_runs_just_that(tmp_path, monkeypatch):
    def main(command=None):
        ran.append(command or sys.argv)
        print("Accuracy over 100 new sequences: 0.75")

    ran, rows = [], ["echo_lag.py", "--lag 0"]
    monkeypatch.setattr(extensions, "main", main)
    monkeypatch.setattr(echo_lag, "main", main)
    monkeypatch.setattr(results, "FILE", tmp_path / "results.csv")
    monkeypatch.setattr(results, "TABLES", {"scripts": [], "two": rows})
    monkeypatch.setattr(
        results, "ProcessPoolExecutor", lambda *_, **__: ThreadPoolExecutor(1)
    )
    done = [(row, seed) for row in rows for seed in range(1, 6) if seed != 3]
    empty = dict.fromkeys(["accuracy", "one_at_a_time", "epochs_to_95", "by_number"])
    done = pd.DataFrame(done, columns=["command", "seed"]).assign(**empty)
    done.assign(versions="", processor="").to_csv(results.FILE, index=False)
    results.run_what_lacks(["two"])
    assert ran == [["echo_lag.py", "--seed", "3"], "--lag 0 --seed 3"]
    *_, last = pd.read_csv(results.FILE).itertuples(index=False)
    assert (last.command, last.seed, last.accuracy) == ("--lag 0", 3, 0.75)
    assert f"keras {keras.__version__}" in last.versions


def test_cells_are_medians_with_ranges(tmp_path, monkeypatch):
    runs = pd.DataFrame(
        {
            "command": ["--lag 1"] * 3 + ["--lag 2"] * 3 + ["a.py"],
            "accuracy": [0.25, 1, 0.5, 0.1, 0.1, 0.1, 0.7],
            "one_at_a_time": [0.5, 0.25, 0.75, 0.2, 0.4, 0.3, np.nan],
            "epochs_to_95": [30, 20, np.inf, np.inf, np.inf, 60, np.inf],
        }
    )
    monkeypatch.setattr(results, "FILE", tmp_path / "results.csv")
    runs.to_csv(results.FILE, index=False)
    monkeypatch.setattr(results, "TABLES", {"one": ["--lag 1", "a.py"]})
    monkeypatch.setattr(results, "GRIDS", {"two": {"x": ["--lag 1", "--lag 2"]}})
    assert results.lines_of("one")[2:] == [
        "| `--lag 1` | 50.0 % | 25.0 to 100.0 % | 50.0 % | 25.0 to 75.0 % | 30 |",
        "| `a.py` | 70.0 % | 70.0 % |  |  | not reached |",
    ]
    assert results.lines_of("two")[2:] == [
        "| x | 30: 25.0 to 75.0 % | 1 of 3 seeds: 20.0 to 40.0 % |  |  |"
    ]
