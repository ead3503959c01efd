"""Run what results.csv lacks, and put the report's tables into README.md, from that file.

    python -m tests.experiments.results
    python -m tests.experiments.results mark part3

Every row is a command, run with --seed 1, 2, 3, ... A run ends as a line of results.csv, so
a command that is stopped goes on where it was. To measure rows again, delete their lines.
"""

import argparse
import contextlib
import importlib
import io
import multiprocessing
import os
import platform
import re
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from importlib.metadata import version
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd

FILE = Path(__file__).with_name("results.csv")
REPORT = Path(__file__).with_name("README.md")
SCRIPTS = ["echo_current.py", "echo_lag_no_context.py", "echo_lag.py"]
NUMBERS = (2, 3, 4, 5, 6, 7, 10, 12, 15, 20, 25)  # the columns of the table "by number"

# A table for each question. Its rows are scripts, or options of extensions.py.
TABLES = {
    "scripts": [*SCRIPTS, "--lag 1"],
    "part3": [
        "--context 1 --batch-size 6",
        "--context 1 --batch-size 1",
        "--context 1 --batch-size 1 --epochs 20000",
        "--through-time --epochs 4000",
        "--through-time --layer cut-gradients --epochs 20000",
        "--layer cut-gradients --lag 0",
    ],
    "by number": [
        "--context 1 --batch-size 1",
        "--stateless",
        "--stateless --lead 5",
        "--burn-in 2",
        "--mark first",
        "--lag 3 --learning-rate 0.005 --epochs 6000",
        "--layer simple-rnn --stateless --lag 3",
    ],
    "mark": [
        "--stateless",
        "--stateless --lead 5",
        "--burn-in 2",
        "--burn-in 5",
        "--burn-in 10",
        "--lag 1",
        "--mark first",
        "--mark random",
        "--burn-in 10 --mark first",
    ],
    "extensions": [
        "--missing mark",
        "--missing mark --stateless",
        "--missing mask",
        "--context 25 --missing mask",
        *(f"--lag {lag} --stateless" for lag in (2, 3, 4)),
        "--echo-sequence",
        "--echo-sequence --stateless",
        "--echo-sequence --batch-size 10",
    ],
    "limits": [
        "--batch-size 10 --learning-rate 0.005",
        "--burn-in 10 --batch-size 10 --learning-rate 0.005",
        "--burn-in 5 --context 10 --length 30",
        "--lag 3 --learning-rate 0.005 --epochs 6000",
        "--stateless --lead 0,5,10,15",
        "--lag 2 --forget-bias -1 --stateless --lead 0,5,10,15",
        "--stateless --context 15 --length 35",
        "--stateless --context 25 --length 45",
        "--stateless --context 25 --length 45 --learning-rate 0.0003 --epochs 6000",
        "--layer gru --stateless",
        "--layer gru --stateless --lead 5",
        "--layer gru --stateless --lead 5 --lag 2",
        "--layer simple-rnn --stateless",
        "--layer simple-rnn --stateless --lag 3",
    ],
    "size": [
        "--units 10 --stateless --epochs 5000",
        "--units 10 --epochs 20000",
        "--units 10 --layer simple-rnn --epochs 20000",
    ],
    "mlp": [
        f"--layer mlp{options}"
        for options in ("", " --lag 4", " --lag 5", " --context 1")
    ],
    "unique": ["--unique 2", "--unique 1000 --epochs 10000"],
}


def line(options, *epochs):
    """Return the commands of a line of a grid: lags 1, 2, ..., with these epochs."""
    commands = [options or "--lag 1"]
    commands += [f"--lag {lag} {options}".strip() for lag in range(2, 1 + len(epochs))]
    return [c if n == 2000 else f"{c} --epochs {n}" for c, n in zip(commands, epochs)]


