"""Draw the READMEs' pictures, each to be read from the last row of a lecture room.

    python -m tests.experiments.pictures state .github/state.png
    python -m tests.experiments.pictures learned .github/learned.png

"state" shows which values reach an answer, in the data and the networks of the scripts.
"learned" trains networks, for three minutes, and shows which value they return. results.py
draws the learning curves.
"""

import argparse
import contextlib
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import PercentFormatter

import echo_lag
import echo_lag_no_context
from sequences import one_hot_decode
from tests.experiments.extensions import (
    build_model,
    feed_one_at_a_time,
    generate_data,
    train,
)
from tests.experiments.reporting import picture_file
from tests.scripts import SCRIPTS

REPORT = Path(__file__).with_name("README.md")
# Colours of Okabe and Ito, which colour-blind readers tell apart.
BLUE, VERMILLION, GREEN, SKY = "#0072B2", "#D55E00", "#009E73", "#56B4E9"
# Inches. On a slide of this size, no text is smaller than 16 points.
SLIDE = (13.3, 7.5)
SMALL, LARGE = 17, 21  # points


def draw_curves(curves, file, format):
    """Draw learning curves, each a median over its seeds in a band from lowest to highest.

    curves: dict from a script to a list of Series, the accuracy in each epoch.
    """
    figure = Figure(figsize=SLIDE, layout="constrained")
    axis = figure.subplots()
    # A line's colour, where there is room for its name (x, y), and what it must echo.
    styles = {
        "echo_current.py": (BLUE, 230, 0.84, "current value"),
        "echo_lag_no_context.py": (VERMILLION, 900, 0.05, "previous value, no context"),
        "echo_lag.py": (GREEN, 1000, 0.5, "previous value, 5 time steps"),
    }
    for script, runs in curves.items():
        seeds = pd.concat(runs, axis=1).rolling(25, min_periods=1).mean()
        colour, x, y, task = styles[script]
        draw_band(axis, seeds.set_axis(seeds.index + 1), colour)
        name = f"part {SCRIPTS[Path(script).stem].part}, {script}:\n{task}"
        style = {"color": colour, "fontsize": LARGE, "fontweight": "bold"}
        axis.text(x, y, name, **style, in_layout=False)
    # Thin and last, so that it hides no line.
    axis.axhline(0.01, color="black", linestyle="--", linewidth=1.5)
    axis.text(20, -0.06, "chance: 1 %", fontsize=SMALL)
    axis.yaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
    axis.tick_params(labelsize=SMALL)
    axis.set_xlabel("epoch", fontsize=LARGE)
    axis.set_title("Training accuracy, mean of 25 epochs", fontsize=LARGE, loc="left")
    axis.set_xlim(0, None)
    axis.set_ylim(-0.08, 1.04)
    figure.savefig(file, format=format, dpi=100)


def draw_band(axis, seeds, colour):
    """Draw the median of a DataFrame's columns and a band from the lowest to the highest."""
    seeds.median(axis=1).plot(ax=axis, color=colour, linewidth=4)
    least, most = seeds.min(axis=1), seeds.max(axis=1)
    axis.fill_between(seeds.index, least, most, color=colour, alpha=0.25, linewidth=0)


def measured(row, column="accuracy"):
    """Return a cell of the report, such as "99.9 %", from a table of accuracies.

    Raises: ValueError unless the row stands in exactly one such table.
    """
    columns, found = [], []
    for line in REPORT.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if cells[1:2] == ["accuracy"]:
            columns = cells
        elif len(cells) != len(columns):
            columns = []
        elif cells[0] == f"`{row}`":
            found.append(cells[columns.index(column)])
    if len(found) != 1:
        raise ValueError(f"{row} stands in {len(found)} tables of accuracies, not in 1")
    return found[0]


def positions_read(frame, batch_size, time_steps):
    """Return which positions of a sequence of 25, from 1 to 25, a network reads.

    frame: a script's generate_data.
    Returns: integers (batches, batch_size, time_steps). A row of a batch starts from the
        state that the same row of the batch before left.
    """
    X, _ = frame(range(1, 26))  # so that each value is its own position
    return np.reshape(one_hot_decode(X), (-1, batch_size, time_steps))


