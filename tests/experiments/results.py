"""Run the experiments of experiments.csv, and fill in the tables of README.md and ANSWERS.md.

    python -m tests.experiments.results

A line of experiments.csv is a command (a script, real_values.py and its options, or options
of extensions.py alone), how many seeds it runs with (3: the seeds 1, 2 and 3), and its place:
a table, with a row and a column if these have names. A line without a table is a run whose
output a page shows. A page needs a line that begins with "| `name`, seeds": this program
makes the table.

Each finished run adds a line to results.csv, so a program that was stopped goes on. To measure
again, delete lines there. To try an experiment first, run its command by hand:

    python -m tests.experiments.extensions --lag 2 --seed 1

Once its command stands in experiments.csv, the tests fail until this program has run to its
end. They also fail if results.csv has a run that is not in the list.
"""

import argparse
import contextlib
import csv
import importlib
import io
import os
import platform
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import numpy as np
import pandas as pd

from tests.scripts import SCRIPTS

ROOT = Path(__file__).parents[2]
FILE = Path(__file__).with_name("results.csv")
PAGES = [FILE.with_name("README.md"), FILE.with_name("ANSWERS.md")]
FIELDS = [  # the columns of results.csv
    "command",
    "seed",
    "on_windows",
    "reading_on",
    "epochs_to_95",
    "by_number",
    "versions",
    "late",
]
NUMBERS = (2, 3, 4, 5, 6, 7, 10, 12, 15, 20, 25)  # the columns of the table "by number"
ERROR_NUMBERS = (4, 5, 6, 10, 20, 50)  # the same of the table "lengths"
LAG_NUMBERS = (4, 5, 6, 10, 15, 20)  # the same of the table "lags 3 and 4"
MADE_OF = {  # tables that are made of the runs of others
    "prices": ["real values", "next value"],
    "first answers": ["next value"],
}
ON_WINDOWS = ["accuracy", "epochs to 95 %"]
ONE_AT_A_TIME = ["one at a time", "after 5 values", "after 10 values"]
EXERCISES = {  # the columns of these tables, as in EXERCISES.md
    "exercise 1": ON_WINDOWS,
    "exercise 2": ["accuracy", *ONE_AT_A_TIME],
    "exercise 3": ["accuracy", *ONE_AT_A_TIME],
    "exercise 4": [*ON_WINDOWS, *ONE_AT_A_TIME],
    "exercise 5": ["accuracy"],
    "exercise 6": ON_WINDOWS,
}


def read_experiments():
    """Return the lines of experiments.csv, in which all is text."""
    text = FILE.with_name("experiments.csv").read_text("utf-8")
    return pd.DataFrame(csv.DictReader(text.splitlines(), restval=""))


EXPERIMENTS = read_experiments()


def check_experiments(on_pages):
    """Raises: ValueError if a line of experiments.csv has no seeds, or no place in a table.

    on_pages: the names of the tables on the pages.
    """
    fields = ["table", "row", "column", "command", "seeds"]
    if [*EXPERIMENTS.columns[:5]] != fields:
        raise ValueError(f"experiments.csv must begin with {','.join(fields)}")
    for line in EXPERIMENTS.itertuples():
        if not str(line.seeds).isdecimal() or int(line.seeds) < 1:
            found = f"experiments.csv: {line.command}: seeds is {line.seeds!r}"
            raise ValueError(f"{found}: an integer of at least 1 is needed")
    listed = {table for table in EXPERIMENTS.table if table}
    unmatched = (on_pages - {*MADE_OF}) ^ listed
    if unmatched:
        needed = "must be in experiments.csv and on a page"
        raise ValueError(f"the table {unmatched.pop()!r} {needed}")
    for table, lines in EXPERIMENTS.groupby("table"):
        if table and lines.seeds.nunique() > 1:
            found = f"{' and '.join(lines.seeds.unique())} seeds"
            needed = "its heading names one number for all"
            raise ValueError(f"experiments.csv: table {table!r} has {found}: {needed}")
        cell = ["row", "column"] if lines.row.any() else ["command"]
        twice = lines[lines.duplicated(cell)]
        if len(twice):
            name = ", ".join(twice[cell].iloc[0])
            raise ValueError(f"experiments.csv: table {table!r} has {name!r} twice")


