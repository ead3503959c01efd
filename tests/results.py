"""Run the scripts and the extensions for several seeds; print the READMEs' tables.

    python tests/results.py
    python tests/results.py --only reasons --seeds 5
    python tests/results.py --only scripts --figure .github/curves.png

Every row is a command: it runs with --seed 1, 2, 3, ... added, and its accuracy is the
one that it prints. Stopped with Ctrl-C, or by a run that fails, this prints what it has.
"""

import argparse
import multiprocessing
import re
import signal
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
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
import tensorflow as tf
from pictures import draw_curves, draw_lags
from reporting import heading, picture_file, positive_int, print_table, silently

SCRIPTS = {
    "echo_current.py": echo_current,
    "echo_lag_no_context.py": echo_lag_no_context,
    "echo_lag.py": echo_lag,
}

# What the article says of each script, and the accuracies that we say bear it out.
CLAIMS = {
    "echo_current.py": ("100 %", "at 100 %", lambda accuracy: accuracy == 1),
    "echo_lag_no_context.py": ("0 %", "under 2 %", lambda accuracy: accuracy < 0.02),
    "echo_lag.py": (
        "95 to 100 % in its last printed epochs",
        "at least 95 %",
        lambda accuracy: accuracy >= 0.95,
    ),
}

# The most epochs that a network gets to learn a lag with the carried state.
LIMIT = 40_000
LAGS = range(6)
CARRIED = [f"extensions.py --lag {lag}" for lag in LAGS]
STATELESS = [f"extensions.py --lag {lag} --stateless" for lag in LAGS]
# A row for each lag in the window of 5, with the epochs that it needs.
UNTIL_95 = {
    "a zero state": STATELESS[:5],
    "the carried state, the start marked": [
        *(f"extensions.py --lag {lag} --mark-start" for lag in range(4)),
        "extensions.py --lag 4 --mark-start --epochs 10000",
    ],
    "the carried state": [
        *CARRIED[:2],
        "extensions.py --lag 2 --epochs 20000",
        *(f"extensions.py --lag {lag} --epochs {LIMIT}" for lag in (3, 4)),
    ],
}
TABLES = {
    "scripts": list(SCRIPTS),
    "extensions": [
        *CARRIED,
        *STATELESS,
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
        "extensions.py --through-time",
        "extensions.py --through-time --epochs 4000",
        "extensions.py --mlp --lag 1",
        "extensions.py --mlp --lag 4",
        "extensions.py --mlp --lag 5",
    ],
    "reasons": [
        *(command for commands in UNTIL_95.values() for command in commands),
        "extensions.py --lag 5 --epochs 20000",
        "extensions.py --lag 1 --swap-state",
        "extensions.py --lag 2 --swap-state",
        "extensions.py --lag 4 --swap-state",
        "extensions.py --echo-sequence --swap-state",
        "extensions.py --lag 2 --random-state --epochs 6000",
        "extensions.py --lag 4 --random-state --epochs 6000",
        "extensions.py --lag 0 --cut-gradients",
        "extensions.py --lag 1 --cut-gradients --epochs 20000",
        "extensions.py --through-time --cut-gradients --epochs 20000",
        "extensions.py --no-context --batch-size 1 --epochs 20000",
        "extensions.py --no-context --batch-size 1 --freeze-lstm",
        "extensions.py --no-context --batch-size 1 --freeze-lstm --epochs 20000",
        "extensions.py --lag 0 --missing mask --stateless",
        "extensions.py --missing mask --stateless --epochs 6000",
        "extensions.py --lag 1 --stateless --units 10 --epochs 20000",
        "extensions.py --lag 4 --stateless --units 10 --epochs 20000",
    ],
}
COMMANDS = list(
    dict.fromkeys(command for table in TABLES.values() for command in table)
)
BY_TIME_STEP = [command for command in COMMANDS if "--echo-sequence" in command]
BY_BATCH = [
    command
    for command in COMMANDS
    if command in CARRIED or "mask --stateless" in command or "-size 1" in command
]

# TensorFlow keeps all that it ever compiled: one process crashed in its 261st run.
RUNS_OF_A_PROCESS = 20


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
    """Yield the result of each job, a command and a seed, in order; two run at a time.

    Raises: RuntimeError if the next job's run fails, or its process dies.
    """
    with ThreadPoolExecutor(2) as threads:
        futures = [threads.submit(run_in_own_process, job) for job in jobs]
        try:
            for future in futures:
                yield future.result()
        finally:
            threads.shutdown(wait=False, cancel_futures=True)
            # Stopped early, this waits for no run that nobody will see.
            while any(future.running() for future in futures):
                for process in multiprocessing.active_children():
                    process.terminate()
                time.sleep(0.1)


class Own(threading.local):
    """The process of a thread, and how many runs the thread has had."""

    process = None
    runs = 0


own = Own()


def run_in_own_process(job):
    """Run a job in the process of this thread, so that a death tells which run it was."""
    if own.runs % RUNS_OF_A_PROCESS == 0:
        if own.process:
            own.process.shutdown()
        own.process = ProcessPoolExecutor(
            1, multiprocessing.get_context("spawn"), initializer=prepare_process
        )
    own.runs += 1
    future = own.process.submit(run, *job)
    error = future.exception()
    if error:
        command, seed = job
        raise RuntimeError(f"{command}, seed {seed}, failed: {error!r}") from error
    return future.result()