def draw_rows(axis, rows, now, gradients=False):
    """Draw which positions are read, and what the answer at position `now` needs.

    rows: integers (batches, rows, time steps), as `positions_read` returns them.
    gradients: draw their way back through the sample.
    """
    ((batch, row, _),) = np.argwhere(rows == now)
    sample = rows[batch, row]
    steps = len(sample)
    places = {}
    for (batch, row, step), position in np.ndenumerate(rows):
        x, y = places[position] = batch * (steps + 1) + step, -1.2 * row
        before = position in sample and position < now
        colour = BLUE if position == now else SKY if before else "white"
        size = LARGE if steps == 1 else SMALL
        draw_box(axis, x, y, position, colour, size, dark=position == now)
        if batch > 0 and step == 0:
            draw_arrow(axis, (x - 1.5, y), (x - 0.5, y), "black")
    if position < 25:
        axis.text(x + 0.7, y, "...", fontsize=LARGE, va="center")
    (x, y), (x_now, y_now) = places[now - 1], places[now]
    draw_frame(axis, x, y)
    if y == y_now:
        draw_arrow(axis, (x, 0.55), (x_now, 0.55), VERMILLION, curve=-0.6)
    else:
        draw_arrow(axis, (x + 0.5, y), (x_now - 0.5, y_now - 0.3), VERMILLION)
    if gradients:
        draw_arrow(axis, (x_now, -0.8), (places[sample[0]][0], -0.8), GREEN)


def draw_box(axis, x, y, text, colour, size, dark):
    box = Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor=colour, edgecolor="grey")
    axis.add_patch(box)
    ink = "white" if dark else "black"
    axis.text(x, y, text, color=ink, fontsize=size, ha="center", va="center_baseline")


def draw_frame(axis, x, y):
    """Draw a frame around the box of the value to echo."""
    box = (x - 0.45, y - 0.45), 0.9, 0.9
    axis.add_patch(Rectangle(*box, fill=False, edgecolor=VERMILLION, linewidth=4))


def draw_arrow(axis, start, end, colour, curve=0):
    style = {
        "arrowstyle": "-|>",
        "connectionstyle": f"arc3,rad={curve}",
        "color": colour,
        "linewidth": 2 if colour == "black" else 4,
        "mutation_scale": 16 if colour == "black" else 26,
        "shrinkA": 0,
        "shrinkB": 0,
    }
    axis.annotate("", end, start, arrowprops=style)


def draw_state(file, format):
    """Draw why the network of part 3 cannot find the value to echo, and what helps."""
    now, frame = 8, echo_lag_no_context.generate_data
    batch_size, steps, _ = echo_lag_no_context.build_model().input_shape
    grid = positions_read(frame, batch_size, steps)
    ((batch, row, _),) = np.argwhere(grid == now)
    window_batch, window, _ = echo_lag.build_model().input_shape
    windows = positions_read(echo_lag.generate_data, window_batch, window)
    ((_, window_row),) = np.argwhere(windows[:, :, -1] == now)
    # Long ones are cut: what comes later matters to no answer at `now`.
    panels = {
        "grid": (
            f"Part 3: {measured('echo_lag_no_context.py')} right",
            (
                f"{now} gets the state of {grid[batch - 1, row, 0]}.\n"
                f"{now - 1} is in another row."
            ),
            grid,
        ),
        "ones": (
            f"Part 3, batches of 1: {measured('--context 1 --batch-size 1')} right",
            f"The state comes from {now - 1}, but no gradient goes back.",
            positions_read(frame, 1, 1)[:now],
        ),
        "whole": (
            (
                "Part 3 as one long sample: "
                f"{measured('--through-time --epochs 4000', 'one at a time')} right"
            ),
            f"Gradients reach {now - 1}. (4,000 epochs)",
            positions_read(frame, 1, 24)[:, :, :13],
        ),
        "windows": (
            f"Part 4, windows of {window}: {measured('echo_lag.py')} right",
            f"Gradients reach {now - 1}.",
            windows[:2, [window_row]],
        ),
    }
    figure = Figure(figsize=SLIDE, layout="constrained")
    axes = figure.subplot_mosaic(
        [["grid", "ones"], ["grid", "whole"], ["grid", "windows"]], width_ratios=[6, 7]
    )
    for name, (title, reason, rows) in panels.items():
        axis = axes[name]
        draw_rows(axis, rows, now, gradients=rows.shape[-1] > 1)
        axis.set_title(title, fontsize=LARGE, fontweight="bold", loc="left")
        if name == "grid":
            for i in range(len(rows)):
                axis.text(2 * i, 0.8, f"batch {i + 1}", fontsize=SMALL, ha="center")
            for i in range(batch_size):
                axis.text(-2.2, -1.2 * i, f"row {i + 1}", fontsize=SMALL, va="center")
            axis.text(-2.2, -7, reason, fontsize=LARGE, va="top")
            axis.set(xlim=(-2.3, 6.7), ylim=(-8.4, 1.3))
        else:
            axis.text(-0.5, -1.2, reason, fontsize=LARGE, va="top")
            axis.set(xlim=(-0.6, 15.4), ylim=(-1.8, 1.3))
        axis.set(aspect="equal", anchor="NW")
        axis.axis("off")
    figure.suptitle(
        f"Numbers are positions in a sequence. "
        f"At {now}, the answer is the value at {now - 1}.",
        fontsize=LARGE,
    )
    handles = [
        Line2D([], [], color="black", marker=">", lw=2, ms=10, label="state"),
        Line2D([], [], color=VERMILLION, marker=">", lw=4, ms=12, label="needed"),
        Line2D([], [], color=GREEN, marker="<", lw=4, ms=12, label="gradients"),
        Patch(facecolor=BLUE, label="read now"),
        Patch(facecolor=SKY, label="read before, in this sample"),
    ]
    draw_legend(figure, handles)
    figure.savefig(file, format=format, dpi=100)


