"""What benchmark.py and results.py share: how they run quietly and report."""

import contextlib
import datetime
import importlib.metadata
import io
import os
import platform
from pathlib import Path


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
    """Call a function and return what it prints."""
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        function(*arguments, **options)
    return output.getvalue()


def print_table(columns, rows):
    """Print a Markdown table."""
    for row in [columns, ["---"] * len(columns), *rows]:
        print("|", " | ".join(str(cell) for cell in row), "|")
    print()
