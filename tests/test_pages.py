"""README.md and the report: their numbers, their links, their lists and their code."""

import re
import runpy
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

import echo_lag
import sequences
from sequences import one_hot_decode
from tests.experiments import results
from tests.experiments.exercises import tables
from tests.experiments.extensions import parse
from tests.experiments.pictures import marks
from tests.scripts import SCRIPTS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
ONE_LINE = re.sub(r"\s+", " ", README)
REPORT = results.REPORT.read_text("utf-8")
GUIDE = (ROOT / "tests" / "porting" / "README.md").read_text("utf-8")
PAGES = [ROOT / "README.md", *sorted((ROOT / "tests").rglob("*.md"))]
RUNS = dict(list(results.read_runs().groupby("command")))

# The command of each row of README that has figures of ours.
ROWS = {
    "2 `echo_current.py`": "echo_current.py",
    "3 `echo_lag_no_context.py`": "echo_lag_no_context.py",
    "4 `echo_lag.py`": "echo_lag.py",
    "in batches of 6, as in the tutorial (2,000 epochs)": "--context 1 --batch-size 6",
    "in batches of 1 (2,000 epochs)": "--context 1 --batch-size 1",
    "on each sequence as one long sample, with the gradients between its steps cut "
    "(20,000 epochs)": "--through-time --layer cut-gradients --epochs 20000",
    "on each sequence as one long sample (4,000 epochs)": "--through-time --epochs 4000",
}

# The article's headings, in its order.
HEADINGS = [
    "Generate and Encode Random Sequences",
    "Echo Current Observation",
    "Echo Lag Observation Without Context",
    "The Beginner's Mistake",
    "Echo Lag Observation",
    "Extensions",
]

# The command of each figure in README's sentences, and what of it was measured.
PROSE = [
    ("both are right: {} and", "--stateless", "accuracy"),
    ("both are right: 100.0 % and {} (5 runs", "--lag 1", "accuracy"),
    (
        "with windows of 2 to 10, {} of the answers are right",
        "--list 20000 --epochs 14 --context 10 --length 30 --shortest 2",
        "one_at_a_time",
    ),
]


def numbers_of(text):
    """Return the accuracies and the numbers of epochs in a text, and all errors.

    An accuracy has one decimal. If a text names the table `real values`, all numbers with
    two or five decimals are errors.
    """
    text = text.replace(",", "")
    numbers = re.findall(r"\d+\.\d(?= %| to )|\d+(?= epochs)", text)
    if "`real values`" in text:
        numbers += re.findall(r"(?<![\d.])\d+\.(?:\d{2}|\d{5})(?![\d.])", text)
    return set(numbers)


def measured(section):
    """Return what was measured with the commands and tables that a section names."""
    known = []
    for name in re.findall(r"`(.+?)`", section):
        if name.startswith("real_values.py") and name in RUNS:
            known += results.cells_of_errors(RUNS[name])
        elif name in RUNS:
            cells = results.cells_of_row(RUNS[name])
            medians = [re.sub(r"\(.*\)", "", cell) for cell in cells]
            known += [f"{cells[-1]} epochs", *medians, *re.findall(r"\d+", name)]
        if name in results.tables_of(REPORT):
            known += results.lines_of(name, REPORT)
    return set(re.findall(r"[\d.]+", " ".join(known))) | {"2000"}


@pytest.mark.parametrize("page", [REPORT, GUIDE], ids=["report", "guide"])
def test_numbers_were_measured(page):
    text = re.sub(r"```.*?```", "", page, flags=re.DOTALL)
    for section in re.split(r"^## ", text, flags=re.MULTILINE):
        assert numbers_of(section) <= measured(section)


def test_each_figure_in_a_row_is_that_of_its_command():
    found = set()
    for heading, _, *rows in tables(README).values():
        for name, *cells in rows:
            for column, cell in zip(heading[1:], cells, strict=True):
                if column.startswith(("our accuracy", "accuracy")):
                    is_new = "new sequences" in column
                    shares = RUNS[ROWS[name]]["accuracy" if is_new else "one_at_a_time"]
                    assert cell == results.percent(shares.median())
                    found.add(name)
    assert found == set(ROWS)


@pytest.mark.parametrize(("sentence", "command", "column"), PROSE)
def test_each_figure_in_a_sentence_is_that_of_its_command(sentence, command, column):
    median = RUNS[command][column].median()
    is_epochs = column == "epochs_to_95"
    figure = f"{median:,.0f} epochs" if is_epochs else results.percent(median)
    assert sentence.format(figure) in ONE_LINE


def test_each_figure_in_a_sentence_of_readme_has_a_command():
    text = re.sub(r"```.*?```", "", README, flags=re.DOTALL)
    lines = [line for line in text.splitlines() if not line.startswith("|")]
    figures = re.findall(r"\d+\.\d %|[\d,]+ epochs", " ".join(lines))
    assert len(figures) - figures.count("2,000 epochs") == len(PROSE)


