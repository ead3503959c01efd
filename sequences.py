"""Random integer sequences, their one hot encoding, and the article's three framings.

This is part 1 of "How to Learn to Echo Random Integers with LSTMs in Keras" and the
`generate_data()` of its parts 2, 3 and 4. A framing turns a sequence into the input X and
the expected output y of a network. Nothing here needs Keras. `python sequences.py` prints
the complete example of part 1 and the sanity checks of parts 3 and 4.
"""

import argparse
import numbers
import random

import numpy as np
import pandas as pd


def generate_sequence(length=25, n_unique=100):
    """Return random integers from 0 to n_unique - 1, all equally likely (part 1).

    Returns: list of `length` ints.
    Raises: ValueError if length or n_unique is not an integer of at least 1.
    """
    _check_count("length", length)
    _check_count("n_unique", n_unique)
    return [random.randint(0, n_unique - 1) for _ in range(length)]


def one_hot_encode(sequence, n_unique=100):
    """Return one binary vector per integer: 1 at the integer's index, else 0 (part 1).

    sequence: a list of integers from 0 to n_unique - 1, or a range, an array or a column
        of a DataFrame; may be empty.
    Returns: integer array, shape (len(sequence), n_unique).
    Raises: ValueError if the sequence is not one-dimensional (a whole DataFrame, a set and
        an iterator are not), if a value is not such an integer, or if n_unique is not an
        integer of at least 1.
    """
    _check_count("n_unique", n_unique)
    integers = _check_sequence(sequence, n_unique)
    encoded = np.zeros((len(integers), n_unique), dtype=int)
    for i, integer in enumerate(integers):
        encoded[i, integer] = 1
    return encoded


def one_hot_decode(encoded):
    """Return the index of the largest value in each vector of the last axis (part 1).

    encoded: one hot vectors or predicted probabilities, shape (samples, n_unique) or
        (samples, time steps, n_unique).
    Returns: list of ints for 2 dimensions; for 3, a list of lists with one int per time
        step. (The article's version keeps only the first time step.)
    Raises: ValueError if this is not an array of numbers, if there are no vectors, if they
        are empty, or if a value is NaN.
    """
    vectors = _check_vectors(encoded)
    return vectors.argmax(axis=-1).tolist()


def generate_data_current(sequence=None):
    """Frame a sequence: from each value, give the same one (part 2).

    1, 2, 3, 4 becomes 1 -> 1, 2 -> 2, 3 -> 3, 4 -> 4.
    The network must learn a function of the current value: yhat(t) = f(X(t)).

    sequence: n >= 1 integers from 0 to 99; a new random sequence of 25 by default.
    Returns: X, float32 (n, 1, 100), and y, float32 (n, 100).
    Raises: ValueError if the sequence is shorter or holds anything but such integers.
    """
    encoded = _encode(sequence, at_least=1)
    X = encoded.reshape(len(encoded), 1, 100)
    y = encoded.copy()  # If you change X later, y stays.
    return X, y


def generate_data_lag_no_context(sequence=None):
    """Frame a sequence: from each value, give the one before (part 3).

    1, 2, 3, 4 becomes 2 -> 1, 3 -> 2, 4 -> 3.
    The network must learn a function of the previous value: yhat(t) = f(X(t-1)). But a
    sample shows only X(t). The article says that the network therefore learned only
    yhat(t) = f(X(t)).

    sequence: n >= 2 integers from 0 to 99; a new random sequence of 25 by default.
    Returns: X, float32 (n - 1, 1, 100), and y, float32 (n - 1, 100).
    Raises: ValueError if the sequence is shorter or holds anything but such integers.
    """
    encoded = _encode(sequence, at_least=2)
    X = encoded[1:].reshape(len(encoded) - 1, 1, 100)
    y = encoded[:-1].copy()  # If you change X later, y stays.
    return X, y


