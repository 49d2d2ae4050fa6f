"""A real streaming standby of the session's PostgreSQL, to read from and to hold up."""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.db import connection, connections

from apps.core.replica import READER
from config.local import placement
from config.local.postgres import PostgresServer
from config.local.standby import REPLICATION_RULE, copy_of_primary, create_replicator

_PASSWORD = "for-tests-only"
_PATIENCE_SECONDS = 20


class Standby:
    """The standby's server, and what a test does to its replay."""

    def __init__(self, primary: PostgresServer, server: PostgresServer) -> None:
        self.primary = primary
        self.server = server

    def pause(self) -> None:
        """Let it replay nothing more."""
        self._ask("SELECT pg_wal_replay_pause()")
        self._wait_for("SELECT pg_get_wal_replay_pause_state() = 'paused'")

    def resume(self) -> None:
        self._ask("SELECT pg_wal_replay_resume()")

    def catch_up(self) -> None:
        """Wait until it has replayed all that was written."""
        with self.primary.superuser_connection() as session:
            row = session.execute("SELECT pg_current_wal_insert_lsn()::text").fetchone()
        assert row is not None
        self._wait_for("SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", row[0])

    def receive_all(self) -> None:
        """Wait until it has got all that was written, whether or not it may replay it."""
        with self.primary.superuser_connection() as session:
            row = session.execute("SELECT pg_current_wal_flush_lsn()::text").fetchone()
        assert row is not None
        self._wait_for("SELECT pg_last_wal_receive_lsn() >= %s::pg_lsn", row[0])

    def end_sessions(self) -> None:
        """End everybody's session, as a reader that goes away does."""
        self._ask(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )

    def _wait_for(self, query: str, *values: str) -> None:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not self._ask(query, *values):
            assert time.monotonic() < deadline, query
            time.sleep(0.02)

    def _ask(self, query: str, *values: str) -> Any:
        with self.server.superuser_connection() as session:
            row = session.execute(query.encode(), values).fetchone()
        return row[0] if row else None


@contextmanager
def reader_at(socket_dir: Path) -> Iterator[None]:
    """Let the alias `reader` be the tests' database on the server of `socket_dir`.

    It must be there before the first test of a module that names it in its `django_db`.
    """
    writer = connection.settings_dict
    connections.databases[READER] = {
        **writer,
        "HOST": str(socket_dir),
        # Django neither makes it nor empties it.
        "TEST": {**writer["TEST"], "MIRROR": "default"},
    }
    try:
        yield
    finally:
        connections[READER].close()
        del connections[READER]
        del connections.databases[READER]


@contextmanager
def streaming_standby(primary: PostgresServer) -> Iterator[Standby]:
    """Run a hot standby of `primary`, and leave nothing behind but a role for replication."""
    _admit_standbys(primary)
    home = placement.temporary_home(primary.account)
    server = PostgresServer(home, passwords=primary.passwords, durable=False)
    try:
        copy_of_primary(primary, server, password=_PASSWORD)
        server.start()
        yield Standby(primary, server)
    finally:
        server.stop()
        shutil.rmtree(home, ignore_errors=True)
        if server.socket_dir.parent != home:
            shutil.rmtree(server.socket_dir, ignore_errors=True)


def _admit_standbys(primary: PostgresServer) -> None:
    rules = primary.home / "pg_hba.conf"
    text = rules.read_text(encoding="utf-8")
    if REPLICATION_RULE in text:
        return
    rules.write_text(f"{text}{REPLICATION_RULE}\n", encoding="utf-8")
    create_replicator(primary, password=_PASSWORD)
    with primary.superuser_connection() as session:
        session.execute("SELECT pg_reload_conf()")