def test_epochs_of_a_row_are_those_of_its_command():
    for name, command in ROWS.items():
        for epochs in re.findall(r"([\d,]+) epochs", name):
            assert parse(command).epochs == int(epochs.replace(",", ""))


def table_of_a_picture(name, title):
    """Return a table that pictures.py printed, as rows of whole numbers."""
    printed = (ROOT / "tests/experiments/pictures.txt").read_text("utf-8")
    picture = printed[printed.index(f"{name}.png: ") :]
    _, _, *lines = picture[picture.index(title) :].split("\n\n")[0].splitlines()
    return [[int(cell) for cell in line.split()[1:]] for line in lines]


def test_figures_of_the_pictures_are_those_that_were_printed():
    returned = table_of_a_picture("learned", "--stateless: median")
    numbers = range(1, 11)
    assert all(row[3] == max(row) for n, row in zip(numbers, returned) if n >= 4)
    carried = table_of_a_picture("learned", "--lag 1: median")
    assert all(row[n - 2] == max(row) for n, row in zip(numbers, carried) if n >= 2)
    assert "returns the fourth, the other one the seventh." in ONE_LINE  # of eight
    stored = {
        name: table_of_a_picture("inside", f"--stateless: {name}")[9][3]
        for name in ("median", "lowest", "highest")
    }
    low = np.array(table_of_a_picture("inside", "--lag 1: lowest"))
    high = np.array(table_of_a_picture("inside", "--lag 1: highest"))
    current, before, earlier = (
        (np.diagonal(low, -back).min(), np.diagonal(high, -back).max())
        for back in (0, 1, 2)
    )
    report = re.sub(r"\s+", " ", REPORT)
    assert (
        f"still found in {stored['median']} % of the sequences "
        f"({stored['lowest']} to {stored['highest']} %)"
    ) in report
    assert f"the current value is found in at least {current[0]} %, the one" in report
    assert f"one before in {before[0]} to {before[1]} %, and" in report
    assert f"the one before that in {earlier[0]} to {earlier[1]} %" in report


def test_readme_says_of_each_row_of_marks_what_the_file_shows():
    shares = marks()
    zero, several, burn_in, carried, marked, two_batches, never = shares.to_numpy()
    for row in several, burn_in, carried, never:
        assert row.min() > 0.8  # They look back.
    assert "is right after 5 values, and rarely after more or fewer" in ONE_LINE
    assert zero[5 - 2] > 0.95 and np.sort(zero)[-2] < 0.3
    assert "input to 1 at the sixth value only. Counted from there, step 4" in ONE_LINE
    assert f"step 4 is value {6 + 4 - 1}, so the answer after ten values is" in ONE_LINE
    assert marked[10 - 2] > 0.95 and np.sort(marked)[-2] < 0.6
    assert "The network counts in fives" in ONE_LINE
    assert parse("--batch-size 10").batches == 2
    assert "starts from zeros: now half of the windows." in ONE_LINE
    assert parse("").batches == 4
    assert "In part 4 as it is, a quarter of the windows start from" in ONE_LINE
    fives = shares.columns % 5 == 0
    assert two_batches[fives].min() > 0.9 and two_batches[~fives].max() < 0.3


def test_rows_of_the_guide_are_those_of_the_report():
    shown = re.findall(r"(?m)^\| (?:.* )?(?:LSTM|GRU|LSTMCell)\(50\), .*", GUIDE)
    assert len(shown) == 7
    assert set(shown) <= set(results.lines_of("usual", REPORT))


# The command of each row of the guide's table of lengths.
LENGTHS = {
    "5 only": "",
    "4 and 5": "--shortest 4",
    "4 to 7": "--steps 7 --shortest 4",
    "10 only": "--steps 10",
    "9 and 10": "--steps 10 --shortest 9",
    "4 to 10": "--steps 10 --shortest 4",
    "1 to 10": "--steps 10 --shortest 1",
    "4 to 20": "--steps 20 --shortest 4",
}


def test_each_error_of_the_guide_is_that_of_its_lengths():
    _, _, *rows = tables(GUIDE[GUIDE.index("| windows of | late error |") :])["1"]
    late = {
        name: RUNS[f"real_values.py --lag 3 {options}".strip()].one_at_a_time
        for name, options in LENGTHS.items()
    }
    assert dict(rows) == {k: results.error(v.median()) for k, v in late.items()}
    assert "`real values`" in GUIDE  # So all its errors must be in that table, too.


def test_readme_names_the_positions_that_a_batch_of_part_3_holds():
    X, _ = sequences.generate_data_lag_no_context(range(1, 26))
    values = [position for (position,) in one_hot_decode(X)]
    first, second = values[:6], values[6:12]
    assert f"The first batch holds positions {first[0]} to {first[-1]} of" in ONE_LINE
    assert f"the second {second[0]} to {second[-1]}. So position 8, in" in ONE_LINE
    before = values[values.index(8) - 6]
    assert f"gets the state of position {before}, not of 7." in ONE_LINE


