"""Draw the README's pictures.

    python tests/pictures.py .github/state.png

draws where the carried state comes from and how far gradients reach, out of the framings
and the networks' own batch sizes. The other two pictures show measurements: results.py
draws them.
"""

import argparse
import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

# The scripts come first: they choose Keras's backend.
import echo_lag
import echo_lag_no_context

# isort: split
import extensions
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch, Patch, Rectangle
from matplotlib.ticker import PercentFormatter, StrMethodFormatter
from reporting import picture_file

from sequences import one_hot_decode

# Colours of Okabe and Ito, which colour-blind readers tell apart.
BLUE, VERMILLION, GREEN, SKY = "#0072B2", "#D55E00", "#009E73", "#56B4E9"


def draw_curves(curves, file, format):
    """Draw learning curves, each a median over its seeds in a band from least to most.

    curves: dict from a name to a list of Series, an accuracy for each epoch.
    """
    figure = Figure(figsize=(9, 5), layout="constrained")
    axis = figure.subplots()
    # Where there is room for the name of each line: x, y.
    places = [(270, 0.94), (1000, 0.06), (900, 0.55)]
    for (name, runs), colour, place in zip(
        curves.items(), [BLUE, VERMILLION, GREEN], places, strict=True
    ):
        seeds = pd.concat(runs, axis=1).rolling(25, min_periods=1).mean()
        draw_band(axis, seeds.set_axis(seeds.index + 1), colour)
        axis.text(
            *place, name, color=colour, fontsize=15, fontweight="bold", in_layout=False
        )
    # Thin and last, so that it hides no line.
    axis.axhline(0.01, color="black", linestyle="--", linewidth=1.2)
    axis.text(1000, -0.05, "chance: 1 %", fontsize=15, in_layout=False)
    axis.yaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
    axis.tick_params(labelsize=14)
    axis.set_xlabel("epoch", fontsize=15)
    axis.set_ylabel("accuracy, mean of 25 epochs", fontsize=15)
    axis.set_xlim(0, None)
    axis.set_ylim(-0.08, 1.04)
    figure.savefig(file, format=format, dpi=100)


def draw_lags(epochs, limits, file, format):
    """Draw how many epochs each lag needs, a median over its seeds from least to most.

    epochs: dict from a name to a DataFrame, a row for each lag, a column for a seed;
        infinity for a seed that has not learned the lag.
    limits: dict from a name to how many epochs each lag was trained.
    """
    figure = Figure(figsize=(9, 5), layout="constrained")
    axis = figure.subplots()
    axis.set_yscale("log")
    most = max(map(max, limits.values()))
    axis.axhline(most, color="black", linestyle="--", linewidth=1.2)
    styles = [(BLUE, "s"), (GREEN, "D"), (VERMILLION, "o")]
    for i, ((name, seeds), (colour, marker)) in enumerate(
        zip(epochs.items(), styles, strict=True)
    ):
        x = seeds.index + 0.22 * (i - 1)
        median = seeds.median(axis=1).replace(np.inf, np.nan)
        # A bar that reaches the limit has seeds that go on beyond it.
        greatest = seeds.clip(upper=pd.Series(limits[name]), axis=0).max(axis=1)
        axis.errorbar(
            x,
            median,
            yerr=[median - seeds.min(axis=1), greatest - median],
            fmt=marker,
            color=colour,
            markersize=8,
            capsize=9,
            linewidth=2.5,
            label=name,
        )
        missed = np.isinf(seeds).sum(axis=1)
        for lag in seeds.index[median.isna()]:
            # The seeds that have learned it, hollow, and how many have not.
            few = seeds.loc[lag][np.isfinite(seeds.loc[lag])]
            axis.plot([x[lag]] * len(few), few, "o", color=colour, markerfacecolor="w")
            axis.text(
                x[lag],
                most * 1.1,
                f"not within\n{limits[name][lag]:,}:\n{missed[lag]} of {seeds.shape[1]} seeds",
                color=colour,
                fontsize=14,
                ha="center",
                va="bottom",
            )
    axis.set_xlabel("lag: how far before the window's last value", fontsize=15)
    axis.set_ylabel("epochs until 95 %", fontsize=15)
    axis.set_xticks(seeds.index)
    axis.set_xlim(-0.5, seeds.index[-1] + 0.7)
    axis.set_ylim(100, most * 5)
    axis.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axis.tick_params(labelsize=14)
    axis.grid(axis="y", color="lightgrey")
    figure.legend(
        fontsize=14,
        loc="outside upper center",
        ncols=3,
        columnspacing=1,
        handletextpad=0.2,
        title="each window starts from",
        title_fontsize=14,
        frameon=False,
    )
    figure.savefig(file, format=format, dpi=100)


def draw_band(axis, seeds, colour):
    """Draw the median of a DataFrame's columns and a band from the least to the most."""
    seeds.median(axis=1).plot(ax=axis, color=colour, linewidth=3.5)
    least, most = seeds.min(axis=1), seeds.max(axis=1)
    axis.fill_between(seeds.index, least, most, color=colour, alpha=0.25, linewidth=0)


