"""The tables contain the results of the runs, in order."""

import os
import re

import extensions
import numpy as np
import pandas as pd
import pytest
import reporting
import results

CURVE = pd.Series([0.5] * 10 + [1.0] * 130)

# In the place of tests/extensions.py. "--slow" waits until "--quick" runs too.
FAKE = """
import os, pathlib, signal, sys, time
row, _, seed = sys.argv[1:]
pathlib.Path(row + seed).touch()
if row == "--fail":
    sys.exit("Traceback ...\\nValueError: no such luck")
if row == "--killed":
    os.kill(os.getpid(), signal.SIGKILL)
if os.environ["TF_NUM_INTRAOP_THREADS"] != "1":
    sys.exit("not on one core")
while row == "--slow" and not pathlib.Path("--quick" + seed).exists():
    time.sleep(0.01)
if row == "--good" and seed > "1":
    time.sleep(0.5)
print(f"Accuracy over 100 new sequences: 0.{seed}000")
"""


@pytest.fixture
def fake(monkeypatch, tmp_path):
    """Run rows of a fake script; return a function that runs them for some seeds."""
    script = tmp_path / "tests" / "extensions.py"
    script.parent.mkdir()
    script.write_text(FAKE)
    monkeypatch.setattr(results, "ROOT", tmp_path)

    def main(rows, seeds):
        monkeypatch.setattr(results, "TABLES", {"lags": rows, "other": ["--fail"]})
        results.main(["--only", "lags", "--seeds", str(seeds)])

    return main


# Runs


def test_runs_are_two_at_a_time_and_reported_in_order(fake, capsys):
    fake(["--slow", "--quick"], seeds=3)
    printed = capsys.readouterr()
    assert printed.err.splitlines() == [
        f"done: {row}, seed {seed}"
        for seed in (1, 2, 3)
        for row in ("--slow", "--quick")
    ]
    for row in ("--slow", "--quick"):
        expected = f"| `{row}` | 20.0 % | 10.0 % to 30.0 % |  |  |  |"
        assert expected in printed.out.splitlines()


@pytest.mark.parametrize(
    ("row", "end"), [("--fail", "1: ValueError: no such luck"), ("--killed", "-9: ")]
)
def test_run_that_fails_is_named_after_the_tables_so_far(
    row, end, fake, tmp_path, capsys
):
    with pytest.raises(SystemExit) as stop:
        fake(["--good", row], seeds=9)
    expected = f"tests/extensions.py {row} --seed 1 ended with status {end}"
    assert stop.value.code == expected
    assert "| `--good` | 10.0 % | 10.0 % to 10.0 % |" in capsys.readouterr().out
    assert not (tmp_path / "--good9").exists()


def test_ctrl_c_leaves_the_tables_so_far_and_a_status(monkeypatch, capsys):
    def run(row, seed):
        if (row, seed) == ("echo_lag.py", 2):
            raise KeyboardInterrupt
        return {"over 100 new sequences": [seed / 10], "curve": CURVE}

    monkeypatch.setattr(results, "run", run)
    monkeypatch.setattr(results, "PARTS", {})
    with pytest.raises(SystemExit, match="^stopped$"):
        results.main(["--only", "scripts"])
    out = capsys.readouterr().out
    assert "| `echo_current.py` | 15.0 % | 10.0 % to 20.0 % |" in out
    assert "| `echo_lag.py` | 10.0 % | 10.0 % to 10.0 % |" in out


def test_read_finds_each_accuracy_and_the_curve():
    result = results.read(
        "Epoch 1/2 - loss: 4.6057 - accuracy: 0.0500\n"
        "Epoch 2/2 - loss: 4.6012 - accuracy: 1.0000\n"
        "Expected:  [1, 2]\n"
        "Predicted: [3, 2]\n"
        "Accuracy over 100 new sequences: 0.5000\n"
        "Accuracy by number: - 0.2500 1.0000\n"
    )
    assert result.pop("curve").tolist() == [0.05, 1]
    np.testing.assert_equal(
        {name: values.tolist() for name, values in result.items()},
        {"over 100 new sequences": [0.5], "by number": [np.nan, 0.25, 1]},
    )


@pytest.mark.parametrize(
    ("curve", "epochs"),
    [
        # With 2 of 20 epochs at 50 % the mean is 95 %, so 18 at 100 % are enough. It must
        # stay there for the next 100 epochs.
        ([0.5] * 200 + [1] * 117, np.inf),
        ([0.5] * 200 + [1] * 118, 218),
        # With 1 of 20 epochs at 0 % the mean is 95 %, too.
        ([1] * 118 + [0] * 300, np.inf),
        ([1] * 119 + [0] * 300, 20),
        ([1] * 118 + [0] * 100 + [1] * 300, 237),
        (([0.951] * 30 + [0.949] * 30) * 30, np.inf),
        ([0.949] * 1000, np.inf),
        ([1, 1], np.inf),
    ],
)
def test_epochs_to_95_are_those_until_it_stays(curve, epochs):
    assert results.epochs_to_95(pd.Series(curve, dtype=float)) == epochs


# Reports


