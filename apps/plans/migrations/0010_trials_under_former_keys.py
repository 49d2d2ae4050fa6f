from django.db import migrations

from apps.core.operations import ServiceFunction

# Beside the function of before, which running code still calls; the next release drops that.
START_TRIAL = """
easel_start_trial(days integer, persons text[]) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    tenant uuid := nullif(current_setting('app.current_user_id', true), '')::uuid;
    had_one boolean;
BEGIN
    IF tenant IS NULL OR days NOT BETWEEN 1 AND 31 OR cardinality(persons) NOT BETWEEN 1 AND 20
        OR EXISTS (SELECT FROM plans_subscription old WHERE old.user_id = tenant) THEN
        RETURN false;
    END IF;
    had_one := EXISTS (SELECT FROM plans_trialperson WHERE digest = ANY (persons));
    -- Also for whoever is known by a former key: that key will go.
    INSERT INTO plans_trialperson (digest, created_at) VALUES (persons[1], now())
    ON CONFLICT DO NOTHING;
    IF had_one OR NOT FOUND THEN
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
    dependencies = [("plans", "0009_stopped_by_staff")]

    operations = [
        ServiceFunction(
            "easel_start_trial(integer, text[])", definition=START_TRIAL, callers=["web"]
        ),
    ]
