"""A worker process that serves job after job keeps its size."""

from collections.abc import Callable

import pytest
from django.utils import timezone

from apps.accounts.models import User
from apps.catalog.models import GenerationModel
from apps.generation.models import TERMINAL_STATES, Job, JobState, Worker
from apps.plans.tiers import TIER_BY_QUEUE
from tests.factories import make_job, make_user
from tests.stack import Stack, wait_until

WARM_UP_JOBS = 40
JOBS = 260
JOBS_A_USER = 20
QUICK = {"steps": 2, "width": 64, "height": 64}
# What the allocators of torch and glibc keep varies by some megabytes; a leak of a picture, a
# preview or a latent a job would be more than this.
MAX_GROWTH_BYTES = 48 * 1024**2


def run_jobs(user: User, starter: GenerationModel, *, count: int, first_seed: int) -> None:
    """Have the worker do `count` quick jobs, one after the other as the plan has it."""
    jobs = [make_job(user, starter, seed=first_seed + number, **QUICK) for number in range(count)]
    wait_until(
        lambda: (
            not Job.objects.filter(id__in=[job.id for job in jobs])
            .exclude(state__in=sorted(TERMINAL_STATES))
            .exists()
        ),
        seconds=300,
        what="the end of the jobs",
    )


def resident(*, after: object) -> int:
    """Return what the worker says of itself, in a sign that is younger than the last job."""
    wait_until(
        lambda: Worker.objects.filter(seen_at__gt=after, current_job=None).exists(),
        seconds=30,
        what="a sign of life",
    )
    rss = Worker.objects.get().rss_bytes
    assert rss is not None
    return rss


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_worker_does_not_grow_over_some_hundred_jobs(
    stack: Stack, starter: GenerationModel, record_property: Callable[[str, object], None]
) -> None:
    stack.start_worker(queues=",".join(TIER_BY_QUEUE))
    warm = grown = 0
    for done in range(0, WARM_UP_JOBS + JOBS, JOBS_A_USER):
        # A trial's credits are enough for so many.
        user = make_user(f"user{done}@example.com")
        run_jobs(user, starter, count=JOBS_A_USER, first_seed=done)
        grown = resident(after=timezone.now())
        warm = grown if done + JOBS_A_USER <= WARM_UP_JOBS else warm

    assert Job.objects.filter(state=JobState.SUCCEEDED).count() == WARM_UP_JOBS + JOBS
    # Shown in the report of --junit-xml.
    record_property("resident_bytes", (warm, grown))
    assert grown - warm < MAX_GROWTH_BYTES
