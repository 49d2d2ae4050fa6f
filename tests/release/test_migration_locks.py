"""The rules held against PostgreSQL: what is admitted rewrites nothing and waits for nobody long.

A transaction that reads the table stays open meanwhile, as a long report or a forgotten session
does.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from django.db import OperationalError
from django.db.migrations.operations.base import Operation
from psycopg.errors import LockNotAvailable, QueryCanceled

from config.local.migration_safety.findings import Rule
from tests.release.probes import Probe, make_migration
from tests.release.test_migration_rules import HARMLESS, REFUSED, clone, sql

pytestmark = pytest.mark.slow

LIMIT_SECONDS = 1.0
FILE = "SELECT pg_relation_filenode('probe_picture')"
REWRITERS = [
    name
    for name, (_operation, rule) in REFUSED.items()
    # PostgreSQL cuts texts in place only if none has to be looked at, and reads them all for it.
    if rule is Rule.REWRITES and name != "text cut"
]


@pytest.fixture
def filled(probe: Probe) -> Probe:
    probe.execute(
        "INSERT INTO probe_picture (title, size) SELECT 'a', 1 FROM generate_series(1, 9)"
    )
    return probe


@contextmanager
def long_transaction(probe: Probe) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(probe.url) as reader:
        reader.execute("SELECT 1 FROM probe_picture")
        yield reader


class Reader(threading.Thread):
    """Reads the table again and again, and remembers the longest time that it took."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url
        self.longest = 0.0
        self.over = threading.Event()

    def run(self) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            while not self.over.is_set():
                started = time.monotonic()
                connection.execute("SELECT 1 FROM probe_picture LIMIT 1").fetchall()
                self.longest = max(self.longest, time.monotonic() - started)


@pytest.mark.parametrize("name", HARMLESS)
def test_what_is_admitted_ends_in_time_and_readers_go_on(name: str, filled: Probe) -> None:
    filled.execute(f"SET lock_timeout = '{LIMIT_SECONDS}s'")
    reader = Reader(filled.url)
    with long_transaction(filled):
        reader.start()
        started = time.monotonic()
        try:
            filled.apply(make_migration(clone(HARMLESS[name])), filled.state)
        except OperationalError as error:
            assert isinstance(error.__cause__, LockNotAvailable)  # noqa: PT017
        took = time.monotonic() - started
        reader.over.set()
        reader.join()

    assert took < LIMIT_SECONDS + 4
    assert reader.longest < LIMIT_SECONDS + 2


@pytest.mark.parametrize("name", HARMLESS)
def test_what_is_admitted_rewrites_no_table(name: str, filled: Probe) -> None:
    with filled.connection.cursor() as cursor:
        cursor.execute(FILE)
        before = cursor.fetchone()
        filled.apply(make_migration(clone(HARMLESS[name])), filled.state)
        cursor.execute(FILE)
        assert cursor.fetchone() == before


@pytest.mark.parametrize("name", REWRITERS)
def test_control_what_is_refused_as_a_rewrite_is_one(name: str, filled: Probe) -> None:
    with filled.connection.cursor() as cursor:
        cursor.execute(FILE)
        before = cursor.fetchone()
        filled.apply(make_migration(clone(REFUSED[name][0])), filled.state)
        cursor.execute(FILE)
        assert cursor.fetchone() != before


def test_control_without_a_limit_readers_queue_behind_a_refused_one(filled: Probe) -> None:
    refused: Operation = sql("ALTER TABLE probe_picture ALTER COLUMN size TYPE bigint")
    filled.execute("SET lock_timeout = 0")
    failures: list[BaseException] = []

    def work() -> None:
        with psycopg.connect(filled.url, autocommit=True) as writer:
            try:
                writer.execute(str(refused.sql))  # type: ignore[attr-defined]
            except psycopg.Error as error:
                failures.append(error)

    with long_transaction(filled) as first, psycopg.connect(filled.url, autocommit=True) as other:
        migration = threading.Thread(target=work)
        migration.start()
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
        while other.execute(waiting).fetchone() == (0,):
            time.sleep(0.02)
        other.execute("SET statement_timeout = '2s'")
        with pytest.raises(QueryCanceled):
            other.execute("SELECT 1 FROM probe_picture")
        first.rollback()
        migration.join(timeout=60)

    assert failures == []


def test_control_writers_wait_while_a_plain_index_is_there_uncommitted(filled: Probe) -> None:
    write = "INSERT INTO probe_picture (title, size) VALUES ('b', 2)"
    with psycopg.connect(filled.url) as owner, psycopg.connect(filled.url) as writer:
        owner.execute("CREATE INDEX more ON probe_picture (size)")
        writer.execute("SET lock_timeout = '200ms'")
        with pytest.raises(LockNotAvailable):
            writer.execute(write)
        writer.rollback()
        owner.rollback()

        # As it waits for a transaction, which it does before it begins to read the rows.
        with (
            psycopg.connect(filled.url) as first,
            psycopg.connect(filled.url, autocommit=True) as second,
        ):
            first.execute("LOCK TABLE probe_picture IN ROW EXCLUSIVE MODE")
            second.execute("SET lock_timeout = '1s'")
            with pytest.raises(LockNotAvailable):
                second.execute("CREATE INDEX CONCURRENTLY more ON probe_picture (size)")
            writer.execute("SET lock_timeout = '200ms'")
            writer.execute(write)
