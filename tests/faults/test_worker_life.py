"""Real workers that are asked to end, warned, deaf, drained or grown too large."""

import re
import signal
import subprocess
from collections.abc import Callable

import pytest

from apps.accounts.models import User
from apps.catalog.models import GenerationModel
from apps.credits.models import UsageRecord
from apps.generation.models import DrainScope, Job, JobState, Worker, WorkerState
from apps.generation.services.workers import drain, resume
from apps.generation.wakeups import send_wakeup
from apps.images.models import Image
from apps.plans.tiers import TIER_BY_QUEUE, GpuTier
from config.local.valkey import temporary_valkey
from tests.factories import make_job
from tests.faults.ends import state, wait_for_end, wait_for_steps
from tests.instance_metadata import REBALANCE, InstanceMetadata
from tests.queues import waiting_messages
from tests.stack import Stack, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

QUEUES = ",".join(TIER_BY_QUEUE)
# Longer than it takes to notice that a worker is to end, on a fast machine too.
ENDLESS = {"steps": 100, "width": 256, "height": 256, "num_images": 4}


def exit_code(stack: Stack, name: str = "worker", *, seconds: float = 60) -> int:
    """Wait until a worker has ended by itself and return its exit code."""
    child = stack._children.pop(name)
    try:
        return child.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        child.kill()
        raise


def assert_handed_back(job: Job, stored_files: Callable[[], set[str]]) -> None:
    assert state(job) == JobState.QUEUED
    assert (job.attempt, job.hand_backs) == (1, 1)
    assert not Image.objects.exists()
    assert not UsageRecord.objects.exists()
    assert stored_files() == set()


def test_a_worker_hands_a_long_job_back_at_once_when_it_is_asked_to_end(
    stack: Stack, user: User, starter: GenerationModel, stored_files: Callable[[], set[str]]
) -> None:
    stack.environment |= {"EASEL_LEASE_SECONDS": "60", "EASEL_SHUTDOWN_GRACE_SECONDS": "1"}
    stack.start_worker(queues=QUEUES)
    job = make_job(user, starter, **ENDLESS)
    wait_for_steps(job)
    # It tells within a second.
    wait_until(
        lambda: Worker.objects.filter(state=WorkerState.BUSY, current_job=job.id).exists(),
        seconds=10,
        what="the sign of a worker at work",
    )
    assert Worker.objects.get().loaded_models == [starter.key]

    stack.send_signal("worker", signal.SIGTERM)

    assert exit_code(stack) == 0
    assert_handed_back(job, stored_files)
    assert Worker.objects.get().state == WorkerState.GONE
    assert waiting_messages() == 1


def test_a_second_signal_hurries_a_worker_that_would_have_finished(
    stack: Stack, user: User, starter: GenerationModel, stored_files: Callable[[], set[str]]
) -> None:
    stack.environment |= {"EASEL_LEASE_SECONDS": "60", "EASEL_SHUTDOWN_GRACE_SECONDS": "3600"}
    stack.start_worker(queues=QUEUES)
    job = make_job(user, starter, **ENDLESS)
    wait_for_steps(job)
    stack.send_signal("worker", signal.SIGTERM)
    wait_until(lambda: "shutdown_asked" in stack.log("worker"), seconds=30, what="being asked")
    assert state(job) == JobState.RUNNING

    stack.send_signal("worker", signal.SIGTERM)

    assert exit_code(stack) == 0
    assert_handed_back(job, stored_files)


def test_a_spot_notice_hands_the_job_back_and_ends_the_worker(
    stack: Stack, user: User, starter: GenerationModel, stored_files: Callable[[], set[str]]
) -> None:
    with InstanceMetadata() as metadata:
        stack.environment |= {"EASEL_METADATA_URL": metadata.url, "EASEL_LEASE_SECONDS": "60"}
        stack.start_worker(queues=QUEUES)
        job = make_job(user, starter, **ENDLESS)
        wait_for_steps(job)

        metadata.interrupt()

        assert exit_code(stack) == 0
    assert_handed_back(job, stored_files)


def test_a_recommendation_to_rebalance_is_logged_once_and_the_work_goes_on(
    stack: Stack, user: User, starter: GenerationModel, stored_files: Callable[[], set[str]]
) -> None:
    # It stands as long as the instance lives: a worker that ended would end again and again.
    with InstanceMetadata() as metadata:
        metadata.recommend_rebalance()
        stack.environment |= {"EASEL_METADATA_URL": metadata.url, "EASEL_LEASE_SECONDS": "60"}
        stack.start_worker(queues=QUEUES)
        wait_until(
            lambda: metadata.asked.count(REBALANCE) > 2, seconds=60, what="a look after the notice"
        )
        job = make_job(user, starter, **ENDLESS)
        wait_for_steps(job)
        assert stack.log("worker").count("spot_rebalance") == 1

        metadata.interrupt()

        assert exit_code(stack) == 0
    assert_handed_back(job, stored_files)


def test_an_idle_worker_that_its_broker_does_not_answer_ends_with_an_error(
    stack: Stack,
) -> None:
    with temporary_valkey() as valkey:
        stack.environment |= {
            "EASEL_BROKER_URL": valkey.url,
            "EASEL_RECEIVE_SILENCE_SECONDS": "6",
        }
        stack.start_worker(queues=QUEUES)
        wait_until(
            lambda: Worker.objects.filter(last_received_at__isnull=False).exists(),
            seconds=30,
            what="receiving",
        )
        valkey.stop()

        assert exit_code(stack) == 70
    assert "nothing_received" in stack.log("worker")
    assert Worker.objects.get().state == WorkerState.GONE


def test_a_worker_that_has_grown_ends_after_its_job(
    stack: Stack, user: User, starter: GenerationModel
) -> None:
    stack.environment["EASEL_WORKER_MAX_RSS_BYTES"] = str(50 * 1024**2)
    stack.start_worker(queues=QUEUES)
    job = make_job(user, starter)

    assert exit_code(stack) == 0
    assert state(job) == JobState.SUCCEEDED
    assert "worker_grown" in stack.log("worker")


def test_a_drained_worker_leaves_wakeups_to_the_others_until_it_is_resumed(
    stack: Stack, user: User, starter: GenerationModel
) -> None:
    stack.start_worker(queues=QUEUES)
    wait_until(Worker.objects.exists, seconds=30, what="the first sign")
    drain(scope=DrainScope.TIER, target=GpuTier.BASIC)
    for tier in (GpuTier.HIGH_PERFORMANCE, GpuTier.DEDICATED):
        drain(scope=DrainScope.TIER, target=tier)
    wait_until(
        lambda: (
            Worker.objects.filter(state=WorkerState.DRAINING).exists()
            and bool(re.search(r"Canceling queue easel-gpu-basic", stack.log("worker")))
        ),
        seconds=30,
        what="the drain",
    )
    job = make_job(user, starter)
    send_wakeup(job)
    # A poll that was under way may take one, and puts it back.
    wait_until(lambda: waiting_messages() == 2, seconds=10, what="both staying")
    assert state(job) == JobState.QUEUED

    for tier in GpuTier:
        resume(scope=DrainScope.TIER, target=tier)
    wait_for_end(job)

    assert (job.state, job.attempt) == (JobState.SUCCEEDED, 1)
