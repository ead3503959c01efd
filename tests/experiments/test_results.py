"""The tables contain the results of the runs, in order, and the READMEs show them."""

import os
import re

import numpy as np
import pandas as pd
import pytest

from tests.experiments import extensions, reporting, results

CURVE = pd.Series([0.5] * 10 + [1.0] * 130)

# In the place of extensions.py.
FAKE = """
import os, signal, sys
row, _, seed = sys.argv[1:]
if row == "--fail":
    sys.exit("Traceback ...\\nValueError: no such luck")
if row == "--killed":
    sys.stderr.write("a note about CUDA\\n")
    sys.stderr.flush()
    os.kill(os.getpid(), signal.SIGKILL)
print(f"Accuracy over 100 new sequences: 0.{seed}000")
"""


@pytest.fixture
def fake(monkeypatch, tmp_path):
    """Run rows of a fake script; return a function that runs them for some seeds."""
    package = tmp_path / "tests" / "experiments"
    package.mkdir(parents=True)
    (package / "extensions.py").write_text(FAKE)
    monkeypatch.setattr(results, "ROOT", tmp_path)

    def main(*tables, seeds):
        tables = {f"table {i}": rows for i, rows in enumerate(tables)}
        monkeypatch.setattr(results, "TABLES", tables)
        monkeypatch.setattr(results, "SEEDS", dict.fromkeys(tables, seeds))
        results.main([])

    return main


# Runs


def test_runs_are_reported_in_order(fake, capsys):
    fake(["--good", "--other"], ["--good"], seeds=3)
    printed = capsys.readouterr()
    assert printed.err.splitlines() == ["done: --good", "done: --other"]
    for row, times in (("--good", 2), ("--other", 1)):
        expected = f"| `{row}` | 20.0 % | 10.0 % to 30.0 % |  |  | not reached |"
        assert printed.out.splitlines().count(expected) == times


@pytest.mark.parametrize(
    ("row", "end"), [("--fail", "ValueError: no such luck"), ("--killed", "signal 9")]
)
def test_run_that_fails_is_named_after_the_tables_so_far(row, end, fake, capsys):
    with pytest.raises(SystemExit) as stop:
        fake(["--good"], [row], seeds=1)
    assert re.search(rf"extensions {row} --seed 1: .*{end}$", stop.value.code)
    assert "| `--good` | 10.0 % | 10.0 % to 10.0 % |" in capsys.readouterr().out


def test_ctrl_c_leaves_the_tables_so_far_and_a_status(monkeypatch, capsys):
    def run(row, seed, processes):
        if row == "--context 1 --batch-size 1":
            raise KeyboardInterrupt
        return {"over 100 new sequences": [seed / 10], "curve": CURVE}

    monkeypatch.setattr(results, "run", run)
    monkeypatch.setattr(results, "PARTS", {})
    with pytest.raises(SystemExit, match="^stopped$"):
        results.main(["--seeds", "2"])
    out = capsys.readouterr().out
    assert "| `echo_current.py` | 15.0 % | 10.0 % to 20.0 % |" in out
    assert "part3" not in out


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


def test_tables_word_for_word(monkeypatch, capsys):
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
    tables = {"one": ["a", "b"], "two": ["c"]}
    parts = {"by time step": ["absent"], "by batch": ["a", "c"]}
    monkeypatch.setattr(results, "TABLES", tables)
    monkeypatch.setattr(results, "PARTS", parts)
    grid = {"": (3, 4), "lag 7": ["a", "c"]}
    monkeypatch.setattr(results, "GRIDS", {"lag": grid})
    results.print_tables("one", {row: runs[row] for row in "ab"})
    results.print_tables("two", runs)
    results.print_tables("lag", runs)
    assert (
        capsys.readouterr().out
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

| lag: epochs to 95 % | 3 | 4 |
| --- | --- | --- |
| lag 7 | 90 | not reached |

| lag: one at a time | 3 | 4 |
| --- | --- | --- |
| lag 7 | 30.0 % | 1.0 % |

"""
    )


def test_figure_gets_what_was_run(monkeypatch, tmp_path):
    def run(row, seed, processes):
        return {"over 100 new sequences": [0], "curve": CURVE}

    figure = tmp_path / "picture.svg"
    drawn = []
    monkeypatch.setattr(results, "run", run)
    monkeypatch.setattr(results, "PARTS", {})
    monkeypatch.setattr(results, "draw_curves", lambda *a, format: drawn.append(a))
    results.main(["--only", "scripts", "--seeds", "2", "--figure", str(figure)])
    ((curves, file),) = drawn
    assert file == figure
    assert {name: len(runs) for name, runs in curves.items()} == dict.fromkeys(
        results.FILES, 2
    )


def test_each_row_is_a_command():
    rows = [row for table in results.SEEDS for row in results.rows_of(table)]
    for row in {*rows} - {*results.FILES}:
        extensions.parse_args(row.split())
    for file in results.FILES:
        assert (results.ROOT / file).exists()
    assert {row for part in results.PARTS.values() for row in part} <= {*rows}


# Options


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--seeds", "0"], "argument --seeds: 0 is not a positive integer\n"),
        (["--figure", "no/such/folder.png"], "No such file or directory"),
        (["--figure", "f.xyz"], "Format 'xyz' is not supported"),
        (["--figure", "f.pgf"], "'xelatex' not found"),
        (["--figure", "f.png"], "--figure goes with --only scripts\n"),
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
