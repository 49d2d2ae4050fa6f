"""What must not be read in a log: the tokens in addresses, each of which lets its reader in."""

import re
from typing import Any

# Of a link from a mail, which is good for a day, or to a board.
_TOKEN = re.compile(r"(/accounts/(?:confirm|password/reset)/[^/\s]+/|/shared/)[^/\s'\"?#]+")


def without_tokens(text: str) -> str:
    """Return `text` with the tokens of its addresses left out."""
    return _TOKEN.sub(r"\1…", text)


def hide_tokens(_logger: Any, _name: str, event: dict[str, Any]) -> dict[str, Any]:
    """Leave tokens out of what a line of the log says; a processor of structlog."""
    if isinstance(event.get("event"), str):
        event["event"] = without_tokens(event["event"])
    return event
