"""Measure the speed that the READMEs report.

    python -m tests.experiments.benchmark
    python -m tests.experiments.benchmark --only port --rounds 3

Each function in TABLES prints one table. Run it on a machine that has nothing else to do.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import keras
import numpy as np

from tests.experiments.reporting import (
    end_quietly,
    heading,
    positive_int,
    print_table,
)
from tests.porting.stateful import compile_training_pass, reset_states
from tests.scripts import SCRIPTS

ROOT = Path(__file__).parents[2]

# Our lines that save time, and what replaces them in a script without them.
WITHOUT = {
    "as it is": [],
    "no `unroll`": [(", unroll=True", "")],
    "no `jit_compile`": [("(jit_compile=True)", "")],
    "`predict`": [("model.predict_on_batch(", "model.predict(verbose=0, x=")],
    "no metric": [("    model.compute_metrics(None, np.eye(100), np.eye(100))\n", "")],
    "no `gc`": [("    gc.disable()", "    pass"), ("    gc.freeze()", "    pass")],
}


def seconds_of(*command):
    """Run a Python command; return its seconds."""
    begin = time.perf_counter()
    subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=True,
    )
    return time.perf_counter() - begin


def milliseconds_of(function, *arguments, calls=10):
    """Return the mean milliseconds of a call, after a first one that may compile."""
    function(*arguments)
    begin = time.perf_counter()
    for _ in range(calls):
        function(*arguments)
    return 1000 * (time.perf_counter() - begin) / calls


def write_without(name, script, folder):
    """Write a copy of a script without one of our lines; return its path."""
    text = (ROOT / f"{script}.py").read_text(encoding="utf-8")
    for ours, other in WITHOUT[name]:
        if ours not in text:
            raise ValueError(f"{script}.py does not contain {ours!r}")
        text = text.replace(ours, other)
    file = Path(folder, f"{script}_{list(WITHOUT).index(name)}.py")
    file.write_text(text, encoding="utf-8")
    return str(file)


def compare_port(rounds):
    """Print the seconds of whole processes: our script, and one with a fit per epoch."""
    rows = []
    for script in SCRIPTS:
        port = ["-m", "tests.experiments.fit_per_epoch", script]
        commands = [[f"{script}.py"], port]
        seconds = [[seconds_of(*c) for c in commands] for _ in range(rounds)]
        ours, port = np.median(seconds, axis=0)
        cells = [f"{ours:.1f}", f"{port:.0f}", f"{port / ours:.1f}"]
        rows.append([f"`{script}.py`", *cells])
    print_table(["seconds", "ours", "`fit` per epoch", "ratio"], rows)


def compare_lines(rounds):
    """Print the seconds of whole processes without each of our lines that save time."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for script in SCRIPTS:
            files = [write_without(name, script, folder) for name in WITHOUT]
            seconds = [[seconds_of(file) for file in files] for _ in range(rounds)]
            cells = [f"{median:.1f}" for median in np.median(seconds, axis=0)]
            rows.append([f"`{script}.py`", *cells])
    print_table(["seconds", *WITHOUT], rows)


def ways_to_train(model, batch_size):
    """Return the ways to train a stateful network on the X and y of one sequence."""

    def fit(X, y):
        model.fit(X, y, batch_size=batch_size, shuffle=False, verbose=0)
        reset_states(model)

    def train_on_batch(X, y):
        for i in range(0, len(X), batch_size):
            model.train_on_batch(X[i : i + batch_size], y[i : i + batch_size])
        reset_states(model)

    with_xla = compile_training_pass(model)
    without_xla = compile_training_pass(model, jit_compile=False)
    return {
        "`fit` and reset": fit,
        "`train_on_batch` and reset": train_on_batch,
        "our pass": lambda X, y: with_xla(model, X, y),
        "our pass, no `jit_compile`": lambda X, y: without_xla(model, X, y),
    }


def compare_larger_network(rounds):
    """Print how long two LSTMs train on a sequence of 10 batches of 8 samples."""
    X = np.random.default_rng(1).random((80, 10, 1), dtype="float32")
    longer = np.concatenate([X, X])
    rows = []
    for name in ways_to_train(two_lstms(), 8):
        train = ways_to_train(two_lstms(), 8)[name]
        begin = time.perf_counter()
        train(X, X[:, 0])
        first = time.perf_counter() - begin
        later = [milliseconds_of(train, X, X[:, 0]) for _ in range(rounds)]
        begin = time.perf_counter()
        train(longer, longer[:, 0])
        other = time.perf_counter() - begin
        rows.append([name, f"{first:.1f}", f"{np.median(later):.1f}", f"{other:.1f}"])
    print_table(["", "first call, s", "later, ms", "another length, s"], rows)


def two_lstms():
    model = keras.Sequential([keras.Input(batch_shape=(8, 10, 1))])
    model.add(keras.layers.LSTM(32, stateful=True, return_sequences=True))
    model.add(keras.layers.LSTM(32, stateful=True))
    model.add(keras.layers.Dense(1))
    model.compile(loss="mse", optimizer="adam")
    return model


TABLES = {
    "port": compare_port,
    "lines": compare_lines,
    "larger": compare_larger_network,
}


def main(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", choices=TABLES, help="print one table only")
    parser.add_argument(
        "--rounds",
        type=positive_int,
        default=3,
        metavar="N",
        help="measure N times, in turns, and print medians (default: %(default)s)",
    )
    args = parser.parse_args(argv)
    print(f"{heading()}, medians of {args.rounds}\n", flush=True)
    for name in [args.only] if args.only else TABLES:
        TABLES[name](args.rounds)


if __name__ == "__main__":
    end_quietly(main)
