"""Keep what jobs took lately, for quotes."""

from typing import Any

from django.db import connection
from django.db.models import Max
from django.utils import timezone

from apps.core.tenancy import service_scope
from apps.credits.costs import Shape, measured_as, work
from apps.credits.models import MeasuredCost, UsageRecord

# So many of the latest jobs of a kind are looked at, and of a model whatever the shape.
KEPT = 50
KEPT_OF_MODEL = 200
RECORDS_A_SWEEP = 2000

_ADD = """
INSERT INTO credits_measuredcost AS cost (model, tier, width, height, steps, batch_size, seconds,
    measured_until, created_at, updated_at)
VALUES (%(model)s, %(tier)s, %(width)s, %(height)s, %(steps)s, %(batch_size)s, %(seconds)s,
    %(until)s, now(), now())
ON CONFLICT (model, tier, width, height, steps, batch_size) DO UPDATE
SET seconds = (EXCLUDED.seconds || cost.seconds)[1:%(kept)s],
    measured_until = EXCLUDED.measured_until
"""


def measure_costs() -> int:
    """Add to the estimates what was served since the last time; return how many jobs that were.

    Jobs that made fewer pictures than asked for, since they were cancelled, are of no known kind.
    """
    with service_scope("measure what jobs take"):
        with connection.cursor() as cursor:
            # Two schedulers would count the same jobs twice.
            cursor.execute("SELECT pg_try_advisory_xact_lock(hashtextextended('costs', 0))")
            if not cursor.fetchone()[0]:
                return 0
        since = MeasuredCost.objects.aggregate(until=Max("measured_until"))["until"]
        records = UsageRecord.objects.filter(is_whole=True).order_by("created_at")
        if since is not None:
            records = records.filter(created_at__gt=since)
        found = list(records[:RECORDS_A_SWEEP])
        kinds: dict[tuple[Any, ...], list[float]] = {}
        for record in found:
            shape = Shape(record.width, record.height, record.steps, record.batch_size)
            seconds = float(record.compute_seconds)
            kind = (measured_as(record.action_type, record.model_used), record.gpu_tier)
            exact = (*kind, shape.width, shape.height, shape.steps, shape.batch_size)
            kinds.setdefault(exact, []).insert(0, seconds)
            kinds.setdefault((*kind, 0, 0, 0, 0), []).insert(0, seconds / work(shape))
        until = found[-1].created_at if found else timezone.now()
        for (model, tier, width, height, steps, batch_size), seconds_list in kinds.items():
            _add(model, tier, Shape(width, height, steps, batch_size), seconds_list, until)
    return len(found)


def _add(model: str, tier: str, shape: Shape, seconds: list[float], until: Any) -> None:
    kept = KEPT if shape.width else KEPT_OF_MODEL
    with connection.cursor() as cursor:
        cursor.execute(
            _ADD,
            {
                "model": model,
                "tier": tier,
                "width": shape.width,
                "height": shape.height,
                "steps": shape.steps,
                "batch_size": shape.batch_size,
                "seconds": seconds[:kept],
                "until": until,
                "kept": kept,
            },
        )
