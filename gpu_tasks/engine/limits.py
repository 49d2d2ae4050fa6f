"""What numbers and texts the engine takes at all, each problem as a sentence without a subject."""

from __future__ import annotations

import math
from typing import Final

MAX_PROMPT_CHARACTERS: Final = 10_000


def text_problem(value: object) -> str | None:
    """Say what is wrong with a prompt, if anything is."""
    if not isinstance(value, str):
        return "must be text"
    if len(value) > MAX_PROMPT_CHARACTERS:
        return f"must have at most {MAX_PROMPT_CHARACTERS} characters"
    try:
        value.encode()
    except UnicodeEncodeError:
        # JSON can carry half of a surrogate pair, and tokenizers raise on it.
        return "holds a character that is not valid Unicode"
    return None


def whole_number_problem(value: object, *, least: int, most: int) -> str | None:
    """Say what is wrong with a whole number, if anything is."""
    if not isinstance(value, int) or isinstance(value, bool):
        return "must be a whole number"
    if not least <= value <= most:
        return f"must be between {least} and {most}"
    return None


def number_problem(value: object, *, least: float, most: float) -> str | None:
    """Say what is wrong with a number, if anything is."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        return "must be a number"
    if not least <= value <= most:
        return f"must be between {least:g} and {most:g}"
    return None
