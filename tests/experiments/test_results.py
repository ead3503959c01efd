"""The measurements: their list, what is read of a run, and the tables of the pages."""

import re
import threading
import time
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tests.experiments import extensions, real_values, results
from tests.scripts import SCRIPTS

RUNS = """\
command,seed,on_windows,reading_on,epochs_to_95,by_number,versions,late
--lag 1,2,1.0,0.25,20,- 0.4 0.6,keras 3,0.9
--lag 1,1,0.25,0.5,30,- 0.5 0.7,keras 3,0.9
--lag 1,3,0.5,0.75,inf,- 0.9 0.8,keras 3,0.9
--lag 1,4,0.9,0.9,9,- 0.9 0.9,keras 3,0.9
--lag 2 --epochs 60,1,0.1,0.2,inf,- - 0,keras 3,0.1
--lag 2 --epochs 60,2,0.1,0.4,inf,- - 0,keras 3,0.1
--lag 2 --epochs 60,3,0.1,0.3,60,- - 0,keras 3,0.1
--unique 50 --list 30,1,0.75,0.3,inf,- 0 0,keras 3,0.1
--unique 50 --list 30,2,0.25,0.3,inf,- 0 0,keras 3,0.1
--unique 50 --list 30,3,1.0,0.3,inf,- 0 0,keras 3,0.1
real_values.py --lag 3,1,0.01,,,- - - 6.2 0.00004 9 9 9 9,keras 3,2.5
real_values.py --lag 3,2,0.0003,,,- - - 6.4 0.00002 9 9 9 9,keras 3,0.0004
real_values.py --lag 3,3,0.04,,,- - - 6.3 0.2 9 9 9 9,keras 3,0.08
real_values.py --lag 3 --steps 9,1,0.09,,,- - - 1 1 1 1 1 0.1 0.2,keras 3,0.1
real_values.py --lag 3 --steps 9,3,0.01,,,- - - 1 1 1 1 1 0.1 0.2,keras 3,0.1
real_values.py --lag 3 --steps 9,2,0.0006,,,- - - 1 1 1 1 1 0.1 0.2,keras 3,0.1
echo_lag.py,1,0.7,,inf,,keras 3,
echo_lag.py,2,0.7,,inf,,keras 3,
echo_lag.py,3,0.7,,inf,,keras 4,
"""
LISTED = """\
table,row,group,command,seeds
rows,one,,--lag 1,3
rows,two,,echo_lag.py,3
groups,x,as it is,--lag 1,3
groups,x,else,--lag 2 --epochs 60,3
groups,y,else,--unique 50 --list 30,3
errors,z,as it is,real_values.py --lag 3,3
errors,z,else,real_values.py --lag 3 --steps 9,3
exercise 5,of 6,,--lag 1,3
"""
TABLES = {
    "rows": ["command", "on windows", "epochs to 95 %"],
    "groups": ["training", "right after", "stays right", "after 3 values"],
    "errors": ["lag", *results.ERRORS, *results.PRICES],
    "exercise 5": ["accuracy", "one at a time", "right after", "command"],
}
PAGE = """\
| `rows`, seeds | what stands here does not matter |

| `groups`, seeds |
| --- |

| `errors`, seeds |

| `exercise 5`, seeds |

"""


@pytest.fixture
def file(tmp_path, monkeypatch):
    """Put RUNS, LISTED, PAGE and TABLES in the place of the laboratory's."""
    files = {"results.csv": RUNS, "experiments.csv": LISTED, "page.md": PAGE}
    for name, text in files.items():
        (tmp_path / name).write_text(text, "utf-8")
    monkeypatch.setattr(results, "FILE", tmp_path / "results.csv")
    monkeypatch.setattr(results, "EXPERIMENTS", results.read_experiments())
    monkeypatch.setattr(results, "PAGES", [tmp_path / "page.md"])
    monkeypatch.setattr(results, "TABLES", TABLES)
    return results.FILE


def test_the_file_has_the_runs_of_the_list_and_no_others():
    assert results.missing_jobs() == [], "run `python -m tests.experiments.results`"
    runs = results.read_runs()
    surplus = set(zip(runs.command, runs.seed)) - set(results.jobs())
    assert surplus == set(), "delete these lines of results.csv"


