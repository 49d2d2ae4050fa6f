"""The logins of the database and its pool: what serves users never owns its tables."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg_pool import ConnectionPool

_LOGIN_KEYS = ("USER", "PASSWORD", "HOST", "PORT", "OPTIONS")


@contextmanager
def owner_login() -> Iterator[None]:
    """Connect as the owner of the tables while it lasts, to the database that is in use.

    Does nothing where `EASEL_OWNER_DATABASE` is not set: then the login of the process has to
    own the tables.
    """
    owner: dict[str, Any] | None = settings.EASEL_OWNER_DATABASE
    if owner is None or connection.settings_dict["USER"] == owner["USER"]:
        yield
        return
    former = dict(connection.settings_dict)
    _reconnect(owner)
    try:
        yield
    finally:
        _reconnect(former)


def widen_pool(wrapper: BaseDatabaseWrapper, *, least: int) -> None:
    """Let this process hold `least` connections or more at once, where it has a pool of them."""
    pool: ConnectionPool[Any] | None = getattr(wrapper, "pool", None)
    if pool is not None and pool.max_size < least:
        pool.resize(pool.min_size, least)


def _reconnect(login: dict[str, Any]) -> None:
    connection.close()
    close_pool = getattr(connection, "close_pool", None)
    if close_pool is not None:
        close_pool()
    connection.settings_dict.update({key: login[key] for key in _LOGIN_KEYS})
