"""Hand jobs to workers under a lease, and take them back when it runs out."""

import time
import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from apps.core.errors import ErrorCode, new_error_id
from apps.core.tenancy import closed_scope, enter_tenant, service_scope, tenant_scope
from apps.credits.services.ledger import release_hold
from apps.generation.announcements import announce_end, announce_queue, announce_start
from apps.generation.cancels import tell_workers
from apps.generation.models import TERMINAL_STATES, Job, JobState
from apps.generation.selectors import due_jobs, expired_jobs
from apps.generation.services.lanes import lock_lanes
from apps.generation.wakeups import send_wakeup, wake_again, wake_next_of
from apps.plans.tiers import GpuTier

logger = structlog.get_logger(__name__)

# A wake-up lost on its way is sent again after this time, then after twice that, and so on.
FIRST_REWAKE_SECONDS = 10
MAX_REWAKE_DOUBLINGS = 5
REWAKES_A_SWEEP = 50
# Waits of 10, 20, 40 … ms, two thirds of a second in all.
CLAIM_TRIES = 7
CLAIM_PAUSE_SECONDS = 0.005


@dataclass(frozen=True, slots=True)
class LeaseState:
    """What a look found: whether the lease still holds, and whether to stop."""

    held: bool
    cancel_requested: bool


def claim_next_job(
    *,
    tiers: Collection[GpuTier],
    worker: str,
    loaded: Collection[str] = (),
    unwanted: Collection[str] = (),
) -> Job | None:
    """Take the job of `tiers` whose turn it is under a new lease; `None` if none is due.

    A job is due while its user has fewer jobs running than the plan's parallel queues. The user
    who was served the fewest GPU seconds lately comes first, but for `EASEL_AFFINITY_SECONDS` at
    most those who want one of the `loaded` models may go before. Users whose next job is for one
    of the `unwanted` models are passed over. Whose the job is no worker knows beforehand, so
    PostgreSQL chooses, and the rest of the transaction is the chosen user's.
    """
    for tries in range(CLAIM_TRIES):
        if tries:
            time.sleep(CLAIM_PAUSE_SECONDS * 2**tries)
        with closed_scope():
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT job_id, owner_id"
                    " FROM easel_claim_job(%s, %s, make_interval(secs => %s), %s::text[],"
                    " make_interval(secs => %s), %s::text[])",
                    [
                        list(tiers),
                        worker,
                        settings.EASEL_LEASE_SECONDS,
                        list(loaded),
                        settings.EASEL_AFFINITY_SECONDS,
                        list(unwanted),
                    ],
                )
                found = cursor.fetchone()
            if found is None:
                return None
            job_id, user_id = found
            if job_id is None:
                # Another worker took the user's last place, or somebody holds the row.
                continue
            enter_tenant(user_id)
            job = Job.objects.select_related("model").get(id=job_id)
            transaction.on_commit(partial(_after_claim, job))
            return job
    return None


def claim_alike(*, leader: Job, worker: str, pictures: int) -> list[Job]:
    """Take further due jobs that can share a forward pass with `leader`, which `worker` runs.

    They are the first in their users' lines, of `pictures` at most in all; users who were served
    the fewest GPU seconds lately come first, and the leader's own jobs last.
    """
    with closed_scope():
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT job_id, owner_id"
                " FROM easel_claim_alike(%s, %s, make_interval(secs => %s), %s)",
                [leader.id, worker, settings.EASEL_LEASE_SECONDS, pictures],
            )
            found = cursor.fetchall()
        jobs = []
        for job_id, user_id in found:
            enter_tenant(user_id)
            job = Job.objects.select_related("model").get(id=job_id)
            transaction.on_commit(partial(_after_claim, job))
            jobs.append(job)
    return jobs


