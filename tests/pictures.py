"""Draw the README's pictures.

    python tests/pictures.py state .github/state.png
    python tests/pictures.py learned .github/learned.png

"state" shows where the value to echo is, in the data and the networks of the scripts.
"learned" trains networks, for three minutes, and shows which value they return. The other
two pictures show measurements: results.py draws them.
"""

import argparse
import contextlib
import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

# The scripts come first: they choose Keras's backend.
import echo_lag
import echo_lag_no_context

# isort: split
import extensions
import keras
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import PercentFormatter, StrMethodFormatter
from reporting import picture_file

from sequences import one_hot_decode

# Colours of Okabe and Ito, which colour-blind readers tell apart.
BLUE, VERMILLION, GREEN, SKY = "#0072B2", "#D55E00", "#009E73", "#56B4E9"
SEEDS = range(1, 6)


def draw_curves(curves, file, format):
    """Draw learning curves, each a median over its seeds in a band from lowest to highest.

    curves: dict from a script to a list of Series, the accuracy in each epoch.
    """
    figure = Figure(figsize=(9, 5), layout="constrained")
    axis = figure.subplots()
    # Where there is room for the name of each line: x, y.
    labels = [
        (270, 0.9, "part 2, echo_current.py:\nthe current value"),
        (1000, 0.05, "part 3, echo_lag_no_context.py:\nthe value before, no context"),
        (1060, 0.45, "part 4, echo_lag.py:\nthe value before, 5 time steps"),
    ]
    for runs, colour, label in zip(
        curves.values(), [BLUE, VERMILLION, GREEN], labels, strict=True
    ):
        seeds = pd.concat(runs, axis=1).rolling(25, min_periods=1).mean()
        draw_band(axis, seeds.set_axis(seeds.index + 1), colour)
        axis.text(*label, color=colour, fontsize=14, fontweight="bold", in_layout=False)
    # Thin and last, so that it hides no line.
    axis.axhline(0.01, color="black", linestyle="--", linewidth=1.2)
    axis.text(20, -0.055, "chance: 1 %", fontsize=14, in_layout=False)
    axis.yaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
    axis.tick_params(labelsize=14)
    axis.set_xlabel("epoch", fontsize=15)
    axis.set_ylabel("training accuracy, mean of 25 epochs", fontsize=14)
    axis.set_xlim(0, None)
    axis.set_ylim(-0.08, 1.04)
    figure.savefig(file, format=format, dpi=100)


def draw_lags(epochs, limits, file, format):
    """Draw how many epochs each lag needs, a median over its seeds from lowest to highest.

    epochs: dict from how a window starts to a DataFrame, one row per lag and one column per
        seed; infinity for a seed that has not learned the lag.
    limits: dict from how a window starts to the epochs of training for each lag.
    """
    figure = Figure(figsize=(9, 6), layout="constrained")
    axis = figure.subplots()
    axis.set_yscale("log")
    styles = [(BLUE, "s"), (SKY, "^"), (GREEN, "D"), (VERMILLION, "o")]
    for i, ((name, seeds), (colour, marker)) in enumerate(
        zip(epochs.items(), styles, strict=True)
    ):
        x = seeds.index + 0.18 * (i - 1.5)
        # A seed that has not learned the lag is drawn where its training stopped.
        shown = seeds.clip(upper=pd.Series(limits[name]), axis=0)
        median = shown.median(axis=1)
        bars = [median - shown.min(axis=1), shown.max(axis=1) - median]
        axis.errorbar(
            x, median, bars, fmt="none", ecolor=colour, capsize=6, linewidth=2
        )
        learned = np.isfinite(seeds.median(axis=1))
        axis.plot(x, median.where(learned), marker, color=colour, ms=9, label=name)
        axis.plot(x, median.mask(learned), marker, color=colour, ms=9, mfc="w")
        for lag in seeds.index[~learned]:
            # Neighbours have their labels above and below, so that these do not touch.
            axis.annotate(
                f"{np.isfinite(seeds.loc[lag]).sum()}/{seeds.shape[1]}",
                (x[lag], median[lag]),
                (0, 14 if i % 2 else -14),
                textcoords="offset points",
                color=colour,
                fontsize=13,
                ha="center",
                va="center",
            )
    axis.set_xlabel("lag: how many values before the last one (1 is the article's)")
    axis.set_ylabel("epochs until the accuracy is 95 %")
    axis.xaxis.label.set_size(15)
    axis.yaxis.label.set_size(15)
    axis.set_xticks(range(5))
    axis.set_xlim(-0.5, 4.5)
    axis.set_ylim(100, 40_000)
    axis.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axis.tick_params(labelsize=14)
    axis.grid(axis="y", color="lightgrey")
    figure.legend(
        fontsize=13,
        loc="outside upper center",
        ncols=2,
        title="A window starts from ... (hollow: most seeds had not learned it yet)",
        title_fontsize=13,
        frameon=False,
    )
    figure.savefig(file, format=format, dpi=100)


