"""Every table: under a forced policy, or shared for a reason; and what each login may do to it."""

import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from django.apps import apps
from django.db import connection
from psycopg import sql

from apps.accounts.credentials import SESSION
from apps.accounts.models import Scope, User
from apps.accounts.services.keys import create_key
from apps.boards.models import MemberRole
from apps.boards.services import create_board, move_images
from apps.boards.sharing_services import add_member, create_link
from apps.catalog.models import GenerationModel
from apps.credits.costs import Shape
from apps.credits.models import ActionType
from apps.credits.services.usage import record_generation
from apps.images.services.archives import request_archive
from apps.plans.products import PLANS
from apps.plans.services.subscriptions import start_subscription
from apps.plans.tiers import GpuTier
from apps.privacy.services.requests import request_export
from config.local.addresses import LOGINS
from tests.database import login_url, session_database_url
from tests.factories import make_image, make_job, make_payment
from tests.stack import ROOT

# Tables without a tenant, each with the reason.
SHARED_TABLES = {
    "auth_group": "groups of staff: names only",
    "auth_group_permissions": "what groups of staff may do",
    "auth_permission": "names of permissions",
    "catalog_generationmodel": "models that every tenant may choose",
    "credits_measuredcost": "seconds that jobs of a kind took: no user is in it",
    "django_content_type": "names of models",
    "django_migrations": "the state of the schema",
    "generation_worker": "machines and their state; a job's id opens nothing without its tenant",
    "plans_trialperson": "keyed digests of persons who had a trial; outlives accounts",
    "django_session": "read before a tenant is known; its key is the secret",
}
# Tables of all tenants together that only the service role sees, under a forced policy.
SERVICE_TABLES = {
    "generation_drainorder": "which workers and tiers are to take no jobs",
    "generation_jobtally": "how many jobs of a kind ended: no user is in it",
    "generation_tallymark": "until when they are counted",
    "plans_stripemark": "until when every event of Stripe has come",
} | {
    # Copies of what Stripe has of all customers; the tables of secrets take no rows at all.
    model._meta.db_table: "dj-stripe's"
    for model in apps.get_app_config("djstripe").get_models(include_auto_created=True)
}
TABLES_OF_SECRETS = ("djstripe_apikey", "djstripe_webhookendpoint")
# What the logins that serve users may do with a shared table; with the others nothing.
SHARED_ACCESS = {
    "easel_web": {
        "catalog_generationmodel": {"SELECT"},
        "credits_measuredcost": {"SELECT"},
        "django_session": {"SELECT", "INSERT", "UPDATE", "DELETE"},
    },
    "easel_worker": {"catalog_generationmodel": {"SELECT"}},
}
# All that a worker, which opens hostile files, may touch at all.
WORKER_TABLES = {
    "boards_board",
    "catalog_generationmodel",
    "credits_grant",
    "credits_grantbalance",
    "credits_hold",
    "credits_posting",
    "credits_usagerecord",
    "generation_job",
    "generation_lane",
    "images_image",
    "images_storageuse",
    "plans_subscription",
}
# Tables whose rows belong to the user named in another column than user_id.
OWNER_COLUMNS = {"accounts_user": "id"}
# What admits others to read, and what keeps it from admitting too much: by table and name.
READERS = ["easel_ops", "easel_web"]
SHARED_POLICIES: dict[str, dict[str, tuple[str, list[str]]]] = {
    "boards_board": {"shared": ("PERMISSIVE", READERS)},
    "images_image": {
        "shared": ("PERMISSIVE", READERS),
        "shared_shown": ("RESTRICTIVE", READERS),
    },
}
SERVING_LOGINS = ("easel_web", "easel_worker")
PRIVILEGES = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")

