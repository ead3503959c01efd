"""The encoding, against independent encoders, and the framings, against the article."""

import random
import re
import sys

import keras
import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import OneHotEncoder

import sequences
from sequences import generate_sequence, one_hot_decode, one_hot_encode

CURRENT = sequences.generate_data_current
NO_CONTEXT = sequences.generate_data_lag_no_context
LAG = sequences.generate_data_lag
FRAMINGS = [(CURRENT, 1), (NO_CONTEXT, 2), (LAG, 6)]  # and the fewest integers


def pairs(framing, sequence):
    """Return a framing's samples as readable pairs: ([time steps], value to echo)."""
    X, y = framing(sequence)
    return list(zip(one_hot_decode(X), one_hot_decode(y), strict=True))


def test_sequences_are_random_values_of_the_given_range():
    drawn = [generate_sequence() for _ in range(400)]
    assert {len(sequence) for sequence in drawn} == {25}
    assert {value for sequence in drawn for value in sequence} == set(range(100))
    assert set(generate_sequence(1000, n_unique=2)) == {0, 1}


def test_all_values_are_equally_likely():
    random.seed(1)
    counts = np.bincount(generate_sequence(20_000))
    # 200 on average, with a standard deviation of 14.
    assert len(counts) == 100
    assert counts.min() > 140 and counts.max() < 260


@pytest.mark.parametrize("n_unique", [100, np.int64(100)])
def test_sequences_are_lists_of_the_ints_of_python(n_unique):
    sequence = generate_sequence(n_unique=n_unique)
    assert type(sequence) is list
    assert {type(value) for value in sequence} == {int}


@pytest.mark.parametrize("value", ["3", 2.5, 25.0, None, 0, -1])
@pytest.mark.parametrize("name", ["length", "n_unique"])
def test_bad_count_is_an_error(name, value):
    message = f"^{name} is {value!r}: an integer of at least 1 is needed$"
    with pytest.raises(ValueError, match=message):
        generate_sequence(**{name: value})


@pytest.mark.parametrize("value", ["3", 2.5, 100.0, None, 0, -1])
@pytest.mark.parametrize("sequence", [[], [0, 1]])
def test_bad_number_of_unique_values_to_encode_is_an_error(sequence, value):
    message = f"^n_unique is {value!r}: an integer of at least 1 is needed$"
    with pytest.raises(ValueError, match=message):
        one_hot_encode(sequence, n_unique=value)


@pytest.mark.parametrize("n_unique", [1, 2, 100, 1000])
def test_round_trip_for_every_value(n_unique):
    encoded = one_hot_encode(range(n_unique), n_unique)
    assert np.array_equal(encoded, np.identity(n_unique))
    decoded = one_hot_decode(encoded)
    assert decoded == list(range(n_unique))
    assert {type(value) for value in decoded} == {int}


def test_encoding_is_that_of_scikit_learn():
    sequence = generate_sequence(500)
    encoder = OneHotEncoder(categories=[range(100)], sparse_output=False)
    expected = encoder.fit_transform(np.reshape(sequence, (500, 1)))
    encoded = one_hot_encode(sequence)
    assert np.array_equal(encoded, expected)
    column = encoder.inverse_transform(encoded)
    assert one_hot_decode(encoded) == column.ravel().tolist()


def test_encoding_is_that_of_keras():
    sequence = generate_sequence(500)
    expected = keras.utils.to_categorical(sequence, num_classes=100)
    assert np.array_equal(one_hot_encode(sequence), expected)


@pytest.mark.parametrize(
    "values",
    # As an index, NumPy would take True for "all" and False for "none".
    [[], (3, 14), range(3), np.arange(3), [np.uint8(3)], pd.Series([3]), [True, False]],
    ids=repr,
)
def test_encoding_takes_sequences_and_integers_of_every_kind(values):
    encoded = one_hot_encode(values, n_unique=15)
    assert encoded.shape == (len(values), 15)
    assert encoded.dtype == int
    assert encoded.sum() == len(values)
    assert one_hot_decode(encoded) == list(values)


@pytest.mark.parametrize("function", [one_hot_encode, CURRENT, NO_CONTEXT, LAG])
@pytest.mark.parametrize("value", [-1, 100, 1.5, 3.0, "3", float("nan"), None])
def test_bad_value_is_an_error(function, value):
    with pytest.raises(ValueError, match=f"^{value!r} is not an integer from 0 to 99$"):
        function([0, value, 99, 0, 0, 0])


@pytest.mark.parametrize("value", [3, -1])
def test_bad_value_names_the_last_integer_of_the_range(value):
    with pytest.raises(ValueError, match=f"^{value} is not an integer from 0 to 2$"):
        one_hot_encode([0, value], 3)


@pytest.mark.parametrize(
    "sequence",
    [pd.DataFrame({7: [1, 2]}), np.eye(3), [[1, 2, 3]], {1, 2}, {1: 2}, iter([1]), 34],
)
def test_anything_but_a_flat_sequence_is_an_error(sequence):
    kind = type(sequence).__name__
    with pytest.raises(ValueError, match=f"{kind} .*: a flat list of integers"):
        one_hot_encode(sequence)


def test_decoding_takes_probabilities_and_keeps_every_time_step():
    assert one_hot_decode([[0.2, 0.5, 0.3], [0.6, 0.3, 0.1]]) == [1, 0]
    decoded = one_hot_decode(one_hot_encode(range(7, 13)).reshape(2, 3, 100))
    assert decoded == [[7, 8, 9], [10, 11, 12]]