def test_each_line_has_what_its_program_prints():
    of_script = {"reading_on", "by_number", "late"}
    empty = {f"{script}.py": of_script for script in SCRIPTS}
    empty["real_values.py"] = {"epochs_to_95", "reading_on"}
    for _, run in results.read_runs().iterrows():
        program = run.command.split()[0]
        assert {*run.index[run.isna()]} == empty.get(program, set()), run.command


def test_the_share_of_each_line_is_the_mean_of_its_numbers():
    runs = results.read_runs()
    runs = runs[runs.command.str.startswith("--")]
    means = results.by_number(runs).mean(axis=1)
    np.testing.assert_allclose(means, runs.reading_on, atol=0.005)


def test_each_command_can_be_run():
    results.check_experiments(results.tables_on_pages())
    for command in results.EXPERIMENTS.command:
        results.check_command(command)


# What names of rows and groups say, and the options that their command then has.
SAYS = {
    "state of zeros|^zeros|zero state(?!, then)|Ignore": "--stateless",
    r"(\d+) values? of burn-in|then (\d+) random values": "--burn-in {}",
    r"(\d+) more values in each window": "--lead {}",
    "always the same": "--same",
    "new random numbers": "--start random",
    "^random numbers": "--start similar",
    "means alone": "--start only-means",
    "deviations alone": "--start similar-mean-0",
    "drawn 1 by 1": "--start shuffled",
    "reverse order": "--start carried-units-reversed",
    "times 2": "--start carried-times-2",
    r"times 0\.5": "--start carried-times-half",
    "times -1": "--start carried-times-minus-1",
    "learned": "--start learned",
    "another, untrained network": "--start other-network",
    "state of another sequence": "--start other-sequence",
    "1 at the first step|and this input|first value marked": "--mark first",
    "1 at a random step": "--mark random",
    r"windows of (\d)(?= values$|[,;]|$)": "--context {}",
    "windows of 10": "--context 10 --length 30",
    "windows of 20": "--context 20 --length 50",
    "windows of 25": "--context 25 --length 45",
    "windows of 30": "--context 30 --length 60",
    r"windows of (\d) (?:to|and) 5 values": "--shortest {}",
    r"(?:LSTM|RNN|GRU)\((\d+)\)|(\d+) units": "--units {}",
    "GRU": "--layer gru",
    "SimpleRNN": "--layer simple-rnn",
    "2 LSTMCell": "--layer two-lstms",
    "2 layers": "--layers 2",
    r"forget bias (-?\d+)": "--forget-bias {}",
    r"lag (\d)": "--lag {}",
    r"batches of (\d+)|^of (\d)": "--batch-size {}",
    r"batches of 1(?!\d)|^of \d|^part 3$": "--context 1",
    "^part 3$": "--batch-size 6",
    "5 times the rate": "--learning-rate 0.005",
    "a tenth of the rate": "--learning-rate 0.0001",
    r"(\d+) epochs": "--epochs {}",
    "10 times the epochs": "--epochs 20000",
    "each sequence 1 sample$": "--through-time --epochs 4000",
    "each sequence 1 sample, gradients cut": "--through-time --layer cut-gradients",
    "gradients cut$": "--epochs 20000",
    "never reset": "--never-reset",
    "filled with -1": "--missing mark",
    "masked|Entire Sequence": "--missing mask",
    "Entire Sequence": "--context 25",
    "Echo Lag Sequence|an answer (?:at )?each step": "--echo-sequence",
    r"[,:] (\d+) values(?=$|[,;])": "--unique {}",
    "only Dense trained|only the dense layer": "--train dense",
    "only Dense and the recurrent kernel": "--train recurrent-kernel",
    "all but the recurrent kernel": "--train all-but-recurrent-kernel",
    r"a list of (\d+)": "--parts-of {}",
}
SAYS_OF_REAL_VALUES = {
    r"value (\d+) back": "--lag {}",
    "mean of 4 values": "--mean --lag 3",
    "mean of 11 values": "--mean --lag 10",
    "^noise": "--next --steps 24",
    r"^noise (\d[\d.]*)": "--noise {}",
    r"tested with (\d[\d.]*)": "--test-noise {}",
    r"(\d+) steps|windows of (\d+)": "--steps {}",
    r"lengths (\d+) and": "--shortest {}",
    "GRU": "--layer gru",
    "SimpleRNN": "--layer simple-rnn",
    r"(\d+) epochs": "--epochs {}",
    "an answer each step": "--each-step",
}
# Options that all commands of a table have.
COMMON = {
    "a mark is not enough": "--stateless",
    "usual": "--list 20000 --epochs 14",
    "more networks": "--list 20000 --epochs 14",
    "without gradients": "--context 1 --batch-size 1",
    "exercise 4": "--lag 3",
}
# In these tables, some train for longer, and no name says so.
LONGER = ["a mark is not enough", "the reset", "layers", "more lags", "extensions"]
NUMBERS = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "seven": 7, "ten": 10}


