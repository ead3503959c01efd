"""The encoding, against independent encoders, and the framings, against the article."""

import itertools
import random
import subprocess
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


# Sequences


def test_sequence_has_25_values_from_0_to_99_by_default():
    drawn = [generate_sequence() for _ in range(400)]
    assert {len(sequence) for sequence in drawn} == {25}
    assert {value for sequence in drawn for value in sequence} == set(range(100))
    assert all(type(value) is int for value in drawn[0])


def test_sequence_takes_length_and_n_unique():
    assert generate_sequence(3, n_unique=1) == [0, 0, 0]
    assert set(generate_sequence(1000, n_unique=2)) == {0, 1}


def test_sequence_repeats_with_the_seed_of_random():
    random.seed(1)
    first = generate_sequence()
    random.seed(1)
    assert generate_sequence() == first


@pytest.mark.parametrize("value", [0, -1, 2.5, "3", None])
@pytest.mark.parametrize("name", ["length", "n_unique"])
def test_sequence_rejects_a_bad_count(name, value):
    with pytest.raises(ValueError) as error:
        generate_sequence(**{name: value})
    assert (
        str(error.value) == f"{name} is {value!r}: an integer of at least 1 is needed"
    )


# Encoding


def test_round_trip_for_every_value():
    assert one_hot_decode(one_hot_encode(range(100))) == list(range(100))


@pytest.mark.parametrize("n_unique", [1, 2, 10, 100, 1000])
def test_round_trip_for_random_sequences(n_unique):
    sequence = generate_sequence(500, n_unique)
    encoded = one_hot_encode(sequence, n_unique)
    assert encoded.shape == (500, n_unique)
    assert one_hot_decode(encoded) == sequence


def test_encoding_agrees_with_keras_and_scikit_learn():
    sequence = generate_sequence(500)
    encoded = one_hot_encode(sequence)
    assert np.issubdtype(encoded.dtype, np.integer)
    np.testing.assert_array_equal(encoded, keras.utils.to_categorical(sequence, 100))
    encoder = OneHotEncoder(categories=[range(100)], sparse_output=False)
    column = np.array(sequence).reshape(-1, 1)
    np.testing.assert_array_equal(encoded, encoder.fit_transform(column))
    assert encoder.inverse_transform(encoded).ravel().tolist() == one_hot_decode(
        encoded
    )


@pytest.mark.parametrize(("value", "index"), [(-1, 99), (1.9, 1)])
def test_keras_encodes_what_ours_rejects(value, index):
    # As the README says.
    assert keras.utils.to_categorical([value], 100).argmax() == index
    with pytest.raises(ValueError, match="is not an integer from 0 to 99"):
        one_hot_encode([value])


def test_encoding_takes_true_and_false_as_1_and_0():
    # As an index, NumPy takes True for "all" and False for "none".
    encoded = one_hot_encode([True, False], n_unique=3)
    assert encoded.tolist() == [[0, 1, 0], [1, 0, 0]]


def test_encoding_of_an_empty_sequence():
    assert one_hot_encode([]).shape == (0, 100)
    assert one_hot_encode([], n_unique=3).shape == (0, 3)
    assert one_hot_decode(one_hot_encode([])) == []


def test_numpy_integers_are_integers():
    for sequence in (np.array([3, 14]), [np.int64(3), np.uint8(14)], (3, 14)):
        assert one_hot_decode(one_hot_encode(sequence)) == [3, 14]
    assert one_hot_decode(one_hot_encode(np.array([True, False]))) == [1, 0]


def test_encoding_takes_an_iterator():
    assert one_hot_decode(one_hot_encode(iter([3, 14]))) == [3, 14]


@pytest.mark.parametrize("value", [-1, 100, 1.5, 3.0, "3", float("nan"), None])
def test_encoding_rejects_a_bad_value(value):
    with pytest.raises(ValueError) as error:
        one_hot_encode([0, value, 99])
    assert str(error.value) == f"{value!r} is not an integer from 0 to 99"


def test_encoding_names_its_own_range():
    with pytest.raises(ValueError, match="^3 is not an integer from 0 to 2$"):
        one_hot_encode([0, 1, 2, 3], n_unique=3)


@pytest.mark.parametrize("value", [0, -1, 2.5, "3"])
def test_encoding_rejects_a_bad_n_unique(value):
    with pytest.raises(ValueError) as error:
        one_hot_encode([], n_unique=value)
    assert str(error.value) == (
        f"n_unique is {value!r}: an integer of at least 1 is needed"
    )


# Decoding


def test_decoding_takes_probabilities():
    probabilities = [[0.2, 0.5, 0.3], [0.6, 0.3, 0.1]]
    assert one_hot_decode(probabilities) == [1, 0]
    # As they come out of a DataFrame whose columns have several types.
    assert one_hot_decode(np.array(probabilities, dtype=object)) == [1, 0]


