"""What the check refuses, and what to do instead."""

from dataclasses import dataclass
from enum import StrEnum


class Rule(StrEnum):
    """Why a migration is refused; the value is what to do instead."""

    DROPS = (
        "The running release still uses it. In two releases: 1. the code stops using it (a column "
        "becomes nullable or gets a db_default, and leaves the model by SeparateDatabaseAndState); "
        '2. when nothing runs any more that used it, remove it, with contract_of = "the release of '
        'step 1" in the Migration class.'
    )
    RENAMES = (
        "Running code knows the old name, and new code the new one. In three releases: 1. add the "
        "new one, write both; 2. copy the rows in batches, read the new one; 3. remove the old one "
        "(contract_of). To rename in Python alone: db_column or db_table with the old name."
    )
    REWRITES = (
        "PostgreSQL rewrites the table while nobody may read it. In three releases: 1. add a new "
        "nullable column and write both; 2. copy the rows in batches and read the new one; 3. "
        "remove the old one (contract_of)."
    )
    NOT_NULL = (
        "Rows that the running release inserts lack the value. Give the field a db_default, or: 1. "
        "add it nullable; 2. fill it in batches; 3. AddConstraintNotValid of a check IS NOT NULL, "
        "ValidateConstraint in the next migration, and SET NOT NULL in one more (PostgreSQL then "
        "takes the check's word and reads no rows)."
    )
    INDEX = (
        "Nobody may write while it is built. Use AddIndexConcurrently or RemoveIndexConcurrently "
        "(django.contrib.postgres.operations) in a migration of its own with atomic = False."
    )
    UNIQUE = (
        "Nobody may write while its index is built. In two migrations: 1. CREATE UNIQUE INDEX "
        "CONCURRENTLY (RunSQL, atomic = False); 2. ALTER TABLE … ADD CONSTRAINT … UNIQUE USING "
        "INDEX …, with the constraint as its state_operations."
    )
    CONSTRAINT = (
        "Every row is read under a lock. In two migrations: 1. AddConstraintNotValid, or ADD "
        "CONSTRAINT … NOT VALID; 2. ValidateConstraint, or VALIDATE CONSTRAINT, which locks "
        "nobody out."
    )
    NARROWS = (
        "The running release may rely on what this takes away. Do it when nothing does any more, "
        'and write contract_of = "the release that stopped relying on it" into the Migration class.'
    )
    BATCHES = (
        "It holds a lock on every row, or writes as many, until it ends. Change rows in batches "
        "of a few thousand, each in its own transaction: one RunPython, alone in a migration with "
        "atomic = False."
    )
    MIXED = (
        "Rows are changed while the tables are locked. Put the schema and the rows into migrations "
        "of their own."
    )
    REVERSE = "It cannot be taken back. Give it a reverse (RunPython.noop, RunSQL.noop if nothing)."
    NOT_ATOMIC = (
        "Half of it may stay behind. A migration with atomic = False holds nothing but "
        "CONCURRENTLY, VALIDATE CONSTRAINT, or one RunPython that works in batches and may run "
        "twice."
    )
    CONTRACT_MARK = (
        "contract_of names the release that stopped using it, as in contract_of = "
        '"1.4.0": a version older than config/version.py, so that nothing of it runs any more.'
    )
    TIMEOUT = "`migrate` sets lock_timeout and statement_timeout, so that nobody waits behind it."
    UNKNOWN = (
        "The check does not know whether it locks anybody out. Use an operation it knows, or, once "
        "you have tried it under load, enter the migration with its reason in EXAMINED "
        "(config/local/migration_safety/released.py)."
    )


@dataclass(frozen=True, slots=True)
class Finding:
    """Something in a migration that is refused."""

    rule: Rule
    what: str

    def __str__(self) -> str:
        return f"{self.what}\n    {self.rule}"
