"""Look inside trained networks: what they store, and why they answer as they do.

    python -m tests.experiments.inside
    python -m tests.experiments.inside --only read-out --figure .github/inside.png

Each table answers a question about networks that extensions.py can train. A cell is the
median over the seeds, with the lowest and the highest.
"""

import argparse
import functools
import random
import sys
from typing import NamedTuple

import keras
import numpy as np
import sklearn
from matplotlib.figure import Figure
from sklearn.linear_model import RidgeClassifier
from sklearn.tree import DecisionTreeClassifier

from sequences import generate_sequence
from tests.experiments.extensions import build_model, generate_data
from tests.experiments.reporting import (
    end_quietly,
    heading,
    picture_file,
    positive_int,
    print_table,
)
from tests.porting.stateful import compile_training_pass

STATELESS = {"zero state": True, "carried state": False}
# Networks that look back. With Keras's forget bias, 1, lags 2 and 3 take far longer.
LOOK_BACK = {
    1: {},
    2: {"epochs": (6000,), "forget_bias": -1},
    3: {"epochs": (12_000,), "forget_bias": -1},
}
STEPS = range(1, 10)


@functools.cache
def train(
    seed, epochs=(2000,), context=5, lag=1, numbers=None, batch_size=5, **options
):
    """Train as extensions.py does with --seed; return the weights after each of `epochs`.

    numbers: a tuple of integers, to train on parts of it and not on random sequences.
    options: of build_model.
    Returns: list with the weights of each of the `epochs`; 0 is before the training.
    """
    keras.utils.set_random_seed(seed)
    model = build_model((context, 100), batch_size=batch_size, **options)
    train_on_sequence = compile_training_pass(model)
    snapshots = {0: model.get_weights()}
    for epoch in range(1, max(epochs) + 1):
        sequence = None
        if numbers:
            start = random.randrange(len(numbers) - 24)
            sequence = numbers[start : start + 25]
        train_on_sequence(model, *generate_data(sequence, context=context, lag=lag))
        if epoch in epochs:
            snapshots[epoch] = model.get_weights()
    return [snapshots[epoch] for epoch in epochs]


class Run(NamedTuple):
    """An LSTM's state, forget gate and answer after each step: (sequences, steps, ...)."""

    h: np.ndarray
    c: np.ndarray
    forget: np.ndarray
    logits: np.ndarray


def run(weights, sequences, h=0.0, c=0.0):
    """Feed sequences, integers (n, steps), to an LSTM that starts from the state h, c."""
    kernel, recurrent, bias, out_kernel, out_bias = weights
    h = np.broadcast_to(h, (len(sequences), len(recurrent)))
    steps = []
    for values in np.transpose(sequences):
        # A one hot vector times the kernel is a row of the kernel.
        gates = kernel[values] + h @ recurrent + bias
        write, forget, candidate, read = np.split(gates, 4, axis=1)
        c = sigmoid(forget) * c + sigmoid(write) * np.tanh(candidate)
        h = sigmoid(read) * np.tanh(c)
        steps.append([h, c, sigmoid(forget), h @ out_kernel + out_bias])
    return Run(*(np.stack(step, axis=1) for step in zip(*steps)))


def sigmoid(x):
    return np.asarray(keras.ops.sigmoid(x))


def log_softmax(logits):
    return np.asarray(keras.ops.log_softmax(logits, axis=1))


def states_of(ran, parts):
    """Return the states, (sequences, steps, features); parts: "h", "c" or "h and c"."""
    return np.concatenate([getattr(ran, part) for part in parts.split(" and ")], axis=2)


def new_sequences(seed, n, steps):
    """Return random integers from 0 to 99, (n, steps), that are not those of a training."""
    return np.random.default_rng(seed).integers(100, size=(n, steps))


def share_right(logits, values):
    """Return the share of answers that equal the values."""
    return (logits.argmax(axis=-1) == values).mean()


def share_found(states, values, read_out=None):
    """Return the share of values that a read-out, linear by default, finds in the states.

    It is fitted on two thirds of the states, (n, features), and scored on the others.
    """
    if read_out is None:
        read_out = RidgeClassifier()
    fitted = len(states) * 2 // 3
    read_out.fit(states[:fitted], values[:fitted])
    return read_out.score(states[fitted:], values[fitted:])


