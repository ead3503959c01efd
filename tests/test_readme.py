"""README.md and the report: their numbers, their links and their code."""

import re
import runpy
from pathlib import Path

import pytest

import echo_lag
from tests.experiments import results

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
REPORT = ROOT / "tests" / "experiments" / "README.md"


def split(text):
    """Return the rows of a text's tables, as lists of cells, and the text without them."""
    lines = re.sub(r"```.*?```", "", text, flags=re.DOTALL).splitlines()
    rows = [line.strip("| ").split(" | ") for line in lines if line.startswith("|")]
    return rows, " ".join(line for line in lines if not line.startswith("|"))


def unsupported(text):
    """Return the numbers of a text that do not stand in the report's tables.

    Those are percentages with a decimal, and epochs. In a row about a command they must
    stand in a row about the same command.
    """
    measured, _ = split(REPORT.read_text(encoding="utf-8"))
    rows, prose = split(text)
    wrong = []
    for row in [*rows, ["", prose]]:
        commands = re.findall(r"`(.+?)`", " ".join(row[:2] if row[0] else row[:1]))
        same = [other for other in measured if set(commands) & {other[0].strip("`")}]
        cells = " ".join(cell for other in same or measured for cell in other)
        for number in re.findall(r"\d+\.\d %", " ".join(row)):
            if not re.search(rf"(?<!\d){re.escape(number)}", cells):
                wrong.append(number)
        for number in re.findall(r"([\d,]+) epochs", " ".join(row)):
            if not re.search(rf"\b{number.replace(',', '')}\b", f"{cells} 2000"):
                wrong.append(f"{number} epochs")
    return wrong


@pytest.mark.parametrize("file", [README, REPORT], ids=["lesson", "report"])
def test_numbers_stand_in_the_tables_of_the_report(file):
    assert unsupported(file.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("old", "new"), [("99.8 %", "87.3 %"), ("99.9 %", "12.9 %"), ("4,000 e", "4,100 e")]
)
def test_a_changed_number_is_found(old, new):
    text = README.read_text(encoding="utf-8")
    assert old in text
    assert unsupported(text.replace(old, new, 1))


@pytest.mark.parametrize(
    "file",
    [README, *sorted((ROOT / "tests").rglob("*.md"))],
    ids=lambda file: file.stem,
)
def test_links_lead_somewhere(file):
    links = re.findall(r"\]\((?!http)(.*?)\)", file.read_text(encoding="utf-8"))
    for link in links:
        name, _, anchor = link.partition("#")
        target = file.parent / name if name else file
        assert target.exists(), link
        if anchor:
            headings = re.findall(
                r"^#+ (.*)", target.read_text(encoding="utf-8"), re.MULTILINE
            )
            anchors = [
                re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
                for heading in headings
            ]
            assert anchor in anchors, link


def test_code_feeds_a_trained_network_one_value_at_a_time(
    tmp_path, monkeypatch, capsys
):
    (code,) = re.findall(
        r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL
    )
    monkeypatch.setattr(echo_lag, "fit", lambda model: None)
    (tmp_path / "student.py").write_text(code, encoding="utf-8")
    names = runpy.run_path(str(tmp_path / "student.py"))
    answers = re.findall(r"^\[(\d+)\]$", capsys.readouterr().out, re.MULTILINE)
    assert len(answers) == 4
    assert names["network"].input_shape == (1, 1, 100)


def test_report_shows_the_rows_of_each_table():
    text = REPORT.read_text(encoding="utf-8")
    for name, rows in {**results.TABLES, **results.PARTS}.items():
        (table,) = re.findall(
            rf"\n\| {name} \| (?:accuracy|1) .*?\n\n", text, re.DOTALL
        )
        assert re.findall(r"^\| `(.+?)` \|", table, re.MULTILINE) == rows
    for name, lines in results.GRIDS.items():
        (table,) = re.findall(rf"\n\| {name}: epochs.*?\n\n", text, re.DOTALL)
        shown = re.findall(r"^\| (.+?) \|", table, re.MULTILINE)[2:]
        assert shown == [line for line in lines if line]
