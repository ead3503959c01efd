"""Run the experiments of experiments.csv, and fill in the tables of README.md and ANSWERS.md.

    python -m tests.experiments.results

A line of experiments.csv is a command (a script, real_values.py and its options, or options
of extensions.py alone), how many seeds it runs with (3: the seeds 1, 2 and 3), and its place:
a table and a row, and a column if each cell of the table is a command. A page has the first
line of a table, "| `name`, seeds: ... |", and this program makes the others. Last stands the
conclusion, which the tests check: what all runs are right after, or how many stay right, and
what percentage of the answers on windows can be known (real values: the most error there).

Each finished run adds a line to results.csv, so a program that was stopped goes on. To measure
again, delete lines there. To try an experiment first, run its command by hand:

    python -m tests.experiments.extensions --lag 2 --seed 1
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
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import numpy as np
import pandas as pd

from tests.scripts import SCRIPTS

ROOT = Path(__file__).parents[2]
FILE = Path(__file__).with_name("results.csv")
PAGES = [FILE.with_name("README.md"), FILE.with_name("ANSWERS.md")]
FIELDS = ["command", "seed", "on_windows", "reading_on", "epochs_to_95"]
FIELDS += ["by_number", "versions", "late"]  # the columns of results.csv
# The tables whose cells are those of others, and the column that each of these is divided by.
MADE_OF = {"prices": ["real values", "next value"]}
PLAIN = "as it is"
# The columns that name what they show of a command's runs, and the shares among them.
SHARES = {
    "accuracy": "on_windows",
    "on windows": "on_windows",
    "one at a time": "reading_on",
}
AFTER = r"after ([1-9]|1\d|2[0-5])( values)?"
COLUMNS = rf"{'|'.join(SHARES)}|{AFTER}|command|right after|stays right|epochs to 95 %"
RIGHT = 0.8  # the least share of right answers after a number of values


def read_experiments():
    """Return the lines of experiments.csv, in which all is text."""
    text = FILE.with_name("experiments.csv").read_text("utf-8")
    return pd.DataFrame(csv.DictReader(text.splitlines(), restval=""))


EXPERIMENTS = read_experiments()


def check_experiments(on_pages):
    """Raises: ValueError if experiments.csv does not fit these first lines of tables."""
    fields = ["table", "row", "column", "command", "seeds"]
    if [*EXPERIMENTS.columns[:5]] != fields:
        raise ValueError(f"experiments.csv must begin with {','.join(fields)}")
    for line in EXPERIMENTS.itertuples():
        if not str(line.seeds).isdecimal() or int(line.seeds) < 1:
            found = f"experiments.csv: {line.command}: seeds is {line.seeds!r}"
            raise ValueError(f"{found}: an integer of at least 1 is needed")
    shown = {table: columns for table, _, *columns in map(named, on_pages)}
    unmatched = ({*shown} - {*MADE_OF}) ^ ({*EXPERIMENTS.table} - {""})
    if unmatched:
        needed = "must be in experiments.csv and on a page"
        raise ValueError(f"the table {unmatched.pop()!r} {needed}")
    for table, columns in shown.items():
        lines = EXPERIMENTS[EXPERIMENTS.table.isin(MADE_OF.get(table, [table]))]
        if lines.seeds.nunique() > 1:
            found = f"{' and '.join(lines.seeds.unique())} seeds"
            needed = "its heading names one number for all"
            raise ValueError(f"experiments.csv: table {table!r} has {found}: {needed}")
        twice = lines[lines.duplicated(["row", "column"])]
        if len(twice):
            name = ", ".join(twice[["row", "column"]].iloc[0])
            raise ValueError(f"experiments.csv: table {table!r} has {name!r} twice")
        # Columns name what they show of a row's command, or their cells are commands.
        of_rows = all(re.fullmatch(COLUMNS, column) for column in columns)
        unknown = {*columns} - {*lines.column}
        if unknown and not (of_rows and {*lines.column} == {""}):
            needed = "experiments.csv has no such column"
            raise ValueError(f"the table {table!r} has {min(unknown)!r}: {needed}")


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
    # The processor, where Linux names it
    file = Path("/proc/cpuinfo")
    text = file.read_text("utf-8") if file.exists() else ""
    fields = re.findall(r"(?m)^(vendor_id|cpu family|model)\s*: (.*)", text)
    found += [f"{name} {value}" for name, value in dict(fields).items()]
    return " ".join(found)


def read(output):
    """Return what a run printed: None for what its program does not print."""
    lines = dict(re.findall(r"(?m)^(?:Accuracy|Error) (.+): (.+)$", output))
    curve = re.findall(r"(?m)^Epoch .* accuracy: (\S+)$", output)
    fed = lines.get("fed one value at a time")  # real_values.py: the last 25 of 200
    is_real = "Error" in output
    return {
        "on_windows": lines.get("over 100 new sequences"),
        "reading_on": None if is_real else fed,
        "epochs_to_95": epochs_to_95(pd.Series(curve, dtype=float)) if curve else None,
        "by_number": lines.get("by number"),
        "versions": versions(),
        "late": fed if is_real else lines.get("at numbers 900 to 1000"),
    }


def epochs_to_95(curve):
    """Return the first epoch from which the mean of 20 epochs stays at 95 % for the next 100.

    Infinity if there is none.
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