def options_said(names, says):
    """Return the options that names say, as one text."""
    for word, number in NUMBERS.items():
        names = re.sub(rf"\b{word}\b", str(number), names)
    names = re.sub(r"(?<=\d),(?=\d)", "", names)  # 1,000
    said = []
    for words, option in says.items():
        for found in re.finditer(words, names):
            numbers = [number for number in found.groups() if number]
            said.append(option.format(*numbers))
    return " ".join(said)


NAMED = results.EXPERIMENTS.query("table != ''")


@pytest.mark.parametrize("table", NAMED.table.unique())
def test_a_command_has_the_options_that_its_names_say_and_no_others(table):
    common = COMMON.get(table, "")
    for line in NAMED[NAMED.table == table].itertuples():
        names = f"{line.row}; {line.group}".removesuffix("; ")
        if table == "rules":  # The name of a panel says no option.
            names = line.row
        program, _, arguments = line.command.partition(" ")
        if program == "real_values.py":
            options = real_values.parse(arguments.split())
            said = options_said(names, SAYS_OF_REAL_VALUES)
            expected = real_values.parse(said.split())
            shortest = expected.unanswered + 1
            # The name says how many steps a window and its burn-in have.
            options.steps += options.burn_in
            options.burn_in, expected.burn_in = options.burn_in > 0, "burn-in" in names
        else:
            options = extensions.parse(line.command.split())
            said = f"{common} {options_said(names, SAYS)}"
            expected = extensions.parse(said.split())
            shortest = expected.lag + 1
        if "several lengths" in names and not expected.shortest:
            expected.shortest = shortest
        if table in LONGER and "epochs" not in names:
            expected.epochs = options.epochs
        assert options == expected, f"experiments.csv: {names}: {line.command}"


@pytest.mark.parametrize("page", results.PAGES, ids=lambda page: page.name)
def test_tables_of_a_page_are_made_of_the_file(page):
    if results.missing_jobs():
        pytest.fail("results.csv lacks runs: `python -m tests.experiments.results`")
    page = page.read_text("utf-8")
    # A line that begins with "1. " would begin a list in the middle of a paragraph.
    text = re.sub(r"(?s)```.*?```", "", page)
    assert re.findall(r"(?m)^(?!\d+\. |   ).*\S.*\n\d+\. .*", text) == []
    # A line that follows a table at once would be a row of it.
    assert re.findall(r"(?m)^\|.*\n(?![|\n]).+", page) == []
    for table in re.finditer(results.ON_A_PAGE, page):
        assert table[0].splitlines() == results.lines_of(table[1]), table[1]
    assert results.fill_in(page) == page


@pytest.mark.usefixtures("file")
def test_a_line_is_an_experiment_and_a_cell_a_number_or_a_range_of_its_seeds():
    assert results.lines_of("rows") == [
        "| `rows`, seeds 1 to 3 | command | on windows | epochs to 95 % |",
        "| --- | --- | --- | --- |",
        "| one | `--lag 1` | 50.0 % | 30 |",
        "| two | `echo_lag.py` | 70.0 % | not reached |",
    ]
    assert results.lines_of("groups")[2:] == [
        "| x | as it is | none (2 of 3); 2, 3 (1 of 3) | 3 of 3 | 70.0 % |",
        "| x | else | none | 0 of 3 | 0.0 % |",
        "| y | else | none | 0 of 3 | 0.0 % |",
    ]
    # A price is that of the same seeds. A late error of twice that on windows is too much.
    z, other = results.lines_of("errors")[2:]
    late = "0.01000 | 5 | 1.3 to 250.0 | 1 of 3 | 1.0 | 1.0 to 1.0"
    assert z == f"| z | as it is | `real_values.py --lag 3` | {late} |"
    late = "0.01000 | none | 1.1 to 166.7 | 1 of 3 | 2.0 | 0.2 to 9.0"
    assert other == f"| z | else | `real_values.py --lag 3 --steps 9` | {late} |"
    # In brackets, seed 1, which is not the first one of the file.
    cells = "50.0 % (25.0 %) | 50.0 % (50.0 %) | none (2 of 3); 2, 3 (1 of 3) (none)"
    assert results.lines_of("exercise 5")[2:] == [f"| of 6 | {cells} | `--lag 1` |"]


