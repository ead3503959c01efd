"""Run the scripts and the extensions for several seeds; print the READMEs' tables.

    python -m tests.experiments.results
    python -m tests.experiments.results --only scripts --figure .github/curves.png
    python -m tests.experiments.results --only lag

Every row is a command. This runs it with --seed 1, 2, 3, ... and reads what it prints. It
prints each table as soon as its runs are done.
"""

import argparse
import os
import re
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd

from tests.experiments.pictures import draw_curves
from tests.experiments.reporting import (
    end_quietly,
    heading,
    picture_file,
    positive_int,
    print_table,
)
from tests.scripts import SCRIPTS

ROOT = Path(__file__).parents[2]
FILES = [f"{name}.py" for name in SCRIPTS]

# A table for each question. Its rows are scripts, or options of extensions.py.
TABLES = {
    "scripts": [*FILES, "--lag 1"],
    "part3": [
        "--context 1 --batch-size 1",
        "--context 1 --batch-size 1 --epochs 20000",
        "--through-time",
        "--through-time --epochs 4000",
        "--through-time --layer cut-gradients --epochs 20000",
        "--layer cut-gradients --epochs 20000",
        "--layer cut-gradients --lag 0",
    ],
    "start": [
        "--stateless",
        "--stateless --lead 5",
        "--stateless --lead 0,1",
        "--stateless --lead 0,1,2,3,4,5",
        "--stateless --lead 0,15",
        "--stateless --lead 0,5,10,15",
        "--batch-size 10",
        "--batch-size 10 --learning-rate 0.005",
        "--batch-size 20",
        "--missing mark",
        "--missing mark --stateless",
        "--missing mask",
        "--missing mask --stateless --epochs 6000",
        "--context 25 --missing mask",
        "--forget-bias -1 --stateless",
    ],
    "windows, layers": [
        "--stateless --context 15 --length 35",
        "--stateless --context 20 --length 40",
        "--stateless --context 25 --length 45",
        "--stateless --context 50 --length 70",
        "--layer gru",
        "--layer gru --stateless",
        "--layer simple-rnn",
        "--layer simple-rnn --stateless",
    ],
    "lags": [
        *(f"--lag {lag}" for lag in (2, 3, 4, 5)),
        "--lag 2 --epochs 20000",
        "--lag 4 --stateless",
        *(f"--lag {lag} --learning-rate 0.005 --epochs 6000" for lag in (2, 3)),
    ],
    "size, rate": [
        "--units 10 --learning-rate 0.01 --epochs 5000",
        "--learning-rate 0.002",
        "--learning-rate 0.005",
        "--units 100",
        "--units 100 --learning-rate 0.0005",
    ],
    "sequence": [
        "--echo-sequence",
        "--echo-sequence --stateless",
        "--echo-sequence --batch-size 10",
    ],
    "mlp": [
        "--layer mlp",
        "--layer mlp --lag 4",
        "--layer mlp --lag 5",
        "--layer mlp --context 1",
    ],
    "numbers": [f"--numbers {count}" for count in (60, 500, 5000)],
    "unique": [
        *("--unique 2", "--unique 1000", "--unique 10000"),
        "--unique 1000 --epochs 10000",
        "--embedding",
        "--unique 1000 --embedding --epochs 10000",
        "--unique 10000 --embedding --epochs 20000",
    ],
}