# Every place that works across tenants, and how often it does.
SERVICE_SCOPES = {
    "apps/accounts/middleware.py": 1,  # staff in the admin
    "apps/accounts/services/users.py": 1,  # rights that a provider's group gives
    "apps/core/health.py": 1,
    "apps/credits/services/audit.py": 1,
    "apps/credits/services/costs.py": 1,
    "apps/credits/services/ledger.py": 1,
    "apps/credits/services/grants.py": 2,
    "apps/credits/services/notices.py": 1,
    "apps/generation/management/commands/bootstrap_local.py": 1,
    "apps/generation/management/commands/doctor.py": 1,
    "apps/generation/management/commands/generate.py": 1,
    "apps/generation/fleet.py": 2,
    "apps/generation/services/dead_letters.py": 2,
    "apps/generation/services/leases.py": 3,
    "apps/generation/services/operations.py": 3,
    "apps/generation/services/tallies.py": 1,
    "apps/generation/tallies.py": 1,
    "apps/generation/services/leftovers.py": 1,
    "apps/generation/services/workers.py": 3,
    "apps/plans/api/staff_views.py": 2,  # tester grants, once the rights are known
    "apps/plans/services/enterprise.py": 2,
    "apps/images/services/archive_making.py": 1,
    "apps/images/services/archives.py": 1,
    "apps/images/services/library.py": 1,
    "apps/images/services/orphans.py": 2,
    "apps/images/services/purges.py": 1,
    "apps/images/services/retention.py": 3,
    "apps/plans/services/notices.py": 9,
    "apps/plans/services/customers.py": 2,
    "apps/plans/services/reconciliation.py": 5,
    "apps/plans/services/reversals.py": 2,
    "apps/plans/services/stripe_events.py": 1,
    "apps/privacy/services/deletions.py": 1,
    "apps/privacy/services/requests.py": 2,
}

pytestmark = pytest.mark.django_db


