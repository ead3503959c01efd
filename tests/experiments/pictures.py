"""Draw the pictures anew, and print the table of each: medians, lowest and highest.

    python -m tests.experiments.pictures > tests/experiments/pictures.txt
    python -m tests.experiments.pictures --marks
    python -m tests.experiments.pictures --errors

marks.png: which answers are right, one value at a time (from results.csv, in seconds)?
learned.png: which value of a window does part 4's network return (seeds 1 to 5)?
inside.png: which values does a linear read-out find in its output h (the same networks)?
The sequence in README.md: what do two of these networks (seed 1) answer after each value?
curves.png: how does the training accuracy of the scripts rise (seeds 1 to 20)?
errors.png: the errors of the guide's first two networks (its program, in two minutes).
"""

import contextlib
import importlib
import io
import re
import sys
from argparse import ArgumentParser, RawTextHelpFormatter
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from sklearn.linear_model import RidgeClassifier

from sequences import one_hot_decode, one_hot_encode
from tests.experiments import results
from tests.experiments.extensions import build_model, feed, parse, train
from tests.experiments.networks import make_reader
from tests.scripts import SCRIPTS
from tests.shared import run_program

FOLDER = Path(__file__).parents[2] / ".github"
# Small, so that the text is large on a slide, and of high resolution.
SLIDE = {"figsize": (7.2, 4), "dpi": 180, "layout": "constrained"}

# Colours of Okabe and Ito, which colour-blind readers tell apart.
CURVES = dict(zip(SCRIPTS, ("#0072B2", "#D55E00", "#009E73")))

OUTLINE = "#D55E00"

# The networks of errors.png: their names in the guide, and titles.
GUIDE = Path(__file__).parents[1] / "porting"
CHECKED = {"model": "Without a remedy", "each_step": "With an answer at each step"}

# The rows of "marks": commands of results.csv, how each trains part 4, and what it learns.
MARKS = {
    "--stateless": ("zero state", "counts"),
    "--echo-sequence --stateless": ("zero state, an answer each step", "looks back"),
    "--burn-in 10": ("zero state, then burn-in", "looks back"),
    "--lag 1": ("carried state", "looks back"),
    "--mark first": ("carried state, marked", "counts"),
}

# The networks of learned.png and inside.png, and their titles.
RETURNED = {
    "--stateless": "Zero-state network:\nfrom 4 values on, it returns value 4",
    "--lag 1": "Part 4:\nit returns the value before the last",
}
INSIDE = {
    "--stateless": "Zero-state network:\nit stores value 4 and keeps it",
    "--lag 1": "Part 4:\nit stores the last two values",
}

# The sequence in README.md, and what it calls the networks.
SEQUENCE = [8, 3, 14, 15, 92, 65, 35, 89]
NAMES = {"--lag 1": "part 4 answers:", "--stateless": "zero state answers:"}


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
        # The cell of column 1, row 1 has its middle at (0, 0).
        trained = outline(axis, (0, 4), 5, "black")
        for row in range(1, len(shares)):
            right = outline(axis, (row - 1, row), 1, OUTLINE)
        labels = "value to echo", "training windows"
        axis.legend([right, trained], labels, loc="upper right", fontsize="medium")
    figure.supxlabel(f"{columns} (cells: % of the sequences; dark: 90 or more)")
    figure.supylabel(rows)
    return figure


def write_cells(axis, shares):
    """Write shares into the cells of a drawn table, in %."""
    for (row, column), share in np.ndenumerate(shares):
        if 0.05 <= share < 0.9:  # Of others, the colour says enough.
            color = "white" if share > 0.5 else "black"
            how = {"color": color, "ha": "center", "va": "center"}
            axis.text(column, row, f"{100 * share:.0f}", **how)


def outline(axis, cell, width, color):
    """Draw an outline around some cells of a row, from this one on; return it."""
    column, row = cell
    corner = column - 0.5, row - 0.5
    how = {"fill": False, "edgecolor": color, "linewidth": 2, "clip_on": False}
    return axis.add_patch(Rectangle(corner, width, 1, **how))


def answers_to(model, sequence):
    """Return what a network answers after each value of a sequence, a list."""
    X = one_hot_encode(sequence)[np.newaxis]
    return one_hot_decode(make_reader(model).predict(X, verbose=0)[0])


def lines_of_sequence(answers):
    """Return SEQUENCE and the answers to it, a dict from commands, without the first ones."""
    lines = {"reads:": SEQUENCE}
    lines |= {name: ["-", *answers[command][1:]] for command, name in NAMES.items()}
    return "".join(
        f"{name:20}" + "".join(f"{value:>3}" for value in values) + "\n"
        for name, values in lines.items()
    )


