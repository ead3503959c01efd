"""Run the scripts and the experiments for several seeds; print the README's tables.

    python tests/results.py
    python tests/results.py --only extensions --seeds 5
    python tests/results.py --only scripts --figure .github/curves.png

Every row is a command: it runs with --seed 1, 2, 3, ... added, and its accuracy is the
one that it prints. Stopped with Ctrl-C, this prints what it has.
"""

import argparse
import re
import sys
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

# The scripts come first: they choose Keras's backend.
import echo_current
import echo_lag
import echo_lag_no_context

# isort: split
import keras
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from reporting import heading, print_table, silently

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

EXTENSIONS = [
    *(f"echo_lag.py --lag {lag}" for lag in range(6)),
    *(f"echo_lag.py --lag {lag} --stateless" for lag in range(6)),
    "echo_lag.py --lag 4 --epochs 4000",
    "echo_lag.py --lag 4 --batch-size 20",
    "echo_lag.py --lag 1 --stateless --units 10",
    "echo_lag.py --lag 4 --stateless --units 10",
    "echo_lag.py --lag 4 --stateless --units 100",
    "echo_lag.py --missing mark",
    "echo_lag.py --missing mask",
    "echo_lag.py --missing mark --stateless",
    "echo_lag.py --missing mask --stateless",
    "echo_lag.py --context 25 --missing mask",
    "echo_lag.py --context 25 --missing mask --stateless",
    "echo_lag.py --echo-sequence",
    "echo_lag.py --echo-sequence --stateless",
    "echo_lag_no_context.py --batch-size 1",
    "echo_lag_no_context.py --batch-size 1 --epochs 8000",
    "echo_lag_no_context.py --through-time",
    "echo_lag_no_context.py --through-time --epochs 4000",
]


def run(command, seed):
    """Run a command in this process; return its accuracies and its learning curve."""
    script, *options = command.split()
    output = silently(SCRIPTS[script].main, [*options, "--seed", str(seed)])
    accuracy = re.search(r"^Accuracy over 100 .*: (\S+)$", output, re.MULTILINE)
    time_steps = re.search(r"^Accuracy by time step: (.*)$", output, re.MULTILINE)
    epochs = re.findall(r"^Epoch .* accuracy: (\S+)$", output, re.MULTILINE)
    return {
        "accuracy": float(accuracy[1]),
        "parts": [float(part) for part in time_steps[1].split()] if time_steps else [],
        "curve": pd.Series(epochs, dtype=float),
    }


def mlp(lag, seed):
    """Train 50 units that see a whole window at once, on as many sequences, as long."""
    keras.utils.set_random_seed(seed)
    model = keras.Sequential(
        [
            keras.Input((5, 100)),
            keras.layers.Flatten(),
            keras.layers.Dense(50, activation="tanh"),
            keras.layers.Dense(100, activation="softmax"),
        ]
    )
    # No state, so no reset between sequences: one `fit` takes them all, in order.
    model.compile(
        loss="categorical_crossentropy",
        optimizer="adam",
        metrics=["accuracy"],
        steps_per_execution=100,
    )
    X, y = frame_many(echo_lag.EPOCHS, lag)
    model.fit(X, y, batch_size=echo_lag.BATCH_SIZE, shuffle=False, verbose=0)
    X, y = frame_many(100, lag)
    _, accuracy = model.evaluate(X, y, verbose=0)
    return {"accuracy": accuracy, "parts": [], "curve": None}


def frame_many(n_sequences, lag):
    """Return the samples of several new random sequences, one after the other."""
    framed = [echo_lag.generate_data(lag=lag) for _ in range(n_sequences)]
    X, y = zip(*framed, strict=True)
    return np.concatenate(X), np.concatenate(y)


def by_batch(network, framing, seed):
    """Return the accuracy of echo_lag.py in each batch of a sequence."""
    keras.utils.set_random_seed(seed)
    model = echo_lag.build_model(**network)
    silently(echo_lag.train, model, **framing)
    right = []
    for _ in range(100):
        X, y = echo_lag.generate_data(**framing)
        yhat = echo_lag.predict(model, X)
        right.append(keras.metrics.categorical_accuracy(y, yhat))
    batches = np.reshape(right, (100, -1, model.input_shape[0]))
    return {"parts": batches.mean(axis=(0, 2))}


# The rows of each table, as functions that take a seed and return a result.
TABLES = {
    "scripts": {command: partial(run, command) for command in CLAIMS},
    "extensions": {
        **{f"`{command}`": partial(run, command) for command in EXTENSIONS},
        "an MLP instead of the LSTM, lag 1": partial(mlp, 1),
        "an MLP instead of the LSTM, lag 4": partial(mlp, 4),
    },
    "batches": {
        **{
            f"`echo_lag.py --lag {lag}`": partial(by_batch, {}, {"lag": lag})
            for lag in range(6)
        },
        "`echo_lag.py --missing mask --stateless`": partial(
            by_batch,
            {"missing": "mask", "stateful": False, "batch_size": 4},
            {"missing": "mask"},
        ),
    },
}


def percent(value):
    return f"{100 * value:.1f} %"


def median_and_range(values):
    """Return the two cells of a table: the median, and the least to the greatest."""
    least_to_most = f"{percent(min(values))} to {percent(max(values))}"
    return percent(np.median(values)), least_to_most


