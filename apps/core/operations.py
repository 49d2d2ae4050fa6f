"""Migration operations that more than one app needs."""

from typing import Any

from django.db.migrations.operations import RunSQL

from apps.core.tenancy import SERVICE_ROLE

_TOUCH = """
CREATE OR REPLACE FUNCTION easel_touch_updated_at() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at := clock_timestamp();
    RETURN NEW;
END
$$
"""
_REFUSE = """
CREATE OR REPLACE FUNCTION easel_refuse_change() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE insufficient_privilege USING MESSAGE = 'rows of ' || TG_TABLE_NAME || ' stay as they are';
END
$$
"""
_GUARD = """
CREATE FUNCTION {table}_guard_columns() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF ({raised}) AND current_user <> '{service_role}' AND current_user <> (
        SELECT tableowner FROM pg_tables WHERE tablename = '{table}'
    ) THEN
        RAISE insufficient_privilege USING
            MESSAGE = 'only the service role may give these rights';
    END IF;
    RETURN NEW;
END
$$
"""
# A missing setting is NULL; one that a transaction has set is '' after it on that connection.
TENANT = "(SELECT nullif(current_setting('app.current_user_id', true), '')::uuid)"


class KeepUpdatedAt(RunSQL):
    """Add the trigger that sets `updated_at` on every UPDATE of `table`.

    In PostgreSQL, not in `save()`, because `QuerySet.update()` and raw SQL change rows too.
    """

    def __init__(self, table: str) -> None:
        self.table = table
        super().__init__(
            sql=[
                _TOUCH,
                (
                    f'CREATE TRIGGER touch_updated_at BEFORE UPDATE ON "{table}" '
                    "FOR EACH ROW EXECUTE FUNCTION easel_touch_updated_at()"
                ),
            ],
            reverse_sql=[f'DROP TRIGGER touch_updated_at ON "{table}"'],
        )

    def deconstruct(self) -> tuple[str, list[str], dict[str, object]]:
        return (self.__class__.__qualname__, [self.table], {})

    def describe(self) -> str:
        return f"Keep updated_at of {self.table}"


class AppendOnly(RunSQL):
    """Let rows of `table` be added, and refuse that anybody updates or deletes one."""

    def __init__(self, table: str) -> None:
        self.table = table
        super().__init__(
            sql=[
                _REFUSE,
                (
                    f'CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON "{table}" '
                    "FOR EACH ROW EXECUTE FUNCTION easel_refuse_change()"
                ),
            ],
            reverse_sql=[f'DROP TRIGGER append_only ON "{table}"'],
        )

    def deconstruct(self) -> tuple[str, list[str], dict[str, object]]:
        return (self.__class__.__qualname__, [self.table], {})

    def describe(self) -> str:
        return f"Refuse changes to rows of {self.table}"


class EnableTenancy(RunSQL):
    """Put `table` under forced row-level security: each transaction sees its tenant's rows alone.

    `column` holds the owner's id. The service role sees every row.
    """

    def __init__(self, table: str, *, column: str = "user_id") -> None:
        self.table = table
        self.column = column
        own = f'"{column}" = {TENANT}'
        super().__init__(
            sql=[
                f'ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY',
                f'ALTER TABLE "{table}" FORCE ROW LEVEL SECURITY',
                f'CREATE POLICY tenant ON "{table}" USING ({own}) WITH CHECK ({own})',
                (
                    f'CREATE POLICY service ON "{table}" TO {SERVICE_ROLE} '
                    "USING (true) WITH CHECK (true)"
                ),
            ],
            reverse_sql=[
                f'DROP POLICY service ON "{table}"',
                f'DROP POLICY tenant ON "{table}"',
                f'ALTER TABLE "{table}" NO FORCE ROW LEVEL SECURITY',
                f'ALTER TABLE "{table}" DISABLE ROW LEVEL SECURITY',
            ],
        )

    def deconstruct(self) -> tuple[str, list[str], dict[str, Any]]:
        return (self.__class__.__qualname__, [self.table], {"column": self.column})

    def describe(self) -> str:
        return f"Let a transaction see its tenant's rows of {self.table} alone"


class GrantAccess(RunSQL):
    """Let the logins touch `table`: each gets what is named, the service role everything.

    `web` and `worker` are privileges as in GRANT ("SELECT, INSERT"); nothing is granted unless
    named.
    """

    def __init__(self, table: str, *, web: str = "", worker: str = "") -> None:
        self.table = table
        self.web = web
        self.worker = worker
        grants = {SERVICE_ROLE: "SELECT, INSERT, UPDATE, DELETE"}
        grants |= {f"easel_{name}": what for name, what in (("web", web), ("worker", worker))}
        super().__init__(
            sql=[f'GRANT {what} ON "{table}" TO {role}' for role, what in grants.items() if what],
            reverse_sql=[
                f'REVOKE ALL ON "{table}" FROM {role}' for role, what in grants.items() if what
            ],
        )

    def deconstruct(self) -> tuple[str, list[str], dict[str, Any]]:
        return (
            self.__class__.__qualname__,
            [self.table],
            {"web": self.web, "worker": self.worker},
        )

    def describe(self) -> str:
        return f"Grant access to {self.table}"


