"""Count ended jobs once each, beside the transactions that end them."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from apps.core.tenancy import service_scope
from apps.generation.models import Job, JobKind, JobTally, TallyMark
from apps.generation.tallies import RUN_BOUNDS, WAIT_BOUNDS

# A transaction that ends a job may commit so long after it looked at the clock.
LAG = timedelta(seconds=15)
# After a long time without a scheduler the rest is counted piece by piece.
LONGEST = timedelta(minutes=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedJob:
    """What is counted of a job; it waited until its last attempt began, if one ever did."""

    tier: str
    model: str
    state: str
    error_code: str
    compute_seconds: float
    wait_seconds: float | None
    run_seconds: float | None


def tally_ended_jobs() -> list[EndedJob]:
    """Add the jobs that ended since the last time to the tallies, and return them."""
    with service_scope("tally ended jobs"):
        # Two schedulers count one after the other.
        mark = TallyMark.objects.select_for_update().first()
        now = timezone.now() - LAG
        if mark is None:
            TallyMark.objects.get_or_create(id=1, defaults={"until": now})
            return []
        until = min(now, mark.until + LONGEST)
        if until <= mark.until:
            return []
        ended = _ended_between(mark.until, until)
        for (tier, model, state, error_code), jobs in _by_kind(ended).items():
            _add(jobs, tier=tier, model=model, state=state, error_code=error_code)
        mark.until = until
        mark.save(update_fields=["until"])
    return ended


def _ended_between(since: datetime, until: datetime) -> list[EndedJob]:
    rows = Job.objects.filter(finished_at__gt=since, finished_at__lte=until).values_list(
        "tier",
        "kind",
        "model_id",
        "state",
        "error_code",
        "compute_seconds",
        "created_at",
        "started_at",
        "finished_at",
    )
    return [
        EndedJob(
            tier=tier,
            model=_kept_as(kind, model),
            state=state,
            error_code=error_code,
            compute_seconds=float(compute_seconds or 0),
            wait_seconds=_seconds(created_at, started_at),
            run_seconds=_seconds(started_at, finished_at),
        )
        for (
            tier,
            kind,
            model,
            state,
            error_code,
            compute_seconds,
            created_at,
            started_at,
            finished_at,
        ) in rows
    ]


def _kept_as(kind: str, model: str) -> str:
    """Return what jobs are counted under: a training takes hours where a picture takes seconds."""
    name = model if kind == JobKind.GENERATION else f"{kind}/{model}"
    return name[: JobTally._meta.get_field("model").max_length]


def _seconds(begin: datetime | None, end: datetime | None) -> float | None:
    return None if begin is None or end is None else max(0.0, (end - begin).total_seconds())


def _by_kind(ended: Sequence[EndedJob]) -> dict[tuple[str, str, str, str], list[EndedJob]]:
    kinds: dict[tuple[str, str, str, str], list[EndedJob]] = defaultdict(list)
    for job in ended:
        kinds[job.tier, job.model, job.state, job.error_code].append(job)
    return kinds


def _add(jobs: Sequence[EndedJob], **kind: str) -> None:
    tally, _is_new = JobTally.objects.get_or_create(
        **kind,
        defaults={"waits": [0] * (len(WAIT_BOUNDS) + 1), "runs": [0] * (len(RUN_BOUNDS) + 1)},
    )
    tally.jobs += len(jobs)
    tally.compute_seconds += sum(job.compute_seconds for job in jobs)
    waits = [job.wait_seconds for job in jobs if job.wait_seconds is not None]
    runs = [job.run_seconds for job in jobs if job.run_seconds is not None]
    tally.wait_seconds += sum(waits)
    tally.run_seconds += sum(runs)
    tally.waits = _counted(tally.waits, waits, WAIT_BOUNDS)
    tally.runs = _counted(tally.runs, runs, RUN_BOUNDS)
    tally.save()


def _counted(counts: Sequence[int], values: Sequence[float], bounds: Sequence[float]) -> list[int]:
    added = list(counts)
    for value in values:
        added[bisect_left(bounds, value)] += 1
    return added
