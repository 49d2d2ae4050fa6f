"""Bounds by which the waits and runs of jobs are counted, and the counts so far."""

from collections.abc import Sequence
from typing import Final

from apps.core.observability.catalog import find_metric
from apps.core.tenancy import service_scope
from apps.generation.models import JobTally

WAIT_BOUNDS: Final = find_metric("queue_wait_seconds").bounds
RUN_BOUNDS: Final = find_metric("run_seconds").bounds


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
