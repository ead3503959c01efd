"""The pictures, of networks made by hand whose state and answers are known."""

import sys

import numpy as np
import pytest

from tests.experiments import pictures
from tests.experiments.extensions import build_model, parse


def conveyor_belt(n=10):
    """Return a network that answers the value before.

    Its first n units hold the current value, the next n take over what those held.
    """
    model = build_model(parse(f"--stateless --unique {n} --units {2 * n}"))
    eye, zeros = np.eye(n), np.zeros((n, n))
    shift = np.block([[zeros, eye], [zeros, zeros]])
    gates = np.zeros((n, 4 * n))
    kernel = np.hstack([gates, eye, zeros, np.zeros((n, 2 * n))])
    recurrent = np.hstack([np.zeros((2 * n, 4 * n)), shift, np.zeros((2 * n, 2 * n))])
    open_, shut = np.full(2 * n, 200.0), np.full(2 * n, -200.0)
    bias = np.concatenate([open_, shut, np.zeros(2 * n), open_])
    model.set_weights(
        [kernel, recurrent, bias, 50 * np.vstack([zeros, eye]), np.zeros(n)]
    )
    return model


def test_what_a_conveyor_belt_stores_and_returns():
    shares = pictures.stored(conveyor_belt(), n=900, steps=4)
    assert np.diagonal(shares).min() == 1
    assert np.diagonal(shares, -1).min() == 1
    assert np.diagonal(shares, -2).max() < 0.3  # Chance is 10 %.
    assert not np.triu(shares, 1).any()
    noise, values = np.random.normal(size=(90, 60)), np.random.randint(10, size=90)
    assert pictures.share_found(noise, values) < 0.5  # It is scored on other states.
    shares = pictures.learned(conveyor_belt())
    assert np.diagonal(shares, -1).min() == 1
    assert np.tril(shares, -2).max() < 0.3
    assert np.diagonal(shares)[1:].max() < 0.3


def test_shares_are_drawn_where_they_belong():
    shares = np.array([[0.04, 0.25], [1, 0.5]])
    figure = pictures.draw_shares({"left": shares, "right": shares.T}, "x", "y")
    left, right = figure.axes
    texts = {text.get_position(): text.get_text() for text in left.texts}
    assert texts == {(1, 0): "25", (0, 1): "100", (1, 1): "50"}  # (column, row)
    assert left.get_title() == "left"
    np.testing.assert_array_equal(right.images[0].get_array(), shares.T)


def test_file_is_checked_before_the_training(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["pictures.py", "learned", "no/such/folder.png"])
    with pytest.raises(SystemExit):
        pictures.main()
    assert "folder.png: its folder does not exist" in capsys.readouterr().err
