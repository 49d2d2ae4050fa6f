"""Whatever is killed, frozen or lost: every accepted job ends once, and files match rows."""

import signal
from collections.abc import Callable

import pytest

from apps.accounts.models import User
from apps.catalog.models import GenerationModel
from apps.generation.models import JobState
from apps.generation.services.jobs import cancel_job
from apps.generation.wakeups import send_wakeup
from apps.images.models import Image
from apps.plans.products import PLANS
from apps.plans.services.subscriptions import start_subscription
from tests.factories import make_job
from tests.faults.conftest import LEASE_SECONDS
from tests.faults.ends import LONG, QUEUES, check_books, state, wait_for_end, wait_for_steps
from tests.queues import empty_queues, waiting_messages
from tests.stack import Stack, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def test_a_worker_killed_in_mid_step_loses_nothing(
    stack: Stack, user: User, starter: GenerationModel, stored_files: Callable[[], set[str]]
) -> None:
    stack.start_scheduler()
    stack.start_worker(queues=QUEUES)
    job = make_job(user, starter, **LONG)
    wait_for_steps(job)

    stack.kill("worker")
    assert state(job) == JobState.RUNNING
    stack.start_worker(queues=QUEUES)
    wait_for_end(job)

    assert job.attempt == 2
    check_books(stored_files, job)


def test_another_worker_takes_over(
    stack: Stack, user: User, starter: GenerationModel, stored_files: Callable[[], set[str]]
) -> None:
    stack.start_scheduler()
    stack.start_worker(queues=QUEUES, name="first")
    stack.start_worker(queues=QUEUES, name="second")
    job = make_job(user, starter, **LONG)
    wait_for_steps(job)

    job.refresh_from_db()
    stack.kill(job.worker.partition("@")[0])
    wait_until(
        lambda: state(job) == JobState.RUNNING and job.attempt == 2,
        seconds=LEASE_SECONDS + 20,
        what="the second attempt",
    )
    wait_for_end(job)

    check_books(stored_files, job)


def test_a_frozen_worker_that_wakes_up_late_is_refused(
    stack: Stack, user: User, starter: GenerationModel, stored_files: Callable[[], set[str]]
) -> None:
    stack.start_scheduler()
    stack.start_worker(queues=QUEUES, name="frozen")
    job = make_job(user, starter, **LONG)
    wait_for_steps(job)

    stack.send_signal("frozen", signal.SIGSTOP)
    stack.start_worker(queues=QUEUES, name="second")
    wait_until(
        lambda: state(job) == JobState.RUNNING and job.attempt == 2,
        seconds=LEASE_SECONDS + 30,
        what="the second attempt",
    )
    stack.send_signal("frozen", signal.SIGCONT)
    wait_until(lambda: "attempt_lost" in stack.log("frozen"), seconds=60, what="giving up")
    wait_for_end(job)

    assert job.attempt == 2
    check_books(stored_files, job)


def test_waiting_jobs_survive_a_stop_of_everything_and_an_empty_queue(
    stack: Stack, user: User, starter: GenerationModel, stored_files: Callable[[], set[str]]
) -> None:
    start_subscription(user=user, plan=PLANS["studio"])
    jobs = [make_job(user, starter, seed=seed) for seed in range(3)]
    empty_queues()

    stack.start_scheduler()
    stack.start_worker(queues=QUEUES)
    wait_for_end(*jobs)
    stack.stop("worker")
    stack.stop("scheduler")
    late = make_job(user, starter, seed=3)
    stack.start_scheduler()
    stack.start_worker(queues=QUEUES)
    wait_for_end(late)

    check_books(stored_files, *jobs, late)


def test_a_wakeup_delivered_many_times_makes_one_picture(
    stack: Stack, user: User, starter: GenerationModel, stored_files: Callable[[], set[str]]
) -> None:
    job = make_job(user, starter)
    for _time in range(4):
        send_wakeup(job)
    stack.start_worker(queues=QUEUES, name="first")
    stack.start_worker(queues=QUEUES, name="second")
    wait_for_end(job)
    wait_until(lambda: not waiting_messages(), seconds=30, what="taking every message")

    assert job.attempt == 1
    check_books(stored_files, job)


def test_a_stopped_worker_finishes_what_it_began(
    stack: Stack, user: User, starter: GenerationModel, stored_files: Callable[[], set[str]]
) -> None:
    stack.start_worker(queues=QUEUES)
    job = make_job(user, starter, steps=60)
    wait_for_steps(job)

    stack.stop("worker")

    assert state(job) == JobState.SUCCEEDED
    check_books(stored_files, job)


def test_a_worker_on_the_pool_of_production_serves_job_after_job(
    stack: Stack, user: User, starter: GenerationModel, stored_files: Callable[[], set[str]]
) -> None:
    stack.environment["DJANGO_SETTINGS_MODULE"] = "config.settings.benchmark"
    stack.start_worker(queues=QUEUES)
    jobs = []
    for seed in range(3):
        jobs.append(make_job(user, starter, seed=seed))
        wait_for_end(jobs[-1], seconds=30)

    check_books(stored_files, *jobs)


def test_a_cancel_is_seen_in_mid_job(
    stack: Stack, user: User, starter: GenerationModel, stored_files: Callable[[], set[str]]
) -> None:
    stack.start_worker(queues=QUEUES)
    job = make_job(user, starter, **LONG)
    wait_for_steps(job)

    cancel_job(user=user, job_id=job.id)
    wait_for_end(job, seconds=30)

    assert job.state == JobState.CANCELLED
    assert not Image.objects.exists()
    assert stored_files() == set()