# Tables with a command in each cell.
LAGS, UNITS = (0, 1, 2, 3, 4), (10, 25, 50, 100)
GRIDS = {
    "lag": {
        "": LAGS,
        "zero state": ["--lag 0 --stateless", "--stateless"]
        + [f"--lag {lag} --stateless" for lag in (2, 3, 4)],
        "zero state, 5 values before": ["--lag 0 --stateless --lead 5"]
        + ["--stateless --lead 5"]
        + [f"--lag {lag} --stateless --lead 5" for lag in (2, 3, 4)],
        "zero state, 0 to 5 values before": ["--lag 0 --stateless --lead 0,1,2,3,4,5"]
        + ["--stateless --lead 0,1,2,3,4,5"]
        + [
            f"--lag {lag} --stateless --lead 0,1,2,3,4,5 --epochs 20000"
            for lag in (2, 3, 4)
        ],
        "carried state": ["--lag 0", "--lag 1"]
        + [f"--lag {lag} --epochs 20000" for lag in (2, 3, 4)],
        "carried state, forget bias -1": ["--lag 0 --forget-bias -1"]
        + ["--forget-bias -1"]
        + [f"--lag {lag} --forget-bias -1 --epochs 20000" for lag in (2, 3, 4)],
    },
    "units": {
        "": UNITS,
        **{
            f"lag {lag}, zero state": [
                f"--lag {lag} --stateless --units 10 --epochs 20000",
                f"--lag {lag} --stateless --units 25",
                "--stateless" if lag == 1 else f"--lag {lag} --stateless",
                f"--lag {lag} --stateless --units 100",
            ]
            for lag in LAGS
        },
        "lag 1, carried state": [
            "--units 10 --epochs 20000",
            "--units 25 --epochs 20000",
            "--lag 1",
            "--units 100",
        ],
        "lag 2, carried state": [
            "--lag 2 --units 10 --epochs 20000",
            "--lag 2 --units 25 --epochs 20000",
            "--lag 2 --epochs 20000",
            "--lag 2 --units 100 --epochs 20000",
        ],
    },
}

# How many seeds the rows of a table have, unless --seeds is given.
SEEDS = {table: 20 if table == "scripts" else 5 for table in [*TABLES, *GRIDS]}

# Rows that also get a table by batch, time step or number, with the first 10 of each. It
# stands after the table that has its rows.
PARTS = {"by batch": ["--lag 4"]}


def rows_of(table):
    """Return the rows, each a command, whose runs a table needs."""
    if table in TABLES:
        return TABLES[table]
    _, *lines = GRIDS[table].values()
    return [row for line in lines for row in line]


