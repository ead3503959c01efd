"""The pages: their measured figures, commands, code and links; conclusions on the runs."""

import importlib
import re
import sys
from argparse import ArgumentParser
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest

import echo_lag
import sequences
from sequences import one_hot_decode
from tests import conftest
from tests.experiments import results
from tests.experiments.pictures import marks
from tests.scripts import SCRIPTS

ROOT = Path(__file__).parents[1]
PAGES = {
    str(file.relative_to(ROOT)): file.read_text("utf-8")
    for file in [ROOT / "README.md", *sorted((ROOT / "tests").rglob("*.md"))]
}
README, GUIDE = PAGES["README.md"], PAGES["tests/porting/README.md"]
KERAS_2 = PAGES["tests/porting/keras2.md"]
REPORT = PAGES["tests/experiments/README.md"]
each_page = pytest.mark.parametrize("page", PAGES)
RUNS = dict(list(results.read_runs().groupby("command")))


def percent(command, column):
    """Return the median of a command's runs as a text."""
    return results.percent(RUNS[command][column].median())


def tables(page):
    """Return the tables on a page: lists of rows, which are lists of cells."""
    found = re.findall(r"(?m)(?:^\|.*\n)+", page)
    rows = [[line.split("|")[1:-1] for line in lines.splitlines()] for lines in found]
    return [[[cell.strip() for cell in row] for row in table] for table in rows]


def section_of(page, heading):
    """Return the text below a heading of a page, with single spaces."""
    (found,) = re.findall(rf"(?ms)^#+ {re.escape(heading)}\n(.*?)(?=^#|\Z)", page)
    return re.sub(r"\s+", " ", found)


def printed(picture, command, kind):
    """Return the table that pictures.py printed of a picture: integers, in %."""
    text = (ROOT / "tests/experiments/pictures.txt").read_text("utf-8")
    text = text[text.index(f"{picture}: ") :]
    table = text[text.index(f"{command}: {kind}") :].split("\n\n")[0]
    return np.array(
        [list(map(int, line.split()[1:])) for line in table.splitlines()[2:]]
    )


def stored(back):
    """Return the lowest and the highest share of a value stored, so far back, in %."""
    low, high = (
        printed("inside.png", "--lag 1", kind) for kind in ("lowest", "highest")
    )
    return np.diagonal(low, -back).min(), np.diagonal(high, -back).max()


KEPT = [
    printed("inside.png", "--stateless", k)[9, 3]
    for k in ("median", "lowest", "highest")
]


def late_over_windows(*options):
    """Return how many times the error on windows a late error is, in each run."""
    runs = pd.concat(RUNS[f"real_values.py --next {command}"] for command in options)
    return runs.one_at_a_time / runs.accuracy


def factor(*options):
    """Return the lowest and the highest of these factors as a text."""
    factors = late_over_windows(*options)
    return f"{factors.min():.1f} to {factors.max():.1f}"


AGAIN = results.by_number(RUNS["--stateless"])[13 - 1].max()
NEXT = "Does it matter when the next value is predicted?"
SHORT = "--noise 0.1 --steps 24", "--noise 0.03 --steps 24"
HIDDEN = "--noise 1 --test-noise 0.1 --steps 24"
# The measured figures in the text of a section that has no table for them.
FIGURES = [
    (
        README,
        "Why part 3 fails",
        percent("--context 1 --batch-size 1", "one_at_a_time"),
    ),
    (
        README,
        "Why part 3 fails",
        percent("--through-time --epochs 4000", "one_at_a_time"),
    ),
    (README, "What part 4 has learned", percent("--stateless", "accuracy")),
    (README, "What part 4 has learned", percent("--lag 1", "accuracy")),
    (REPORT, NEXT, factor("--noise 1 --steps 24")),
    (REPORT, NEXT, factor(*SHORT)),
    (REPORT, NEXT, factor(HIDDEN)),
    (GUIDE, "Check it", factor(*SHORT)),
    (GUIDE, "Check it", factor(HIDDEN)),
    (REPORT, "When does it count?", f"{AGAIN:.0%} after 13 values"),
    (REPORT, NEXT, factor("--noise 0.1 --steps 24 --epochs 56")),
    (REPORT, "What does the network store?", f"{KEPT[0]} %"),
    (REPORT, "What does the network store?", "{1} to {2} %".format(*KEPT)),
    (REPORT, "What does the network store?", f"{stored(0)[0]} %"),
    (REPORT, "What does the network store?", "{} to {} %".format(*stored(1))),
    (REPORT, "What does the network store?", "{} to {} %".format(*stored(2))),
]