def reached(epochs):
    """Return the median of the epochs to 95 %."""
    median = np.median(epochs)
    return f"{median:.0f}" if np.isfinite(median) else "not reached"


def by_number(runs):
    """Return the shares or errors after 1, 2, ... values, a row for each run."""
    rows = [str(text).replace("-", "nan").split() for text in runs.by_number]
    answers = pd.DataFrame(rows, runs.index, dtype=float)
    return answers.rename(columns=lambda number: number + 1)


def ranges(numbers):
    """Return ascending numbers as a text, such as "2, 9 to 11"; "-" if there are none."""
    numbers = pd.Series(numbers, dtype=int)
    texts = []
    for _, block in numbers.groupby((numbers.diff() != 1).cumsum()):
        first, last = block.iloc[0], block.iloc[-1]
        joint = " to " if len(block) > 2 else ", "
        texts.append(f"{first}{joint}{last}" if last > first else f"{first}")
    return ", ".join(texts) or "-"


def right_after_of(runs):
    """Return what all runs are right after; if they differ, each text and how many have it."""
    texts = [ranges(s.index[s >= RIGHT]) for _, s in by_number(runs).iterrows()]
    counts = Counter(texts).most_common()
    several = [f"{text} ({count} of {len(texts)})" for text, count in counts]
    return "; ".join(several) if len(counts) > 1 else texts[0]


def end_of_window(command):
    """Return after how many values a window ends, or the first answer that can be known."""
    # It imports Keras, which takes seconds.
    from tests.experiments import extensions, real_values

    if command.startswith("real_values.py"):
        options = real_values.parse(command.partition(" ")[2])
        return options.burn_in + options.steps
    options = extensions.parse(command)
    return max(options.shape[0] or 1, options.lag + 1)


def stays_right(runs):
    """Return which runs are right from a window's end to 25, and at 900 to 1,000."""
    end = min(end_of_window(runs.command.iloc[0]), 25)
    right = by_number(runs).loc[:, end:] >= RIGHT
    return right.all(axis=1) & (runs.late >= RIGHT)


def cell_of(column, runs):
    """Return what a column shows of a command's runs."""
    if column == "command":
        return f"`{runs.command.iloc[0]}`"
    if column == "right after":
        return right_after_of(runs)
    if column == "stays right":
        return f"{stays_right(runs).sum()} of {len(runs)}"
    if column == "epochs to 95 %":
        return reached(runs.epochs_to_95)
    number = re.fullmatch(AFTER, column)
    shares = by_number(runs)[int(number[1])] if number else runs[SHARES[column]]
    return "-" if shares.isna().any() else percent(shares.median())


def cell_of_row(column, runs, by_hand):
    """Return a cell with, in brackets, seed 1 (by_hand), or the lowest and highest share."""
    cell = cell_of(column, runs)
    if by_hand and column != "command":
        return f"{cell} ({cell_of(column, runs[:1])})"
    if not by_hand and column in SHARES:
        shares = runs[SHARES[column]]
        return f"{cell} ({100 * shares.min():.1f} to {percent(shares.max())})"
    return cell


