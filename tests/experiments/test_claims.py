"""The conclusions of the pages, each as a predicate on the runs of results.csv.

What a network is right after stands in experiments.csv, beside its command. If a test fails
after a new measurement, search the pages for what its name says. (The tables beside the text
are made of the same runs.)
"""

import numpy as np
import pytest

from tests.experiments import results
from tests.shared import printed

RUNS = dict(list(results.read_runs().groupby("command")))

ONES = "--context 1 --batch-size 1"  # part 3 in batches of 1


def runs_of(command):
    """Return the runs of a command, a DataFrame."""
    if command not in RUNS:
        program = "`python -m tests.experiments.results`"
        pytest.fail(f"results.csv has no run of {command!r}: {program} adds it")
    return RUNS[command].sort_values("seed")


def check(command, **bounds):
    """Check that each run of a command is within bounds, such as late=(0.9, 1)."""
    for field, (least, most) in bounds.items():
        found = runs_of(command)[field]
        if not found.between(least, most).all():
            needed = f"{least} to {most} is needed"
            pytest.fail(f"results.csv: {command}: {field}: {found.tolist()}: {needed}")


def by_number(command):
    """Return the shares or errors of a command's runs after 1, 2, ... values."""
    return results.by_number(runs_of(command))


LEARNED = (0, 10**6)  # epochs to 95 %
NOT_LEARNED = (np.inf, np.inf)
HARDLY = (0, 0.1)  # right answers


SAID = results.EXPERIMENTS.query("right_after != ''").drop_duplicates("command")


@pytest.mark.parametrize(
    ("command", "said", "known"), SAID[["command", "right_after", "known"]].to_numpy()
)
def test_a_network_does_what_its_line_of_experiments_csv_says(command, said, known):
    runs = runs_of(command)
    if command.startswith("real_values.py"):
        n = (runs.late / runs.on_windows < 2).sum()
        assert said == f"{n} of {len(runs)} read on", f"results.csv: {command}"
        return check(command, on_windows=(0, float(known)))
    stay = results.stays_right(runs)
    if "stay right" in said:
        assert said == f"{stay.sum()} of {len(stay)} stay right", (
            f"results.csv: {command}"
        )
    else:
        assert results.right_after_of(runs) == said, f"results.csv: {command}"
        assert stay.tolist() == [said.endswith("to 25")] * len(stay), command
        medians = by_number(command).median()
        right = medians >= results.RIGHT
        assert not medians[right].min() < 0.84 and not medians[~right].max() > 0.7
        if known and not stay.any():
            later = medians[~right].loc[results.end_of_window(command) + 1 :]
            assert later.max() < 0.4, f"results.csv: {command}: {later.to_dict()}"
    if stay.all():  # No edge decides.
        check(command, reading_on=(0.88, 1), late=(0.88, 1))
    elif not stay.any():
        most = 0.3 if known and "stay" not in said else 0.65
        check(command, reading_on=(0, most), late=(0, most))
    if known:  # in %
        most = float(known) / 100
        check(command, on_windows=(most - 0.04, most + 0.005))
    elif said != "0 of 5 stay right":  # It has not learned its windows.
        check(command, on_windows=(0.15, 0.75))


def test_each_network_of_these_tables_has_a_conclusion():
    networks = results.EXPERIMENTS.query(
        "table not in ['', 'scripts', 'part3', 'exercise 5']"
    )
    assert (networks.right_after != "").all()
    of_each = networks.groupby("command")[["right_after", "known"]].nunique()
    assert (of_each == 1).all(axis=None)