def check_command(command):
    """Raises: ValueError if a command of experiments.csv cannot be run."""
    # They import Keras, which takes seconds.
    from tests.experiments import extensions, real_values

    program, _, options = command.partition(" ")
    script = program.removesuffix(".py")
    try:
        with contextlib.redirect_stderr(io.StringIO()) as printed:
            if program.startswith("--"):
                extensions.parse(command)
            elif program == "real_values.py":
                real_values.parse(options)
            elif script in SCRIPTS:
                sys.argv = command.split()
                importlib.import_module(script).parse_args()
            else:
                printed.write(f"error: there is no program {program!r}")
                sys.exit()
    except SystemExit:
        _, _, message = printed.getvalue().strip().rpartition("error: ")
        raise ValueError(f"experiments.csv: {command!r}: {message}") from None


def jobs():
    """Return the runs of all experiments, each a command and its seed, and each once."""
    runs = [
        (line.command, seed)
        for line in EXPERIMENTS.itertuples()
        for seed in range(1, 1 + int(line.seeds))
    ]
    return list(dict.fromkeys(runs))


def lacking():
    """Return those of the jobs that results.csv lacks."""
    done = set(read_runs()[["command", "seed"]].itertuples(index=False))
    return [job for job in jobs() if job not in done]


def run(arguments):
    """Run Python with these arguments, on one core; return what it prints."""
    environment = {**os.environ, "TF_NUM_INTRAOP_THREADS": "1"}
    options = {"cwd": ROOT, "env": environment, "capture_output": True, "text": True}
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
    return {"command": command, "seed": seed, **read(output)}


def versions():
    """Return the versions of what matters, and the processor, as one line."""
    found = [f"python {platform.python_version()}"]
    for package in ("tensorflow", "keras", "numpy", "pandas"):
        found.append(f"{package} {importlib.import_module(package).__version__}")
    return " ".join([*found, *processor()])


def processor():
    """Return the vendor, family and model of the processor, where Linux names them."""
    file = Path("/proc/cpuinfo")
    text = file.read_text("utf-8") if file.exists() else ""
    fields = re.findall(r"(?m)^(vendor_id|cpu family|model)\s*: (.*)", text)
    return [f"{name} {value}" for name, value in dict(fields).items()]


def read(output):
    """Return what a run printed: None for what its program does not print."""
    lines = dict(re.findall(r"^((?:Accuracy|Error) .+): (.+)$", output, re.MULTILINE))
    curve = re.findall(r"^Epoch .* accuracy: (\S+)$", output, re.MULTILINE)
    measured = {
        "on_windows": lines.get("Accuracy over 100 new sequences"),
        "reading_on": lines.get("Accuracy fed one value at a time"),
        "epochs_to_95": epochs_to_95(pd.Series(curve, dtype=float)) if curve else None,
        "by_number": lines.get("Accuracy by number"),
        "versions": versions(),
        "late": lines.get("Accuracy at numbers 900 to 1000"),
    }
    if "Error by number" in lines:  # real_values.py
        measured["on_windows"] = lines["Error over 100 new sequences"]
        measured["by_number"] = lines["Error by number"]
        measured["late"] = lines["Error fed one value at a time"]  # the last 25 of 200
    return measured


def epochs_to_95(curve):
    """Return the epoch by which the accuracy has reached 95 % to stay; infinity if never.

    That is the first epoch at which the mean of 20 epochs has reached 95 %, and stays there
    for the next 100 epochs.
    """
    reached = curve.rolling(20).mean().round(6) >= 0.95  # 0.9499999 is 95 %, too.
    stays = reached.astype(int).rolling(101).sum() == 101
    return stays.argmax() + 1 - 100 if stays.any() else np.inf


def read_runs():
    """Return the runs of results.csv. Raises: ValueError if they are not as written here."""
    if not FILE.exists():
        return pd.DataFrame(columns=FIELDS)
    try:
        runs = pd.read_csv(FILE)
    except ValueError as error:  # all that pandas raises
        raise ValueError(f"{FILE}: {str(error).strip()}") from None
    if [*runs] != FIELDS:
        found, needed = ", ".join(runs), ", ".join(FIELDS)
        raise ValueError(f"{FILE} has the columns {found}: {needed} are needed")
    if runs.versions.isna().any() or not FILE.read_text("utf-8").endswith("\n"):
        raise ValueError(f"{FILE} has a line that is not complete: delete it")
    twice = runs[runs.duplicated(["command", "seed"])]
    if len(twice):
        command, seed = twice[["command", "seed"]].iloc[0]
        raise ValueError(f"{FILE} has {command!r}, seed {seed} twice: delete one")
    return runs


