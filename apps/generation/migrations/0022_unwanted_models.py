from importlib import import_module

from django.db import migrations

from apps.core.operations import ServiceFunction

before = import_module("apps.generation.migrations.0009_claim_by_lane")

SIGNATURE = "easel_claim_job(text[], text, interval, text[], interval, text[])"
_TAKE = "        taken := easel_take_next(lane.id, {background}, by_worker, lease);"
_DUE = "    WHERE own.tier = ANY (tiers) AND (own.is_due OR own.is_background_due)\n"
_WANTED = """
        AND NOT (cardinality(unwanted) > 0 AND coalesce(
            (easel_first_in_lane(own, own.waiting = 0)).model_id = ANY (unwanted), false))
""".lstrip("\n")
_SKIP = """
        CONTINUE WHEN cardinality(unwanted) > 0
            AND (easel_first_in_lane(lane, {background})).model_id = ANY (unwanted);
"""


def _skipping(claim: str) -> str:
    """Pass lanes over whose next job is one of a model that the worker has no place for now.

    It is looked at without a lock: who is overtaken meanwhile gets such a job all the same.
    """
    claim = claim.replace(
        "loaded text[] DEFAULT '{}',\n    patience interval DEFAULT '0')",
        "loaded text[],\n    patience interval, unwanted text[])",
    )
    claim = claim.replace(
        "    LOOP\n        IF has_choice",
        "    LOOP" + _SKIP.format(background="false") + "        IF has_choice",
    )
    background = _TAKE.format(background="true")
    claim = claim.replace(background, _SKIP.format(background="true").lstrip("\n") + background)
    return claim.replace(_DUE, _DUE + _WANTED)


CLAIM = _skipping(before.CLAIM)


class Migration(migrations.Migration):
    # A worker that pictures of providers are made by, in threads beside its GPU, goes on with the
    # jobs of the GPU while all these threads are busy. Workers of the release before call the
    # function with fewer arguments, which stays as it is.
    dependencies = [("generation", "0021_alike_of_one_kind")]

    operations = [ServiceFunction(SIGNATURE, definition=CLAIM, callers=["worker"])]