def draw_band(axis, seeds, colour):
    """Draw the median of a DataFrame's columns and a band from the lowest to the highest."""
    seeds.median(axis=1).plot(ax=axis, color=colour, linewidth=3.5)
    least, most = seeds.min(axis=1), seeds.max(axis=1)
    axis.fill_between(seeds.index, least, most, color=colour, alpha=0.25, linewidth=0)


def trace(sequence, asked, generate_data, batch_size, time_steps):
    """Return which values of a sequence the network can use for one answer.

    sequence: distinct integers.
    asked: the position in the sequence of the value to echo.
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


def measured(row, column="accuracy"):
    """Return a cell of a row in tests/README.md, such as "99.9 %"."""
    lines = Path(__file__).with_name("README.md").read_text().splitlines()
    columns = ["row", "accuracy", "range", "one at a time"]
    # Some rows come again, in a table by batch or by number.
    line = next(line for line in lines if line.startswith(f"| `{row}` |"))
    return line.split(" | ")[columns.index(column)]


def draw_trace(axis, sequence, asked, shown, carried):
    """Draw a sequence as boxes, and what `trace` returns for one answer."""
    now = shown[-1]
    for position, value in enumerate(sequence):
        colour = "white" if position not in shown else SKY if position < now else BLUE
        axis.add_patch(
            Rectangle((position, 0), 1, 1, facecolor=colour, edgecolor="grey")
        )
        shade = {now: "white"}.get(position, "black" if position < now else "darkgrey")
        axis.text(
            position + 0.5,
            0.47,
            value,
            color=shade,
            fontsize=16,
            ha="center",
            va="center",
        )
    axis.add_patch(
        Rectangle((asked, 0), 1, 1, fill=False, edgecolor=VERMILLION, linewidth=4)
    )
    # The carried state comes from the last value read before the sample.
    if carried:
        axis.annotate(
            "",
            (shown[0] + 0.5, 1.05),
            (carried[-1] + 0.5, 1.05),
            arrowprops={
                "arrowstyle": "-|>",
                "connectionstyle": "arc3,rad=-0.3",
                "linewidth": 2.5,
                "color": "black",
                "mutation_scale": 20,
            },
        )
    if len(shown) > 1:
        axis.annotate(
            "",
            (shown[0] + 0.3, -0.25),
            (now + 0.7, -0.25),
            arrowprops={
                "arrowstyle": "-|>",
                "linewidth": 2.5,
                "color": GREEN,
                "mutation_scale": 20,
            },
        )


def draw_state(file, format):
    """Draw where the value to echo is for the networks of part 3, part 4 and in between."""
    sequence = random.Random(1).sample(range(100), 13)
    asked = 9
    batch, _, _ = echo_lag_no_context.build_model().input_shape
    window_batch, window, _ = echo_lag.build_model().input_shape
    frame_3, frame_4 = echo_lag_no_context.generate_data, echo_lag.generate_data
    value = sequence[asked]
    shown, carried = trace(sequence, asked, frame_4, window_batch, window)
    panels = [
        (
            f"Part 3 cannot learn it: {measured('echo_lag_no_context.py')}",
            (
                f"{value} is neither in the sample nor in the state: with batches of {batch},\n"
                f"the state comes from the sample {batch} places before."
            ),
            trace(sequence, asked, frame_3, batch, 1),
        ),
        (
            (
                "Part 3 in batches of 1 hardly learns it: "
                f"{measured('--context 1 --batch-size 1')}"
            ),
            f"{value} is in the state, but no gradient reaches the step that read it.",
            trace(sequence, asked, frame_3, 1, 1),
        ),
        (
            (
                "Part 3 with each sequence as one sample learns it: "
                f"{measured('--through-time --epochs 4000', 'one at a time')}"
            ),
            (
                f"{value} is in the sample, and gradients reach the step that read it. {sequence[0]} has\n"
                "nothing to echo, so it is not in the sample. (4,000 epochs, not 2,000)"
            ),
            trace(sequence, asked, frame_3, 1, len(frame_3(sequence)[0])),
        ),
        (
            f"Part 4 learns it: {measured('echo_lag.py')}",
            (
                f"{value} is in the sample, a window of {window}. The state comes from the window that\n"
                f"ends at {sequence[carried[-1]]}, {window_batch} samples before, as a batch has {window_batch} rows."
            ),
            (shown, carried),
        ),
    ]

    figure = Figure(figsize=(9, 10.5), layout="constrained")
    figure.get_layout_engine().set(h_pad=0.08)
    for axis, (title, reason, positions) in zip(figure.subplots(len(panels)), panels):
        draw_trace(axis, sequence, asked, *positions)
        axis.set_title(title, fontsize=17, fontweight="bold", loc="left")
        axis.text(0, -0.55, reason, fontsize=14.5, va="top")
        axis.set(xlim=(-0.1, len(sequence) + 0.1), ylim=(-1.5, 1.9))
        axis.axis("off")
    figure.legend(
        title="Time runs from left to right; grey numbers are still to come.",
        title_fontsize=15,
        handles=[
            Patch(facecolor=BLUE, edgecolor="grey", label="input now"),
            Patch(facecolor=SKY, edgecolor="grey", label="read before, in this sample"),
            Patch(
                facecolor="none",
                edgecolor=VERMILLION,
                linewidth=4,
                label="value to echo (lag 1)",
            ),
            Line2D([], [], color="black", marker=">", ms=10, label="carried state"),
            Line2D([], [], color=GREEN, marker="<", ms=10, label="gradients"),
        ],
        loc="outside upper center",
        ncols=3,
        fontsize=14,
        frameon=False,
    )
    figure.savefig(file, format=format, dpi=80)


def answered_steps(stateless, seeds=SEEDS):
    """Train part 4's network, and find which value of a window it returns.

    Returns: array (10, 10). Entry [n, s] is the share of answers to windows of n + 1 values
        that equal the value at step s + 1, a mean over the seeds.
    """
    shares = []
    for seed in seeds:
        keras.utils.set_random_seed(seed)
        model = extensions.build_model(stateless=stateless)
        with contextlib.redirect_stdout(None):
            echo_lag.train(model)
        # The answer to the n-th number is the answer to a window of n values.
        sequences, answers = extensions.feed_one_at_a_time(model, shape=(5, 100))
        equal = answers[:, :10, None] == sequences[:, None, :10]
        shares.append(equal.mean(axis=0))
    return np.mean(shares, axis=0)


def draw_learned(shares, file, format):
    """Draw which value of a window the networks return.

    shares: two arrays as `answered_steps` returns them, from a zero state and carried.
    """
    figure = Figure(figsize=(10, 5.4), layout="constrained")
    titles = [
        "Trained from a zero state:\nit returns the value at step 4",
        "Trained with the carried state:\nit looks one value back",
    ]
    for axis, panel, title in zip(figure.subplots(1, 2, sharey=True), shares, titles):
        lengths = range(3, 11)
        shown = np.where(np.tri(10), panel, np.nan)[2:]
        image = axis.imshow(shown, cmap="Blues", vmin=0, vmax=1)
        for row, length in enumerate(lengths):
            axis.add_patch(
                Rectangle(
                    (length - 2.45, row - 0.45),
                    0.9,
                    0.9,
                    fill=False,
                    edgecolor=VERMILLION,
                    linewidth=3,
                )
            )
            for step, share in enumerate(shown[row]):
                if share >= 0.05:
                    axis.text(
                        step,
                        row,
                        f"{100 * share:.0f}",
                        color="white" if share > 0.5 else "black",
                        fontsize=12,
                        ha="center",
                        va="center",
                    )
        axis.set_title(title, fontsize=15, fontweight="bold")
        axis.set_xticks(range(10), range(1, 11))
        axis.set_yticks(range(len(lengths)), lengths)
        axis.set_xlabel("step of the window", fontsize=14)
        axis.tick_params(labelsize=13)
    figure.axes[0].set_ylabel("values in the window", fontsize=14)
    bar = figure.colorbar(
        image, ax=figure.axes, format=PercentFormatter(1, symbol=" %")
    )
    bar.set_label("answers that equal the value at this step", fontsize=13)
    figure.legend(
        handles=[
            Patch(
                facecolor="none",
                edgecolor=VERMILLION,
                linewidth=3,
                label="right answer",
            )
        ],
        loc="outside lower center",
        fontsize=14,
        frameon=False,
    )
    figure.savefig(file, format=format, dpi=90)


def main(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("picture", choices=["state", "learned"])
    parser.add_argument(
        "file", type=picture_file, metavar="FILE", help="such as state.png or state.svg"
    )
    args = parser.parse_args(argv)
    format = args.file.suffix[1:]
    if args.picture == "state":
        draw_state(args.file, format)
    else:
        shares = [answered_steps(stateless) for stateless in (True, False)]
        draw_learned(shares, args.file, format)


if __name__ == "__main__":
    main()
