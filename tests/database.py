"""The logins of the tests' database, and what a test itself may see."""

import os
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from channels.db import database_sync_to_async
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.test import TransactionTestCase
from psycopg.errors import DeadlockDetected

from apps.core.tenancy import SERVICE_ROLE, service_scope
from config.local.addresses import LOGINS, OWNER_ROLE
from tests.plugins.servers import superuser_connection

_TABLES = """
    SELECT quote_ident(relname) FROM pg_class JOIN pg_namespace space ON space.oid = relnamespace
    WHERE relkind = 'r' AND nspname = 'public' ORDER BY relname
"""
_TRIES = 5
_ANY = "SELECT 1 FROM {} LIMIT 1"


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


def empty_tables_quickly() -> None:
    """Let transactional tests delete the rows there are, where Django truncates every table.

    TRUNCATE makes new files for each of a hundred tables, and Django's permissions are then made
    anew: a quarter of a second a test. What was there before the first test stays.
    """
    with superuser_connection(connection.settings_dict["NAME"]) as server:
        # A migration makes rows beside those of tenants, which must not stay for its sake.
        server.execute("DELETE FROM workflows_stylepreset")
        tables = [name for (name,) in server.execute(_TABLES).fetchall()]
        kept = {name for name in tables if server.execute(_ANY.format(name)).fetchone()}
    # Names that PostgreSQL itself has quoted.
    deletes = ";".join(f"DELETE FROM {name}" for name in tables if name not in kept)  # noqa: S608

    def empty(_case: TransactionTestCase) -> None:
        with superuser_connection(connection.settings_dict["NAME"]) as server:
            # Triggers would refuse, and keys would ask for an order.
            server.execute("SET session_replication_role = replica")
            for _try in range(_TRIES):
                # What still runs may hold rows in another order.
                with suppress(DeadlockDetected):
                    server.execute(deletes)
                    return
        raise AssertionError("the tables could not be emptied")

    TransactionTestCase._fixture_teardown = empty  # type: ignore[attr-defined]


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
