"""A database with a table of a released version, to try migrations on it."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connections, migrations, models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations import Migration
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

from config import env
from config.local.addresses import OWNER_ROLE
from config.local.migration_safety.catalog import read_catalog
from config.local.migration_safety.check import apply_and_judge
from config.local.migration_safety.findings import Finding
from config.local.migration_safety.locks import SqlJudge
from config.local.migration_safety.operations import contract_of, judge_operations
from tests.plugins.servers import postgres_server, superuser_connection

VERSION = "1.5.0"
ALIAS = "probe"
PICTURE = migrations.CreateModel(
    "Picture",
    [
        ("id", models.BigAutoField(primary_key=True)),
        ("title", models.CharField(max_length=50)),
        ("note", models.CharField(max_length=50, null=True)),
        ("size", models.IntegerField(default=0)),
    ],
)
FRAME = migrations.CreateModel("Frame", [("id", models.BigAutoField(primary_key=True))])


class Probe:
    """The throw-away database, with the tables `probe_picture` and `probe_frame` of old."""

    def __init__(self, connection: BaseDatabaseWrapper, url: str) -> None:
        self.connection = connection
        self.url = url
        self.state = self.apply(make_migration(PICTURE, FRAME), ProjectState())[0]
        with connection.cursor() as cursor:
            cursor.execute(
                "CREATE FUNCTION probe_size(int) RETURNS int LANGUAGE sql AS 'SELECT $1'"
            )
            cursor.execute("CREATE INDEX probe_picture_note ON probe_picture (note)")
            cursor.execute(
                "CREATE TRIGGER touch BEFORE UPDATE ON probe_picture "
                "FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()"
            )

    def apply(
        self, migration: Migration, state: ProjectState, new_tables: set[str] | None = None
    ) -> tuple[ProjectState, list[Finding]]:
        """Run a migration and return the state after it and what is refused."""
        found = judge_operations(migration, version=VERSION)
        judge = SqlJudge(
            read_catalog(self.connection),
            set(new_tables or ()),
            is_contract=contract_of(migration) is not None and not found,
            is_atomic=migration.atomic,
        )
        state, refused = apply_and_judge(migration, state.clone(), self.connection, judge)
        return state, found + refused

    def execute(self, sql: str) -> None:
        with self.connection.cursor() as cursor:
            cursor.execute(sql)


def make_migration(
    *operations: Operation, atomic: bool = True, contract: str | None = None, name: str = "next"
) -> Migration:
    """Make a migration of the app `probe`."""
    kind: dict[str, Any] = {"operations": list(operations), "atomic": atomic}
    if contract:
        kind["contract_of"] = contract
    made: Migration = type("Migration", (Migration,), kind)(name, "probe")
    return made


@contextmanager
def probe_database() -> Iterator[Probe]:
    """Make the database beside that of the tests, and remove it."""
    name = f"probe_{secrets.token_hex(4)}"
    with superuser_connection("postgres") as server:
        server.execute(f"CREATE DATABASE {name} OWNER {OWNER_ROLE}")
    url = postgres_server().url(database=name)
    # Transactions are begun by alias.
    connection = connections["default"].copy(ALIAS)
    connections[ALIAS] = connection
    connection.settings_dict = {**connection.settings_dict, **env.parse_database_url(url)}
    try:
        yield Probe(connection, url)
    finally:
        connection.close()
        del connections[ALIAS]
        with superuser_connection("postgres") as server:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")
