"""Start the session's own PostgreSQL and Valkey before Django reads its settings."""

import os
import tempfile
from contextlib import ExitStack
from typing import Any

import psycopg
import pytest

from config.local.addresses import LOGINS
from config.local.postgres import PostgresServer, temporary_postgres
from config.local.valkey import ValkeyServer, temporary_valkey
from config.messages import compile_messages

_servers = ExitStack()
_postgres: list[PostgresServer] = []
_valkey: list[ValkeyServer] = []


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests() -> None:
    if "PYTEST_XDIST_WORKER" in os.environ:
        # What tests start would take twice the time if it was measured.
        os.environ.pop("COVERAGE_PROCESS_CONFIG", None)
    compile_messages()
    postgres = _servers.enter_context(temporary_postgres())
    _postgres.append(postgres)
    valkey = _servers.enter_context(temporary_valkey())
    _valkey.append(valkey)
    var = _servers.enter_context(tempfile.TemporaryDirectory(prefix="easel-test-"))
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "config.settings.test",
        "EASEL_DATABASE_URL": postgres.url(role=LOGINS["ops"]),
        "EASEL_SERVE_ADMIN": "true",
        "EASEL_OWNER_DATABASE_URL": postgres.url(),
        "EASEL_REDIS_URL": valkey.url,
        "EASEL_MEDIA_ROOT": f"{var}/media",
        "EASEL_SECRET_KEY": "for-tests-only-for-tests-only-for-tests-only-for-tests",
        "EASEL_LOG_FORMAT": "console",
    }


def superuser_connection(database: str) -> psycopg.Connection[Any]:
    """Connect to a database of the session's server as its superuser, in autocommit mode."""
    return _postgres[-1].superuser_connection(database)


def postgres_server() -> PostgresServer:
    return _postgres[-1]


def valkey_server() -> ValkeyServer:
    return _valkey[-1]


def pytest_unconfigure() -> None:
    _servers.close()