def rows(query: str, *parameters: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return list(cursor.fetchall())


def all_tables() -> set[str]:
    found = rows(
        "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p')"
        " AND relnamespace = 'public'::regnamespace"
    )
    return {name for (name,) in found}


def tenant_tables() -> set[str]:
    return all_tables() - SHARED_TABLES.keys() - SERVICE_TABLES.keys()


def test_every_place_that_works_across_tenants_is_listed() -> None:
    found = {}
    for folder in ("apps", "config", "gpu_tasks"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            name = str(path.relative_to(ROOT))
            calls = len(re.findall(r"\b(?:enter_service|service_scope)\(", path.read_text()))
            if calls and name != "apps/core/tenancy.py":
                found[name] = calls

    assert found == SERVICE_SCOPES


def test_every_table_is_under_a_forced_policy_or_shared_for_a_reason() -> None:
    forced = rows(
        "SELECT relname FROM pg_class WHERE relrowsecurity AND relforcerowsecurity"
        " AND relnamespace = 'public'::regnamespace"
    )

    assert {name for (name,) in forced} == tenant_tables() | SERVICE_TABLES.keys()
    assert SHARED_TABLES.keys() | SERVICE_TABLES.keys() <= all_tables()


def test_every_policy_guards_reading_and_writing_by_the_tenant() -> None:
    policies = rows(
        "SELECT tablename, policyname, cmd, roles::text[], permissive, qual, with_check"
        " FROM pg_policies WHERE schemaname = 'public'"
    )
    by_table: dict[str, dict[str, tuple[Any, ...]]] = {}
    for table, name, *rest in policies:
        by_table.setdefault(table, {})[name] = tuple(rest)

    assert by_table.keys() == tenant_tables() | SERVICE_TABLES.keys()
    for table in SERVICE_TABLES:
        assert by_table.pop(table).keys() == {"service"}, table
    for table, found in by_table.items():
        assert found.keys() - SHARED_POLICIES.get(table, {}).keys() == {"tenant", "service"}, table
        for name, (kind, readers) in SHARED_POLICIES.get(table, {}).items():
            assert found[name][:3] == ("SELECT", readers, kind)
            assert found[name][4] is None
        command, roles, _permissive, using, check = found["tenant"]
        column = OWNER_COLUMNS.get(table, "user_id")
        assert (command, roles) == ("ALL", ["public"])
        assert using == check
        assert using.startswith(f"({column} = ( SELECT (NULLIF(current_setting(")
        assert found["service"][1] == ["easel_service"]


def test_references_between_tenant_tables_name_the_tenant() -> None:
    found = rows(
        "SELECT conrelid::regclass::text, confrelid::regclass::text, conname, array("
        "  SELECT attname::text FROM pg_attribute"
        "  WHERE attrelid = conrelid AND attnum = ANY (conkey))"
        " FROM pg_constraint WHERE contype = 'f' AND connamespace = 'public'::regnamespace"
    )
    tenants = tenant_tables()
    bad = [
        name
        for source, target, name, columns in found
        if {source, target} <= tenants and "user_id" not in columns
    ]

    assert bad == []


def test_unique_keys_that_users_can_meet_begin_with_the_tenant() -> None:
    found = rows(
        "SELECT indrelid::regclass::text, indexrelid::regclass::text,"
        " (SELECT attname::text FROM pg_attribute"
        "  WHERE attrelid = indrelid AND attnum = indkey[0])"
        " FROM pg_index WHERE indisunique AND NOT indisprimary"
    )
    # An e-mail is one in all of Easel, and nobody can choose or guess the digest of a key.
    tenants = tenant_tables() - {"accounts_user"}
    first_columns = {index: column for table, index, column in found if table in tenants}
    # A users's place in groups is keyed by both, the user first.
    del first_columns["accounts_apikey_digest_key"]
    # Stripe chose it; one customer is one user, whoever says otherwise.
    del first_columns["plans_billingaccount_stripe_customer_id_key"]
    assert set(first_columns.values()) == {"user_id"}, first_columns


def privileges_of(role: str) -> dict[str, set[str]]:
    found = rows(
        "SELECT relname, privilege FROM pg_class, unnest(%s::text[]) privilege"
        " WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace"
        " AND has_table_privilege(%s, pg_class.oid, privilege)",
        list(PRIVILEGES),
        role,
    )
    held: dict[str, set[str]] = {}
    for table, privilege in found:
        held.setdefault(table, set()).add(privilege)
    return held


@pytest.mark.parametrize("role", SERVING_LOGINS)
def test_a_serving_login_has_no_more_than_it_needs_on_shared_tables(role: str) -> None:
    held = privileges_of(role)

    shared = {table: held[table] for table in held.keys() & SHARED_TABLES.keys()}
    assert shared == SHARED_ACCESS[role]
    assert not {"TRUNCATE", "REFERENCES", "TRIGGER"} & set().union(*held.values())


@pytest.mark.parametrize("role", SERVING_LOGINS)
def test_a_serving_login_has_nothing_at_all_on_tables_of_the_service_role(role: str) -> None:
    assert not privileges_of(role).keys() & SERVICE_TABLES.keys()


def test_nobody_can_store_a_secret_of_stripe() -> None:
    for role in ("easel_web", "easel_worker", "easel_ops", "easel_service"):
        held = privileges_of(role)
        for table in TABLES_OF_SECRETS:
            assert held.get(table, set()) <= {"SELECT"}, role


def test_a_worker_touches_jobs_pictures_and_credits_alone() -> None:
    assert privileges_of("easel_worker").keys() == WORKER_TABLES


@pytest.mark.parametrize("role", LOGINS.values())
def test_no_login_can_pass_row_level_security(role: str) -> None:
    (facts,) = rows(
        "SELECT rolsuper, rolbypassrls, rolcreaterole, rolreplication FROM pg_roles"
        " WHERE rolname = %s",
        role,
    )
    owned = rows("SELECT tablename FROM pg_tables WHERE tableowner = %s", role)

    assert facts == (False, False, False, False)
    if role != LOGINS["owner"]:
        assert owned == []


@pytest.mark.parametrize("role", SERVING_LOGINS)
def test_a_serving_login_is_no_member_of_any_role(role: str) -> None:
    assert rows("SELECT 1 FROM pg_auth_members WHERE member = %s::regrole", role) == []


def test_functions_that_look_beyond_the_tenant_are_few_and_closed_to_the_public() -> None:
    found = rows(
        "SELECT proname, proowner::regrole::text, proconfig, array("
        "  SELECT rolname::text FROM pg_roles"
        "  WHERE rolname LIKE 'easel\\_%%' AND NOT rolname = 'easel_service'"
        "  AND has_function_privilege(rolname, pg_proc.oid, 'EXECUTE') ORDER BY 1)"
        " FROM pg_proc WHERE prosecdef AND pronamespace = 'public'::regnamespace"
    )
    callers = {name: roles for name, _owner, _config, roles in found}

    assert all(owner == "easel_service" for _name, owner, _config, _roles in found)
    assert all("search_path=public, pg_temp" in config for _n, _o, config, _r in found)
    assert callers == {
        "easel_check_grant": [],
        "easel_check_hold": [],
        "easel_check_posting": [],
        "easel_claim_job": ["easel_ops", "easel_worker"],
        "easel_count_deleted": [],
        "easel_count_pictures": [],
        "easel_find_words": ["easel_ops", "easel_web"],
        "easel_tally_boards": [],
        "easel_leave_board": ["easel_ops", "easel_web"],
        "easel_memberships": ["easel_ops", "easel_web"],
        "easel_move_shared_images": ["easel_ops", "easel_web"],
        "easel_shared_boards": ["easel_ops", "easel_web"],
        "easel_tally_deleted": [],
        "easel_enter_by_key": ["easel_ops", "easel_web"],
        "easel_grant_trial_credits": ["easel_ops", "easel_web"],
        "easel_keep_balance": [],
        "easel_keep_lane": [],
        "easel_lock_credits": ["easel_ops", "easel_web", "easel_worker"],
        "easel_lock_lanes": ["easel_ops", "easel_web", "easel_worker"],
        "easel_open_lane": ["easel_ops", "easel_web"],
        "easel_pause_queue": ["easel_ops", "easel_web"],
        "easel_rivals": ["easel_ops", "easel_web"],
        "easel_report_worker": ["easel_ops", "easel_worker"],
        "easel_start_trial": ["easel_ops", "easel_web"],
        "easel_claim_alike": ["easel_ops", "easel_worker"],
        "easel_watch_leases": ["easel_ops", "easel_worker"],
        "easel_user_id_of_email": ["easel_ops", "easel_web"],
        "easel_user_id_of_subject": ["easel_ops", "easel_web"],
    }


@contextmanager
def connected_as(login: str) -> Iterator[psycopg.Connection[Any]]:
    url = login_url(login, url=session_database_url())
    with psycopg.connect(url, autocommit=True) as raw:
        yield raw


@pytest.fixture
def two_tenants(
    transactional_db: None, user: User, stranger: User, starter: GenerationModel
) -> tuple[User, User]:
    """Give each of two users a row in every tenant table that the web login may touch."""
    for person in (user, stranger):
        board = create_board(user=person, name="b")
        move_images(user=person, names=[make_image(person).image_name], board_id=board.id)
        job = make_job(person, starter)
        start_subscription(user=person, plan=PLANS["enterprise"])
        create_link(user=person, board_id=board.id)
        add_member(user=person, board_id=board.id, email="x@example.com", role=MemberRole.EDITOR)
        create_key(user=person, granter=SESSION, name="k", scopes=[Scope.READ])
        request_export(user=person)
        request_archive(user=person, board="all", quality=90)
        record_generation(
            user_id=person.id,
            job_id=job.id,
            api_key_id=None,
            model="m",
            tier=GpuTier.BASIC,
            shape=Shape(64, 64, 1, 1),
            is_whole=True,
            compute_seconds=1.5,
            quoted=2,
            charged=2,
        )
        make_payment(person)
    assert ActionType.GENERATION
    return user, stranger


@pytest.mark.parametrize("login", ["web", "worker", "ops"])
def test_raw_sql_reaches_no_row_of_another_tenant(
    login: str, two_tenants: tuple[User, User]
) -> None:
    user, stranger = two_tenants
    seen_by_me = 0
    for table in sorted(tenant_tables()):
        column = OWNER_COLUMNS.get(table, "user_id")
        privileges = privileges_of(LOGINS[login]).get(table, set())
        if "SELECT" not in privileges:
            continue
        with connected_as(login) as raw, raw.transaction(force_rollback=True):
            raw.execute("SELECT set_config('app.current_user_id', %s, true)", [str(user.id)])
            names = {"table": sql.Identifier(table), "column": sql.Identifier(column)}
            theirs = sql.SQL("FROM {table} WHERE {column} = %s").format(**names)
            mine = raw.execute(sql.SQL("SELECT count(*) FROM {table}").format(**names)).fetchone()
            seen_by_me += mine[0] if mine else 0
            found = raw.execute(sql.SQL("SELECT 1 ") + theirs, [stranger.id]).fetchall()
            assert found == [], table
            if "UPDATE" in privileges:
                changed = raw.execute(
                    sql.SQL("UPDATE {table} SET {column} = {column} WHERE {column} = %s").format(
                        **names
                    ),
                    [stranger.id],
                )
                assert changed.rowcount == 0, table
            if "DELETE" in privileges:
                assert raw.execute(sql.SQL("DELETE ") + theirs, [stranger.id]).rowcount == 0

    assert seen_by_me > 0


def copied_to(table: str, column: str, fields: list[str], owner: uuid.UUID) -> sql.Composed:
    """Insert a copy of each row that is seen, as `owner`'s."""
    values = sql.SQL(", ").join(
        sql.Literal(owner)
        if name == column
        else sql.Literal(uuid.uuid4())
        if name == "id"
        else sql.Identifier(name)
        for name in fields
    )
    return sql.SQL("INSERT INTO {t} ({f}) SELECT {v} FROM {t}").format(
        t=sql.Identifier(table), f=sql.SQL(", ").join(map(sql.Identifier, fields)), v=values
    )


@pytest.mark.parametrize("login", ["web", "worker"])
def test_raw_sql_gives_no_row_to_another_tenant(login: str, two_tenants: tuple[User, User]) -> None:
    user, stranger = two_tenants
    refused = set()
    for table, privileges in privileges_of(LOGINS[login]).items():
        if table in SHARED_TABLES:
            continue
        column = OWNER_COLUMNS.get(table, "user_id")
        fields = [
            name
            for (name,) in rows(
                "SELECT column_name FROM information_schema.columns"
                " WHERE table_schema = 'public' AND table_name = %s AND is_generated = 'NEVER'",
                table,
            )
        ]
        statements = {
            "INSERT": copied_to(table, column, fields, stranger.id),
            "UPDATE": sql.SQL("UPDATE {t} SET {c} = {v}").format(
                t=sql.Identifier(table), c=sql.Identifier(column), v=sql.Literal(stranger.id)
            ),
        }
        for kind in statements.keys() & privileges:
            if "SELECT" not in privileges:
                continue
            with connected_as(login) as raw, raw.transaction(force_rollback=True):
                raw.execute("SELECT set_config('app.current_user_id', %s, true)", [str(user.id)])
                # A copied posting meets the guard of its kind before the policy.
                with pytest.raises(
                    psycopg.errors.InsufficientPrivilege, match=r"row-level|may not post"
                ):
                    raw.execute(statements[kind])
                refused.add((table, kind))

    assert ("images_image", "INSERT") in refused
    assert login != "web" or {table for table, _kind in refused} >= {
        "accounts_apikey",
        "accounts_user",
        "core_auditrecord",
        "generation_job",
        "images_archive",
        "images_image",
        "privacy_datarequest",
    }


@pytest.mark.parametrize("login", ["web", "worker"])
@pytest.mark.parametrize("role", ["easel_service", "easel_ops", "easel_owner", "postgres"])
def test_raw_sql_on_a_serving_login_takes_no_other_role(
    login: str, role: str, two_tenants: tuple[User, User]
) -> None:
    with connected_as(login) as raw:
        for statement in (
            "SET ROLE {}",
            "SELECT set_config('role', '{}', false)",
            "SET SESSION AUTHORIZATION {}",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                raw.execute(statement.format(role))
        assert raw.execute("SELECT count(*) FROM images_image").fetchone() == (0,)


def test_the_service_role_is_taken_by_operations_for_one_transaction(
    two_tenants: tuple[User, User],
) -> None:
    with connected_as("ops") as raw:
        with raw.transaction():
            raw.execute("SET LOCAL ROLE easel_service")
            within = raw.execute("SELECT count(*) FROM images_image").fetchone()
        after = raw.execute("SELECT count(*) FROM images_image").fetchone()

    assert (within, after) == ((2,), (0,))