def trace(sequence, asked, generate_data, batch_size, time_steps):
    """Follow what the network has for one answer.

    sequence: distinct integers.
    asked: the position in the sequence of the value that is asked for.
    generate_data: a framing, whose samples the network takes as `batch_size` samples of
        `time_steps`, in order.
    Returns: the positions in the sequence of the values that the sample shows up to this
        answer, and, oldest first, of those that the samples before left in its state.
    """
    X, y = generate_data(sequence)
    read = [sequence.index(value) for value in np.ravel(one_hot_decode(X))]
    answers = [sequence.index(value) for value in one_hot_decode(y)]
    samples = np.reshape(read, (-1, time_steps))
    # A sample has an answer for each time step, or one at its end.
    answers = np.reshape(answers, (len(samples), -1))
    ((sample, answer),) = np.argwhere(answers == asked)
    time_step = time_steps - answers.shape[1] + answer
    # A batch hands the state of each row to the same row of the next batch.
    before = samples[sample % batch_size : sample : batch_size]
    return samples[sample, : time_step + 1].tolist(), before.ravel().tolist()


def verdict(value, asked, shown, carried):
    """Say whether the network can, and why, from the positions that `trace` returns."""
    if asked in shown:
        return (
            "Can",
            f"{value} is in the sample: gradients reach the step that read it.",
        )
    if asked in carried:
        return (
            "Hardly",
            f"{value} is in the state, but no gradient reaches the step that read it.",
        )
    return "Cannot", f"{value} is neither in the sample nor in the state."


def draw_trace(axis, sequence, asked, shown, carried):
    """Draw a sequence as boxes, and what `trace` returns for one answer."""
    for position, value in enumerate(sequence):
        colour = SKY if position in shown else "white"
        axis.add_patch(
            Rectangle((position, 0), 1, 1, facecolor=colour, edgecolor="grey")
        )
        axis.text(position + 0.5, 0.47, value, fontsize=16, ha="center", va="center")
    axis.add_patch(
        Rectangle((asked, 0), 1, 1, fill=False, edgecolor=VERMILLION, linewidth=4)
    )
    # The state comes from the last value read before the sample, or is zero.
    source = carried[-1] + 0.5 if carried else -0.7
    if not carried:
        axis.text(source, 0.5, "zero\nstate", fontsize=14, ha="center", va="center")
    axis.add_patch(
        FancyArrowPatch(
            (source, 1.0),
            (shown[0] + 0.5, 1.0),
            connectionstyle="arc3,rad=-0.25",
            arrowstyle="-|>",
            color="black",
            clip_on=False,
            mutation_scale=22,
            linewidth=2.5,
        )
    )
    axis.plot(
        [shown[0] + 0.1, shown[-1] + 0.9], [-0.25, -0.25], color=BLUE, linewidth=6
    )


def draw_state(file, format):
    """Draw what part 3 and its two mends and part 4 have for the same answer."""
    sequence = random.Random(1).sample(range(100), 13)
    asked = 9
    one_by_one = extensions.parse_args(["--no-context", "--batch-size", "1"])
    n_samples = len(one_by_one.framing(sequence)[0])
    batch, _, _ = echo_lag_no_context.build_model().input_shape
    window_batch, window, _ = echo_lag.build_model().input_shape
    panels = {
        f"Part 3: batches of {batch}, 1 time step": (
            echo_lag_no_context.generate_data,
            batch,
            1,
        ),
        f"Part 3 with batches of {one_by_one.batch_size}": (
            one_by_one.framing,
            one_by_one.batch_size,
            1,
        ),
        "Part 3 trained through time: the sequence is one sample": (
            extensions.parse_args(["--through-time"]).framing,
            1,
            n_samples,
        ),
        f"Part 4: batches of {window_batch}, windows of {window} time steps": (
            echo_lag.generate_data,
            window_batch,
            window,
        ),
    }

    figure = Figure(figsize=(9, 9), layout="constrained")
    figure.get_layout_engine().set(h_pad=0.12)
    for axis, (title, panel) in zip(figure.subplots(len(panels)), panels.items()):
        shown, carried = trace(sequence, asked, *panel)
        draw_trace(axis, sequence, asked, shown, carried)
        answer, reason = verdict(sequence[asked], asked, shown, carried)
        axis.set_title(f"{answer}. {title}", fontsize=17, fontweight="bold", loc="left")
        axis.text(0, -1, reason, fontsize=16)
        axis.set(xlim=(-1.1, len(sequence) + 0.1), ylim=(-1.1, 2))
        axis.axis("off")
    figure.legend(
        handles=[
            Patch(
                facecolor="none", edgecolor=VERMILLION, linewidth=4, label="asked for"
            ),
            Patch(facecolor=SKY, edgecolor="grey", label="read by then in the sample"),
            Line2D(
                [], [], color="black", marker=">", markersize=10, label="carried state"
            ),
            Line2D([], [], color=BLUE, linewidth=6, label="reach of gradients"),
        ],
        loc="outside upper center",
        ncols=2,
        fontsize=16,
        frameon=False,
    )
    figure.savefig(file, format=format, dpi=80)


def main(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "file", type=picture_file, help="such as state.png or state.svg"
    )
    args = parser.parse_args(argv)
    draw_state(args.file, format=args.file.suffix[1:])


if __name__ == "__main__":
    main()
