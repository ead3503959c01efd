"""Run the commands in the tables of README.md, and fill these tables in.

    python -m tests.experiments.results

To add an experiment, write its command into the first cell of a table's row: a script,
real_values.py and its options, or options of extensions.py alone. It runs with --seed 1, 2,
3, ... A run ends as a line of results.csv, so what was stopped goes on where it was. To
measure again, delete lines there.

To try an experiment first, run its command by hand, with the seeds that you like:

    python -m tests.experiments.extensions --lag 2 --seed 1

Once its command stands in a table, the tests fail until this program has come to its end.
"""

import argparse
import os
import platform
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import cache
from importlib.metadata import packages_distributions, version
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).parents[2]
FILE = Path(__file__).with_name("results.csv")
REPORT = Path(__file__).with_name("README.md")
NUMBERS = (2, 3, 4, 5, 6, 7, 10, 12, 15, 20, 25)  # the columns of the table "by number"
ERROR_NUMBERS = (4, 5, 6, 10, 20, 50)  # the same of the table "lengths"


def lags(options, *epochs):
    """Return the commands for lags 1, 2, ..., with these epochs."""
    commands = [options or "--lag 1"]
    commands += [f"--lag {lag} {options}".strip() for lag in range(2, 1 + len(epochs))]
    return [c if n == 2000 else f"{c} --epochs {n}" for c, n in zip(commands, epochs)]


def pair(options, other):
    """Return the commands without another option and with it."""
    return [options, f"{options} {other}"]


def remedies(command, *options):
    """Return a command with each of these options; None stays: an empty cell."""
    return [None if o is None else f"{command} {o}".strip() for o in options]


# Tables with a command in each cell: their columns, and the commands of each row.
PART_3 = "--context 1 --batch-size 1"
BIAS, GRU, SIMPLE = "--forget-bias -1", "--layer gru", "--layer simple-rnn"
NEVER, FAST = "--never-reset", "--learning-rate 0.005"
LIST, LONG_LIST = "--list 20000 --epochs 14", "--list 20000 --epochs 28"
TEN, TWENTY = "--context 10 --length 30", "--context 20 --length 50"
LAGS = ["lag 1", "lag 2", "lag 3", "lag 4"]
EACH = "--echo-sequence"
BACK_3, BACK_10 = "real_values.py --lag 3", "real_values.py --lag 10"
MEAN_3, MEAN_10 = f"{BACK_3} --mean", f"{BACK_10} --mean"
COLUMNS = {
    "usual": ["as it is", "several lengths", "an answer each step"],
    "real values": ["as it is", "several lengths", "burn-in", "an answer each step"],
    "trained": ["all weights are trained", "only the dense layer is trained"],
    "never reset": ["reset", "never reset"],
    "layers": LAGS,
}


def real_values(command, steps, shortest, burn_in=None):
    """Return the commands of a row of "real values": each network reads so many steps."""
    with_burn_in = f"{command} --steps {steps - (burn_in or 0)} --burn-in {burn_in}"
    command = f"{command} --steps {steps}"
    lengths, each_step = f"{command} --shortest {shortest}", f"{command} --each-step"
    return [command, lengths, with_burn_in if burn_in else None, each_step]


