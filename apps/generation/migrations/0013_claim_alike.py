from django.db import migrations, models

from apps.core.operations import ServiceFunction

# What a job is asked for but for prompts, seeds, start picture and count. A column that PostgreSQL
# keeps by itself, so that whoever inserts a job cannot forget it; the text of jsonb is canonical.
SHAPE = (
    "md5(%(expressions)s - ARRAY['prompt', 'negative_prompt', 'seed', 'num_images', 'init_image']"
    "::text[])::text)"
)
# How many lanes are looked at for each job: so many others at once would have to hold one.
CANDIDATES = 32

# Takes waiting jobs that share a forward pass with one that the worker has: each time the first in
# the lane that was served the least, others' lanes before the user's own. Never one from behind in
# a line, since its user has said which comes first. A lane that is held by somebody, or whose first
# job is of another shape or too many pictures, is left as it is.
CLAIM = f"""
easel_claim_alike(leader_id uuid, by_worker text, lease interval, pictures integer)
RETURNS TABLE (job_id uuid, owner_id uuid)
LANGUAGE plpgsql AS $$
DECLARE
    leader generation_job;
    lane generation_lane;
    head generation_job;
    of_lane uuid;
    behind boolean;
    room integer := pictures;
    passed uuid[] := '{{}}';
BEGIN
    SELECT * INTO leader FROM generation_job
    WHERE id = leader_id AND state = 'running' AND worker = by_worker;
    behind := leader.priority = 'background';
    WHILE leader.id IS NOT NULL AND room > 0 LOOP
        SELECT (own.lane).id INTO of_lane FROM (
            SELECT due AS lane FROM generation_lane due
            WHERE due.tier = leader.tier AND NOT due.id = ANY (passed)
                AND ((due.is_due AND NOT behind) OR (due.is_background_due AND behind))
            ORDER BY due.served_rank
            LIMIT {CANDIDATES}
        ) own
        WHERE (easel_first_in_lane(own.lane, behind)).batch_shape = leader.batch_shape
        ORDER BY (own.lane).user_id = leader.user_id, (own.lane).served_rank
        LIMIT 1;
        EXIT WHEN NOT FOUND;
        lane := easel_take_place(of_lane, behind);
        head := NULL;
        IF lane.id IS NOT NULL THEN
            head := easel_first_in_lane(lane, behind);
        END IF;
        IF head.id IS NULL OR head.batch_shape <> leader.batch_shape
            OR (head.parameters ->> 'num_images')::integer > room
            OR NOT easel_take_job(head.id, by_worker, lease)
        THEN
            passed := passed || of_lane;
            CONTINUE;
        END IF;
        room := room - (head.parameters ->> 'num_images')::integer;
        RETURN QUERY SELECT head.id, head.user_id;
    END LOOP;
END
$$
"""  # noqa: S608  # nosec B608  (our own words)


class Migration(migrations.Migration):
    dependencies = [("generation", "0012_tallies")]

    operations = [
        migrations.AddField(
            model_name="job",
            name="batch_shape",
            field=models.GeneratedField(
                db_persist=True,
                expression=models.Func(
                    models.F("model"), models.F("parameters"), template=SHAPE, arg_joiner=" || ("
                ),
                output_field=models.CharField(max_length=32),
            ),
        ),
        ServiceFunction(
            "easel_claim_alike(uuid, text, interval, integer)",
            definition=CLAIM,
            callers=["worker"],
        ),
    ]
