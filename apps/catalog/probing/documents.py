"""Parse JSON of a stranger."""

import json
from pathlib import Path
from typing import Any

# A small text can become objects of many times its size: no honest one has so many.
MOST_BRACKETS = 1_000_000
MOST_COMMAS = 4_000_000


class _Twice(ValueError):
    """A key is there twice: readers differ in which of the two counts."""


def parse_object(raw: bytes, *, most_bytes: int) -> dict[str, Any] | None:
    """Return the object of a JSON document, None where it is none, too large or ambiguous."""
    if len(raw) > most_bytes or raw.count(b",") > MOST_COMMAS:
        return None
    if raw.count(b"[") + raw.count(b"{") > MOST_BRACKETS:
        return None
    try:
        found = json.loads(raw.decode(), object_pairs_hook=_once)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def read_object(path: Path, *, most_bytes: int = 4 * 1024**2) -> dict[str, Any]:
    """Return the object of a JSON file, empty where there is none that can be read."""
    if not path.is_file() or path.stat().st_size > most_bytes:
        return {}
    return parse_object(path.read_bytes(), most_bytes=most_bytes) or {}


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Twice
    return found
