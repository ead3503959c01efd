"""Run the experiments of experiments.csv, and fill in the tables of the pages beside it.

    python -m tests.experiments.results

A line of experiments.csv is a command (a script, real_values.py and its options, or options
of extensions.py alone), how many seeds it runs with (3: the seeds 1, 2 and 3), and its place:
a table, a row and, in a table of several groups, a group. (A line without a place is what
another part of a page shows.) On a page, a table begins with "| `name`, seeds"; TABLES has its
columns, and this program makes all its lines.

Sentences of the pages may hang on an outcome, which is a cell in one of the columns OUTCOMES.
For each one that is not as it was on the page, this program prints a line:

    OUTCOME rules, a state of zeros, Other starts: 5 -> 2 to 25

Then search the pages for the name of the table: a sentence near it may be wrong now. (The
headlines are tested: test_claims.py.)

Each finished run adds a line to results.csv, so a program that was stopped goes on. To measure
again, delete lines there. To try an experiment first, run its command by hand:

    python -m tests.experiments.extensions --lag 2 --seed 1
"""

import argparse
import contextlib
import csv
import functools
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
PAGES = sorted(FILE.parent.glob("*.md"))
FIELDS = ["command", "seed", "on_windows", "reading_on", "epochs_to_95"]
FIELDS += ["by_number", "versions", "late"]  # the columns of results.csv
RIGHT = 0.8  # the least share of right answers after a number of values

# The columns of each table, after that of its rows.
GROUPS = ["panel", "training", "lag", "state"]  # heads of the columns of groups
ANSWERS = ["command", "on windows", "right after", "stays right"]
ERRORS = ["command", "error on windows", "as good after", "late, all runs", "reads on"]
PRICES = ["price", "price, all runs"]
EPOCHS = "epochs to 95 %"
LEARNED = ["command", EPOCHS, "on windows", "right after", "stays right"]
OUTCOMES = ["right after", "stays right", "as good after", "reads on"]
TABLES = {
    "rules": ["panel", *LEARNED],
    "made of its states": LEARNED,
    "short burn-in": LEARNED,
    "a mark is not enough": ANSWERS,
    "the reset": ANSWERS,
    "usual": ["training", *ANSWERS],
    "more networks": ["training", *ANSWERS],
    "real values": ["training", *ERRORS, *PRICES],
    "more real values": ["training", *ERRORS, *PRICES],
    "other layers": ["training", *ERRORS, *PRICES],
    "next value": ["training", *ERRORS, *PRICES],
    "more series": ["training", *ERRORS, *PRICES],
    "eight seeds": ["training", *ERRORS],
    "layers": ["lag", *LEARNED],
    "more lags": ["lag", *LEARNED],
    "part3": [*ANSWERS, "one at a time"],
    "without gradients": [*ANSWERS, "one at a time"],
    "extensions": ["state", *ANSWERS, EPOCHS],
    "exercise 1": ["accuracy", EPOCHS, "command"],
    "exercise 2": ["accuracy", "right after", "command"],
    "exercise 3": ["accuracy", "right after", "command"],
    "exercise 4": ["accuracy", EPOCHS, "one at a time", "after 5 values"],
    "exercise 5": ["accuracy", "command"],
    "exercise 6": ["accuracy", EPOCHS, "command"],
}
TABLES["exercise 4"] += ["after 10 values", "right after", "command"]
PLAIN = "as it is"  # the group whose errors a price is divided by


def read_experiments():
    """Return the lines of experiments.csv, in which all is text."""
    text = FILE.with_name("experiments.csv").read_text("utf-8")
    return pd.DataFrame(csv.DictReader(text.splitlines(), restval=""))


EXPERIMENTS = read_experiments()


