"""One moment of the database: what pg_dump is to dump, and what is counted and listed beside it."""

import uuid
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql

from apps.canvas.storage import file_key
from apps.images.storage import file_keys
from config.backup.manifest import BackupError
from config.local.addresses import OWNER_ROLE

ROWS_A_FETCH = 2000
_TABLES = """
    SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
    ORDER BY relname
"""
# With row-level security a table without an open policy would be dumped without its rows.
_HIDDEN = """
    WITH applying AS (
        SELECT polrelid, polpermissive, pg_get_expr(polqual, polrelid) = 'true' AS is_open
        FROM pg_policy WHERE polcmd IN ('*', 'r') AND EXISTS (
            SELECT FROM unnest(polroles) AS role
            WHERE role = 0 OR pg_has_role(current_user, role, 'USAGE')
        )
    )
    SELECT relname FROM pg_class
    WHERE relkind = 'r' AND relrowsecurity AND relnamespace = 'public'::regnamespace
    AND NOT (SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user)
    AND (
        NOT EXISTS (SELECT FROM applying WHERE polrelid = oid AND polpermissive AND is_open)
        OR EXISTS (SELECT FROM applying WHERE polrelid = oid AND NOT polpermissive)
    )
    ORDER BY relname
"""
_OWNERS = """
    SELECT oid::regprocedure::text, pg_get_userbyid(proowner) FROM pg_proc
    WHERE pronamespace = 'public'::regnamespace AND pg_get_userbyid(proowner) <> %s
    AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_proc.oid AND deptype = 'e')
"""
_GUARDS = {
    "policies": """
        SELECT concat_ws(' | ', polrelid::regclass, polname, polcmd, polpermissive,
            (SELECT string_agg(coalesce(rolname, 'public'), ',' ORDER BY rolname)
             FROM unnest(polroles) AS role LEFT JOIN pg_roles ON pg_roles.oid = role),
            pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid))
        FROM pg_policy ORDER BY 1
    """,
    "row security": """
        SELECT concat_ws(' | ', relname, relrowsecurity, relforcerowsecurity,
            pg_get_userbyid(relowner))
        FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 1
    """,
    "triggers": """
        SELECT concat_ws(' | ', pg_get_triggerdef(oid), tgenabled)
        FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1
    """,
    "constraints": """
        SELECT concat_ws(' | ', conrelid::regclass, conname, pg_get_constraintdef(oid),
            convalidated)
        FROM pg_constraint
        WHERE connamespace = 'public'::regnamespace AND conrelid <> 0 ORDER BY 1
    """,
    "indexes": "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1",
    "functions": """
        SELECT concat_ws(' | ', p.oid::regprocedure, pg_get_userbyid(proowner), prosecdef,
            proconfig, md5(prosrc),
            (SELECT string_agg(concat_ws('=', coalesce(rolname, 'public'), privilege_type), ','
                ORDER BY rolname, privilege_type)
             FROM aclexplode(coalesce(proacl, acldefault('f', proowner)))
             LEFT JOIN pg_roles ON pg_roles.oid = grantee))
        FROM pg_proc AS p WHERE pronamespace = 'public'::regnamespace AND {own} ORDER BY 1
    """,
    "grants": """
        SELECT concat_ws(' | ', relname, coalesce(rolname, 'public'), privilege_type)
        FROM pg_class, aclexplode(coalesce(relacl, acldefault(
            CASE relkind WHEN 'S' THEN 's'::"char" ELSE 'r'::"char" END, relowner)))
        LEFT JOIN pg_roles ON pg_roles.oid = grantee
        WHERE relkind IN ('r', 'S', 'v') AND relnamespace = 'public'::regnamespace AND {own_class}
        ORDER BY 1
    """,
    "grants on columns": """
        SELECT concat_ws(' | ', relname, attname, coalesce(rolname, 'public'), privilege_type)
        FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid, aclexplode(attacl)
        LEFT JOIN pg_roles ON pg_roles.oid = grantee
        WHERE relnamespace = 'public'::regnamespace ORDER BY 1
    """,
}
# What comes with extensions is theirs.
_OWN = "NOT EXISTS (SELECT FROM pg_depend WHERE objid = {oid} AND deptype = 'e')"