# Tables with a command in each cell. A column is a lag.
BIAS, GRU, SIMPLE = "--forget-bias -1", "--layer gru", "--layer simple-rnn"
TEN, FAST = "--burn-in 10", "--burn-in 10 --learning-rate 0.005"
LONG = "--burn-in 10 --context 10 --length 30"
GRIDS = {
    "layers": {
        "LSTM(50)": line("", 2000, 20000, 20000, 20000),
        "LSTM(50), forget bias -1": line(BIAS, 2000, 6000, 20000, 20000),
        "GRU(50)": line(GRU, 2000, 4000, 20000, 20000),
        "GRU(100)": line(f"{GRU} --units 100", 2000, 2000, 6000, 20000),
        "SimpleRNN(50)": line(SIMPLE, 2000, 2000, 6000, 20000),
        "SimpleRNN(100)": line(f"{SIMPLE} --units 100", 2000, 2000, 2000, 6000),
    },
    "burn-in": {
        "LSTM(50)": line(TEN, 2000, 20000),
        "LSTM(50), forget bias -1": line(f"{TEN} {BIAS}", 2000, 6000, 12000),
        "GRU(50)": line(f"{TEN} {GRU}", 2000, 4000, 12000),
        "GRU(100)": line(f"{TEN} {GRU} --units 100", 2000, 2000, 6000, 12000),
        "SimpleRNN(50)": line(f"{TEN} {SIMPLE}", 2000, 2000, 6000),
        "LSTM(50), rate 0.005": line(FAST, 2000, 6000, 6000),
        "LSTM(50), bias -1, rate 0.005": line(f"{FAST} {BIAS}", 2000, 4000, 6000),
        "GRU(50), rate 0.005": line(f"{FAST} {GRU}", 2000, 2000, 4000),
        "SimpleRNN(50), rate 0.005": line(f"{FAST} {SIMPLE}", 2000, 2000, 2000),
        "LSTM(50), windows of 10": line(LONG, 2000),
        "LSTM(50), bias -1, windows of 10": line(f"{LONG} {BIAS}", 2000, 6000),
        "GRU(50), windows of 10": line(f"{LONG} {GRU}", 2000, 4000),
        "SimpleRNN(50), windows of 10": line(f"{LONG} {SIMPLE}", 2000, 2000),
    },
}


def rows_of(table):
    """Return the rows of a table, each a command."""
    return TABLES.get(table) or [r for rows in GRIDS[table].values() for r in rows]


def seeds_of(row):
    """Return the seeds of a row: 20 for the scripts, 5 for a table, 3 for a grid."""
    seeds = 5 if any(row in rows for rows in TABLES.values()) else 3
    return range(1, 1 + (20 if row in TABLES["scripts"] else seeds))


def run(row, seed):
    """Run a row's command in this process; return its line of results.csv, a dict."""
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        if row in SCRIPTS:
            with mock.patch.object(sys, "argv", [row, "--seed", str(seed)]):
                importlib.import_module(Path(row).stem).main()
        else:
            # Here, so that the tables alone do not wait for Keras.
            from tests.experiments import extensions

            extensions.main(f"{row} --seed {seed}")
    packages = ("tensorflow", "keras", "numpy", "pandas")
    versions = [f"{package} {version(package)}" for package in packages]
    versions = " ".join([f"python {platform.python_version()}", *versions])
    processor = platform.processor() or platform.machine()
    run = {"command": row, "seed": seed, **read(output.getvalue())}
    return {**run, "versions": versions, "processor": processor}


def read(output):
    """Return what a run printed: its accuracies and the epochs to 95 %."""
    shares = dict(re.findall(r"^Accuracy (.+): (.+)$", output, re.MULTILINE))
    epochs = re.findall(r"^Epoch .* accuracy: (\S+)$", output, re.MULTILINE)
    return {
        "accuracy": shares["over 100 new sequences"],
        "one_at_a_time": shares.get("fed one value at a time"),
        "epochs_to_95": epochs_to_95(pd.Series(epochs, dtype=float)),
        "by_number": shares.get("by number"),
    }


def epochs_to_95(curve):
    """Return the epoch by which the accuracy has reached 95 % to stay; infinity if never.

    That is the first epoch at which the mean of 20 epochs has reached 95 %, and stays there
    for the next 100 epochs.
    """
    reached = curve.rolling(20).mean() >= 0.95
    stays = reached.astype(int).rolling(101).sum() == 101
    return stays.idxmax() + 1 - 100 if stays.any() else np.inf


