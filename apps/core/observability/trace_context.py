"""Where in a trace the running code stands, as W3C's `traceparent` writes it."""

import os
from contextvars import ContextVar
from typing import Any, Final

_NOT_SAMPLED: Final = "00"
_current: ContextVar[str | None] = ContextVar("traceparent", default=None)

enter = _current.set
leave = _current.reset


def current_traceparent() -> str | None:
    """Return the place in the running trace; `None` outside of any."""
    return _current.get()


def new_traceparent() -> str:
    """Begin a trace that nobody records: its id ties the lines of the log together."""
    return f"00-{os.urandom(16).hex()}-{os.urandom(8).hex()}-{_NOT_SAMPLED}"


def trace_id_of(traceparent: str) -> str:
    return traceparent[3:35]


def add_trace_id(_logger: Any, _name: str, event: dict[str, Any]) -> dict[str, Any]:
    """Say in a line of the log which trace it belongs to; a processor of structlog."""
    traceparent = _current.get()
    if traceparent is not None:
        event.setdefault("trace_id", trace_id_of(traceparent))
    return event