@pytest.mark.parametrize(("page", "heading", "figure"), FIGURES)
def test_a_measured_figure_stands_in_its_section(page, heading, figure):
    number = r"\d[\d.]*\d|\d"
    in_section = " ".join(re.findall(number, section_of(page, heading)))
    assert f" {' '.join(re.findall(number, figure))} " in f" {in_section} "


@pytest.mark.parametrize("script", SCRIPTS)
def test_the_accuracy_in_a_row_is_that_of_its_script(script):
    (row,) = [row for row in tables(README)[0] if f"`{script}.py`" in row[0]]
    assert row[-1] == percent(f"{script}.py", "accuracy")


def test_the_sample_output_is_that_of_its_command():
    (command,) = re.findall(r"(?m)^\.venv/bin/python (.*\d .*) --seed 1$", README)
    values = [int(value) for value in command.split()[1:]]
    echo = one_hot_decode(sequences.generate_data_lag(values)[1])
    accuracy = RUNS[command].accuracy.item()
    sample = re.search(r"(?s)```\n(Expected: .*?)\n```", README)[1]
    assert sample.splitlines() == [
        f"Expected:  {echo}",
        f"Predicted: {echo}",
        f"Accuracy over 100 new sequences: {accuracy:.4f}",
    ]


# Where each heading of the article is, in its order: functions, and commands.
HEADINGS = {
    "Generate and Encode Random Sequences": (
        {"generate_sequence", "one_hot_encode", "one_hot_decode"},
        {"sequences"},
    ),
    "Echo Current Observation": ({"generate_data_current"}, {"echo_current"}),
    "Echo Lag Observation Without Context": (
        {"generate_data_lag_no_context"},
        {"sequences", "echo_lag_no_context"},
    ),
    "The Beginner's Mistake": (set(), set()),
    "Echo Lag Observation": ({"generate_data_lag"}, {"sequences", "echo_lag"}),
    "Extensions": (set(), set()),
}


def test_readme_says_where_each_heading_of_the_article_is():
    found = {
        heading: (
            set(re.findall(r"`(\w+)`", functions)),
            set(re.findall(r"`(\w+)\.py`", commands)),
        )
        for heading, functions, commands in tables(README)[1][2:]
    }
    assert [*found.items()] == [*HEADINGS.items()]
    public = [name for name in vars(sequences) if name.startswith(("gen", "one_hot"))]
    assert set.union(*(functions for functions, _ in found.values())) == set(public)
    assert set.union(*(commands for _, commands in found.values())) == {
        "sequences",
        *SCRIPTS,
    }


def test_the_guide_shows_rows_of_the_report():
    heading, _, *lines = results.lines_of("real values")
    _, columns = heading.split(": network | ")
    (shown,) = [
        rows
        for rows in re.findall(r"(?m)(?:^\|.*\n)+", GUIDE)
        if rows.split("\n")[0].endswith(columns)
    ]
    _, _, *shown = shown.splitlines()
    assert len(shown) >= 2
    assert [line for line in lines if line in shown] == shown


def test_a_function_of_keras_gives_what_the_page_says():
    (row,) = re.findall(r"(?m)^\| `hard_sigmoid`.*", KERAS_2)
    _, _, keras_2, keras_3, what_to_do, _ = row.split("|")
    one = keras.ops.convert_to_tensor(1.0)
    assert float(keras.activations.hard_sigmoid(one)) == pytest.approx(
        float(keras_3), abs=0.001
    )
    formula = re.search(r"`(keras\.ops\.clip.*?)`", what_to_do)[1]
    old = eval(formula, {"keras": keras, "x": one})
    assert float(old) == pytest.approx(float(keras_2))