def test_each_outcome_that_has_changed_is_told(file, capsys):
    results.fill_in(PAGE)
    assert capsys.readouterr().out == ""  # There was no cell before.
    page = results.fill_in(PAGE)
    runs = RUNS.replace("- 0.5 0.7", "- 0.9 0.8").replace("3,0.0004\n", "3,0.0007\n")
    file.write_text(runs, "utf-8")
    changed = results.fill_in(page)
    before, after = "none (2 of 3); 2, 3 (1 of 3)", "2, 3 (2 of 3); none (1 of 3)"
    assert capsys.readouterr().out.splitlines() == [
        f"OUTCOME groups, x, as it is: {before} -> {after}",
        "OUTCOME errors, z, as it is: 1 of 3 -> 0 of 3",
        f"OUTCOME exercise 5, of 6: {before} (none) -> {after} (2, 3)",
    ]
    results.fill_in(changed)
    assert capsys.readouterr().out == ""
    file.write_text(runs.replace("- 0.4 0.6", "- 0.9 0.8"), "utf-8")
    results.fill_in(changed)  # Now all runs agree.
    assert capsys.readouterr().out.splitlines() == [
        f"OUTCOME groups, x, as it is: {after} -> 2, 3",
        f"OUTCOME exercise 5, of 6: {after} (2, 3) -> 2, 3 (2, 3)",
    ]


def test_a_price_is_only_of_what_was_run_as_it_is():
    runs = pd.DataFrame({"on_windows": [0.02, 0.9], "plain": [0.01, 0.3]})
    write = results.COLUMNS["price, all runs"]
    assert write(runs) == "2.0 to 3.0"
    assert write(runs.assign(plain=[0.01, np.nan])) == ""


def test_versions_stand_once_and_processors_behind_them():
    amd, intel = " vendor_id amd family 1", " vendor_id intel"
    runs = pd.DataFrame({"versions": ["keras 4" + intel, "keras 3", "keras 3" + amd]})
    expected = "keras 3; keras 4. Processors: amd family 1; intel"
    assert results.versions_of(runs) == expected


@pytest.mark.parametrize(
    ("numbers", "text"),
    [
        ([], "none"),
        ([5], "5"),
        ([4, 5], "4, 5"),
        ([2, 9, 10, 11, 15], "2, 9 to 11, 15"),
        (range(2, 26), "2 to 25"),
    ],
)
def test_numbers_are_written_as_ranges(numbers, text):
    assert results.ranges(numbers) == text


def runs_like(command, *shares, late=1.0):
    """Return a run of a command for each text of shares, as read_runs does."""
    return pd.DataFrame({"command": command, "by_number": shares, "late": late})


def test_what_runs_are_right_after_and_whether_they_stay_right():
    """The window of 5 ends after 5 values; a share of 0.80 is enough."""
    to_25 = " ".join(["0.80"] * 21)
    wrong_once = " ".join(["1"] * 10 + ["0.79"] + ["1"] * 10)
    runs = runs_like("--lag 1", f"- 0 0 0.79 {to_25}", f"- 1 1 1 {wrong_once}")
    text = "5 to 25 (1 of 2); 2 to 14, 16 to 25 (1 of 2)"
    assert results.right_after(runs) == text
    assert results.stays_right(runs).tolist() == [True, False]
    assert results.COLUMNS["stays right"](runs) == "1 of 2"
    assert not results.stays_right(runs.assign(late=0.79)).any()
    # Where a window ends later, what comes before it does not matter.
    for options, right in {
        "--lead 5": False,
        "--stateless --lead 5": False,
        "--stateless --lead 11": True,
        "--burn-in 11": True,
        "--context 16 --length 31": True,
        "--context 30 --length 60": True,
        "--list 60 --burn-in 11": True,
        # The test reads these before the first of the 25.
        "--burn-in 11 --same": False,
        # It has the mark with the sixth value.
        "--mark first": False,
        "--mark first --context 11 --length 30": True,
    }.items():
        (stays,) = results.stays_right(runs_like(options, f"- 1 1 1 {wrong_once}"))
        assert stays == right, options
    # Of a longer window, the last of the 25 numbers is looked at.
    (stays,) = results.stays_right(
        runs_like("--context 30 --length 60", f"- 1 1 1 {to_25}"[:-4] + "0.79")
    )
    assert not stays
    # The first answer cannot be known.
    for options in "--through-time", "--context 1 --batch-size 1":
        first_unknown = f"- 1 1 1 {to_25}"
        assert results.stays_right(runs_like(options, first_unknown)).all(), options
    X, _ = extensions.generate_data(extensions.parse(["--through-time"]))
    assert results.end_of_window("--through-time") == X.shape[1]


