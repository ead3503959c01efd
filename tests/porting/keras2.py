"""Name the rows of keras2.md that a script for Keras 2, or a notebook, may need.

    python -m tests.porting.keras2 old.py

The rows are those of the tables in keras2.md, beside this file. In their first column stands what
to look for: pieces of code, one of them or, joined by "with", both.
"""

import argparse
import io
import json
import re
import tokenize
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
    try:
        for token in tokenize.generate_tokens(io.StringIO(line).readline):
            if token.type == tokenize.COMMENT:
                line = line[: token.start[1]]
    except (tokenize.TokenError, SyntaxError):
        pass  # Python cannot read this line alone. It had no comment before that place.
    return re.sub(r"\s*=\s*", "=", line.replace('"', "'"))


def cells_of(text):
    """Return the code of each cell of a notebook that has code."""
    try:
        cells = json.loads(text)["cells"]
        return ["".join(c["source"]) for c in cells if c["cell_type"] == "code"]
    except (KeyError, TypeError):
        needed = "a notebook with cells is needed, of nbformat 4"
        raise ValueError(f"{needed}: Jupyter converts older ones") from None


def lines_of(file):
    """Return the lines of code of a script or a notebook: of each, its place and its text."""
    with tokenize.open(file) as opened:  # in the encoding that a script names
        text = opened.read()
    parts = {"": text}
    if file.suffix == ".ipynb":
        parts = {f"cell {n}:": code for n, code in enumerate(cells_of(text), 1)}
    return [
        (f"{file}:{part}{n}", plain(line))
        for part, code in parts.items()
        for n, line in enumerate(code.split("\n"), 1)
    ]


def places_of(code, lines):
    """Return the places of the lines that have a piece of code."""
    # A name is not a part of a longer one.
    start = r"\b" if code[0].isalnum() else ""
    end = r"\b" if code[-1].isalnum() else ""
    if code.startswith("import "):
        start = r"^\s*"  # "from tensorflow import keras" is another import.
    code = re.escape(code)
    # In quotes, 'adam' is Adam, too.
    pattern = re.compile(f"{start}{code}{end}|(?i:'{code}')")
    return [place for place, line in lines if pattern.search(line)]


def rows_needed(lines):
    """Return the rows that lines may need: of each, the places of its code, and its text."""
    needed = []
    for codes, text in rows_of(PAGE.read_text("utf-8")):
        seen = []
        for alternative in codes.split("`, `"):
            pieces, _, not_there = alternative.strip("`").partition("` without `")
            found = {
                piece: places_of(piece, lines) for piece in pieces.split("` with `")
            }
            if not_there and places_of(not_there, lines):
                continue
            if all(found.values()):
                for piece, places in found.items():
                    seen += [f"{place}: {piece}" for place in places]
        if seen:
            needed += [*dict.fromkeys(seen), text]
    return needed


def main(arguments=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    for file in parser.parse_args(arguments).files:
        try:
            lines = lines_of(file)
        except (OSError, ValueError, SyntaxError) as error:
            parser.error(f"{file}: {error}")
        print(*(rows_needed(lines) or [f"{file}: no row is found"]), sep="\n")


if __name__ == "__main__":
    main()
