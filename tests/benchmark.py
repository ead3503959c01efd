"""Measure the speed that the READMEs report.

    python tests/benchmark.py
    python tests/benchmark.py --only port --rounds 3

Every table is a function below. Run it on a machine that has nothing else to do.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
import types
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

# The scripts come first: they choose Keras's backend.
import echo_lag

# isort: split
import extensions
import fit_per_epoch
import keras
import numpy as np
from reporting import end_quietly, heading, positive_int, print_table

from sequences import generate_sequence

SCRIPTS = ["echo_current.py", "echo_lag_no_context.py", "echo_lag.py"]

# What a script could do without, and the line that does.
VARIANTS = {
    "as it is": [],
    "no `unroll=True`": [(", unroll=True", "")],
    "no `jit_compile=True`": [("(jit_compile=True)", "")],
    "`model.predict`": [
        ("model.predict_on_batch(X)", "model.predict(X, verbose=0)"),
        ("model.predict_on_batch(batch)", "model.predict(batch, verbose=0)"),
    ],
    "variables made by the pass": [("    model.compute_metrics(", "    (")],
    "no lines for `gc`": [("gc.set_threshold(1_000_000)\n", ""), ("gc.freeze()\n", "")],
}


def run(*command):
    """Run a Python command; return its seconds and the most memory that it used, in MB."""
    begin = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *command],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - begin
    if status:
        raise RuntimeError(f"{' '.join(map(str, command))} ended with status {status}")
    return seconds, usage.ru_maxrss / 1024


def change(script, replacements):
    """Return a script's text with some of its lines changed."""
    text = (ROOT / script).read_text()
    for old, new in replacements:
        text = text.replace(old, new)
    return text


def in_turns(rounds, *functions):
    """Call functions in turns; return the median of what each returns over the rounds."""
    return np.median([[f() for f in functions] for _ in range(rounds)], axis=0)


def compare_port(rounds):
    """Print the seconds of whole processes, ours and the one with a fit per epoch."""
    rows = []
    for script in SCRIPTS:
        port = ["tests/fit_per_epoch.py", script.removesuffix(".py")]
        ours, theirs = in_turns(rounds, lambda: run(script)[0], lambda: run(*port)[0])
        row = [f"`{script}`", f"{ours:.1f}", f"{theirs:.0f}", f"{theirs / ours:.1f}"]
        rows.append(row)
    print_table(["seconds", "ours", "`fit` per epoch", "ratio"], rows)


