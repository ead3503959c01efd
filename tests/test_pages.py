"""The pages: their measured figures, commands, code and links."""

import functools
import importlib
import re
import sys
from argparse import ArgumentParser
from pathlib import Path

import keras
import pytest

import echo_lag
import sequences
from sequences import one_hot_decode
from tests import shared
from tests.experiments import extensions, pictures, results
from tests.scripts import SCRIPTS

ROOT = Path(__file__).parents[1]
PAGES = {
    str(file.relative_to(ROOT)): file.read_text("utf-8")
    for file in [ROOT / "README.md", *sorted((ROOT / "tests").rglob("*.md"))]
}
README, GUIDE = PAGES["README.md"], PAGES["tests/porting/README.md"]
REPORT = PAGES["tests/experiments/README.md"]
APPENDIX = PAGES["tests/experiments/APPENDIX.md"]
each_page = pytest.mark.parametrize("page", PAGES)
read_runs = functools.cache(results.read_runs)


def runs_of(command):
    """Return the runs of a command, a DataFrame."""
    runs = read_runs()
    runs = runs[runs.command == command]
    program = "`python -m tests.experiments.results`"
    assert len(runs), f"results.csv has no run of {command!r}: {program} adds it"
    return runs


def percent(command, column):
    """Return the median of a command's runs as a text."""
    return results.percent(runs_of(command)[column].median())


def tables_of(page):
    """Return the tables on a page: lists of rows, which are lists of cells."""
    found = re.findall(r"(?m)(?:^\|.*\n)+", page)
    rows = [[line.split("|")[1:-1] for line in lines.splitlines()] for lines in found]
    return [[[cell.strip() for cell in row] for row in table] for table in rows]


def section_of(page, heading):
    """Return the text below a heading of a page, with single spaces."""
    (found,) = re.findall(rf"(?ms)^#+ {re.escape(heading)}\n(.*?)(?=^#|\Z)", page)
    return re.sub(r"\s+", " ", found)


def factor(options):
    """Return how many times the error on windows late ones are: the range, as a text."""
    runs = runs_of(f"real_values.py --next {options}")
    return results.factors(runs.late / runs.on_windows)


def counts_of_shorter(command):
    """Return how many windows of a sequence are masked at the start, and of how many."""
    X, _ = extensions.generate_data(extensions.parse(command.split()))
    return f"{(X == extensions.MISSING).any(axis=(1, 2)).sum()} {len(X)}"


def burn_in_that_is_enough():
    """Return the units of the LSTM, and the longest burn-in that is too short, plus one."""
    runs = {n: runs_of(f"--burn-in {n}") for n in range(2, 6)}
    enough = [n for n in runs if results.stays_right(runs[n]).all()]
    least = min(enough, default=6)  # 6: none of them
    return f"50 {least - 1} {least}"


def right_after_long_samples():
    """Return the epochs of training on whole sequences, and what is right then."""
    return f"4,000 {percent('--through-time --epochs 4000', 'reading_on')}"


MASKED_IN_10 = "--missing mask --context 10 --length 30"
HIDDEN = "--noise 1 --test-noise 0.1 --steps 24"
ONES = "--context 1 --batch-size 1"
EXTENSIONS = "How the extensions are done"
# The measured figures in the text of a section that has no table for them.
FIGURES = [
    (README, "Why part 3 fails", lambda: percent(ONES, "reading_on")),
    (README, "Why part 3 fails", right_after_long_samples),
    (APPENDIX, EXTENSIONS, lambda: counts_of_shorter(MASKED_IN_10)),
    (APPENDIX, EXTENSIONS, lambda: counts_of_shorter("--missing mask")),
    (REPORT, "When does it count?", burn_in_that_is_enough),
    (GUIDE, "Check it", lambda: factor(HIDDEN)),
]


