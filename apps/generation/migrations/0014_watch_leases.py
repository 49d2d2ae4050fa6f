from django.db import migrations

from apps.core.operations import ServiceFunction

# A worker asks about all its jobs at once and many times a second; as their tenants it would take
# a transaction for each. It learns no more than that an attempt still holds its job, and whether
# to stop.
WATCH = """
easel_watch_leases(jobs uuid[], attempts integer[], renewal interval DEFAULT NULL)
RETURNS TABLE (job_id uuid, cancel_requested boolean)
LANGUAGE plpgsql AS $$
BEGIN
    IF renewal IS NOT NULL THEN
        UPDATE generation_job job
        SET lease_expires_at = clock_timestamp() + renewal
        FROM unnest(jobs, attempts) held (id, attempt)
        WHERE job.id = held.id AND job.attempt = held.attempt AND job.state = 'running';
    END IF;
    RETURN QUERY SELECT job.id, job.cancel_requested_at IS NOT NULL
    FROM unnest(jobs, attempts) held (id, attempt)
    JOIN generation_job job ON job.id = held.id AND job.attempt = held.attempt
    WHERE job.state = 'running';
END
$$
"""


class Migration(migrations.Migration):
    dependencies = [("generation", "0013_claim_alike")]

    operations = [
        ServiceFunction(
            "easel_watch_leases(uuid[], integer[], interval)",
            definition=WATCH,
            callers=["worker"],
        )
    ]