def run_all(jobs):
    """Run these commands and seeds, two at a time; add each to results.csv when it ends."""
    pool = ThreadPoolExecutor(2)
    try:
        futures = [pool.submit(measure, *job) for job in jobs]
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
    shares = [median_of(runs.on_windows), median_of(runs.reading_on)]
    return [*shares, reached(runs.epochs_to_95)]


def cell_of_exercise(column, runs):
    """Return the median of a column and, in brackets, seed 1, as in a run by hand."""
    if column == "epochs to 95 %":
        epochs = runs.epochs_to_95
        return f"{reached(epochs)} ({reached(epochs[:1])})"
    if column.startswith("after"):
        shares = by_number(runs)[int(column.split()[1]) - 1]
    else:
        shares = runs.on_windows if column == "accuracy" else runs.reading_on
    return f"{percent(shares.median())} ({percent(shares.iloc[0])})"


def cell_of_grid(command, runs):
    """Return the cell of a command: how well it has learned, and one value at a time."""
    if command.startswith("real_values.py"):
        on_windows = error(runs.on_windows.median())
        if "--next" in command:
            factors = runs.late / runs.on_windows
            return f"{on_windows}: {range_of_factors(factors)} times"
        return f"{on_windows}: {error(runs.late.min())} to {error(runs.late.max())}"
    shares = range_of(runs.reading_on)
    if "--list" in command:
        return f"{percent(runs.on_windows.median())}: {shares}"
    epochs = (re.findall(r"--epochs (\d+)", command) or ["2000"])[0]
    learned = reached(runs.epochs_to_95)
    joint = "of" if learned.isdigit() else "in"
    return f"{learned} {joint} {epochs}: {shares}"


def by_number(runs):
    """Return the shares after 1, 2, ... values, a row for each run; NaN if none can be right."""
    answers = runs.by_number.str.split(expand=True)
    return answers.apply(pd.to_numeric, errors="coerce")


def cells_by_number(runs, numbers=NUMBERS):
    """Return how many answers are right after so many values; "-" if none can be."""
    medians = by_number(runs).median()
    return [f"{100 * medians[n - 1]:.0f} %".replace("nan %", "-") for n in numbers]


def error(value):
    """Return an error as a text, a small one with more digits; "-" if there is none."""
    if np.isnan(value):
        return "-"
    return f"{value:.2f}" if value >= 0.1 else f"{value:.5f}"


def range_of_factors(factors):
    """Return the lowest to the highest factor, such as "0.9 to 10.5"."""
    return f"{factors.min():.1f} to {factors.max():.1f}"


def price(runs, plain):
    """Return how many times the error on windows is that of `plain`, with the same seeds.

    Nothing if a run of either has not learned its windows: if its error is 0.1 or more.
    """
    if max(runs.on_windows.max(), plain.on_windows.max()) >= 0.1:
        return ""
    factors = runs.set_index("seed").on_windows / plain.set_index("seed").on_windows
    return f"{factors.median():.1f} ({range_of_factors(factors)})"


def first_errors(runs):
    """Return the range of the mean errors after 2 to 5 values."""
    errors = by_number(runs)[[1, 2, 3, 4]].mean(axis=1)
    return f"{error(errors.min())} to {error(errors.max())}"


def cells_of_lag(runs):
    """Return the accuracies of a command, and those after LAG_NUMBERS values."""
    shares = [median_of(runs.on_windows), median_of(runs.reading_on)]
    return [*shares, *cells_by_number(runs, LAG_NUMBERS)]


def cells_of_errors(runs):
    """Return the cells of a command of real_values.py."""
    medians = by_number(runs).median()
    cells = [
        f"{error(errors.median())} ({error(errors.min())} to {error(errors.max())})"
        for errors in (runs.on_windows, runs.late)
    ]
    return [*cells, *(error(medians[n - 1]) for n in ERROR_NUMBERS)]


