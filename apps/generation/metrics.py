"""The figures of the fleet as Prometheus wants them."""

from collections.abc import Iterator, Sequence

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from apps.core.slow_queries import list_counts
from apps.generation.fleet import TierFigures, measure_tiers
from apps.generation.models import JobState, JobTally
from apps.generation.tallies import RUN_BOUNDS, WAIT_BOUNDS, cumulative, list_tallies

_GAUGES = {
    "waiting": "Jobs that wait.",
    "due": "Jobs that a free worker would claim now.",
    "running": "Jobs that a worker holds.",
    "oldest_due_seconds": "Age of the oldest job that is due.",
    "messages": "Wake-ups at the broker.",
    "dead_letters": "Wake-ups received too often.",
    "workers": "Workers heard of lately.",
    "busy_workers": "Workers at a job.",
    "draining_workers": "Workers that are to claim nothing.",
}


def exposition() -> bytes:
    """Return all metrics in the text format of Prometheus."""
    registry = CollectorRegistry()
    registry.register(_FleetCollector())
    return generate_latest(registry)


class _FleetCollector(Collector):
    def collect(self) -> Iterator[Metric]:
        yield from _gauges(measure_tiers())
        yield from _counters(list_tallies())
        yield _slow_queries()


def _gauges(tiers: Sequence[TierFigures]) -> Iterator[Metric]:
    for name, text in _GAUGES.items():
        family = GaugeMetricFamily(f"easel_{name}", text, labels=["tier"])
        for found in tiers:
            value = getattr(found, name)
            # Nobody knows while the broker is away, and Valkey has no dead letters.
            if value is not None:
                family.add_metric([found.tier], value)
        yield family


def _counters(tallies: Sequence[JobTally]) -> Iterator[Metric]:
    jobs = CounterMetricFamily("easel_jobs", "Jobs that ended.", labels=["tier", "model", "state"])
    failures = CounterMetricFamily(
        "easel_failures", "Jobs that failed.", labels=["tier", "model", "code"]
    )
    seconds = CounterMetricFamily(
        "easel_gpu_seconds", "Seconds that made pictures.", labels=["tier", "model"]
    )
    wait = HistogramMetricFamily(
        "easel_queue_wait_seconds", "From asking to the beginning.", labels=["tier", "model"]
    )
    run = HistogramMetricFamily(
        "easel_run_seconds", "From the beginning to the end.", labels=["tier", "model"]
    )
    for (tier, model), kinds in _by_model(tallies).items():
        for state in sorted({kind.state for kind in kinds}):
            count = sum(kind.jobs for kind in kinds if kind.state == state)
            jobs.add_metric([tier, model, state], count)
        for kind in kinds:
            if kind.state == JobState.FAILED:
                failures.add_metric([tier, model, kind.error_code], kind.jobs)
        seconds.add_metric([tier, model], sum(kind.compute_seconds for kind in kinds))
        waits = _sum([kind.waits for kind in kinds])
        runs = _sum([kind.runs for kind in kinds])
        wait.add_metric(
            [tier, model],
            cumulative(waits, WAIT_BOUNDS),
            sum_value=sum(kind.wait_seconds for kind in kinds),
        )
        run.add_metric(
            [tier, model],
            cumulative(runs, RUN_BOUNDS),
            sum_value=sum(kind.run_seconds for kind in kinds),
        )
    yield from (jobs, failures, seconds, wait, run)


def _slow_queries() -> Metric:
    family = CounterMetricFamily(
        "easel_slow_queries", "Queries that took too long.", labels=["database", "file"]
    )
    for database, file, count in list_counts():
        family.add_metric([database, file], count)
    return family


def _by_model(tallies: Sequence[JobTally]) -> dict[tuple[str, str], list[JobTally]]:
    models: dict[tuple[str, str], list[JobTally]] = {}
    for tally in tallies:
        models.setdefault((tally.tier, tally.model), []).append(tally)
    return models


def _sum(counts: Sequence[Sequence[int]]) -> list[int]:
    return [sum(column) for column in zip(*counts, strict=True)]
