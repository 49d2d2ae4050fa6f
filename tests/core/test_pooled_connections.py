"""Connections of the pool that the server has closed are not handed to a request."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection

from apps.core.database import widen_pool
from apps.core.postgresql.base import DatabaseWrapper
from tests.plugins.servers import superuser_connection


@pytest.fixture
def pooled(db: None) -> Iterator[DatabaseWrapper]:
    """Yield a wrapper as a request's thread has one, with a pool of its own."""
    del db
    settings: dict[str, Any] = dict(connection.settings_dict)
    settings |= {"CONN_HEALTH_CHECKS": False, "CONN_MAX_AGE": 0}
    settings["OPTIONS"] = settings["OPTIONS"] | {
        "pool": {"min_size": 1, "max_size": 1, "timeout": 2}
    }
    wrapper = DatabaseWrapper(settings, alias="default")
    yield wrapper
    wrapper.close()
    wrapper.close_pool()


def backend_pid(wrapper: DatabaseWrapper) -> int:
    with wrapper.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()
    wrapper.close()
    return int(pid)


def test_a_connection_is_used_again(pooled: DatabaseWrapper) -> None:
    assert backend_pid(pooled) == backend_pid(pooled)


def test_a_connection_that_the_server_closed_is_replaced(pooled: DatabaseWrapper) -> None:
    pid = backend_pid(pooled)
    with superuser_connection(connection.settings_dict["NAME"]) as server:
        server.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])

    assert backend_pid(pooled) != pid


def test_a_pool_that_is_widened_has_a_connection_for_one_more(pooled: DatabaseWrapper) -> None:
    widen_pool(pooled, least=2)
    other = DatabaseWrapper(pooled.settings_dict, alias="default")

    with pooled.cursor() as first, other.cursor() as second:
        pids = [cursor.execute("SELECT pg_backend_pid()").fetchone() for cursor in (first, second)]
    other.close()

    assert pids[0] != pids[1]


def test_a_pool_is_never_made_narrower(pooled: DatabaseWrapper) -> None:
    widen_pool(pooled, least=0)

    assert pooled.pool.max_size == 1
