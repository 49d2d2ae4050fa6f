from django.db import migrations

from apps.core.operations import ServiceFunction

# Among due jobs the oldest. Two workers that choose jobs of one user at the same moment are put
# in line by the lock on that user, since each would count the jobs running before the other's
# claim. Whoever comes second and finds the places taken, or finds the rows of all due jobs locked,
# returns a NULL id, and is called again.
CLAIM = """
easel_claim_job(tiers text[], by_worker text, lease interval)
RETURNS TABLE (job_id uuid, owner_id uuid)
LANGUAGE plpgsql AS $$
DECLARE
    chosen generation_job;
BEGIN
    SELECT job.* INTO chosen
    FROM generation_job job
    WHERE job.state = 'queued' AND job.tier = ANY (tiers) AND (
        job.parallel_limit IS NULL OR job.parallel_limit > (
            SELECT count(*) FROM generation_job other
            WHERE other.user_id = job.user_id AND other.state = 'running'
        )
    )
    ORDER BY job.created_at, job.id
    LIMIT 1
    FOR UPDATE OF job SKIP LOCKED;
    IF NOT FOUND THEN
        -- None, or one whose row somebody holds for this moment.
        RETURN QUERY SELECT NULL::uuid, job.user_id
        FROM generation_job job
        WHERE job.state = 'queued' AND job.tier = ANY (tiers) AND (
            job.parallel_limit IS NULL OR job.parallel_limit > (
                SELECT count(*) FROM generation_job other
                WHERE other.user_id = job.user_id AND other.state = 'running'
            )
        )
        LIMIT 1;
        RETURN;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('claim:' || chosen.user_id, 0));
    UPDATE generation_job job
    SET state = 'running',
        attempt = job.attempt + 1,
        worker = by_worker,
        started_at = clock_timestamp(),
        lease_expires_at = clock_timestamp() + lease
    WHERE job.id = chosen.id AND (
        job.parallel_limit IS NULL OR job.parallel_limit > (
            SELECT count(*) FROM generation_job other
            WHERE other.user_id = job.user_id AND other.state = 'running'
        )
    );
    IF FOUND THEN
        RETURN QUERY SELECT chosen.id, chosen.user_id;
    ELSE
        RETURN QUERY SELECT NULL::uuid, chosen.user_id;
    END IF;
END
$$
"""


class Migration(migrations.Migration):
    dependencies = [("generation", "0003_row_level_security")]

    operations = [
        ServiceFunction(
            "easel_claim_job(text[], text, interval)", definition=CLAIM, callers=["worker"]
        )
    ]