def check_experiments(on_pages):
    """Raises: ValueError if experiments.csv does not fit TABLES and these names of tables."""
    fields = ["table", "row", "group", "command", "seeds"]
    if [*EXPERIMENTS.columns[:5]] != fields:
        raise ValueError(f"experiments.csv must begin with {','.join(fields)}")
    for line in EXPERIMENTS.itertuples():
        if not str(line.seeds).isdecimal() or int(line.seeds) < 1:
            found = f"experiments.csv: {line.command}: seeds is {line.seeds!r}"
            raise ValueError(f"{found}: an integer of at least 1 is needed")
    listed = {*EXPERIMENTS.table} - {""}
    for table in sorted(listed | {*TABLES} | {*on_pages}):
        if not (table in listed and table in TABLES and on_pages.count(table) == 1):
            needed = "must be in experiments.csv, in TABLES, and once on a page"
            raise ValueError(f"the table {table!r} {needed}")
        lines = EXPERIMENTS[EXPERIMENTS.table == table]
        if lines.seeds.nunique() > 1:
            found = f"{' and '.join(lines.seeds.unique())} seeds"
            needed = "its heading names one number for all"
            raise ValueError(f"experiments.csv: table {table!r} has {found}: {needed}")
        twice = lines[lines.duplicated(["row", "group"])]
        if len(twice):
            name = ", ".join(twice[["row", "group"]].iloc[0])
            raise ValueError(f"experiments.csv: table {table!r} has {name!r} twice")
        has_groups = not {*TABLES[table]}.isdisjoint(GROUPS)
        if any(bool(group) != has_groups for group in lines.group):
            needed = "a group" if has_groups else "no group"
            raise ValueError(f"experiments.csv: each line of {table!r} needs {needed}")


def check_command(command):
    """Raises: ValueError if a command of experiments.csv cannot be run."""
    # They import Keras, which takes seconds.
    from tests.experiments import extensions, real_values

    program, _, options = command.partition(" ")
    script = program.removesuffix(".py")
    try:
        with contextlib.redirect_stderr(io.StringIO()) as printed:
            if program.startswith("--"):
                extensions.parse(command.split())
            elif program == "real_values.py":
                real_values.parse(options.split())
            elif script in SCRIPTS:
                importlib.import_module(script).parse_args(options.split())
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


def missing_jobs():
    """Return those of the jobs that results.csv lacks."""
    done = set(read_runs()[["command", "seed"]].itertuples(index=False))
    return [job for job in jobs() if job not in done]


def run_python(arguments):
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
    output = run_python(arguments)
    return {"command": command, "seed": seed, **read(output)}


def versions():
    """Return the versions of what matters, and the processor, as one line."""
    found = [f"python {platform.python_version()}"]
    for package in ("tensorflow", "keras", "numpy", "pandas"):
        found.append(f"{package} {importlib.import_module(package).__version__}")
    # The processor, as Linux names it, or its kind
    file = Path("/proc/cpuinfo")
    text = file.read_text("utf-8") if file.exists() else ""
    fields = re.findall(r"(?m)^(vendor_id|cpu family|model)\s*: (.*)", text)
    named = dict(fields) or {"vendor_id": platform.machine()}
    found += [f"{name} {value}" for name, value in named.items()]
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
    is_reached = curve.rolling(20).mean().round(6) >= 0.95  # 0.9499999 is 95 %, too.
    stays = is_reached.astype(int).rolling(101).sum() == 101
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


def factors(numbers):
    """Return the lowest to the highest factor, such as "0.9 to 1,010.5"."""
    return f"{numbers.min():,.1f} to {numbers.max():,.1f}"


def median_epochs(epochs):
    """Return the median of the epochs to 95 %, as a text."""
    median = np.median(epochs)
    return f"{median:.0f}" if np.isfinite(median) else "not reached"


def by_number(runs):
    """Return the shares or errors after 1, 2, ... values, a row for each run."""
    rows = [str(text).replace("-", "nan").split() for text in runs.by_number]
    answers = np.array(rows, float)
    return pd.DataFrame(answers, runs.index, range(1, answers.shape[-1] + 1))


