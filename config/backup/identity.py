"""Which database a login reaches."""

from typing import Any

import psycopg
from django.db import connection

from config.backup.manifest import BackupError

# Any login may ask. Two servers do not start in the same microsecond; a copy of one, whose system
# identifier is the same, starts at another time.
_IDENTITY = """
    SELECT current_database(), oid, extract(epoch FROM pg_postmaster_start_time())::text
    FROM pg_database WHERE datname = current_database()
"""


def check_one_database(**urls: str) -> None:
    """See that all of `urls`, by what they are for, lead to the database that Django uses.

    Raises:
        BackupError: one leads to another database, or to another server.
    """
    with connection.cursor() as cursor:
        cursor.execute(_IDENTITY)
        ours = cursor.fetchone()
    # A proxy gives up who idles for as long as a restore may take.
    if not connection.in_atomic_block:
        connection.close()
    for name, url in urls.items():
        theirs = _identity(url)
        if theirs != ours:
            raise BackupError(
                f"EASEL_{name.upper()}_DATABASE_URL leads to the database {theirs[0]} and "
                f"EASEL_DATABASE_URL to {ours[0]}, which are not one and the same. All URLs have "
                "to name one database, at the server that writes."
            )


def _identity(url: str) -> Any:
    with psycopg.connect(url, autocommit=True) as session:
        return session.execute(_IDENTITY).fetchone()
