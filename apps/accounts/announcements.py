"""Tell open sockets that what they were opened with may have ended; call after the commit."""

import hashlib
import uuid
from typing import Any

from django.db import transaction
from django.http import HttpRequest

from apps.core.groups import sender


def access_group(user_id: uuid.UUID) -> str:
    """Name the group that every socket of one user is in, to hear when access ends."""
    return f"access.{user_id}"


def session_mark(session_key: str) -> str:
    """Return what names a session in a message without being of use to who reads it."""
    return hashlib.sha256(session_key.encode()).hexdigest()


def announce_access_changed(user_id: uuid.UUID) -> None:
    """Make every socket of a user check again whether it may stay open."""
    sender.send(access_group(user_id), {"type": "access.changed"})


def announce_session_ended(user_id: uuid.UUID, session_key: str) -> None:
    """Close the sockets of one session, whether or not its row has gone yet."""
    sender.send(
        access_group(user_id), {"type": "session.ended", "session": session_mark(session_key)}
    )


def close_sockets_of_session(*, request: HttpRequest | None, user: Any, **kwargs: Any) -> None:
    """Announce the end of a session that is being signed out; its row goes a moment later."""
    del kwargs
    key = request.session.session_key if request is not None else None
    if user is not None and key is not None:
        transaction.on_commit(lambda: announce_session_ended(user.pk, key))