def test_from_random_states_and_with_a_gru_at_lag_4_it_counts_in_fives():
    for command in "--start random", "--lag 4 --layer gru --units 100 --epochs 20000":
        runs = runs_of(command)
        for _, shares in by_number(command)[~results.stays_right(runs)].iterrows():
            after = {*shares.index[shares >= results.RIGHT]}
            assert {5, 10, 15} <= after <= {5, 10, 15, 20, 25}, f"{command}: {after}"
    check("--start random", on_windows=(0.8, 0.99), reading_on=(0, 0.4))
    in_tens = by_number("--burn-in 5 --context 10 --length 30")
    assert in_tens.loc[:, 5:10].max().max() < 0.5 < in_tens[15].min()
    assert in_tens.loc[:, 20:].max().max() < 0.4
    shares = by_number("--start random")
    assert shares[[n for n in shares if n % 5]].max().max() < 0.5


def test_in_windows_of_5_few_masked_windows_are_shorter_and_it_does_not_look_back():
    check("--missing mask --stateless", on_windows=(0.9, 0.97), reading_on=(0, 0.4))
    shares = by_number("--missing mask --stateless")
    assert shares[5].min() > 0.9 and shares.loc[:, 6:].max().max() < 0.5


def test_marks_of_a_carried_state():
    # Before the sixth value, which has the mark, the zero state is another one.
    assert by_number("--mark first")[5].min() > 0.3
    # In batches of 10, the first answers are wrong, and no others.
    check("--batch-size 10 --epochs 4000", reading_on=(0.88, 0.96))
    assert by_number("--batch-size 10 --epochs 4000").loc[:, 5:].min().min() > 0.9


# The usual training.


def usual(column):
    """Return which runs are right from the window's end to 25, by rows; and which late."""
    cells = results.EXPERIMENTS.query("table == 'usual' and column == @column")
    early, late = {}, {}
    for cell in cells.itertuples():
        end = min(results.end_of_window(cell.command), 25)
        right = by_number(cell.command).loc[:, end:] >= results.RIGHT
        early[cell.row] = right.all(axis=1).to_numpy()
        late[cell.row] = (runs_of(cell.command).late >= results.RIGHT).to_numpy()
    return early, late


def test_as_it_is_no_run_of_nine_rows_is_right_to_25_and_all_of_three_are():
    early, _ = usual("as it is")
    n = [row.sum() for row in early.values()]
    assert (len(n), n.count(0), n.count(5)) == (14, 9, 3), early
    for command in results.EXPERIMENTS.query("column == 'as it is'").command:
        least = 0.98 if command.startswith("--") else 0
        check(command, on_windows=(least, 1))


def test_remedies_are_enough_but_for_two_rows_and_late_but_for_two_runs():
    for column, too_short in ("several lengths", 0), ("an answer each step", 2):
        early, late = usual(column)
        enough = [row for row in early if early[row].all()]
        assert len(early) - len(enough) == too_short, column
        falls = {row: (~late[row]).sum() for row in enough if not late[row].all()}
        assert falls == {"GRU(50), windows of 10, lag 3, 28 epochs": 1}, column


# The scripts, and why part 3 fails.


def test_parts_2_and_4_learn_to_echo_and_part_3_does_not():
    for command in "echo_current.py", "echo_lag.py":
        check(command, on_windows=(0.99, 1), epochs_to_95=LEARNED)
    part_3 = "echo_lag_no_context.py"
    check(part_3, on_windows=(0, 0.02), epochs_to_95=NOT_LEARNED)
    part_2, part_4 = (
        runs_of(c).epochs_to_95 for c in ("echo_current.py", "echo_lag.py")
    )
    assert part_2.max() < part_4.min()  # Part 2 learns first.


THROUGH_TIME = "--through-time --epochs 4000"
CUT = "--through-time --layer cut-gradients"
SIMPLE_RNN = f"{ONES} --layer simple-rnn --units 400"
SLOW = "--learning-rate 0.0001"


