from django.db import migrations

from apps.core.operations import (
    EnableTenancy,
    GrantAccess,
    KeepUpdatedAt,
    ServiceFunction,
    TenantReference,
)
from apps.core.tenancy import SERVICE_ROLE

START_TRIAL = """
easel_start_trial(days integer, person text) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    tenant uuid := nullif(current_setting('app.current_user_id', true), '')::uuid;
BEGIN
    IF tenant IS NULL OR days NOT BETWEEN 1 AND 31
        OR EXISTS (SELECT FROM plans_subscription old WHERE old.user_id = tenant) THEN
        RETURN false;
    END IF;
    INSERT INTO plans_trialperson (digest, created_at) VALUES (person, now())
    ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    INSERT INTO plans_subscription
        (id, user_id, plan, source, valid_from, valid_until, interval, next_plan, pause_reason,
        created_at, updated_at)
    VALUES (gen_random_uuid(), tenant, 'trial', 'trial', now(), now() + make_interval(days => days),
        '', '', '', now(), now());
    RETURN true;
END
$$
"""


class Migration(migrations.Migration):
    dependencies = [("plans", "0004_sources_pauses_and_testers")]

    operations = [
        KeepUpdatedAt("plans_testergrant"),
        EnableTenancy("plans_testergrant"),
        GrantAccess("plans_testergrant", web="SELECT"),
        TenantReference("plans_testergrant", "subscription_id", target="plans_subscription"),
        # A worker asks what a plan includes before it begins a job.
        migrations.RunSQL(
            "GRANT SELECT ON plans_subscription TO easel_worker",
            "REVOKE SELECT ON plans_subscription FROM easel_worker",
        ),
        migrations.RunSQL(
            f"GRANT SELECT, INSERT ON plans_trialperson TO {SERVICE_ROLE}",
            f"REVOKE ALL ON plans_trialperson FROM {SERVICE_ROLE}",
        ),
        migrations.RunSQL(
            [
                f"SET LOCAL ROLE {SERVICE_ROLE}",
                "DROP FUNCTION easel_start_trial(integer)",
                "SET LOCAL ROLE NONE",
            ],
            migrations.RunSQL.noop,
        ),
        ServiceFunction(
            "easel_start_trial(integer, text)", definition=START_TRIAL, callers=["web"]
        ),
    ]
