"""The headlines of README and the report, each as a plain predicate on the runs.

If one fails after a new measurement, search the pages for what its name says. (That of the
values which networks return and store is in test_pictures.py.)
"""

import numpy as np
import pytest

from tests.experiments import results
from tests.experiments.results import RIGHT, by_number, reads_on, stays_right
from tests.scripts import SCRIPTS

RUNS = dict(list(results.read_runs().groupby("command")))
OWN, FEWER, OTHER = results.EXPERIMENTS.query("table == 'rules'").group.unique()
PLAIN, LENGTHS, EACH = "as it is", "several lengths", "an answer each step"


def rows(table, group=""):
    """Return the runs of each row in a group of a table, a dict."""
    found = results.runs_of_table(table)
    return {line.row: runs for line, runs in found if line.group == group}


def end_of_window(runs):
    """Return after how many values a window ends, or 25, the last number in the file."""
    return min(results.end_of_window(runs.command.iloc[0]), 25)


def counts(runs):
    """Return which runs are right where a window ends, and mostly wrong after it."""
    shares, end = by_number(runs), end_of_window(runs)
    return (shares[end] >= RIGHT) & (shares.loc[:, end + 1 :].mean(axis=1) < 0.5)


def how_many(rule, table, group=""):
    """Return of each row in a group of a table how many runs a rule holds for: "5 of 5"."""
    return {row: results.count(rule(runs)) for row, runs in rows(table, group).items()}


def test_parts_2_and_4_learn_to_echo_part_2_sooner_and_part_3_does_not():
    part_2, part_3, part_4 = (RUNS[f"{script}.py"] for script in SCRIPTS)
    assert min(part_2.on_windows.min(), part_4.on_windows.min()) > 0.99
    assert part_2.epochs_to_95.max() < part_4.epochs_to_95.min() < np.inf
    assert part_3.on_windows.max() < 0.05


def test_part_3_fails_in_batches_of_1_too_and_one_long_sample_is_learned():
    part3 = rows("part3")
    assert part3["part 3"].reading_on.max() < 0.05
    for row in "batches of 1", "batches of 1, ten times the epochs":
        assert max(part3[row].on_windows.max(), part3[row].reading_on.max()) < 0.1
        # More than half of the answers after two values, and few after four
        shares = by_number(part3[row])
        assert shares[2].min() > 0.5 and shares.loc[:, 4:].max(axis=None) < 0.3
    assert part3["each sequence one sample"].reading_on.min() > 0.99


def test_without_gradients_between_the_steps_the_lstm_fails_but_for_lag_0():
    cut, part3 = "each sequence one sample, gradients cut", rows("part3")
    assert part3[cut].reading_on.max() < 0.1
    assert part3[f"{cut}, lag 0"].reading_on.min() > 0.99


def test_a_simple_rnn_of_which_only_dense_is_trained_echoes():
    found = how_many(stays_right, "without gradients")
    assert found["SimpleRNN(400), only Dense trained"] == "5 of 5"
    assert found["SimpleRNN(400)"] == "0 of 5"


def test_after_five_random_values_all_look_back_after_fewer_or_else_all_count():
    assert {*how_many(stays_right, "rules", OWN).values()} == {"5 of 5"}
    for group in OTHER, FEWER:
        assert {*how_many(counts, "rules", group).values()} == {"5 of 5"}
    assert stays_right(RUNS["--burn-in 5"]).all() and counts(RUNS["--burn-in 4"]).all()
    assert RUNS["--stateless"].on_windows.min() > 0.99  # as part 4 is


RIGHT_AFTER = {"--lag 1": "2 to 25", "--stateless": "5", "--layer gru --stateless": "5"}
RIGHT_AFTER |= {"--lag 4 --epochs 20000": "5", "--stateless --shortest 4": "4, 5"}
LAG_2_EACH = "--echo-sequence --stateless --lag 2 --epochs 20000"
RIGHT_AFTER[LAG_2_EACH] = "3 to 5"


@pytest.mark.parametrize("command", RIGHT_AFTER)
def test_all_runs_are_right_after_so_many_values_and_no_others(command):
    assert results.right_after(RUNS[command]) == RIGHT_AFTER[command]


def test_at_lag_3_the_lstm_of_the_article_is_right_after_multiples_of_5_at_most():
    shares = by_number(RUNS["--lag 3 --epochs 20000"])
    fives = [5, 10, 15, 20, 25]
    assert shares[5].min() > 0.9 and shares.drop(columns=fives).max(axis=None) < 0.7
    assert len(shares) >= 8


def test_from_zeros_these_count_and_the_others_of_their_table_look_back():
    found, count = (how_many(r, "a mark is not enough") for r in (stays_right, counts))
    few_steps = "windows of 4 and 5 values", "an answer at each step, lag 2"
    for row in *few_steps, "a GRU", "a SimpleRNN at lag 3":
        assert (found.pop(row), count[row]) == ("0 of 5", "5 of 5")
    assert {*found.values()} == {"5 of 5"}


