"""The database roles of this machine's server, and the step that makes them as superuser.

In production the same roles come from the infrastructure. None of them is a superuser or may
pass row-level security: a test run by one that could would prove nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from config.local.addresses import DATABASE, OWNER_ROLE


@dataclass(frozen=True, slots=True)
class Role:
    """A login of the database; its password is looked up under its name."""

    name: str
    attributes: str


# CREATEDB: the tests make databases of their own.
ROLES = (Role(OWNER_ROLE, "LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEROLE CREATEDB"),)

EXTENSIONS = ("pg_trgm", "btree_gin", "pg_stat_statements")


def create_roles_and_database(
    connect: Callable[[str], psycopg.Connection[Any]], passwords: Mapping[str, str]
) -> None:
    """Create what is missing of roles, extensions and the database; set every password.

    `connect` opens an autocommit connection to a named database as superuser. Passwords are set
    each time, so that a lost file of passwords is repaired by the next start. The extensions go
    into `template1` first: from there each database made later has them, the tests' ones too.

    Raises:
        KeyError: `passwords` lacks a role.
    """
    with connect("template1") as connection:
        _create_extensions(connection)
    with connect("postgres") as connection:
        for role in ROLES:
            _create_role(connection, role, passwords[role.name])
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


def _create_role(connection: psycopg.Connection[Any], role: Role, password: str) -> None:
    verb = (
        "ALTER"
        if _exists(connection, "SELECT 1 FROM pg_roles WHERE rolname = %s", role.name)
        else "CREATE"
    )
    connection.execute(
        sql.SQL("{} ROLE {} WITH {} PASSWORD {}").format(
            sql.SQL(verb),
            sql.Identifier(role.name),
            sql.SQL(role.attributes),
            sql.Literal(password),
        )
    )


def _exists(connection: psycopg.Connection[Any], query: str, value: str) -> bool:
    return connection.execute(query, [value]).fetchone() is not None
