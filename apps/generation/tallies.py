"""Bounds by which the waits and runs of jobs are counted, and the counts so far."""

from collections.abc import Sequence
from typing import Final

from apps.core.tenancy import service_scope
from apps.generation.models import JobTally

WAIT_BOUNDS: Final = (1.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)
RUN_BOUNDS: Final = (1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0)


def list_tallies() -> list[JobTally]:
    """List what was counted so far, by tier, model and outcome."""
    with service_scope("read the tallies of ended jobs"):
        return list(JobTally.objects.order_by("tier", "model", "state", "error_code"))


def cumulative(counts: Sequence[int], bounds: Sequence[float]) -> list[tuple[str, float]]:
    """Turn counts by bound into Prometheus's buckets, each with what the lower ones have."""
    buckets: list[tuple[str, float]] = []
    total = 0
    for bound, count in zip([*bounds, float("inf")], counts, strict=True):
        total += count
        buckets.append(("+Inf" if bound == float("inf") else f"{bound:g}", float(total)))
    return buckets