NAMES = {
    (page, name)
    for page, text in PAGES.items()
    for name in re.findall(r"keras\.[a-z]\w*(?:\.\w+)*", text)
    if not re.search(rf"'{name}|/{name}", text)  # no message, no file
}


@pytest.mark.parametrize(("page", "name"), sorted(NAMES))
def test_each_name_of_keras_exists(page, name):
    found = keras
    for part in name.split(".")[1:]:
        found = getattr(found, part)


def code_of(page):
    """Return the pieces of code in a page: lines of blocks, and what stands in a text."""
    blocks = re.findall(r"(?s)```[^\n]*\n(.*?)```", page)
    lines = [line for block in blocks for line in block.splitlines()]
    inline = re.findall(r"`([^`]+)`", re.sub(r"(?s)```.*?```", "", page))
    return lines + [re.sub(r"\s+", " ", code) for code in inline]


class Parsed(Exception):
    """The arguments of a command are right."""


COMMANDS = [
    (page, command.removeprefix("-m ").replace(".py ", " "))
    for page, text in PAGES.items()
    for code in code_of(text)
    for command in re.findall(r"python3? (-m tests\.[^>]+|\w+\.py -.*)", code)
]


@pytest.mark.parametrize(("page", "command"), COMMANDS)
def test_each_command_of_a_page_is_one(page, command, monkeypatch):
    parse_args = ArgumentParser.parse_args

    def parse_and_stop(*arguments):
        parse_args(*arguments)
        raise Parsed

    module, *arguments = command.split()
    monkeypatch.setattr(ArgumentParser, "parse_args", parse_and_stop)
    monkeypatch.setattr(sys, "argv", [module, *arguments])
    with pytest.raises(Parsed):
        importlib.import_module(module).main()


OPTIONS = [
    code
    for code in code_of(re.sub(r"(?m)^\|.*", "", REPORT))
    if code.startswith(("--", "real_values.py --"))
]


@pytest.mark.parametrize("code", OPTIONS)
def test_the_report_speaks_of_what_was_measured(code):
    code = re.sub(r" [NKS]$", "", code)  # of an option's value
    assert any(f" {code} " in f" {command} " for command in RUNS)


def test_the_line_of_the_report_echoes_34(trained, capsys):
    code = [code for code in code_of(REPORT) if "34" in code and "print" in code]
    (line,) = code
    names = {"model": trained("echo_current").model, **vars(sequences)}
    eval(line, names)
    *_, echo = capsys.readouterr().out.splitlines()
    assert echo == "[34]"


@pytest.fixture(scope="module")
def rows_of_marks():
    """Return which answers are right, by the names of the rows of marks.png."""
    return dict(zip(marks().index, marks().to_numpy()))


@pytest.mark.parametrize(
    "name",
    ["zero state, an answer each step", "zero state, then burn-in", "carried state"],
)
def test_a_row_of_marks_looks_back(name, rows_of_marks):
    assert rows_of_marks[name].min() > 0.95


def test_the_zero_state_of_marks_counts_to_five(rows_of_marks):
    shares = rows_of_marks["zero state"]
    assert shares[5 - 2] > 0.95 and np.sort(shares)[-2] < 0.3


def test_the_mark_of_marks_is_counted_from(rows_of_marks):
    shares = rows_of_marks["carried state, marked"]
    assert shares[10 - 2] > 0.95 and np.sort(shares)[-2] < 0.6


@pytest.mark.parametrize(
    "command", ["--echo-sequence --stateless", "--burn-in 10", "--lag 1"]
)
def test_what_looks_back_does_so_over_1000_values(command):
    assert RUNS[command].late.min() > 0.99


@pytest.mark.parametrize(
    "command",
    [
        *["--lag 1", "--missing mark", "--burn-in 10", "--echo-sequence --stateless"],
        "--layer simple-rnn --stateless",
    ],
)
def test_a_network_looks_back(command):
    assert RUNS[command].one_at_a_time.min() > 0.9


@pytest.mark.parametrize(
    "command", ["--stateless", "--mark first", "--missing mark --stateless"]
)
def test_a_network_does_not_look_back(command):
    assert RUNS[command].one_at_a_time.max() < 0.5


