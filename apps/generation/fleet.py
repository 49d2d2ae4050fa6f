"""The figures of the fleet by tier, for the command line, Prometheus and CloudWatch."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from django.db.models import Count, Min, Q
from django.utils import timezone

from apps.core.tenancy import service_scope
from apps.generation.models import DrainOrder, DrainScope, Job, JobState, Worker, WorkerState
from apps.generation.queues import BrokerAwayError, Depth, measure_depths
from apps.generation.selectors import due_jobs
from apps.generation.workers import live_workers, state_of
from apps.plans.tiers import GpuTier

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class TierFigures:
    """One tier at one moment; messages are `None` while the broker is away."""

    tier: GpuTier
    waiting: int
    due: int
    running: int
    oldest_due_seconds: float
    messages: int | None
    dead_letters: int | None
    workers: int
    busy_workers: int
    draining_workers: int
    is_drained: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerFigures:
    """One worker as it was heard of last."""

    name: str
    state: WorkerState
    tiers: list[str]
    gpu: str
    memory_total_bytes: int | None
    memory_used_bytes: int | None
    rss_bytes: int | None
    loaded_models: list[str]
    current_job: uuid.UUID | None
    is_drained: bool
    last_received_at: datetime | None
    started_at: datetime
    seen_at: datetime
    version: str


def measure_tiers() -> list[TierFigures]:
    """Count jobs, messages and workers of each tier."""
    depths = _depths()
    now = timezone.now()
    with service_scope("count the jobs and workers of each tier"):
        jobs = _by_tier(
            Job.objects.filter(state__in=[JobState.QUEUED, JobState.RUNNING])
            .values("tier")
            .annotate(
                waiting=Count("id", filter=Q(state=JobState.QUEUED)),
                running=Count("id", filter=Q(state=JobState.RUNNING)),
            )
        )
        due = _by_tier(
            due_jobs().values("tier").annotate(due=Count("id"), oldest=Min("created_at"))
        )
        workers = list(live_workers())
        drained = set(_drained(DrainScope.TIER))
    return [
        TierFigures(
            tier=tier,
            waiting=jobs.get(tier, {}).get("waiting", 0),
            running=jobs.get(tier, {}).get("running", 0),
            due=due.get(tier, {}).get("due", 0),
            oldest_due_seconds=_age(due.get(tier, {}).get("oldest"), now),
            messages=None if depths is None else depths[tier].messages,
            dead_letters=None if depths is None else depths[tier].dead_letters,
            workers=sum(tier in worker.tiers for worker in workers),
            busy_workers=_count(workers, tier, WorkerState.BUSY),
            draining_workers=_count(workers, tier, WorkerState.DRAINING),
            is_drained=tier in drained,
        )
        for tier in GpuTier
    ]


def list_workers() -> list[WorkerFigures]:
    """List the workers known, the silent ones as gone."""
    with service_scope("list the workers"):
        workers = list(Worker.objects.order_by("name"))
        drained = set(_drained(DrainScope.WORKER))
    return [
        WorkerFigures(
            name=worker.name,
            state=state_of(worker),
            tiers=worker.tiers,
            gpu=worker.gpu,
            memory_total_bytes=worker.memory_total_bytes,
            memory_used_bytes=worker.memory_used_bytes,
            rss_bytes=worker.rss_bytes,
            loaded_models=worker.loaded_models,
            current_job=worker.current_job,
            is_drained=worker.name in drained,
            last_received_at=worker.last_received_at,
            started_at=worker.started_at,
            seen_at=worker.seen_at,
            version=worker.version,
        )
        for worker in workers
    ]


def _depths() -> dict[GpuTier, Depth] | None:
    try:
        return measure_depths()
    except BrokerAwayError as error:
        logger.warning("broker_away", error=str(error))
        return None


def _drained(scope: DrainScope) -> list[str]:
    return list(DrainOrder.objects.filter(scope=scope).values_list("target", flat=True))


def _by_tier(rows: Any) -> dict[str, dict[str, Any]]:
    return {row["tier"]: row for row in rows}


def _age(since: datetime | None, now: datetime) -> float:
    return 0.0 if since is None else round((now - since).total_seconds(), 1)


def _count(workers: list[Worker], tier: GpuTier, state: WorkerState) -> int:
    return sum(tier in worker.tiers and worker.state == state for worker in workers)
