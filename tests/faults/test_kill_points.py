"""A worker killed at any moment of a job costs time: no picture, no credit, nobody's turn."""

import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from apps.accounts.models import User
from apps.catalog.models import GenerationModel
from apps.generation.models import JobState
from apps.plans.models import Subscription
from tests.factories import make_job
from tests.faults.doomed_worker import CLOCKS, DEATHS
from tests.faults.ends import LONG, QUEUES, check_books, state, wait_for_end, wait_for_steps
from tests.stack import Stack, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

# By the attempt that ends the job; at all other points it is the second.
FIRST_ATTEMPT = {"woken and unclaimed", "after its commit"}
SECONDS_TO_RECOVER = 45


@pytest.mark.parametrize("point", DEATHS)
def test_a_worker_killed_at_any_point_costs_time_alone(
    point: str,
    stack: Stack,
    user: User,
    starter: GenerationModel,
    stored_files: Callable[[], set[str]],
) -> None:
    stack.start_scheduler()
    stack.start_worker(queues=QUEUES, name="doomed", fault=point)
    settings = LONG if point == "during a renewal" else {"steps": 4}
    job = make_job(user, starter, **settings)
    wait_until(lambda: stack.has_ended("doomed"), seconds=60, what=f"the death: {point}")
    is_over = state(job) == JobState.SUCCEEDED
    assert is_over == (point == "after its commit")

    stack.start_worker(queues=QUEUES, name="next")
    wait_for_end(job)
    later = make_job(user, starter, seed=2)
    wait_for_end(later)

    assert job.attempt == (1 if point in FIRST_ATTEMPT else 2)
    check_books(stored_files, job, later)


@pytest.mark.parametrize("clock", CLOCKS)
def test_a_worker_whose_clock_is_wrong_serves_as_any_other(
    clock: str,
    stack: Stack,
    user: User,
    starter: GenerationModel,
    stored_files: Callable[[], set[str]],
) -> None:
    # By any of the clocks the user's plan has begun.
    Subscription.objects.update(valid_from=timezone.now() - timedelta(days=1))
    stack.start_scheduler()
    stack.start_worker(queues=QUEUES, name="odd", fault=clock)
    # Some renewals long.
    job = make_job(user, starter, steps=60)
    wait_for_end(job)

    assert job.attempt == 1
    check_books(stored_files, job)


def test_with_the_leases_of_production_a_killed_worker_costs_less_than_a_minute(
    stack: Stack,
    user: User,
    starter: GenerationModel,
    stored_files: Callable[[], set[str]],
    record_property: Callable[[str, object], None],
) -> None:
    for name in ("EASEL_LEASE_SECONDS", "EASEL_SWEEP_SECONDS"):
        stack.environment.pop(name)
    stack.start_scheduler()
    stack.start_worker(queues=QUEUES, name="first")
    job = make_job(user, starter, **LONG)
    wait_for_steps(job)
    stack.kill("first")
    killed = time.monotonic()
    assert (state(job), job.attempt) == (JobState.RUNNING, 1)
    # It listens long before the lease ends; started earlier, it could find the job made already.
    stack.start_worker(queues=QUEUES, name="second")
    wait_until(
        lambda: state(job) == JobState.RUNNING and job.attempt == 2,
        seconds=2 * SECONDS_TO_RECOVER,
        what="the second attempt",
    )
    seconds = time.monotonic() - killed
    record_property("seconds_to_recover", round(seconds, 1))
    wait_for_end(job)

    assert seconds < SECONDS_TO_RECOVER
    check_books(stored_files, job)
