"""The pictures show the true positions and the measured numbers."""

import re

import matplotlib
import numpy as np
import pandas as pd
import pytest

import echo_lag
import echo_lag_no_context
from tests.experiments import pictures


def texts_of(file, draw, *args):
    """Draw into an SVG file and return its text, in which the labels are readable."""
    with matplotlib.rc_context({"svg.fonttype": "none"}):
        draw(*args)
    return file.read_text(encoding="utf-8")


@pytest.mark.parametrize("script", [echo_lag_no_context, echo_lag])
def test_positions_are_those_that_reach_the_network(script):
    # Of all values, those that the row has read until then, and no others, change an
    # answer. Batch size and time steps are the network's own, as in the picture.
    model = script.build_model()
    rows = pictures.positions_read(script.generate_data, *model.input_shape[:2])
    batch, row = 2, 1
    reached = rows[: batch + 1, row]
    assert reached.max() == rows[batch, row, -1]

    def answer(sequence):
        X, _ = script.generate_data(sequence)
        return script.predict(model, X)[batch * rows.shape[1] + row]

    expected = answer(range(1, 26))
    for position in range(1, 26):
        changed = [99 if value == position else value for value in range(1, 26)]
        same = np.allclose(answer(changed), expected, rtol=1e-6)
        assert same == (position not in reached)


def test_picture_of_the_state_has_the_measured_accuracies(tmp_path):
    file = tmp_path / "state.svg"
    text = texts_of(file, pictures.main, ["state", str(file)])
    for row, column in [
        ("echo_lag_no_context.py", "accuracy"),
        ("--context 1 --batch-size 1", "accuracy"),
        ("--through-time --epochs 4000", "one at a time"),
        ("echo_lag.py", "accuracy"),
    ]:
        assert f": {pictures.measured(row, column)} right<" in text
    assert ">8 gets the state of 2.<" in text
    # The grid, batches of 1, one long sample, and the row of windows with one up to 8.
    numbers = [int(number) for number in re.findall(r">(\d+)<", text)]
    assert numbers == [*range(2, 26), *range(2, 10), *range(2, 15), *range(4, 14)]


def test_measured_needs_one_row_in_tables_of_accuracies(tmp_path, monkeypatch):
    report = tmp_path / "README.md"
    report.write_text(
        "| by batch | 1 | 2 |\n| --- | --- | --- |\n| `--lag 4` | 99.6 % | 1.8 % |\n\n"
        "| lags | accuracy | range | one at a time | range |\n"
        "| --- | --- | --- | --- | --- |\n"
        "| `--lag 4` | 27.4 % | 26 % to 28 % | 7.6 % | 7 % to 8 % |\n"
        "| `--lag 5` | 2.6 % | 2 % to 3 % | 4.4 % | 3 % to 5 % |\n\n"
        "| by time step | 1 | 2 | 3 | 4 |\n| --- | --- | --- | --- | --- |\n"
        "| `--lag 4` | 1 % | 2 % | 3 % | 4 % |\n\n"
        "| start | accuracy | range |\n| --- | --- | --- |\n| `--lag 5` | 9 % | 8 % |\n",
        encoding="utf-8",
    )
    monkeypatch.setattr(pictures, "REPORT", report)
    assert pictures.measured("--lag 4") == "27.4 %"
    assert pictures.measured("--lag 4", "range") == "26 % to 28 %"
    assert pictures.measured("--lag 4", "one at a time") == "7.6 %"
    for row, count in [("--lag 5", 2), ("--lag 6", 0)]:
        with pytest.raises(ValueError, match=f"^{row} stands in {count} tables"):
            pictures.measured(row)


def test_answered_steps_counts_answers_per_step(monkeypatch):
    # An untrained network, and answers that are always the value at step 2.
    sequences = np.arange(300).reshape(3, 100)[:, :25]
    answers = np.repeat(sequences[:, 1:2], 25, axis=1)
    monkeypatch.setattr(pictures, "train", lambda *args: None)
    monkeypatch.setattr(pictures, "feed_one_at_a_time", lambda _: (sequences, answers))
    shares = pictures.answered_steps(stateless=True, seeds=[1, 2])
    expected = np.zeros((10, 10))
    expected[:, 1] = 1
    np.testing.assert_array_equal(shares, expected)


def test_picture_of_what_was_learned_shows_each_share(tmp_path):
    shares = [np.full((10, 10), 0.12), np.full((10, 10), 0.34)]
    file = tmp_path / "learned.svg"
    text = texts_of(file, pictures.draw_learned, shares, file, "svg")
    # 3 + 4 + ... + 10 steps in each panel.
    assert text.count(">12<") == text.count(">34<") == 52


def test_picture_of_the_curves_names_each_line(tmp_path):
    names = ["echo_current.py", "echo_lag_no_context.py", "echo_lag.py"]
    curves = {
        name: [pd.Series(np.linspace(0, end, 50)) for end in (0.8, 1)] for name in names
    }
    file = tmp_path / "curves.svg"
    text = texts_of(file, pictures.draw_curves, curves, file, "svg")
    for part, name in enumerate(names, start=2):
        assert f">part {part}, {name}:<" in text


def test_bad_command_line(tmp_path, capsys):
    with pytest.raises(SystemExit):
        pictures.main(["state", str(tmp_path / "missing" / "folder.png")])
    assert "No such file or directory" in capsys.readouterr().err
