"""Make the database's roles, the database and its extensions, as superuser.

The roles themselves are in `config/database_roles.sql`, which production runs too. Here each login
gets its password of `var/`, and the owner may make databases of its own: the tests do.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from config.local.addresses import DATABASE, LOGINS, OWNER_ROLE

ROLES_FILE = Path(__file__).resolve().parent.parent / "database_roles.sql"
EXTENSIONS = ("pg_trgm", "btree_gin", "pg_stat_statements")


def create_roles_and_database(
    connect: Callable[[str], psycopg.Connection[Any]], passwords: Mapping[str, str]
) -> None:
    """Create what is missing of roles, extensions and the database; set every password.

    `connect` opens an autocommit connection to a named database as superuser. Passwords are set
    each time, so that a lost file of passwords is repaired by the next start. The extensions go
    into `template1` first: from there each database made later has them, the tests' ones too.

    Raises:
        KeyError: `passwords` lacks a login.
    """
    with connect("template1") as connection:
        _create_extensions(connection)
    with connect("postgres") as connection:
        # A file of the project, run whole; nothing of it comes from outside.
        connection.execute(ROLES_FILE.read_text(encoding="utf-8"))
        for role in LOGINS.values():
            _set_password(connection, role, passwords[role])
        connection.execute(sql.SQL("ALTER ROLE {} CREATEDB").format(sql.Identifier(OWNER_ROLE)))
        if not _exists(connection, "SELECT 1 FROM pg_database WHERE datname = %s", DATABASE):
            connection.execute(
                sql.SQL("CREATE DATABASE {} OWNER {}").format(
                    sql.Identifier(DATABASE), sql.Identifier(OWNER_ROLE)
                )
            )
    with connect(DATABASE) as connection:
        _create_extensions(connection)


def _create_extensions(connection: psycopg.Connection[Any]) -> None:
    for name in EXTENSIONS:
        connection.execute(
            sql.SQL("CREATE EXTENSION IF NOT EXISTS {}").format(sql.Identifier(name))
        )


def _set_password(connection: psycopg.Connection[Any], role: str, password: str) -> None:
    connection.execute(
        sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(password))
    )


def _exists(connection: psycopg.Connection[Any], query: str, value: str) -> bool:
    return connection.execute(query, [value]).fetchone() is not None