def test_report_word_for_word(monkeypatch, capsys):
    def result(accuracy, fed=None, reached=None, **parts):
        ones = [] if reached is None else [1.0] * 300
        result = {"over 100 new sequences": [accuracy], **parts}
        if fed is not None:
            result["fed one number at a time"] = [fed]
        return {**result, "curve": pd.Series([0.5] * ((reached or 99) - 18) + ones)}

    runs = {
        "b": [result(0.25), result(0.5, reached=50), result(1)],
        "a": [
            result(accuracy, fed, reached, **{"by batch": np.array([accuracy, 0.2])})
            for accuracy, fed, reached in [(0.1, 0, 28), (0.6, 1, 90), (0.5, 0.3, None)]
        ],
        "c": [result(0, 0.01, **{"by batch": np.arange(24) / 100})],
    }
    tables = {"one": ["a", "b", "absent"], "empty": ["absent"], "two": ["c"]}
    parts = {"by time step": ["absent"], "by batch": ["a", "c"]}
    monkeypatch.setattr(results, "TABLES", tables)
    monkeypatch.setattr(results, "PARTS", parts)
    results.print_report(runs, tables)
    heading, rest = capsys.readouterr().out.split("\n\n", 1)
    assert re.match(r"\d{4}-\d\d-\d\d, python 3\S+, tensorflow 2\S+, keras 3", heading)
    assert (
        rest
        == """\
| one | accuracy | range | one at a time | range | epochs to 95 % |
| --- | --- | --- | --- | --- | --- |
| `a` | 50.0 % | 10.0 % to 60.0 % | 30.0 % | 0.0 % to 100.0 % | 90 |
| `b` | 50.0 % | 25.0 % to 100.0 % |  |  | 1 of 3 seeds |

| two | accuracy | range | one at a time | range | epochs to 95 % |
| --- | --- | --- | --- | --- | --- |
| `c` | 0.0 % | 0.0 % to 0.0 % | 1.0 % | 1.0 % to 1.0 % | not reached |

| by batch | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10 |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
| `a` | 50.0 % | 20.0 % |  |  |  |  |  |  |  |  |
| `c` | 0.0 % | 1.0 % | 2.0 % | 3.0 % | 4.0 % | 5.0 % | 6.0 % | 7.0 % | 8.0 % | 9.0 % |

"""
    )


def test_figures_get_what_was_run(monkeypatch, tmp_path, capsys):
    def run(row, seed):
        halves = 10 * seed if row == "--lag 4 --stateless" else 0
        curve = pd.Series([0.5] * halves + [1.0] * 150)
        return {"over 100 new sequences": [0], "curve": curve}

    figure = tmp_path / "picture.svg"
    drawn = []
    monkeypatch.setattr(results, "run", run)
    monkeypatch.setattr(results, "PARTS", {})
    for name in ("draw_curves", "draw_lags"):
        monkeypatch.setattr(
            results, name, lambda *values, format: drawn.append((*values, format))
        )
    for table in ("scripts", "lags"):
        options = ["--only", table, "--seeds", "2", "--figure", str(figure)]
        results.main(options)
    (curves, *_, file, format), (lags, *_, same_file, same_format) = drawn
    assert file == same_file == figure
    assert format == same_format == "svg"
    assert {name: len(runs) for name, runs in curves.items()} == dict.fromkeys(
        results.SCRIPTS, 2
    )
    # A row for each lag, a column for each seed.
    assert lags["a zero state"].to_numpy().tolist() == [[20, 20]] * 4 + [[28, 38]]
    assert [line.shape for line in lags.values()] == [(5, 2)] * 4


def test_each_row_stands_in_one_table_and_is_a_command():
    rows = [row for table in results.TABLES.values() for row in table]
    assert len(rows) == len(set(rows))
    for row in {*rows} - {*results.SCRIPTS}:
        extensions.parse_args(row.split())
    for file in [*results.SCRIPTS, "tests/extensions.py"]:
        assert (results.ROOT / file).exists()
    assert {row for part in results.PARTS.values() for row in part} <= {*rows}


def test_readme_shows_the_rows_of_each_table():
    readme = (results.ROOT / "tests" / "README.md").read_text()
    for name, rows in {**results.TABLES, **results.PARTS}.items():
        (table,) = re.findall(
            rf"\n\| {name} \| (?:accuracy|1) \|.*?\n\n", readme, re.DOTALL
        )
        assert re.findall(r"^\| `(.+?)` \|", table, re.MULTILINE) == rows


# Options


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--seeds", "0"], "argument --seeds: 0 is not a positive integer\n"),
        (["--figure", "no/such/folder.png"], "No such file or directory"),
        (["--figure", "f.xyz"], "Format 'xyz' is not supported"),
        (["--figure", "f.pgf"], "'xelatex' not found"),
        (["--figure", "f.png"], "--figure goes with --only scripts or --only lags\n"),
        (["--figure", "f.png", "--only", "mlp"], "--figure goes with "),
    ],
)
def test_bad_command_line(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    # No TeX, whether the machine has one or not.
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SystemExit) as stop:
        results.main(arguments)
    assert stop.value.code == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("text", ["0", "-1", "x", "1.5", ""])
def test_positive_int_rejects_other_text(text):
    with pytest.raises(Exception, match=f"^{text} is not a positive integer$"):
        reporting.positive_int(text)
    assert reporting.positive_int("17") == 17


@pytest.mark.parametrize("before", ["content", "", "dangling link", None])
def test_picture_file_leaves_what_is_there(before, tmp_path):
    file = tmp_path / "picture.png"
    if before == "dangling link":
        file.symlink_to(tmp_path / "nowhere.png")
    elif before is not None:
        file.write_text(before)
    assert reporting.picture_file(str(file)) == file
    if before in ("content", ""):
        assert file.read_text() == before
    names = [] if before is None else ["picture.png"]
    assert os.listdir(tmp_path) == names