@pytest.mark.parametrize("encoded", [5, None, [], [[], []]])
def test_nothing_to_decode_is_an_error(encoded):
    message = f"^{re.escape(repr(encoded))} has no vectors to decode$"
    with pytest.raises(ValueError, match=message):
        one_hot_decode(encoded)


@pytest.mark.parametrize(
    "encoded", ["three", {1: 2}, [[1, 0], [1]], [[1, 0], ["a", 0]]]
)
def test_what_is_no_array_of_numbers_to_decode_is_an_error(encoded):
    message = f"^{re.escape(repr(encoded))} is not an array of numbers to decode$"
    with pytest.raises(ValueError, match=message):
        one_hot_decode(encoded)


@pytest.mark.parametrize("place", [(0, 0), (1, 2)])
def test_nan_to_decode_is_an_error(place):
    encoded = np.ones((2, 3))
    encoded[place] = np.nan
    with pytest.raises(ValueError, match="^a value to decode is NaN, not a number$"):
        one_hot_decode(encoded)


@pytest.mark.parametrize(
    ("framing", "X_shape"),
    [(CURRENT, (25, 1, 100)), (NO_CONTEXT, (24, 1, 100)), (LAG, (20, 5, 100))],
)
def test_framing_has_the_shapes_of_the_article(framing, X_shape):
    X, y = framing()
    assert X.shape == X_shape
    assert y.shape == (X_shape[0], 100)
    assert X.dtype == y.dtype == np.float32
    assert X.flags.c_contiguous  # or taking a batch would take time for all of X
    assert y.flags.c_contiguous
    assert not np.shares_memory(X, y)


@pytest.mark.parametrize(("framing", "fewest"), FRAMINGS)
def test_framing_draws_a_new_sequence_by_default(framing, fewest):
    assert not np.array_equal(framing()[1], framing()[1])


@pytest.mark.parametrize(("framing", "fewest"), FRAMINGS)
def test_framing_of_too_few_integers_is_an_error(framing, fewest):
    message = f"^at least {fewest} integers are needed, not {fewest - 1}$"
    with pytest.raises(ValueError, match=message):
        framing(range(fewest - 1))


@pytest.mark.parametrize(("framing", "fewest"), FRAMINGS)
def test_framing_of_the_fewest_integers_is_one_sample(framing, fewest):
    X, y = framing(range(fewest))
    assert len(X) == len(y) == 1


@pytest.mark.parametrize("more", [0, 1])
@pytest.mark.parametrize("fewest", [1, 2, 6, 25, 100])
def test_framings_pair_by_pair(fewest, more):
    s = generate_sequence(fewest + more)
    numbers = range(len(s))
    assert pairs(CURRENT, s) == [([s[t]], s[t]) for t in numbers]
    if len(s) >= 2:
        assert pairs(NO_CONTEXT, s) == [([s[t]], s[t - 1]) for t in numbers[1:]]
    if len(s) >= 6:
        # The article's table has a row more, for t = 4, that its code drops.
        assert pairs(LAG, s) == [(s[t - 4 : t + 1], s[t - 1]) for t in numbers[5:]]


@pytest.mark.parametrize(
    ("framing", "windows", "echo"),
    [
        (CURRENT, [[1], [2], [3], [4], [5], [6], [7]], [1, 2, 3, 4, 5, 6, 7]),
        (NO_CONTEXT, [[2], [3], [4], [5], [6], [7]], [1, 2, 3, 4, 5, 6]),
        # The article's table has a row more, 1 2 3 4 5 -> 4, that its code drops.
        (LAG, [[2, 3, 4, 5, 6], [3, 4, 5, 6, 7]], [5, 6]),
    ],
)
def test_framing_of_1_to_7(framing, windows, echo):
    X, y = framing(range(1, 8))
    assert one_hot_decode(X) == windows
    assert one_hot_decode(y) == echo


def test_program_prints_the_example_and_the_sanity_checks(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["sequences.py"])
    random.seed(1)
    sequences.main()
    random.seed(1)
    a, b, c = [[random.randint(0, 99) for _ in range(25)] for _ in range(3)]
    vectors = np.identity(100, dtype=int)[a]
    no_context = [f"{b[t]} {b[t - 1]}" for t in range(1, 25)]
    lag = [f"{' '.join(map(str, c[t - 4 : t + 1]))} {c[t - 1]}" for t in range(5, 25)]
    assert capsys.readouterr().out.splitlines() == [
        "Generate and encode a random sequence",
        *f"{a}\n{vectors}\n{a}".splitlines(),
        "",
        "Echo lag observation without context: X, y",
        *no_context,
        "",
        "Echo lag observation: X (5 time steps), y",
        *lag,
    ]


def test_program_has_a_help(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["sequences.py", "--help"])
    with pytest.raises(SystemExit, match="^0$"):
        sequences.main()
    assert "complete example of part 1 and its sanity checks" in capsys.readouterr().out


@pytest.mark.parametrize("argument", ["--seed", "5"])
def test_program_takes_no_other_option(argument, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["sequences.py", argument])
    with pytest.raises(SystemExit, match="^2$"):
        sequences.main()
    output, error = capsys.readouterr()
    assert output == ""
    assert error.endswith(f"sequences.py: error: unrecognized arguments: {argument}\n")