def generate_data_lag(sequence=None):
    """Frame a sequence: from 5 values, give the second-to-last (part 4).

    1 to 10 becomes 2 3 4 5 6 -> 5, 3 4 5 6 7 -> 6, and so on to 6 7 8 9 10 -> 9.
    The network must learn a function of the window, yhat(t) = f(X(t-4), ..., X(t)), which
    picks X(t-1).

    sequence: n >= 6 integers from 0 to 99; a new random sequence of 25 by default.
    Returns: X, float32 (n - 5, 5, 100), and y, float32 (n - 5, 100).
    Raises: ValueError if the sequence is shorter or holds anything but such integers.
    """
    encoded = _encode(sequence, at_least=6)
    df = pd.DataFrame(encoded)
    df = pd.concat([df.shift(4), df.shift(3), df.shift(2), df.shift(1), df], axis=1)
    # A row has 5 values, 100 numbers for each, the oldest first. Only the first 4 rows are
    # incomplete. The article's code drops 5, also the complete 1 2 3 4 5 -> 4, and so do we.
    values = np.ascontiguousarray(df.to_numpy()[5:])  # contiguous: only for speed
    X = values.reshape(len(values), 5, 100)
    # The first window ends with encoded[5], so its answer, X(t-1), is encoded[4].
    y = encoded[4:-1]
    return X, y


def _encode(sequence, at_least):
    """Return the one hot encoding of a sequence, or of a new one if it is None."""
    if sequence is None:
        sequence = generate_sequence()
    encoded = one_hot_encode(sequence).astype("float32")
    if len(encoded) < at_least:
        raise ValueError(f"at least {at_least} integers are needed, not {len(encoded)}")
    return encoded


def _check_count(name, value):
    """Raise ValueError if the value of this name is not an integer of at least 1."""
    if not isinstance(value, numbers.Integral) or value is True or value < 1:
        raise ValueError(f"{name} is {value!r}: an integer of at least 1 is needed")


def _check_sequence(sequence, n_unique):
    """Return a sequence as a list of ints. Raise ValueError if one_hot_encode says so."""
    # An array of objects, so that True, 1.5 and "3" keep their types. (A 1.5 would turn all
    # integers into floats, a "3" into strings.)
    values = np.asarray(sequence, dtype=object)
    if values.ndim != 1:
        given = f"of type {type(sequence).__name__} and shape {values.shape}"
        raise ValueError(f"the sequence is {given}: a flat list of integers is needed")
    for value in values:
        # The article's version also takes -1, and encodes it as 99.
        if not (isinstance(value, numbers.Integral) and 0 <= value < n_unique):
            raise ValueError(f"{value!r} is not an integer from 0 to {n_unique - 1}")
    return [int(value) for value in values]  # As an index, True would mean a whole row.


def _check_vectors(encoded):
    """Return vectors as an array of floats. Raise ValueError if one_hot_decode says so."""
    try:
        # Safe casting takes numbers, but no "3".
        vectors = np.asarray(encoded).astype(float, casting="safe")
    except (TypeError, ValueError):
        raise ValueError(f"{encoded!r} is not an array of numbers to decode") from None
    if vectors.ndim == 0 or vectors.shape[-1] == 0:
        raise ValueError(f"{encoded!r} has no vectors to decode")
    if np.isnan(vectors).any():
        raise ValueError("a value to decode is NaN, not a number")
    return vectors


def _print_pairs(X, y):
    """Print one line per sample: the values at its time steps, then the value to echo."""
    for time_steps, value in zip(one_hot_decode(X), one_hot_decode(y)):
        print(*time_steps, value)


def main():
    parser = argparse.ArgumentParser(
        description="Print the article's complete example of part 1 and its sanity checks."
    )
    parser.parse_args()

    print("Generate and encode a random sequence")
    sequence = generate_sequence()
    print(sequence)
    encoded = one_hot_encode(sequence)
    print(encoded)
    decoded = one_hot_decode(encoded)
    print(decoded)

    print("\nEcho lag observation without context: X, y")
    _print_pairs(*generate_data_lag_no_context())

    print("\nEcho lag observation: X (5 time steps), y")
    _print_pairs(*generate_data_lag())


if __name__ == "__main__":
    main()
