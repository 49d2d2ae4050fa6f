from django.db import migrations

from apps.core.operations import ServiceFunction, ServiceTrigger
from apps.core.tenancy import SERVICE_ROLE

# Seconds after which a served GPU second counts half.
HALF_LIFE = 1800

# What was served fades for everybody alike, so the order of two lanes does not change while
# nothing happens: as a logarithm that grows with the time of service it is a fixed number, and an
# index can hold it.
RANK = f"""
CREATE FUNCTION easel_lane_rank(served double precision, at timestamptz) RETURNS double precision
LANGUAGE sql STABLE AS $$
    SELECT ln(greatest(served, 0.001)) + extract(epoch FROM at)::double precision
        * ln(2::double precision) / {HALF_LIFE}
$$
"""  # noqa: S608  # nosec B608  (our own words)
FADED = f"""
CREATE FUNCTION easel_faded(seconds double precision, since timestamptz, at timestamptz)
RETURNS double precision
LANGUAGE sql STABLE AS $$
    SELECT seconds * power(0.5::double precision,
        greatest(extract(epoch FROM at - since)::double precision, 0) / {HALF_LIFE})
$$
"""  # noqa: S608  # nosec B608  (our own words)
# Who comes new starts beside the user who was served the least, one job ahead: time without jobs
# is not saved up, and nobody waits for more than is just.
START = """
CREATE FUNCTION easel_starting_seconds(
    lane generation_lane, expected double precision, at timestamptz
) RETURNS double precision
LANGUAGE sql STABLE AS $$
    SELECT greatest(
        easel_faded(lane.served_seconds, lane.served_at, at),
        (
            SELECT easel_faded(rival.served_seconds, rival.served_at, at) - expected
            FROM generation_lane rival
            WHERE rival.tier = lane.tier AND rival.is_active AND rival.id <> lane.id
            ORDER BY rival.served_rank
            LIMIT 1
        )
    )
$$
"""
OWN = """
    IF owner IS DISTINCT FROM nullif(current_setting('app.current_user_id', true), '')::uuid
        AND current_setting('role') <> 'easel_service' THEN
        RAISE insufficient_privilege USING MESSAGE = 'this is the queue of another user';
    END IF;
"""
# Whoever changes several jobs of a user, or ends one, takes the user's lanes first and the rows of
# jobs after them: so nobody waits in a circle.
LOCK = f"""
easel_lock_lanes(owner uuid) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    {OWN}
    PERFORM FROM generation_lane WHERE user_id = owner ORDER BY tier FOR UPDATE;
END
$$
"""
OPEN = f"""
easel_open_lane(owner uuid, in_tier text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    {OWN}
    PERFORM FROM generation_lane WHERE user_id = owner AND tier = in_tier;
    IF NOT FOUND THEN
        INSERT INTO generation_lane (id, user_id, tier, waiting, waiting_seconds,
            waiting_background, running, running_elsewhere, parallel_limit, served_seconds,
            served_at, served_rank, paused_at, created_at, updated_at)
        SELECT gen_random_uuid(), owner, in_tier, 0, 0, 0, 0, coalesce(sum(running), 0), NULL, 0,
            now(), easel_lane_rank(0, now()), min(paused_at), now(), now()
        FROM generation_lane WHERE user_id = owner
        ON CONFLICT (user_id, tier) DO NOTHING;
    END IF;
    PERFORM FROM generation_lane WHERE user_id = owner ORDER BY tier FOR UPDATE;
END
$$
"""  # noqa: S608  # nosec B608  (our own words)
PAUSE = f"""
easel_pause_queue(owner uuid, in_tier text, pause boolean) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    moment timestamptz := clock_timestamp();
BEGIN
    {OWN}
    PERFORM easel_open_lane(owner, in_tier);
    IF pause THEN
        UPDATE generation_lane SET paused_at = moment WHERE user_id = owner AND paused_at IS NULL;
        RETURN;
    END IF;
    UPDATE generation_lane lane
    SET paused_at = NULL,
        served_seconds = began.seconds,
        served_at = moment,
        served_rank = easel_lane_rank(began.seconds, moment)
    FROM (
        SELECT own.id, easel_starting_seconds(own, 0, moment) AS seconds
        FROM generation_lane own WHERE own.user_id = owner
    ) began
    WHERE lane.id = began.id AND lane.paused_at IS NOT NULL;
END
$$
"""  # noqa: S608  # nosec B608  (our own words)
# What runs counts as served from the start, as long as is expected, or else a user with several
# queues would take every worker before the first job ended. At the end it is put right. An attempt
# that was lost is not counted: it was not the user's fault.
KEEP = """
DECLARE
    moment timestamptz := clock_timestamp();
    lane generation_lane;
    was_queued boolean := coalesce(OLD.state = 'queued', false);
    is_queued boolean := coalesce(NEW.state = 'queued', false);
    was_running boolean := coalesce(OLD.state = 'running', false);
    is_running boolean := coalesce(NEW.state = 'running', false);
    was_behind boolean := coalesce(OLD.priority = 'background', false);
    is_behind boolean := coalesce(NEW.priority = 'background', false);
    in_line integer := (is_queued AND NOT is_behind)::integer
        - (was_queued AND NOT was_behind)::integer;
    in_background integer := (is_queued AND is_behind)::integer
        - (was_queued AND was_behind)::integer;
    at_work integer := is_running::integer - was_running::integer;
    took double precision := 0;
BEGIN
    IF in_line = 0 AND in_background = 0 AND at_work = 0 THEN
        RETURN NULL;
    END IF;
    IF TG_OP = 'INSERT' THEN
        PERFORM easel_open_lane(NEW.user_id, NEW.tier);
    ELSE
        PERFORM FROM generation_lane WHERE user_id = OLD.user_id ORDER BY tier FOR UPDATE;
    END IF;
    SELECT * INTO lane FROM generation_lane
    WHERE user_id = coalesce(NEW.user_id, OLD.user_id) AND tier = coalesce(NEW.tier, OLD.tier);
    IF NOT FOUND THEN
        -- The account goes, and this lane went before the job.
        RETURN NULL;
    END IF;
    IF at_work <> 0 THEN
        lane.served_seconds := easel_faded(lane.served_seconds, lane.served_at, moment);
        IF is_running THEN
            lane.served_seconds := lane.served_seconds + NEW.expected_seconds;
            lane.passed_at := NULL;
        ELSE
            IF NOT is_queued AND TG_OP = 'UPDATE' THEN
                took := coalesce(NEW.compute_seconds, least(OLD.expected_seconds,
                    extract(epoch FROM moment - OLD.started_at)));
            END IF;
            lane.served_seconds := greatest(0, lane.served_seconds + took
                - easel_faded(OLD.expected_seconds, OLD.started_at, moment));
        END IF;
        lane.served_at := moment;
    ELSIF in_line > 0 AND NOT lane.is_active AND lane.paused_at IS NULL THEN
        lane.served_seconds := easel_starting_seconds(lane, NEW.expected_seconds, moment);
        lane.served_at := moment;
    END IF;
    IF TG_OP = 'INSERT' THEN
        lane.parallel_limit := NEW.parallel_limit;
    END IF;
    lane.waiting := lane.waiting + in_line;
    lane.waiting_seconds := CASE WHEN lane.waiting = 0 THEN 0 ELSE greatest(0,
        lane.waiting_seconds
            + CASE WHEN in_line > 0 THEN NEW.expected_seconds ELSE 0 END
            - CASE WHEN in_line < 0 THEN OLD.expected_seconds ELSE 0 END
    ) END;
    UPDATE generation_lane
    SET waiting = lane.waiting,
        waiting_seconds = lane.waiting_seconds,
        waiting_background = lane.waiting_background + in_background,
        running = lane.running + at_work,
        parallel_limit = lane.parallel_limit,
        served_seconds = lane.served_seconds,
        served_at = lane.served_at,
        served_rank = easel_lane_rank(lane.served_seconds, lane.served_at),
        passed_at = lane.passed_at
    WHERE id = lane.id;
    IF at_work <> 0 THEN
        UPDATE generation_lane SET running_elsewhere = running_elsewhere + at_work
        WHERE user_id = lane.user_id AND id <> lane.id;
    END IF;
    RETURN NULL;
END
"""
FILL = """
INSERT INTO generation_lane (id, user_id, tier, waiting, waiting_seconds, waiting_background,
    running, running_elsewhere, parallel_limit, served_seconds, served_at, served_rank, created_at,
    updated_at)
SELECT gen_random_uuid(), job.user_id, job.tier,
    count(*) FILTER (WHERE job.state = 'queued'),
    coalesce(sum(job.expected_seconds) FILTER (WHERE job.state = 'queued'), 0),
    0,
    count(*) FILTER (WHERE job.state = 'running'),
    sum(count(*) FILTER (WHERE job.state = 'running')) OVER (PARTITION BY job.user_id)
        - count(*) FILTER (WHERE job.state = 'running'),
    (array_agg(job.parallel_limit ORDER BY job.created_at DESC))[1],
    coalesce(sum(job.expected_seconds) FILTER (WHERE job.state = 'running'), 0),
    now(),
    easel_lane_rank(
        coalesce(sum(job.expected_seconds) FILTER (WHERE job.state = 'running'), 0), now()),
    now(), now()
FROM generation_job job
GROUP BY job.user_id, job.tier
"""