def test_part_3_fails_for_two_reasons():
    wrong_row = "--context 1 --batch-size 6"
    check(wrong_row, on_windows=(0, 0.02), reading_on=(0, 0.02))
    # In batches of 1, only the second reason is left.
    check(ONES, on_windows=(0.05, 0.1), reading_on=(0.05, 0.1))
    ten_times = f"{ONES} --epochs 20000"
    check(ten_times, on_windows=HARDLY, reading_on=HARDLY, epochs_to_95=NOT_LEARNED)
    # Neither holds.
    check(THROUGH_TIME, reading_on=(0.99, 1), epochs_to_95=LEARNED)
    check(THROUGH_TIME, on_windows=(0.95, 23 / 24 + 0.002))
    check(f"{CUT} --epochs 20000", on_windows=HARDLY, reading_on=HARDLY)
    check(f"{CUT} --lag 0", on_windows=(0.99, 1), reading_on=(0.99, 1))


@pytest.mark.parametrize(
    ("command", "least"),
    [
        (f"{SIMPLE_RNN} --train dense", 0.95),
        (f"{SIMPLE_RNN} {SLOW}", 0.94),
        (f"{SIMPLE_RNN} --train all-but-recurrent-kernel", 0.94),
        (f"{ONES} --units 400 --forget-bias -3 {SLOW}", 0.87),
    ],
)
def test_layers_that_echo_without_gradients_to_earlier_steps(command, least):
    check(command, on_windows=(least, 23 / 24 + 0.002), reading_on=(0.89, 1))


@pytest.mark.parametrize("how", ["", " --epochs 20000", " --train recurrent-kernel"])
def test_a_simple_rnn_whose_recurrent_kernel_is_trained_does_not(how):
    check(f"{SIMPLE_RNN}{how}", on_windows=(0.045, 0.07), reading_on=(0.045, 0.07))
    if "--train" not in how:  # The larger layer does not help.
        assert (
            runs_of(f"{SIMPLE_RNN}{how}").on_windows.max()
            < runs_of(ONES).on_windows.min()
        )


# Extensions and lags.


def test_the_carried_state_holds_the_first_answer_of_a_lag_sequence():
    check("--echo-sequence", on_windows=(0.945, 0.955))
    for how in "--stateless", "--batch-size 10":
        check(f"--echo-sequence {how}", on_windows=(0.785, 0.805))


def test_incomplete_windows_are_learned_as_well_as_complete_ones():
    complete = runs_of("--lag 1").on_windows.median()
    for command in "--missing mark", "--missing mask":
        check(command, on_windows=(complete - 0.005, 1), epochs_to_95=LEARNED)


@pytest.mark.parametrize(
    ("command", "other", "least", "most"),
    [
        ("--stateless", "--lag 1", 0.3, 0.5),
        ("--layer gru", "--lag 1", 0.3, 0.5),
        ("--layer simple-rnn", "--lag 1", 0.3, 0.5),
        ("--forget-bias 0", "--lag 1", 0.5, 0.95),
        ("--forget-bias -1", "--lag 1", 0.3, 0.5),
        ("--lag 2 --forget-bias -1 --epochs 6000", "--lag 2 --epochs 20000", 0.2, 0.5),
        ("--lag 2 --epochs 20000", "--lag 1", 7, 10),
        ("--lag 3 --layer simple-rnn --units 100", "--lag 1", 0.4, 0.95),
        ("--lag 3 --layer simple-rnn --epochs 6000", "--lag 1", 1.05, 2),
        ("--unique 1000 --epochs 10000", "--lag 1", 3.5, 4.5),
    ],
)
def test_epochs_against_those_of_another_network(command, other, least, most):
    check(command, epochs_to_95=LEARNED)
    one, two = (runs_of(c).epochs_to_95 for c in (command, other))
    for n in 3, 5:  # as in both tables
        times = one[:n].median() / two[:n].median()
        assert least < times < most, f"results.csv: {command}: {times} times {other}"
    assert (one.max() < two.min()) if most < 1 else (one.min() > two.max()), command