GRIDS = {
    "usual": {
        "LSTM(50), windows of 2, lag 1": remedies(
            f"{LIST} --context 2", "", None, EACH
        ),
        "LSTM(50), windows of 5, lag 1": remedies(LIST, "", "--shortest 2", EACH),
        "LSTM(50), windows of 10, lag 1": remedies(
            f"{LIST} {TEN}", "", "--shortest 2", EACH
        ),
        "LSTM(50), windows of 20, lag 1": remedies(f"{LIST} {TWENTY}", "", None, EACH),
        "LSTM(50), windows of 30, lag 1": [f"{LIST} --context 30 --length 60"],
        "LSTM(50), windows of 5, lag 1, 10 values": remedies(
            f"{LIST} --unique 10", "", None, EACH
        ),
        "LSTM(50), windows of 5, lag 1, 3 values": [f"{LIST} --unique 3"],
        "LSTM(50), windows of 5, lag 3": [f"{LIST} --lag 3"],
        "LSTM(50), windows of 10, lag 3, 28 epochs": remedies(
            f"{LONG_LIST} {TEN} --lag 3", None, "--shortest 4"
        ),
        "LSTM(50), windows of 20, lag 3, 112 epochs": remedies(
            f"--list 20000 --epochs 112 {TWENTY} --lag 3", None, None, EACH
        ),
        "two layers LSTM(50), windows of 10, lag 1": remedies(
            f"{LIST} --layers 2 {TEN}", "", "--shortest 2", EACH
        ),
        "RNN of two LSTMCell(50), windows of 5, lag 1": remedies(
            f"{LIST} --layer two-lstms", "", None, EACH
        ),
        "GRU(50), windows of 5, lag 3, 28 epochs": remedies(
            f"{LONG_LIST} {GRU} --lag 3", "", None, EACH
        ),
        "GRU(50), windows of 10, lag 3, 28 epochs": remedies(
            f"{LONG_LIST} {GRU} {TEN} --lag 3", None, "--shortest 4", EACH
        ),
        "GRU(50), windows of 20, lag 3, 28 epochs": remedies(
            f"{LONG_LIST} {GRU} {TWENTY} --lag 3", None, "--shortest 4", EACH
        ),
        "GRU(50), windows of 10, lag 2": remedies(
            f"{LIST} {GRU} {TEN} --lag 2", "", None, EACH
        ),
        "GRU(50), windows of 20, lag 1": [f"{LIST} {GRU} {TWENTY}"],
        "SimpleRNN(50), windows of 20, lag 1": [f"{LIST} {SIMPLE} {TWENTY}"],
    },
    "real values": {
        "value 3 steps back, LSTM, 10 steps": real_values(BACK_3, 10, 4, 5),
        "value 3 steps back, LSTM, 20 steps": real_values(BACK_3, 20, 4, 10),
        "value 10 steps back, LSTM, 20 steps": real_values(BACK_10, 20, 11, 9),
        "value 10 steps back, LSTM, 40 steps": real_values(BACK_10, 40, 11, 20),
        "mean of 4 values, LSTM, 10 steps": real_values(MEAN_3, 10, 4, 5),
        "mean of 4 values, LSTM, 20 steps": real_values(MEAN_3, 20, 4, 10),
        "mean of 11 values, LSTM, 20 steps": real_values(MEAN_10, 20, 11, 9),
        "mean of 11 values, LSTM, 40 steps": real_values(MEAN_10, 40, 11, 20),
        "value 3 steps back, GRU, 10 steps": real_values(f"{BACK_3} {GRU}", 10, 4),
        "value 3 steps back, GRU, 20 steps": real_values(f"{BACK_3} {GRU}", 20, 4),
        "mean of 4 values, GRU, 10 steps": real_values(f"{MEAN_3} {GRU}", 10, 4),
        "mean of 4 values, GRU, 20 steps": real_values(f"{MEAN_3} {GRU}", 20, 4),
        "value 3 steps back, SimpleRNN, 10 steps": real_values(
            f"{BACK_3} {SIMPLE}", 10, 4
        ),
        "value 3 steps back, SimpleRNN, 20 steps": real_values(
            f"{BACK_3} {SIMPLE}", 20, 4
        ),
        "mean of 4 values, SimpleRNN, 10 steps": real_values(
            f"{MEAN_3} {SIMPLE}", 10, 4
        ),
        "mean of 4 values, SimpleRNN, 20 steps": real_values(
            f"{MEAN_3} {SIMPLE}", 20, 4
        ),
    },
    "trained": {
        "LSTM(50)": pair(PART_3, "--train dense"),
        "GRU(50)": pair(f"{PART_3} {GRU}", "--train dense"),
        "SimpleRNN(100)": pair(f"{PART_3} {SIMPLE} --units 100", "--train dense"),
        "SimpleRNN(400)": pair(f"{PART_3} {SIMPLE} --units 400", "--train dense"),
    },
    "never reset": {
        "two batches of 10, rate 0.005": pair(f"--batch-size 10 {FAST}", NEVER),
        "the same at lag 2": pair(f"--batch-size 10 {FAST} --lag 2", NEVER),
        "windows of 10": pair(TEN, NEVER),
    },
    "layers": {
        "LSTM(50)": lags("", 2000, 20000, 20000, 20000),
        "LSTM(50), forget bias -1": lags(BIAS, 2000, 6000, 20000, 20000),
        "GRU(100)": lags(f"{GRU} --units 100", 2000, 2000, 6000, 20000),
        "SimpleRNN(50)": lags(SIMPLE, 2000, 2000, 6000, 20000),
        "SimpleRNN(100)": lags(f"{SIMPLE} --units 100", 2000, 2000, 2000, 6000),
    },
}

# The command of README's sample output, with --seed 1.
SAMPLE = "echo_lag.py 8 3 14 15 92 65 35 89 79"

# How many seeds the runs of a table have, if not 5.
SEEDS = {"scripts": 20, "real values": 3, "layers": 3}


def tables_of(report):
    """Return the names of the tables, which stand in their headings."""
    return re.findall(r"^\| `(.+?)`: ", report, re.MULTILINE)


def commands_of(table, report):
    """Return the commands of a table."""
    if table in GRIDS:
        commands = [command for row in GRIDS[table].values() for command in row]
        return [command for command in commands if command]
    lines = re.search(rf"^\| `{table}`: .*\n((\|.*\n)+)", report, re.MULTILINE)[1]
    return re.findall(r"^\| `(.+?)` \|", lines, re.MULTILINE)


