"""The pictures: what they measure and where it is drawn."""

import numpy as np

from tests.experiments import pictures


def test_learned_compares_each_answer_with_each_value():
    sequences = np.arange(75).reshape(3, 25)
    before = sequences - 1  # The answer is the value before; the first one is wrong.
    shares = pictures.learned(sequences, before, most=4)
    assert shares.tolist() == np.eye(4, k=-1).tolist()


def test_shares_are_drawn_where_they_belong():
    shares = np.array([[0.04, 0.25], [1, 0.5]])
    figure = pictures.draw_learned({"left": shares, "right": shares.T})
    left, right = figure.axes
    texts = {text.get_position(): text.get_text() for text in left.texts}
    assert texts == {(1, 0): "25", (0, 1): "100", (1, 1): "50"}  # (column, row)
    assert left.get_title() == "left"
    np.testing.assert_array_equal(right.images[0].get_array(), shares.T)
