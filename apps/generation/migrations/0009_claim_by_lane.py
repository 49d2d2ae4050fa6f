from importlib import import_module

from django.db import migrations

from apps.core.operations import ReplaceServiceFunction

before = import_module("apps.generation.migrations.0004_claim_function")

# How many lanes a claim looks at, at most: so many others at once would have to hold one.
CANDIDATES = 32

HEAD = """
CREATE FUNCTION easel_first_in_lane(lane generation_lane, background boolean)
RETURNS generation_job
LANGUAGE plpgsql STABLE AS $$
DECLARE
    head generation_job;
BEGIN
    IF background THEN
        SELECT * INTO head FROM generation_job job
        WHERE job.user_id = lane.user_id AND job.tier = lane.tier
            AND job.state = 'queued' AND job.priority = 'background'
        ORDER BY job.position, job.id LIMIT 1;
    ELSE
        SELECT * INTO head FROM generation_job job
        WHERE job.user_id = lane.user_id AND job.tier = lane.tier
            AND job.state = 'queued' AND NOT job.priority = 'background'
        ORDER BY job.position, job.id LIMIT 1;
    END IF;
    RETURN head;
END
$$
"""
# Nobody waits here: who finds a row held by another goes on to the next lane. The counts of a user
# are in the user's lanes, so they are held while a job of one is taken, and two workers never take
# one place.
PLACE = """
CREATE FUNCTION easel_take_place(of_lane uuid, background boolean) RETURNS generation_lane
LANGUAGE plpgsql AS $$
DECLARE
    lane generation_lane;
    there bigint;
    held bigint;
BEGIN
    SELECT count(*) INTO there FROM generation_lane WHERE user_id = (
        SELECT user_id FROM generation_lane WHERE id = of_lane);
    SELECT count(*) INTO held FROM (
        SELECT FROM generation_lane WHERE user_id = (
            SELECT user_id FROM generation_lane WHERE id = of_lane)
        ORDER BY tier
        FOR UPDATE SKIP LOCKED
    ) own;
    IF held = there THEN
        SELECT * INTO lane FROM generation_lane
        WHERE id = of_lane AND CASE WHEN background THEN is_background_due ELSE is_due END;
    END IF;
    RETURN lane;
END
$$
"""
# Takes a lease on one waiting job; the caller holds a place of the user. False if it does not wait
# any more, or somebody holds its row for this moment.
TAKE = """
CREATE FUNCTION easel_take_job(of_job uuid, by_worker text, lease interval) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM generation_job WHERE id = of_job AND state = 'queued' FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    UPDATE generation_job
    SET state = 'running',
        attempt = attempt + 1,
        worker = by_worker,
        started_at = clock_timestamp(),
        lease_expires_at = clock_timestamp() + lease
    WHERE id = of_job;
    RETURN true;
END
$$
"""
TAKE_NEXT = """
CREATE FUNCTION easel_take_next(
    of_lane uuid, background boolean, by_worker text, lease interval
) RETURNS generation_job
LANGUAGE plpgsql AS $$
DECLARE
    lane generation_lane := easel_take_place(of_lane, background);
    head generation_job;
BEGIN
    IF lane.id IS NULL THEN
        RETURN NULL;
    END IF;
    head := easel_first_in_lane(lane, background);
    IF head.id IS NULL OR NOT easel_take_job(head.id, by_worker, lease) THEN
        RETURN NULL;
    END IF;
    RETURN head;
END
$$
"""
# The lanes that were served the least come first. For the sake of a model that the worker has
# loaded a lane is passed over, but no longer than `patience` after it was for the first time.
CLAIM = f"""
easel_claim_job(tiers text[], by_worker text, lease interval, loaded text[] DEFAULT '{{}}',
    patience interval DEFAULT '0')
RETURNS TABLE (job_id uuid, owner_id uuid)
LANGUAGE plpgsql AS $$
DECLARE
    lane generation_lane;
    passed uuid[] := '{{}}';
    of_lane uuid;
    taken generation_job;
    overdue timestamptz := clock_timestamp() - patience;
    has_choice boolean := cardinality(loaded) > 0 AND patience > '0';
BEGIN
    FOR lane IN
        SELECT due.* FROM unnest(tiers) AS served (tier) CROSS JOIN LATERAL (
            SELECT own.* FROM generation_lane own
            WHERE own.tier = served.tier AND own.is_due
            ORDER BY own.served_rank
            LIMIT {CANDIDATES}
        ) due
        ORDER BY due.served_rank
        LIMIT {CANDIDATES}
    LOOP
        IF has_choice AND coalesce(lane.passed_at > overdue, true)
            AND NOT coalesce((easel_first_in_lane(lane, false)).model_id = ANY (loaded), false)
        THEN
            passed := passed || lane.id;
            CONTINUE;
        END IF;
        taken := easel_take_next(lane.id, false, by_worker, lease);
        EXIT WHEN taken.id IS NOT NULL;
    END LOOP;
    IF taken.id IS NOT NULL THEN
        IF cardinality(passed) > 0 THEN
            UPDATE generation_lane SET passed_at = clock_timestamp() WHERE id IN (
                SELECT own.id FROM generation_lane own
                WHERE own.id = ANY (passed) AND own.passed_at IS NULL
                FOR UPDATE SKIP LOCKED
            );
        END IF;
        RETURN QUERY SELECT taken.id, taken.user_id;
        RETURN;
    END IF;
    -- None whose model is loaded.
    FOREACH of_lane IN ARRAY passed LOOP
        taken := easel_take_next(of_lane, false, by_worker, lease);
        IF taken.id IS NOT NULL THEN
            RETURN QUERY SELECT taken.id, taken.user_id;
            RETURN;
        END IF;
    END LOOP;
    -- The background has its turn in a tier where nothing else is due.
    FOR lane IN
        SELECT due.* FROM unnest(tiers) AS served (tier) CROSS JOIN LATERAL (
            SELECT own.* FROM generation_lane own
            WHERE own.tier = served.tier AND own.is_background_due AND NOT EXISTS (
                SELECT FROM generation_lane other
                WHERE other.tier = served.tier AND other.is_due
            )
            ORDER BY own.served_rank
            LIMIT {CANDIDATES}
        ) due
        ORDER BY due.served_rank
        LIMIT {CANDIDATES}
    LOOP
        taken := easel_take_next(lane.id, true, by_worker, lease);
        IF taken.id IS NOT NULL THEN
            RETURN QUERY SELECT taken.id, taken.user_id;
            RETURN;
        END IF;
    END LOOP;
    -- None, or one whose row somebody holds for this moment.
    RETURN QUERY SELECT NULL::uuid, own.user_id FROM generation_lane own
    WHERE own.tier = ANY (tiers) AND (own.is_due OR own.is_background_due)
    LIMIT 1;
END
$$
"""  # noqa: S608  # nosec B608  (our own words)


class Migration(migrations.Migration):
    dependencies = [("generation", "0008_keep_lanes")]

    operations = [
        migrations.RunSQL(HEAD, "DROP FUNCTION easel_first_in_lane(generation_lane, boolean)"),
        migrations.RunSQL(PLACE, "DROP FUNCTION easel_take_place(uuid, boolean)"),
        migrations.RunSQL(TAKE, "DROP FUNCTION easel_take_job(uuid, text, interval)"),
        migrations.RunSQL(
            TAKE_NEXT, "DROP FUNCTION easel_take_next(uuid, boolean, text, interval)"
        ),
        ReplaceServiceFunction(
            "easel_claim_job(text[], text, interval, text[], interval)",
            definition=CLAIM,
            callers=["worker"],
            replaces="easel_claim_job(text[], text, interval)",
            replaced_definition=before.CLAIM,
        ),
    ]