def draw_legend(figure, handles):
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=len(handles),
        fontsize=SMALL,
        frameon=False,
    )


def answered_steps(stateless, seeds=range(1, 6)):
    """Train part 4's network, and find which value of a window it returns.

    Returns: array (10, 10). Entry [n, s] is the share of answers to windows of n + 1 values
        that equal the value at step s + 1, a mean over the seeds.
    """
    shares = []
    for seed in seeds:
        keras.utils.set_random_seed(seed)
        model = build_model(stateless=stateless)
        with contextlib.redirect_stdout(None):
            train(model, echo_lag.EPOCHS, generate_data)
        # The answer to the n-th number is the answer to a window of n values.
        sequences, answers = feed_one_at_a_time(model)
        equal = answers[:, :10, None] == sequences[:, None, :10]
        shares.append(equal.mean(axis=0))
    return np.mean(shares, axis=0)


def draw_learned(shares, file, format):
    """Draw which value of a window the networks return.

    shares: two arrays as `answered_steps` returns them, from a zero state and carried.
    """
    figure = Figure(figsize=SLIDE, layout="constrained")
    shade = colormaps["Blues"]
    titles = [
        "Trained from a zero state:\nit returns the value at step 4",
        "Trained with the carried state:\nit looks one value back",
    ]
    for axis, panel, title in zip(figure.subplots(1, 2, sharey=True), shares, titles):
        for length in range(3, 11):
            for step, share in enumerate(panel[length - 1, :length], start=1):
                text = f"{100 * share:.0f}" if share >= 0.05 else ""
                box = (step, length, text, shade(share), SMALL)
                draw_box(axis, *box, dark=share > 0.5)
            draw_frame(axis, length - 1, length)
        axis.set_title(title, fontsize=LARGE, fontweight="bold")
        axis.set(xlim=(0.4, 10.6), ylim=(10.6, 2.4), aspect="equal")
        axis.set_xticks(range(1, 11))
        axis.set_yticks(range(3, 11))
        axis.set_xlabel("step of the window", fontsize=LARGE)
        axis.tick_params(labelsize=SMALL, length=0)
        axis.spines[:].set_visible(False)
    figure.axes[0].set_ylabel("values in the window", fontsize=LARGE)
    handles = [
        Patch(color=shade(1.0), label="answers that equal the value at this step, %"),
        Patch(fc="none", ec=VERMILLION, lw=4, label="right answer"),
    ]
    draw_legend(figure, handles)
    figure.savefig(file, format=format, dpi=100)


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