class ServiceOnly(RunSQL):
    """Keep `table`, whose rows are of all tenants together, for the service role alone.

    Under forced row-level security, so that not even a grant by mistake shows a row. `access` is
    what the service role may do.
    """

    def __init__(self, table: str, *, access: str = "SELECT, INSERT, UPDATE, DELETE") -> None:
        self.table = table
        self.access = access
        super().__init__(
            sql=[
                f'ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY',
                f'ALTER TABLE "{table}" FORCE ROW LEVEL SECURITY',
                (
                    f'CREATE POLICY service ON "{table}" TO {SERVICE_ROLE} '
                    "USING (true) WITH CHECK (true)"
                ),
                f'GRANT {access} ON "{table}" TO {SERVICE_ROLE}',
            ],
            reverse_sql=[
                f'REVOKE ALL ON "{table}" FROM {SERVICE_ROLE}',
                f'DROP POLICY service ON "{table}"',
                f'ALTER TABLE "{table}" NO FORCE ROW LEVEL SECURITY',
                f'ALTER TABLE "{table}" DISABLE ROW LEVEL SECURITY',
            ],
        )

    def deconstruct(self) -> tuple[str, list[str], dict[str, Any]]:
        return (self.__class__.__qualname__, [self.table], {"access": self.access})

    def describe(self) -> str:
        return f"Keep {self.table} for the service role"


class TenantReference(RunSQL):
    """Tie `column` of `table` to a row of `target` that belongs to the same user.

    `target` needs a unique key on (user_id, id). A foreign key on the id alone would let a row of
    one tenant be tied to a row of another, since foreign keys do not look at policies.
    """

    def __init__(self, table: str, column: str, *, target: str) -> None:
        self.table = table
        self.column = column
        self.target = target
        name = f"{table}_{column}_of_tenant"
        super().__init__(
            sql=[
                (
                    f'ALTER TABLE "{table}" ADD CONSTRAINT {name} '
                    f'FOREIGN KEY (user_id, "{column}") REFERENCES "{target}" (user_id, id)'
                )
            ],
            reverse_sql=[f'ALTER TABLE "{table}" DROP CONSTRAINT {name}'],
        )

    def deconstruct(self) -> tuple[str, list[str], dict[str, Any]]:
        return (self.__class__.__qualname__, [self.table, self.column], {"target": self.target})

    def describe(self) -> str:
        return f"Tie {self.column} of {self.table} to {self.target} of the same user"


class GuardColumns(RunSQL):
    """Refuse that a login writes `columns` of `table` otherwise than false: they give rights.

    The service role and the owner of the table may.
    """

    def __init__(self, table: str, columns: list[str]) -> None:
        self.table = table
        self.columns = columns
        raised = " OR ".join(
            f"(NEW.{column} AND (TG_OP = 'INSERT' OR NOT OLD.{column}))" for column in columns
        )
        super().__init__(
            sql=[
                _GUARD.format(table=table, raised=raised, service_role=SERVICE_ROLE),
                (
                    f'CREATE TRIGGER guard_columns BEFORE INSERT OR UPDATE ON "{table}" '
                    f"FOR EACH ROW EXECUTE FUNCTION {table}_guard_columns()"
                ),
            ],
            reverse_sql=[
                f'DROP TRIGGER guard_columns ON "{table}"',
                f"DROP FUNCTION {table}_guard_columns()",
            ],
        )

    def deconstruct(self) -> tuple[str, list[Any], dict[str, object]]:
        return (self.__class__.__qualname__, [self.table, self.columns], {})

    def describe(self) -> str:
        return f"Guard {', '.join(self.columns)} of {self.table}"


