"""Draw the pictures anew, and print the table of each: medians, lowest and highest.

    python -m tests.experiments.pictures > tests/experiments/pictures.txt
    python -m tests.experiments.pictures --marks

marks.png: which answers are right, one value at a time (from results.csv, in seconds)?
learned.png: which value of a window does part 4's network return (seeds 1 to 5)?
inside.png: which values does a linear read-out find in its output h (the same networks)?
curves.png: how does the training accuracy of the scripts rise (seeds 1 to 20)?
"""

import contextlib
import importlib
import sys
from argparse import ArgumentParser, RawTextHelpFormatter
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from sklearn.linear_model import RidgeClassifier

from tests.experiments import results
from tests.experiments.extensions import build_model, feed, parse, train
from tests.scripts import SCRIPTS

FOLDER = Path(__file__).parents[2] / ".github"
# Small, so that the text is large on a slide, and of high resolution.
SLIDE = {"figsize": (7.2, 4), "dpi": 180, "layout": "constrained"}

# Colours of Okabe and Ito, which colour-blind readers tell apart.
CURVES = dict(zip(SCRIPTS, ("#0072B2", "#D55E00", "#009E73")))

# The rows of "marks": commands of results.csv, and how each trains part 4.
MARKS = {
    "--stateless": "zero state",
    "--echo-sequence --stateless": "zero state, an answer each step",
    "--burn-in 10": "zero state, then burn-in",
    "--lag 1": "carried state",
    "--mark first": "carried state, marked",
}

# The networks of learned.png and inside.png, and their titles.
RETURNED = {
    "--stateless": "Trained from a zero state:\nfrom 4 values on, it returns value 4",
    "--lag 1": "Trained with the carried state:\nit looks one value back",
}
INSIDE = {
    "--stateless": "Trained from a zero state:\nit stores value 4 and keeps it",
    "--lag 1": "Trained with the carried state:\nit stores the last two values",
}


def trained(command, seed):
    """Return the network of a command line of extensions.py, trained with this seed."""
    print(f"Training {command}, seed {seed}", file=sys.stderr)
    options = parse(command)
    keras.utils.set_random_seed(seed)
    model = build_model(options)
    with contextlib.redirect_stdout(None):
        train(model, options)
    return model


def learned(sequences, answers, most=10):
    """Return how many answers to windows of 1, 2, ... equal the value at step 1, 2, ..."""
    # The answer to the n-th value is the answer to a window of n values.
    equal = answers[:, :most, np.newaxis] == sequences[:, np.newaxis, :most]
    return np.tril(equal.mean(axis=0))


def stored(model, n_sequences=6000, most=10):
    """Return which share of value 1, 2, ... is found in the output h after 1, 2, ... values.

    Returns: array (values read, which value); 0 where a value has not been read yet.
    """
    lstm, unique = model.layers[0], model.output_shape[-1]
    # The same LSTM, from a zero state, with its output after each value.
    layer = keras.layers.LSTM(lstm.units, return_sequences=True)
    network = keras.Sequential([keras.Input((most, unique)), layer])
    network.set_weights(lstm.get_weights())
    sequences = np.random.randint(unique, size=(n_sequences, most))
    h = network.predict(np.eye(unique)[sequences], verbose=0)
    shares = np.zeros((most, most))
    for step, value in zip(*np.tril_indices(most)):
        shares[step, value] = share_found(h[:, step], sequences[:, value])
    return shares


def share_found(states, values):
    """Fit a linear read-out on two thirds of the states; score it on the others."""
    n = len(states) * 2 // 3
    read_out = RidgeClassifier().fit(states[:n], values[:n])
    return read_out.score(states[n:], values[n:])


def draw_shares(panels, columns, rows):
    """Draw tables of shares, side by side; panels: dict from titles to shares."""
    figure = Figure(**SLIDE)
    for axis, (title, shares) in zip(figure.subplots(1, 2), panels.items()):
        axis.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        write_cells(axis, shares)
        numbers = range(1, len(shares) + 1)
        axis.set_xticks(range(len(shares)), numbers)
        axis.set_yticks(range(len(shares)), numbers)
        axis.set_title(title, fontsize="medium", fontweight="bold")
    figure.supxlabel(f"{columns} (cells: % of the sequences)")
    figure.supylabel(rows)
    return figure


def marks():
    """Return which share of the answers 2, 3, ..., 25 is right, a row for each of MARKS.

    Raises: ValueError if results.csv lacks a run.
    """
    for command, seed in results.lacking():
        if command in MARKS:
            raise ValueError(f"{results.FILE} lacks {command!r}, seed {seed}")
    runs = results.read_runs()
    rows = [results.by_number(runs[runs.command == c]).median()[1:] for c in MARKS]
    numbers = range(2, 26)
    return pd.DataFrame(np.array(rows), index=[*MARKS.values()], columns=numbers)