def jobs_of(report):
    """Return the runs of all tables, each a command and its seed."""
    jobs = {}  # A dict keeps the order, and has a run of two tables once.
    for table in tables_of(report):
        for command in commands_of(table, report):
            for seed in range(1, 1 + SEEDS.get(table, 5)):
                jobs[command, seed] = None
    return [*jobs, (SAMPLE, 1)]


def run(arguments, folder=ROOT):
    """Run Python with these arguments, on one core; return what it prints."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TF_NUM_INTRAOP_THREADS": "1"}
    options = {"cwd": folder, "env": environment, "capture_output": True, "text": True}
    done = subprocess.run([sys.executable, *arguments], check=False, **options)
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments)}: {done.stderr}")
    return done.stdout


def measure(command, seed):
    """Run a command of a table; return its line of results.csv, a dict."""
    arguments = [*command.split(), "--seed", str(seed)]
    if arguments[0] == "real_values.py":
        arguments = ["-m", "tests.experiments.real_values", *arguments[1:]]
    elif arguments[0].startswith("--"):
        arguments = ["-m", "tests.experiments.extensions", *arguments]
    output = run(arguments)
    late = late_share(output)
    measured = {**read(output), "versions": versions(), "late": late}
    return {"command": command, "seed": seed, **measured}


@cache
def versions():
    """Return the versions of Python and of the packages that matter, as one line."""
    # One may be keras-nightly, for keras. On Python 3.10, some are not found.
    distributions = packages_distributions()
    found = [f"python {platform.python_version()}"]
    for package in ("tensorflow", "keras", "numpy", "pandas"):
        name = distributions.get(package, [package])[0]
        found.append(f"{package} {version(name)}")
    return " ".join(found)


def read(output):
    """Return what a run printed: its accuracies, or errors, and the epochs to 95 %."""
    shares = dict(re.findall(r"^(?:Accuracy|Error) (.+): (.+)$", output, re.MULTILINE))
    epochs = re.findall(r"^Epoch .* accuracy: (\S+)$", output, re.MULTILINE)
    return {
        "accuracy": shares["over 100 new sequences"],
        "one_at_a_time": shares.get("fed one value at a time"),
        "epochs_to_95": epochs_to_95(pd.Series(epochs, dtype=float)),
        "by_number": shares.get("by number"),
    }


def late_share(output):
    """Return the accuracy at numbers 900 to 1,000 that a run printed; None if it did not."""
    found = re.findall(r"^Accuracy at numbers 900 to 1000: (.+)$", output, re.MULTILINE)
    return found[0] if found else None


def epochs_to_95(curve):
    """Return the epoch by which the accuracy has reached 95 % to stay; infinity if never.

    That is the first epoch at which the mean of 20 epochs has reached 95 %, and stays there
    for the next 100 epochs.
    """
    reached = curve.rolling(20).mean().round(6) >= 0.95  # 0.9499999 is 95 %, too.
    stays = reached.astype(int).rolling(101).sum() == 101
    return stays.idxmax() + 1 - 100 if stays.any() else np.inf


def read_runs():
    """Return the runs of results.csv. Raises: ValueError if a line is not complete."""
    if not FILE.exists():
        return pd.DataFrame(columns=["command", "seed"])
    try:
        runs = pd.read_csv(FILE)
    except pd.errors.ParserError as error:
        raise ValueError(f"{FILE}: {error}") from None
    if runs.versions.isna().any() or not FILE.read_text("utf-8").endswith("\n"):
        raise ValueError(f"{FILE} has a line that is not complete: delete it")
    return runs


def run_what_lacks(jobs):
    """Run those of these commands and seeds that results.csv lacks, two at a time."""
    done = set(read_runs()[["command", "seed"]].itertuples(index=False))
    pool = ThreadPoolExecutor(2)
    try:
        futures = [pool.submit(measure, *job) for job in jobs if job not in done]
        for number, future in enumerate(as_completed(futures), start=1):
            measured = pd.DataFrame([future.result()])
            measured.to_csv(FILE, mode="a", header=not FILE.exists(), index=False)
            print(f"{number} of {len(futures)}:", *measured.iloc[0, :5], flush=True)
    finally:
        pool.shutdown(cancel_futures=True)


def percent(share):
    """Return a share as a text, such as "99.8 %"."""
    return f"{100 * share:.1f} %"


def range_of(shares):
    """Return the lowest to the highest share, such as "99.5 to 99.8 %"."""
    lowest, highest = percent(min(shares)), percent(max(shares))
    if lowest == highest:
        return highest
    return f"{lowest.removesuffix(' %')} to {highest}"


def median_of(shares):
    """Return the median and the range of shares; nothing if they do not exist."""
    if np.isnan(shares).any():
        return ""
    return f"{percent(np.median(shares))} ({range_of(shares)})"


def reached(epochs):
    """Return the median of the epochs to 95 %, or how many seeds got there."""
    learned = np.isfinite(epochs).sum()
    if learned > len(epochs) / 2:
        return f"{np.median(epochs):.0f}"
    return f"{learned} of {len(epochs)} seeds" if learned else "not reached"


def cells_of_row(runs):
    """Return the cells of a command: its accuracies, and the epochs that it took."""
    shares = [median_of(runs.accuracy), median_of(runs.one_at_a_time)]
    return [*shares, reached(runs.epochs_to_95)]


def cell_of_grid(command, runs):
    """Return the cell of a command: how well it has learned, and one value at a time."""
    if command.startswith("real_values.py"):
        late = f"{error(runs.one_at_a_time.min())} to {error(runs.one_at_a_time.max())}"
        return f"{error(runs.accuracy.median())}: {late}"
    shares = range_of(runs.one_at_a_time)
    if "--list" in command:
        return f"{percent(runs.accuracy.median())}: {shares}"
    epochs = (re.findall(r"--epochs (\d+)", command) or ["2000"])[0]
    learned = reached(runs.epochs_to_95)
    joint = "of" if learned.isdigit() else "in"
    return f"{learned} {joint} {epochs}: {shares}"


def medians_by_number(runs):
    """Return the medians of the answers after 1, 2, ... values; NaN if none can be right."""
    answers = runs.by_number.str.split(expand=True)
    return answers.apply(pd.to_numeric, errors="coerce").median()


def cells_by_number(runs):
    """Return how many answers are right after each of NUMBERS values; "-" if none can be."""
    medians = medians_by_number(runs)
    return [f"{100 * medians[n - 1]:.0f} %".replace("nan %", "-") for n in NUMBERS]


def error(value):
    """Return an error as a text, a small one with more digits; "-" if there is none."""
    if np.isnan(value):
        return "-"
    return f"{value:.2f}" if value >= 0.1 else f"{value:.5f}"


def cells_of_errors(runs):
    """Return the cells of a command of real_values.py."""
    medians = medians_by_number(runs)
    cells = [
        f"{error(errors.median())} ({error(errors.min())} to {error(errors.max())})"
        for errors in (runs.accuracy, runs.one_at_a_time)
    ]
    return [*cells, *(error(medians[n - 1]) for n in ERROR_NUMBERS)]


def lines_of(table, report):
    """Return the lines of a Markdown table, made of results.csv."""
    runs = dict(list(read_runs().groupby("command")))
    lines = []
    if table in GRIDS:
        heading = COLUMNS[table]
        for name, commands in GRIDS[table].items():
            cells = [cell_of_grid(c, runs[c]) if c else "" for c in commands]
            missing = [""] * (len(heading) - len(cells))
            lines.append([name, *cells, *missing])
    elif table == "by number":
        heading = [str(number) for number in NUMBERS]
        for command in commands_of(table, report):
            lines.append([f"`{command}`", *cells_by_number(runs[command])])
    elif table == "late":
        heading = ["numbers 2 to 25 (range)", "numbers 900 to 1,000 (range)"]
        for command in commands_of(table, report):
            measured = runs[command].one_at_a_time, runs[command].late
            lines.append([f"`{command}`", *map(median_of, measured)])
    elif table == "lengths":
        heading = ["new windows (range)", "late (range)", *map(str, ERROR_NUMBERS)]
        for command in commands_of(table, report):
            lines.append([f"`{command}`", *cells_of_errors(runs[command])])
    else:
        heading = ["accuracy (range)", "one at a time (range)", "epochs to 95 %"]
        for command in commands_of(table, report):
            lines.append([f"`{command}`", *cells_of_row(runs[command])])
    first = f"`{table}`: {'network' if table in GRIDS else 'command'}"
    lines = [[first, *heading], ["---"] * (1 + len(heading)), *lines]
    return [f"| {' | '.join(line)} |" for line in lines]


def filled(report):
    """Return the report with its tables and the versions made anew."""
    for table in tables_of(report):
        old = rf"^\| `{table}`: .*\n(\|.*\n)*"
        new = "\n".join([*lines_of(table, report), ""])
        report = re.sub(old, new, report, flags=re.MULTILINE)
    found = "; ".join(sorted(set(read_runs().versions)))
    return re.sub(r"(?<=^Versions: ).*", found, report, flags=re.MULTILINE)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.parse_args()
    try:
        read_runs()
    except ValueError as error:
        parser.error(str(error))
    report = REPORT.read_text("utf-8")
    run_what_lacks(jobs_of(report))
    REPORT.write_text(filled(report), "utf-8")


if __name__ == "__main__":
    main()