class ServiceFunction(RunSQL):
    """Add a SECURITY DEFINER function that looks beyond the tenant, for the `callers` named.

    `signature` is name and argument types ("f(text)"); `definition` is what follows
    "CREATE FUNCTION", down to its body, without the security clauses.
    """

    def __init__(self, signature: str, *, definition: str, callers: list[str]) -> None:
        self.signature = signature
        self.definition = definition
        self.callers = callers
        roles = ", ".join(f"easel_{caller}" for caller in self.callers)
        super().__init__(
            sql=[
                f"CREATE FUNCTION {definition}",
                # A caller's own pg_temp or schema must not decide what a name in it means.
                f"ALTER FUNCTION {signature} SECURITY DEFINER SET search_path = public, pg_temp",
                f"REVOKE ALL ON FUNCTION {signature} FROM PUBLIC",
                f"GRANT EXECUTE ON FUNCTION {signature} TO {roles}",
                # The new owner must be allowed to own something here, for this moment.
                f"GRANT CREATE ON SCHEMA public TO {SERVICE_ROLE}",
                f"ALTER FUNCTION {signature} OWNER TO {SERVICE_ROLE}",
                f"REVOKE CREATE ON SCHEMA public FROM {SERVICE_ROLE}",
            ],
            reverse_sql=[
                f"SET LOCAL ROLE {SERVICE_ROLE}",
                f"DROP FUNCTION {signature}",
                "SET LOCAL ROLE NONE",
            ],
        )

    def deconstruct(self) -> tuple[str, list[str], dict[str, Any]]:
        return (
            self.__class__.__qualname__,
            [self.signature],
            {"definition": self.definition, "callers": self.callers},
        )

    def describe(self) -> str:
        return f"Add the function {self.signature} for {', '.join(self.callers)}"


def _steps(statements: Any) -> list[str]:
    """Return the statements of an operation, which Django's types leave open."""
    return list(statements)


class ReplaceServiceFunction(RunSQL):
    """Put a function of `ServiceFunction` in the place of another, with the same callers."""

    def __init__(
        self,
        signature: str,
        *,
        definition: str,
        callers: list[str],
        replaces: str,
        replaced_definition: str,
    ) -> None:
        self.signature = signature
        self.definition = definition
        self.callers = callers
        self.replaces = replaces
        self.replaced_definition = replaced_definition
        new = ServiceFunction(signature, definition=definition, callers=callers)
        old = ServiceFunction(replaces, definition=replaced_definition, callers=callers)
        super().__init__(
            sql=[*_steps(old.reverse_sql), *_steps(new.sql)],
            reverse_sql=[*_steps(new.reverse_sql), *_steps(old.sql)],
        )

    def deconstruct(self) -> tuple[str, list[str], dict[str, Any]]:
        return (
            self.__class__.__qualname__,
            [self.signature],
            {
                "definition": self.definition,
                "callers": self.callers,
                "replaces": self.replaces,
                "replaced_definition": self.replaced_definition,
            },
        )

    def describe(self) -> str:
        return f"Put the function {self.signature} in the place of {self.replaces}"


class ServiceTrigger(RunSQL):
    """Run `body` (PL/pgSQL, with DECLARE if it needs one) for each row of an INSERT, or of `on`.

    It runs as the service role, so that it may write what the login that inserts may not. A
    `deferred` one runs at the end of the transaction and sees all that the transaction did. One
    of DELETE may run once a statement instead, and find what has gone in a table named `old_rows`.
    """

    def __init__(
        self,
        name: str,
        *,
        table: str,
        body: str,
        on: str = "INSERT",
        deferred: bool = False,
        old_rows: str = "",
    ) -> None:
        self.on = on
        self.old_rows = old_rows
        self.name = name
        self.table = table
        self.body = body
        self.deferred = deferred
        kind, when = ("CONSTRAINT TRIGGER", "DEFERRABLE INITIALLY DEFERRED")
        if not deferred:
            kind, when = "TRIGGER", ""
        each = f"REFERENCING OLD TABLE AS {old_rows} FOR EACH STATEMENT"
        if not old_rows:
            each = "FOR EACH ROW"
        super().__init__(
            sql=[
                f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $${body}$$",
                # While we own it: afterwards we may not call it any more.
                (
                    f'CREATE {kind} {name} AFTER {on} ON "{table}" {when} '
                    f"{each} EXECUTE FUNCTION {name}()"
                ),
                f"ALTER FUNCTION {name}() SECURITY DEFINER SET search_path = public, pg_temp",
                f"REVOKE ALL ON FUNCTION {name}() FROM PUBLIC",
                f"GRANT CREATE ON SCHEMA public TO {SERVICE_ROLE}",
                f"ALTER FUNCTION {name}() OWNER TO {SERVICE_ROLE}",
                f"REVOKE CREATE ON SCHEMA public FROM {SERVICE_ROLE}",
            ],
            reverse_sql=[
                f'DROP TRIGGER {name} ON "{table}"',
                f"SET LOCAL ROLE {SERVICE_ROLE}",
                f"DROP FUNCTION {name}()",
                "SET LOCAL ROLE NONE",
            ],
        )

    def deconstruct(self) -> tuple[str, list[str], dict[str, Any]]:
        return (
            self.__class__.__qualname__,
            [self.name],
            {
                "table": self.table,
                "body": self.body,
                "on": self.on,
                "deferred": self.deferred,
                "old_rows": self.old_rows,
            },
        )

    def describe(self) -> str:
        unit = "statement on" if self.old_rows else "row of"
        return f"Run {self.name} for each {unit} {self.table}"
