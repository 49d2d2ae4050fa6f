"""The shape of a query, without its values, and the place in our code that it comes from.

Both go to logs and reports, so nothing of a user may be in them.
"""

import inspect
import re
from functools import lru_cache
from pathlib import Path
from types import FrameType
from typing import Any

from sqlparse import lexer
from sqlparse import tokens as kinds

ELSEWHERE = "elsewhere"
_MAX_LENGTH = 2000
# What is read of a longer text: as much again goes with blanks and values.
_MAX_READ = 2 * _MAX_LENGTH
_LISTS = re.compile(r"\?(?: ?, ?\?)+")
_ROWS = re.compile(r"(\((?:\?|\? …)\))(?: ?, ?\1)+")

_ROOT = f"{Path(__file__).resolve().parents[2]}/"
_OURS = tuple(f"{_ROOT}{folder}/" for folder in ("apps", "gpu_tasks"))
_WATCHERS = tuple(
    f"{_ROOT}apps/core/{name}.py" for name in ("sql_shapes", "slow_queries", "repeated_queries")
)


def shape(sql: Any) -> str:
    """Return the text of a query with `?` for each value; lists of values are as one.

    What cannot be told from a value for certain is left out, with everything after it.
    """
    # psycopg's own compositions have values in them.
    return _shape(sql[: _MAX_READ + 1]) if isinstance(sql, str) else type(sql).__name__


@lru_cache(maxsize=1024)
def _shape(sql: str) -> str:
    words: list[str] = []
    for kind, text in lexer.tokenize(sql[:_MAX_READ]):  # type: ignore[no-untyped-call]
        if kind in kinds.Error or (kind in kinds.Literal and "\\" in text):
            # PostgreSQL may see the end of a string elsewhere than the lexer does.
            words.append("…")
            break
        words.append(_without_value(kind, text))
    else:
        words.append("…" if len(sql) > _MAX_READ else "")
    # A comment whose end was cut off is taken for operators and names.
    text, opened, _ = "".join(words).partition("/*")
    blank = " ".join(f"{text}{'…' if opened else ''}".split())
    listed = _ROWS.sub(r"\1 …", _LISTS.sub("? …", blank))
    return listed if len(listed) <= _MAX_LENGTH else f"{listed[: _MAX_LENGTH - 1]}…"


def _without_value(kind: Any, text: str) -> str:
    if kind in kinds.String.Symbol:
        return text
    if kind in kinds.Literal or kind in kinds.Name.Placeholder:
        return "?"
    if kind in kinds.Comment or kind in kinds.Whitespace:
        return " "
    # The lexer takes 1_000 for a name.
    return "?" if text[0].isdigit() else text


def caller() -> str:
    """Return file and line, from the root of the project, of the innermost frame of our code."""
    frame: FrameType | None = inspect.currentframe()
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith(_OURS) and name not in _WATCHERS:
            return f"{name.removeprefix(_ROOT)}:{frame.f_lineno}"
        frame = frame.f_back
    return ELSEWHERE