def watch_leases(
    *, attempts: Mapping[uuid.UUID, int], renew: bool = False
) -> dict[uuid.UUID, LeaseState]:
    """Look which attempts still hold their jobs, and whether the users want them cancelled.

    Leases that are held are prolonged if `renew`.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT job_id, cancel_requested"
            " FROM easel_watch_leases(%s, %s, make_interval(secs => %s))",
            [
                list(attempts),
                list(attempts.values()),
                settings.EASEL_LEASE_SECONDS if renew else None,
            ],
        )
        cancel_requested: dict[uuid.UUID, bool] = dict(cursor.fetchall())
    return {
        job_id: LeaseState(
            held=job_id in cancel_requested,
            cancel_requested=cancel_requested.get(job_id, False),
        )
        for job_id in attempts
    }


def hand_back(
    *, user_id: uuid.UUID, job_id: uuid.UUID, attempt: int, is_counted: bool = True
) -> bool:
    """Make a running job due again at once; `False` if the lease was lost before.

    An attempt that is not counted leaves the job as many as it had: a worker that is asked to
    end (a deployment, a spot notice) says nothing about the job.
    """
    with tenant_scope(user_id):
        lock_lanes(user_id=user_id)
        job = _held(job_id, attempt).select_for_update().first()
        if job is None:
            return False
        if not is_counted:
            job.hand_backs += 1
        _requeue_or_fail(job)
    return True


def recover_expired_jobs() -> int:
    """Make every job whose lease ran out due again, or fail it after its last attempt."""
    recovered = 0
    with service_scope("find expired jobs"):
        expired = list(expired_jobs().order_by("lease_expires_at").values_list("id", "user_id"))
    for job_id, user_id in expired:
        with service_scope("recover expired jobs"):
            lock_lanes(user_id=user_id)
            job = expired_jobs().select_for_update(skip_locked=True).filter(id=job_id).first()
            if job is None:
                continue
            logger.warning("lease_expired", job_id=str(job.id), attempt=job.attempt)
            _requeue_or_fail(job)
            recovered += 1
    return recovered


def wake_forgotten_jobs() -> int:
    """Send another wake-up for due jobs whose last one seems lost."""
    now = timezone.now()
    overdue = Q(woken_at__isnull=True, created_at__lt=now - timedelta(seconds=1))
    for doublings in range(MAX_REWAKE_DOUBLINGS + 1):
        patience = timedelta(seconds=FIRST_REWAKE_SECONDS * 2**doublings)
        last = doublings == MAX_REWAKE_DOUBLINGS
        count = Q(wake_count__gt=doublings) if last else Q(wake_count=doublings + 1)
        overdue |= count & Q(woken_at__lt=now - patience)
    with service_scope("wake forgotten jobs"):
        jobs = list(due_jobs().filter(overdue).order_by("created_at", "id")[:REWAKES_A_SWEEP])
    return sum(send_wakeup(job) for job in jobs)


def _held(job_id: uuid.UUID, attempt: int) -> QuerySet[Job]:
    return Job.objects.filter(id=job_id, state=JobState.RUNNING, attempt=attempt)


def _requeue_or_fail(job: Job) -> None:
    now = timezone.now()
    job.lease_expires_at = None
    if job.cancel_requested_at is not None:
        job.state = JobState.CANCELLED
        job.finished_at = now
    elif job.attempt - job.hand_backs >= settings.EASEL_MAX_ATTEMPTS:
        job.state = JobState.FAILED
        job.finished_at = now
        job.error_code = ErrorCode.WORKER_LOST
        job.error_id = new_error_id()
    else:
        job.state = JobState.QUEUED
        job.started_at = None
    job.save(
        update_fields=[
            "state",
            "hand_backs",
            "started_at",
            "finished_at",
            "lease_expires_at",
            "error_code",
            "error_id",
        ]
    )
    if job.state in TERMINAL_STATES:
        release_hold(user_id=job.user_id, job_id=job.id)
    transaction.on_commit(lambda: _after_recovery(job))


def _after_claim(job: Job) -> None:
    announce_start(job)
    announce_queue(user_id=job.user_id)


def _after_recovery(job: Job) -> None:
    tell_workers([job.id])
    if job.state == JobState.QUEUED:
        wake_again(job)
    else:
        announce_end(job)
        wake_next_of(user_id=job.user_id)
    announce_queue(user_id=job.user_id)
