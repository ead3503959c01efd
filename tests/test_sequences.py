"""The encoding, against independent encoders, and the framings, against the article."""

import itertools
import random
import runpy
import sys

import keras
import numpy as np
import pytest
from sklearn.preprocessing import OneHotEncoder

import sequences
from sequences import (
    generate_data_current,
    generate_data_lag,
    generate_data_lag_no_context,
    generate_sequence,
    one_hot_decode,
    one_hot_encode,
)

FRAMINGS = [generate_data_current, generate_data_lag_no_context, generate_data_lag]


def pairs(framing, sequence):
    """Return a framing's samples as readable pairs: ([time steps], value to echo)."""
    X, y = framing(sequence)
    return list(zip(one_hot_decode(X), one_hot_decode(y), strict=True))


def error_of(function, *arguments, **options):
    with pytest.raises(ValueError) as error:
        function(*arguments, **options)
    return str(error.value)


# Sequences


def test_sequence_has_25_values_from_0_to_99_by_default():
    drawn = [generate_sequence() for _ in range(400)]
    assert {len(sequence) for sequence in drawn} == {25}
    assert {value for sequence in drawn for value in sequence} == set(range(100))
    assert all(type(value) is int for value in drawn[0])


def test_sequence_takes_length_and_n_unique():
    assert generate_sequence(3, n_unique=1) == [0, 0, 0]
    assert set(generate_sequence(1000, n_unique=2)) == {0, 1}


@pytest.mark.parametrize("value", [0, -1, 2.5, "3", None])
def test_bad_count_is_an_error(value):
    expected = f"is {value!r}: an integer of at least 1 is needed"
    assert error_of(generate_sequence, length=value) == f"length {expected}"
    assert error_of(generate_sequence, n_unique=value) == f"n_unique {expected}"
    assert error_of(one_hot_encode, [], n_unique=value) == f"n_unique {expected}"


# Encoding


@pytest.mark.parametrize("n_unique", [1, 2, 100, 1000])
def test_round_trip_for_every_value(n_unique):
    encoded = one_hot_encode(range(n_unique), n_unique)
    assert encoded.shape == (n_unique, n_unique)
    assert one_hot_decode(encoded) == list(range(n_unique))


def test_encoding_agrees_with_keras_and_scikit_learn():
    sequence = generate_sequence(500)
    encoded = one_hot_encode(sequence)
    assert np.issubdtype(encoded.dtype, np.integer)
    np.testing.assert_array_equal(encoded, keras.utils.to_categorical(sequence, 100))
    encoder = OneHotEncoder(categories=[range(100)], sparse_output=False)
    column = np.array(sequence).reshape(-1, 1)
    np.testing.assert_array_equal(encoded, encoder.fit_transform(column))
    assert one_hot_decode(encoded) == sequence
    # Keras encodes what ours rejects, as the README says.
    keras_encoded = keras.utils.to_categorical([-1, 1.9], 100)
    assert one_hot_decode(keras_encoded) == [99, 1]


@pytest.mark.parametrize(
    "values",
    # As an index, NumPy takes True for "all" and False for "none".
    [[], [3, 14], [np.int64(3), np.uint8(14)], [True, False], [np.True_, np.False_]],
)
def test_encoding_takes_integers_of_every_kind(values):
    for sequence in values, np.array(values), iter(values):
        encoded = one_hot_encode(sequence, n_unique=15)
        assert encoded.shape == (len(values), 15)
        assert encoded.sum() == len(values)
        assert one_hot_decode(encoded) == values


@pytest.mark.parametrize("value", [-1, 100, 1.5, 3.0, "3", float("nan"), None])
def test_bad_value_is_an_error(value):
    expected = f"{value!r} is not an integer from 0 to"
    for function in (one_hot_encode, *FRAMINGS):
        assert error_of(function, [0, value, 99, 0, 0, 0]) == f"{expected} 99"
    assert error_of(one_hot_encode, [0, value, 2], n_unique=3) == f"{expected} 2"


# Decoding


def test_decoding_takes_probabilities():
    probabilities = [[0.2, 0.5, 0.3], [0.6, 0.3, 0.1]]
    assert one_hot_decode(probabilities) == [1, 0]
    # As they come out of a DataFrame whose columns have several types.
    assert one_hot_decode(np.array(probabilities, dtype=object)) == [1, 0]


