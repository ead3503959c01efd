"""What the programs in this folder share: checks of options, and reports."""

import argparse
import datetime
import importlib.metadata
import os
import platform
import sys
from pathlib import Path

from matplotlib.figure import Figure


def positive_int(text):
    """Return an option's integer, at least 1, or raise the error that argparse prints."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a positive integer")
    return int(text)


def picture_file(name):
    """Return a picture's path, or raise the error that argparse prints."""
    path = Path(name)
    try:
        figure = Figure()
        # Some formats have TeX draw the texts, which not every machine has.
        figure.text(0.5, 0.5, "text")
        figure.savefig(os.devnull, format=path.suffix[1:])
        # Opening the file shows that it can be written; append mode keeps an old one.
        file = path.resolve()
        is_new = not file.exists()
        file.open("ab").close()
        if is_new:
            file.unlink()
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
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":")[1].strip()
    return platform.processor() or platform.machine()


def end_quietly(main):
    """Run main; leave no traceback when a reader such as `| head` has read enough."""
    try:
        main()
        sys.stdout.flush()
    except BrokenPipeError:
        sys.stdout = None


def print_table(columns, rows):
    """Print a Markdown table."""
    for row in [columns, ["---"] * len(columns), *rows]:
        print("|", " | ".join(str(cell) for cell in row), "|")
    print()
