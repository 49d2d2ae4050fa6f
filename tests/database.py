"""The logins of the tests' database, and what a test itself may see."""

import os
import threading
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from channels.db import database_sync_to_async
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

from apps.core.tenancy import SERVICE_ROLE, service_scope
from config.local.addresses import LOGINS, OWNER_ROLE


def login_url(login: str, *, url: str | None = None) -> str:
    """Return `url`, else that of the session's database, for another login of `LOGINS`.

    All logins of a temporary server have one password.
    """
    parts = urlsplit(url or os.environ["EASEL_DATABASE_URL"])
    secret, _at, host = parts.netloc.partition("@")
    password = secret.partition(":")[2]
    return parts._replace(netloc=f"{LOGINS[login]}:{password}@{host}").geturl()


def session_database_url() -> str:
    """Return the URL of the database that the tests of this session use."""
    url = urlsplit(os.environ["EASEL_DATABASE_URL"])
    return url._replace(path=f"/{connection.settings_dict['NAME']}").geturl()


def see_everything() -> None:
    """Let this thread make and look at everybody's rows, as a test does between requests.

    Whatever runs in another thread or process, and within a scope in this one too, sees what
    the product lets it see.
    """
    connection_created.connect(_take_service_role, dispatch_uid="tests.see_everything")


def in_thread(function: Callable[..., Any]) -> Callable[..., Awaitable[Any]]:
    """Run a function of an async test in a thread, which sees as much as the test does."""

    def run(*args: Any, **kwargs: Any) -> Any:
        with service_scope("test"):
            return function(*args, **kwargs)

    return database_sync_to_async(run)


def _take_service_role(connection: BaseDatabaseWrapper, **_: Any) -> None:
    in_main_thread = threading.current_thread() is threading.main_thread()
    if in_main_thread and connection.settings_dict["USER"] != OWNER_ROLE:
        connection.connection.execute(f"SET ROLE {SERVICE_ROLE}")
