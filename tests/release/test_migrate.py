"""`manage.py migrate` beside those who use the tables: it never makes them wait for long."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import errors

from config.local.addresses import OWNER_ROLE
from tests.plugins.servers import postgres_server, superuser_connection
from tests.release.probe_apps import start, write_app

pytestmark = pytest.mark.slow

DATABASE = "probe_of_migrate"
LOCK_TIMEOUT = 3.0
ADD_COLUMN = 'migrations.RunSQL("ALTER TABLE images_image ADD COLUMN more text", "SELECT 1")'
ADD_INDEX = (
    'migrations.SeparateDatabaseAndState(state_operations=[migrations.CreateModel("Picture", '
    '[("id", models.UUIDField(primary_key=True)), ("note", models.TextField())], '
    '{"db_table": "images_image"})]), '
    'AddIndexConcurrently("picture", models.Index(fields=["note"], name="{name}"))'
)
# An index waits for those who may have written rows that it lacks.
AS_A_WRITER = "LOCK TABLE images_image IN ROW EXCLUSIVE MODE"
COLUMNS = "SELECT 1 FROM information_schema.columns WHERE table_name = %s AND column_name = 'more'"


@pytest.fixture(scope="module")
def database() -> Iterator[dict[str, str]]:
    """Yield the environment of a process that uses a migrated database of its own."""
    with superuser_connection("postgres") as server:
        server.execute(f"CREATE DATABASE {DATABASE} OWNER {OWNER_ROLE}")
    url = postgres_server().url(database=DATABASE)
    addresses = {"EASEL_DATABASE_URL": url, "EASEL_OWNER_DATABASE_URL": url}
    try:
        finish(migrate({**os.environ, **addresses}))
        yield addresses
    finally:
        with superuser_connection("postgres") as server:
            server.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)")


def migrate(environment: dict[str, str], *words: str) -> Any:
    return start(environment, "manage.py", "migrate", "--no-input", *words)


def finish(process: Any) -> str:
    """Wait for the process, which is to succeed, and return what it printed."""
    output = str(process.communicate(timeout=200)[0])
    assert process.returncode == 0, output
    return output


def connect(**options: Any) -> psycopg.Connection[Any]:
    return psycopg.connect(postgres_server().url(database=DATABASE), **options)


def longest_wait(process: Any) -> float:
    """Read the table until the process has ended; return the longest time that one read took."""
    longest = 0.0
    with connect(autocommit=True) as reader:
        while process.poll() is None:
            started = time.monotonic()
            reader.execute("SELECT id FROM images_image LIMIT 1").fetchall()
            longest = max(longest, time.monotonic() - started)
            time.sleep(0.02)
    return longest


def test_nobody_waits_behind_a_migration_that_waits(
    database: dict[str, str], tmp_path: Path
) -> None:
    environment = write_app(tmp_path, {"0001_next": (ADD_COLUMN, "")}) | database
    with connect() as long_transaction:
        long_transaction.execute("SELECT 1 FROM images_image")

        with migrate(environment, "probe", "--lock-tries", "2") as process:
            waited = longest_wait(process)
            output = process.stdout.read()

        assert process.returncode == 1
        assert "A transaction held the tables for too long, 2 times" in output
        # It did wait, and it gave up.
        assert 1 < waited < LOCK_TIMEOUT + 3
        assert long_transaction.execute(COLUMNS, ["images_image"]).fetchone() is None

        again = migrate(environment, "probe")
        for line in again.stdout:
            if "Trying again" in line:
                break
        long_transaction.rollback()
        finish(again)
        assert long_transaction.execute(COLUMNS, ["images_image"]).fetchone() == (1,)


def test_an_index_that_was_half_made_is_made_anew(database: dict[str, str], tmp_path: Path) -> None:
    migrations = {"0001_half": (ADD_INDEX.replace("{name}", "probe_half"), "atomic = False")}
    environment = write_app(tmp_path, migrations) | database
    with connect() as long_transaction, connect(autocommit=True) as owner:
        long_transaction.execute(AS_A_WRITER)
        owner.execute("SET lock_timeout = '200ms'")
        with pytest.raises(errors.LockNotAvailable):
            owner.execute("CREATE INDEX CONCURRENTLY probe_half ON images_image (note)")
        long_transaction.rollback()
        valid = "SELECT indisvalid FROM pg_index WHERE indexrelid = 'probe_half'::regclass"
        assert owner.execute(valid).fetchone() == (False,)

        process = migrate(environment, "probe")

        finish(process)
        assert owner.execute(valid).fetchone() == (True,)


def test_an_index_waits_for_a_long_transaction_and_locks_nobody_out(
    database: dict[str, str], tmp_path: Path
) -> None:
    migrations = {"0001_waits": (ADD_INDEX.replace("{name}", "probe_waits"), "atomic = False")}
    environment = write_app(tmp_path, migrations) | database
    waiting = (
        "SELECT 1 FROM pg_stat_activity "
        "WHERE query LIKE 'CREATE INDEX CONC%' AND wait_event_type = 'Lock'"
    )
    with connect() as long_transaction, connect(autocommit=True) as other:
        long_transaction.execute(AS_A_WRITER)
        process = migrate(environment, "probe")
        until = time.monotonic() + 100
        while other.execute(waiting).fetchone() is None and time.monotonic() < until:
            time.sleep(0.1)
        time.sleep(LOCK_TIMEOUT + 1)

        assert process.poll() is None
        other.execute("SET lock_timeout = '100ms'")
        other.execute("UPDATE images_image SET note = '' WHERE false")
        long_transaction.rollback()
        finish(process)
