"""Untrusted text and JSON as values that can be looked at safely, and stored."""

import json
import math
import re
from typing import Any

MOST_TEXT = 1_000_000
MOST_DEPTH = 64
MOST_DIGITS = 40

# PostgreSQL stores neither NUL nor half of a surrogate pair; nobody means the other ones.
_UNSTORABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")


def storable_text(text: str) -> str:
    """Return `text` with its lines ended by "\\n" and without what is not to be stored."""
    return _UNSTORABLE.sub("", text.replace("\r\n", "\n"))


def parsed(text: object) -> Any:
    """Parse JSON; None if it is none, or too long, or too deep. Odd numbers in it become None.

    ComfyUI writes NaN, which is no JSON and which PostgreSQL refuses.
    """
    if not isinstance(text, str) or len(text) > MOST_TEXT:
        return None
    try:
        return json.loads(
            text, parse_constant=lambda _: None, parse_float=_finite, parse_int=_integer
        )
    except (ValueError, RecursionError):
        return None


def _finite(digits: str) -> float | None:
    number = float(digits)
    return number if math.isfinite(number) else None


def _integer(digits: str) -> int | None:
    return int(digits) if len(digits) <= MOST_DIGITS else None


def storable_graph(value: Any) -> dict[str, Any] | None:
    """Return what was `parsed` as a JSON object to store; None if it is no object or too deep."""
    if not isinstance(value, dict) or not value:
        return None
    try:
        cleaned: dict[str, Any] = _storable(value, MOST_DEPTH)
    except _TooDeepError:
        return None
    return cleaned


class _TooDeepError(Exception):
    """There are more levels than anybody's workflow has."""


def _storable(value: Any, levels: int) -> Any:
    if levels == 0:
        raise _TooDeepError
    if isinstance(value, str):
        return storable_text(value)
    if isinstance(value, list):
        return [_storable(item, levels - 1) for item in value]
    if isinstance(value, dict):
        return {storable_text(key): _storable(item, levels - 1) for key, item in value.items()}
    return value


def mapping(value: Any) -> dict[str, Any]:
    """Return `value` if it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}


def sequence(value: Any) -> list[Any]:
    """Return `value` if it is a JSON array, else an empty one."""
    return value if isinstance(value, list) else []
