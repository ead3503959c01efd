"""Train networks with the seeds 1 to 20, or 1 to 5, and draw a picture of what they do.

    python -m tests.experiments.pictures curves .github/curves.png

"curves": how does the training accuracy of the scripts rise? "learned": which value of a
window does part 4's network return? "inside": which values can a linear read-out find in its
state? The last two also print their tables, with the lowest and the highest seed.
"""

import argparse
import contextlib
import importlib
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from sklearn.linear_model import RidgeClassifier

from tests.experiments.extensions import build_model, feed_one_at_a_time, parse, train
from tests.scripts import SCRIPTS

# On a slide of this size, in inches, no text is smaller than 17 points.
SLIDE, SMALL, LARGE = (13.3, 7.5), 17, 21

# Colours of Okabe and Ito, which colour-blind readers tell apart.
CURVES = dict(zip(SCRIPTS, ("#0072B2", "#D55E00", "#009E73")))
ZERO, CARRIED = "Trained from a zero state:", "Trained with the carried state:"


def trained(command, seed):
    """Return the network of a command line of extensions.py, trained with this seed."""
    keras.utils.set_random_seed(seed)
    options = parse(command)
    model = build_model(options)
    with contextlib.redirect_stdout(None):
        train(model, options)
    return model


def learned(model, most=10):
    """Return how many answers to windows of 1, 2, ... equal the value at step 1, 2, ..."""
    sequences, answers = feed_one_at_a_time(model)
    # The answer to the n-th value is the answer to a window of n values.
    equal = answers[:, :most, np.newaxis] == sequences[:, np.newaxis, :most]
    return np.tril(equal.mean(axis=0))


def stored(model, n=6000, steps=9):
    """Return in which share of the outputs h of step 1, 2, ... value 1, 2, ... is found."""
    lstm, unique = model.layers[0], model.output_shape[-1]
    layer = keras.layers.LSTM(lstm.units, return_sequences=True)
    states = keras.Sequential([keras.Input((steps, unique)), layer])
    layer.set_weights(lstm.get_weights())
    sequences = np.random.randint(unique, size=(n, steps))
    h = states.predict(np.eye(unique)[sequences], verbose=0)
    shares = np.zeros((steps, steps))
    for step in range(steps):
        for value in range(step + 1):
            shares[step, value] = share_found(h[:, step], sequences[:, value])
    return shares


def share_found(states, values):
    """Fit a linear read-out on two thirds of the states; score it on the others."""
    fitted = len(states) * 2 // 3
    read_out = RidgeClassifier().fit(states[:fitted], values[:fitted])
    return read_out.score(states[fitted:], values[fitted:])


# Of each table: what it measures, its axes, its networks and their titles.
TABLES = {
    "learned": (learned, "which value it returns", "values in the window", {
        "--stateless": f"{ZERO}\nit returns the value at step 4",
        "--lag 1": f"{CARRIED}\nit looks one value back",
    }),
    "inside": (stored, "which value is found", "after which step", {
        "--stateless": f"{ZERO}\nit stores value 4 and keeps it",
        "--lag 1": f"{CARRIED}\nit stores the last two values",
    }),
}  # fmt: skip


def draw_shares(panels, x, y):
    """Return two tables of shares, side by side; panels: dict from titles to shares."""
    figure = Figure(figsize=SLIDE, layout="constrained")
    for axis, (title, shares) in zip(figure.subplots(1, 2), panels.items()):
        axis.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        for (row, column), share in np.ndenumerate(shares):
            if share >= 0.05:  # Small ones would hide the pattern.
                style = {"fontsize": SMALL, "ha": "center", "va": "center"}
                style["color"] = "white" if share > 0.5 else "black"
                axis.text(column, row, f"{100 * share:.0f}", **style)
        ticks = range(len(shares)), range(1, len(shares) + 1)
        axis.set_xticks(*ticks, fontsize=SMALL)
        axis.set_yticks(*ticks, fontsize=SMALL)
        axis.set_title(title, fontsize=LARGE, fontweight="bold")
    figure.supxlabel(f"{x} (cells: % of the sequences)", fontsize=LARGE)
    figure.supylabel(y, fontsize=LARGE)
    return figure


def curves(script):
    """Return the training accuracies of a script, a Series for each of 20 seeds."""
    module, accuracies = importlib.import_module(script), []
    for seed in range(1, 21):
        keras.utils.set_random_seed(seed)
        with contextlib.redirect_stdout(None):
            accuracies.append(module.fit(module.build_model())["accuracy"])
    return accuracies


def draw_curves(accuracies):
    """Draw what `curves` returns of each script: medians, in bands that span the seeds."""
    figure = Figure(figsize=SLIDE, layout="constrained")
    axis = figure.subplots()
    for script, colour in CURVES.items():
        seeds = pd.concat(accuracies[script], axis=1).rolling(25, min_periods=1).mean()
        name = f"{script}.py (part {SCRIPTS[script].part})"
        axis.plot(seeds.median(axis=1), color=colour, linewidth=4, label=name)
        bounds = seeds.min(axis=1), seeds.max(axis=1)
        axis.fill_between(seeds.index, *bounds, color=colour, alpha=0.25, linewidth=0)
    axis.axhline(0.01, color="black", linestyle="--", label="chance: 1 %")
    axis.legend(fontsize=LARGE, loc="center right")
    axis.set_xlim(0, None)
    axis.yaxis.set_major_formatter("{x:.0%}")
    axis.tick_params(labelsize=SMALL)
    axis.set_xlabel("epoch", fontsize=LARGE)
    axis.set_title("Training accuracy, mean of 25 epochs", fontsize=LARGE)
    return figure


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("picture", choices=["curves", *TABLES])
    parser.add_argument("file", type=Path, metavar="FILE", help="such as picture.png")
    args = parser.parse_args()
    if not args.file.parent.is_dir():
        parser.error(f"{args.file}: its folder does not exist")
    if args.picture == "curves":
        figure = draw_curves({script: curves(script) for script in CURVES})
    else:
        (measure, x, y, networks), panels = TABLES[args.picture], {}
        for command, title in networks.items():
            seeds = [measure(trained(command, seed)) for seed in range(1, 6)]
            for name in "median", "min", "max":
                shares = getattr(np, name)(seeds, axis=0)
                numbers = range(1, len(shares) + 1)
                table = pd.DataFrame(100 * shares, numbers, numbers).round().astype(int)
                print(f"{command}: {name} of 5 seeds, in %\n{table.to_string()}\n")
            panels[title] = np.median(seeds, axis=0)
        figure = draw_shares(panels, x, y)
    figure.savefig(args.file, bbox_inches="tight")


if __name__ == "__main__":
    main()
