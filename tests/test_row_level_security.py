"""Every table: under a forced policy, or shared for a reason; and what each login may do to it."""

import re
from typing import Any

import pytest
from django.apps import apps
from django.db import connection

from config.local.addresses import LOGINS
from tests.stack import ROOT

# Tables without a tenant, each with the reason.
SHARED_TABLES = {
    "auth_group": "groups of staff: names only",
    "auth_group_permissions": "what groups of staff may do",
    "auth_permission": "names of permissions",
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
        "credits_measuredcost": {"SELECT"},
        "django_session": {"SELECT", "INSERT", "UPDATE", "DELETE"},
    },
    "easel_worker": {},
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
    "generation_contentappeal",
    "generation_job",
    "generation_lane",
    "images_image",
    "images_storageuse",
    "plans_subscription",
    "training_trainingrun",
    "training_trainingsample",
    "providers_providercall",
}
# Tables whose rows belong to the user named in another column than user_id.
OWNER_COLUMNS = {"accounts_user": "id"}
# What admits others to read, and what keeps it from admitting too much: by table and name.
READERS = ["easel_ops", "easel_web"]
# References to a row of nobody's too, which a foreign key with the user in it would refuse: a
# trigger looks whose the row is (tests/catalog/test_tenancy.py).
TIED_BY_TRIGGER = {("generation_job", "catalog_generationmodel")}
SHARED_POLICIES: dict[str, dict[str, tuple[str, list[str]]]] = {
    "catalog_generationmodel": {"shared": ("PERMISSIVE", [*READERS, "easel_worker"])},
    "boards_board": {"shared": ("PERMISSIVE", READERS)},
    "images_image": {
        "shared": ("PERMISSIVE", READERS),
        "shared_shown": ("RESTRICTIVE", READERS),
    },
    "workflows_stylepreset": {"shared": ("PERMISSIVE", READERS)},
    "workflows_workflow": {"shared": ("PERMISSIVE", READERS)},
    "workflows_workflowversion": {"shared": ("PERMISSIVE", READERS)},
}
SERVING_LOGINS = ("easel_web", "easel_worker")
PRIVILEGES = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")

# Every place that works across tenants, and how often it does.
SERVICE_SCOPES = {
    "apps/accounts/middleware.py": 1,  # staff in the admin
    "apps/accounts/services/users.py": 1,  # rights that a provider's group gives
    "apps/canvas/services/leftovers.py": 3,
    "apps/catalog/installs/claims.py": 1,
    "apps/catalog/installs/completing.py": 1,
    "apps/catalog/installs/entering.py": 2,
    "apps/catalog/installs/leftovers.py": 3,
    "apps/catalog/management/commands/install_model.py": 2,
    "apps/core/health.py": 1,
    "apps/credits/services/audit.py": 1,
    "apps/credits/services/costs.py": 1,
    "apps/credits/services/ledger.py": 1,
    "apps/credits/services/grants.py": 2,
    "apps/credits/services/notices.py": 1,
    "apps/generation/management/commands/bootstrap_local.py": 1,
    "apps/generation/management/commands/doctor.py": 1,
    "apps/generation/management/commands/generate.py": 1,
    "apps/dashboard/reports/business.py": 1,
    "apps/generation/fleet.py": 2,
    "apps/generation/metrics.py": 1,
    "apps/generation/provided.py": 1,  # models that are nobody's
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
    "apps/images/services/intermediates.py": 2,
    "apps/images/services/library.py": 1,
    "apps/images/services/orphans.py": 2,
    "apps/images/services/purges.py": 1,
    "apps/images/services/retention.py": 3,
    "apps/plans/services/notices.py": 9,
    "apps/plans/services/customers.py": 2,
    "apps/plans/services/reconciliation.py": 5,
    "apps/plans/services/reversals.py": 2,
    "apps/plans/services/stripe_events.py": 1,
    "apps/plans/services/subscriptions.py": 1,  # who had a trial, by a new key
    "apps/privacy/services/deletions.py": 1,
    "apps/privacy/services/requests.py": 2,
    "apps/providers/rotation.py": 1,  # everybody's keys under a new secret
    "apps/privacy/traces.py": 1,  # what is left of a deleted account
    "apps/training/services/checkpoints.py": 1,
    "apps/training/services/retention.py": 2,
    "gpu_tasks/runner/reproduction.py": 1,  # an operator names a picture of anybody
    "config/local/production_like/seed.py": 2,
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
        if {source, target} <= tenants
        and "user_id" not in columns
        and (source, target) not in TIED_BY_TRIGGER
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
        # Whoever backs up inherits the service role, and with it what that may call.
        "  WHERE rolname LIKE 'easel\\_%%' AND rolname NOT IN ('easel_service', 'easel_backup')"
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
        "easel_model_of_tenant": [],
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
        "easel_next_model": ["easel_ops", "easel_worker"],
        "easel_provider_key": ["easel_ops", "easel_worker"],
        "easel_record_lora": ["easel_ops", "easel_worker"],
        "easel_watch_leases": ["easel_ops", "easel_worker"],
        "easel_user_id_of_email": ["easel_ops", "easel_web"],
        "easel_user_id_of_subject": ["easel_ops", "easel_web"],
    }
