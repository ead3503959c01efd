"""Type values, one after another: your network answers each with the one before.

    python -m tests.experiments.prompt lag.keras

FILE is a network that `model.save("lag.keras")` saved after its training. It is fed one
value at a time and keeps its state from one to the next. Ctrl-D ends the program.
"""

import argparse
import sys
from pathlib import Path

import keras

from sequences import one_hot_decode, one_hot_encode
from tests.experiments.reporting import end_quietly
from tests.porting.stateful import one_at_a_time


def load(file):
    """Return the network in a file, made to take one value and to keep its state.

    Raises: ValueError if there is none, or if it does not take one hot values.
    """
    if not file.is_file():
        raise ValueError(f"{file} does not exist")
    try:
        model = keras.models.load_model(file, compile=False)
    except (ValueError, TypeError, KeyError, OSError) as error:
        raise ValueError(f"{file} is no network that Keras can load") from error
    network = one_at_a_time(model)
    if network.input_shape[-1] != 100 or network.output_shape[-1] != 100:
        raise ValueError(f"{file} does not take and answer one hot values from 0 to 99")
    return network


def answer(network, word):
    """Feed the network one value; return its answer, or what is wrong with the value."""
    try:
        X = one_hot_encode([int(word)])
    except ValueError:
        return f"{word} is not a whole number from 0 to 99"
    yhat = network.predict_on_batch(X.reshape(1, 1, 100))
    return f"after {word}: {one_hot_decode(yhat.reshape(1, 100))[0]}"


def main(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="such as lag.keras")
    args = parser.parse_args(argv)
    try:
        network = load(args.file)
    except ValueError as error:
        parser.error(str(error))
    print("Type values from 0 to 99, one or more per line. Ctrl-D ends.")
    print("The first answer can only be guessed: there is no value before.")
    try:
        while True:
            line = input("> " if sys.stdin.isatty() else "")
            for word in line.split():
                print(answer(network, word))
    except (EOFError, KeyboardInterrupt):
        print()


if __name__ == "__main__":
    end_quietly(main)
