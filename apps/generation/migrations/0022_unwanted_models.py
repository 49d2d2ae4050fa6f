from importlib import import_module

from django.db import migrations

from apps.core.operations import ServiceFunction

before = import_module("apps.generation.migrations.0009_claim_by_lane")

SIGNATURE = "easel_claim_job(text[], text, interval, text[], interval, text[])"
_FIRST = "own.tier = served.tier AND own.is_due\n"
_BEFORE_THEM = "other.tier = served.tier AND other.is_due\n            )\n"
_DUE = "    WHERE own.tier = ANY (tiers) AND (own.is_due OR own.is_background_due)\n"


def _wanted(lane: str, *, background: str) -> str:
    """Return the condition that the next job of a lane is one that the worker has a place for."""
    return f"""                AND CASE WHEN cardinality(unwanted) = 0 THEN true ELSE NOT coalesce(
                    (easel_first_in_lane({lane}, {background})).model_id = ANY (unwanted), false
                ) END
"""


def _passing_over(claim: str) -> str:
    """Pass lanes over whose next job is one of a model that the worker has no place for now.

    It is looked at without a lock: who is overtaken meanwhile gets such a job all the same.
    """
    claim = claim.replace(
        "loaded text[] DEFAULT '{}',\n    patience interval DEFAULT '0')",
        "loaded text[],\n    patience interval, unwanted text[])",
    )
    claim = claim.replace(_FIRST, _FIRST + _wanted("own", background="false"))
    others = _BEFORE_THEM.removesuffix("            )\n") + _wanted("other", background="false")
    claim = claim.replace(
        _BEFORE_THEM, others + "            )\n" + _wanted("own", background="true")
    )
    return claim.replace(_DUE, _DUE + _wanted("own", background="own.waiting = 0"))


CLAIM = _passing_over(before.CLAIM)

# As `easel_next_model(text[])`, beyond the models that a worker does not load.
NEXT_MODEL = f"""
easel_next_model(tiers text[], unwanted text[])
RETURNS TABLE (model_key text, tier text)
LANGUAGE sql STABLE AS $$
    SELECT (easel_first_in_lane(due.lane, false)).model_id, (due.lane).tier
    FROM unnest(tiers) AS served (tier) CROSS JOIN LATERAL (
        SELECT own AS lane FROM generation_lane own
        WHERE own.tier = served.tier AND own.is_due
{_wanted("own", background="false")}        ORDER BY own.served_rank
        LIMIT 1
    ) due
    ORDER BY (due.lane).served_rank
    LIMIT 1
$$
"""  # noqa: S608  # nosec B608  (our own words)


class Migration(migrations.Migration):
    # A worker that pictures of providers are made by, in threads beside its GPU, goes on with the
    # jobs of the GPU while all these threads are busy, and loads what these need. Workers of the
    # release before call the functions with fewer arguments, which stay as they are.
    dependencies = [("generation", "0021_alike_of_one_kind")]

    operations = [
        ServiceFunction(SIGNATURE, definition=CLAIM, callers=["worker"]),
        ServiceFunction(
            "easel_next_model(text[], text[])", definition=NEXT_MODEL, callers=["worker"]
        ),
    ]
