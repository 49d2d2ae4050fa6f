from django.db import migrations

from apps.core.operations import (
    AppendOnly,
    EnableTenancy,
    GrantAccess,
    KeepUpdatedAt,
    ServiceFunction,
    ServiceTrigger,
    TenantReference,
)

LOCK = """
easel_lock_credits(owner uuid) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF owner IS DISTINCT FROM nullif(current_setting('app.current_user_id', true), '')::uuid
        AND current_setting('role') <> 'easel_service' THEN
        RAISE insufficient_privilege USING MESSAGE = 'these are the credits of another user';
    END IF;
    PERFORM FROM credits_account WHERE user_id = owner FOR UPDATE;
    IF NOT FOUND THEN
        INSERT INTO credits_account (id, user_id, created_at, updated_at)
        VALUES (gen_random_uuid(), owner, now(), now())
        ON CONFLICT (user_id) DO NOTHING;
        PERFORM FROM credits_account WHERE user_id = owner FOR UPDATE;
    END IF;
END
$$
"""
# Each one statement for its caller, and with the caller's own rights: the guards below see who posts.
# What is decided on is what is there once the lock is taken: each statement of a function looks anew.
HOLD = """
CREATE FUNCTION easel_hold_credits(
    owner uuid, new_hold uuid, of_job uuid, wanted integer, by_key uuid, at timestamptz
) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    usable bigint;
BEGIN
    PERFORM easel_lock_credits(owner);
    SELECT coalesce(sum(balance.available), 0) INTO usable
    FROM credits_grantbalance balance
    WHERE balance.user_id = owner AND balance.available > 0
        AND balance.usable_from <= at AND balance.usable_until > at;
    IF usable < wanted THEN
        RETURN usable;
    END IF;
    INSERT INTO credits_hold (id, user_id, job_id, amount, api_key_id, created_at, updated_at)
    VALUES (new_hold, owner, of_job, wanted, by_key, at, at);
    INSERT INTO credits_posting (id, user_id, kind, grant_id, hold_id, available, held, spent,
        closed, reason, created_at, updated_at)
    SELECT gen_random_uuid(), owner, 'hold', part.grant_id, new_hold, -part.credits, part.credits,
        0, 0, '', at, at
    FROM (
        SELECT heap.grant_id, least(heap.available, wanted - heap.before)::integer AS credits
        FROM (
            SELECT balance.grant_id, balance.available,
                sum(balance.available) OVER (ORDER BY balance.usable_until, balance.grant_id)
                    - balance.available AS before
            FROM credits_grantbalance balance
            WHERE balance.user_id = owner AND balance.available > 0
                AND balance.usable_from <= at AND balance.usable_until > at
        ) heap
        WHERE heap.before < wanted
    ) part;
    RETURN usable;
END
$$
"""
RESOLVE = """
CREATE FUNCTION easel_resolve_hold(
    owner uuid, of_job uuid, resolution text, charge integer, at timestamptz,
    grace interval, most_grace interval
) RETURNS TABLE (charged bigint, released bigint, is_new boolean)
LANGUAGE plpgsql AS $$
DECLARE
    made credits_hold;
BEGIN
    PERFORM easel_lock_credits(owner);
    SELECT * INTO made FROM credits_hold WHERE user_id = owner AND job_id = of_job;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    RETURN QUERY SELECT sum(part.spent), sum(part.available), false
    FROM credits_posting part
    WHERE part.user_id = owner AND part.hold_id = made.id AND part.kind IN ('settle', 'release')
    HAVING count(*) > 0;
    IF FOUND THEN
        RETURN;
    END IF;
    charged := least(charge, made.amount);
    INSERT INTO credits_posting (id, user_id, kind, grant_id, hold_id, available, held, spent,
        closed, usable_until, reason, created_at, updated_at)
    SELECT gen_random_uuid(), owner, resolution, part.grant_id, made.id, part.held - part.spent,
        -part.held, part.spent, 0,
        CASE WHEN part.valid_until <= at AND part.spent < part.held
            THEN least(at + grace, part.valid_until + most_grace) END,
        '', at, at
    FROM (
        SELECT heap.grant_id, heap.held, heap.valid_until,
            greatest(least(heap.held, charged - heap.before), 0)::integer AS spent
        FROM (
            SELECT posting.grant_id, posting.held, given.valid_until,
                sum(posting.held) OVER (ORDER BY balance.usable_until, balance.grant_id)
                    - posting.held AS before
            FROM credits_posting posting
            JOIN credits_grantbalance balance
                ON balance.user_id = owner AND balance.grant_id = posting.grant_id
            JOIN credits_grant given ON given.user_id = owner AND given.id = posting.grant_id
            WHERE posting.user_id = owner AND posting.hold_id = made.id AND posting.kind = 'hold'
        ) heap
    ) part;
    released := made.amount - charged;
    is_new := true;
    RETURN NEXT;
END
$$
"""
GRANT_TRIAL = """
easel_grant_trial_credits(amount integer) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    tenant uuid := nullif(current_setting('app.current_user_id', true), '')::uuid;
    trial plans_subscription;
    granted uuid := gen_random_uuid();
BEGIN
    SELECT * INTO trial FROM plans_subscription
    WHERE user_id = tenant AND plan = 'trial' AND source = 'trial';
    IF NOT FOUND OR amount NOT BETWEEN 1 AND 1000 THEN
        RETURN false;
    END IF;
    INSERT INTO credits_grant (id, user_id, source, total, valid_from, valid_until,
        idempotency_key, plan, paid_cents, reason, created_at, updated_at)
    VALUES (granted, tenant, 'trial', amount, trial.valid_from, trial.valid_until,
        'trial', 'trial', 0, '', now(), now())
    ON CONFLICT (user_id, idempotency_key) DO NOTHING;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    INSERT INTO credits_posting (id, user_id, kind, grant_id, available, held, spent, closed,
        reason, created_at, updated_at)
    VALUES (gen_random_uuid(), tenant, 'grant', granted, amount, 0, 0, 0, '', now(), now());
    RETURN true;
END
$$
"""
# What comes back late prolongs a grant, at most by a week after its end, and not one that was taken
# back: that has ended, whatever still comes back of it.
KEEP_BALANCE = """
BEGIN
    IF NEW.kind = 'grant' THEN
        INSERT INTO credits_grantbalance (id, user_id, grant_id, available, held, spent, closed,
            usable_from, usable_until, created_at, updated_at)
        SELECT gen_random_uuid(), given.user_id, given.id, given.total, 0, 0, 0,
            given.valid_from, given.valid_until, now(), now()
        FROM credits_grant given
        WHERE given.id = NEW.grant_id AND given.user_id = NEW.user_id
            AND given.total = NEW.available;
    ELSE
        UPDATE credits_grantbalance balance
        SET available = balance.available + NEW.available,
            held = balance.held + NEW.held,
            spent = balance.spent + NEW.spent,
            closed = balance.closed + NEW.closed
        WHERE balance.user_id = NEW.user_id AND balance.grant_id = NEW.grant_id;
    END IF;
    IF NOT FOUND THEN
        RAISE check_violation USING MESSAGE = 'a posting needs a grant, and begins it whole';
    END IF;
    IF NEW.kind IN ('settle', 'release') AND NOT EXISTS (
        SELECT FROM credits_posting part
        WHERE part.user_id = NEW.user_id AND part.hold_id = NEW.hold_id
            AND part.grant_id = NEW.grant_id AND part.kind = 'hold' AND part.held = -NEW.held
    ) THEN
        RAISE check_violation USING MESSAGE = 'a hold is resolved as it was made';
    END IF;
    IF NEW.kind = 'refund' AND (
        SELECT sum(part.spent) FROM credits_posting part
        WHERE part.user_id = NEW.user_id AND part.hold_id = NEW.hold_id
            AND part.grant_id = NEW.grant_id
    ) < 0 THEN
        RAISE check_violation USING MESSAGE = 'no more is given back than was charged';
    END IF;
    IF NEW.usable_until IS NULL THEN
        RETURN NULL;
    END IF;
    IF NEW.kind <> 'revoke' AND NEW.usable_until > (
        SELECT given.valid_until + interval '7 days' FROM credits_grant given
        WHERE given.user_id = NEW.user_id AND given.id = NEW.grant_id
    ) THEN
        RAISE check_violation USING MESSAGE = 'a grant is prolonged by a week at most';
    END IF;
    UPDATE credits_grantbalance balance
    SET usable_until = CASE NEW.kind
        WHEN 'revoke' THEN least(balance.usable_until, NEW.usable_until)
        ELSE greatest(balance.usable_until, NEW.usable_until)
    END
    WHERE balance.user_id = NEW.user_id AND balance.grant_id = NEW.grant_id AND NOT EXISTS (
        SELECT FROM credits_posting ended
        WHERE ended.user_id = NEW.user_id AND ended.grant_id = NEW.grant_id
            AND ended.kind = 'revoke' AND ended.usable_until IS NOT NULL AND ended.id <> NEW.id
    );
    RETURN NULL;
END
"""
CHECK_GRANT = """
BEGIN
    IF NOT EXISTS (
        SELECT FROM credits_posting first
        WHERE first.user_id = NEW.user_id AND first.grant_id = NEW.id AND first.kind = 'grant'
    ) THEN
        RAISE check_violation USING MESSAGE = 'a grant begins with its posting';
    END IF;
    RETURN NULL;
END
"""
CHECK_HOLD = """
BEGIN
    IF NEW.amount IS DISTINCT FROM (
        SELECT sum(part.held) FROM credits_posting part
        WHERE part.user_id = NEW.user_id AND part.hold_id = NEW.id AND part.kind = 'hold'
    ) THEN
        RAISE check_violation USING MESSAGE = 'the parts of a hold add up to it';
    END IF;
    RETURN NULL;
END
"""
CHECK_POSTING = """
DECLARE
    parts integer;
    resolved integer;
    held integer;
BEGIN
    IF NEW.hold_id IS NULL THEN
        RETURN NULL;
    END IF;
    SELECT count(*) FILTER (WHERE kind = 'hold'),
        count(*) FILTER (WHERE kind IN ('settle', 'release')),
        sum(part.held) FILTER (WHERE kind = 'hold')
    INTO parts, resolved, held
    FROM credits_posting part WHERE part.user_id = NEW.user_id AND part.hold_id = NEW.hold_id;
    IF resolved NOT IN (0, parts) OR held IS DISTINCT FROM (
        SELECT amount FROM credits_hold WHERE user_id = NEW.user_id AND id = NEW.hold_id
    ) THEN
        RAISE check_violation USING MESSAGE = 'a hold is made and resolved whole';
    END IF;
    RETURN NULL;
END
"""
# Not by the privileges of the table: a login either inserts into it or does not.
GUARD_KINDS = """
CREATE FUNCTION credits_posting_guard_kinds() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.kind IN ('hold', 'release') AND pg_has_role(current_user, 'easel_web', 'USAGE'))
    OR (NEW.kind IN ('settle', 'release') AND pg_has_role(current_user, 'easel_worker', 'USAGE'))
    OR current_user = 'easel_service'
    OR current_user = (SELECT tableowner FROM pg_tables WHERE tablename = 'credits_posting') THEN
        RETURN NEW;
    END IF;
    RAISE insufficient_privilege USING MESSAGE = 'this login may not post a ' || NEW.kind;
END
$$
"""
# Nobody writes a balance but the trigger on postings, not even the service role.
GUARD_BALANCE = """
CREATE FUNCTION credits_grantbalance_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF pg_trigger_depth() < 2 OR TG_OP = 'DELETE' THEN
        RAISE insufficient_privilege USING MESSAGE = 'balances follow from postings alone';
    END IF;
    RETURN NEW;
END
$$
"""
HOLD_SIGNATURE = "easel_hold_credits(uuid, uuid, uuid, integer, uuid, timestamptz)"
RESOLVE_SIGNATURE = "easel_resolve_hold(uuid, uuid, text, integer, timestamptz, interval, interval)"
TABLES = ("account", "grant", "grantbalance", "hold", "posting")
APPEND_ONLY = ("grant", "hold", "posting", "usagerecord")


