"""The code of the guide, README.md, and what the guide says of the errors it prints."""

import re
from pathlib import Path

import numpy as np
import pytest

from tests import shared

FOLDER = Path(__file__).parent
GUIDE = (FOLDER / "README.md").read_text("utf-8")
NAMES = "reading_on.py", "stateful.py"
FILES = {name: (FOLDER / name).read_text("utf-8") for name in NAMES}
# Who does not train on thousands of sequences may delete the second part of stateful.py.
FILES["stateful.py"], _ = FILES["stateful.py"].split("\n# ---- ")
FASTER = {  # less data, and larger steps of training
    "20_000": "1_000",
    "25_000": "240",
    "250": "60",
    'compile("adam", "mse")': 'compile(keras.optimizers.Adam(0.005), "mse")',
    "each_step.fit(X, y, batch_size=50, epochs=14)": "each_step.fit(X, y, batch_size=50, epochs=4)",
    "batch_size=50, epochs=14": "batch_size=20, epochs=4",
    "batch_size=50, epochs=5": "batch_size=50",
    "batch_size=50, epochs=10": "batch_size=50",
    "weight=weights, batch_size=10, epochs=20": "weight=weights, batch_size=10, epochs=8",
    "range(7)": "range(1)",
    "epochs=40, shuffle=False": "epochs=2, shuffle=False",
    "range(100, 400, 3)": "range(24, 150, 18)",
    "range(100)": "range(8)",
}
PROGRAM = "\n".join(re.findall(r"(?s)```python\n(.*?)```", GUIDE))
# What its own blocks cannot show: at its end, what they have made is looked at.
PROGRAM += """
import tensorflow as tf
series = np.sin(2 * np.pi * np.arange(99) / AHEAD)[:, np.newaxis]  # always the same
values, right = pair_of(series)
assert np.allclose(naive["last season"](values), right[AHEAD - 1 :])
batches = in_rows(np.arange(999)).reshape(-1, ROWS, STEPS)
assert (shorter[:, 0] == MASK).any() and not (shorter[:, -1] == MASK).any()
assert len(batches) > 2 and (batches[1:, :, 0] == batches[:-1, :, -1] + 1).all()
windows = tf.random.normal((1, N + STEPS, 1))
with tf.GradientTape() as tape:
    tape.watch(windows)
    answers = keras.Model(inputs, output)(windows)
reached = np.any(tape.gradient(answers, windows), axis=(0, 2))
assert reached.tolist() == [False] * N + [True] * STEPS
"""
for slow, fast in FASTER.items():
    assert slow in PROGRAM
    PROGRAM = PROGRAM.replace(slow, fast)
shared.JOBS["guide"] = (shared.run_program, PROGRAM, FILES)


def tables(output):
    """Return the errors that checks have printed: of each, early and late, by column."""
    found = []
    for rows in re.findall(r"(?m)^after 1 to 5 (.*)\nlate (.*)", output):
        found.append([np.array(row.split(), dtype=float) for row in rows])
    return found


def remedies(output):
    """Return the table of all remedies: on windows, early and late when reading on."""
    rows = re.findall(r"(?m)^\d\. [a-z -]+ ( *[\d.e-]+ +[\d.e-]+ +[\d.e-]+)$", output)
    return np.array([row.split() for row in rows], dtype=float)


NUMBERS = r"(?m)^(\d\S*)$"  # which stand alone on a line
ON_WINDOWS, READING_ON, _, LAST_VALUE, LAST_SEASON = range(5)


def test_the_program_runs_and_an_answer_at_each_step_helps(result_of):
    found = tables(result_of("guide"))
    assert len(found) == 4  # checks
    assert all(np.isfinite(late).all() for _, late in found)
    (early, late), _, (early_cured, late_cured), _ = found
    assert late[LAST_SEASON] < 0.8 * late[LAST_VALUE]
    assert early_cured[READING_ON] < 0.5 * early[READING_ON]
    assert late[READING_ON] > 2 * late[ON_WINDOWS]
    assert late_cured[READING_ON] < 1.2 * late_cured[ON_WINDOWS]
    assert late_cured[READING_ON] < 0.5 * min(late_cured[LAST_VALUE:])
    number, before, after = map(float, re.findall(NUMBERS, result_of("guide")))
    assert number == pytest.approx(late[ON_WINDOWS], rel=0.3)
    assert after < 0.7 * before  # whole recordings
    assert remedies(result_of("guide")).shape == (6, 3)


def test_the_errors_that_the_guide_shows_are_what_it_says_of_them():
    (early, late), forecast = tables(GUIDE)
    assert early[READING_ON] > early[LAST_VALUE]
    assert 2 * late[ON_WINDOWS] < late[READING_ON] < min(late[LAST_VALUE:])
    number, before, after = map(float, re.findall(NUMBERS, GUIDE))
    assert number == pytest.approx(late[ON_WINDOWS], rel=0.1)
    assert after < 0.1 * before
    windows, first, reading_on = remedies(GUIDE).T
    assert [windows[0], reading_on[0]] == late[:2].tolist()
    assert (reading_on[1:] < 1.1 * windows[1:]).all()  # Each remedy helps,
    assert max(reading_on[1:]) < late[READING_ON]  # and is worth it.
    assert [*np.flatnonzero(first > early[LAST_VALUE])] == [0, 4, 5]  # are worse.
    early, late = forecast
    assert late[READING_ON] < min(1.1 * late[ON_WINDOWS], *late[LAST_VALUE:])
    assert early[READING_ON] < early[LAST_VALUE]