def test_a_random_lstm_shows_few_values_and_a_random_gru_none():
    random_layer = "--context 1 --batch-size 1"
    lstm = RUNS[f"{random_layer} --train dense"].accuracy
    gru = RUNS[f"{random_layer} --layer gru --train dense"].accuracy
    assert gru.max() < 0.05 < lstm.min()


def test_a_smaller_simple_rnn_takes_more_epochs_at_lag_3():
    simple_rnn = "--lag 3 --layer simple-rnn"
    small = RUNS[f"{simple_rnn} --epochs 6000"].epochs_to_95
    large = RUNS[f"{simple_rnn} --units 100"].epochs_to_95
    assert small.min() > large.max()


def test_two_of_three_gru_count_at_lag_4():
    gru = RUNS["--lag 4 --layer gru --units 100 --epochs 20000"].one_at_a_time
    assert (len(gru), (gru < 0.5).sum()) == (3, 2)


def test_three_of_five_networks_do_not_look_back_in_windows_of_10():
    tens = RUNS["--context 10 --length 30"].one_at_a_time
    assert (len(tens), (tens < 0.9).sum()) == (5, 3)


def test_longer_windows_alone_help_in_three_of_four_tasks():
    rows = results.EXPERIMENTS.query("table == 'real values' and column == 'as it is'")
    longer = [RUNS[command].one_at_a_time.median() for command in rows.command[1:8:2]]
    assert sum(error < 0.1 for error in longer) == 3


def test_with_a_forget_bias_of_minus_1_lag_1_takes_half_and_lag_2_a_third_of_the_epochs():
    def median(command):
        return RUNS[command].epochs_to_95.median()

    assert median("--forget-bias -1") < median("--lag 1") / 2
    of_lag_2 = "--lag 2 --epochs 20000", "--lag 2 --forget-bias -1 --epochs 6000"
    assert median(of_lag_2[1]) < median(of_lag_2[0]) / 3


def test_the_zero_state_lstm_is_mostly_right_again_after_10_to_13_values():
    shares = results.by_number(RUNS["--stateless"]).to_numpy()[:, 5:]
    again = 6 + shares.argmax(axis=1)
    assert ((again >= 10) & (again <= 13)).sum() > len(again) / 2


def test_a_simple_rnn_at_lag_3_is_right_after_4_and_5_values_only():
    runs = RUNS["--lag 3 --layer simple-rnn --units 100 --stateless"]
    shares = results.by_number(runs).to_numpy()[:, 3:]
    assert (shares[:, :2] > 0.9).all()
    assert (shares[:, 2:] < 0.5).all()


def test_500_numbers_are_learned_by_heart_and_5000_are_not():
    assert RUNS["--parts-of 500"].accuracy.max() < 0.5
    assert RUNS["--parts-of 5000"].accuracy.min() > 0.9


def test_noise_hides_that_a_network_does_not_read_on():
    trained, tested = "--noise 1 --steps 24", "--noise 1 --test-noise 0.1 --steps 24"
    assert late_over_windows(trained).max() < 1.2
    assert late_over_windows(tested).min() > 1.8
    assert late_over_windows("--noise 0.1 --steps 24").min() > 1.8
    assert late_over_windows("--noise 0.03 --steps 24").min() > 1.8


def test_in_windows_of_48_a_network_reads_on_and_in_windows_of_12_it_does_not():
    assert late_over_windows("--noise 0.1 --steps 48").max() < 1.2
    assert late_over_windows("--noise 0.1 --steps 12").min() > 1.8


def test_two_values_of_burn_in_do_not_hide_the_zeros():
    runs = RUNS["--burn-in 2"]
    assert runs.one_at_a_time.max() < 0.2
    assert results.by_number(runs).median()[7 - 1] > 0.95  # It counts.


def test_of_the_usual_networks_only_a_gru_at_lag_3_in_windows_of_10_falls_late():
    falling = {
        command
        for command, runs in RUNS.items()
        if "--list" in command
        if ((runs.one_at_a_time > 0.9) & (runs.late < runs.one_at_a_time - 0.02)).any()
    }
    gru = "--list 20000 --epochs 28 --layer gru --context 10 --length 30 --lag 3"
    assert falling == {f"{gru} --echo-sequence", f"{gru} --shortest 4"}


