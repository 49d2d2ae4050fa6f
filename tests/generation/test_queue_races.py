"""What is done to one queue from several sides at the same moment."""

import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection

from apps.accounts.models import User
from apps.catalog.models import GenerationModel
from apps.core.errors import Conflict, EaselError
from apps.core.tenancy import tenant_scope
from apps.generation.models import Job, JobState, Lane
from apps.generation.queue_selectors import get_queue
from apps.generation.services import jobs as job_services
from apps.generation.services import queue
from apps.generation.services.audit import audit_credits
from apps.generation.services.leases import claim_next_job
from apps.plans.products import PLANS
from apps.plans.services.subscriptions import start_subscription
from apps.plans.tiers import GpuTier
from tests.factories import make_batch, make_job

pytestmark = pytest.mark.usefixtures("starter")


def claim() -> Job | None:
    return claim_next_job(tiers=list(GpuTier), worker="w")


def together(*actions: Callable[[], Any]) -> list[Any]:
    """Run each in a thread of its own at the same moment; errors of the user are results."""
    barrier = threading.Barrier(len(actions))

    def run(action: Callable[[], Any]) -> Any:
        try:
            barrier.wait(timeout=10)
            return action()
        except EaselError as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(actions)) as pool:
        return list(pool.map(run, actions))


def batches_at_once(user: User, starter: GenerationModel) -> list[Any]:
    def ask() -> list[Job]:
        with tenant_scope(user.id):
            return make_batch(user, starter, 3)

    return together(*[ask] * 4)


@pytest.mark.django_db(transaction=True)
def test_batches_asked_for_at_once_keep_to_the_limit_of_the_queue(
    user: User, starter: GenerationModel, settings: Any
) -> None:
    settings.EASEL_MAX_WAITING_JOBS = 7

    results = batches_at_once(user, starter)

    assert len([one for one in results if isinstance(one, Conflict)]) == 2
    assert Job.objects.count() == 6


@pytest.mark.django_db(transaction=True)
def test_without_the_lock_on_the_lanes_the_limit_would_be_exceeded(
    user: User, starter: GenerationModel, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_job(user, starter)
    settings.EASEL_MAX_WAITING_JOBS = 8
    counted = threading.Barrier(4)

    def look(*, user_id: uuid.UUID, tier: GpuTier) -> list[Lane]:
        lanes = list(Lane.objects.filter(user=user_id))
        counted.wait(timeout=10)
        return lanes

    monkeypatch.setattr(job_services, "open_lane", look)
    batches_at_once(user, starter)

    assert Job.objects.count() > 8


@pytest.mark.django_db(transaction=True)
def test_clearing_and_claiming_at_once_leave_each_job_one_fate(
    user: User, starter: GenerationModel
) -> None:
    start_subscription(user=user, plan=PLANS["studio"])
    make_batch(user, starter, 30)

    def clear() -> None:
        with tenant_scope(user.id):
            queue.clear_queue(user=user)

    def cancel_last() -> None:
        with tenant_scope(user.id):
            job_services.cancel_job(user=user, job_id=last.id)

    last = get_queue(user=user).waiting[-1]
    together(clear, claim, claim, clear, cancel_last)

    running = Job.objects.filter(state=JobState.RUNNING)
    assert running.count() <= 2
    assert Job.objects.filter(state=JobState.CANCELLED).count() == 30 - running.count()
    lane = Lane.objects.get(user=user, tier=GpuTier.HIGH_PERFORMANCE)
    assert (lane.waiting, lane.running) == (0, running.count())
    assert audit_credits() == []


@pytest.mark.django_db(transaction=True)
def test_moves_at_once_lose_no_job_and_no_place(user: User, starter: GenerationModel) -> None:
    jobs = make_batch(user, starter, 6)

    def move(number: int) -> Callable[[], Job]:
        def run() -> Job:
            with tenant_scope(user.id):
                return queue.move_beside(
                    user=user, job_id=jobs[number].id, other_id=jobs[5 - number].id, after=True
                )

        return run

    together(*[move(number) for number in range(5)])

    positions = [job.position for job in get_queue(user=user).waiting]
    assert len(set(positions)) == 6
    assert {job.id for job in get_queue(user=user).waiting} == {job.id for job in jobs}