def run_what_lacks(tables):
    """Run the rows of these tables that results.csv lacks, two at a time."""
    done = set()
    if FILE.exists():
        done = set(pd.read_csv(FILE)[["command", "seed"]].itertuples(index=False))
    rows = dict.fromkeys(row for table in tables for row in rows_of(table))
    jobs = [(row, seed) for row in rows for seed in seeds_of(row)]
    os.environ["TF_NUM_INTRAOP_THREADS"] = "1"  # each run has its own core
    pool = ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn"))
    try:
        futures = [pool.submit(run, *job) for job in jobs if job not in done]
        for future in as_completed(futures):
            line = pd.DataFrame([future.result()])
            line.to_csv(FILE, mode="a", header=not FILE.exists(), index=False)
            print(*line.iloc[0, :5], flush=True)
    finally:
        pool.shutdown(cancel_futures=True)


def percent(shares):
    """Return the median of shares, such as "99.8 %"; nothing if they do not exist."""
    return "" if np.isnan(shares).any() else f"{100 * np.median(shares):.1f} %"


def with_range(shares):
    """Return two cells: the median, and the lowest to the highest."""
    lowest, highest = percent([min(shares)]), percent([max(shares)])
    between = f"{lowest.removesuffix(' %')} to {highest}"
    return [percent(shares), highest if lowest == highest else between]


def reached(epochs):
    """Return the median of the epochs to 95 %, or how many seeds got there."""
    learned = np.isfinite(epochs).sum()
    if learned > len(epochs) / 2:
        return f"{np.median(epochs):.0f}"
    return f"{learned} of {len(epochs)} seeds" if learned else "not reached"


def cells_by_number(runs):
    """Return how many answers are right after each of NUMBERS values; "-" if none can be."""
    answers = runs.by_number.str.split(expand=True)
    medians = answers.apply(pd.to_numeric, errors="coerce").median()
    return [f"{100 * medians[n - 1]:.0f} %".replace("nan %", "-") for n in NUMBERS]


def lines_of(table):
    """Return the lines of a Markdown table, made of results.csv."""
    runs = dict(list(pd.read_csv(FILE).groupby("command")))

    def cells(row):
        shares = [*with_range(runs[row].accuracy), *with_range(runs[row].one_at_a_time)]
        return [*shares, reached(runs[row].epochs_to_95)]

    def cell(row):
        _, shares = with_range(runs[row].one_at_a_time)
        return f"{reached(runs[row].epochs_to_95)}: {shares}"

    if table in GRIDS:
        heading = [f"lag {lag}" for lag in range(1, 5)]
        lines = [[name, *map(cell, rows)] for name, rows in GRIDS[table].items()]
        lines = [[*cells, *[""] * (5 - len(cells))] for cells in lines]
    elif table == "by number":
        heading = list(map(str, NUMBERS))
        lines = [[f"`{row}`", *cells_by_number(runs[row])] for row in TABLES[table]]
    else:
        heading = ["accuracy", "range", "one at a time", "range", "epochs to 95 %"]
        lines = [[f"`{row}`", *cells(row)] for row in TABLES[table]]
    lines = [[table, *heading], ["---"] * (1 + len(heading)), *lines]
    return [f"| {' | '.join(line)} |" for line in lines]


def filled(report, tables=(*TABLES, *GRIDS)):
    """Return the report with these tables made anew."""
    for table in tables:
        old = rf"^\| {table} \|.*\n(\|.*\n)*"
        new = "\n".join([*lines_of(table), ""])
        report, found = re.subn(old, new, report, flags=re.MULTILINE)
        assert found == 1, f"the report has {found} tables {table}"
    return report


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = [*TABLES, *GRIDS]
    parser.add_argument("tables", nargs="*", metavar="TABLE", help="; ".join(names))
    tables = parser.parse_args().tables or names
    if set(tables) - set(names):
        parser.error(f"{tables}: one or more of {names} are needed")
    run_what_lacks(tables)
    REPORT.write_text(filled(REPORT.read_text("utf-8"), tables), "utf-8")


if __name__ == "__main__":
    main()
