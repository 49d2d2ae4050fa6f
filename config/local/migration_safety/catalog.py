"""What the database looks like before a migration, as far as the verdict depends on it."""

from dataclasses import dataclass, field
from typing import Any

_TABLES = """
    SELECT relname FROM pg_class JOIN pg_namespace space ON space.oid = relnamespace
    WHERE relkind IN ('r', 'p') AND nspname = 'public'
"""
_COLUMNS = """
    SELECT relname, attname, format_type(atttypid, atttypmod)
    FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
    JOIN pg_namespace space ON space.oid = relnamespace
    WHERE nspname = 'public' AND relkind IN ('r', 'p') AND attnum > 0 AND NOT attisdropped
"""
_CONSTRAINTS = """
    SELECT relname, conname, contype::text, convalidated, pg_get_constraintdef(entry.oid)
    FROM pg_constraint entry JOIN pg_class ON pg_class.oid = conrelid
    JOIN pg_namespace space ON space.oid = relnamespace WHERE nspname = 'public'
"""
_INDEXES = """
    SELECT index.relname, owner.relname FROM pg_index
    JOIN pg_class index ON index.oid = indexrelid JOIN pg_class owner ON owner.oid = indrelid
"""


@dataclass
class Catalog:
    """Tables and what belongs to them, by name."""

    tables: set[str] = field(default_factory=set)
    types: dict[tuple[str, str], str] = field(default_factory=dict)
    # By table and name: the kind (c, f, p, u, x).
    constraints: dict[tuple[str, str], str] = field(default_factory=dict)
    # By table: the conditions of its validated checks.
    checks: dict[str, list[str]] = field(default_factory=dict)
    index_tables: dict[str, str] = field(default_factory=dict)

    def is_never_null(self, table: str, column: str) -> bool:
        """Tell whether a validated check says so: then SET NOT NULL need not read the rows."""
        wanted = {f"CHECK (({name} IS NOT NULL))" for name in (column, f'"{column}"')}
        return any(check in wanted for check in self.checks.get(table, []))


def read_catalog(connection: Any) -> Catalog:
    """Read the schema `public` by a connection of psycopg or Django's."""
    with connection.cursor() as cursor:

        def rows(query: str) -> list[Any]:
            cursor.execute(query)
            return list(cursor.fetchall())

        found = Catalog(
            tables={name for (name,) in rows(_TABLES)},
            types={(table, column): kind for table, column, kind in rows(_COLUMNS)},
            index_tables=dict(rows(_INDEXES)),
        )
        for table, name, kind, is_valid, definition in rows(_CONSTRAINTS):
            found.constraints[table, name] = kind
            if kind == "c" and is_valid:
                found.checks.setdefault(table, []).append(definition)
    return found