def test_some_networks_count_in_larger_batches():
    shares = RUNS["--batch-size 10 --learning-rate 0.005"].one_at_a_time
    assert shares.max() < 0.3


def returned(command):
    """Return the medians of learned.png: which value windows of 1 to 10 return, in %."""
    return printed("learned.png", command, "median").tolist()


def test_the_zero_state_network_returns_the_fourth_of_eight_values():
    row = returned("--stateless")[8 - 1]
    assert row[4 - 1] == max(row) > 50


def test_the_carried_state_network_returns_the_seventh_of_eight_values():
    row = returned("--lag 1")[8 - 1]
    assert row[7 - 1] == max(row) > 90


def test_the_zero_state_network_returns_hardly_any_of_two_or_three_values():
    for row in returned("--stateless")[1:3]:
        assert max(row) <= 20


@pytest.mark.parametrize("command", ["--stateless", "--lag 1"])
def test_in_a_window_of_1_a_network_returns_the_value_itself(command):
    assert returned(command)[0][0] > 50


def test_an_answer_each_step_of_5_can_be_right_in_80_percent():
    accuracies = RUNS["--echo-sequence --stateless"].accuracy
    assert accuracies.between(0.795, 0.805).all()


CHECK, *_ = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def without_state():
    """Return echo_lag.py with the change that README describes."""
    script = (ROOT / "echo_lag.py").read_text("utf-8")
    assert script.count("stateful=True") == 1
    for old, new in {
        "stateful=True": "stateful=False",
        # At a higher rate, it learns sooner.
        "EPOCHS = 2000": "EPOCHS = 250",
        '"adam"': "keras.optimizers.Adam(0.005)",
    }.items():
        script = script.replace(old, new)
    return script


conftest.BESIDE["check without state"] = (
    conftest.run_program,
    CHECK,
    {"echo_lag.py": without_state()},
)


def test_the_check_says_that_part_4_looks_back(trained, monkeypatch):
    weights = trained("echo_lag").model.get_weights()  # of part 4, with its defaults
    monkeypatch.setattr(echo_lag, "fit", lambda model: model.set_weights(weights))
    assert float(conftest.run_program(CHECK).split()[-1]) > 0.95


def test_the_check_says_that_part_4_without_its_state_counts(beside):
    *lines, share = beside("check without state").splitlines()
    epochs = [line for line in lines if line.startswith("Epoch")]
    accuracies = [float(line.split()[-1]) for line in epochs[-50:]]
    assert np.mean(accuracies) > 0.97  # It is right on its windows.
    assert float(share) < 0.4


def test_the_commands_of_readme_are_those_that_it_shows():
    set_up, run, tests = re.findall(r"(?m)^(?:python3|\.venv).*", README)
    assert set_up.endswith("-r requirements.txt && .venv/bin/python echo_lag.py")
    assert tests.endswith("-r requirements.txt && .venv/bin/python -m pytest")
    assert run == ".venv/bin/python echo_lag.py 8 3 14 15 92 65 35 89 79 --seed 1"


@each_page
def test_links_lead_somewhere(page):
    file = ROOT / page
    links = re.findall(r"\]\((?!http)(.*?)\)", PAGES[page])
    for link in links:
        name, _, anchor = link.partition("#")
        target = file.parent / name if name else file
        assert target.exists(), link
        if anchor:
            headings = re.findall(r"^#+ (.*)", target.read_text("utf-8"), re.MULTILINE)
            plain = [re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings]
            assert anchor in [heading.replace(" ", "-") for heading in plain], link


@each_page
def test_a_link_to_an_exercise_leads_to_the_one_that_it_names(page):
    links = re.findall(r"\[exercise\s+(\d)\]\([^)#]*#(\d)-", PAGES[page])
    assert all(named == number for named, number in links)


@each_page
def test_no_line_of_a_paragraph_begins_a_list(page):
    text = re.sub(r"```.*?```", "", PAGES[page], flags=re.DOTALL)
    mark = r"(\d+\.|[-*]) | "  # of a list: a number, a dash, or an indent
    assert not re.search(rf"^(?!{mark}).+\n({mark})", text, re.MULTILINE)
