"""Judge the operations of a migration: what its SQL does not tell."""

import re
from collections.abc import Iterator, Sequence

from django.contrib.postgres.operations import NotInTransactionMixin, ValidateConstraint
from django.db.migrations import Migration, operations
from django.db.migrations.operations.base import Operation

from apps.core.operations import ReplaceServiceFunction
from config.local.migration_safety.findings import Finding, Rule

_REMOVALS = (operations.RemoveField, operations.DeleteModel)
_RENAMES = (operations.RenameField, operations.RenameModel, operations.AlterModelTable)
_STATE_ONLY = (
    operations.AlterModelOptions,
    operations.AlterModelManagers,
    operations.SeparateDatabaseAndState,
)
_VERSION = re.compile(r"\d+(\.\d+){1,2}$")


def contract_of(migration: Migration) -> str | None:
    """Return the release that stopped using what this migration removes, if it says so."""
    return getattr(migration, "contract_of", None)


def in_database(migration: Migration) -> list[Operation]:
    """Return the operations that reach the database; those of the state alone disturb nobody."""
    return list(_flat(migration.operations))


def judge_operations(migration: Migration, *, version: str) -> list[Finding]:
    """Return what is refused of a migration on top of its SQL, in a checkout of `version`."""
    found = list(_mark(migration, version))
    flat = in_database(migration)
    is_contract = contract_of(migration) is not None and not found
    for operation in flat:
        if isinstance(operation, _RENAMES):
            found.append(Finding(Rule.RENAMES, operation.describe()))
        if isinstance(operation, _REMOVALS) and not is_contract:
            found.append(Finding(Rule.DROPS, operation.describe()))
        if not operation.reversible:
            found.append(Finding(Rule.REVERSE, operation.describe()))
    rows = [operation for operation in flat if isinstance(operation, operations.RunPython)]
    if rows and len(rows) < len(flat):
        found.append(Finding(Rule.MIXED, rows[0].describe()))
    if not migration.atomic:
        found.extend(_not_atomic(flat, rows))
    return found


def replaced_functions(operation: Operation) -> set[str]:
    """Return the function that running code goes on calling, as another that takes the same."""
    if isinstance(operation, ReplaceServiceFunction) and operation.signature == operation.replaces:
        return {operation.signature.partition("(")[0]}
    return set()


def is_older(release: str, version: str) -> bool:
    """Tell whether `release` is a version before `version`: "1.9" is before "1.10.0"."""
    return _numbers(release) < _numbers(version)


def _numbers(version: str) -> tuple[int, ...]:
    numbers = [int(part) for part in version.split(".")]
    return tuple([*numbers, 0, 0][:3])


def _flat(found: Sequence[Operation]) -> Iterator[Operation]:
    for operation in found:
        if isinstance(operation, operations.SeparateDatabaseAndState):
            yield from _flat(operation.database_operations)
        elif not isinstance(operation, _STATE_ONLY):
            yield operation


def _mark(migration: Migration, version: str) -> Iterator[Finding]:
    mark = contract_of(migration)
    if mark is None:
        return
    if not _VERSION.match(mark):
        yield Finding(Rule.CONTRACT_MARK, f"contract_of = {mark!r} is no version")
    elif not is_older(mark, version):
        yield Finding(Rule.CONTRACT_MARK, f"contract_of = {mark!r} is not before {version}")


def _not_atomic(flat: Sequence[Operation], rows: Sequence[Operation]) -> Iterator[Finding]:
    if rows and len(flat) > 1:
        yield Finding(Rule.NOT_ATOMIC, f"{len(flat)} operations")
    for operation in flat:
        is_known = isinstance(
            operation,
            (NotInTransactionMixin, ValidateConstraint, operations.RunPython, operations.RunSQL),
        )
        if not is_known:
            yield Finding(Rule.NOT_ATOMIC, operation.describe())