class Snapshot:
    """A read-only transaction that sees one moment, which `name` gives to pg_dump too."""

    def __init__(self, session: psycopg.Connection[Any]) -> None:
        self._session = session
        self.name = str(self._value("SELECT pg_export_snapshot()"))

    def server(self) -> str:
        """Return the version of the server."""
        return str(self._value("SHOW server_version"))

    def check_sees_all(self) -> None:
        """See that no policy hides rows from this login.

        Raises:
            BackupError: one does, and names the tables.
        """
        if hidden := [name for (name,) in self._rows(_HIDDEN)]:
            raise BackupError(
                "Policies hide rows of these tables from the login for backups, so a backup would "
                f"lack them: {', '.join(hidden)}. Sign in as easel_backup, which "
                "config/database_roles.sql makes."
            )

    def count_rows(self) -> dict[str, int]:
        """Count the rows of every table."""
        return {
            name: int(self._value(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(name))))
            for (name,) in self._rows(_TABLES)
        }

    def sequences(self) -> dict[str, int | None]:
        """Return where each sequence stands; None for one that was never used."""
        found = self._rows(
            "SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = 'public'"
        )
        return dict(sorted(found))

    def handed_out(self) -> dict[str, int]:
        """Return, by sequence, the largest value that a row has of it; 0 for none."""
        columns = self._rows(
            "SELECT s.relname, t.relname, a.attname FROM pg_class s"
            " JOIN pg_depend d ON d.objid = s.oid AND d.deptype IN ('a', 'i')"
            " JOIN pg_class t ON t.oid = d.refobjid"
            " JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid"
            " WHERE s.relkind = 'S' AND s.relnamespace = 'public'::regnamespace ORDER BY 1"
        )
        largest = sql.SQL("SELECT coalesce(max({column}), 0) FROM {table}")
        return {
            name: int(
                self._value(
                    largest.format(column=sql.Identifier(column), table=sql.Identifier(table))
                )
            )
            for name, table, column in columns
        }

    def guards(self) -> dict[str, list[str]]:
        """Return policies, triggers, constraints, functions and grants, a line each."""
        own = {"own": _OWN.format(oid="p.oid"), "own_class": _OWN.format(oid="pg_class.oid")}
        return {
            name: [line for (line,) in self._rows(query.format(**own))]
            for name, query in _GUARDS.items()
        }

    def owners(self) -> dict[str, str]:
        """Return who owns each function that does not belong to the owner of the tables."""
        return dict(self._session.execute(_OWNERS, [OWNER_ROLE]).fetchall())

    def keys(self, *, models: bool) -> Iterator[str]:
        """Yield the key of every file that a row names, each once; `models`: their weights too."""
        for key, thumbnail, user_id, name in self._stream(
            "SELECT s3_key, s3_thumbnail_key, user_id, image_name FROM images_image"
        ):
            yield from sorted({key, thumbnail, *file_keys(user_id=user_id, image_name=name)})
        for user_id, document_id, name in self._stream(
            "SELECT user_id, document_id, name FROM canvas_canvasfile"
        ):
            yield file_key(user_id=user_id, document_id=document_id, name=name)
        for table in ("images_archive", "privacy_datarequest"):
            query = sql.SQL("SELECT file_key FROM {} WHERE file_key <> ''")
            for (key,) in self._stream(query.format(sql.Identifier(table))):
                yield key
        for (key,) in self._stream(
            "SELECT cover_key FROM catalog_generationmodel WHERE cover_key <> ''"
        ):
            yield key
        if models:
            seen: set[str] = set()
            for location, files in self._stream(
                "SELECT location, files FROM catalog_generationmodel WHERE deleted_at IS NULL"
            ):
                # Two rows may be of the same files.
                fresh = {f"{location}/{file['path']}" for file in files} - seen
                seen |= fresh
                yield from sorted(fresh)

    def _value(self, query: str | sql.Composed) -> Any:
        return self._rows(query)[0][0]

    def _rows(self, query: str | sql.Composed) -> list[tuple[Any, ...]]:
        text = query.encode() if isinstance(query, str) else query
        return self._session.execute(text).fetchall()

    def _stream(self, query: str | sql.Composed) -> Iterator[tuple[Any, ...]]:
        text = query.encode() if isinstance(query, str) else query
        with self._session.cursor(f"easel_{uuid.uuid4().hex}") as cursor:
            cursor.itersize = ROWS_A_FETCH
            cursor.execute(text)
            yield from cursor


# The session waits while pg_dump works, for hours if need be, and counts large tables. By name from
# the server's own list: older ones know fewer.
_NO_LIMITS = """
    SELECT set_config(name, '0', false) FROM pg_settings WHERE name IN (
        'idle_in_transaction_session_timeout', 'statement_timeout', 'transaction_timeout')
"""


@contextmanager
def snapshot(url: str) -> Iterator[Snapshot]:
    """Look at one moment of the database at `url`, as long as the block lasts."""
    with psycopg.connect(url, autocommit=True, prepare_threshold=None) as session:
        session.execute(_NO_LIMITS)
        session.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        session.read_only = True
        with session.transaction():
            session.execute("SET LOCAL search_path = public, pg_catalog")
            yield Snapshot(session)


def still_named(keys: Collection[str], *, url: str, models: bool) -> set[str]:
    """Return those of `keys` that a row names now."""
    if not keys:
        return set()
    with snapshot(url) as later:
        return set(keys) & set(later.keys(models=models))
