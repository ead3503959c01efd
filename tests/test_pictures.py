"""The pictures show the true positions and the measured numbers."""

import matplotlib
import numpy as np
import pandas as pd
import pictures
import pytest

import echo_lag
import echo_lag_no_context

SEQUENCE = list(range(50, 75))


def texts_of(file, draw):
    """Draw into an SVG file and return its text, in which the labels are readable."""
    with matplotlib.rc_context({"svg.fonttype": "none"}):
        draw()
    return file.read_text()


# Batch size and time steps are the networks' own, so that the picture changes with them.


@pytest.mark.parametrize("asked", [9, 14])
def test_trace_of_part_3_finds_the_state_six_values_back(asked):
    batch_size, time_steps, _ = echo_lag_no_context.build_model().input_shape
    frame = echo_lag_no_context.generate_data
    shown, carried = pictures.trace(SEQUENCE, asked, frame, batch_size, time_steps)
    assert shown == [asked + 1]
    assert carried == list(range((asked + 1) % 6 or 6, asked + 1, 6))
    assert asked not in carried


def test_trace_of_part_3_in_other_batches():
    frame = echo_lag_no_context.generate_data
    assert pictures.trace(SEQUENCE, 4, frame, 1, 1) == ([5], [1, 2, 3, 4])
    assert pictures.trace(SEQUENCE, 4, frame, 1, 24) == ([1, 2, 3, 4, 5], [])


def test_trace_of_part_4_finds_the_window_and_the_one_before():
    batch_size, time_steps, _ = echo_lag.build_model().input_shape
    frame = echo_lag.generate_data
    shown, carried = pictures.trace(SEQUENCE, 14, frame, batch_size, time_steps)
    assert shown == [11, 12, 13, 14, 15]
    assert carried == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]


def test_state_in_the_trace_is_the_state_of_the_network():
    # Of all values before, those in the trace, and no others, change the answer.
    model = echo_lag_no_context.build_model()
    frame = echo_lag_no_context.generate_data
    shown, carried = pictures.trace(SEQUENCE, 14, frame, *model.input_shape[:2])

    def answer(sequence):
        return echo_lag_no_context.predict(model, frame(sequence)[0])[14]

    for position in range(25):
        changed = [*SEQUENCE[:position], 99, *SEQUENCE[position + 1 :]]
        same = np.allclose(answer(changed), answer(SEQUENCE), rtol=1e-6)
        assert same == (position not in shown + carried)


def test_picture_of_the_state_has_the_measured_accuracies(tmp_path):
    file = tmp_path / "state.svg"
    text = texts_of(file, lambda: pictures.main(["state", str(file)]))
    for row, column in [
        ("echo_lag_no_context.py", "accuracy"),
        ("--context 1 --batch-size 1", "accuracy"),
        ("--through-time --epochs 4000", "one at a time"),
        ("echo_lag.py", "accuracy"),
    ]:
        assert f": {pictures.measured(row, column)}<" in text
    assert "is neither in the sample nor in the state" in text


def test_answered_steps_counts_answers_per_step(monkeypatch):
    # An untrained network, and answers that are always the value at step 2.
    sequences = np.arange(300).reshape(3, 100)[:, :25]
    monkeypatch.setattr(
        pictures.extensions,
        "feed_one_at_a_time",
        lambda model, **options: (sequences, np.repeat(sequences[:, 1:2], 25, axis=1)),
    )
    monkeypatch.setattr(pictures.echo_lag, "train", lambda model: None)
    shares = pictures.answered_steps(stateless=True, seeds=[1, 2])
    expected = np.zeros((10, 10))
    expected[:, 1] = 1
    np.testing.assert_array_equal(shares, expected)


def test_picture_of_what_was_learned_shows_each_share(tmp_path):
    shares = [np.full((10, 10), 0.12), np.full((10, 10), 0.34)]
    file = tmp_path / "learned.svg"
    text = texts_of(file, lambda: pictures.draw_learned(shares, file, format="svg"))
    # 3 + 4 + ... + 10 steps in each panel.
    assert text.count(">12<") == text.count(">34<") == 52


def test_picture_of_the_lags_says_which_was_not_learned(tmp_path):
    learned = pd.DataFrame([[200, 300, 300], [400, 500, 600]])
    hardly = pd.DataFrame([[200, 300, 300], [400, np.inf, np.inf]])
    epochs = {"zero": learned, "five": learned, "random": learned, "carried": hardly}
    limits = {key: [2000, 2000] for key in epochs}
    file = tmp_path / "lags.svg"
    text = texts_of(file, lambda: pictures.draw_lags(epochs, limits, file, "svg"))
    for name in epochs:
        assert f">{name}<" in text
    assert text.count(">1/3<") == 1


def test_bad_command_line(tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        pictures.main(["state", str(tmp_path / "missing" / "folder.png")])
    assert stop.value.code == 2
    assert "No such file or directory" in capsys.readouterr().err
