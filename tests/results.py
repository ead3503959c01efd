"""Run the scripts and the extensions for several seeds; print the README's tables.

    python tests/results.py
    python tests/results.py --only extensions --seeds 5
    python tests/results.py --only scripts --figure .github/curves.png

Every row is a command: it runs with --seed 1, 2, 3, ... added, and its accuracy is the
one that it prints. Stopped with Ctrl-C, this prints what it has.
"""

import argparse
import multiprocessing
import re
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

# The scripts come first: they choose Keras's backend.
import echo_current
import echo_lag
import echo_lag_no_context

# isort: split
import extensions
import numpy as np
import pandas as pd
from pictures import draw_curves, draw_lags
from reporting import heading, picture_file, positive_int, print_table, silently

SCRIPTS = {
    "echo_current.py": echo_current,
    "echo_lag_no_context.py": echo_lag_no_context,
    "echo_lag.py": echo_lag,
}

# What the article says of each script, and the accuracies that bear it out.
CLAIMS = {
    "echo_current.py": ("100 %", lambda accuracy: accuracy == 1),
    "echo_lag_no_context.py": (
        "cannot learn: under 2 %",
        lambda accuracy: accuracy < 0.02,
    ),
    "echo_lag.py": ("95 to 100 %", lambda accuracy: accuracy >= 0.95),
}

LAGS = range(6)
CARRIED = [f"extensions.py --lag {lag}" for lag in LAGS]
STATELESS = [f"extensions.py --lag {lag} --stateless" for lag in LAGS]
TABLES = {
    "scripts": list(SCRIPTS),
    "extensions": [
        *CARRIED,
        *STATELESS,
        "extensions.py --lag 4 --epochs 4000",
        "extensions.py --lag 4 --batch-size 20",
        "extensions.py --lag 1 --stateless --units 10",
        "extensions.py --lag 4 --stateless --units 10",
        "extensions.py --lag 4 --stateless --units 100",
        "extensions.py --missing mark",
        "extensions.py --missing mask",
        "extensions.py --missing mark --stateless",
        "extensions.py --missing mask --stateless",
        "extensions.py --context 25 --missing mask",
        "extensions.py --context 25 --missing mask --stateless",
        "extensions.py --echo-sequence",
        "extensions.py --echo-sequence --stateless",
        "extensions.py --no-context --batch-size 1",
        "extensions.py --no-context --batch-size 1 --epochs 8000",
        "extensions.py --through-time",
        "extensions.py --through-time --epochs 4000",
        "extensions.py --mlp --lag 1",
        "extensions.py --mlp --lag 4",
    ],
}
BY_TIME_STEP = [
    command for command in TABLES["extensions"] if "--echo-sequence" in command
]
BY_BATCH = [*CARRIED, "extensions.py --missing mask --stateless"]


def run(command, seed):
    """Run a command in this process.

    Returns: dict of its accuracy, of its accuracy "by batch" and "by time step" as far as
        it has them, and of its "curve", a Series of the accuracy in each epoch.
    """
    name, *options = command.split()
    options += ["--seed", str(seed)]
    result = {}
    if name in SCRIPTS:
        output, _ = silently(SCRIPTS[name].main, options)
    else:
        args = extensions.parse_args(options)
        output, right = silently(extensions.run, args)
        if args.echo_sequence:
            result["by time step"] = right.mean(axis=(0, 1))
        else:
            batches = right.reshape(100, -1, args.batch_size)
            result["by batch"] = batches.mean(axis=(0, 2))
    *_, accuracy = re.findall(r"^Accuracy over 100 .*: (\S+)$", output, re.MULTILINE)
    epochs = re.findall(r"^Epoch .* accuracy: (\S+)$", output, re.MULTILINE)
    curve = pd.Series(epochs, dtype=float)
    return {**result, "accuracy": float(accuracy), "curve": curve}


def run_all(jobs):
    """Yield the result of each job, a command and a seed, in order.

    The runs get processes of their own, since TensorFlow keeps all that it ever compiled:
    one process crashed in its 261st run.
    """
    context = multiprocessing.get_context("spawn")
    with context.Pool(2, initializer=ignore_interrupt, maxtasksperchild=20) as pool:
        yield from pool.imap(run_job, jobs)


