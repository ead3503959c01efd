"""What extensions.py, results.py and benchmark.py share, for options and reports."""

import argparse
import contextlib
import datetime
import importlib.metadata
import io
import os
import platform
from pathlib import Path

from matplotlib.figure import Figure


def positive_int(text):
    """Return an option's integer, for argparse to report if it is not at least 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a positive integer")
    return int(text)


def picture_file(name):
    """Return an option's path, for argparse to report if no picture can be drawn there."""
    path = Path(name)
    try:
        figure = Figure()
        # Some formats have TeX draw the texts, which not every machine has.
        figure.text(0.5, 0.5, "text")
        figure.savefig(os.devnull, format=path.suffix[1:])
        # Appending nothing proves that the file can be written, and keeps an old one.
        path.open("ab").close()
        if not path.stat().st_size:
            path.unlink()
    except (ValueError, OSError, RuntimeError) as error:
        raise argparse.ArgumentTypeError(error) from error
    return path


def heading():
    """Return the date, the versions and the machine in a line."""
    versions = [
        f"{name} {importlib.metadata.version(name)}"
        for name in ("tensorflow", "keras", "numpy", "pandas")
    ]
    return ", ".join(
        [
            datetime.date.today().isoformat(),
            f"python {platform.python_version()}",
            *versions,
            f"{processor()}, {os.cpu_count()} cores",
        ]
    )


def processor():
    """Return the processor's name; `platform` knows it on some systems only."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":")[1].strip()
    return platform.processor() or platform.machine()


def silently(function, *arguments, **options):
    """Call a function; return what it prints and what it returns."""
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        result = function(*arguments, **options)
    return output.getvalue(), result


def print_table(columns, rows):
    """Print a Markdown table."""
    for row in [columns, ["---"] * len(columns), *rows]:
        print("|", " | ".join(str(cell) for cell in row), "|")
    print()
