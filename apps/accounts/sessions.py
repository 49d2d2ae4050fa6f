"""Whose session a request or a socket comes with."""

import uuid

from django.contrib.auth import SESSION_KEY, get_user
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest

from apps.accounts.models import User
from apps.core.tenancy import tenant_scope


def session_user_id(session: SessionBase) -> uuid.UUID | None:
    """Return the id that the session was opened for, `None` where nobody has signed in."""
    found = session.get(SESSION_KEY)
    try:
        return uuid.UUID(found) if found is not None else None
    except ValueError:
        return None


def find_session_user(session: SessionBase) -> User | None:
    """Return the active user of a session that still holds, in a transaction of its own."""
    user_id = session_user_id(session)
    if user_id is None:
        return None
    request = HttpRequest()
    request.session = session
    with tenant_scope(user_id):
        user = get_user(request)
    return user if isinstance(user, User) else None
