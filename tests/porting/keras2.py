"""Name the rows of keras2.md that a script for Keras 2, or a notebook, may need.

    python -m tests.porting.keras2 old.py

The rows are those of the tables in keras2.md, beside this file. In their first column stands what
to look for: pieces of code, one of them or, joined by "with", both.
"""

import argparse
import json
import re
from pathlib import Path

PAGE = Path(__file__).with_name("keras2.md")


def rows_of(page):
    """Return the rows that name code: of each, this cell, and the others below their heads."""
    rows = []
    for line in page.splitlines():
        code, *cells = line.strip("| ").split(" | ")
        if code == "in your code":
            heads = cells
        elif re.fullmatch("`.*`", code) and cells:
            texts = [f"    {head}: {cell}" for head, cell in zip(heads, cells)]
            rows.append((code, "\n".join(texts)))
    return rows


def plain(line):
    """Return a line of code without its comment, with one kind of quotes, and `=` alone."""
    return re.sub(r"\s*=\s*", "=", line.partition("#")[0].replace('"', "'"))


def lines_of(file):
    """Return the lines of code of a script or a notebook: of each, its place and its text."""
    text = file.read_text("utf-8")
    parts = {"": text}
    if file.suffix == ".ipynb":
        cells = json.loads(text)["cells"]
        cells = [cell for cell in cells if cell["cell_type"] == "code"]
        parts = {
            f"cell {n}:": "".join(cell["source"]) for n, cell in enumerate(cells, 1)
        }
    return [
        (f"{file}:{part}{n}", plain(line))
        for part, code in parts.items()
        for n, line in enumerate(code.splitlines(), 1)
    ]


def places_of(code, lines):
    """Return the places of the lines that have a piece of code."""
    # A name is not a part of a longer one. Case does not matter: "adam" is Adam.
    start = r"\b" if code[0].isalnum() else ""
    end = r"\b" if code[-1].isalnum() else ""
    pattern = re.compile(start + re.escape(code) + end, re.IGNORECASE)
    return [place for place, line in lines if pattern.search(line)]


def rows_needed(lines):
    """Return the rows that lines may need: of each, the places of its code, and its text."""
    needed = []
    for codes, text in rows_of(PAGE.read_text("utf-8")):
        seen = []
        for alternative in codes.split("`, `"):
            pieces = alternative.strip("`").split("` with `")
            found = {piece: places_of(piece, lines) for piece in pieces}
            if all(found.values()):
                for piece, places in found.items():
                    seen += [f"{place}: {piece}" for place in places]
        if seen:
            needed += [*seen, text]
    return needed


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    for file in parser.parse_args().files:
        try:
            lines = lines_of(file)
        except (OSError, ValueError, KeyError) as error:
            parser.error(f"{file}: {error}")
        print(*(rows_needed(lines) or [f"{file}: no row is found"]), sep="\n")


if __name__ == "__main__":
    main()
