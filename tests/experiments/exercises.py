"""Run exercises: change copies of the scripts as EXERCISES.md says, and fill in its tables.

Without numbers, it runs all. Cells have the median of the seeds 1, 2 and 3 and, in brackets,
seed 1. With -, it tells when a run by hand reached 95 %:

    python -m tests.experiments.exercises 2 5
    python echo_lag.py | python -m tests.experiments.exercises -

For the answers: with --keep, the runs go into exercises.csv, in place of older ones of these
exercises. Then copy the tables that it prints into ANSWERS.md.
"""

import csv
import re
import subprocess
import sys
from argparse import ArgumentParser, RawTextHelpFormatter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from tests.experiments import results

ROOT = Path(__file__).parents[2]
FILE = Path(__file__).with_name("exercises.csv")
SHEET = Path(__file__).with_name("EXERCISES.md").read_text("utf-8")
CHANGES = dict(re.findall(r"(?s)```diff ([A-Z])\n(.*?)```", SHEET))
SEEDS = (1, 2, 3)  # 1 is that of a run by hand


def tables(page):
    """Return the tables on a page, "1", "2", ...: rows, which are lists of cells."""
    found = {}
    for number, lines in enumerate(re.findall(r"(?m)(?:^\|.*\n)+", page), start=1):
        rows = [line.split("|")[1:-1] for line in lines.splitlines()]
        found[str(number)] = [[cell.strip() for cell in row] for row in rows]
    return found


def replace(texts, name, old, new):
    """Replace a text in a script; raise ValueError if it is not there exactly once."""
    if (found := texts[name].count(old)) != 1:
        raise ValueError(f"{name} has this {found} times, not once:\n{old}")
    texts[name] = texts[name].replace(old, new)


def apply(diff, texts):
    """Apply a diff to texts, a dict of the scripts; raise ValueError if it does not fit."""
    for hunk in re.split(r"(?m)^@@ ", diff)[1:]:
        heading, *lines = hunk.splitlines(keepends=True)
        old = "".join(line[1:] for line in lines if line[0] in " -")
        new = "".join(line[1:] for line in lines if line[0] in " +")
        replace(texts, heading.split(",")[0], old, new)


def variant(todo):
    """Return the texts of the scripts for a row of a table, a dict, and its command.

    todo: its second cell. Raises: ValueError if this is not understood, or does not fit.
    """
    texts = {file.name: file.read_text("utf-8") for file in ROOT.glob("*.py")}
    command = "echo_lag.py"
    for step in todo.split(", "):
        if step in CHANGES:
            apply(CHANGES[step], texts)
        elif match := re.fullmatch("run `([^`]+)`", step):
            command = match[1]
        elif match := re.fullmatch("`([^`]+)` in place of `([^`]+)`", step):
            name = command if command in texts else "echo_lag.py"
            replace(texts, name, old=match[2], new=match[1])
        elif todo != "none":
            raise ValueError(f"a row of EXERCISES.md is not understood: {todo}")
    return texts, command


def run(texts, command, seed):
    """Run a command in a folder with these scripts; return what it printed, a dict."""
    with TemporaryDirectory() as folder:
        for name, text in texts.items():
            Path(folder, name).write_text(text, "utf-8")
        output = results.run([*command.split(), "--seed", str(seed)], folder)
    return {**results.read(output), "by_number": by_number(output)}


def by_number(output):
    """Return the accuracies after 1, 2, ... values that a run of read_on.py printed."""
    shares = dict(re.findall(r"(?m)^after +(\d+) values +(\S+)$", output))
    return " ".join(shares.get(str(n), "-") for n in range(1, 26)) if shares else ""


def read_runs():
    """Return the runs in exercises.csv, dicts of texts; none if there is no file."""
    if not FILE.exists():
        return []
    with FILE.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def keep(number, runs):
    """Put the runs of an exercise into exercises.csv, in place of older ones."""
    others = [run for run in read_runs() if run["exercise"] != number]
    with FILE.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(runs[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(sorted([*others, *runs], key=lambda run: run["exercise"]))


def cell(column, runs):
    """Return what a column of a table shows of the runs of a row: their median."""
    if column == "epochs to 95 %":
        return results.reached([float(run["epochs_to_95"]) for run in runs])
    if match := re.fullmatch(r"after (\d+) values", column):
        shares = [run["by_number"].split()[int(match[1]) - 1] for run in runs]
    else:
        shares = [run[column.replace(" ", "_")] for run in runs]
    return f"{100 * median(float(share) for share in shares):.1f} %"


def line(label, columns, runs):
    """Return a row of an answer's table: medians and, in brackets, seed 1, as by hand."""
    medians = [cell(column, runs) for column in columns]
    by_hand = [cell(column, runs[:1]) for column in columns]
    cells = [f"{many} ({one})" for many, one in zip(medians, by_hand)]
    return f"| {' | '.join([label, *cells])} |"


def repeat(lines):
    """Print the lines of a run as they come, then the epochs to 95 %."""
    output = ""
    for line in lines:
        print(line, end="")
        output += line
    if "Accuracy over" not in output:
        sys.exit("This is not a run that came to its end.")
    print("Epochs to 95 %:", cell("epochs to 95 %", [results.read(output)]))


def main(arguments=None):
    parser = ArgumentParser(description=__doc__, formatter_class=RawTextHelpFormatter)
    parser.add_argument("numbers", nargs="*", help="of exercises, or -")
    parser.add_argument("--keep", action="store_true", help="write exercises.csv")
    options = parser.parse_args(arguments)
    if options.numbers == ["-"]:
        return repeat(sys.stdin)
    sheet = tables(SHEET)
    if not set(options.numbers) <= set(sheet):
        parser.error(f"the exercises are 1 to {len(sheet)}")
    numbers = options.numbers or list(sheet)
    git = "git diff --name-only HEAD -- *.py"  # prints no name if git cannot tell
    in_root = {"shell": True, "cwd": ROOT, "capture_output": True, "text": True}
    done = subprocess.run(git, check=False, **in_root)
    if done.stdout:
        print("Not as committed, so tables may differ:", *done.stdout.split())
    todos = [row[1] for number in numbers for row in sheet[number][2:]]
    try:  # Before the first run: does each row fit the scripts?
        variants = {todo: variant(todo) for todo in todos}
    except ValueError as error:
        parser.error(f'{error}\nRestore the scripts: git restore "*.py"')

    versions = results.versions()
    with ThreadPoolExecutor() as pool:  # for the three runs of a row
        for number in numbers:
            (first, _, *columns), _, *rows = sheet[number]
            print(f"\n## Exercise {number}\n\n| {' | '.join([first, *columns])} |")
            print("|---" * (1 + len(columns)) + "|", flush=True)
            print(f"Exercise {number}: {3 * len(rows)} runs", file=sys.stderr)
            runs = []
            for label, todo, *_ in rows:
                row = {"exercise": number, "row": label, "change": todo}
                measured = list(pool.map(partial(run, *variants[todo]), SEEDS))
                print(line(label, columns, measured), flush=True)
                for seed, values in zip(SEEDS, measured):
                    runs.append({**row, "seed": seed, **values, "versions": versions})
            if options.keep:
                keep(number, runs)


if __name__ == "__main__":
    main()
