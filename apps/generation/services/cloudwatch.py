"""Tell CloudWatch, in lines of the scheduler's log, how the fleet and the business are."""

from collections.abc import Iterator, Sequence

from apps.core.observability.figures import Figure, collect_all, publish
from apps.core.observability.slos import LATE_JOB_SECONDS, OUR_FAULTS
from apps.generation.fleet import measure_tiers
from apps.generation.metrics import figures_of_books, figures_of_tiers
from apps.generation.models import JobState
from apps.generation.services.tallies import EndedJob, tally_ended_jobs
from gpu_tasks.providers.facts import PROVIDER_MODEL_KEYS


def tally_and_publish() -> int:
    """Tally ended jobs, and log all figures for CloudWatch where that is on; return the jobs."""
    ended = tally_ended_jobs()
    publish(_figures(ended))
    return len(ended)


def _figures(ended: Sequence[EndedJob]) -> Iterator[Figure]:
    # Nothing is measured where nobody listens: `publish` then asks for none of them.
    yield Figure("scheduler_beats", 1)
    yield from figures_of_tiers(measure_tiers())
    yield from figures_of_books()
    yield from collect_all()
    for job in ended:
        yield from _figures_of(job)


def _figures_of(job: EndedJob) -> Iterator[Figure]:
    tier = {"tier": job.tier}
    place = tier | {"model": job.model}
    yield Figure("jobs", 1, place)
    if job.model not in PROVIDER_MODEL_KEYS:
        yield Figure("gpu_seconds", job.compute_seconds, place)
    if job.wait_seconds is not None:
        yield Figure("queue_wait_seconds", [round(job.wait_seconds, 3)], place)
        yield Figure("jobs_started", 1, tier)
        yield Figure("jobs_late", int(job.wait_seconds > LATE_JOB_SECONDS[job.tier]), tier)
    if job.run_seconds is not None:
        yield Figure("run_seconds", [round(job.run_seconds, 3)], place)
    is_ours = job.error_code in OUR_FAULTS
    if job.state == JobState.FAILED:
        yield Figure("failures", 1, tier | {"code": job.error_code})
    if job.state == JobState.SUCCEEDED or is_ours:
        yield Figure("jobs_served", 1, tier)
        yield Figure("jobs_broken", int(is_ours), tier)
