"""The pages: their figures, what they say of them, their commands, code and links."""

import importlib
import re
import sys
from argparse import ArgumentParser
from pathlib import Path
from unittest import mock

import keras
import numpy as np
import pytest

import echo_lag
import sequences
from sequences import one_hot_decode
from tests import conftest
from tests.experiments import exercises, extensions, results
from tests.experiments.exercises import tables
from tests.experiments.extensions import MISSING, generate_data, parse
from tests.experiments.pictures import MARKS, marks
from tests.scripts import SCRIPTS

ROOT = Path(__file__).parents[1]
PAGES = {
    str(file.relative_to(ROOT)): file.read_text("utf-8")
    for file in [ROOT / "README.md", *sorted((ROOT / "tests").rglob("*.md"))]
}
README, GUIDE = PAGES["README.md"], PAGES["tests/porting/README.md"]
REPORT = PAGES["tests/experiments/README.md"]
ANSWERS = PAGES["tests/experiments/ANSWERS.md"]
each_page = pytest.mark.parametrize("page", PAGES)
RUNS = dict(list(results.read_runs().groupby("command")))


def percent(command, column):
    """Return the median of a command's runs as a text."""
    return results.percent(RUNS[command][column].median())


def stored(command, kind, back=None):
    """Return a figure of inside.png, as pictures.py printed it: after ten values, or one back.

    back: how far back the value is; None: value 4, after ten values.
    """
    printed = (ROOT / "tests/experiments/pictures.txt").read_text("utf-8")
    picture = printed[printed.index("inside.png: ") :]
    _, _, *lines = (
        picture[picture.index(f"{command}: {kind}") :].split("\n\n")[0].splitlines()
    )
    shares = np.array([[int(cell) for cell in line.split()[1:]] for line in lines])
    if back is None:
        return shares[9, 3]
    diagonal = np.diagonal(shares, -back)
    return diagonal.min() if kind == "lowest" else diagonal.max()


def stored_range(back):
    """Return how much of the value so far back is found with the carried state."""
    low, high = (stored("--lag 1", kind, back) for kind in ("lowest", "highest"))
    return f"{low} to {high} %"


# The figures in the text of each section, in their order: what was measured, and, as a text,
# what was not (the article's, a version, a setting or the outcome of a sum).
FIGURES = {
    "README.md": {
        "The task": ["1 %", "100 %", "0 to 4 %", "95 to 100 %", "1 %"],
        "Run it": ["3.10", "3.13"],
        "Why part 3 fails": [
            percent("--context 1 --batch-size 1", "one_at_a_time"),
            percent("--through-time --epochs 4000", "one_at_a_time"),
        ],
        "What part 4 has learned": [
            percent("--stateless", "accuracy"),
            percent("--lag 1", "accuracy"),
            "80 %",
        ],
        "Does your network count?": ["0.5", "1.0"],
    },
    "tests/porting/README.md": {
        "Recurrent networks of your own": ["3.8.0", "3.15.1"],
        "An answer at each step": ["100 %"],
        "Windows of several lengths": ["3.16"],
        "Also check": ["3.15"],
        "Numbers that change without a word": ["3.15", "2.15", "2.10"],
    },
    "tests/experiments/README.md": {
        "How to read the tables": [
            *["95 %", "20", "95 %"],
            results.range_of(RUNS["--lag 1"].one_at_a_time),
            *[
                "95 %",
                "2,000",
                *re.findall(r"[\d.]+", RUNS["--lag 1"].versions.iloc[0]),
            ],
        ],
        "The article's extensions": ["95 %", "80 %"],
        "How does the lag matter?": ["20,000"],
        "Questions from readers": ["3.15", "1.9"],
        "When does it count?": ["0.005"],
        "Does the usual training count?": ["14", "80 %", "90 %"],
        "What does the network store?": [
            f"{stored('--stateless', 'median')} %",
            f"{stored('--stateless', 'lowest')} to {stored('--stateless', 'highest')} %",
            f"{stored('--lag 1', 'lowest', 0)} %",
            stored_range(1),
            stored_range(2),
        ],
    },
    "tests/experiments/EXERCISES.md": {
        "Exercises: predict, run, compare": [
            *["0.0704", "7.0 %", "95 %", "20", "95 %", "2,000"]
        ],
        "3. The mark": ["80 %"],
        "5. Part 3 in batches of 1": [f"{2300 / 24:.1f} %"],  # 23 of 24
    },
    "tests/experiments/ANSWERS.md": {
        "Answers to the exercises": ["1 %"],
        "6. Your own numbers": ["95 %"],
    },
}
# A share in %, alone or as a range; a number with a point, or of epochs.
FIGURE = r"\d[\d,]*(?:\.\d+)*(?: to \d[\d.,]*)? %|\d+(?:\.\d+)+|\d[\d,]*(?= epochs)"


