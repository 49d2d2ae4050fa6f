"""Which migrations are refused, judged by the SQL that they run on a real PostgreSQL."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.postgres.operations import (
    AddConstraintNotValid,
    AddIndexConcurrently,
    RemoveIndexConcurrently,
    ValidateConstraint,
)
from django.db import migrations, models, transaction
from django.db.migrations.operations.base import Operation
from django.db.models.functions import Now

from apps.core.operations import (
    EnableTenancy,
    GrantAccess,
    KeepUpdatedAt,
    ReplaceServiceFunction,
)
from config.local.migration_safety.findings import Rule
from tests.release.probes import Probe, make_migration

INDEX = models.Index(fields=["title"], name="probe_title")
POSITIVE = models.CheckConstraint(condition=models.Q(size__gte=0), name="probe_positive")
UNIQUE = models.UniqueConstraint(fields=["title"], name="probe_one_title")


def add(field: Any, name: str = "more") -> Operation:
    return migrations.AddField("picture", name, field)


def sql(statement: str) -> Operation:
    return migrations.RunSQL(statement, migrations.RunSQL.noop)


def nothing(apps: Any, schema_editor: Any) -> None:
    del apps, schema_editor


HARMLESS: dict[str, Operation] = {
    "nullable column": add(models.TextField(null=True)),
    "column with a default of the database": add(models.IntegerField(db_default=3)),
    "column with the time of now": add(models.DateTimeField(db_default=Now())),
    "nullable foreign key": add(
        models.ForeignKey("probe.Frame", models.CASCADE, null=True, db_index=False)
    ),
    "table with index, key and constraint": migrations.CreateModel(
        "Print",
        [
            ("id", models.BigAutoField(primary_key=True)),
            ("picture", models.ForeignKey("probe.Picture", models.CASCADE)),
            ("size", models.IntegerField(unique=True)),
        ],
        options={"indexes": [models.Index(fields=["size"], name="probe_print_size")]},
    ),
    "column becomes nullable": migrations.AlterField(
        "picture", "title", models.CharField(max_length=50, null=True)
    ),
    "longer text": migrations.AlterField("picture", "title", models.CharField(max_length=80)),
    "unlimited text": migrations.AlterField("picture", "title", models.TextField()),
    "constraint that trusts old rows": AddConstraintNotValid("picture", POSITIVE),
    "words for people": migrations.AlterModelOptions("picture", {"verbose_name": "picture"}),
    "index renamed": sql("ALTER INDEX probe_picture_note RENAME TO probe_note"),
    "trigger": sql(
        "CREATE TRIGGER more BEFORE UPDATE ON probe_picture FOR EACH ROW "
        "EXECUTE FUNCTION suppress_redundant_updates_trigger()"
    ),
    "policy that admits more": sql("CREATE POLICY more ON probe_picture USING (true)"),
    "grant": sql("GRANT SELECT ON probe_picture TO easel_web"),
    "function with semicolons": sql(
        "CREATE FUNCTION probe_more() RETURNS int LANGUAGE plpgsql AS "
        "$$ BEGIN DROP TABLE probe_picture; RETURN 1; END $$"
    ),
    "column leaves the model alone": migrations.SeparateDatabaseAndState(
        state_operations=[migrations.RemoveField("picture", "note")]
    ),
    "rows of a new kind": sql("INSERT INTO probe_frame DEFAULT VALUES"),
    "rows written out": sql(
        "INSERT INTO probe_frame (id) VALUES ((SELECT count(*) FROM probe_picture) + 7) "
        "ON CONFLICT (id) DO NOTHING RETURNING probe_frame.id"
    ),
    "rows of a list": sql(
        'INSERT INTO probe_frame (id) SELECT * FROM UNNEST(ARRAY[7, 8]) RETURNING "probe_frame".id'
    ),
    "rows that are looked at": sql("SELECT size FROM probe_picture"),
    "rows of a new table": sql(
        "CREATE TABLE probe_copy (id bigint); SELECT id FROM probe_copy FOR UPDATE; "
        "INSERT INTO probe_frame (id) SELECT id FROM probe_copy"
    ),
    "function made and given away": sql(
        "CREATE FUNCTION probe_more() RETURNS int LANGUAGE sql AS 'SELECT 1'; "
        "ALTER FUNCTION probe_more() RENAME TO probe_most; "
        "ALTER FUNCTION public.probe_most() SET search_path = public"
    ),
    "function that is planned otherwise": sql("ALTER FUNCTION probe_size(int) STABLE"),
    "sequence made and renamed": sql(
        "CREATE SEQUENCE probe_turn; ALTER SEQUENCE probe_turn RENAME TO probe_turns"
    ),
    "sequence that counts otherwise": sql("ALTER SEQUENCE probe_frame_id_seq INCREMENT BY 2"),
}
REFUSED: dict[str, tuple[Operation, Rule]] = {
    "column dropped": (migrations.RemoveField("picture", "note"), Rule.DROPS),
    "table dropped": (migrations.DeleteModel("Frame"), Rule.DROPS),
    "column dropped by SQL": (sql("ALTER TABLE probe_picture DROP COLUMN note"), Rule.DROPS),
    "the same in odd shape": (
        sql('alter /* ; */ table only "public" . "probe_picture" drop column "note"'),
        Rule.DROPS,
    ),
    "table dropped by SQL": (sql("DROP TABLE probe_frame"), Rule.DROPS),
    "column renamed": (migrations.RenameField("picture", "note", "remark"), Rule.RENAMES),
    "table renamed": (migrations.RenameModel("Frame", "Border"), Rule.RENAMES),
    "table renamed by option": (migrations.AlterModelTable("frame", "border"), Rule.RENAMES),
    "renamed by SQL": (sql("ALTER TABLE probe_frame RENAME TO probe_border"), Rule.RENAMES),
    "type changed": (
        migrations.AlterField("picture", "size", models.BigIntegerField()),
        Rule.REWRITES,
    ),
    "text cut": (
        migrations.AlterField("picture", "title", models.CharField(max_length=20)),
        Rule.REWRITES,
    ),
    "default that differs by row": (
        sql("ALTER TABLE probe_picture ADD COLUMN more uuid DEFAULT gen_random_uuid()"),
        Rule.REWRITES,
    ),
    "column that is counted": (
        sql("ALTER TABLE probe_picture ADD COLUMN more bigint GENERATED ALWAYS AS IDENTITY"),
        Rule.REWRITES,
    ),
    "column with a default of Django alone": (add(models.IntegerField(default=0)), Rule.NOT_NULL),
    "column must have a value": (
        migrations.AlterField("picture", "note", models.CharField(max_length=50, default="")),
        Rule.NOT_NULL,
    ),
    "index": (migrations.AddIndex("picture", INDEX), Rule.INDEX),
    "index by SQL": (sql("CREATE INDEX more ON probe_picture (size)"), Rule.INDEX),
    "index dropped": (sql("DROP INDEX probe_picture_note"), Rule.INDEX),
    "field with an index": (add(models.IntegerField(null=True, db_index=True)), Rule.INDEX),
    "foreign key with its index": (
        add(models.ForeignKey("probe.Frame", models.CASCADE, null=True)),
        Rule.INDEX,
    ),
    "unique together": (migrations.AddConstraint("picture", UNIQUE), Rule.UNIQUE),
    "unique field": (add(models.TextField(null=True, unique=True)), Rule.UNIQUE),
    "constraint": (migrations.AddConstraint("picture", POSITIVE), Rule.CONSTRAINT),
    "foreign key by SQL": (
        sql("ALTER TABLE probe_picture ADD FOREIGN KEY (size) REFERENCES probe_frame (id)"),
        Rule.UNKNOWN,
    ),
    "named foreign key by SQL": (
        sql(
            "ALTER TABLE probe_picture ADD CONSTRAINT f "
            "FOREIGN KEY (id) REFERENCES probe_frame (id)"
        ),
        Rule.CONSTRAINT,
    ),
    "constraint trusted and checked at once": (
        sql(
            "ALTER TABLE probe_picture ADD CONSTRAINT c CHECK (size >= 0) NOT VALID; "
            "ALTER TABLE probe_picture VALIDATE CONSTRAINT c"
        ),
        Rule.CONSTRAINT,
    ),
    "two changes in one statement": (
        sql("ALTER TABLE probe_picture ADD COLUMN a int, DROP COLUMN note"),
        Rule.DROPS,
    ),
    "policy that admits less": (
        sql("CREATE POLICY less ON probe_picture AS RESTRICTIVE USING (false)"),
        Rule.NARROWS,
    ),
    "row-level security": (EnableTenancy("probe_picture", column="id"), Rule.NARROWS),
    "trigger dropped": (sql("DROP TRIGGER touch ON probe_picture"), Rule.NARROWS),
    "function dropped": (sql("DROP FUNCTION probe_size(int)"), Rule.NARROWS),
    "function renamed": (
        sql("ALTER FUNCTION probe_size(int) RENAME TO probe_extent"),
        Rule.RENAMES,
    ),
    "function moved": (
        sql("CREATE SCHEMA hidden; ALTER FUNCTION probe_size(int) SET SCHEMA hidden"),
        Rule.RENAMES,
    ),
    "function given away": (
        sql("ALTER FUNCTION probe_size(int) OWNER TO easel_owner"),
        Rule.NARROWS,
    ),
    "function of who calls it": (
        sql("ALTER FUNCTION probe_size(int) SECURITY INVOKER"),
        Rule.NARROWS,
    ),
    "sequence renamed": (
        sql("ALTER SEQUENCE probe_frame_id_seq RENAME TO probe_turns"),
        Rule.RENAMES,
    ),
    "right taken": (sql("REVOKE SELECT ON probe_picture FROM easel_web"), Rule.NARROWS),
    "all rows at once": (sql("UPDATE probe_picture SET size = 1"), Rule.BATCHES),
    "rows of a whole table": (
        sql("INSERT INTO probe_frame (id) SELECT id + 1000 FROM probe_picture"),
        Rule.BATCHES,
    ),
    "rows of a whole table in brackets": (
        sql("INSERT INTO probe_frame (id) (SELECT id + 1000 FROM public.probe_picture)"),
        Rule.BATCHES,
    ),
    "locked rows": (sql("SELECT id FROM probe_picture FOR UPDATE"), Rule.BATCHES),
    "locked rows for a key": (sql("SELECT id FROM probe_picture FOR KEY SHARE"), Rule.BATCHES),
    "lock of a number": (sql("SELECT pg_advisory_lock(1)"), Rule.UNKNOWN),
    "lock of a number in a list": (
        sql("INSERT INTO probe_frame SELECT 7 FROM pg_advisory_xact_lock(1)"),
        Rule.UNKNOWN,
    ),
    "hidden in a block": (
        sql("DO $$ BEGIN ALTER TABLE probe_picture DROP COLUMN note; END $$"),
        Rule.UNKNOWN,
    ),
    "lock by hand": (sql("LOCK TABLE probe_picture"), Rule.UNKNOWN),
    "emptied": (sql("TRUNCATE probe_picture"), Rule.UNKNOWN),
    "without limit": (sql("SET lock_timeout = 0"), Rule.TIMEOUT),
    "no way back": (migrations.RunPython(nothing), Rule.REVERSE),
    "no way back from SQL": (migrations.RunSQL("SELECT 1"), Rule.REVERSE),
}


@pytest.mark.parametrize("name", HARMLESS)
def test_what_disturbs_nobody_is_admitted(name: str, probe: Probe) -> None:
    _state, found = probe.apply(make_migration(clone(HARMLESS[name])), probe.state)

    assert [str(finding) for finding in found] == []


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_lock_or_drop_is_refused(name: str, probe: Probe) -> None:
    operation, rule = REFUSED[name]
    if name == "row-level security":
        probe.execute("ALTER TABLE probe_picture ADD COLUMN user_id uuid")
        operation = EnableTenancy("probe_picture")

    _state, found = probe.apply(make_migration(clone(operation)), probe.state)

    assert rule in {finding.rule for finding in found}
    assert all(str(finding.rule) in str(finding) for finding in found)


@pytest.mark.parametrize(
    ("operation", "mark", "refused"),
    [
        (migrations.RemoveField("picture", "note"), "1.4", set()),
        (migrations.DeleteModel("Frame"), "1.4.9", set()),
        (sql("DROP TRIGGER touch ON probe_picture"), "1.0", set()),
        (sql("ALTER FUNCTION probe_size(int) OWNER TO easel_owner"), "1.0", set()),
        # This release still runs while it is put in the place of the one before.
        (migrations.RemoveField("picture", "note"), "1.5.0", {Rule.CONTRACT_MARK, Rule.DROPS}),
        (migrations.RemoveField("picture", "note"), "1.10", {Rule.CONTRACT_MARK, Rule.DROPS}),
        (migrations.RemoveField("picture", "note"), "soon", {Rule.CONTRACT_MARK, Rule.DROPS}),
        # A mark is for what is taken away; it excuses no lock.
        (migrations.RenameField("picture", "note", "remark"), "1.4", {Rule.RENAMES}),
        (migrations.AddIndex("picture", INDEX), "1.4", {Rule.INDEX}),
    ],
)
def test_a_contract_step_names_an_older_release(
    operation: Operation, mark: str, refused: set[Rule], probe: Probe
) -> None:
    migration = make_migration(clone(operation), contract=mark)

    _state, found = probe.apply(migration, probe.state)

    assert {finding.rule for finding in found} == refused


def test_an_index_is_made_concurrently_in_a_migration_of_its_own(probe: Probe) -> None:
    make = make_migration(AddIndexConcurrently("picture", INDEX), atomic=False)
    state, found = probe.apply(make, probe.state)
    remove = make_migration(RemoveIndexConcurrently("picture", "probe_title"), atomic=False)
    _state, found_then = probe.apply(remove, state)

    assert found + found_then == []


@pytest.mark.parametrize(
    "operation",
    [add(models.TextField(null=True)), sql("ALTER TABLE probe_picture ADD COLUMN more int")],
)
def test_without_a_transaction_nothing_else_is_done(operation: Operation, probe: Probe) -> None:
    migration = make_migration(clone(operation), atomic=False)

    _state, found = probe.apply(migration, probe.state)

    assert [finding.rule for finding in found] == [Rule.NOT_ATOMIC]


def test_a_column_becomes_required_in_three_migrations(probe: Probe) -> None:
    given = models.CheckConstraint(condition=models.Q(note__isnull=False), name="probe_given")
    steps: list[Callable[[], Operation]] = [
        lambda: AddConstraintNotValid("picture", given),
        lambda: ValidateConstraint("picture", "probe_given"),
        lambda: sql("ALTER TABLE probe_picture ALTER COLUMN note SET NOT NULL"),
    ]
    state = probe.state
    for step in steps:
        state, found = probe.apply(make_migration(step()), state)
        assert [str(finding) for finding in found] == []


def test_a_check_that_was_not_validated_does_not_count(probe: Probe) -> None:
    given = models.CheckConstraint(condition=models.Q(note__isnull=False), name="probe_given")
    state, _found = probe.apply(
        make_migration(AddConstraintNotValid("picture", given)), probe.state
    )

    require = sql("ALTER TABLE probe_picture ALTER COLUMN note SET NOT NULL")
    _state, found = probe.apply(make_migration(require), state)

    assert [finding.rule for finding in found] == [Rule.NOT_NULL]


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT id FROM probe_picture LIMIT 1000 FOR UPDATE SKIP LOCKED",
        "INSERT INTO probe_frame (id) SELECT id + 1000 FROM probe_picture LIMIT 1000",
    ],
)
def test_rows_are_worked_on_in_batches(statement: str, probe: Probe) -> None:
    def fill(apps: Any, schema_editor: Any) -> None:
        del apps
        with transaction.atomic(using=schema_editor.connection.alias):
            schema_editor.execute(statement)

    rows = migrations.RunPython(fill, migrations.RunPython.noop)

    assert probe.apply(make_migration(rows, atomic=False), probe.state)[1] == []
    found = probe.apply(make_migration(rows), probe.state)[1]
    assert [finding.rule for finding in found] == [Rule.BATCHES]


def test_tables_that_no_release_has_may_be_worked_on(probe: Probe) -> None:
    migration = make_migration(
        sql("ALTER TABLE probe_picture DROP COLUMN note"),
        KeepUpdatedAt("probe_picture"),
        GrantAccess("probe_picture", web="SELECT"),
    )

    _state, found = probe.apply(migration, probe.state, new_tables={"probe_picture"})

    assert found == []


def test_rows_and_schema_are_changed_apart(probe: Probe) -> None:
    def fill(apps: Any, schema_editor: Any) -> None:
        apps.get_model("probe", "Picture").objects.using(schema_editor.connection.alias)

    rows = migrations.RunPython(fill, migrations.RunPython.noop)
    mixed = make_migration(add(models.TextField(null=True)), rows)

    assert [finding.rule for finding in probe.apply(mixed, probe.state)[1]] == [Rule.MIXED]
    apart = make_migration(rows, atomic=False)
    assert probe.apply(apart, probe.state)[1] == []


def test_a_change_of_rows_from_python_is_seen(probe: Probe) -> None:
    def fill(apps: Any, schema_editor: Any) -> None:
        schema_editor.execute("UPDATE probe_picture SET size = 1")

    migration = make_migration(migrations.RunPython(fill, migrations.RunPython.noop))

    assert [finding.rule for finding in probe.apply(migration, probe.state)[1]] == [Rule.BATCHES]


@pytest.mark.parametrize(("old", "refused"), [("probe_twice(int)", []), ("probe_other(int)", [1])])
def test_a_function_is_replaced_by_one_that_takes_the_same(
    old: str, refused: list[int], probe: Probe
) -> None:
    name = old.partition("(")[0]
    body = "(n int) RETURNS int LANGUAGE sql AS 'SELECT $1 * 2'"
    with probe.connection.cursor() as cursor:
        cursor.execute("GRANT CREATE ON SCHEMA public TO easel_service")
        cursor.execute(f"CREATE FUNCTION {name}{body}")
        cursor.execute(f"ALTER FUNCTION {old} OWNER TO easel_service")
    replace = ReplaceServiceFunction(
        "probe_twice(int)",
        definition=f"probe_twice{body}",
        callers=["web"],
        replaces=old,
        replaced_definition=f"{name}{body}",
    )

    _state, found = probe.apply(make_migration(replace), probe.state)

    assert [finding.rule for finding in found] == [Rule.NARROWS for _one in refused]


def clone(operation: Operation) -> Operation:
    """Make it anew: operations of a table of cases must not carry state from case to case."""
    _name, args, kwargs = operation.deconstruct()
    return type(operation)(*args, **kwargs)
