"""A worker that makes jobs of two users in one forward pass: none of them is lost with it."""

import signal
from collections.abc import Callable

import pytest

from apps.accounts.models import User
from apps.catalog.models import GenerationModel
from apps.generation.models import Job, JobState
from apps.generation.services.audit import audit_credits
from tests.factories import make_job
from tests.faults.conftest import LEASE_SECONDS
from tests.faults.ends import QUEUES, check_books, state, wait_for_end, wait_for_steps
from tests.stack import Stack, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

LONG = {"steps": 100}


@pytest.fixture
def stack(stack: Stack) -> Stack:
    stack.environment["EASEL_BATCHING"] = "force"
    stack.start_scheduler()
    return stack


@pytest.fixture
def jobs(stack: Stack, user: User, stranger: User, starter: GenerationModel) -> list[Job]:
    """Accept jobs of two users before there is a worker, so that it finds both."""
    return [
        make_job(user, starter, prompt="a red circle", **LONG),
        make_job(stranger, starter, prompt="a blue star", **LONG),
    ]


def start_pass(stack: Stack, jobs: list[Job], *, name: str) -> None:
    stack.start_worker(queues=QUEUES, name=name)
    for job in jobs:
        wait_for_steps(job)
    assert [state(job) for job in jobs] == [JobState.RUNNING] * 2
    assert {job.attempt for job in jobs} == {1}


def check_owners(jobs: list[Job], stored_files: Callable[[], set[str]]) -> None:
    check_books(stored_files, *jobs)
    assert audit_credits() == []
    assert {path.split("/")[1] for path in stored_files()} == {str(job.user_id) for job in jobs}


def test_a_worker_killed_in_mid_pass_loses_neither(
    stack: Stack, jobs: list[Job], stored_files: Callable[[], set[str]]
) -> None:
    start_pass(stack, jobs, name="killed")

    stack.kill("killed")
    stack.start_worker(queues=QUEUES)
    wait_for_end(*jobs)

    assert [job.attempt for job in jobs] == [2, 2]
    check_owners(jobs, stored_files)


def test_late_results_of_a_frozen_pass_are_all_refused(
    stack: Stack, jobs: list[Job], stored_files: Callable[[], set[str]]
) -> None:
    start_pass(stack, jobs, name="frozen")

    stack.send_signal("frozen", signal.SIGSTOP)
    stack.start_worker(queues=QUEUES, name="second")
    wait_until(
        lambda: all(state(job) != JobState.QUEUED and job.attempt == 2 for job in jobs),
        seconds=LEASE_SECONDS + 60,
        what="the second attempts",
    )
    stack.send_signal("frozen", signal.SIGCONT)
    wait_until(
        lambda: stack.log("frozen").count("attempt_lost") == 2, seconds=60, what="giving up twice"
    )
    wait_for_end(*jobs)

    assert [job.attempt for job in jobs] == [2, 2]
    check_owners(jobs, stored_files)