def test_lags_3_and_4():
    for lag in 3, 4:
        check(f"--lag {lag} --epochs 20000", epochs_to_95=NOT_LEARNED)
        reset = f"--lag {lag} --epochs 6000"
        never = f"{reset} --never-reset"
        shares, of_never = by_number(reset), by_number(never)
        assert shares[5].min() > 0.8 and shares.loc[:, 6:].max().max() < 0.5, reset
        assert (of_never[5] < 2 * of_never[6]).all(), never
        assert runs_of(never).on_windows.max() < runs_of(reset).on_windows.min()
        assert of_never[5].max() < 0.6
        for command in reset, never:
            check(command, epochs_to_95=NOT_LEARNED)
    shares = by_number("--lag 3")
    most = shares.drop(columns=5).max(axis=1)
    assert (shares[5] > 1.3 * most).all() and (shares[5] > 1.5 * shares[10]).all()
    layers = results.EXPERIMENTS.query("table == 'layers'")
    for command in layers.command[layers.row.str.startswith("SimpleRNN")]:
        check(command, epochs_to_95=LEARNED, on_windows=(0.95, 1), reading_on=(0.9, 1))


def test_a_list_of_500_numbers_is_learned_by_heart_and_one_of_5000_is_not():
    by_heart = {"on_windows": (0.15, 0.5), "reading_on": (0.15, 0.5)}
    check("--parts-of 500", epochs_to_95=LEARNED, **by_heart)
    check("--parts-of 5000", epochs_to_95=LEARNED)


# Real values: errors, divided by that of a naive answer.

EACH, LENGTHS, BURN_IN, PLAIN = (
    "an answer each step",
    "several lengths",
    "burn-in",
    "as it is",
)
LONG = {  # the longer windows of each task
    "value 3 steps back, LSTM, 20 steps",
    "value 10 steps back, LSTM, 40 steps, 56 epochs",
    "mean of 4 values, LSTM, 20 steps",
    "mean of 11 values, LSTM, 40 steps",
}


def times(table, column, rows=".*"):
    """Return how many times the error on windows late ones are, by rows."""
    cells = results.EXPERIMENTS.query("table == @table")
    cells = cells[cells.row.str.fullmatch(rows) & cells.column.str.fullmatch(column)]
    found = {}
    for cell in cells.itertuples():
        runs = runs_of(cell.command)
        found.setdefault(cell.row, []).extend(runs.late / runs.on_windows)
    return found


def count(times):
    """Return how many runs read on, and of how many."""
    runs = [time for row in times.values() for time in row]
    return sum(np.less(runs, 2)), len(runs)


@pytest.mark.parametrize(
    ("column", "rows", "long", "short"),
    [
        (PLAIN, ".*LSTM.*", (4, 12), (0, 15)),
        (PLAIN, "mean of 11 values, LSTM, 40 steps", (3, 3), (0, 0)),
        (EACH, ".*LSTM.*", (12, 12), (3, 12)),
        (LENGTHS, ".*LSTM.*", (9, 9), (1, 18)),
        (BURN_IN, ".*LSTM.*", (4, 9), (1, 12)),
        (PLAIN, ".*GRU.*", (0, 0), (6, 12)),
        (LENGTHS, ".*GRU.*", (0, 0), (10, 12)),
        (EACH, ".*GRU.*", (0, 0), (12, 12)),
        (PLAIN, ".*SimpleRNN.*", (0, 0), (2, 12)),
        (LENGTHS, ".*SimpleRNN.*", (0, 0), (1, 12)),
        (EACH, ".*SimpleRNN.*", (0, 0), (0, 12)),
    ],
)
def test_so_many_runs_with_real_values_read_on(column, rows, long, short):
    found = times("real values", column, rows)
    assert count({row: found[row] for row in found if row in LONG}) == long
    assert count({row: found[row] for row in found if row not in LONG}) == short