def share_found_in_one_unit(states, values):
    """Return the largest share of values that can be found in a single unit.

    One number is not enough for a linear read-out. So this one cuts the unit's range into
    30 intervals, and takes the most frequent value in each.
    """
    tree = DecisionTreeClassifier(max_leaf_nodes=30)
    return max(share_found(unit[:, np.newaxis], values, tree) for unit in states.T)


def shares_found(states, sequences):
    """Return the share found of each value after each step; NaN before it is read."""
    steps = sequences.shape[1]
    shares = np.full((steps, steps), np.nan)
    for value in range(steps):
        for step in range(value, steps):
            shares[value, step] = share_found(states[:, step], sequences[:, value])
    return shares


# Each function below returns the tables of one seed: a dict from the columns of a table to a
# dict from a row to its numbers.


def read_out(seed):
    """After each step, which of the values read so far does a linear read-out find?

    "h and c" is all that a step gets from the steps before, so the picture shows both.
    If the network trained from a zero state did not keep value 4, it would fade like others.
    If the other one were no conveyor belt, it would lack the current value or the one
    before after some steps, or keep older ones.
    """
    tables = {}
    sequences = new_sequences(seed, 6000, len(STEPS))
    for network, stateless in STATELESS.items():
        ran = run(train(seed, stateless=stateless)[0], sequences)
        found = shares_found(states_of(ran, "h and c"), sequences)
        rows = {f"value {n}": shares for n, shares in enumerate(found, 1)}
        for part in "h", "c":
            states = states_of(ran, part)
            found = shares_found(states, sequences)
            rows[f"value 4 in {part} alone"] = found[3]
            rows[f"current value in {part} alone"] = np.diagonal(found)
            rows[f"value before in {part} alone"] = [np.nan, *np.diagonal(found, 1)]
            in_one_unit = np.full(len(STEPS), np.nan)
            in_one_unit[-1] = share_found_in_one_unit(states[:, -1], sequences[:, -2])
            rows[f"value before in one unit of {part}"] = in_one_unit
        rows["mean forget gate"] = ran.forget.mean(axis=(0, 2))
        tables[(f"{network}: after step", *STEPS)] = rows
    return tables


def look_back(seed):
    """To look back K steps, does a network store the last K values and shift them?

    The claim would be wrong if a network of lag K lacked one of the values from 0 to K - 1
    back, which it still has to answer, or if a network of another lag held as many.
    If it were the read-out that finds them, it would find as many in an untrained network,
    or after the values were shuffled among the sequences.
    """
    found, right = {}, {}
    sequences = new_sequences(seed, 6000, len(STEPS))
    backwards = sequences.T[::-1][:6]
    ran = run(train(seed, epochs=(0,))[0], sequences)
    last = states_of(ran, "h and c")[:, -1]
    found["untrained, h and c"] = [share_found(last, values) for values in backwards]
    for lag, options in LOOK_BACK.items():
        weights = train(seed, lag=lag, **options)[0]
        ran = run(weights, sequences)
        for parts in "h", "c", "h and c":
            last = states_of(ran, parts)[:, -1]
            shares = [share_found(last, values) for values in backwards]
            found[f"lag {lag}, {parts}"] = shares
        shuffled = np.random.default_rng(seed).permutation(backwards, axis=1)
        shares = [share_found(last, values) for values in shuffled]
        found[f"lag {lag}, h and c, shuffled"] = shares
        asked = new_sequences(seed, 500, 25)
        logits = run(weights, asked).logits
        right[f"lag {lag}"] = [
            share_right(logits[:, 4:], asked[:, 4 - back : 25 - back])
            for back in range(5)
        ]
    return {
        ("values back: found after step 9", *range(6)): found,
        ("values back: answered from number 5 on", *range(5)): right,
    }


def batches_of_1(seed):
    """Part 3 in batches of 1: does it store the value before, and fail to clear the others?

    If it stored nothing, the answer at number 2 would be wrong. If the older values did not
    disturb it, it would not help to scale them down before the previous number is read.
    """
    weights = train(seed, context=1, batch_size=1)[0]
    sequences = new_sequences(seed, 500, 25)
    logits = run(weights, sequences).logits
    by_number = {
        number: share_right(logits[:, number - 1], sequences[:, number - 2])
        for number in (2, 3, 4, 5, 10, 25)
    }
    by_factor = {
        factor: right_after_scaling(weights, sequences, factor)
        for factor in (1, 0.2, 0.1, 0)
    }
    return {
        ("number", *by_number): {"right": [*by_number.values()]},
        ("older state times", *by_factor): {"right from 3 on": [*by_factor.values()]},
    }


