"""A streaming replica: how another server may follow a PostgreSQL of ours, and its first copy."""

from contextlib import suppress

import psycopg
from psycopg import sql

from config.local.account import give_to, run_as
from config.local.addresses import POSTGRES_PORT
from config.local.binaries import postgres_programs
from config.local.parts import PartFailedError
from config.local.postgres import PostgresServer

REPLICATOR = "replicator"
# A line of pg_hba.conf.
REPLICATION_RULE = f"local replication {REPLICATOR} scram-sha-256"
_ROLE = sql.Identifier(REPLICATOR)


def create_replicator(primary: PostgresServer, *, password: str) -> None:
    """Create the role that replicas sign in as, or set its password."""
    with primary.superuser_connection() as session:
        with suppress(psycopg.errors.DuplicateObject):
            session.execute(sql.SQL("CREATE ROLE {} REPLICATION LOGIN").format(_ROLE))
        session.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(_ROLE, sql.Literal(password)))


def copy_of_primary(primary: PostgresServer, server: PostgresServer, *, password: str) -> None:
    """Fill the empty data folder of `server` from a running `primary`, to follow it from there.

    Raises:
        PartFailedError: the copy could not be made.
    """
    server.data_dir.mkdir(mode=0o700)
    give_to(server.account, server.data_dir)
    where = f"host={primary.socket_dir} port={POSTGRES_PORT} user={REPLICATOR} password={password}"
    result = run_as(
        server.account,
        [
            *(postgres_programs(server.account) / "pg_basebackup", f"--pgdata={server.data_dir}"),
            *(f"--dbname={where}", "--write-recovery-conf", "--checkpoint=fast", "--no-sync"),
        ],
        environment={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
    )
    if result.returncode != 0:
        raise PartFailedError(f"the replica could not be copied: {result.stderr.strip()}")
