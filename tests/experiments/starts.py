"""Do the states that windows start from differ from those inside, before any training?

    python -m tests.experiments.starts

For each command of rules.png and short_burn_in.png, this prints how many windows start
from a state of zeros and, of the other windows (of all, if there are no others):

- length: how much the mean length of the state (of h and c, as one vector) at the start
  differs from that inside windows, in standard deviations of the latter;
- spread: the standard deviation of a unit at the start, divided by that inside (median of
  the units).

The network has its first weights, so this does not know what training will make of it.
"""

import argparse

import keras
import numpy as np

from tests.experiments.extensions import (
    build_model,
    generate_data,
    parse,
    state_of_start,
)
from tests.experiments.results import EXPERIMENTS

SORTED = ["The start shows", "The start is like the states inside windows"]
SORTED += ["In between: a few values of burn-in"]


def states_of(command, n_sequences=50):
    """Return the states before each step of windows, as vectors, (windows, steps, size).

    Burn-in is left out: its last state is the one that a window starts from.
    """
    options = parse(command.split())
    layer = build_model(options).layers[0]
    cell = getattr(layer, "layer", layer).cell  # of BurnIn, that of its layer
    sizes = keras.tree.flatten(cell.state_size)
    # All sequences are read at once. If each window starts from zeros, all batches are, too.
    from_zeros = not options.start and (options.stateless or options.burn_in)
    n_reads = 1 if from_zeros else options.batches
    n_rows = n_sequences * options.batch_size * options.batches // n_reads
    zeros = [np.zeros((n_rows, size), "float32") for size in sizes]
    ended = np.zeros((n_reads, *np.shape(zeros)))
    # With --start, what is returned is of the third sequences, which know others before them.
    for _ in range(3 if options.start else 1):
        sequences = [generate_data(options)[0] for _ in range(n_sequences)]
        batches = [np.split(X, n_reads) for X in sequences]
        state, before, ended, found = zeros, ended, [], []
        for number, parts in enumerate(zip(*batches)):
            if options.start:
                state = [*state_of_start(options.start, number, before)]
            steps = []
            for values in np.concatenate(parts).swapaxes(0, 1):
                steps.append(np.concatenate(state, axis=1))
                _, state = cell(values, [part.astype("float32") for part in state])
                state = [keras.ops.convert_to_numpy(part) for part in state]
            found.append(np.stack(steps[options.burn_in :], axis=1))
            ended.append(state)
        ended = np.array(ended)
    return np.concatenate(found)


def compare(states):
    """Return the share of zeros among starts and, of the others, length and spread."""
    starts, inside = states[:, 0], states[:, 1:].reshape(-1, states.shape[-1])
    is_zero = ~starts.any(axis=1)
    others = starts if is_zero.all() else starts[~is_zero]
    lengths = [np.linalg.norm(vectors, axis=1) for vectors in (others, inside)]
    difference = (lengths[0].mean() - lengths[1].mean()) / lengths[1].std()
    spread = np.median(others.std(axis=0) / inside.std(axis=0))
    return is_zero.mean(), difference, spread


def main(arguments=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.parse_args(arguments)
    print("zeros length spread command")
    for command in EXPERIMENTS.command[EXPERIMENTS.group.isin(SORTED)]:
        keras.utils.set_random_seed(1)
        zeros, length, spread = compare(states_of(command))
        print(f"{zeros:5.0%} {length:6.2f} {spread:6.2f} {command}")


if __name__ == "__main__":
    main()