def run(row, seed, processes):
    """Run a row's command in a process of its own; return what `read` finds in its output.

    processes: a set; the process is in it while it runs.
    Raises: RuntimeError if the process fails or is killed.
    """
    command = [row] if row in FILES else ["-m", "tests.experiments.extensions"]
    command += [*([] if row in FILES else row.split()), "--seed", str(seed)]
    process = subprocess.Popen(
        [sys.executable, *command],
        cwd=ROOT,
        # Two run at a time, each on its own core.
        env={**os.environ, "TF_NUM_INTRAOP_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    processes.add(process)
    output, errors = process.communicate()
    processes.remove(process)
    if process.returncode:
        reason = f"was ended by signal {-process.returncode}"
        if process.returncode > 0:
            *_, reason = errors.splitlines() or [f"status {process.returncode}"]
        raise RuntimeError(f"{' '.join(command)}: {reason}")
    return read(output)


def read(output):
    """Return the accuracies in a run's output.

    Returns: dict from a name, such as "by batch", to an array of the numbers after it, and
        from "curve" to a Series of the accuracy in each epoch.
    """
    lines = re.findall(r"^Accuracy (.+): (.+)$", output, re.MULTILINE)
    result = {
        name: np.array(
            [np.nan if value == "-" else float(value) for value in values.split()]
        )
        for name, values in lines
    }
    epochs = re.findall(r"^Epoch .* accuracy: (\S+)$", output, re.MULTILINE)
    return {**result, "curve": pd.Series(epochs, dtype=float)}


def epochs_to_95(curve):
    """Return the epoch by which the accuracy has reached 95 % to stay; infinity if never.

    That is the first epoch at which the mean of 20 epochs has reached 95 %, and stays there
    for the next 100 epochs.
    """
    reached = curve.rolling(20).mean() >= 0.95
    stays = reached.astype(int).rolling(101).sum() == 101
    return stays.idxmax() + 1 - 100 if stays.any() else np.inf


def percent(value):
    return "" if np.isnan(value) else f"{100 * value:.1f} %"


def median_and_range(values):
    """Return two cells of a table: the median, and the lowest to the highest."""
    return percent(
        np.median(values)
    ), f"{percent(min(values))} to {percent(max(values))}"


def reached(results):
    """Return a cell of a table: the median of the epochs to 95 %, or how many got there."""
    epochs = np.array([epochs_to_95(result["curve"]) for result in results])
    learned = np.isfinite(epochs).sum()
    if np.isfinite(np.median(epochs)):
        return f"{np.median(epochs):.0f}"
    return f"{learned} of {len(epochs)} seeds" if learned else "not reached"


def one_at_a_time(results):
    """Return a cell of a table: the median of the accuracy fed one number at a time."""
    return percent(np.median([r["fed one number at a time"][0] for r in results]))


def cells(results):
    """Return a row's cells: its two accuracies, each with a range, and epochs to 95 %."""
    windows = median_and_range([r["over 100 new sequences"][0] for r in results])
    fed = ("", "")
    if "fed one number at a time" in results[0]:
        fed = median_and_range([r["fed one number at a time"][0] for r in results])
    return [*windows, *fed, reached(results)]


def print_tables(table, runs):
    """Print a table, and those by batch, time step or number whose last row it brings.

    runs: dict from a row to its seeds' results, of this table and of those before it.
    """
    if table in GRIDS:
        columns, *lines = GRIDS[table].items()
        # For the sizes, the report shows the epochs only.
        titles = {"epochs to 95 %": reached}
        if table == "lag":
            titles["one at a time"] = one_at_a_time
        for title, cell in titles.items():
            filled = [
                [name, *(cell(runs[row]) for row in line)] for name, line in lines
            ]
            print_table([f"{table}: {title}", *columns[1]], filled)
        return
    print_table(
        [table, "accuracy", "range", "one at a time", "range", "epochs to 95 %"],
        [[f"`{row}`", *cells(runs[row])] for row in TABLES[table]],
    )
    for part, rows in PARTS.items():
        if runs.keys() >= set(rows) and set(rows) & set(TABLES[table]):
            medians = [np.median([r[part] for r in runs[row]], axis=0) for row in rows]
            most = min(10, max(map(len, medians)))
            filled = [
                [*map(percent, median[:most]), *[""] * (most - len(median))]
                for median in medians
            ]
            lines = [[f"`{row}`", *line] for row, line in zip(rows, filled)]
            print_table([part, *range(1, most + 1)], lines)


def main(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--seeds",
        type=positive_int,
        metavar="N",
        help="run every row with the seeds 1 to N (default: 20 for scripts, otherwise 5)",
    )
    parser.add_argument("--only", choices=SEEDS, help="run the rows of one table only")
    parser.add_argument(
        "--figure",
        type=picture_file,
        metavar="FILE",
        help="with --only scripts, draw the learning curves into FILE",
    )
    args = parser.parse_args(argv)
    if args.figure and args.only != "scripts":
        parser.error("--figure goes with --only scripts")

    # So that the `finally` below ends the processes on SIGTERM, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    print(f"{heading()}\n", flush=True)
    runs, processes = {}, set()
    with ThreadPoolExecutor(2) as threads:
        try:
            for table in [args.only] if args.only else SEEDS:
                rows = [row for row in rows_of(table) if row not in runs]
                seeds = range(1, (args.seeds or SEEDS[table]) + 1)
                futures = {
                    row: [threads.submit(run, row, seed, processes) for seed in seeds]
                    for row in rows
                }
                for row in rows:
                    runs[row] = [future.result() for future in futures[row]]
                    print(f"done: {row}", file=sys.stderr)
                print_tables(table, runs)
                sys.stdout.flush()
        except (KeyboardInterrupt, RuntimeError) as error:
            sys.exit(str(error) or "stopped")
        finally:
            threads.shutdown(wait=False, cancel_futures=True)
            for process in list(processes):
                process.terminate()
    if args.figure:
        curves = {row: [result["curve"] for result in runs[row]] for row in FILES}
        draw_curves(curves, args.figure, format=args.figure.suffix[1:])


if __name__ == "__main__":
    end_quietly(main)
