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

# Runs that no option of a script makes, by functions of this file.
PROBES = {
    "an MLP instead of the LSTM, lag 1": lambda seed: mlp(1, seed),
    "an MLP instead of the LSTM, lag 4": lambda seed: mlp(4, seed),
}

LAGS_BY_BATCH = range(1, 6)


def run(command, seed):
    """Run a command in this process; return its accuracies and its learning curve."""
    script, *options = command.split()
    output = silently(SCRIPTS[script].main, [*options, "--seed", str(seed)])
    accuracy = re.search(r"^Accuracy over 100 .*: (\S+)$", output, re.MULTILINE)
    time_steps = re.search(r"^Accuracy by time step: (.*)$", output, re.MULTILINE)
    epochs = re.findall(r"^Epoch .* accuracy: (\S+)$", output, re.MULTILINE)
    return {
        "accuracy": float(accuracy[1]),
        "by part": np.fromstring(time_steps[1], sep=" ") if time_steps else None,
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
    return {"accuracy": accuracy, "by part": None, "curve": pd.Series(dtype=float)}


def frame_many(n_sequences, lag):
    """Return the samples of several new random sequences, one after the other."""
    framed = [echo_lag.generate_data(lag=lag) for _ in range(n_sequences)]
    X, y = zip(*framed, strict=True)
    return np.concatenate(X), np.concatenate(y)


def by_batch(lag, seed):
    """Return the accuracy of echo_lag.py in each of the four batches of a sequence."""
    keras.utils.set_random_seed(seed)
    model = echo_lag.build_model()
    silently(echo_lag.train, model, lag=lag)
    right = []
    for _ in range(100):
        X, y = echo_lag.generate_data(lag=lag)
        yhat = echo_lag.predict(model, X)
        right.append(keras.metrics.categorical_accuracy(y, yhat))
    batches = np.reshape(right, (100, -1, echo_lag.BATCH_SIZE))
    return {"by part": batches.mean(axis=(0, 2))}


def percent(value):
    return f"{100 * value:.1f} %"


def median_and_range(values):
    """Return the two cells of a table: the median, and the least to the greatest."""
    series = pd.Series(values)
    return percent(
        series.median()
    ), f"{percent(series.min())} to {percent(series.max())}"


def epochs_to_95(runs):
    """Return the median epoch by which 20 epochs in a row averaged 95 %, as a cell."""
    epochs = []
    for result in runs:
        reached = result["curve"].rolling(20).mean() >= 0.95
        epochs.append(reached.idxmax() + 1 if reached.any() else np.inf)
    median = float(np.median(epochs))
    return f"{median:.0f}" if np.isfinite(median) else "not reached"


def print_report(results):
    """Print the tables of all runs so far: results is a dict of lists, by row."""
    print(f"{heading()}\n")
    scripts = [command for command in CLAIMS if command in results]
    if scripts:
        rows = []
        for command in scripts:
            claim, meets = CLAIMS[command]
            accuracies = [result["accuracy"] for result in results[command]]
            met = sum(meets(accuracy) for accuracy in accuracies)
            cells = [f"`{command}`", *median_and_range(accuracies), claim]
            rows.append([*cells, f"{met} of {len(accuracies)} seeds"])
        columns = [
            "command",
            "accuracy, median",
            "range",
            "the article",
            "borne out by",
        ]
        print_table(columns, rows)

    extensions = [row for row in (*EXTENSIONS, *PROBES) if row in results]
    if extensions:
        rows = []
        for row in extensions:
            runs = results[row]
            accuracies = [result["accuracy"] for result in runs]
            name = f"`{row}`" if row in EXTENSIONS else row
            epochs = "" if row in PROBES else epochs_to_95(runs)
            rows.append([name, *median_and_range(accuracies), epochs, len(runs)])
        columns = ["command", "accuracy, median", "range", "epochs to 95 %", "seeds"]
        print_table(columns, rows)

    steps = [row for row in EXTENSIONS if "--echo-sequence" in row and row in results]
    print_parts("command, median accuracy by time step", "`{}`", steps, results)
    lags = [lag for lag in LAGS_BY_BATCH if lag in results]
    print_parts("median accuracy by batch", "`echo_lag.py --lag {}`", lags, results)


def print_parts(title, name, rows, results):
    """Print a table with the median accuracy of each time step or batch."""
    if rows:
        parts = {
            row: np.median([result["by part"] for result in results[row]], axis=0)
            for row in rows
        }
        n_parts = len(parts[rows[0]])
        print_table(
            [title, *range(1, n_parts + 1)],
            [[name.format(row), *map(percent, parts[row])] for row in rows],
        )


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

    jobs = {}
    if args.only != "extensions":
        jobs |= {command: lambda seed, c=command: run(c, seed) for command in CLAIMS}
    if args.only != "scripts":
        jobs |= {
            command: lambda seed, c=command: run(c, seed) for command in EXTENSIONS
        }
        jobs |= PROBES
        jobs |= {lag: lambda seed, k=lag: by_batch(k, seed) for lag in LAGS_BY_BATCH}
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

    results = {}
    n_runs = len(jobs) * args.seeds
    try:
        # Seed by seed, so that a report after Ctrl-C has something of each row.
        for i, (seed, name) in enumerate(
            (seed, name) for seed in range(1, args.seeds + 1) for name in jobs
        ):
            print(f"run {i + 1} of {n_runs}: {name}, seed {seed}", file=sys.stderr)
            results.setdefault(name, []).append(jobs[name](seed))
            keras.backend.clear_session()
    except KeyboardInterrupt:
        print(f"stopped in run {i + 1} of {n_runs}", file=sys.stderr)
    print_report(results)
    if args.figure is not None and all(command in results for command in CLAIMS):
        draw(results, args.figure)


if __name__ == "__main__":
    main()