def ignore_interrupt():
    """Leave Ctrl-C to the process that reports."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def run_job(job):
    return run(*job)


def percent(value):
    return f"{100 * value:.1f} %"


def median_and_range(values):
    """Return the two cells of a table: the median, and the least to the greatest."""
    least_to_most = f"{percent(min(values))} to {percent(max(values))}"
    return percent(np.median(values)), least_to_most


def epochs_to_95(runs):
    """Return the median epoch by which 20 epochs in a row averaged 95 %, as a cell."""
    epochs = []
    for result in runs:
        reached = result["curve"].rolling(20).mean() >= 0.95
        epochs.append(reached.idxmax() + 1 if reached.any() else np.inf)
    median = np.median(epochs)
    return f"{median:.0f}" if np.isfinite(median) else "not reached"


def accuracies_of(results):
    return [result["accuracy"] for result in results]


def print_scripts(runs):
    """Print how each script compares with what the article says of it."""
    rows = []
    for command, results in runs.items():
        claim, meets = CLAIMS[command]
        accuracies = accuracies_of(results)
        met = sum(meets(accuracy) for accuracy in accuracies)
        cells = [f"`{command}`", *median_and_range(accuracies), claim]
        rows.append([*cells, f"{met} of {len(accuracies)} seeds"])
    columns = ["command", "accuracy, median", "range", "the article", "borne out by"]
    print_table(columns, rows)


def print_extensions(runs):
    """Print the accuracy of each extension and how soon it was reached."""
    rows = []
    for command, results in runs.items():
        cells = [f"`{command}`", *median_and_range(accuracies_of(results))]
        rows.append([*cells, epochs_to_95(results), len(results)])
    columns = ["command", "accuracy, median", "range", "epochs to 95 %", "seeds"]
    print_table(columns, rows)


def print_parts(kind, commands, runs):
    """Print the commands' median accuracy in each part: by time step or by batch."""
    medians = {
        command: np.median([result[kind] for result in runs[command]], axis=0)
        for command in commands
        if command in runs
    }
    if not medians:
        return
    most = max(len(median) for median in medians.values())
    rows = [
        [f"`{command}`", *map(percent, median), *[""] * (most - len(median))]
        for command, median in medians.items()
    ]
    print_table([f"median accuracy {kind}", *range(1, most + 1)], rows)


def print_report(runs):
    """Print the tables of all runs so far: a dict from a command to its seeds' results."""
    print(f"{heading()}\n")
    for table, print_runs in {
        "scripts": print_scripts,
        "extensions": print_extensions,
    }.items():
        done = {command: runs[command] for command in TABLES[table] if command in runs}
        if done:
            print_runs(done)
    print_parts("by time step", BY_TIME_STEP, runs)
    print_parts("by batch", BY_BATCH, runs)


def draw(table, runs, file):
    """Draw the scripts' learning curves or the extensions' accuracy over lag."""
    if table == "scripts":
        curves = {
            command: [result["curve"] for result in runs[command]]
            for command in TABLES["scripts"]
        }
        draw_curves(curves, file, format=file.suffix[1:])
    else:
        accuracies = {
            name: pd.DataFrame([accuracies_of(runs[command]) for command in commands])
            for name, commands in {
                "every sample from a zero state": STATELESS,
                "with the article's carried state": CARRIED,
            }.items()
        }
        draw_lags(accuracies, file, format=file.suffix[1:])


def main(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--seeds",
        type=positive_int,
        default=20,
        metavar="N",
        help="runs of each row, with the seeds 1 to N (default: %(default)s)",
    )
    parser.add_argument(
        "--only", choices=TABLES, help="run the three scripts or only the extensions"
    )
    parser.add_argument(
        "--figure",
        type=picture_file,
        metavar="FILE",
        help="draw the learning curves of --only scripts, or the accuracy over lag of "
        "--only extensions, into this file",
    )
    args = parser.parse_args(argv)
    if args.figure and not args.only:
        parser.error("--figure goes with --only, which says what to draw")

    # Seed by seed, so that a report after Ctrl-C has something of each row.
    jobs = [
        (command, seed)
        for seed in range(1, args.seeds + 1)
        for table in TABLES
        if args.only in (None, table)
        for command in TABLES[table]
    ]
    runs = {}
    try:
        for i, result in enumerate(run_all(jobs)):
            command, seed = jobs[i]
            runs.setdefault(command, []).append(result)
            print(f"{i + 1} of {len(jobs)}: {command}, seed {seed}", file=sys.stderr)
    except KeyboardInterrupt:
        done = sum(map(len, runs.values()))
        print(f"stopped after {done} of {len(jobs)} runs", file=sys.stderr)
    print_report(runs)
    if args.figure and all(command in runs for command, _ in jobs):
        draw(args.only, runs, args.figure)


if __name__ == "__main__":
    main()
