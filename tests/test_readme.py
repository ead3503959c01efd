"""README.md and the report: their numbers, their links, their lists and their code."""

import re
from pathlib import Path

import pytest

from tests.experiments import results

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
REPORT = results.REPORT.read_text("utf-8")
PAGES = [ROOT / "README.md", *sorted((ROOT / "tests").rglob("*.md"))]
RUNS = dict(list(results.read_runs().groupby("command")))


def numbers_of(text):
    """Return the accuracies (with a decimal) and the numbers of epochs in a text."""
    text = text.replace(",", "")
    return set(re.findall(r"\d+\.\d(?= %| to )|\d+(?= epochs)", text))


def measured(section):
    """Return what was measured with the commands and tables that a section names."""
    known = []
    for name in re.findall(r"`(.+?)`", section):
        if name in RUNS:
            cells = results.cells_of_row(RUNS[name])
            medians = [re.sub(r"\(.*\)", "", cell) for cell in cells]
            known += [f"{cells[-1]} epochs", *medians, *re.findall(r"\d+", name)]
        if name in results.tables_of(REPORT):
            known += results.lines_of(name, REPORT)
    return set(re.findall(r"[\d.]+", " ".join(known))) | {"2000"}


@pytest.mark.parametrize("page", [README, REPORT], ids=["lesson", "report"])
def test_numbers_were_measured(page):
    text = re.sub(r"```.*?```", "", page, flags=re.DOTALL)
    for section in re.split(r"^## ", text, flags=re.MULTILINE):
        assert numbers_of(section) <= measured(section)


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