def test_decoding_keeps_every_time_step():
    encoded = one_hot_encode([7, 8, 9, 10, 11, 12]).reshape(2, 3, 100)
    decoded = one_hot_decode(encoded)
    assert decoded == [[7, 8, 9], [10, 11, 12]]
    assert all(type(value) is int for time_steps in decoded for value in time_steps)


@pytest.mark.parametrize("encoded", [5, 0.5, [], np.zeros((3, 0))])
def test_decoding_rejects_what_has_no_vectors(encoded):
    with pytest.raises(ValueError) as error:
        one_hot_decode(encoded)
    assert str(error.value) == f"shape {np.shape(encoded)} has no vectors to decode"


def test_decoding_rejects_nan():
    encoded = one_hot_encode([1, 2, 3]).astype(float)
    encoded[1, 42] = float("nan")
    with pytest.raises(ValueError, match=r"^the value at index \[1, 42\] is NaN"):
        one_hot_decode(encoded)


# Framings


def test_framing_of_part_2_echoes_each_value():
    assert pairs(generate_data_current, [1, 2, 3]) == [([1], 1), ([2], 2), ([3], 3)]


def test_framing_of_part_3_is_the_table_of_the_article():
    assert pairs(generate_data_lag_no_context, [1, 2, 3, 4]) == [
        ([2], 1),
        ([3], 2),
        ([4], 3),
    ]


def test_framing_of_part_4_is_the_code_of_the_article():
    # The article's table has a row more, (1, 2, 3, 4, 5) and 4, that its code drops.
    assert pairs(generate_data_lag, range(1, 11)) == [
        ([2, 3, 4, 5, 6], 5),
        ([3, 4, 5, 6, 7], 6),
        ([4, 5, 6, 7, 8], 7),
        ([5, 6, 7, 8, 9], 8),
        ([6, 7, 8, 9, 10], 9),
    ]


@pytest.mark.parametrize(
    ("framing", "X_shape", "y_shape"),
    [
        (generate_data_current, (25, 1, 100), (25, 100)),
        (generate_data_lag_no_context, (24, 1, 100), (24, 100)),
        (generate_data_lag, (20, 5, 100), (20, 100)),
    ],
)
def test_framing_makes_a_new_sequence_of_25_values(framing, X_shape, y_shape):
    X, y = framing()
    assert X.shape == X_shape
    assert y.shape == y_shape
    assert X.dtype == y.dtype == np.float32
    assert not np.array_equal(y, framing()[1])


@pytest.mark.parametrize("length", [6, 7, 24, 26, 100])
def test_framings_pair_by_pair(length):
    s = generate_sequence(length)
    assert pairs(generate_data_current, s) == [([value], value) for value in s]
    assert pairs(generate_data_lag_no_context, s) == [
        ([s[t]], s[t - 1]) for t in range(1, length)
    ]
    assert pairs(generate_data_lag, s) == [
        (s[t - 4 : t + 1], s[t - 1]) for t in range(5, length)
    ]


@pytest.mark.parametrize(
    ("framing", "at_least"), list(zip(FRAMINGS, [1, 2, 6], strict=True))
)
def test_framing_says_how_many_integers_it_needs(framing, at_least):
    n = at_least - 1
    with pytest.raises(ValueError) as error:
        framing(range(n))
    expected = f"{n} integers are too few: at least {at_least} are needed"
    assert str(error.value) == expected
    X, y = framing(range(at_least))
    assert len(X) == len(y) == 1


@pytest.mark.parametrize("framing", FRAMINGS)
def test_framing_rejects_a_bad_value(framing):
    with pytest.raises(ValueError, match="^100 is not an integer from 0 to 99$"):
        framing([1, 2, 3, 4, 5, 100])


@pytest.mark.parametrize("framing", FRAMINGS)
def test_framing_shares_no_memory(framing):
    X, y = framing()
    assert not np.shares_memory(X, y)


# python sequences.py


@pytest.fixture
def run(monkeypatch):
    """Run `main` with these arguments, on the same sequences each time."""

    def run(*arguments):
        random.seed(1)
        monkeypatch.setattr(sys, "argv", ["sequences.py", *arguments])
        sequences.main()

    return run


def test_main_prints_the_example_and_the_sanity_checks(run, capsys):
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
    [
        ("--help", 0, "complete example of part 1 and its sanity"),
        ("3", 2, ": error: unrecognized arguments: 3\n"),
    ],
)
def test_help_and_a_bad_command_line(argument, status, text, run, capsys):
    with pytest.raises(SystemExit) as stop:
        run(argument)
    assert stop.value.code == status
    assert text in "".join(capsys.readouterr())


def test_from_the_shell():
    process = subprocess.run(
        [sys.executable, sequences.__file__],
        capture_output=True,
        check=True,
        text=True,
    )
    # Three headings, a sequence and its matrix and the sequence again, 24 and 20 pairs.
    assert len(process.stdout.splitlines()) == 58