def right_after_scaling(weights, sequences, factor):
    """Return the share of numbers, from the third on, that the one before answers.

    factor: multiplies the state before the network reads the one before.
    """
    ran = run(weights, sequences)
    pairs = np.stack([sequences[:, 1:-1], sequences[:, 2:]], axis=2).reshape(-1, 2)
    h, c = (factor * part[:, :-2].reshape(len(pairs), -1) for part in (ran.h, ran.c))
    return share_right(run(weights, pairs, h, c).logits[:, 1], pairs[:, 0])


def pause(seed):
    """Why does the curve of part 4 pause near 10 %?

    If learning paused, so would the test loss. If the network knew no value of the window,
    5 % of its answers would be among the five. If it knew their order, far more than a fifth
    of those would be right. If it preferred no classes, it would not help to subtract each
    class's mean logit over other windows.
    """
    epochs = (80, 120, 160, 200, 250)
    tables = {}
    windows = new_sequences(seed, 4000, 5)
    for network, stateless in STATELESS.items():
        # With the carried state, a row of the batches reads four windows without a reset.
        fed = windows if stateless else windows.reshape(-1, 20)
        columns = []
        for weights in train(seed, epochs, stateless=stateless):
            logits = run(weights, fed).logits[:, 4::5].reshape(-1, 100)
            losses = -log_softmax(logits)[range(len(windows)), windows[:, 3]]
            columns.append([losses.mean()])
            half = len(windows) // 2
            for answers in logits[half:], without_preference(logits, half):
                columns[-1] += shares_of_window(answers, windows[half:])
        names = ["right", "in the window", "right of these"]
        names = ["test loss", *names, *(f"corrected: {name}" for name in names)]
        tables[(f"{network}: epoch", *epochs)] = dict(zip(names, np.transpose(columns)))
    return tables


def without_preference(logits, n):
    """Subtract each class's mean over the first n samples from the other samples."""
    return logits[n:] - logits[:n].mean(axis=0)


def shares_of_window(logits, windows):
    """Return which share of answers is right, is in the window, and is right of these."""
    right = share_right(logits, windows[:, 3])
    known = (logits.argmax(axis=1)[:, None] == windows).any(axis=1).mean()
    return [right, known, right / known]


def clock(seed):
    """Why is a network that counts right again near number 11?

    Its mean state after n - 2 numbers knows the time, but no number. From there, it reads
    two numbers: how likely is it to answer with the first of them? If the clock ran down,
    this would stay low after number 6. If it were not damped, it would come back to 100 %.
    """
    weights = train(seed, stateless=True)[0]
    sequences = new_sequences(seed, 500, 25)
    ran = run(weights, sequences)
    pairs = new_sequences(seed, 500, 2)
    rows, h, c = {}, 0.0, 0.0
    for step in range(1, 25):
        right = share_right(ran.logits[:, step], sequences[:, step - 1])
        chances = log_softmax(run(weights, pairs, h, c).logits[:, 1])
        echoed = np.exp(chances)[range(len(pairs)), pairs[:, 0]].mean()
        rows[step + 1] = [right, echoed]
        h, c = ran.h[:, step - 1].mean(axis=0), ran.c[:, step - 1].mean(axis=0)
    columns = ["right", "echoed from the mean state"]
    # After number 7, when is it right again most often?
    later = np.transpose([rows[number] for number in range(8, 17)])
    return {
        ("number", *columns): rows,
        ("best of numbers 8 to 16", *columns): {
            "number": later.argmax(axis=1) + 8,
            "share": later.max(axis=1),
        },
    }