def cell_of_grid(runs):
    """Return the cell that is a command: how well it has learned, and what it is right after."""
    command = runs.command.iloc[0]
    if command.startswith("real_values.py"):
        times = range_of_factors(runs.late / runs.on_windows)
        return f"{runs.on_windows.median():.5f}: {as_good_after(runs)}; {times} times"
    if "--list" in command:
        return f"{percent(runs.on_windows.median())}: {right_after_of(runs)}"
    epochs = (re.findall(r"--epochs (\d+)", command) or ["2000"])[0]
    learned = reached(runs.epochs_to_95)
    joint = "of" if learned.isdigit() else "in"
    return f"{learned} {joint} {epochs}: {right_after_of(runs)}"


def as_good_after(runs):
    """Return the numbers of values, around a window's end, with errors as on windows.

    As medians, they are at most twice those on windows, and less than the naive one.
    """
    errors = by_number(runs)
    times = errors.div(runs.on_windows, axis=0).median()
    good = (times <= 2) & (errors.median() < 1)
    blocks = (good != good.shift()).cumsum()
    end = end_of_window(runs.command.iloc[0])
    return ranges(good.index[good & (blocks == blocks[end])])


def range_of_factors(factors):
    """Return the lowest to the highest factor, such as "0.9 to 1,010.5"."""
    return f"{factors.min():,.1f} to {factors.max():,.1f}"


def price(runs, plain):
    """Return how many times the error on windows is that of `plain`, with the same seeds.

    Nothing if a run of either has not learned its windows: if its error is 0.1 or more.
    """
    if max(runs.on_windows.max(), plain.on_windows.max()) >= 0.1:
        return ""
    factors = runs.set_index("seed").on_windows / plain.set_index("seed").on_windows
    return f"{factors.median():.1f} ({range_of_factors(factors)})"


def lines_of(heading):
    """Return the lines of the Markdown table with this first line, made of results.csv."""
    table, first, *columns = named(heading)
    rows = EXPERIMENTS[EXPERIMENTS.table.isin(MADE_OF.get(table, [table]))]
    (seeds,) = rows.seeds.unique()  # The heading names the seeds of all its cells.
    runs = read_runs()
    runs = runs[runs.seed <= int(seeds)].sort_values("seed")
    runs = dict(list(runs.groupby("command")))
    by_hand = table.startswith("exercise")
    first = re.sub(r"seeds( 1 to \d+)?", f"seeds 1 to {seeds}", first, count=1)
    lines = [[first, *columns], ["---"] * (1 + len(columns))]
    for row, cells in rows.groupby("row", sort=False):
        of_row = {cell.column: runs[cell.command] for cell in cells.itertuples()}
        if table in MADE_OF and PLAIN not in of_row:
            continue
        line = [row]
        for column in columns:
            if re.fullmatch(COLUMNS, column):
                line.append(cell_of_row(column, of_row[""], by_hand))
            elif column not in of_row:
                line.append("")
            elif table in MADE_OF:
                line.append(price(of_row[column], of_row[PLAIN]))
            else:
                line.append(cell_of_grid(of_row[column]))
        if any(line[1:]):
            lines.append(line)
    return [f"| {' | '.join(line)} |" for line in lines]


HEADING = r"(?m)^\| `.+?`, seeds.*"


def named(heading):
    """Return what a table's first line names: the table, and the head of each column."""
    heads = [head.strip() for head in heading.strip().strip("|").split("|")]
    return [re.match("`(.+?)`", heads[0])[1], *heads]


def headings():
    """Return the first lines of the tables of all pages."""
    return re.findall(HEADING, "".join(file.read_text("utf-8") for file in PAGES))


def filled(page):
    """Return a page with its tables and the versions made anew."""
    page = re.sub(
        rf"{HEADING}\n(\|.*\n)*",
        lambda table: "\n".join([*lines_of(table[0].splitlines()[0]), ""]),
        page,
    )
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
        on_pages = headings()
        check_experiments(on_pages)
        todo = lacking()
        for command in dict.fromkeys(command for command, _ in todo):
            check_command(command)
    except BlockingIOError:
        parser.error("another results.py is running: wait for its end")
    except ValueError as error:
        parser.error(str(error))
    run_all(todo)
    if headings() != on_pages:
        parser.error("a page has other tables than before the runs: start again")
    for file in PAGES:  # They are read now: they may have been edited meanwhile.
        file.write_text(filled(file.read_text("utf-8")), "utf-8")
    os.close(folder)


if __name__ == "__main__":
    main()
