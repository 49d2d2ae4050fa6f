"""Whose session a request or a socket comes with, the index of live sessions, and their end.

That a session is over follows from the user's row (`User.get_session_auth_hash`). The index in
Redis is what lets the sessions themselves be deleted at once; losing it loses nothing.
"""

import uuid
from importlib import import_module
from typing import Any

import structlog
from django.conf import settings
from django.contrib.auth import SESSION_KEY, get_user
from django.contrib.sessions.backends.base import SessionBase
from django.core.cache import cache
from django.http import HttpRequest
from django_redis import get_redis_connection
from redis.exceptions import RedisError

from apps.accounts.models import User
from apps.core.tenancy import tenant_scope

logger = structlog.get_logger(__name__)

INDEX_SECONDS = 3600


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
    with tenant_scope(user_id):
        return user_in(session)


def user_in(session: SessionBase) -> User | None:
    """Return the active user of a session that still holds; called within that tenant's scope."""
    request = HttpRequest()
    request.session = session
    user = get_user(request)
    return user if isinstance(user, User) else None


def _index(user_id: uuid.UUID) -> str:
    return cache.make_key(f"session:{user_id}")


def remember_session(*, sender: object, request: HttpRequest, user: User, **kwargs: Any) -> None:
    """Add the session of a sign-in to the index of its user."""
    del sender, kwargs
    key = request.session.session_key
    if key is None:
        request.session.save()
        key = request.session.session_key
    try:
        with get_redis_connection("default").pipeline() as pipeline:
            pipeline.sadd(_index(user.pk), str(key))
            pipeline.expire(_index(user.pk), INDEX_SECONDS)
            pipeline.execute()
    except RedisError as error:
        logger.warning("session_index_unavailable", user_id=str(user.pk), error=str(error))


def forget_session(
    *, sender: object, request: HttpRequest, user: User | None, **kwargs: Any
) -> None:
    """Take the session of a sign-out from the index of its user."""
    del sender, kwargs
    if user is None or not request.session.session_key:
        return
    try:
        get_redis_connection("default").srem(_index(user.pk), request.session.session_key)
    except RedisError as error:
        logger.warning("session_index_unavailable", user_id=str(user.pk), error=str(error))


def live_sessions(*, user_id: uuid.UUID) -> set[str]:
    """Return the keys of the sessions of `user_id` that the index knows."""
    try:
        members = get_redis_connection("default").smembers(_index(user_id))
    except RedisError as error:
        logger.warning("session_index_unavailable", user_id=str(user_id), error=str(error))
        return set()
    return {member.decode() for member in members}


def delete_sessions(*, user_id: uuid.UUID, keep: str | None = None) -> None:
    """Delete the sessions of `user_id` in cache and database, but not the one called `keep`."""
    store = import_module(settings.SESSION_ENGINE).SessionStore
    for key in live_sessions(user_id=user_id) - {keep}:
        store(session_key=key).delete()
        try:
            get_redis_connection("default").srem(_index(user_id), key)
        except RedisError as error:
            logger.warning("session_index_unavailable", user_id=str(user_id), error=str(error))