def numbers(seed):
    """Trained on 500 numbers, does a network echo, or know the numbers by heart?

    Windows of its list get new values, all five or the one to echo. A network that echoes
    would be right in both, as the one trained on new sequences. One that knows the list by
    heart, and nothing else, would be right in neither.
    """
    keras.utils.set_random_seed(seed)
    learned = tuple(generate_sequence(500))
    listed = np.lib.stride_tricks.sliding_window_view(learned, 5)
    others = new_sequences(seed, len(listed), 5)
    # Another value than the list's, all equally likely.
    changed = listed.copy()
    changed[:, 3] = (listed[:, 3] + 1 + others[:, 3] % 99) % 100
    rows = {}
    for name, data in ("500 numbers", learned), ("new sequences", None):
        weights = train(seed, numbers=data)[0]
        of_changed = run(weights, changed).logits[:, 4]
        rows[name] = [
            share_right(run(weights, listed).logits[:, 4], listed[:, 3]),
            share_right(run(weights, others).logits[:, 4], others[:, 3]),
            share_right(of_changed, changed[:, 3]),
            share_right(of_changed, listed[:, 3]),
        ]
    columns = ["as it was", "all new", "value 4 new", "value 4 new: the list's"]
    return {("trained on: right in a window", *columns): rows}


TABLES = {
    "read-out": read_out,
    "look-back": look_back,
    "batches-of-1": batches_of_1,
    "pause": pause,
    "clock": clock,
    "numbers": numbers,
}


def median_text(seeds):
    """Return "97 % (95 to 98)" for shares; losses and other numbers are above 1."""
    median, least, most = np.median(seeds), np.min(seeds), np.max(seeds)
    if np.isnan(median):
        return ""
    if most > 1:
        return f"{median:.3g} ({least:.3g} to {most:.3g})"
    return f"{100 * median:.0f} % ({100 * least:.0f} to {100 * most:.0f})"


def print_medians(results):
    """Print the tables of several seeds."""
    for columns, rows in results[0].items():
        cells = []
        for row in rows:
            seeds = [result[columns][row] for result in results]
            cells.append([row, *map(median_text, np.transpose(seeds))])
        print_table(columns, cells)


def draw(results, file, format):
    """Draw which values the states hold after each step; results: of `read_out`."""
    figure = Figure(figsize=(13.3, 6.5), layout="constrained")
    titles = [
        "Trained from a zero state:\nit stores value 4 and keeps it",
        "Trained with the carried state:\na conveyor belt of the last two",
    ]
    axes = figure.subplots(1, 2, sharey=True)
    for axis, columns, title in zip(axes, results[0], titles, strict=True):
        seeds = [[result[columns][f"value {n}"] for n in STEPS] for result in results]
        shares = np.median(seeds, axis=0)
        axis.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
        for (value, step), share in np.ndenumerate(shares):
            # Small ones would hide the pattern. Chance is 1 %.
            if share >= 0.05:
                colour = "white" if share > 0.5 else "black"
                position = {"ha": "center", "va": "center", "fontsize": 17}
                axis.text(step, value, f"{100 * share:.0f}", color=colour, **position)
        axis.text(2, 6.5, "not read yet", color="dimgrey", fontsize=17, ha="center")
        axis.set_title(title, fontsize=22, fontweight="bold")
        axis.set_xlabel("after step", fontsize=19)
        axis.set_xticks(range(len(STEPS)), STEPS, fontsize=17)
        axis.set_yticks(range(len(STEPS)), STEPS, fontsize=17)
    axes[0].set_ylabel("value, in the order read", fontsize=19)
    figure.supxlabel(
        "% of the sequences in which the value can be found in the state", fontsize=19
    )
    figure.savefig(file, format=format, dpi=75)


def main(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--only", choices=TABLES, help="measure only this")
    add("--seeds", type=positive_int, default=5, metavar="N", help="default: 5")
    add("--figure", type=picture_file, metavar="FILE", help="draw the read-out")
    args = parser.parse_args(argv)
    if args.figure and args.only not in (None, "read-out"):
        parser.error(f"--figure draws the read-out, not {args.only}")
    print(f"{heading()}, scikit-learn {sklearn.__version__}\n", flush=True)
    for name in [args.only] if args.only else TABLES:
        results = []
        for seed in range(1, args.seeds + 1):
            results.append(TABLES[name](seed))
            print(f"done: {name}, seed {seed}", file=sys.stderr)
        print(f"{TABLES[name].__doc__.splitlines()[0]} ({name})\n")
        print_medians(results)
        if args.figure and name == "read-out":
            draw(results, args.figure, args.figure.suffix[1:])


if __name__ == "__main__":
    end_quietly(main)