def prepare_process():
    """Leave Ctrl-C to the process that reports, and the other core to the other runs."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    tf.config.threading.set_intra_op_parallelism_threads(1)


def percent(value):
    return f"{100 * value:.1f} %"


def median_and_range(values):
    """Return the two cells of a table: the median, and the least to the greatest."""
    least_to_most = f"{percent(min(values))} to {percent(max(values))}"
    return percent(np.median(values)), least_to_most


def epochs_to_95(runs):
    """Return the epoch by which 20 in a row averaged 95 %, for each run; infinity if none."""
    epochs = []
    for result in runs:
        reached = result["curve"].rolling(20).mean() >= 0.95
        epochs.append(reached.idxmax() + 1 if reached.any() else np.inf)
    return epochs


def accuracies_of(results):
    return [result["accuracy"] for result in results]


def print_scripts(runs):
    """Print how each script compares with what the article says of it."""
    rows = []
    for command, results in runs.items():
        claim, criterion, meets = CLAIMS[command]
        accuracies = accuracies_of(results)
        met = sum(meets(accuracy) for accuracy in accuracies)
        cells = [f"`{command}`", *median_and_range(accuracies), claim]
        rows.append([*cells, f"{met} of {len(accuracies)} seeds {criterion}"])
    columns = ["command", "accuracy, median", "range", "the article", "borne out"]
    print_table(columns, rows)


def print_extensions(runs):
    """Print the accuracy of each extension and how soon it was reached."""
    rows = []
    for command, results in runs.items():
        cells = [f"`{command}`", *median_and_range(accuracies_of(results))]
        epochs = np.array(epochs_to_95(results))
        learned = np.isfinite(epochs).sum()
        if np.isfinite(np.median(epochs)):
            reached = f"{np.median(epochs):.0f}"
        else:
            reached = (
                f"by {learned} of {len(epochs)} seeds" if learned else "not reached"
            )
        rows.append([*cells, reached, len(results)])
    columns = ["command", "accuracy, median", "range", "epochs to 95 %", "seeds"]
    print_table(columns, rows)


def print_parts(kind, commands, runs):
    """Print the commands' median accuracy in each part: by time step or by batch.

    Of many parts, the first 6 tell how it goes on.
    """
    medians = {
        command: np.median([result[kind] for result in runs[command]], axis=0)[:6]
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


def print_report(runs, tables=TABLES):
    """Print the tables of all runs so far: a dict from a command to its seeds' results."""
    print(f"{heading()}\n")
    for table in tables:
        done = {command: runs[command] for command in TABLES[table] if command in runs}
        if done:
            print_runs = print_scripts if table == "scripts" else print_extensions
            print_runs(done)
    print_parts("by time step", BY_TIME_STEP, runs)
    print_parts("by batch", BY_BATCH, runs)


def draw(table, runs, file):
    """Draw the scripts' learning curves, or the epochs that each lag needs."""
    if table == "scripts":
        curves = {
            command: [result["curve"] for result in runs[command]]
            for command in TABLES["scripts"]
        }
        draw_curves(curves, file, format=file.suffix[1:])
    else:
        epochs = {
            name: pd.DataFrame([epochs_to_95(runs[command]) for command in commands])
            for name, commands in UNTIL_95.items()
        }
        limits = {
            name: [len(runs[command][0]["curve"]) for command in commands]
            for name, commands in UNTIL_95.items()
        }
        draw_lags(epochs, limits, file, format=file.suffix[1:])


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
        "--only",
        choices=TABLES,
        help="run only the three scripts, the extensions, or the experiments that test "
        "the reasons",
    )
    parser.add_argument(
        "--figure",
        type=picture_file,
        metavar="FILE",
        help="draw the learning curves of --only scripts, or the epochs over lag of "
        "--only reasons, into this file",
    )
    args = parser.parse_args(argv)
    if args.figure and args.only not in ("scripts", "reasons"):
        parser.error("--figure goes with --only scripts or --only reasons")

    # Seed by seed, so that a report after Ctrl-C has something of each row.
    tables = [args.only] if args.only else list(TABLES)
    commands = dict.fromkeys(command for table in tables for command in TABLES[table])
    jobs = [
        (command, seed) for seed in range(1, args.seeds + 1) for command in commands
    ]
    runs = {}
    stopped = None
    try:
        for i, result in enumerate(run_all(jobs)):
            command, seed = jobs[i]
            runs.setdefault(command, []).append(result)
            print(f"{i + 1} of {len(jobs)}: {command}, seed {seed}", file=sys.stderr)
    except KeyboardInterrupt:
        done = sum(map(len, runs.values()))
        stopped = f"stopped after {done} of {len(jobs)} runs"
    except RuntimeError as error:
        stopped = str(error)
    print_report(runs, tables)
    if stopped:
        sys.exit(stopped)
    if args.figure:
        draw(args.only, runs, args.figure)


if __name__ == "__main__":
    main()