def test_as_it_is_the_usual_training_counts_but_for_two_networks():
    found, count = (how_many(rule, "usual", PLAIN) for rule in (stays_right, counts))
    for row, n in ("LSTM, windows of 30", "4 of 5"), ("GRU, windows of 20", "5 of 5"):
        assert (found[row], count.pop(row)) == (n, "0 of 5")
    assert {*count.values()} == {"5 of 5"}


def test_with_a_remedy_all_look_back_but_for_windows_that_are_too_short():
    assert {*how_many(stays_right, "usual", LENGTHS).values()} == {"5 of 5"}
    found = how_many(stays_right, "usual", EACH)
    for too_short in "LSTM, windows of 2", "GRU, windows of 5, lag 3, 28 epochs":
        assert found.pop(too_short) == "0 of 5"
    assert {*found.values()} == {"5 of 5"}


def test_real_values_are_read_on_in_long_windows_with_a_remedy_only():
    assert {*how_many(reads_on, "real values", PLAIN).values()} == {"0 of 3"}
    each, lengths = (how_many(reads_on, "real values", g) for g in (EACH, LENGTHS))
    for found in each, lengths:
        assert found["value 3 back, 20 steps"] == "3 of 3"
        assert found["value 10 back, 20 steps, 56 epochs"] == "0 of 3"
    assert each["value 10 back, 40 steps, 56 epochs"] == "3 of 3"


def test_series_with_little_noise_need_a_remedy_and_noise_can_hide_this():
    for group, n in (PLAIN, "0 of 3"), (EACH, "3 of 3"), (LENGTHS, "3 of 3"):
        found = how_many(reads_on, "next value", group)
        assert found["noise 1"] == "3 of 3"
        assert (found["noise 0.1"], found["noise 0.03"]) == (n, n)
    hidden = rows("eight seeds", PLAIN)["noise 1, tested with 0.1"]
    assert reads_on(hidden).mean() <= 0.5


def test_which_layers_learn_which_lags():
    lags = [how_many(stays_right, "layers", f"lag {lag}") for lag in (1, 2, 3, 4)]
    assert {row: [lag[row] for lag in lags] for row in lags[0]} == {
        "LSTM(50)": ["8 of 8", "8 of 8", "0 of 8", "0 of 8"],
        "LSTM(50), forget bias -1": ["8 of 8", "8 of 8", "6 of 8", "0 of 8"],
        "GRU(100)": ["8 of 8", "8 of 8", "8 of 8", "5 of 8"],
        "SimpleRNN(50)": ["8 of 8", "8 of 8", "8 of 8", "8 of 8"],
    }


PART_4, LAG_2 = "--lag 1", "--lag 2 --epochs 20000"


@pytest.mark.parametrize(
    ("change", "of"),
    [("--stateless", PART_4), ("--layer gru", PART_4), ("--layer simple-rnn", PART_4)]
    + [("--forget-bias -1", PART_4), ("--lag 2 --forget-bias -1 --epochs 6000", LAG_2)]
    + [(PART_4, LAG_2), (PART_4, "--unique 1000 --epochs 10000")],
)
def test_these_take_less_than_half_of_the_epochs(change, of):
    assert RUNS[change].epochs_to_95.median() < RUNS[of].epochs_to_95.median() / 2


def test_extensions_and_questions():
    carried = how_many(stays_right, "extensions", "the carried state")
    assert {*carried.values()} == {"5 of 5"}
    zeros = how_many(stays_right, "extensions", "a state of zeros")
    missing, lag_4 = "Mask Missing Data", "Echo Different Lag Value: lag 4"
    for row in f"{missing}: filled with -1", f"{missing}: masked", lag_4:
        assert zeros.pop(row) == "0 of 5"
    assert {*zeros.values()} == {"5 of 5"}
    # On new sequences, after a list of so many random numbers
    assert RUNS["--parts-of 5000"].on_windows.min() > 0.9
    assert RUNS["--parts-of 500"].on_windows.max() < 0.5


def near_the_line(runs):
    """Return which runs are near a line that decides, so that another processor may differ.

    The worst cell decides whether a run stays right, the first one whether it is right where
    a window ends. Where a page says what a network is right after, all cells decide.
    """
    command = runs.command.iloc[0]
    if command.startswith("real_values.py"):
        return (runs.late / runs.on_windows).between(1.8, 2.2)
    end = end_of_window(runs)
    shares = by_number(runs).loc[:, end:].assign(late=runs.late)
    deciding = shares[[end]].assign(worst=shares.min(axis=1))
    if command in RIGHT_AFTER:
        deciding = by_number(runs)
    return ((deciding - RIGHT).abs() < 0.03).any(axis=1)


TABLES = ["part3", "rules", "a mark is not enough", "usual", "layers", "extensions"]
TABLES += ["real values", "next value"]
# Of these, the pages do not say that all or none read on.
OPEN = ["value 3 back, 10 steps", "noise 1, tested with 0.1"]


@pytest.mark.parametrize("table", TABLES)
def test_no_headline_hangs_on_a_run_near_the_line(table):
    for line, runs in results.runs_of_table(table):
        assert line.row in OPEN or not near_the_line(runs).any(), line.row
