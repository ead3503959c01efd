"""What a measurement was made with: the first line of each report."""

import datetime
import importlib.metadata
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
