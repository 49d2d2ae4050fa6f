"""The token of a link to a board: 256 random bits, so a plain hash of it is enough to keep."""

import re
import secrets

_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")


def new_token() -> str:
    """Make the token of a new link."""
    return secrets.token_urlsafe(32)


def looks_like_token(text: str) -> bool:
    """Say whether `text` has the form of a token, before the database is asked."""
    return _TOKEN.fullmatch(text) is not None