# Tables with a command in each row, whose columns are not those of the others: the names of
# these, and what makes the cells of a row.
VIEWS = {
    "by number": (NUMBERS, cells_by_number),
    "lags 3 and 4": (
        ["accuracy (range)", "one at a time (range)", *LAG_NUMBERS],
        cells_of_lag,
    ),
    "lengths": (
        ["new windows (range)", "late (range)", *ERROR_NUMBERS],
        cells_of_errors,
    ),
}
COLUMNS = ["accuracy (range)", "one at a time (range)", "epochs to 95 %"]


def lines_of(table):
    """Return the lines of a Markdown table, made of results.csv."""
    rows = EXPERIMENTS[EXPERIMENTS.table.isin(MADE_OF.get(table, [table]))]
    (seeds,) = rows.seeds.unique()  # The heading names the seeds of all its cells.
    runs = read_runs()
    runs = runs[runs.seed <= int(seeds)].sort_values("seed")
    runs = dict(list(runs.groupby("command")))
    if table in EXERCISES:
        columns = EXERCISES[table]
        heading = ["", *columns, "command"]
        lines = []
        for row in rows.itertuples():
            cells = [cell_of_exercise(column, runs[row.command]) for column in columns]
            lines.append([row.row, *cells, f"`{row.command}`"])
    elif rows.column.any():  # Each cell is a command.
        if table == "prices":
            plain = rows[rows.column == "as it is"].set_index("row").command
            rows = rows[rows.column != "as it is"]
            pairs = zip(rows.command, plain[rows.row])
            text = [price(runs[command], runs[other]) for command, other in pairs]
        elif table == "first answers":
            text = [first_errors(runs[command]) for command in rows.command]
        else:
            text = [cell_of_grid(command, runs[command]) for command in rows.command]
        rows = rows.assign(text=text)
        rows = rows[rows.text != ""]
        grid = rows.pivot(index="row", columns="column", values="text").fillna("")
        grid = grid.reindex(rows.row.unique(), columns=rows.column.unique())
        heading = [": network", *grid.columns]
        lines = grid.itertuples(name=None)
    else:
        columns, cells_of = VIEWS.get(table, (COLUMNS, cells_of_row))
        heading = [": command", *columns]
        lines = [(f"`{c}`", *cells_of(runs[c])) for c in rows.command]
    heading[0] = f"`{table}`, seeds 1 to {seeds}{heading[0]}"
    lines = [heading, ["---"] * len(heading), *lines]
    return [f"| {' | '.join(map(str, line))} |" for line in lines]


def tables_of(page):
    """Return the names of the tables of a page that are filled in, which head them."""
    return re.findall(r"^\| `(.+?)`, seeds", page, re.MULTILINE)


def tables_on_pages():
    """Return the names of the tables of all pages."""
    return {table for file in PAGES for table in tables_of(file.read_text("utf-8"))}


def filled(page):
    """Return a page with its tables and the versions made anew."""
    for table in tables_of(page):
        old = rf"^\| `{table}`, seeds.*\n(\|.*\n)*"
        new = "\n".join([*lines_of(table), ""])
        page = re.sub(old, new, page, flags=re.MULTILINE)
    found = "; ".join(sorted(set(read_runs().versions)))
    return re.sub(r"(?<=^Versions: ).*", found, page, flags=re.MULTILINE)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.parse_args()
    import fcntl  # Windows does not have it, and the exercises import this file.

    # Only one program at a time may run what lacks. The lock is that of the folder, as an
    # editor may put a new file in the place of an old one. It ends with the program.
    folder = os.open(FILE.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        on_pages = tables_on_pages()
        check_experiments(on_pages)
        todo = lacking()
        for command in dict.fromkeys(command for command, _ in todo):
            check_command(command)
    except BlockingIOError:
        parser.error("another results.py is running: wait for its end")
    except ValueError as error:
        parser.error(str(error))
    run_all(todo)
    if tables_on_pages() != on_pages:
        parser.error("a page has other tables than before the runs: start again")
    for file in PAGES:  # They are read now: they may have been edited meanwhile.
        file.write_text(filled(file.read_text("utf-8")), "utf-8")
    os.close(folder)


if __name__ == "__main__":
    main()