def epochs_to_95(runs):
    """Return the median epoch by which 20 epochs in a row averaged 95 %, as a cell."""
    if runs[0]["curve"] is None:
        return "not measured"
    epochs = []
    for result in runs:
        reached = result["curve"].rolling(20).mean() >= 0.95
        epochs.append(reached.idxmax() + 1 if reached.any() else np.inf)
    median = np.median(epochs)
    return f"{median:.0f}" if np.isfinite(median) else "not reached"


def print_scripts(runs):
    """Print how each script compares with what the article says of it."""
    rows = []
    for command in runs:
        claim, meets = CLAIMS[command]
        accuracies = [result["accuracy"] for result in runs[command]]
        met = sum(meets(accuracy) for accuracy in accuracies)
        cells = [f"`{command}`", *median_and_range(accuracies), claim]
        rows.append([*cells, f"{met} of {len(accuracies)} seeds"])
    columns = ["command", "accuracy, median", "range", "the article", "borne out by"]
    print_table(columns, rows)


def print_extensions(runs):
    """Print the accuracy of each experiment and how soon it was reached."""
    rows = []
    for name in runs:
        accuracies = [result["accuracy"] for result in runs[name]]
        cells = [name, *median_and_range(accuracies), epochs_to_95(runs[name])]
        rows.append([*cells, len(accuracies)])
    columns = ["command", "accuracy, median", "range", "epochs to 95 %", "seeds"]
    print_table(columns, rows)


def print_parts(title, runs):
    """Print the median accuracy of each time step or batch."""
    medians = {
        name: np.median([result["parts"] for result in results], axis=0)
        for name, results in runs.items()
    }
    most = max(len(median) for median in medians.values())
    rows = [
        [name, *map(percent, median), *[""] * (most - len(median))]
        for name, median in medians.items()
    ]
    print_table([title, *range(1, most + 1)], rows)


def print_report(results):
    """Print the tables of all runs so far: results is a dict of dicts of lists."""
    print(f"{heading()}\n")
    if runs := results.get("scripts"):
        print_scripts(runs)
    if runs := results.get("extensions"):
        print_extensions(runs)
        runs = {name: runs[name] for name in runs if "--echo-sequence" in name}
        if runs:
            print_parts("median accuracy by time step", runs)
    if runs := results.get("batches"):
        print_parts("median accuracy by batch", runs)


def draw(results, file):
    """Draw the scripts' learning curves, each with a band from least to greatest seed."""
    figure = Figure(figsize=(9, 5), layout="constrained")
    axis = figure.subplots()
    # Colours of Okabe and Ito, which colour-blind readers tell apart.
    for command, colour in zip(CLAIMS, ["#0072B2", "#D55E00", "#009E73"], strict=True):
        curves = pd.concat([result["curve"] for result in results[command]], axis=1)
        curves = curves.set_axis(curves.index + 1).rolling(25, min_periods=1).mean()
        median = curves.median(axis=1)
        median.plot(ax=axis, color=colour, linewidth=2.5, label=command)
        axis.fill_between(
            curves.index,
            curves.min(axis=1),
            curves.max(axis=1),
            color=colour,
            alpha=0.25,
            linewidth=0,
        )
    axis.axhline(
        0.01, color="black", linestyle="--", linewidth=1.5, label="chance, 1 %"
    )
    axis.set_xlabel("epoch", fontsize=15)
    axis.set_ylabel("accuracy, mean of 25 epochs", fontsize=15)
    axis.tick_params(labelsize=14)
    axis.set_xlim(0, None)
    axis.legend(fontsize=14, loc="center right")
    figure.savefig(file, dpi=100)


def main(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--seeds",
        type=echo_lag.positive_int,
        default=20,
        metavar="N",
        help="runs of each row, with the seeds 1 to N (default: %(default)s)",
    )
    parser.add_argument(
        "--only",
        choices=["scripts", "extensions"],
        help="run the three scripts as they are, or only the experiments",
    )
    parser.add_argument(
        "--figure",
        metavar="FILE",
        help="draw the scripts' learning curves into this file",
    )
    args = parser.parse_args(argv)

    if args.figure is not None:
        if args.only == "extensions":
            parser.error(
                "--figure draws the scripts, which --only extensions leaves out"
            )
        empty = {"curve": pd.Series([0.0])}
        try:
            # A picture that cannot be written shows now, not after the runs.
            draw({command: [empty] for command in CLAIMS}, args.figure)
        except (ValueError, OSError, RuntimeError) as error:
            parser.error(str(error))

    chosen = {"scripts": ["scripts"], "extensions": ["extensions", "batches"]}
    # Seed by seed, so that a report after Ctrl-C has something of each row.
    jobs = [
        (table, name, seed)
        for seed in range(1, args.seeds + 1)
        for table in chosen.get(args.only, TABLES)
        for name in TABLES[table]
    ]
    results = {}
    try:
        for i, (table, name, seed) in enumerate(jobs, start=1):
            print(f"run {i} of {len(jobs)}: {name}, seed {seed}", file=sys.stderr)
            result = TABLES[table][name](seed)
            results.setdefault(table, {}).setdefault(name, []).append(result)
            keras.backend.clear_session()
    except KeyboardInterrupt:
        print(f"stopped in run {i} of {len(jobs)}", file=sys.stderr)
    print_report(results)
    if args.figure is not None and len(results.get("scripts", {})) == len(CLAIMS):
        draw(results["scripts"], args.figure)


if __name__ == "__main__":
    main()
