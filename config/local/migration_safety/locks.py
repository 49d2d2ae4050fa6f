"""Judge the SQL that a migration runs: what is not known to be harmless is refused."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

from config.local.migration_safety.catalog import Catalog
from config.local.migration_safety.findings import Finding, Rule
from config.local.migration_safety.sql_tokens import (
    Token,
    Words,
    before,
    has_phrase,
    stands_outside,
    statements,
    subcommands,
)

# Neither takes a lock on a table that anybody waits for, nor takes anything away.
_HARMLESS = (
    *("create or replace function", "create type", "comment on", "grant", "create view"),
    *("set constraints", "set local role", "reset role", "savepoint", "release savepoint"),
    *("rollback to savepoint", "analyze"),
)
_ROW_LOCKS = ("for update", "for no key update", "for share", "for key share")
# They hold a lock that outlives the statement, or end what others are at.
_CALLS_THAT_DISTURB = re.compile(r"pg_(try_)?advisory_|pg_terminate_|pg_cancel_")
_FUNCTIONS_THAT_ARE_CONSTANT = {"now", "statement_timestamp", "transaction_timestamp"}
_VARCHAR = re.compile(r"(?:character varying|varchar)(?:\((\d+)\))?$")


@dataclass
class SqlJudge:
    """Judges the statements of one migration, one after the other."""

    catalog: Catalog
    # Tables that no released version of the code knows: what is done to them disturbs nobody.
    new_tables: set[str]
    is_contract: bool = False
    is_atomic: bool = True
    # Functions that another with the same arguments takes the place of in the same transaction.
    replaced: set[str] = field(default_factory=set)
    unvalidated: set[str] = field(default_factory=set)
    # Functions and sequences that this migration has made.
    made: set[str] = field(default_factory=set)

    def judge(self, sql: str) -> list[Finding]:
        """Return what is refused of `sql`, which may be several statements."""
        found = [
            (rule, " ".join(token.text for token in tokens))
            for tokens in statements(sql)
            for rule in self._statement(tokens)
        ]
        return [
            Finding(rule, f"{text[:160]}…" if len(text) > 160 else text) for rule, text in found
        ]

    def _statement(self, tokens: list[Token]) -> list[Rule]:
        words = Words(tokens)
        if words.take(*_HARMLESS):
            return []
        verdicts: dict[str, Callable[[Words], list[Rule]]] = {
            "create function": self._make,
            "create sequence": self._make,
            "alter function": self._alter_named,
            "alter sequence": self._alter_named,
            "select": self._select,
            "insert into": self._insert,
            "create table": self._create_table,
            "create index": self._create_index,
            "create unique index": self._create_index,
            "drop index": self._drop_index,
            "alter index": self._alter_index,
            "alter table": self._alter_table,
            "drop table": self._drop_table,
            "create policy": self._create_policy,
            "create trigger": self._of_table,
            "create or replace trigger": self._of_table,
            "create constraint trigger": self._of_table,
            "drop trigger": self._narrow,
            "drop policy": self._narrow,
            "alter policy": self._narrow,
            "drop function": self._drop_function,
            "revoke": self._revoke,
            "update": self._rows,
            "delete from": self._rows,
            "set": self._set,
        }
        verb = words.take(*verdicts)
        return verdicts[verb](words) if verb else [Rule.UNKNOWN]

    def _is_new(self, table: str) -> bool:
        return table in self.new_tables or table not in self.catalog.tables

    def _reads_old(self, tokens: list[Token]) -> bool:
        return any(
            token.kind in ("word", "quoted") and not self._is_new(token.text) for token in tokens
        )

    def _make(self, words: Words) -> list[Rule]:
        words.take("if not exists")
        self.made.add(words.name())
        return []

    def _alter_named(self, words: Words) -> list[Rule]:
        words.take("if exists")
        if words.name() in self.made or self.is_contract:
            return []
        rest = words.rest()
        if has_phrase(rest, "rename to") or has_phrase(rest, "set schema"):
            return [Rule.RENAMES]
        # A function has the rights of its owner, or of whoever calls it.
        narrows = has_phrase(rest, "owner to") or has_phrase(rest, "security invoker")
        return [Rule.NARROWS] if narrows else []

    def _select(self, words: Words) -> list[Rule]:
        rest = words.rest()
        if any(_CALLS_THAT_DISTURB.match(token.text) for token in rest if token.kind != "string"):
            return [Rule.UNKNOWN]
        locks = any(has_phrase(rest, phrase) for phrase in _ROW_LOCKS)
        return [Rule.BATCHES] if locks and self.is_atomic and self._reads_old(rest) else []

    def _insert(self, words: Words) -> list[Rule]:
        words.name()
        given = before(words.rest(), "on conflict", "returning")
        # Rows that are written out are few; those of a query are as many as it finds.
        from_query = not stands_outside(given, "values")
        if from_query and self.is_atomic and self._reads_old(given):
            return [Rule.BATCHES]
        return self._select(words)

    def _create_table(self, words: Words) -> list[Rule]:
        words.take("if not exists")
        self.new_tables.add(words.name())
        # Rows of others would be read into it, under who knows what.
        return [Rule.UNKNOWN] if has_phrase(words.rest(), "as select") else []

    def _create_index(self, words: Words) -> list[Rule]:
        concurrently = words.take("concurrently")
        words.take("if not exists")
        if not words.take("on"):
            words.name()
            words.take("on")
        words.take("only")
        return [] if concurrently or self._is_new(words.name()) else [Rule.INDEX]

    def _drop_index(self, words: Words) -> list[Rule]:
        concurrently = words.take("concurrently")
        words.take("if exists")
        table = self.catalog.index_tables.get(words.name(), "")
        return [] if concurrently or self._is_new(table) else [Rule.INDEX]

    def _alter_index(self, words: Words) -> list[Rule]:
        # No code names an index, and a new name waits for nobody who reads or writes.
        return [] if has_phrase(words.rest(), "rename to") else [Rule.UNKNOWN]

    def _drop_table(self, words: Words) -> list[Rule]:
        words.take("if exists")
        return [] if self._is_new(words.name()) or self.is_contract else [Rule.DROPS]

    def _of_table(self, words: Words) -> list[Rule]:
        # A lock that no reader meets, for a moment; lock_timeout gives up if that takes long.
        return [] if has_phrase(words.rest(), "on") else [Rule.UNKNOWN]

    def _create_policy(self, words: Words) -> list[Rule]:
        restricts = has_phrase(words.rest(), "as restrictive")
        return self._narrow(words) if restricts else []

    def _narrow(self, words: Words) -> list[Rule]:
        tables = [
            words.rest()[at + 1].text
            for at, token in enumerate(words.rest()[:-1])
            if token.is_word("on")
        ]
        if self.is_contract or (tables and self._is_new(tables[0])):
            return []
        return [Rule.NARROWS]

    def _drop_function(self, words: Words) -> list[Rule]:
        words.take("if exists")
        return [] if self.is_contract or words.name() in self.replaced else [Rule.NARROWS]

    def _revoke(self, words: Words) -> list[Rule]:
        rest = words.rest()
        # What a new function or the schema has by default, and no login of ours relies on.
        if has_phrase(rest, "from public") or has_phrase(rest, "create on schema"):
            return []
        return self._narrow(words)

    def _rows(self, words: Words) -> list[Rule]:
        words.take("only")
        small = not self.is_atomic or self._is_new(words.name())
        return [] if small else [Rule.BATCHES]

    def _set(self, words: Words) -> list[Rule]:
        words.take("local", "session")
        return [Rule.TIMEOUT] if words.name().endswith("_timeout") else [Rule.UNKNOWN]

    def _alter_table(self, words: Words) -> list[Rule]:
        words.take("if exists")
        words.take("only")
        table = words.name()
        if self._is_new(table):
            return []
        return [
            rule for part in subcommands(words.rest()) for rule in self._change(table, Words(part))
        ]

    def _change(self, table: str, words: Words) -> list[Rule]:
        if words.take("rename"):
            return [Rule.RENAMES]
        if words.take("add constraint"):
            return self._add_constraint(words)
        if words.take("validate constraint"):
            return [Rule.CONSTRAINT] if words.name() in self.unvalidated else []
        if words.take("drop constraint"):
            words.take("if exists")
            kind = self.catalog.constraints.get((table, words.name()), "u")
            return [] if kind in "cf" or self.is_contract else [Rule.NARROWS]
        if words.take("add column"):
            return self._add_column(words)
        if words.take("alter column", "alter"):
            return self._alter_column(table, words.name(), words)
        if words.take("drop column"):
            return [] if self.is_contract else [Rule.DROPS]
        if words.take("enable row level", "force row level", "disable row level", "no force"):
            return [] if self.is_contract else [Rule.NARROWS]
        return [Rule.UNKNOWN]

    def _add_constraint(self, words: Words) -> list[Rule]:
        name = words.name()
        rest = words.rest()
        if has_phrase(rest, "not valid"):
            self.unvalidated.add(name)
            return []
        if has_phrase(rest, "using index"):
            return []
        is_key = words.take("unique", "primary key", "exclude")
        return [Rule.UNIQUE if is_key else Rule.CONSTRAINT]

    def _add_column(self, words: Words) -> list[Rule]:
        words.take("if not exists")
        words.name()
        rest = words.rest()
        default = _default_of(rest)
        is_made = any(token.is_word("generated", "serial", "bigserial") for token in rest)
        found = []
        if is_made or (default and not _is_constant(default)):
            found.append(Rule.REWRITES)
        elif has_phrase(rest, "not null") and not default:
            found.append(Rule.NOT_NULL)
        if any(token.is_word("unique", "primary") for token in rest):
            found.append(Rule.UNIQUE)
        # Without a default PostgreSQL knows that there is nothing to look at.
        refers = any(token.is_word("references") for token in rest)
        if (refers and default) or any(token.is_word("check") for token in rest):
            found.append(Rule.CONSTRAINT)
        return found

    def _alter_column(self, table: str, column: str, words: Words) -> list[Rule]:
        if words.take("drop not null", "set default", "set statistics"):
            return []
        if words.take("drop default"):
            return [] if self.is_contract else [Rule.NOT_NULL]
        if words.take("set not null"):
            is_known = self.catalog.is_never_null(table, column)
            return [] if is_known else [Rule.NOT_NULL]
        if words.take("type", "set data type"):
            new = "".join(token.text for token in words.rest())
            # A cast to the type itself is what would be done without USING too.
            new = re.sub(rf"using{re.escape(column)}::\w+(\(\d+\))?$", "", new)
            old = self.catalog.types.get((table, column), "")
            return [] if _is_wider(old, new) else [Rule.REWRITES]
        return [Rule.UNKNOWN]


def _default_of(tokens: list[Token]) -> list[Token]:
    """Return the expression of DEFAULT in the definition of a column, empty if it has none."""
    starts = [at for at, token in enumerate(tokens) if token.is_word("default")]
    if not starts:
        return []
    rest = tokens[starts[0] + 1 :]
    ends = ("not", "null", "constraint", "references", "check", "unique", "primary", "collate")
    # The first word belongs to it whatever it is: DEFAULT NULL.
    later = [at for at, token in enumerate(rest) if at and token.is_word(*ends)]
    return rest[: later[0]] if later else rest


def _is_constant(expression: list[Token]) -> bool:
    """Tell whether one value serves every row: then PostgreSQL keeps it beside the table."""
    calls = {
        token.text
        for token, following in pairwise(expression)
        if token.kind in ("word", "quoted") and following.text == "("
    }
    types = {"varchar", "numeric", "char", "character", "varying", "timestamp"}
    return calls <= _FUNCTIONS_THAT_ARE_CONSTANT | types and not has_phrase(expression, "select")


def _is_wider(old: str, new: str) -> bool:
    """Tell whether a column gets the new type without a look at its rows."""
    before, after = _VARCHAR.match(old), _VARCHAR.match(new.replace("charactervarying", "varchar"))
    if not before:
        return False
    if new == "text" or (after and after[1] is None):
        return True
    return bool(after and before[1] and int(after[1]) >= int(before[1]))
