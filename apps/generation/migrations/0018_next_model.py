from django.db import migrations

from apps.core.operations import ServiceFunction

# Which model the job needs that is due next; a worker loads it beside the job at hand. It takes
# nothing and locks nothing, and tells no more than the model's key and the tier. The background is
# not looked at: it waits for an idle tier.
NEXT_MODEL = """
easel_next_model(tiers text[])
RETURNS TABLE (model_key text, tier text)
LANGUAGE sql STABLE AS $$
    SELECT (easel_first_in_lane(due.lane, false)).model_id, (due.lane).tier
    FROM unnest(tiers) AS served (tier) CROSS JOIN LATERAL (
        SELECT own AS lane FROM generation_lane own
        WHERE own.tier = served.tier AND own.is_due
        ORDER BY own.served_rank
        LIMIT 1
    ) due
    ORDER BY (due.lane).served_rank
    LIMIT 1
$$
"""


class Migration(migrations.Migration):
    dependencies = [("generation", "0017_axes_of_grids")]

    operations = [
        ServiceFunction(
            "easel_next_model(text[])",
            definition=NEXT_MODEL,
            callers=["worker"],
        )
    ]
