"""Draw the pictures of README.md anew, curves.png and learned.png, in 5 minutes.

    python -m tests.experiments.pictures

How does the training accuracy of the scripts rise (seeds 1 to 20)? Which value of a window
does part 4's network return (seeds 1 to 5)?
"""

import contextlib
import importlib
from argparse import ArgumentParser, RawTextHelpFormatter
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from tests.experiments.extensions import build_model, feed_one_at_a_time, parse, train
from tests.scripts import SCRIPTS

FOLDER = Path(__file__).parents[2] / ".github"
# Small, so that the text is large on a slide, and of high resolution.
SLIDE = {"figsize": (7.2, 4), "dpi": 180, "layout": "constrained"}

# Colours of Okabe and Ito, which colour-blind readers tell apart.
CURVES = dict(zip(SCRIPTS, ("#0072B2", "#D55E00", "#009E73")))

# The networks of "learned" and their titles.
LEARNED = {
    "--stateless": "Trained from a zero state:\nit returns the value at step 4",
    "--lag 1": "Trained with the carried state:\nit looks one value back",
}


def trained(command, seed):
    """Return the network of a command line of extensions.py, trained with this seed."""
    keras.utils.set_random_seed(seed)
    options = parse(command)
    model = build_model(options)
    with contextlib.redirect_stdout(None):
        train(model, options)
    return model


def learned(sequences, answers, most=10):
    """Return how many answers to windows of 1, 2, ... equal the value at step 1, 2, ..."""
    # The answer to the n-th value is the answer to a window of n values.
    equal = answers[:, :most, np.newaxis] == sequences[:, np.newaxis, :most]
    return np.tril(equal.mean(axis=0))


def draw_learned(panels):
    """Draw tables of shares, side by side; panels: dict from titles to shares."""
    figure = Figure(**SLIDE)
    for axis, (title, shares) in zip(figure.subplots(1, 2), panels.items()):
        axis.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        for (row, column), share in np.ndenumerate(shares):
            if share >= 0.05:  # Small ones would hide the pattern.
                color = "white" if share > 0.5 else "black"
                text = f"{100 * share:.0f}"
                axis.text(column, row, text, color=color, ha="center", va="center")
        numbers = range(1, len(shares) + 1)
        axis.set_xticks(range(len(shares)), numbers)
        axis.set_yticks(range(len(shares)), numbers)
        axis.set_title(title, fontsize="medium", fontweight="bold")
    figure.supxlabel("which value it returns (cells: % of the sequences)")
    figure.supylabel("values in the window")
    return figure


def curves(script):
    """Return the training accuracies of a script, a Series for each of 20 seeds."""
    module = importlib.import_module(script)
    accuracies = []
    for seed in range(1, 21):
        keras.utils.set_random_seed(seed)
        with contextlib.redirect_stdout(None):
            accuracies.append(module.fit(module.build_model())["accuracy"])
    return accuracies


def draw_curves(accuracies):
    """Draw what `curves` returns of each script: medians, in bands that span the seeds."""
    figure = Figure(**SLIDE)
    axis = figure.subplots()
    for script, colour in CURVES.items():
        seeds = pd.concat(accuracies[script], axis=1).rolling(25, min_periods=1).mean()
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


def main():
    ArgumentParser(
        description=__doc__, formatter_class=RawTextHelpFormatter
    ).parse_args()
    panels = {}
    for command, title in LEARNED.items():
        models = [trained(command, seed) for seed in range(1, 6)]
        shares = [learned(*feed_one_at_a_time(model)) for model in models]
        panels[title] = np.median(shares, axis=0)
    draw_learned(panels).savefig(FOLDER / "learned.png")
    accuracies = {script: curves(script) for script in CURVES}
    draw_curves(accuracies).savefig(FOLDER / "curves.png")


if __name__ == "__main__":
    main()
