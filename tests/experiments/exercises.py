"""Run exercises: change copies of the scripts as EXERCISES.md says, and fill in its tables.

    python -m tests.experiments.exercises        # all exercises
    python -m tests.experiments.exercises 3 7    # these two

The second column of a table says what to do for a row: apply changes (A is a change of this
exercise, 3A one of exercise 3), write one text for another in the script that runs, and run
a command, by default echo_lag.py. The tables show medians.
"""

import os
import re
import subprocess
import sys
from argparse import ArgumentParser, RawTextHelpFormatter
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from tests.experiments.results import read

ROOT = Path(__file__).parents[2]
SHEET = Path(__file__).with_name("EXERCISES.md").read_text("utf-8")
CHANGE = r"(?s)hange ([A-Z])\b((?:(?!hange ).)*?```diff.*?```)"  # its letter, its diff


def exercises(page):
    """Return the title and the text of each exercise on a page, by its number."""
    parts = re.split(r"(?m)^## (\d+)\. (.+)\n", page)
    return {int(n): pair for n, *pair in zip(parts[1::3], parts[2::3], parts[3::3])}


def table_of(text):
    """Return the heading and the rows of the first table in a text, as lists of cells."""
    lines = re.search(r"(?m)(^\|.*\n)+", text)[0].splitlines()
    heading, _, *rows = [[c.strip() for c in line.split("|")[1:-1]] for line in lines]
    return heading, rows


def replace(texts, name, old, new):
    """Replace a text in a script; raise ValueError if it is not there exactly once."""
    if (found := texts[name].count(old)) != 1:
        raise ValueError(f"{name} has this {found} times, not once:\n{old}")
    texts[name] = texts[name].replace(old, new)


def apply(section, texts):
    """Apply the diffs in a section to texts, a dict; raise ValueError if one misfits."""
    for block in re.findall(r"(?s)```diff\n(.*?)```", section):
        for hunk in re.split(r"(?m)^(?=@@ )", block)[1:]:
            heading, *lines = hunk.splitlines()
            name, function = re.fullmatch(r"@@ (\w+\.py), (\w+) @@", heading).groups()
            old, new = (
                "".join(f"{line[1:]}\n" for line in lines if line[0] in signs)
                for signs in (" -", " +")
            )
            up_to_it = "def imports\n" + texts[name].partition(old)[0] + old
            replace(texts, name, old, new)
            if re.findall(r"(?m)^def (\w+)", up_to_it)[-1] != function:
                raise ValueError(f"{name} has this, but not in {function}:\n{old}")


def variant(number, todo):
    """Return the names and texts of the scripts for a row, and the command to run."""
    texts = {file.name: file.read_text("utf-8") for file in ROOT.glob("*.py")}
    command = (re.findall(r"run `(.+?)`", todo) or ["echo_lag.py"])[0]
    for other, letter in re.findall(r"(\d*)([A-Z])\b", re.sub("`.+?`", "", todo)):
        _, section = exercises(SHEET)[int(other or number)]
        apply(dict(re.findall(CHANGE, section))[letter], texts)
    for new, old in re.findall(r"`([^`]+)` for `([^`]+)`", todo):
        replace(texts, command.split()[0], old, new)
    return tuple(texts.items()), command


@cache  # Exercises have rows in common.
def run(texts, command, seed):
    """Run a command in a folder with these scripts; return what it printed, a dict."""
    argv = [sys.executable, *command.split(), "--seed", str(seed)]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "TF_NUM_INTRAOP_THREADS": "1"}
    with TemporaryDirectory() as folder:
        for name, text in texts:
            Path(folder, name).write_text(text, "utf-8")
        done = subprocess.run(
            argv, cwd=folder, env=env, capture_output=True, text=True, check=False
        )
    if done.returncode:
        raise RuntimeError(f"{command} --seed {seed}: {done.stderr}")
    answers = re.findall(r"(?m)^Predicted: *(.+)", done.stdout)[-1]
    return {**read(done.stdout), "answers": answers}


def cell(column, runs):
    """Return what a column of a table shows of the runs of a row."""
    if column == "answers with seed 1":
        return runs[0]["answers"]
    if column == "95 % at epoch":
        epoch = median(run["epochs_to_95"] for run in runs)
        return "never" if epoch == float("inf") else f"{epoch:.0f}"
    name = {"accuracy": "accuracy", "one value at a time": "one_at_a_time"}[column]
    return f"{100 * median(float(run[name]) for run in runs):.1f} %"


def main(arguments=None):
    parser = ArgumentParser(description=__doc__, formatter_class=RawTextHelpFormatter)
    parser.add_argument("numbers", nargs="*", type=int, help="of exercises; or all")
    numbers, sheet = parser.parse_args(arguments).numbers, exercises(SHEET)
    if not set(numbers) <= set(sheet):
        parser.error(f"the exercises are 1 to {len(sheet)}")
    pool = ThreadPoolExecutor(2)  # runs at a time
    try:
        for number in numbers or sheet:
            title, section = sheet[number]
            (first, _, *columns), rows = table_of(section)
            print(f"\n## {number}. {title}\n\n| {' | '.join([first, *columns])} |")
            print("|---" * (1 + len(columns)) + "|", flush=True)
            changed = [partial(run, *variant(number, row[1])) for row in rows]
            results = [pool.map(run_seed, [1, 2, 3]) for run_seed in changed]
            for (label, *_), runs in zip(rows, map(list, results)):
                cells = [label, *(cell(column, runs) for column in columns)]
                print(f"| {' | '.join(cells)} |", flush=True)
    finally:
        pool.shutdown(cancel_futures=True)


if __name__ == "__main__":
    main()
