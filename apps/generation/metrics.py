"""The figures of the fleet: queues, jobs, workers, the books."""

from collections.abc import Iterator, Sequence

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric as Family
from prometheus_client.registry import Collector

from apps.core.observability.figures import Figure, collect_all, families, family_of
from apps.core.slow_queries import list_counts
from apps.core.tenancy import service_scope
from apps.generation.fleet import TierFigures, measure_tiers
from apps.generation.models import JobState, JobTally, TallyMark
from apps.generation.services.audit import last_audit
from apps.generation.tallies import RUN_BOUNDS, WAIT_BOUNDS, cumulative, list_tallies
from apps.generation.worker_figures import list_worker_figures
from gpu_tasks.providers.facts import PROVIDER_MODEL_KEYS

_OF_TIERS = (
    *("waiting", "due", "running", "oldest_due_seconds", "messages", "dead_letters"),
    *("workers", "busy_workers", "draining_workers"),
)


def exposition() -> bytes:
    """Return all metrics of the fleet and the business in the text format of Prometheus."""
    registry = CollectorRegistry()
    registry.register(_FleetCollector())
    return generate_latest(registry)


class _FleetCollector(Collector):
    def collect(self) -> Iterator[Family]:
        tallies = list_tallies()
        yield from families(
            [
                *figures_of_tiers(measure_tiers()),
                *figures_of_books(),
                *collect_all(),
                *_totals(tallies),
                *_slow_queries(),
                *_last_tally(),
                *list_worker_figures(),
            ]
        )
        yield from _histograms(tallies)


def figures_of_tiers(tiers: Sequence[TierFigures]) -> Iterator[Figure]:
    """Yield what a tier has at this moment."""
    for found in tiers:
        for key in _OF_TIERS:
            value = getattr(found, key)
            # Nobody knows while the broker is away, and Valkey has no dead letters.
            if value is not None:
                yield Figure(key, value, {"tier": found.tier.value})


def figures_of_books() -> Iterator[Figure]:
    """Yield what the last audit of the books found, if one is remembered."""
    audit = last_audit()
    if audit is not None:
        yield Figure("books_drift", audit.broken_rules)


def _last_tally() -> Iterator[Figure]:
    with service_scope("read until when jobs were counted"):
        mark = TallyMark.objects.first()
    if mark is not None:
        yield Figure("tallied_timestamp_seconds", mark.until.timestamp())


def _totals(tallies: Sequence[JobTally]) -> Iterator[Figure]:
    for (tier, model), kinds in _by_model(tallies).items():
        place = {"tier": tier, "model": model}
        for state in sorted({kind.state for kind in kinds}):
            count = sum(kind.jobs for kind in kinds if kind.state == state)
            yield Figure("jobs", count, place | {"state": state})
        for kind in kinds:
            if kind.state == JobState.FAILED:
                yield Figure("failures", kind.jobs, place | {"code": kind.error_code})
        if model not in PROVIDER_MODEL_KEYS:
            yield Figure("gpu_seconds", sum(kind.compute_seconds for kind in kinds), place)


def _histograms(tallies: Sequence[JobTally]) -> Iterator[Family]:
    wait, run = family_of("queue_wait_seconds"), family_of("run_seconds")
    for (tier, model), kinds in _by_model(tallies).items():
        wait.add_metric(
            [tier, model],
            cumulative(_sum([kind.waits for kind in kinds]), WAIT_BOUNDS),
            sum_value=sum(kind.wait_seconds for kind in kinds),
        )
        run.add_metric(
            [tier, model],
            cumulative(_sum([kind.runs for kind in kinds]), RUN_BOUNDS),
            sum_value=sum(kind.run_seconds for kind in kinds),
        )
    yield from (wait, run)


def _slow_queries() -> Iterator[Figure]:
    for database, file, count in list_counts():
        yield Figure("slow_queries", count, {"database": database, "file": file})


def _by_model(tallies: Sequence[JobTally]) -> dict[tuple[str, str], list[JobTally]]:
    models: dict[tuple[str, str], list[JobTally]] = {}
    for tally in tallies:
        models.setdefault((tally.tier, tally.model), []).append(tally)
    return models


def _sum(counts: Sequence[Sequence[int]]) -> list[int]:
    return [sum(column) for column in zip(*counts, strict=True)]
