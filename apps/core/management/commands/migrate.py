"""Django's `migrate`, as the owner of the tables, and never in the way of those who use them.

A statement that waits for a lock makes everybody wait who comes after it, readers too. So it gives
up after `LOCK_TIMEOUT`, what it did is undone, and it is tried again a while later, when the
transaction it waited for may have ended. What builds an index or checks rows without locking
anybody out (`atomic = False`) may wait, and take its time.
"""

import time
from typing import Any

from django.contrib.postgres.operations import AddIndexConcurrently
from django.core.management.base import CommandError, CommandParser
from django.core.management.commands import migrate
from django.db import OperationalError, connection
from django.db.migrations import Migration
from psycopg.errors import DeadlockDetected, LockNotAvailable

from apps.core.database import owner_login

# As PostgreSQL takes them.
LOCK_TIMEOUT = "3s"
STATEMENT_TIMEOUT = "120s"
_INVALID_INDEX = """
    SELECT 1 FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
    JOIN pg_namespace space ON space.oid = relnamespace
    WHERE relname = %s AND nspname = 'public' AND NOT indisvalid
"""


class Command(migrate.Command):
    # Between two tries, in seconds: the first pause and the longest.
    pauses = (2.0, 30.0)

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--lock-tries",
            type=int,
            default=10,
            help="How often a migration is begun that does not get its locks (10).",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        tries: int = options["lock_tries"]
        with owner_login():
            for number in range(1, tries + 1):
                try:
                    super().handle(*args, **options)
                except OperationalError as error:
                    if not isinstance(error.__cause__, (LockNotAvailable, DeadlockDetected)):
                        raise
                    if number == tries:
                        raise CommandError(
                            f"A transaction held the tables for too long, {tries} times; "
                            "pg_stat_activity shows which. Nothing of the migration stayed behind."
                        ) from error
                    self._pause(number)
                else:
                    return

    def migration_progress_callback(
        self,
        action: str,
        migration: Migration | None = None,
        fake: bool = False,  # noqa: FBT001, FBT002  (Django calls it so)
    ) -> None:
        if action in {"apply_start", "unapply_start"} and migration is not None:
            self._limit(migration)
        super().migration_progress_callback(action, migration, fake)

    def _limit(self, migration: Migration) -> None:
        with connection.cursor() as cursor:
            limits = (LOCK_TIMEOUT, STATEMENT_TIMEOUT) if migration.atomic else ("0", "0")
            cursor.execute(
                "SELECT set_config('lock_timeout', %s, false), "
                "set_config('statement_timeout', %s, false)",
                limits,
            )
            if migration.atomic:
                return
            for operation in migration.operations:
                if isinstance(operation, AddIndexConcurrently):
                    self._drop_half_made(cursor, operation.index.name)

    def _drop_half_made(self, cursor: Any, name: str) -> None:
        """Remove what an interrupted CREATE INDEX CONCURRENTLY left, or it could not run again."""
        cursor.execute(_INVALID_INDEX, [name])
        if cursor.fetchone():
            quoted = connection.ops.quote_name(name)
            cursor.execute(f"DROP INDEX CONCURRENTLY {quoted}")

    def _pause(self, number: int) -> None:
        first, longest = self.pauses
        seconds = min(first * 2 ** (number - 1), longest)
        self.stdout.write(
            self.style.WARNING(f"A table is in use. Trying again in {seconds:.0f} s.")
        )
        time.sleep(seconds)