class Migration(migrations.Migration):
    dependencies = [("generation", "0007_lane")]

    operations = [
        migrations.RunSQL(RANK, "DROP FUNCTION easel_lane_rank(double precision, timestamptz)"),
        migrations.RunSQL(
            FADED, "DROP FUNCTION easel_faded(double precision, timestamptz, timestamptz)"
        ),
        migrations.RunSQL(
            START,
            "DROP FUNCTION easel_starting_seconds(generation_lane, double precision, timestamptz)",
        ),
        ServiceFunction("easel_lock_lanes(uuid)", definition=LOCK, callers=["web", "worker"]),
        ServiceFunction("easel_open_lane(uuid, text)", definition=OPEN, callers=["web"]),
        ServiceFunction(
            "easel_pause_queue(uuid, text, boolean)", definition=PAUSE, callers=["web"]
        ),
        migrations.RunSQL(
            [f"SET LOCAL ROLE {SERVICE_ROLE}", FILL, "SET LOCAL ROLE NONE"],
            [
                f"SET LOCAL ROLE {SERVICE_ROLE}",
                "DELETE FROM generation_lane",
                "SET LOCAL ROLE NONE",
            ],
        ),
        ServiceTrigger(
            "easel_keep_lane",
            table="generation_job",
            body=KEEP,
            on="INSERT OR DELETE OR UPDATE OF state, priority",
        ),
    ]