@pytest.mark.parametrize(
    ("column", "rows", "n", "m"),
    [
        (PLAIN, "noise (1|0.3), LSTM, windows of 24", 6, 6),
        (PLAIN, "noise (0.1|0.03), LSTM, windows of 24", 0, 6),
        (PLAIN, "noise 1, tested with 0.1, .*", 0, 3),
        (LENGTHS, "noise 1, tested with 0.1, .*", 1, 3),
        (EACH, ".*LSTM, windows of 24", 15, 15),
        (LENGTHS, ".*LSTM, windows of 24", 13, 15),
        (PLAIN, ".* 56 epochs", 3, 3),
        (PLAIN, ".* 48", 3, 3),
        (LENGTHS, ".* 48", 3, 3),
        (EACH, ".* 48", 3, 3),
        (PLAIN, ".* 12", 0, 3),
        (LENGTHS, ".* 12", 1, 3),
        (EACH, ".* 12", 0, 3),
        (".*", ".*GRU.*", 8, 9),
    ],
)
def test_so_many_runs_that_predict_the_next_value_read_on(column, rows, n, m):
    assert count(times("next value", column, rows)) == (n, m)


def test_the_first_answers_are_as_good_after():
    for command in "--lag 3", "--lag 3 --steps 10", "--lag 10 --steps 40 --epochs 56":
        runs = runs_of(f"real_values.py {command}")
        end = results.end_of_window(runs.command.iloc[0])
        assert results.as_good_after(runs) == str(end), command
    as_it_is, cured = [], []
    for cell in results.EXPERIMENTS.query("table == 'next value'").itertuples():
        first = int(results.as_good_after(runs_of(cell.command)).split()[0].strip(","))
        if cell.column == PLAIN:
            as_it_is.append(first)
        elif "tested" not in cell.row:
            cured.append(first)
        else:
            assert first > 4, cell
    assert (min(as_it_is), max(as_it_is), min(cured), max(cured)) == (11, 26, 2, 4)


def test_prices():
    heading = f"| `prices`, seeds | {LENGTHS} | {EACH} |"
    of_next, others = [], []
    for line in results.lines_of(heading)[2:]:
        name, *prices = line.split(" | ")
        medians = [float(price.split()[0]) for price in prices if "(" in price]
        if len(medians) == 2:
            rows = of_next if "noise" in name else others
            rows.append(medians)
    assert [each < lengths for lengths, each in of_next] == [True] * 6
    assert sum(each > lengths for lengths, each in others) == 12 and len(others) == 15
    assert sum(each > 1.2 for _, each in others) >= 10


# What pictures.py has measured, in %.


def test_after_eight_values_the_networks_return_the_fourth_and_the_seventh():
    for command, value in ("--stateless", 4), ("--lag 1", 7):
        row = printed("learned.png", command).loc[8]
        assert row.idxmax() == value and row[value] > 90, f"pictures.txt: {command}"


def test_from_4_values_on_the_zero_state_network_returns_value_4():
    returned = printed("learned.png", "--stateless")
    assert (returned.loc[4:].idxmax(axis=1) == 4).all(), "pictures.txt"
    assert returned.loc[2:3].max().max() <= 20, "pictures.txt"
    assert returned.loc[4:, 4].is_monotonic_decreasing, "pictures.txt"


def test_part_4_returns_the_value_before():
    returned = printed("learned.png", "--lag 1")
    for step in range(2, 11):
        assert returned.loc[step, step - 1] > 95, f"pictures.txt: --lag 1: {step}"


def test_from_a_zero_state_a_network_stores_value_4_and_else_the_last_two_values():
    zero = printed("inside.png", "--stateless")
    assert (zero.loc[4:].idxmax(axis=1) == 4).all(), "pictures.txt"
    assert zero.loc[4:7, 4].min() > 80, "pictures.txt"
    carried = printed("inside.png", "--lag 1", "lowest")
    for step in range(2, 11):
        last_two = carried.loc[step, [step - 1, step]]
        assert last_two.min() > 90, f"pictures.txt: --lag 1: {step}"
    older = printed("inside.png", "--lag 1", "highest").to_numpy()
    assert np.tril(older, -2).max() < 30, "pictures.txt: --lag 1"