class Migration(migrations.Migration):
    dependencies = [("credits", "0005_books"), ("plans", "0005_testers_and_trials")]

    operations = [
        *(KeepUpdatedAt(f"credits_{table}") for table in ("grantbalance", "measuredcost")),
        *(EnableTenancy(f"credits_{table}") for table in TABLES),
        *(AppendOnly(f"credits_{table}") for table in APPEND_ONLY),
        GrantAccess("credits_account", web="SELECT"),
        GrantAccess("credits_grant", web="SELECT", worker="SELECT"),
        GrantAccess("credits_grantbalance", web="SELECT", worker="SELECT"),
        GrantAccess("credits_hold", web="SELECT, INSERT", worker="SELECT"),
        GrantAccess("credits_posting", web="SELECT, INSERT", worker="SELECT, INSERT"),
        GrantAccess("credits_measuredcost", web="SELECT"),
        TenantReference("credits_grantbalance", "grant_id", target="credits_grant"),
        TenantReference("credits_posting", "grant_id", target="credits_grant"),
        TenantReference("credits_posting", "hold_id", target="credits_hold"),
        migrations.RunSQL(
            [
                GUARD_KINDS,
                (
                    "CREATE TRIGGER guard_kinds BEFORE INSERT ON credits_posting"
                    " FOR EACH ROW EXECUTE FUNCTION credits_posting_guard_kinds()"
                ),
            ],
            [
                "DROP TRIGGER guard_kinds ON credits_posting",
                "DROP FUNCTION credits_posting_guard_kinds()",
            ],
        ),
        migrations.RunSQL(
            [
                GUARD_BALANCE,
                (
                    "CREATE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE ON credits_grantbalance"
                    " FOR EACH ROW EXECUTE FUNCTION credits_grantbalance_guard()"
                ),
            ],
            [
                "DROP TRIGGER guard ON credits_grantbalance",
                "DROP FUNCTION credits_grantbalance_guard()",
            ],
        ),
        ServiceTrigger("easel_keep_balance", table="credits_posting", body=KEEP_BALANCE),
        ServiceTrigger("easel_check_grant", table="credits_grant", body=CHECK_GRANT, deferred=True),
        ServiceTrigger("easel_check_hold", table="credits_hold", body=CHECK_HOLD, deferred=True),
        ServiceTrigger(
            "easel_check_posting", table="credits_posting", body=CHECK_POSTING, deferred=True
        ),
        ServiceFunction("easel_lock_credits(uuid)", definition=LOCK, callers=["web", "worker"]),
        migrations.RunSQL(HOLD, f"DROP FUNCTION {HOLD_SIGNATURE}"),
        migrations.RunSQL(RESOLVE, f"DROP FUNCTION {RESOLVE_SIGNATURE}"),
        ServiceFunction(
            "easel_grant_trial_credits(integer)", definition=GRANT_TRIAL, callers=["web"]
        ),
    ]
