"""The memory of this process and of its machine."""

import os
from pathlib import Path

_STATM = Path("/proc/self/statm")
_MEMINFO = Path("/proc/meminfo")


def resident_bytes() -> int | None:
    """Return the resident memory of this process, `None` where the system does not say."""
    try:
        pages = int(_STATM.read_text().split()[1])
    except OSError:
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")


def machine_bytes() -> tuple[int, int] | None:
    """Return total and used memory of the machine, `None` where the system does not say."""
    try:
        lines = _MEMINFO.read_text().splitlines()
    except OSError:
        return None
    facts = {name: int(value.split()[0]) * 1024 for name, _, value in map(_split, lines)}
    return facts["MemTotal"], facts["MemTotal"] - facts["MemAvailable"]


def _split(line: str) -> tuple[str, str, str]:
    return line.partition(":")
