"""Run the scripts and the extensions for several seeds; print the READMEs' tables.

    python tests/results.py
    python tests/results.py --only scripts --figure .github/curves.png
    python tests/results.py --only lags --figure .github/lags.png

Every row is a command. This runs it with --seed 1, 2, 3, ... and reads what it prints.
Stopped with Ctrl-C, or by a run that fails, it prints the tables of the runs so far.
"""

import argparse
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
from pictures import draw_curves, draw_lags
from reporting import end_quietly, heading, picture_file, positive_int, print_table

ROOT = Path(__file__).parent.parent
SCRIPTS = ["echo_current.py", "echo_lag_no_context.py", "echo_lag.py"]

# The lines of the picture of the lags: a row for each lag from 0 to 4.
LAGS = {
    "a zero state": [f"--lag {lag} --stateless" for lag in range(5)],
    "a zero state and 5 other values": [
        f"--lag {lag} --stateless --lead 5" for lag in range(5)
    ],
    "a zero state and 0 to 5 other values": [
        *(f"--lag {lag} --stateless --lead 0-5" for lag in (0, 1)),
        *(f"--lag {lag} --stateless --lead 0-5 --epochs 20000" for lag in (2, 3, 4)),
    ],
    "the carried state": [
        *(f"--lag {lag}" for lag in (0, 1)),
        *(f"--lag {lag} --epochs 20000" for lag in (2, 3, 4)),
    ],
}

# A table for each question. Its rows are scripts, or options of tests/extensions.py.
TABLES = {
    "scripts": [*SCRIPTS, "--lag 1"],
    "lags": [
        *(row for line in LAGS.values() for row in line if row != "--lag 1"),
        *(f"--lag {lag} --stateless --lead 0-5" for lag in (2, 3, 4)),
        *(f"--lag {lag}" for lag in (2, 3, 4, 5)),
        *(f"--lag {lag} --learning-rate 0.005 --epochs 6000" for lag in (2, 3)),
    ],
    "start": [
        "--stateless --lead 0-1",
        "--batch-size 20",
        "--missing mark",
        "--missing mark --stateless",
        "--missing mask",
        "--missing mask --stateless",
        "--missing mask --stateless --epochs 6000",
        "--context 25 --missing mask",
        "--context 25 --missing mask --stateless",
    ],
    "sequence": [
        "--echo-sequence",
        "--echo-sequence --stateless",
        "--echo-sequence --batch-size 10",
    ],
    "part3": [
        "--context 1 --batch-size 1",
        "--context 1 --batch-size 1 --epochs 20000",
        "--context 1 --batch-size 1 --units 200",
        "--context 1 --batch-size 1 --units 200 --layer echo-state",
        "--through-time",
        "--through-time --epochs 4000",
        "--through-time --layer cut-gradients --epochs 20000",
        "--layer cut-gradients --epochs 20000",
        "--layer cut-gradients --lag 0",
    ],
    "mlp": [
        "--layer mlp",
        "--layer mlp --lag 4",
        "--layer mlp --lag 5",
        "--layer mlp --context 1",
        "--through-time --lag 2 --epochs 10000",
        "--through-time --lag 5 --epochs 10000",
    ],
    "numbers": [f"--numbers {count}" for count in (60, 500, 1000, 5000)],
    "unique": [
        *("--unique 2", "--unique 10", "--unique 1000", "--unique 10000"),
        "--unique 1000 --epochs 10000",
        "--unique 1000 --shown 100 --epochs 4000",
    ],
    "embedding": [
        *("--unique 2 --embedding", "--unique 10 --embedding", "--embedding"),
        *("--unique 1000 --embedding", "--unique 10000 --embedding"),
        "--unique 1000 --embedding --epochs 10000",
        "--unique 10000 --embedding --epochs 20000",
        "--unique 1000 --shown 100 --embedding --epochs 4000",
        "--unique 10000 --shown 100 --embedding --epochs 4000",
    ],
    "units": [
        *(f"--lag {lag} --stateless --units 10 --epochs 20000" for lag in range(5)),
        *(f"--lag {lag} --stateless --units 25" for lag in range(5)),
        *(f"--lag {lag} --stateless --units 100" for lag in range(5)),
    ],
}

# How many seeds the rows of a table have, unless --seeds is given.
SEEDS = {table: 20 if table == "scripts" else 5 for table in TABLES}

# Rows that also get a table by batch, time step or number, with the first 10 of each.
PARTS = {
    "by batch": ["--context 1 --batch-size 1", "--lag 4"],
    "by time step": TABLES["sequence"],
    "by number": [
        "--lag 1",
        "--lag 1 --stateless",
        "--lag 1 --stateless --lead 5",
        "--lag 3 --learning-rate 0.005 --epochs 6000",
    ],
}