def test_errors_are_as_good_as_on_windows_around_their_end():
    errors = ["1 0.2 0.9 0.2 0.2 0.1 0.3 0.2", "1 0.2 0.9 0.4 0.2 0.1 0.3 0.2"]
    runs = runs_like("real_values.py --lag 3 --steps 6", *errors)
    runs = runs.assign(on_windows=[0.1, 0.2])
    assert results.as_good_after(runs) == "4 to 6"
    assert results.as_good_after(runs.assign(on_windows=[0.1, 0.1])) == "5, 6"
    late = runs.assign(command="real_values.py --lag 3 --steps 4 --burn-in 4")
    assert results.as_good_after(late.assign(on_windows=[0.1, 0.1])) == "8"
    assert (
        results.as_good_after(runs.assign(on_windows=[9, 9], by_number="1 " * 8))
        == "none"
    )


def test_a_run_has_one_thread_and_says_why_it_fails(monkeypatch):
    monkeypatch.delenv("TF_NUM_INTRAOP_THREADS")
    code = "import os; print(os.environ['TF_NUM_INTRAOP_THREADS'])"
    assert results.run_python(["-c", code]) == "1\n"
    with pytest.raises(RuntimeError, match="(?s)-c import absent.*No module named"):
        results.run_python(["-c", "import absent"])


def test_a_line_names_the_versions_and_the_processor(monkeypatch):
    found = results.versions()
    for package in tf, keras, np, pd:
        assert f" {package.__name__} {package.__version__} " in f"{found} "
    cpuinfo = Path("/proc/cpuinfo")
    named = cpuinfo.exists() and "cpu family" in cpuinfo.read_text("utf-8")
    assert bool(re.search(r" cpu family \d+ model \d+$", found)) is named
    monkeypatch.setattr(results, "Path", lambda name: Path("absent"))
    assert re.search(r" vendor_id \S+$", results.versions())


def test_run_is_read_from_what_it_prints():
    lines = [f"Epoch {i}/200 - loss: 4.6052 - accuracy: 0.5000" for i in range(1, 51)]
    lines += [f"Epoch {i}/200 - loss: 0.1 - accuracy: 1.0000" for i in range(51, 201)]
    lines += [
        "Accuracy over 100 new sequences: 0.9750",
        "Accuracy fed one value at a time: 0.25",
        "Accuracy by number: - 0.25",
        "Accuracy at numbers 900 to 1000: 0.5",
    ]
    measured = results.read("\n".join(lines))
    assert measured == {
        "on_windows": "0.9750",
        "reading_on": "0.25",
        "epochs_to_95": 68,
        "by_number": "- 0.25",
        "versions": results.versions(),
        "late": "0.5",
    }
    real = results.read("\n".join(lines[-4:-1]).replace("Accuracy", "Error"))
    errors = {"reading_on": None, "epochs_to_95": None, "late": "0.25"}
    assert real == {**measured, **errors}