def marks():
    """Return which share of the answers 2, 3, ..., 25 is right, a row for each of MARKS.

    Raises: ValueError if results.csv lacks a run.
    """
    for command, seed in results.lacking():
        if command in MARKS:
            raise ValueError(f"{results.FILE} lacks {command!r}, seed {seed}")
    runs = results.read_runs()
    rows = [results.by_number(runs[runs.command == c]).median() for c in MARKS]
    names = [name for name, _ in MARKS.values()]
    return pd.DataFrame(rows).set_axis(names).loc[:, 2:]


def draw_marks(shares):
    """Draw what `marks` returns, and beside each row what the network has learned."""
    figure = Figure(figsize=(9, 3.6), dpi=170, layout="constrained")
    axis = figure.subplots()
    axis.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    names = [name.replace(", ", ",\n") for name in shares.index]
    axis.set_yticks(range(len(names)), names, fontsize=14)
    axis.tick_params(axis="y", length=0)
    for row, (_, verdict) in enumerate(MARKS.values()):
        beside = {"va": "center", "fontsize": 14, "fontweight": "bold"}
        axis.text(shares.shape[1], row, verdict, **beside)
        axis.axhline(row + 0.5, color="white", linewidth=3)
    numbers = [number for number in shares.columns if number % 5 == 0]
    axis.set_xticks(shares.columns.get_indexer(numbers), numbers, fontsize=14)
    axis.set_xlabel("answer after so many values (dark: nearly all right)", fontsize=14)
    axis.set_title("Which answers are right, one value at a time?", fontsize=16)
    return figure


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
    # Behind part 3's line, and wider.
    chance = {"color": "silver", "linewidth": 7, "zorder": 0, "label": "chance: 1 %"}
    axis.axhline(0.01, **chance)
    axis.legend(loc="center right")
    axis.set_xlim(0, None)
    axis.yaxis.set_major_formatter("{x:.0%}")
    axis.set_xlabel("epoch")
    axis.set_title("Training accuracy, mean of 25 epochs")
    return figure


def errors():
    """Run the guide as far as its first remedy; return errors by number, by network."""
    page = (GUIDE / "README.md").read_text("utf-8")
    blocks = re.findall(r"(?s)```python\n(.*?)```", page)
    (last,) = [i for i, block in enumerate(blocks) if "each_step.fit" in block]
    program = "\n".join(blocks[: last + 1])
    for name in CHECKED:
        program += f"print('{name}:')\n"
        program += f"print(check({name}, stretches, naive, by_number=True).to_csv())\n"
    files = {
        name: (GUIDE / name).read_text("utf-8")
        for name in ("reading_on.py", "stateful.py")
    }
    output = run_program(program, files)
    found = {}
    for name in CHECKED:
        table = output.split(f"{name}:\n")[1].split("\n\n")[0]
        found[name] = pd.read_csv(io.StringIO(table), index_col=0)
    return found


def draw_errors(found):
    """Draw what `errors` returns, side by side."""
    figure = Figure(figsize=(9, 4), dpi=160, layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    colours = ["#000000", "#D55E00", "#56B4E9", "#009E73"]
    for axis, (name, table) in zip(axes, found.items()):
        table.plot(ax=axis, logy=True, color=colours, title=CHECKED[name])
        axis.set_xlabel("number of values")
    axes[0].set_ylabel("mean squared error")
    return figure


def text_of_errors(found):
    """Return the errors after some numbers of values."""
    text = "errors.png: mean squared errors after so many values\n"
    for name, table in found.items():
        rows = table.loc[[1, 2, 3, 12, 23, 24, 25, 26, 48, 100, 150, 200, 249]]
        text += f"{CHECKED[name]}\n{rows.round(5).to_string()}\n\n"
    return text


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


def save_errors():
    """Draw the errors of the guide's networks; print some of them."""
    found = errors()
    text = text_of_errors(found)
    print(text, end="")
    save(draw_errors(found), "errors.png", text)


def main():
    parser = ArgumentParser(description=__doc__, formatter_class=RawTextHelpFormatter)
    parser.add_argument("--marks", action="store_true", help="draw only marks.png")
    parser.add_argument("--errors", action="store_true", help="draw only errors.png")
    options = parser.parse_args()
    if options.errors:
        save_errors()
        return
    try:
        shares = marks()
    except ValueError as error:
        parser.error(str(error))
    save(draw_marks(shares), "marks.png", shares.to_csv())
    if options.marks:
        return
    returned, found, answers = {}, {}, {}
    for command in RETURNED:
        models = [trained(command, seed) for seed in range(1, 6)]
        returned[command] = [learned(*feed(model)) for model in models]
        found[command] = [stored(model) for model in models]
        answers[command] = answers_to(models[0], SEQUENCE)
    print(lines_of_sequence(answers))
    heading = "a row is the values read, a column which one it returns"
    names = "which value it returns", "values read"
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
    save_errors()


if __name__ == "__main__":
    main()