def run(row, seed):
    """Run a row's command in a process of its own; return what `read` finds in its output.

    Raises: RuntimeError if the process fails or is killed.
    """
    command = [row] if row in SCRIPTS else ["tests/extensions.py", *row.split()]
    command += ["--seed", str(seed)]
    process = subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        # Two run at a time, each on its own core.
        env={**os.environ, "TF_NUM_INTRAOP_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if process.returncode:
        *_, last = process.stderr.splitlines() or [""]
        raise RuntimeError(
            f"{' '.join(command)} ended with status {process.returncode}: {last}"
        )
    return read(process.stdout)


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


def cells(results):
    """Return a row's cells: its two accuracies, each with a range, and epochs to 95 %."""
    windows = median_and_range([r["over 100 new sequences"][0] for r in results])
    one_at_a_time = ("", "")
    if "fed one number at a time" in results[0]:
        one_at_a_time = median_and_range(
            [r["fed one number at a time"][0] for r in results]
        )
    epochs = np.array([epochs_to_95(r["curve"]) for r in results])
    median = np.median(epochs)
    learned = np.isfinite(epochs).sum()
    if results[0]["curve"].empty:
        reached = ""
    elif np.isfinite(median):
        reached = f"{median:.0f}"
    else:
        reached = f"{learned} of {len(epochs)} seeds" if learned else "not reached"
    return [*windows, *one_at_a_time, reached]


def print_report(runs, tables):
    """Print the tables of all runs so far: a dict from a row to its seeds' results."""
    print(f"{heading()}\n")
    for name in tables:
        rows = [row for row in TABLES[name] if row in runs]
        if rows:
            print_table(
                [name, "accuracy", "range", "one at a time", "range", "epochs to 95 %"],
                [[f"`{row}`", *cells(runs[row])] for row in rows],
            )
    for part, rows in PARTS.items():
        medians = {
            row: np.median([result[part] for result in runs[row]], axis=0)[:10]
            for row in rows
            if row in runs
        }
        if medians:
            most = max(map(len, medians.values()))
            print_table(
                [part, *range(1, most + 1)],
                [
                    [f"`{row}`", *map(percent, median), *[""] * (most - len(median))]
                    for row, median in medians.items()
                ],
            )


def draw(table, runs, file):
    """Draw the scripts' learning curves, or the epochs that each lag needs."""
    if table == "scripts":
        curves = {row: [result["curve"] for result in runs[row]] for row in SCRIPTS}
        draw_curves(curves, file, format=file.suffix[1:])
    else:
        results = {name: [runs[row] for row in line] for name, line in LAGS.items()}
        epochs = {
            name: pd.DataFrame(
                [[epochs_to_95(run["curve"]) for run in seeds] for seeds in line]
            )
            for name, line in results.items()
        }
        limits = {
            name: [len(seeds[0]["curve"]) for seeds in line]
            for name, line in results.items()
        }
        draw_lags(epochs, limits, file, format=file.suffix[1:])


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
    parser.add_argument("--only", choices=TABLES, help="run the rows of one table only")
    parser.add_argument(
        "--figure",
        type=picture_file,
        metavar="FILE",
        help="draw a picture into FILE: the learning curves with --only scripts, or the "
        "epochs that each lag needs with --only lags",
    )
    args = parser.parse_args(argv)
    if args.figure and args.only not in ("scripts", "lags"):
        parser.error("--figure goes with --only scripts or --only lags")

    # Seed by seed, so that a report after Ctrl-C has something of each row.
    tables = [args.only] if args.only else list(TABLES)
    seeds = {
        row: args.seeds or SEEDS[table] for table in tables for row in TABLES[table]
    }
    if args.figure and args.only == "lags":
        seeds["--lag 1"] = args.seeds or SEEDS["lags"]
    most = max(seeds.values())
    jobs = [
        (row, seed)
        for seed in range(1, most + 1)
        for row in seeds
        if seed <= seeds[row]
    ]
    runs = {}
    stopped = None
    with ThreadPoolExecutor(2) as threads:
        futures = [threads.submit(run, *job) for job in jobs]
        try:
            for (row, seed), future in zip(jobs, futures):
                result = future.result()
                runs.setdefault(row, []).append(result)
                print(f"done: {row}, seed {seed}", file=sys.stderr)
        except (KeyboardInterrupt, RuntimeError) as error:
            stopped = str(error) or "stopped"
            threads.shutdown(wait=False, cancel_futures=True)
        print_report(runs, tables)
    if stopped:
        sys.exit(stopped)
    if args.figure:
        draw(args.only, runs, args.figure)


if __name__ == "__main__":
    end_quietly(main)