def text_of(page):
    """Return a page without its code, tables and targets of links."""
    text = re.sub(r"(?s)```.*?```", "", page)
    text = re.sub(r"(?m)^\|.*\n", "", text)
    return re.sub(r"`[^`]*`|\]\([^)]*\)", "", text)


def figures_of(page):
    """Return the figures in the text of each section that has any."""
    figures = {}
    for section in re.split(r"(?m)^#+ ", text_of(page)):
        heading, _, text = section.partition("\n")
        found = re.findall(FIGURE, re.sub(r"\s+", " ", text))
        if found:
            figures[heading] = found
    return figures


@each_page
def test_each_figure_in_a_text_is_what_was_measured(page):
    assert figures_of(PAGES[page]) == FIGURES.get(page, {})


# The command of each row of README that has figures of ours.
ROWS = {
    "2 `echo_current.py`": "echo_current.py",
    "3 `echo_lag_no_context.py`": "echo_lag_no_context.py",
    "4 `echo_lag.py`": "echo_lag.py",
}


def test_each_accuracy_in_a_row_is_that_of_its_script():
    heading, _, *rows = tables(README)["1"]
    assert heading[-1] == "accuracy on new sequences"
    assert {row[0]: row[-1] for row in rows} == {
        name: percent(command, "accuracy") for name, command in ROWS.items()
    }


def test_what_a_script_sees_stands_in_its_row():
    _, _, *rows = tables(README)["1"]
    seen = [row[1].split(" → ")[0] for row in rows]
    assert seen == ["a value", "a value", "the current value and the 4 before it"]


def test_the_sample_output_is_that_of_its_command():
    command = re.search(r"(?m)^\.venv/bin/python (.*) --seed 1$", README)[1]
    assert command == results.SAMPLE
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
        for heading, functions, commands in tables(README)["2"][2:]
    }
    assert [*found.items()] == [*HEADINGS.items()]
    public = [name for name in vars(sequences) if name.startswith(("gen", "one_hot"))]
    assert set.union(*(functions for functions, _ in found.values())) == set(public)
    assert set.union(*(commands for _, commands in found.values())) == {
        "sequences",
        *SCRIPTS,
    }


def test_the_guide_shows_rows_of_the_report():
    part = GUIDE[GUIDE.index("### What the remedies do") :]
    heading, _, *rows = tables(part)["1"]
    assert heading[1:] == results.COLUMNS["real values"]
    shown = [f"| {' | '.join(row)} |" for row in rows]
    _, _, *lines = results.lines_of("real values", REPORT)
    assert len(shown) >= 4
    assert [line for line in lines if line in shown] == shown


def test_a_function_of_keras_gives_what_the_guide_says():
    (row,) = [
        line for line in GUIDE.splitlines() if line.startswith("| `hard_sigmoid`")
    ]
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
    blocks = re.findall(r"(?s)```\w*\n(.*?)```", page)
    lines = [line for block in blocks for line in block.splitlines()]
    inline = re.findall(r"`([^`]+)`", re.sub(r"(?s)```.*?```", "", page))
    return lines + [re.sub(r"\s+", " ", code) for code in inline]