@pytest.mark.parametrize(("page", "heading", "figure"), FIGURES)
def test_a_measured_figure_stands_in_its_section(page, heading, figure):
    number = r"\d[\d.]*\d|\d"
    in_section = " ".join(re.findall(number, section_of(page, heading)))
    assert f" {' '.join(re.findall(number, figure()))} " in f" {in_section} "


def test_the_ratios_of_the_speed_are_those_of_its_times():
    (table,) = [table for table in tables_of(APPENDIX) if table[0][0] == "seconds"]
    for _, ours, fit, ratio in table[2:]:
        assert float(ratio) > 10
        assert float(fit) / float(ours) == pytest.approx(float(ratio), rel=0.03)


@pytest.mark.parametrize("script", SCRIPTS)
def test_the_cells_of_a_script_are_of_its_runs(script):
    runs = runs_of(f"{script}.py")
    (row,) = [row for row in tables_of(README)[0] if f"`{script}.py`" in row[0]]
    assert row[-1] == results.percent(runs.on_windows.median())
    lowest, highest = (100 * f(runs.on_windows) for f in (min, max))
    right = f"{lowest:.1f} to {highest:.1f} %"
    cells = [f"`{script}.py`", right, results.median_epochs(runs.epochs_to_95)]
    assert cells in [row for table in tables_of(REPORT) for row in table]


def test_the_sample_output_is_that_of_its_command():
    (command,) = re.findall(r"(?m)^\.venv/bin/python (.*\d .*) --seed 1$", README)
    values = [int(value) for value in command.split()[1:]]
    echo = one_hot_decode(sequences.generate_data_lag(values)[1])
    accuracy = runs_of(command).on_windows.item()
    sample = re.search(r"(?s)```\n(Expected: .*?)\n```", README)[1]
    assert sample.splitlines() == [
        f"Expected:  {echo}",
        f"Predicted: {echo}",
        f"Accuracy over 100 new sequences: {accuracy:.4f}",
    ]


def test_the_sequence_of_readme_shows_both_rules():
    (lines,) = re.findall(r"```\n(reads:.*?)```", README, re.DOTALL)
    assert lines in (ROOT / "tests/experiments/pictures.txt").read_text("utf-8")
    rows = [line.split(":")[1].split() for line in lines.splitlines()]
    reads, part_4, zero_state = rows
    assert len(reads) == len(part_4) == len(zero_state) == 8
    assert part_4[4:] == reads[3:-1]  # after 5 to 8 values: the one before
    assert zero_state[4:] == [reads[3]] * 4  # always the fourth


def test_readme_says_where_each_part_of_the_article_is():
    named = set()
    for heading, functions, commands in tables_of(README)[1][2:]:
        functions = set(re.findall(r"`(\w+)`", functions))
        for script in set(re.findall(r"`(\w+)\.py`", commands)) & {*SCRIPTS}:
            framing = importlib.import_module(script).generate_data
            assert functions == {framing.__name__}, heading
            named.add(script)
        named |= functions
    public = {name for name in vars(sequences) if name.startswith(("gen", "one_hot"))}
    assert named == public | {*SCRIPTS}


# In the text alone: the blocks of code are run by other tests.
NAMES = {
    (page, name)
    for page, text in PAGES.items()
    for code in shared.inline_code(text)
    for name in re.findall(r"(?<![\w.])keras\.[a-z]\w*(?:\.\w+)*", code)
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
    return lines + shared.inline_code(page)


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
    for code in code_of(re.sub(r"(?m)^\|.*", "", REPORT + APPENDIX))
    if code.startswith(("--", "real_values.py --"))
]


@pytest.mark.parametrize("code", OPTIONS)
def test_the_report_speaks_of_what_was_measured(code):
    code = re.sub(r" [NKS]$", "", code)  # of an option's value
    assert any(f" {code} " in f" {command} " for command in read_runs().command)


def test_the_line_of_the_appendix_echoes_34(trained, capsys):
    code = [code for code in code_of(APPENDIX) if "34" in code and "print" in code]
    (line,) = code
    names = {"model": trained("echo_current").model, **vars(sequences)}
    eval(line, names)
    *_, echo = capsys.readouterr().out.splitlines()
    assert echo == "[34]"


