from django.db import migrations

from apps.core.operations import EnableTenancy, GrantAccess, ServiceFunction

START_TRIAL = """
easel_start_trial(days integer) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO plans_subscription
        (id, user_id, plan, valid_from, valid_until, created_at, updated_at)
    SELECT gen_random_uuid(), tenant, 'trial', now(), now() + make_interval(days => days),
        now(), now()
    FROM (
        SELECT nullif(current_setting('app.current_user_id', true), '')::uuid AS tenant
    ) me
    WHERE days BETWEEN 1 AND 31 AND tenant IS NOT NULL
        AND NOT EXISTS (SELECT FROM plans_subscription old WHERE old.user_id = tenant)
$$
"""


class Migration(migrations.Migration):
    dependencies = [
        ("plans", "0002_keep_updated_at"),
        ("accounts", "0003_row_level_security"),
    ]

    operations = [
        EnableTenancy("plans_subscription"),
        GrantAccess("plans_subscription", web="SELECT"),
        ServiceFunction("easel_start_trial(integer)", definition=START_TRIAL, callers=["web"]),
    ]