def test_decoding_keeps_every_time_step():
    decoded = one_hot_decode(one_hot_encode(range(7, 13)).reshape(2, 3, 100))
    assert decoded == [[7, 8, 9], [10, 11, 12]]
    assert all(type(value) is int for time_steps in decoded for value in time_steps)


@pytest.mark.parametrize(
    ("encoded", "message"),
    [
        (5, "shape () has no vectors to decode"),
        ([], "shape (0,) has no vectors to decode"),
        (np.zeros((3, 0)), "shape (3, 0) has no vectors to decode"),
        ([[1, 0], [float("nan"), 0]], "the value at index [1, 0] is NaN, not a number"),
    ],
)
def test_what_cannot_be_decoded_is_an_error(encoded, message):
    assert error_of(one_hot_decode, encoded).startswith(message)


# Framings


@pytest.mark.parametrize(
    ("framing", "sequence", "expected"),
    [
        (generate_data_current, [1, 2, 3], [([1], 1), ([2], 2), ([3], 3)]),
        (generate_data_lag_no_context, [1, 2, 3, 4], [([2], 1), ([3], 2), ([4], 3)]),
        # The article's table has a row more, (1, 2, 3, 4, 5) and 4, that its code drops.
        (generate_data_lag, range(1, 8), [([2, 3, 4, 5, 6], 5), ([3, 4, 5, 6, 7], 6)]),
    ],
)
def test_framing_is_the_one_of_the_article(framing, sequence, expected):
    assert pairs(framing, sequence) == expected


@pytest.mark.parametrize(
    ("framing", "X_shape", "fewest"),
    [
        (generate_data_current, (25, 1, 100), 1),
        (generate_data_lag_no_context, (24, 1, 100), 2),
        (generate_data_lag, (20, 5, 100), 6),
    ],
)
def test_framing_has_the_shapes_and_the_fewest_integers(framing, X_shape, fewest):
    X, y = framing()
    assert X.shape == X_shape
    assert y.shape == (X_shape[0], 100)
    assert X.dtype == y.dtype == np.float32
    assert not np.shares_memory(X, y)
    assert not np.array_equal(y, framing()[1])
    assert [len(part) for part in framing(range(fewest))] == [1, 1]
    expected = f"{fewest - 1} integers are too few: at least {fewest} are needed"
    assert error_of(framing, range(fewest - 1)) == expected


@pytest.mark.parametrize("length", [6, 7, 26, 100])
def test_framings_pair_by_pair(length):
    s = generate_sequence(length)
    assert pairs(generate_data_current, s) == [([value], value) for value in s]
    assert pairs(generate_data_lag_no_context, s) == [
        ([s[t]], s[t - 1]) for t in range(1, length)
    ]
    assert pairs(generate_data_lag, s) == [
        (s[t - 4 : t + 1], s[t - 1]) for t in range(5, length)
    ]


# python sequences.py


@pytest.fixture
def run(monkeypatch):
    """Run the program in this process, on the same sequences each time."""

    def run(*arguments):
        random.seed(1)
        monkeypatch.setattr(sys, "argv", ["sequences.py", *arguments])
        runpy.run_path(sequences.__file__, run_name="__main__")

    return run


def test_program_prints_the_example_and_the_sanity_checks(run, capsys):
    run()
    example, no_context, lag = capsys.readouterr().out.split("\n\n")

    heading, sequence, *matrix, decoded = example.splitlines()
    assert heading == "Generate and encode a random sequence"
    assert sequence == decoded
    assert len(sequence.split(", ")) == 25
    assert matrix[0].startswith("[[0 0 0 ... 0 0 0]") and len(matrix) == 7

    heading, *lines = no_context.splitlines()
    assert heading == "Echo lag observation without context: X, y"
    rows = [[int(value) for value in line.split()] for line in lines]
    assert len(rows) == 24
    assert all(after[1] == before[0] for before, after in itertools.pairwise(rows))

    heading, *lines = lag.splitlines()
    assert heading == "Echo lag observation: X (5 time steps), y"
    rows = [[int(value) for value in line.split()] for line in lines]
    assert len(rows) == 20
    assert all(len(row) == 6 and row[5] == row[3] for row in rows)


@pytest.mark.parametrize(
    ("argument", "status", "text"),
    [("--help", 0, "example of part 1"), ("3", 2, ": unrecognized arguments: 3\n")],
)
def test_help_and_a_bad_command_line(argument, status, text, run, capsys):
    with pytest.raises(SystemExit) as stop:
        run(argument)
    assert stop.value.code == status
    assert text in "".join(capsys.readouterr())