READ_ON = """
import runpy, sys
from tests.experiments import results
sys.argv = ["read_on.py"]
runpy.run_path(results.FILE.with_name("read_on.py"), run_name="__main__")
"""


def without_state():
    """Return echo_lag.py with the change that README describes."""
    script = (ROOT / "echo_lag.py").read_text("utf-8")
    assert script.count("stateful=True") == 1
    for old, new in {
        "stateful=True": "stateful=False",
        # At a higher rate, it learns sooner. For few epochs, XLA takes longer than it saves.
        "EPOCHS = 2000": "EPOCHS = 250",
        '"adam"': "keras.optimizers.Adam(0.005)",
        "jit_compile=True": "jit_compile=False",
    }.items():
        script = script.replace(old, new)
    return script


def lines_that_readme_shows():
    """Return what part 4 is right after, and what it is with the change."""
    return [code for code in shared.inline_code(README) if "Right after" in code]


def test_part_4_reads_on_as_readme_shows(trained, monkeypatch):
    weights = trained("echo_lag").model.get_weights()

    def fit(model):
        model.set_weights(weights)
        return trained("echo_lag").history

    monkeypatch.setattr(echo_lag, "fit", fit)
    monkeypatch.setattr(echo_lag, "evaluate", lambda model: None)  # only for speed
    line, _ = lines_that_readme_shows()
    assert line in shared.run_program(READ_ON).splitlines()


def test_part_4_without_state_reads_on_as_readme_shows():
    output = shared.run_program(READ_ON, {"echo_lag.py": without_state()})
    _, line = lines_that_readme_shows()
    assert line in output.splitlines()
    # It is right on its windows, and repeats the fourth value.
    *_, accuracy = re.findall(r"new sequences: (\S+)", output)
    assert float(accuracy) > 0.97
    fourth = re.findall(r"after +[567] values.*value (\d+) in \d+", output)
    assert fourth == ["4"] * 3


def test_both_commands_of_readme_set_up_the_same():
    set_up, *_, tests = re.findall(r"(?m)^(?:python3|\.venv).*", README)
    # The gate runs the second one.
    assert set_up.removesuffix("echo_lag.py") == tests.removesuffix("-m pytest")


def test_each_picture_is_shown_once():
    shown = re.findall(r"!\[[^]]*\]\([^)]*?\.github/([^)]*)\)", "".join(PAGES.values()))
    files = (ROOT / ".github").iterdir()  # Other files may stand there, too.
    drawn = [file.name for file in files if file.suffix in (".png", ".svg")]
    assert sorted(shown) == sorted(drawn)
    ways = r"!\[[^]]*?(\d+)[^]\d]* ways[^]]*\]\(.*/(.*)\)"
    for n, name in re.findall(ways, REPORT + APPENDIX):
        assert int(n) == (results.EXPERIMENTS.table == pictures.STRIPS[name][0]).sum()


@each_page
def test_links_lead_to_what_they_name(page):
    file = ROOT / page
    for text, link in re.findall(r"\[([^]]+)\]\((?!http)(.*?)\)", PAGES[page]):
        name, _, anchor = link.partition("#")
        target = file.parent / name if name else file
        assert target.exists(), link
        if anchor:
            headings = re.findall(r"^##+ (.*)", target.read_text("utf-8"), re.MULTILINE)
            plain = [re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings]
            anchors = [heading.replace(" ", "-") for heading in plain]
            assert anchor in anchors, link
            text = " ".join(text.lower().split())
            if " " in text:  # One word is in many headings.
                named = [a for a, heading in zip(anchors, plain) if text in heading]
                assert anchor in named or not named, link
            number = re.search(r"^exercise (\d)$", text)
            assert not number or anchor.startswith(f"{number[1]}-"), link