def median_after(number, runs):
    """Return the median share of right answers after a number of values, as a text."""
    shares = by_number(runs)[number]
    return "-" if shares.isna().any() else percent(shares.median())


def ranges(numbers):
    """Return ascending numbers as a text, such as "2, 9 to 11", or "none"."""
    blocks = []
    for number in map(int, numbers):
        if not blocks or number > blocks[-1][-1] + 1:
            blocks.append([])
        blocks[-1].append(number)
    texts = []
    for block in blocks:
        first, last = block[0], block[-1]
        joint = " to " if last > first + 1 else ", "
        texts.append(f"{first}{joint}{last}" if last > first else f"{first}")
    return ", ".join(texts) or "none"


def right_numbers(shares):
    """Return after which numbers of values shares are right, as a text, such as "2, 9 to 11"."""
    return ranges(shares.index[shares >= RIGHT])


def right_after(runs):
    """Return what all runs are right after; if they differ, each text and how many have it."""
    texts = [right_numbers(shares) for _, shares in by_number(runs).iterrows()]
    counts = Counter(texts).most_common()
    several = [f"{text} ({count} of {len(texts)})" for text, count in counts]
    return "; ".join(several) if len(counts) > 1 else texts[0]


@functools.cache
def end_of_window(command):
    """Return after how many values, one at a time, a window of the training would end."""
    # It imports Keras, which takes seconds.
    from tests.experiments import extensions, real_values

    if command.startswith("real_values.py"):
        options = real_values.parse(command.split()[1:])
        return options.burn_in + options.steps
    options = extensions.parse(command.split())
    if options.through_time:  # A window has all steps of a sequence that are answered.
        return options.length - options.first
    if options.mark == "first":
        return 5 + options.window  # In the test, the sixth value has the mark.
    # With --same, the test reads the values before it counts.
    before = 0 if options.same else options.before
    return before + options.window


def stays_right(runs):
    """Return which runs are right from a window's end to 25, and at 900 to 1,000."""
    end = min(end_of_window(runs.command.iloc[0]), 25)
    known = by_number(runs).dropna(axis="columns")
    right = known.loc[:, end:] >= RIGHT
    return right.all(axis=1) & (runs.late >= RIGHT)


def reads_on(runs):
    """Return which runs have late errors of less than twice those on windows."""
    return runs.late / runs.on_windows < 2


def count(runs):
    """Return how many are true, such as "4 of 5"."""
    return f"{runs.sum()} of {len(runs)}"


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


def price(runs, write):
    """Return, as a text, how many times the errors on windows are those of the row as it is.

    Nothing if this row was not run as it is.
    """
    return "" if runs.plain.isna().any() else write(runs.on_windows / runs.plain)


# What the columns show of a command's runs, each a function that returns a text.
COLUMNS = {
    "command": lambda runs: f"`{runs.command.iloc[0]}`",
    "on windows": lambda runs: percent(runs.on_windows.median()),
    "one at a time": lambda runs: percent(runs.reading_on.median()),
    "right after": right_after,
    "stays right": lambda runs: count(stays_right(runs)),
    EPOCHS: lambda runs: median_epochs(runs.epochs_to_95),
    "error on windows": lambda runs: f"{runs.on_windows.median():.5f}",
    "as good after": as_good_after,
    "late, all runs": lambda runs: factors(runs.late / runs.on_windows),
    "reads on": lambda runs: count(reads_on(runs)),
    "price": lambda runs: price(runs, lambda times: f"{times.median():.1f}"),
    "price, all runs": lambda runs: price(runs, factors),
}
COLUMNS["accuracy"] = COLUMNS["on windows"]
COLUMNS |= {
    f"after {number} values": functools.partial(median_after, number)
    for number in range(1, 26)
}


