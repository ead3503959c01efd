"""The encoding, and the framings as in the article."""

import sys

import numpy as np
import pandas as pd
import pytest

import sequences
from sequences import generate_sequence, one_hot_decode, one_hot_encode

CURRENT = sequences.generate_data_current
NO_CONTEXT = sequences.generate_data_lag_no_context
LAG = sequences.generate_data_lag


def test_sequences_are_random_values_of_the_given_range():
    drawn = [generate_sequence() for _ in range(400)]
    assert {value for sequence in drawn for value in sequence} == set(range(100))
    assert set(generate_sequence(1000, n_unique=2)) == {0, 1}


@pytest.mark.parametrize("option", ["length", "n_unique"])
def test_fewer_than_one_is_an_error(option):
    with pytest.raises(ValueError, match=f"^{option} is 0: at least 1 is needed$"):
        generate_sequence(**{option: 0})


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


@pytest.mark.parametrize("encoded", [5, [], np.zeros((3, 0)), [[1, 0], [np.nan, 0]]])
def test_nothing_and_nan_to_decode_are_errors(encoded):
    with pytest.raises(ValueError, match="decode"):
        one_hot_decode(encoded)


@pytest.mark.parametrize(
    ("framing", "X_shape", "fewest"),
    [(CURRENT, (25, 1, 100), 1), (NO_CONTEXT, (24, 1, 100), 2), (LAG, (20, 5, 100), 6)],
)
def test_framing_has_the_shapes_and_the_fewest_integers(framing, X_shape, fewest):
    X, y = framing()
    assert X.shape == X_shape
    assert X.dtype == y.dtype == np.float32
    assert X.flags.c_contiguous  # or taking a batch would take time for all of X
    assert not np.shares_memory(X, y)
    assert not np.array_equal(y, framing()[1])
    with pytest.raises(ValueError, match=f"at least {fewest} integers are needed, not"):
        framing(range(fewest - 1))


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
    values = [*range(1, 26)]
    monkeypatch.setattr(sys, "argv", ["sequences.py"])
    monkeypatch.setattr(sequences, "generate_sequence", lambda: values)
    sequences.main()
    example, no_context, lag = capsys.readouterr().out.split("\n\n")
    assert f"sequence\n{values}\n[[0 1 0 ... 0 0 0]\n" in example
    assert example.endswith(f"\n{values}")
    assert "X, y\n2 1\n3 2\n" in no_context
    assert "X (5 time steps), y\n2 3 4 5 6 5\n3 4 5 6 7 6\n" in lag
