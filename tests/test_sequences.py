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


def test_sequences_are_lists_of_ints_that_are_equally_likely():
    random.seed(1)
    drawn = [generate_sequence() for _ in range(800)]
    assert {(type(sequence), len(sequence)) for sequence in drawn} == {(list, 25)}
    assert {type(value) for sequence in drawn for value in sequence} == {int}
    # 200 of each on average, with a standard deviation of 14.
    counts = np.bincount(np.concatenate(drawn))
    assert len(counts) == 100 and counts.min() > 140 and counts.max() < 260
    few = generate_sequence(np.int64(1000), n_unique=np.int64(2))
    assert set(few) == {0, 1} and {type(value) for value in few} == {int}


@pytest.mark.parametrize("n_unique", [1, 2, 100, 1000])
def test_round_trip_of_every_value_as_in_scikit_learn_and_keras(n_unique):
    values = random.sample(range(n_unique), n_unique)
    encoded = one_hot_encode(values, n_unique)
    encoder = OneHotEncoder(categories=[range(n_unique)], sparse_output=False)
    of_encoder = encoder.fit_transform(np.reshape(values, (-1, 1)))
    assert np.array_equal(encoded, of_encoder)
    assert np.array_equal(encoded, keras.utils.to_categorical(values, n_unique))
    decoded = one_hot_decode(encoded)
    assert decoded == values
    assert {type(value) for value in decoded} == {int}


@pytest.mark.parametrize(
    "values",
    # As an index, NumPy would take True for "all" and False for "none".
    [[], (3, 14), range(3), np.arange(3), [np.uint8(3)], pd.Series([3]), [True, False]],
    ids=repr,
)
def test_encoding_takes_sequences_and_integers_of_every_kind(values):
    encoded = one_hot_encode(values)
    assert encoded.shape == (len(values), 100)
    assert encoded.dtype == int
    assert encoded.sum() == len(values)
    assert one_hot_decode(encoded) == list(values)


def test_decoding_takes_probabilities_and_keeps_every_time_step():
    assert one_hot_decode([[0.2, 0.5, 0.3], [0.6, 0.3, 0.1]]) == [1, 0]
    assert one_hot_decode([[0.3, 0.30001, 0.2]]) == [1]
    decoded = one_hot_decode(one_hot_encode(range(7, 13)).reshape(2, 3, 100))
    assert decoded == [[7, 8, 9], [10, 11, 12]]


NAN = float("nan")
COUNTS = ["3", 2.5, 25.0, None, 0, -1, True]
VALUES = [-1, 100, 1.5, 3.0, "3", NAN, None]
# No flat sequence.
SEQUENCES = [
    pd.DataFrame({7: [1, 2]}),
    np.eye(3),
    [[1, 2, 3]],
    {1, 2},
    {1: 2},
    iter([1]),
    34,
]
NO_VECTORS = [5, [], [[], []]]
NO_NUMBERS = ["three", None, {1: 2}, [[1, 0], [1]], [["a", 0]], [["1", "2"]]]


@pytest.mark.parametrize("value", COUNTS)
def test_a_bad_count_is_an_error_that_names_it(value):
    for function, data, name in [
        (generate_sequence, {}, "length"),
        (generate_sequence, {}, "n_unique"),
        (one_hot_encode, {"sequence": []}, "n_unique"),
    ]:
        message = f"^{name} is {value!r}: an integer of at least 1 is needed$"
        with pytest.raises(ValueError, match=message):
            function(**data, **{name: value})


@pytest.mark.parametrize("value", VALUES)
def test_a_bad_value_is_an_error_that_names_it(value):
    with pytest.raises(ValueError, match=f"^{value!r} is not an integer from 0 to 99$"):
        one_hot_encode([0, value])


@pytest.mark.parametrize("value", SEQUENCES, ids=lambda value: type(value).__name__)
def test_what_is_no_flat_sequence_is_an_error_that_names_its_type(value):
    with pytest.raises(ValueError, match=f"{type(value).__name__} .*: a flat list"):
        one_hot_encode(value)


@pytest.mark.parametrize(
    ("message", "values"),
    [("has no vectors", NO_VECTORS), ("is not an array of numbers", NO_NUMBERS)],
)
def test_what_cannot_be_decoded_is_an_error_that_names_it(message, values):
    for value in values:
        with pytest.raises(ValueError, match=f"^{re.escape(repr(value))} {message}"):
            one_hot_decode(value)


@pytest.mark.parametrize("encoded", [[[NAN, 1], [1, 0]], [[1, 0], [1, NAN]]])
def test_nan_is_not_decoded(encoded):
    with pytest.raises(ValueError, match="NaN"):
        one_hot_decode(encoded)


@pytest.mark.parametrize(
    ("framing", "fewest", "X_shape"),
    [(CURRENT, 1, (25, 1, 100)), (NO_CONTEXT, 2, (24, 1, 100)), (LAG, 6, (20, 5, 100))],
)
def test_framing_of_a_new_sequence_and_of_a_bad_one(framing, fewest, X_shape):
    X, y = framing()
    assert (X.shape, y.shape) == (X_shape, (X_shape[0], 100))
    assert X.dtype == y.dtype == np.float32
    # If X were not in one piece, taking a batch would take time for all of X.
    assert X.flags.c_contiguous and not np.shares_memory(X, y)
    assert not np.array_equal(y, framing()[1])
    message = f"^at least {fewest} integers are needed, not {fewest - 1}$"
    with pytest.raises(ValueError, match=message):
        framing(range(fewest - 1))
    with pytest.raises(ValueError, match="^-1 is not an integer from 0 to 99$"):
        framing([0, -1, 99, 0, 0, 0])


@pytest.mark.parametrize("length", [1, 2, 3, 6, 7, 25, 101])
def test_framings_pair_by_pair(length):
    def pairs(framing):
        X, y = framing(s)
        return list(zip(one_hot_decode(X), one_hot_decode(y), strict=True))

    s = generate_sequence(length)
    numbers = range(length)
    assert pairs(CURRENT) == [([s[t]], s[t]) for t in numbers]
    if length >= 2:
        assert pairs(NO_CONTEXT) == [([s[t]], s[t - 1]) for t in numbers[1:]]
    if length >= 6:
        # The article's table has a row more, for t = 4, that its code drops.
        assert pairs(LAG) == [(s[t - 4 : t + 1], s[t - 1]) for t in numbers[5:]]


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


@pytest.mark.parametrize(("option", "status"), [("--help", 0), ("--seed", 2), ("5", 2)])
def test_program_has_a_help_and_no_other_option(option, status, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["sequences.py", option])
    with pytest.raises(SystemExit, match=f"^{status}$"):
        sequences.main()
    output, error = capsys.readouterr()
    assert bool(output) is (status == 0) and bool(error) is (status == 2)
