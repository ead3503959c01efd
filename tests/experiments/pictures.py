"""Draw the pictures anew, all or some of them.

    python -m tests.experiments.pictures
    python -m tests.experiments.pictures strips errors

strips: the tables of the report and its appendix, one value at a time (from results.csv).
networks: learned.png, which value of a window does part 4's network return (seeds 1 to 5)?
          inside.png, which values does a linear read-out find in its output h (the same ones)?
          The sequence of README.md, what do two of these networks (seed 1) answer to it?
curves: how does the training accuracy of the scripts rise (seeds 1 to 20)?
errors: the errors of the guide's first two networks (its program, in two minutes).

The numbers of a picture stand in its file, as a description. Those of all but the strips,
which are in tables, stand in pictures.txt, too.
"""

import contextlib
import importlib
import io
import re
import runpy
import sys
from argparse import ArgumentParser, RawTextHelpFormatter
from pathlib import Path
from tempfile import TemporaryDirectory

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

FOLDER = Path(__file__).parents[2] / ".github"
TEXTS = Path(__file__).with_name("pictures.txt")
# Small, so that the text is large on a slide, and of high resolution.
SLIDE = {"figsize": (7.2, 4), "dpi": 180, "layout": "constrained"}

# Colours of Okabe and Ito, which colour-blind readers tell apart.
CURVES = dict(zip(SCRIPTS, ("#0072B2", "#D55E00", "#009E73")))
MEAN_OF = 25  # epochs

OUTLINE = "#D55E00"
TRIANGLE = {"color": OUTLINE, "markeredgecolor": "white", "markersize": 7}

# The networks of errors.png: their names in the guide, and titles.
GUIDE = Path(__file__).parents[1] / "porting"
CHECKED = {"model": "Without a remedy", "each_step": "With an answer at each step"}

# The pictures of strips: the table of each, its size, and whether its groups stand side by
# side. (A page shows 10 inches as 880 pixels: what is 9 points high can be read there.)
STRIPS = {
    "part3.png": ("part3", (10, 2.1), False),
    "without_gradients.png": ("without gradients", (10, 2.4), False),
    "rules.png": ("rules", (10, 4.3), False),
    "made.png": ("made of its states", (10, 2.6), False),
    "short_burn_in.png": ("short burn-in", (10, 3.2), False),
    "not_enough.png": ("a mark is not enough", (10, 2.6), False),
    "reset.png": ("the reset", (10, 2.4), False),
    "usual.png": ("usual", (10, 2.6), True),
    "more_networks.png": ("more networks", (10, 3.4), True),
    "real.png": ("real values", (10, 1.9), True),
    "more_real.png": ("more real values", (10, 3.4), True),
    "other_layers.png": ("other layers", (10, 2.8), True),
    "next.png": ("next value", (10, 2.1), True),
    "lags.png": ("layers", (10, 1.9), True),
    "extensions.png": ("extensions", (10, 3.0), True),
}
# Tables of errors, not of right answers.
ERRORS = [name for name, columns in results.TABLES.items() if "reads on" in columns]

# The networks of learned.png and inside.png, and their titles.
RETURNED = {
    "--stateless": "Zero-state network:\nit returns value 4, for some steps",
    "--lag 1": "Part 4:\nit returns the value before the last",
}
INSIDE = {
    "--stateless": "Zero-state network:\nit stores value 4, for some steps",
    "--lag 1": "Part 4:\nit stores the last two values",
}

# The sequence in README.md, and what it calls the networks.
SEQUENCE = [8, 3, 14, 15, 92, 65, 35, 89]
NAMES = {"--lag 1": "part 4 answers:", "--stateless": "zero state answers:"}


def train_network(command, seed):
    """Return the network of a command line of extensions.py, trained with this seed."""
    print(f"Training {command}, seed {seed}", file=sys.stderr)
    options = parse(command.split())
    keras.utils.set_random_seed(seed)
    model = build_model(options)
    with contextlib.redirect_stdout(None):
        train(model, options)
    return model


def shares_returned(sequences, answers, most=10):
    """Return how many answers to windows of 1, 2, ... equal the value at step 1, 2, ..."""
    # The answer to the n-th value is the answer to a window of n values.
    equal = answers[:, :most, np.newaxis] == sequences[:, np.newaxis, :most]
    return np.tril(equal.mean(axis=0))


def shares_stored(model, n_sequences=6000, most=10):
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


def strip_of(runs, are_errors):
    """Return how good the answers after 1, 2, ... values are, from 0 to 1; NaN: unknown.

    The median share of right answers. Or, of errors, 1 where they are as on windows, and 0
    where they are ten times as large.
    """
    if not are_errors:
        return results.by_number(runs).median()
    times = results.by_number(runs).div(runs.on_windows, axis=0).median()
    return (1 - np.log10(times)).clip(0, 1)