@pytest.mark.parametrize(
    ("curve", "epochs"),
    [
        # With 2 of 20 epochs at 50 % the mean is 95 %, so 18 at 100 % are enough. It must
        # stay there for the next 100 epochs.
        ([0.5] * 200 + [1] * 117, np.inf),
        ([0.5] * 200 + [1] * 118, 218),
        ([1] * 119 + [0] * 300, 20),
        ([1] * 118 + [0] * 100 + [1] * 300, 237),
        # Each mean is exactly 95 % from 220 on, but not in floats.
        ([0.5] * 200 + ([0.9] + [0.95] * 18 + [1]) * 15, 220),
        (([0.951] * 30 + [0.949] * 30) * 30, np.inf),
    ],
)
def test_epochs_to_95_are_those_until_it_stays(curve, epochs):
    assert results.epochs_to_95(pd.Series(curve, dtype=float)) == epochs


def test_runs_that_are_lacking_are_added_and_the_tables_filled_in(
    file, monkeypatch, capsys
):
    ran = []

    def run(arguments):
        ran.append(" ".join(arguments))
        return "Accuracy over 100 new sequences: 0.75\nAccuracy by number: - 0 0 0 0 0 0 0 0"

    page, run_all, edits = results.PAGES[0], results.run_all, ["An edit.\n"]

    def run_all_meanwhile(jobs):
        """Run; a page and the list are edited, and another results.py is started."""
        page.write_text(page.read_text("utf-8") + edits[-1], "utf-8")
        edited = file.with_name("edited.csv")
        edited.write_text("table\n", "utf-8")
        edited.replace(file.with_name("experiments.csv"))  # as some editors do
        with pytest.raises(SystemExit, match="^2$"):
            results.main([])
        run_all(jobs)

    monkeypatch.setattr(results, "run_python", run)
    monkeypatch.setattr(results, "run_all", run_all_meanwhile)
    heading, *lines = RUNS.splitlines()
    (line,) = [line for line in lines if line.startswith("real_values.py --lag 3,2")]
    file.write_text(f"{heading}\n{line}\n", "utf-8")
    results.main([])
    module = "-m tests.experiments"
    commands = [
        f"{module}.extensions --lag 1",
        f"{module}.extensions --lag 2 --epochs 60",
        f"{module}.extensions --unique 50 --list 30",
        f"{module}.real_values --lag 3",
        f"{module}.real_values --lag 3 --steps 9",
        "echo_lag.py",
    ]
    expected = {f"{command} --seed {n}" for command in commands for n in (1, 2, 3)}
    assert set(ran) == expected - {f"{commands[3]} --seed 2"} and len(ran) == 17
    output, error = capsys.readouterr()
    assert error.endswith("another results.py is running: wait for its end\n")
    printed = [line.split(":")[0] for line in output.splitlines()]
    assert printed == [f"{number} of 17" for number in range(1, 18)]
    added = results.read_runs()[1:]
    assert set(added.on_windows) == {0.75}
    assert added.versions.str.contains(f"keras {keras.__version__}").all()
    assert all(line.count(",") == 7 for line in file.read_text("utf-8").splitlines())
    assert page.read_text("utf-8") == results.fill_in(PAGE) + edits[0]
    file.unlink()  # to measure all anew
    run_all(results.jobs()[:3])
    edits.append("| `new`, seeds |\n")
    with pytest.raises(SystemExit, match="^2$"):
        results.main([])
    assert "a page has other tables than before" in capsys.readouterr().err
    assert page.read_text("utf-8").endswith(edits[1])
    added = results.read_runs()
    assert sorted(zip(added.command, added.seed)) == sorted(results.jobs())


def test_two_runs_go_at_a_time_and_what_has_ended_outlives_a_failure(file, monkeypatch):
    started, pair = [], threading.Barrier(2, timeout=10)

    def measure(command, seed):
        started.append(seed)
        if seed <= 2:
            pair.wait()  # Alone, a run would wait in vain.
        if seed in (2, 3):
            return {"command": command, "seed": seed}
        # The others, the first one too, wait for these two lines, up to 10 s, and fail.
        for _ in range(100):
            time.sleep(0.1)
            if file.read_text("utf-8").count("b.py") == 2:
                raise RuntimeError("two lines are there")
        raise RuntimeError("no two lines are there")

    monkeypatch.setattr(results, "measure", measure)
    with pytest.raises(RuntimeError, match="^two lines are there$"):
        results.run_all([("b.py", seed) for seed in range(1, 51)])
    assert len(started) < 10
    added = file.read_text("utf-8").removeprefix(RUNS).splitlines()
    assert sorted(added) == ["b.py,2", "b.py,3"]


