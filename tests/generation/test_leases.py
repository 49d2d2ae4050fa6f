"""Who gets a job, for how long, and what happens when a worker is lost."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from apps.accounts.models import User
from apps.catalog.models import GenerationModel
from apps.core.database import owner_login
from apps.core.errors import ErrorCode
from apps.generation.models import Job, JobState
from apps.generation.services.jobs import cancel_job
from apps.generation.services.leases import (
    LeaseState,
    claim_next_job,
    hand_back,
    recover_expired_jobs,
    wake_forgotten_jobs,
    watch_leases,
)
from apps.generation.services.results import fail_job, finish_job
from apps.plans.tiers import GpuTier
from tests.factories import make_job, make_user

ALL = list(GpuTier)


def claim() -> Job | None:
    return claim_next_job(tiers=ALL, worker="w")


def expire(job: Job) -> None:
    Job.objects.filter(pk=job.pk).update(lease_expires_at=timezone.now() - timedelta(seconds=1))


def test_the_oldest_due_job_is_claimed_with_a_lease(user: User, starter: GenerationModel) -> None:
    oldest = make_job(user, starter)
    make_job(user, starter)

    job = claim()

    assert job is not None
    assert job.id == oldest.id
    assert (job.state, job.attempt, job.worker) == (JobState.RUNNING, 1, "w")
    assert job.lease_expires_at is not None
    assert timedelta(seconds=25) < job.lease_expires_at - timezone.now() < timedelta(seconds=31)


def test_no_more_jobs_than_the_plans_parallel_queues_run_at_once(
    user: User, stranger: User, starter: GenerationModel
) -> None:
    make_job(user, starter)
    make_job(user, starter)
    theirs = make_job(stranger, starter)

    first, second, third = claim(), claim(), claim()

    assert first is not None
    assert first.user_id == user.id
    assert second is not None
    assert second.id == theirs.id
    assert third is None


def test_a_worker_claims_jobs_of_its_tiers_only(user: User, starter: GenerationModel) -> None:
    make_job(user, starter)

    assert claim_next_job(tiers=[GpuTier.DEDICATED], worker="w") is None
    assert claim_next_job(tiers=[GpuTier.BASIC], worker="w") is not None


def test_a_lease_is_renewed_by_its_attempt_alone(user: User, starter: GenerationModel) -> None:
    make_job(user, starter)
    job = claim()
    assert job is not None
    expire(job)

    late = watch_leases(attempts={job.id: job.attempt + 1}, renew=True)[job.id]
    assert late == LeaseState(held=False, cancel_requested=False)
    job.refresh_from_db()
    assert job.lease_expires_at is not None
    assert job.lease_expires_at < timezone.now()
    assert watch_leases(attempts={job.id: job.attempt}, renew=True)[job.id].held
    job.refresh_from_db()
    assert job.lease_expires_at is not None
    assert job.lease_expires_at > timezone.now()


def test_a_cancel_is_seen_through_the_lease(user: User, starter: GenerationModel) -> None:
    make_job(user, starter)
    job = claim()
    assert job is not None
    before = watch_leases(attempts={job.id: 1})
    cancel_job(user=user, job_id=job.id)
    after = watch_leases(attempts={job.id: 1})

    assert before == {job.id: LeaseState(held=True, cancel_requested=False)}
    assert after == {job.id: LeaseState(held=True, cancel_requested=True)}


def test_an_expired_lease_makes_the_job_due_again(user: User, starter: GenerationModel) -> None:
    make_job(user, starter)
    job = claim()
    assert job is not None
    expire(job)

    assert recover_expired_jobs() == 1
    again = claim()

    assert again is not None
    assert (again.id, again.attempt) == (job.id, 2)


def test_a_late_result_of_a_lost_attempt_is_refused(user: User, starter: GenerationModel) -> None:
    make_job(user, starter)
    job = claim()
    assert job is not None
    expire(job)
    recover_expired_jobs()
    claim()

    assert not finish_job(user_id=user.id, job_id=job.id, attempt=1, pictures=[], compute_seconds=1)
    assert not fail_job(user_id=user.id, job_id=job.id, attempt=1, code=ErrorCode.INTERNAL)
    assert not hand_back(user_id=user.id, job_id=job.id, attempt=1)
    job.refresh_from_db()
    assert (job.state, job.attempt) == (JobState.RUNNING, 2)


def test_after_three_lost_attempts_a_job_fails(user: User, starter: GenerationModel) -> None:
    job = make_job(user, starter)
    for attempt in (1, 2, 3):
        claimed = claim()
        assert claimed is not None
        assert claimed.attempt == attempt
        expire(claimed)
        recover_expired_jobs()

    assert claim() is None
    job.refresh_from_db()
    assert (job.state, job.error_code) == (JobState.FAILED, ErrorCode.WORKER_LOST)
    assert job.error_id


def test_a_lost_job_whose_user_wanted_it_cancelled_is_cancelled(
    user: User, starter: GenerationModel
) -> None:
    make_job(user, starter)
    job = claim()
    assert job is not None
    cancel_job(user=user, job_id=job.id)
    expire(job)

    recover_expired_jobs()

    job.refresh_from_db()
    assert job.state == JobState.CANCELLED


def test_a_running_lease_is_left_alone(user: User, starter: GenerationModel) -> None:
    make_job(user, starter)
    claim()

    assert recover_expired_jobs() == 0


def test_a_lost_wakeup_is_sent_again_and_less_and_less_often(
    user: User, starter: GenerationModel
) -> None:
    job = make_job(user, starter)
    Job.objects.update(woken_at=timezone.now() - timedelta(seconds=11), wake_count=1)
    assert wake_forgotten_jobs() == 1
    assert wake_forgotten_jobs() == 0

    Job.objects.update(woken_at=timezone.now() - timedelta(seconds=11))
    assert wake_forgotten_jobs() == 0
    Job.objects.update(woken_at=timezone.now() - timedelta(seconds=21))
    assert wake_forgotten_jobs() == 1
    job.refresh_from_db()
    assert job.wake_count == 3


def test_a_job_that_was_never_woken_is_woken_by_the_sweep(
    user: User, starter: GenerationModel
) -> None:
    make_job(user, starter)  # its wake-up is sent after a commit that a test never makes
    Job.objects.update(woken_at=timezone.now() - timedelta(seconds=11))

    assert wake_forgotten_jobs() == 1


def claim_in_threads(count: int) -> list[Job | None]:
    barrier = threading.Barrier(count)

    def run(_number: int) -> Job | None:
        try:
            barrier.wait(timeout=10)
            return claim()
        finally:
            connection.close()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


@pytest.mark.django_db(transaction=True)
def test_workers_that_claim_together_never_share_a_job(starter: GenerationModel) -> None:
    for number in range(6):
        make_job(make_user(f"user{number}@example.com"), starter)

    claimed = [job.id for job in claim_in_threads(8) if job is not None]

    assert len(claimed) == len(set(claimed)) == 6


@contextmanager
def changed_function(name: str, change: Callable[[str], str]) -> Iterator[None]:
    """Have another form of a function that claims, as its owner would install it."""
    with owner_login(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_functiondef(%s::regproc)", [name])
        (definition,) = cursor.fetchone()
        changed = change(definition)
        assert changed != definition
        cursor.execute(changed)
    try:
        yield
    finally:
        with owner_login(), connection.cursor() as cursor:
            cursor.execute(definition)


@pytest.mark.django_db(transaction=True)
def test_a_due_job_whose_row_is_held_for_a_moment_is_claimed_after_it(
    user: User, starter: GenerationModel
) -> None:
    job = make_job(user, starter)
    held = threading.Event()

    def hold() -> None:
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SET LOCAL ROLE easel_service")
                cursor.execute("SELECT 1 FROM generation_job WHERE id = %s FOR UPDATE", [job.id])
                held.set()
                time.sleep(0.2)
        finally:
            connection.close()

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(timeout=10)
    claimed = claim()
    holder.join()

    assert claimed is not None
    assert claimed.id == job.id


def stretched(definition: str) -> str:
    """Stretch the moment between looking for a place and taking it, where a race would happen."""
    look = "head := easel_first_in_lane"
    return definition.replace(look, f"PERFORM pg_sleep(0.1 + random() / 2); {look}")


def unlocked(definition: str) -> str:
    return definition.replace("FOR UPDATE SKIP LOCKED", "")


@pytest.mark.django_db(transaction=True)
def test_one_users_jobs_claimed_together_keep_to_the_plan(
    user: User, starter: GenerationModel
) -> None:
    for _number in range(4):
        make_job(user, starter)

    with changed_function("easel_take_next", stretched):
        claimed = [job for job in claim_in_threads(4) if job is not None]

    assert len(claimed) == 1


@pytest.mark.django_db(transaction=True)
def test_without_the_lock_on_the_lane_the_plan_would_be_exceeded(
    user: User, starter: GenerationModel
) -> None:
    for _number in range(4):
        make_job(user, starter)

    with (
        changed_function("easel_take_next", stretched),
        changed_function("easel_take_place", unlocked),
    ):
        claimed = [job for job in claim_in_threads(4) if job is not None]

    assert len(claimed) > 1


@pytest.mark.django_db(transaction=True)
def test_an_update_keeps_updated_at_without_the_orm(user: User, starter: GenerationModel) -> None:
    job = make_job(user, starter)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE generation_job SET worker = 'x' WHERE id = %s", [job.id])
    before = job.updated_at
    job.refresh_from_db()

    assert job.updated_at > before