def compare_variants(rounds):
    """Print the seconds of whole processes without each of the lines that save time."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for script in SCRIPTS:
            files = []
            for i, replacements in enumerate(VARIANTS.values()):
                files.append(Path(folder, f"{i}_{script}"))
                files[-1].write_text(change(script, replacements))
            seconds = in_turns(rounds, *[lambda f=f: run(f)[0] for f in files])
            rows.append([f"`{script}`", *(f"{value:.1f}" for value in seconds)])
    print_table(["seconds", *VARIANTS], rows)


def compare_lengths(rounds):
    """Print the milliseconds per epoch, after the first, for longer sequences."""
    rows = []
    for length in (25, 250, 2500):
        ours, port = echo_lag.build_model(), fit_per_epoch.build_model(50, (5, 5, 100))
        X, y = echo_lag.generate_data(generate_sequence(length))
        compiled = echo_lag.compile_training_pass(ours, X, y)
        functions = [
            lambda: compiled(X, y)["loss"].numpy(),
            lambda: fit_per_epoch.train(port, 1, lambda: (X, y)),
        ]
        ours, theirs = in_turns(
            rounds, *[lambda f=f: milliseconds(f) for f in functions]
        )
        batches = len(X) // 5
        rows.append([length, batches, f"{ours:.1f}", f"{theirs:.0f}"])
    print_table(["length", "batches", "ours, ms", "`fit` and reset, ms"], rows)


def milliseconds(function, times=10):
    """Return the mean milliseconds of a call, after a first one that may compile."""
    function()
    begin = time.perf_counter()
    for _ in range(times):
        function()
    return 1000 * (time.perf_counter() - begin) / times


class Clock(keras.callbacks.Callback):
    """Notes when the first batch of a fit begins, and when the last one ends."""

    def on_train_batch_begin(self, batch, logs=None):
        if batch == 0:
            self.first = time.perf_counter()

    def on_train_batch_end(self, batch, logs=None):
        self.last = time.perf_counter()


def where_fit_spends_its_time(rounds):
    """Print what parts of a call of fit come before, in and after its batches."""
    model = fit_per_epoch.build_model(50, (5, 5, 100))
    clock = Clock()
    shares = []
    for _ in range(20 * rounds):
        X, y = echo_lag.generate_data()
        begin = time.perf_counter()
        model.fit(
            X, y, epochs=1, batch_size=5, verbose=0, shuffle=False, callbacks=[clock]
        )
        times = np.array([begin, clock.first, clock.last, time.perf_counter()])
        shares.append(np.diff(times))
    # The first call compiles.
    before, within, after = 1000 * np.median(shares[1:], axis=0)
    print_table(
        [
            "a call of `fit`, part 4",
            "before the first batch",
            "batches",
            "after the last",
        ],
        [["ms", f"{before:.0f}", f"{within:.0f}", f"{after:.0f}"]],
    )


def compare_larger_network(rounds):
    """Print the time of fit and of the pass for two stateful LSTMs, with and without XLA."""
    modules = {"`fit` and reset": None}
    for name, replacements in [
        ("with XLA", []),
        ("without XLA", VARIANTS["no `jit_compile=True`"]),
    ]:
        modules[f"compiled pass, {name}"] = module = types.ModuleType("variant")
        module.__file__ = "echo_lag.py"
        exec(change("echo_lag.py", replacements), vars(module))
    rows = []
    for name, module in modules.items():
        model = keras.Sequential(
            [
                keras.Input(batch_shape=(8, 10, 1)),
                keras.layers.LSTM(32, stateful=True, return_sequences=True),
                keras.layers.LSTM(32, stateful=True),
                keras.layers.Dense(1),
            ]
        )
        model.compile(loss="mse", optimizer="adam")
        X = np.random.default_rng(1).random((80, 10, 1), dtype="float32")
        longer, y = np.concatenate([X, X]), X[:, 0]

        begin = time.perf_counter()
        if module:
            compiled = module.compile_training_pass(model, X, y)
            function = lambda X=X, y=y: compiled(X, y)["loss"].numpy()
        else:
            function = lambda X=X, y=y: fit_per_epoch.train(model, 1, lambda: (X, y))
        function()
        first = time.perf_counter() - begin
        later = np.median([milliseconds(function) for _ in range(rounds)])
        begin = time.perf_counter()
        function(longer, longer[:, 0])
        other = time.perf_counter() - begin
        rows.append([name, f"{first:.1f}", f"{later:.1f}", f"{other:.1f}"])
    print_table(
        ["2 x LSTM(32), 10 batches of 8", "first, s", "later, ms", "a new length, s"],
        rows,
    )


def compare_unique(rounds):
    """Print the milliseconds per epoch and the memory for more and more unique values."""
    rows = []
    for count in (2, 10, 100, 1000, 10000):
        cells = []
        for embedding in ([], ["--embedding"]):
            command = [
                "tests/extensions.py",
                "--unique",
                str(count),
                *embedding,
                "--epochs",
            ]
            epochs = 200
            short, (long, memory) = (
                run(*command, "1")[0],
                run(*command, str(1 + epochs)),
            )
            cells += [f"{1000 * (long - short) / epochs:.1f}", f"{memory:.0f}"]
        rows.append([f"{count:,}", *cells])
    print_table(
        [
            "unique values",
            "one hot, ms per epoch",
            "MB",
            "embedding, ms per epoch",
            "MB",
        ],
        rows,
    )


TABLES = {
    "port": compare_port,
    "variants": compare_variants,
    "lengths": compare_lengths,
    "fit": where_fit_spends_its_time,
    "larger": compare_larger_network,
    "unique": compare_unique,
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
        help="measure everything N times, in turns, and print medians (default: 3)",
    )
    args = parser.parse_args(argv)
    print(f"{heading()}, medians of {args.rounds}\n", flush=True)
    for name, compare in TABLES.items():
        if args.only in (None, name):
            compare(args.rounds)
            sys.stdout.flush()


if __name__ == "__main__":
    end_quietly(main)