def refused(monkeypatch, capsys):
    """Return the line with which results.py ends, before its first run."""
    monkeypatch.setattr(results, "EXPERIMENTS", results.read_experiments())
    monkeypatch.setattr(results, "run_all", lambda jobs: pytest.fail("it runs"))
    with pytest.raises(SystemExit, match="^2$"):
        results.main([])
    *_, line = capsys.readouterr().err.splitlines()
    return line


SEEDS = "an integer of at least 1 is needed"


@pytest.mark.parametrize(
    ("line", "instead", "message"),
    [
        ("rows,two,,echo_lag.py,3", "rows,two,,--lag 1,5", "'rows' has 3 and 5 seeds"),
        ("rows,two,", "rows,one,", "'rows' has 'one, ' twice"),
        ("groups,y,", "groups,x,", "'groups' has 'x, else' twice"),
        (
            "--unique 50 --list 30,3",
            "--unique 50 --list 30,0",
            f"--unique 50 --list 30: seeds is '0': {SEEDS}",
        ),
        (
            "--unique 50 --list 30,3",
            "--unique 50 --list 30,",
            f"--unique 50 --list 30: seeds is '': {SEEDS}",
        ),
        (
            "--unique 50 --list 30,3",
            "--unique 50 --list 30,2.5",
            f"--unique 50 --list 30: seeds is '2.5': {SEEDS}",
        ),
        ("of 6,,--lag 1", "of 6, 7,,--lag 1", f": seeds is '--lag 1': {SEEDS}"),
        ("seeds", "seed", "must begin with table,row,group,command,seeds"),
        ("rows,two,,", "rows,two,a,", "each line of 'rows' needs no group"),
        ("groups,x,else", "groups,x,", "each line of 'groups' needs a group"),
        (
            "exercise 5",
            "exercise 6",
            "the table 'exercise 5' must be in experiments.csv",
        ),
        ("exercise 5,of 6,,--lag 1,3", "", "'exercise 5' must be in experiments.csv"),
        (
            "--unique 50 --list 30",
            "--lost 30",
            "'--lost 30': unrecognized arguments: --lost 30",
        ),
        (
            "--unique 50 --list 30",
            "--list x",
            "'--list x': argument --list: invalid int",
        ),
        (
            "--unique 50 --list 30",
            "--list 3",
            "'--list 3': --list is 3: at least --length",
        ),
        ("values.py --lag 3", "values.py --log 3", "'real_values.py --log 3': unrecog"),
        ("echo_lag.py", "eco_lag.py", "'eco_lag.py': there is no program 'eco_lag.py'"),
        ("echo_lag.py", "echo_lag.py 7", "'echo_lag.py 7': "),
        ("--lag 1", "", "'': there is no program ''"),
    ],
)
def test_a_list_that_cannot_be_run_or_shown_is_an_error_before_the_first_run(
    line, instead, message, file, monkeypatch, capsys
):
    listed = LISTED.replace(line, instead)
    file.with_name("experiments.csv").write_text(listed, "utf-8")
    assert message in refused(monkeypatch, capsys)


HEADING = RUNS.splitlines(keepends=True)[0]


@pytest.mark.parametrize(
    ("runs", "message"),
    [
        (f"{RUNS}--lag 1,5,0.5,0.75,inf,- 0.25,keras 3", "is not complete: delete"),
        (f"{RUNS}--lag\n", "has a line that is not complete: delete it"),
        (f"{RUNS}--lag 1,5,0.5,1,inf,-,keras,,\n", "8 fields in line 21, saw 9"),
        (f"{RUNS}--lag 1,2,0,0,inf,-,keras,0\n", "has '--lag 1', seed 2 twice: delete"),
        ("", "No columns to parse from file"),
        (RUNS.replace(",", ";"), "has the columns command;seed;on_windows"),
        (RUNS.replace(",late", ""), "has the columns command, seed, on_windows,"),
        (HEADING.replace("seed", "Seed"), "has the columns command, Seed, on_windows,"),
    ],
)
def test_a_file_that_was_not_written_so_is_an_error(
    runs, message, file, monkeypatch, capsys
):
    file.write_text(runs, "utf-8")
    line = refused(monkeypatch, capsys)
    assert message in line and str(file) in line
    assert file.read_text("utf-8") == runs