def strips_of(table):
    """Return a DataFrame with a row for each command of a table.

    Its columns are the group, the row, how many runs stay right or read on (`good`), after
    how many values a window ends (`end`), and what `strip_of` returns: 1, 2, ...
    Raises: ValueError if results.csv lacks a run.
    """
    missing, rows = results.missing_jobs(), []
    are_errors = table in ERRORS
    for line, runs in results.runs_of_table(table):
        for command, seed in missing:
            if command == line.command:
                raise ValueError(f"{results.FILE} lacks {command!r}, seed {seed}")
        good = results.reads_on if are_errors else results.stays_right
        row = {"group": line.group, "row": line.row, "good": results.count(good(runs))}
        row["end"] = results.end_of_window(line.command)
        rows.append({**row, **strip_of(runs, are_errors)})
    return pd.DataFrame(rows).round(3)  # Versions of NumPy differ in the last digits.


def draw_strips(axis, strips, names):
    """Draw strips below each other: each of `strips` at the place of its row in `names`."""
    length = max(column for column in strips if isinstance(column, int))
    numbers = range(1, length + 1)
    shares = strips.set_index("row").reindex(names)[[*numbers]].astype(float)
    # vmin: wrong answers are a pale blue, as white is where no answer is.
    how = {"cmap": "Blues", "vmin": -0.1, "vmax": 1, "interpolation": "nearest"}
    axis.imshow(shares, aspect="auto", **how)
    for strip in strips.itertuples():
        place = names.index(strip.row)
        axis.text(1.02 * length, place, strip.good, va="center")
        if shares.iloc[place].first_valid_index() <= strip.end <= length:
            axis.plot(strip.end - 1, place + 0.34, "^", **TRIANGLE)
    for place in range(len(names)):
        axis.axhline(place + 0.5, color="white", linewidth=3)
    axis.set_yticks(range(len(names)), names)
    axis.tick_params(axis="y", length=0)
    ticks = [number for number in numbers if number % (length // 5) == 0]
    axis.set_xticks([number - 1 for number in ticks], ticks)
    axis.spines[:].set_visible(False)


def draw_table(strips, size, side_by_side, dark):
    """Draw the strips of a table, its groups side by side or below each other.

    dark: what a dark cell means.
    """
    figure = Figure(figsize=size, dpi=110, layout="constrained")
    groups = dict(list(strips.groupby("group", sort=False)))
    if side_by_side:
        axes = figure.subplots(1, len(groups), sharey=True)
        rows = [[*dict.fromkeys(strips.row)]] * len(groups)
    else:
        rows = [[*group.row] for group in groups.values()]
        heights = {"height_ratios": [*map(len, rows)]}
        axes = figure.subplots(len(groups), 1, sharex=True, squeeze=False, **heights)
    for axis, (name, group), names in zip(np.ravel(axes), groups.items(), rows):
        draw_strips(axis, group, names)
        loc = "center" if side_by_side else "left"
        axis.set_title(name, loc=loc, fontsize="medium", weight="bold")
    legend = f"dark: {dark}"
    if any(line.get_marker() == "^" for axis in figure.axes for line in axis.lines):
        legend += "; triangle: a window ends"
    figure.supxlabel(f"after this many values ({legend})", fontsize="medium")
    return figure


def save(figure, name, text):
    """Save a picture; what it shows stands in the file, too, as a text."""
    figure.savefig(FOLDER / name, metadata={"Description": text})


def texts():
    """Return the parts of pictures.txt by their names, which are of pictures or pages."""
    parts = re.split(r"(?m)^(?=\w+\.(?:png|md): )", TEXTS.read_text("utf-8"))
    return {part.partition(":")[0]: part for part in parts if part}


def write_text(name, text):
    """Put a text into pictures.txt; it begins with its name."""
    parts = {**texts(), name: text}
    TEXTS.write_text("".join(sorted(parts.values())), "utf-8")


def accuracies_of(script):
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
    """Return the means of MEAN_OF epochs, a DataFrame with a column for each seed."""
    return pd.concat(accuracies, axis=1).rolling(MEAN_OF, min_periods=1).mean()


def draw_curves(accuracies):
    """Draw the training accuracies of scripts: medians, in bands that span the seeds."""
    figure = Figure(**SLIDE)
    axis = figure.subplots()
    for script, colour in CURVES.items():
        seeds = smooth(accuracies[script])
        name = f"{script}.py (part {SCRIPTS[script].part})"
        axis.plot(seeds.median(axis=1), color=colour, linewidth=2, label=name)
        bounds = seeds.min(axis=1), seeds.max(axis=1)
        axis.fill_between(seeds.index, *bounds, color=colour, alpha=0.25, linewidth=0)
    # Part 3's line lies on it, so it is thin, dashed, and in front.
    chance = {"color": "black", "linewidth": 1, "linestyle": "--", "zorder": 9}
    axis.axhline(0.01, label="chance: 1 %", **chance)
    axis.legend(loc="center right")
    axis.set_xlim(0, None)
    axis.yaxis.set_major_formatter("{x:.0%}")
    axis.set_xlabel("epoch")
    axis.set_title(f"Training accuracy, mean of {MEAN_OF} epochs")
    return figure


def errors_of_guide():
    """Run the guide as far as its first remedy; return errors by number, by network."""
    page = (GUIDE / "README.md").read_text("utf-8")
    blocks = re.findall(r"(?s)```python\n(.*?)```", page)
    (last,) = [i for i, block in enumerate(blocks) if "each_step.fit" in block]
    sys.path.insert(0, str(GUIDE))  # The program imports the files to copy.
    with TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        program = Path(folder, "program.py")
        program.write_text("\n".join(blocks[: last + 1]), "utf-8")
        names = runpy.run_path(str(program))
    check, naive, stretches = names["check"], names["naive"], names["stretches"]
    return {
        name: check(names[name], stretches, naive, by_number=True) for name in CHECKED
    }


def draw_errors(found):
    """Draw what `errors_of_guide` returns, side by side."""
    figure = Figure(figsize=(9, 4), dpi=160, layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    colours = ["#000000", "#D55E00", "#56B4E9", "#009E73"]
    for axis, (name, table) in zip(axes, found.items()):
        table.plot(ax=axis, logy=True, color=colours, title=CHECKED[name])
        axis.set_xlabel("number of values")
    axes[0].set_ylabel("mean squared error")
    return figure


def text_of_errors(found):
    """Return the errors after some numbers of values, and the means that the guide shows."""
    text = "errors.png: mean squared errors after so many values\n"
    for name, table in found.items():
        rows = table.loc[[1, 2, 3, 12, 23, 24, 25, 26, 48, 100, 150, 200, 249]]
        means = {
            "1 to 5": table.loc[1:5].mean(skipna=False),
            "137 to 249": table.loc[137:].mean(),  # the late ones
        }
        rows = pd.concat([rows, pd.DataFrame(means).T])
        text += f"{CHECKED[name]}\n{rows.round(5).to_string()}\n\n"
    return text


def text_of_runs(title, runs, rows, columns):
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
    """Draw the medians of runs, a dict from commands; write their tables."""
    text, medians = f"{name}: {heading}\n", {}
    for command, title in titles.items():
        numbers = range(1, 1 + len(runs[command][0]))
        text += text_of_runs(command, runs[command], numbers, numbers)
        medians[title] = np.median(runs[command], axis=0)
    save(draw_shares(medians, columns, rows), name, text)
    write_text(name, text)


def save_strips():
    """Draw the tables of results.csv."""
    for name, (table, size, side_by_side) in STRIPS.items():
        strips = strips_of(table)
        good = "an error as on windows" if table in ERRORS else "nearly all are right"
        figure = draw_table(strips, size, side_by_side, good)
        save(figure, name, strips.to_csv(index=False))


def save_networks():
    """Draw what part 4's networks return and store; write how they answer to SEQUENCE."""
    returned, found, answers = {}, {}, {}
    for command in RETURNED:
        models = [train_network(command, seed) for seed in range(1, 6)]
        returned[command] = [shares_returned(*feed(model)) for model in models]
        found[command] = [shares_stored(model) for model in models]
        answers[command] = answers_to(models[0], SEQUENCE)
    heading = "README.md: a sequence, and the answers of seed 1\n"
    write_text("README.md", f"{heading}{lines_of_sequence(answers)}\n")
    heading = "a row is the values read, a column which one it returns"
    names = "which value it returns", "values read"
    save_shares("learned.png", heading, RETURNED, returned, *names)
    heading = "a row is the values read, a column which one is found"
    names = "which value is found", "values read"
    save_shares("inside.png", heading, INSIDE, found, *names)


def save_curves():
    """Draw the training accuracies of the scripts; write some of them."""
    means = f"means of {MEAN_OF} epochs"
    text = f"curves.png: training accuracies, {means}, after so many epochs\n"
    accuracies = {script: accuracies_of(script) for script in CURVES}
    for script, runs in accuracies.items():
        epochs = [n for n in (100, 250, 500, 1000, 1500, 2000) if n <= len(runs[0])]
        shares = smooth(runs).loc[epochs].to_numpy().T
        text += text_of_runs(
            f"{script}.py", shares[:, np.newaxis], ["accuracy"], epochs
        )
    save(draw_curves(accuracies), "curves.png", text)
    write_text("curves.png", text)


def save_errors():
    """Draw the errors of the guide's networks; write some of them."""
    found = errors_of_guide()
    text = text_of_errors(found)
    save(draw_errors(found), "errors.png", text)
    write_text("errors.png", text)


PICTURES = {
    "strips": save_strips,
    "networks": save_networks,
    "curves": save_curves,
    "errors": save_errors,
}


def main(arguments=None):
    parser = ArgumentParser(description=__doc__, formatter_class=RawTextHelpFormatter)
    parser.add_argument("pictures", nargs="*", metavar="PICTURES", help="default: all")
    names = parser.parse_args(arguments).pictures or [*PICTURES]
    for name in names:
        if name not in PICTURES:
            parser.error(f"{name!r} is none of {', '.join(PICTURES)}")
    try:
        for name in names:
            PICTURES[name]()
    except ValueError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
