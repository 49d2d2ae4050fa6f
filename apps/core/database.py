"""The logins of the database: what serves users never owns its tables."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.db import connection

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


def _reconnect(login: dict[str, Any]) -> None:
    connection.close()
    close_pool = getattr(connection, "close_pool", None)
    if close_pool is not None:
        close_pool()
    connection.settings_dict.update({key: login[key] for key in _LOGIN_KEYS})
