"""Apply the migrations that no release has yet to a PostgreSQL of its own, and judge their SQL."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations import Migration
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations import RunSQL
from django.db.migrations.recorder import MigrationRecorder
from django.db.migrations.state import ProjectState

from config.local.migration_safety.catalog import read_catalog
from config.local.migration_safety.findings import Finding, Rule
from config.local.migration_safety.locks import SqlJudge
from config.local.migration_safety.operations import (
    contract_of,
    in_database,
    judge_operations,
    replaced_functions,
)
from config.local.migration_safety.sql_tokens import Words, statements

Key = tuple[str, str]


def plan_of(loader: MigrationLoader) -> list[Key]:
    """Return every migration on the disk in the order in which they run."""
    leaves = sorted(loader.graph.leaf_nodes())
    return list(dict.fromkeys(key for leaf in leaves for key in loader.graph.forwards_plan(leaf)))


def judge_unreleased(
    released: set[Key], *, version: str, examined: set[Key] | None = None
) -> dict[Key, list[Finding]]:
    """Apply what `released` lacks to the empty database in use, and return what is refused.

    Django must be connected as the owner of the tables. Of `examined` nothing is refused.
    """
    connection = connections[DEFAULT_DB_ALIAS]
    loader = MigrationLoader(connection)
    new = [key for key in plan_of(loader) if key not in released]
    if not new:
        return {}
    _apply_released(loader, set(new))
    recorder = MigrationRecorder(connection)
    state = loader.project_state([key for key in plan_of(loader) if key not in new])
    new_tables: set[str] = set()
    found: dict[Key, list[Finding]] = {}
    for key in new:
        migration = loader.graph.nodes[key]
        found[key] = judge_operations(migration, version=version)
        judge = SqlJudge(
            read_catalog(connection),
            new_tables,
            is_contract=contract_of(migration) is not None and not found[key],
            is_atomic=migration.atomic,
        )
        state, refused = apply_and_judge(migration, state, connection, judge)
        found[key] += refused
        recorder.record_applied(*key)
    for key in examined or set():
        found.pop(key, None)
    return {key: findings for key, findings in found.items() if findings}


def apply_and_judge(
    migration: Migration, state: ProjectState, connection: BaseDatabaseWrapper, judge: SqlJudge
) -> tuple[ProjectState, list[Finding]]:
    """Run a migration and return the state after it, and what `judge` refuses of its SQL."""
    found: list[Finding] = []
    told: set[str] = set()

    def watch(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:  # noqa: FBT001
        for finding in judge.judge(sql):
            if str(finding) not in told:
                told.add(str(finding))
                found.append(finding)
        return execute(sql, params, many, context)

    for operation in in_database(migration):
        judge.replaced |= replaced_functions(operation)
    with ExitStack() as stack:
        editor = stack.enter_context(connection.schema_editor(atomic=migration.atomic))
        stack.enter_context(connection.execute_wrapper(watch))
        # What is put off until the end is SQL of the migration too.
        stack.push(_run_deferred(editor))
        state = migration.apply(state, editor)
    if not migration.atomic:
        found += list(_not_concurrent(migration))
    return state, found


def _run_deferred(editor: Any) -> Callable[..., None]:
    def run(kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            for sql in editor.deferred_sql:
                editor.execute(sql)
            editor.deferred_sql.clear()

    return run


def _not_concurrent(migration: Migration) -> Iterator[Finding]:
    """Refuse statements that lock, and would not be undone, in a migration without transaction."""
    for operation in in_database(migration):
        if not isinstance(operation, RunSQL):
            continue
        parts = operation.sql if isinstance(operation.sql, (list, tuple)) else [operation.sql]
        for part in parts:
            for tokens in statements(part if isinstance(part, str) else str(part[0])):
                texts = {token.text for token in tokens}
                is_rows = Words(tokens).take("update", "delete from", "insert into", "select")
                if not is_rows and not texts & {"concurrently", "validate"}:
                    yield Finding(Rule.NOT_ATOMIC, " ".join(token.text for token in tokens)[:160])


def _apply_released(loader: MigrationLoader, new: set[Key]) -> None:
    targets = [key for key in plan_of(loader) if key not in new]
    apps = sorted({app for app, _name in targets})
    last = [[key for key in targets if key[0] == app][-1] for app in apps]
    MigrationExecutor(connections[DEFAULT_DB_ALIAS]).migrate(last)
