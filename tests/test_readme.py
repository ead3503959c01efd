"""README.md and the report: their numbers, their links and their code."""

import re
import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import echo_lag
from sequences import generate_data_lag_no_context, one_hot_decode
from tests.experiments import results

ROOT = Path(__file__).parents[1]
TEXTS = {file: file.read_text("utf-8") for file in [ROOT / "README.md", results.REPORT]}
TABLES = [*results.TABLES, *results.GRIDS]
LINES = [line for table in TABLES for line in results.lines_of(table)]


def measured():
    """Return what was measured with each command: by column, as a text would say it."""
    return {
        command: {
            "new": results.percent(runs.accuracy),
            "one value at a time": results.percent(runs.one_at_a_time),
            "epochs": results.reached(runs.epochs_to_95),
        }
        for command, runs in pd.read_csv(results.FILE).groupby("command")
    }


def wrong_numbers(text):
    """Return the accuracies and epochs of a text that were not measured.

    A row that names a command has that command's numbers in the columns of their names. All
    other numbers of a section stand in a table of the report that it shows, or are those of
    a command that it names, or are the epochs that a command trains.
    """
    wrong, runs = [], measured()
    text = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    for section in re.split(r"^## ", text, flags=re.MULTILINE):
        lines, columns = section.splitlines(), []
        named = runs.keys() & set(re.findall(r"`(.+?)`", section))
        known = ["2000", *runs, *(line for line in lines if line in LINES)]
        known = " | ".join(
            [*known, *(n for name in named for n in runs[name].values())]
        )
        for line in lines:
            cells = re.split(r"\s*\|\s*", line.strip("| "))
            columns = [] if not line.startswith("|") else columns or cells
            for command in runs.keys() & set(re.findall(r"`(.+?)`", line)):
                for column, cell in zip(columns if line not in LINES else [], cells):
                    for name, value in runs[command].items():
                        if name in column and cell.replace(",", "") != value:
                            wrong.append(f"{command}: {cell}, not {value}")
            for share, epochs in re.findall(r"(\d+\.\d) %|([\d,]*\d) epochs", line):
                said = share or epochs.replace(",", "")
                if not re.search(rf"(?<![\d.]){said}(?!\d)", known):
                    wrong.append(said)
    return wrong


@pytest.mark.parametrize("file", TEXTS, ids=["lesson", "report"])
def test_numbers_were_measured(file):
    assert wrong_numbers(TEXTS[file]) == []


@pytest.mark.parametrize("column", ["accuracy on new", "one value at a time", "epochs"])
def test_a_changed_number_is_found(column):
    row = f"| options | {column} |\n|---|---|\n| `--lag 1` | 12.3 % |\n"
    assert wrong_numbers(row) and wrong_numbers("It was 12.3 %, with `--lag 1`.")
    assert wrong_numbers("It took 1,234 epochs (`--lag 1`).")


@pytest.mark.parametrize(
    "file", [ROOT / "README.md", *sorted((ROOT / "tests").rglob("*.md"))], ids=str
)
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


def test_code_reads_a_burn_in_and_feeds_one_value_at_a_time(
    monkeypatch, tmp_path, capsys
):
    codes = re.findall(r"```python\n(.*?)```", TEXTS[ROOT / "README.md"], re.DOTALL)
    cure, check = tmp_path / "cure.py", tmp_path / "check.py"
    for file, code in zip([cure, check], codes, strict=True):
        file.write_text(code, "utf-8")
    monkeypatch.setattr(echo_lag, "fit", lambda model: None)
    names = runpy.run_path(str(check))
    assert len(re.findall(r"^\[\d+\]$", capsys.readouterr().out, re.MULTILINE)) == 4
    assert names["network"].input_shape == (1, 1, 100)
    X, y = np.zeros((5, 5, 100)), np.zeros((5, 100))
    names |= {"before": np.ones((2, 5, 5, 100)), "X": X, "y": y}
    runpy.run_path(str(cure), names | {"reset_states": echo_lag.reset_states})
    assert np.any(names["model"].layers[0].states[0])


def test_picture_of_part_3_shows_its_batches():
    X, _ = generate_data_lag_no_context(range(1, 26))  # Each value is its position.
    grid = np.reshape(one_hot_decode(X), (4, 6)).T
    svg = (ROOT / ".github" / "state.svg").read_text("utf-8")
    cells = [int(n) for n in re.findall(r"<tspan x=\"\d+\">(\d+)</tspan>", svg)]
    assert cells == grid.ravel().tolist()
