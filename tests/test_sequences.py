"""The encoding, against independent encoders, and the framings, against the article."""

import random
import sys

import keras
import numpy as np
import pytest
from sklearn.preprocessing import OneHotEncoder

import sequences
from sequences import generate_sequence, one_hot_decode, one_hot_encode

# Each framing, the shape of its X, and the fewest integers.
CURRENT = sequences.generate_data_current, (25, 1, 100), 1
NO_CONTEXT = sequences.generate_data_lag_no_context, (24, 1, 100), 2
LAG = sequences.generate_data_lag, (20, 5, 100), 6
FRAMINGS = [framing for framing, *_ in (CURRENT, NO_CONTEXT, LAG)]


def pairs(framing, sequence):
    """Return a framing's samples as readable pairs: ([time steps], value to echo)."""
    X, y = framing(sequence)
    return list(zip(one_hot_decode(X), one_hot_decode(y), strict=True))


def error_of(function, *arguments, **options):
    with pytest.raises(ValueError) as error:
        function(*arguments, **options)
    return str(error.value)


def test_sequences_are_random_values_of_the_given_range():
    drawn = [generate_sequence() for _ in range(400)]
    assert {len(sequence) for sequence in drawn} == {25}
    assert {value for sequence in drawn for value in sequence} == set(range(100))
    assert set(generate_sequence(1000, n_unique=2)) == {0, 1}
    assert type(generate_sequence(1)[0]) is int


@pytest.mark.parametrize("value", [0, 2.5, "3"])
def test_bad_count_is_an_error(value):
    expected = f"is {value!r}: an integer of at least 1 is needed"
    assert error_of(generate_sequence, length=value) == f"length {expected}"
    assert error_of(generate_sequence, n_unique=value) == f"n_unique {expected}"
    assert error_of(one_hot_encode, [], n_unique=value) == f"n_unique {expected}"


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
    # Keras encodes what ours rejects, as the report says.
    assert one_hot_decode(keras.utils.to_categorical([-1, 1.9], 100)) == [99, 1]


@pytest.mark.parametrize(
    "values",
    # As an index, NumPy takes True for "all" and False for "none".
    [[], [3, 14], [np.int64(3), np.uint8(14)], [True, False]],
)
def test_encoding_takes_integers_of_every_kind(values):
    for sequence in values, tuple(values), iter(values):
        encoded = one_hot_encode(sequence, n_unique=15)
        assert encoded.shape == (len(values), 15)
        assert encoded.sum() == len(values)
        if values:
            assert one_hot_decode(encoded) == values


@pytest.mark.parametrize("value", [-1, 100, 1.5, 3.0, "3", float("nan"), None])
def test_bad_value_is_an_error(value):
    expected = f"{value!r} is not an integer from 0 to"
    for function in (one_hot_encode, *FRAMINGS):
        assert error_of(function, [0, value, 99, 0, 0, 0]) == f"{expected} 99"
    assert error_of(one_hot_encode, [0, value, 2], n_unique=3) == f"{expected} 2"


def test_decoding_takes_probabilities_and_keeps_every_time_step():
    assert one_hot_decode([[0.2, 0.5, 0.3], [0.6, 0.3, 0.1]]) == [1, 0]
    decoded = one_hot_decode(one_hot_encode(range(7, 13)).reshape(2, 3, 100))
    assert decoded == [[7, 8, 9], [10, 11, 12]]
    for nothing in 5, [], np.zeros((3, 0)):
        assert "has no vectors to decode" in error_of(one_hot_decode, nothing)
    assert "NaN" in error_of(one_hot_decode, [[1, 0], [float("nan"), 0]])


@pytest.mark.parametrize(("framing", "X_shape", "fewest"), [CURRENT, NO_CONTEXT, LAG])
def test_framing_has_the_shapes_and_the_fewest_integers(framing, X_shape, fewest):
    X, y = framing()
    assert X.shape == X_shape
    assert y.shape == (X_shape[0], 100)
    assert X.dtype == y.dtype == np.float32
    assert not np.shares_memory(X, y)
    assert not np.array_equal(y, framing()[1])
    assert [len(part) for part in framing(range(fewest))] == [1, 1]
    expected = f"at least {fewest} integers are needed, not {fewest - 1}"
    assert error_of(framing, range(fewest - 1)) == expected
    assert error_of(framing, 34) == "34 is not a sequence of integers"


@pytest.mark.parametrize("length", [6, 7, 26, 100])
def test_framings_pair_by_pair(length):
    s = generate_sequence(length)
    current, no_context, lag = (pairs(framing, s) for framing in FRAMINGS)
    assert current == [([value], value) for value in s]
    assert no_context == [([s[t]], s[t - 1]) for t in range(1, length)]
    # The article's table has a row more, for t = 4, that its code drops.
    assert lag == [(s[t - 4 : t + 1], s[t - 1]) for t in range(5, length)]


def test_program_prints_the_example_and_the_sanity_checks(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["sequences.py"])
    random.seed(1)
    sequences.main()
    example, no_context, lag = capsys.readouterr().out.split("\n\n")
    random.seed(1)
    values = generate_sequence()
    assert str(values) == example.splitlines()[1] == example.splitlines()[-1]
    assert example.splitlines()[2].startswith("[[0 0 0 ... 0 0 0]")
    for framing, printed in [(FRAMINGS[1], no_context), (FRAMINGS[2], lag)]:
        expected = [" ".join(map(str, [*X, y])) for X, y in pairs(framing, None)]
        assert printed.splitlines()[1:] == expected