def runs_of_table(table):
    """Yield the lines of experiments.csv of a table, each with its runs, by seeds.

    The runs have a column more, `plain`: the errors of the same row as it is, in any table.
    """
    runs = read_runs().set_index("seed", drop=False).sort_index()
    by_command, none = dict([*runs.groupby("command")]), runs[:0]
    lines = EXPERIMENTS[EXPERIMENTS.table == table]
    plain = EXPERIMENTS[EXPERIMENTS.group == PLAIN].drop_duplicates("row")
    plain = plain.set_index("row").command
    for line in lines.itertuples():
        # The index is the seed, and .loc includes the last one.
        of_line = by_command.get(line.command, none).loc[: int(line.seeds)]
        of_plain = by_command.get(plain.get(line.row), none).on_windows
        yield line, of_line.assign(plain=of_plain)


def lines_of(table):
    """Return the lines of a Markdown table, made of results.csv."""
    seeds = EXPERIMENTS.seeds[EXPERIMENTS.table == table].iloc[0]
    heads = [f"`{table}`, seeds 1 to {seeds}", *TABLES[table]]
    lines = [heads, ["---"] * len(heads)]
    by_hand = table.startswith("exercise")
    for line, runs in runs_of_table(table):
        cells = [line.row]
        for column in TABLES[table]:
            cell = line.group if column in GROUPS else COLUMNS[column](runs)
            if by_hand and column != "command":
                cell += f" ({COLUMNS[column](runs[:1])})"  # seed 1
            cells.append(cell)
        lines.append(cells)
    return [f"| {' | '.join(cells)} |" for cells in lines]


ON_A_PAGE = r"(?m)^\| `(.+?)`, seeds.*\n(?:\|.*\n)*"


def tables_on_pages():
    """Return the names of the tables on all pages."""
    return re.findall(ON_A_PAGE, "".join(file.read_text("utf-8") for file in PAGES))


def outcomes_of(lines):
    """Return the cells of OUTCOMES in the lines of a table, by its name, row and column."""
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    (table, *heads), outcomes = rows[0], {}
    for row, *cells in rows[2:]:
        cells = dict(zip(heads, cells))
        group = [cells[head] for head in GROUPS if head in cells]
        name = ", ".join([table.split("`")[1], row, *group])
        outcomes |= {(name, head): cells[head] for head in OUTCOMES if head in cells}
    return outcomes


def make_anew(found):
    """Return a table, found on a page, made of results.csv; print each changed outcome."""
    lines = lines_of(found[1])
    before = outcomes_of(found[0].splitlines())
    for (name, column), cell in outcomes_of(lines).items():
        old = before.get((name, column), cell)  # A new row has no old cell.
        if cell != old:
            print(f"OUTCOME {name}: {old} -> {cell}")
    return "\n".join([*lines, ""])


def fill_in(page):
    """Return a page with its tables and the versions made anew."""
    page = re.sub(ON_A_PAGE, make_anew, page)
    return re.sub(r"(?m)(?<=^Versions: ).*", versions_of(read_runs()), page)


def versions_of(runs):
    """Return the versions and, of the lines that name them, the processors of some runs."""
    parts = runs.versions.str.partition(" vendor_id ")
    versions, processors = sorted({*parts[0]}), sorted({*parts[2]} - {""})
    return f"{'; '.join(versions)}. Processors: {'; '.join(processors)}"


def main(arguments=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.parse_args(arguments)
    import fcntl  # Windows does not have it, and the exercises import this file.

    # Only one program at a time may run what is missing. The lock is that of the folder, as
    # an editor may put a new file in the place of an old one. It ends with the program.
    folder = os.open(FILE.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        on_pages = tables_on_pages()
        check_experiments(on_pages)
        todo = missing_jobs()
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
        file.write_text(fill_in(file.read_text("utf-8")), "utf-8")
    os.close(folder)


if __name__ == "__main__":
    main()