class Parsed(Exception):
    """The arguments of a command are right."""


COMMANDS = [
    (page, command.split(" -m ")[1].split(" > ")[0])
    for page, text in PAGES.items()
    for command in code_of(text)
    if " -m tests." in command
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
    code = re.sub(r" [NK]$", "", code)  # of an option's value
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


WORDS = dict(zip(["one", "two", "three", "four", "five", "six", "seven"], range(1, 8)))
PARTS = {"half": 1 / 2, "third": 1 / 3, "quarter": 1 / 4}


def found_in(page, words, pattern=r"\w+"):
    """Return what stands at _ in these few words of a page."""
    words = re.escape(words).replace("_", f"({pattern})").replace(r"\ ", r"\s+")
    (found,) = re.findall(words, page)
    return found


def number_in(page, words):
    """Return the number that stands at _ in these few words of a page."""
    found = found_in(page, words).lower()
    return WORDS[found] if found in WORDS else int(found)


@pytest.mark.parametrize(
    ("page", "words", "command"),
    [
        (README, "zero-state network _", "--stateless"),
        (README, "carried-state network _", "--lag 1"),
        (README, "**Zero state:** it _", "--stateless"),
        (README, "This is a mark, and the network _", "--mark first"),
        (README, "in place of the LSTM _", "--layer simple-rnn --stateless"),
        (ANSWERS, "the state was zero, and the LSTM _", "--burn-in 10"),
        (ANSWERS, "With a new mark, it _", "--mark first"),
        (REPORT, "part 4's LSTM is right on all windows, but it _", "--stateless"),
        (REPORT, "as complete ones, and the network _", "--missing mark"),
        (REPORT, "Marked, from a zero state, it _", "--missing mark --stateless"),
        (REPORT, "**A SimpleRNN** _", "--layer simple-rnn --stateless"),
    ],
)
def test_a_network_counts_or_looks_back_as_a_page_says(page, words, command):
    looks_back = RUNS[command].one_at_a_time.min() > 0.9
    said = found_in(page, words, "counts|looks back")
    assert said == ("looks back" if looks_back else "counts")


def test_networks_that_stay_right_are_named():
    named = re.search(r"Networks ([\d, and]+)\s+stay right", README)[1]
    late = [RUNS[command].late.min() for command in MARKS]
    stay = [n for n, share in enumerate(late, start=1) if share > 0.99]
    assert [int(n) for n in re.findall(r"\d", named)] == stay


def test_nine_values_make_five_groups():
    groups = number_in(README, "Nine values make _ groups")
    assert groups == 9 - 5 + 1
    # The first one is left out.
    assert len(sequences.generate_data_lag(range(9))[0]) == groups - 1


def test_one_batch_in_four_starts_from_zeros():
    assert number_in(README, "one batch in _.") == parse("").batches


def test_cut_gradients_have_as_many_times_the_epochs_as_the_report_says():
    cut = parse("--through-time --layer cut-gradients --epochs 20000")
    uncut = parse("--through-time --epochs 4000")
    times = number_in(REPORT, "the row with the cut has _ times as many")
    assert times == cut.epochs / uncut.epochs


def test_random_layers_are_named():
    random_layer = "--context 1 --batch-size 1"
    shares = {
        "LSTM": RUNS[f"{random_layer} --train dense"].accuracy,
        "GRU": RUNS[f"{random_layer} --layer gru --train dense"].accuracy,
    }
    assert shares[found_in(REPORT, "A random _ shows none")].max() < 0.05
    assert shares[found_in(REPORT, "and a random _ few")].min() > 0.05


def test_a_smaller_simple_rnn_takes_more_epochs():
    simple_rnn = "--lag 3 --layer simple-rnn"
    small = RUNS[f"{simple_rnn} --epochs 6000"].epochs_to_95
    large = RUNS[f"{simple_rnn} --units 100"].epochs_to_95
    said = found_in(ANSWERS, "With 50 units, it takes _ epochs")
    assert said == ("more" if small.min() > large.max() else "fewer")


def test_a_state_in_part_3_is_from_as_many_samples_before_as_the_sheet_says():
    sheet = PAGES["tests/experiments/EXERCISES.md"]
    before = number_in(sheet, "the sample _ before. In batches of 1")
    assert before == SCRIPTS["echo_lag_no_context"].batch_shape[0]


def test_the_shortest_length_is_the_lag_plus_1():
    lag = number_in(GUIDE, "for the value _ steps back, 4")
    assert number_in(GUIDE, "for the value three steps back, _") == lag + 1


def test_counting_networks_are_as_many_as_the_report_says():
    lag = number_in(REPORT, "of three `GRU(100)` at lag _ do")
    gru = RUNS[f"--lag {lag} --layer gru --units 100 --epochs 20000"].one_at_a_time
    assert number_in(REPORT, "_ of three `GRU(100)`") == (gru < 0.5).sum()
    tens = RUNS["--context 10 --length 30"].one_at_a_time
    assert number_in(REPORT, "_ of five networks do not") == (tens < 0.9).sum()


def test_shorter_windows_are_as_many_as_the_report_says():
    for command in "", "--context 10 --length 30":
        options = parse(f"--missing mask {command}")
        X, _ = generate_data(options)
        shorter = (X == MISSING).all(axis=2).any(axis=1).sum()
        assert number_in(REPORT, f"where _ of {len(X)}") == shorter


@pytest.mark.parametrize("page", [GUIDE, REPORT])
def test_longer_windows_help_in_as_many_tasks_as_a_page_says(page):
    rows = list(results.GRIDS["real values"].values())
    longer = [RUNS[row[0]].one_at_a_time.median() for row in rows[1:8:2]]
    assert number_in(page, "n _ of the four tasks") == sum(e < 0.1 for e in longer)


@pytest.mark.parametrize(
    ("words", "command", "biased"),
    [
        ("lag 1 takes less than", "--lag 1", "--forget-bias -1"),
        (
            "lag 2 less than",
            "--lag 2 --epochs 20000",
            "--lag 2 --forget-bias -1 --epochs 6000",
        ),
    ],
)
def test_a_forget_bias_of_minus_1_takes_a_part_of_the_epochs(words, command, biased):
    share = RUNS[biased].epochs_to_95.median() / RUNS[command].epochs_to_95.median()
    part = re.search(rf"{words}\s+(?:a\s+)?(\w+)", REPORT)[1]
    assert PARTS[part] == min(part for part in PARTS.values() if part > share)


@pytest.mark.parametrize("page", ["README.md", "EXERCISES.md", "ANSWERS.md"])
def test_the_mark_is_fed_with_the_sixth_value(page, monkeypatch):
    reads = []
    reader = mock.Mock(predict=lambda X, verbose: reads.append(X) or X[:, :, :100])
    monkeypatch.setattr(extensions, "make_reader", lambda model: reader)
    extensions.read_on(extensions.build_model(parse("--mark first")), 1)
    ordinals = ["first", "second", "third", "fourth", "fifth", "sixth", "seventh"]
    marked = ordinals[reads[0][0, :, 100].argmax()]
    text = next(text for name, text in PAGES.items() if name.endswith(page))
    part = text[
        text.index("xtra input") if page == "README.md" else text.index("## 3.") :
    ]
    assert re.search(r"(\w+) value", part[part.index("th value") - 5 :])[1] == marked


def test_keras_fills_a_batch_of_one_sample_as_the_guide_says():
    samples, size, rows = map(
        int,
        re.search(
            r"for (\d+) samples in\s+batches\s+of (\d+),\s+`predict`\s+returns\s+(\d+)",
            GUIDE,
        ).groups(),
    )
    model = keras.Sequential(
        [keras.Input(batch_shape=(size, 2, 1)), keras.layers.LSTM(1, stateful=True)]
    )
    yhat = model.predict(np.ones((samples, 2, 1)), batch_size=size, verbose=0)
    assert len(yhat) == rows


def test_programs_write_the_files_that_the_page_names():
    rooms = PAGES["tests/README.md"]
    for program, file in {
        "exercises.py": exercises.FILE,
        "results.py": results.FILE,
    }.items():
        (row,) = re.findall(rf"(?m)^\| `{program}` \|.*", rooms)
        assert re.findall(r"`(\w+\.csv)`", row) == [file.name]


def test_two_values_of_burn_in_do_not_hide_the_zeros():
    runs = RUNS[f"--burn-in {number_in(README, 'Ten are enough, _ are not')}"]
    assert runs.one_at_a_time.max() < 0.2
    assert results.medians_by_number(runs)[7 - 1] > 0.95  # It counts.


def test_a_simple_rnn_looks_back_from_a_zero_state():
    assert RUNS["--layer simple-rnn --stateless"].one_at_a_time.min() > 0.99


def test_the_network_that_falls_late_is_named():
    falling = set()
    for line in results.lines_of("late", REPORT)[2:]:
        command = re.search("`(.*?)`", line)[1]
        early, late = RUNS[command].one_at_a_time.median(), RUNS[command].late.median()
        if early > 0.9 and late < early - 0.02:
            options = parse(command)
            falling.add((options.layer.upper(), options.lag, options.context))
    (named,) = re.findall(
        r"exception\s+is\s+the (\w+) at lag (\d) in windows of (\d+)", REPORT
    )
    assert falling == {(named[0], int(named[1]), int(named[2]))}


def test_some_networks_count_in_larger_batches():
    shares = RUNS["--batch-size 10 --learning-rate 0.005"].one_at_a_time
    assert shares.max() < 0.3


def returned(command):
    """Return the medians of learned.png: which value windows of 1 to 10 return, in %."""
    printed = (ROOT / "tests/experiments/pictures.txt").read_text("utf-8")
    picture = printed[printed.index("learned.png: ") :]
    table = picture[picture.index(f"{command}: median") :].split("\n\n")[0]
    return [list(map(int, line.split()[1:])) for line in table.splitlines()[2:]]


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


def test_positions_of_part_3_are_those_of_its_batches():
    X, _ = sequences.generate_data_lag_no_context(range(1, 26))
    values = [position for (position,) in one_hot_decode(X)]
    batches = re.findall(r"(\d+) to (\d+)", README[README.index("**The state comes") :])
    (first, last), (second, end) = [tuple(map(int, pair)) for pair in batches[:2]]
    assert (first, last) == (values[0], values[5])
    assert (second, end) == (values[6], values[11])
    gets, echo = re.search(
        r"state of position (\d+)\..*?position (\d+)", README
    ).groups()
    assert int(gets) == values[values.index(8) - 6]
    assert int(echo) == 8 - 1


def test_positions_of_part_4_are_those_of_its_first_row():
    X, _ = sequences.generate_data_lag(range(1, 26))
    part = README[README.index("row 1 reads positions") :]
    for (first, last), window in zip(re.findall(r"(\d+) to\s+(\d+)", part), X[::5]):
        found = one_hot_decode(window)
        if found[0] <= 7:
            assert [int(first), int(last)] == [found[0], found[-1]]


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


conftest.BESIDE["check without state"] = conftest.run_program, CHECK, without_state()


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


def test_the_script_that_readme_changes_is_restored():
    (changed,) = re.findall(r"`stateful=False` in the\s+LSTM layer of `(.*?)`", README)
    assert f"`git restore {changed}`" in README


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