def draw_marks(shares):
    """Draw what `marks` returns."""
    figure = Figure(figsize=(11.5, 3.4), dpi=140, layout="constrained")
    axis = figure.subplots()
    axis.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    write_cells(axis, shares, fontsize=11)
    names = [f"{name}  {row}" for row, name in enumerate(shares.index, start=1)]
    axis.set_xticks(range(shares.shape[1]), shares.columns, fontsize=14)
    axis.set_yticks(range(len(names)), names, fontsize=16)
    axis.set_xlabel("answer after so many values (cells: % right)", fontsize=16)
    axis.set_title("Which answers are right, one value at a time?", fontsize=18)
    return figure


def write_cells(axis, shares, **options):
    """Write shares into the cells of a drawn table, in %."""
    for (row, column), share in np.ndenumerate(shares):
        if share >= 0.05:  # Small ones would hide the pattern.
            color = "white" if share > 0.5 else "black"
            how = {"color": color, "ha": "center", "va": "center", **options}
            axis.text(column, row, f"{100 * share:.0f}", **how)


def save(figure, name, text):
    """Save a picture; what it shows stands in the file, too, as a text."""
    figure.savefig(FOLDER / name, metadata={"Description": text})


def curves(script):
    """Return the training accuracies of a script, a Series for each of 20 seeds."""
    module = importlib.import_module(script)
    accuracies = []
    for seed in range(1, 21):
        print(f"Training {script}.py, seed {seed}", file=sys.stderr)
        keras.utils.set_random_seed(seed)
        with contextlib.redirect_stdout(None):
            accuracies.append(module.fit(module.build_model())["accuracy"])
    return accuracies


def smooth(accuracies):
    """Return the means of 25 epochs, a DataFrame with a column for each seed."""
    return pd.concat(accuracies, axis=1).rolling(25, min_periods=1).mean()


def draw_curves(accuracies):
    """Draw what `curves` returns of each script: medians, in bands that span the seeds."""
    figure = Figure(**SLIDE)
    axis = figure.subplots()
    for script, colour in CURVES.items():
        seeds = smooth(accuracies[script])
        name = f"{script}.py (part {SCRIPTS[script].part})"
        axis.plot(seeds.median(axis=1), color=colour, linewidth=2, label=name)
        bounds = seeds.min(axis=1), seeds.max(axis=1)
        axis.fill_between(seeds.index, *bounds, color=colour, alpha=0.25, linewidth=0)
    axis.axhline(0.01, color="black", linestyle="--", label="chance: 1 %")
    axis.legend(loc="center right")
    axis.set_xlim(0, None)
    axis.yaxis.set_major_formatter("{x:.0%}")
    axis.set_xlabel("epoch")
    axis.set_title("Training accuracy, mean of 25 epochs")
    return figure


def tables(title, runs, rows, columns):
    """Return the median, the lowest and the highest of runs, arrays of shares, in %."""
    text = ""
    for name, function in [
        ("median", np.median),
        ("lowest", np.min),
        ("highest", np.max),
    ]:
        shares = 100 * function(runs, axis=0)
        table = pd.DataFrame(shares, rows, columns).round().astype(int)
        text += f"{title}: {name} of {len(runs)} seeds, in %\n{table.to_string()}\n\n"
    return text


def save_shares(name, heading, titles, runs, columns, rows):
    """Draw the medians of runs, a dict from commands; print their tables."""
    text, medians = f"{name}: {heading}\n", {}
    for command, title in titles.items():
        numbers = range(1, 1 + len(runs[command][0]))
        text += tables(command, runs[command], numbers, numbers)
        medians[title] = np.median(runs[command], axis=0)
    print(text, end="")
    save(draw_shares(medians, columns, rows), name, text)


def main():
    parser = ArgumentParser(description=__doc__, formatter_class=RawTextHelpFormatter)
    parser.add_argument("--marks", action="store_true", help="draw only marks.png")
    options = parser.parse_args()
    try:
        shares = marks()
    except ValueError as error:
        parser.error(str(error))
    save(draw_marks(shares), "marks.png", shares.to_csv())
    if options.marks:
        return
    returned, found = {}, {}
    for command in RETURNED:
        models = [trained(command, seed) for seed in range(1, 6)]
        returned[command] = [learned(*feed(model)) for model in models]
        found[command] = [stored(model) for model in models]
    heading = "a row is the values in the window, a column which one it returns"
    names = "which value it returns", "values in the window"
    save_shares("learned.png", heading, RETURNED, returned, *names)
    heading = "a row is the values read, a column which one is found"
    names = "which value is found", "values read"
    save_shares("inside.png", heading, INSIDE, found, *names)

    text = "curves.png: training accuracies, means of 25 epochs, after so many epochs\n"
    accuracies = {script: curves(script) for script in CURVES}
    for script, runs in accuracies.items():
        epochs = [n for n in (100, 250, 500, 1000, 1500, 2000) if n <= len(runs[0])]
        shares = smooth(runs).loc[epochs].to_numpy().T
        text += tables(f"{script}.py", shares[:, np.newaxis], ["accuracy"], epochs)
    print(text, end="")
    save(draw_curves(accuracies), "curves.png", text)


if __name__ == "__main__":
    main()