def test_readme_names_the_positions_that_a_row_of_part_4_reads():
    X, _ = sequences.generate_data_lag(range(1, 26))
    first, second = one_hot_decode(X)[0], one_hot_decode(X)[5]
    reads = f"{first[0]} to {first[-1]}, then, in the next batch, {second[0]} to"
    assert f"row 1 reads positions {reads} {second[-1]}." in ONE_LINE


CHECK, *_ = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_the_check_says_that_part_4_looks_back(trained, tmp_path, monkeypatch, capsys):
    weights = trained("echo_lag").model.get_weights()  # of part 4, with its defaults
    monkeypatch.setattr(echo_lag, "fit", lambda model: model.set_weights(weights))
    file = tmp_path / "check.py"
    file.write_text(CHECK, "utf-8")
    runpy.run_path(str(file))
    assert float(capsys.readouterr().out) > 0.95


def test_the_check_says_that_part_4_without_its_state_counts(
    tmp_path, monkeypatch, capsys
):
    # As README says: the check is saved beside the scripts, and echo_lag.py is changed.
    text = (ROOT / "echo_lag.py").read_text("utf-8")
    assert text.count("stateful=True") == 1
    text = text.replace("stateful=True", "stateful=False")
    # At a higher rate, it learns sooner.
    text = text.replace("EPOCHS = 2000", "EPOCHS = 250")
    text = text.replace('"adam"', "keras.optimizers.Adam(0.005)")
    (tmp_path / "echo_lag.py").write_text(text, "utf-8")
    (tmp_path / "check.py").write_text(CHECK, "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "echo_lag")
    keras.utils.set_random_seed(0)
    runpy.run_path(str(tmp_path / "check.py"))
    *epochs, share = capsys.readouterr().out.splitlines()
    assert len(epochs) == 250
    accuracies = [float(line.split()[-1]) for line in epochs[-50:]]
    assert np.mean(accuracies) > 0.97  # It is right on its windows.
    assert float(share) < 0.4


def test_the_script_that_readme_changes_is_restored():
    (changed,) = re.findall(r"`stateful=False` in the LSTM layer of `(.*?)`", ONE_LINE)
    (restored,) = re.findall(r"`git restore (.*?)` undoes the change", ONE_LINE)
    assert changed == restored == "echo_lag.py"


def test_the_commands_of_readme_are_those_that_it_shows():
    set_up, run, tests = re.findall(r"(?m)^(?:python3|\.venv).*", README)
    assert set_up.endswith("-r requirements.txt && .venv/bin/python echo_lag.py")
    assert tests.endswith("-r requirements.txt && .venv/bin/python -m pytest")
    assert run == ".venv/bin/python echo_lag.py 8 3 14 15 92 65 35 89 79 --seed 1"


def test_readme_says_where_each_heading_of_the_article_is():
    rows = tables(README[README.index("## Beside the tutorial") :])["1"][2:]
    functions = {name for _, cell, _ in rows for name in re.findall(r"`(\w+)`", cell)}
    public = [name for name in vars(sequences) if name.startswith(("gen", "one_hot"))]
    assert functions == set(public)
    commands = {name for *_, cell in rows for name in re.findall(r"`(\w+)\.py`", cell)}
    assert commands == {"sequences", *SCRIPTS}
    assert [heading for heading, *_ in rows] == HEADINGS


def test_an_error_typed_by_hand_is_noticed():
    (section,) = [part for part in REPORT.split("\n## ") if "| `real values`: " in part]
    prose = re.sub(r"^\|.*\n", "", section, flags=re.MULTILINE)
    assert "`real values`" in prose
    errors = {number for number in numbers_of(prose) if re.search(r"\.\d\d", number)}
    assert len(errors) >= 4 and any(len(number) == 7 for number in errors)
    known = measured(section)
    for error in errors:
        typed = "0.77777" if len(error) == 7 else "77.77"
        assert error in known
        assert numbers_of(section.replace(error, typed)) - known == {typed}
    text = "`real values`: 22.31 and 0.00092, not 22.315 or 0.001"
    assert numbers_of(text) == {"22.31", "0.00092"}


@pytest.mark.parametrize("file", PAGES, ids=str)
def test_links_lead_somewhere(file):
    links = re.findall(r"\]\((?!http)(.*?)\)", file.read_text("utf-8"))
    for link in links:
        name, _, anchor = link.partition("#")
        target = file.parent / name if name else file
        assert target.exists(), link
        if anchor:
            headings = re.findall(r"^#+ (.*)", target.read_text("utf-8"), re.MULTILINE)
            plain = [re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings]
            assert anchor in [heading.replace(" ", "-") for heading in plain], link


@pytest.mark.parametrize("file", PAGES, ids=str)
def test_no_line_of_a_paragraph_begins_a_list(file):
    text = re.sub(r"```.*?```", "", file.read_text("utf-8"), flags=re.DOTALL)
    mark = r"(\d+\.|[-*]) | "  # of a list: a number, a dash, or an indent
    assert not re.search(rf"^(?!{mark}).+\n({mark})", text, re.MULTILINE)
