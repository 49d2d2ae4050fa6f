"""Wake-ups: messages that tell a worker to look for a due job, and carry nothing else."""

import uuid
from typing import Any

import structlog
from celery import current_app
from django.db.models import F
from django.utils import timezone
from kombu.exceptions import OperationalError

from apps.core.observability.tracing import Attributes, span
from apps.core.tenancy import tenant_scope
from apps.generation.models import Job
from apps.generation.queue_selectors import (
    first_in_lane,
    is_paused,
    lanes_of,
    next_to_wake,
)
from apps.plans.tiers import TIERS, GpuTier

logger = structlog.get_logger(__name__)

WAKE_TASK = "gpu_tasks.wake"


def send_wakeup(job: Job) -> bool:
    """Send one wake-up for `job` to its tier's queue; a broker that is away is only logged.

    Group and deduplication ids (which SQS FIFO asks for) differ for each wake-up: a group with a
    message in flight would block, and an id is remembered for five minutes.
    """
    wake_id = f"{job.id}-{job.attempt}-{job.wake_count}"
    # Before the message: a worker skips a row that is locked, and this one's would be.
    _note_wakeup(job, woken_at=timezone.now(), wake_count=F("wake_count") + 1)
    return _send(job, wake_id)


def send_first_wakeup(job: Job) -> bool:
    """Send the wake-up of a job that was inserted as woken once."""
    return _send(job, f"{job.id}-0-0")


def wake_tier(tier: GpuTier) -> None:
    """Have a worker of `tier` look for a due job, whichever one; errors as `send_wakeup`."""
    wake_id = str(uuid.uuid4())
    try:
        _publish(wake_id, tier=tier, wake_id=wake_id)
    except _broker_failures() as error:
        logger.warning("wakeup_not_sent", tier=tier, error=type(error).__name__)


def _publish(subject: str, *, tier: GpuTier, wake_id: str) -> None:
    current_app.send_task(
        WAKE_TASK,
        args=[subject],
        queue=TIERS[tier].queue,
        task_id=wake_id,
        ignore_result=True,
        MessageGroupId=wake_id,
        MessageDeduplicationId=wake_id,
    )


def _send(job: Job, wake_id: str) -> bool:
    facts: Attributes = {"easel.tier": job.tier, "easel.job_id": str(job.id)}
    try:
        with span("wake", facts, parent=job.traceparent):
            _publish(str(job.id), tier=GpuTier(job.tier), wake_id=wake_id)
    except _broker_failures() as error:
        logger.warning("wakeup_not_sent", job_id=str(job.id), error=type(error).__name__)
        # Not woken, so the next sweep tries again.
        _note_wakeup(job, woken_at=None)
        return False
    return True


def _broker_failures() -> tuple[type[BaseException], ...]:
    # What the broker's own library raises, asked for only when something was raised.
    broker = current_app.connection_for_write()
    return (OperationalError, OSError, *broker.connection_errors, *broker.channel_errors)


def wake_next_of(*, user_id: uuid.UUID) -> None:
    """Wake the job that has just got its place by the end of another one of its user.

    Those before it were woken when they got theirs.
    """
    with tenant_scope(user_id):
        job = next_to_wake(user_id=user_id)
    if job is not None:
        send_wakeup(job)


def wake_again(job: Job) -> None:
    """Wake a job that is due again; in a paused queue it is not."""
    with tenant_scope(job.user_id):
        paused = is_paused(lanes_of(user_id=job.user_id))
    if not paused:
        send_wakeup(job)


def wake_all_of(*, user_id: uuid.UUID) -> None:
    """Wake every due job of a user."""
    with tenant_scope(user_id):
        jobs = [job for lane in lanes_of(user_id=user_id) for job in first_in_lane(lane, lane.due)]
    for job in jobs:
        send_wakeup(job)


def _note_wakeup(job: Job, **facts: Any) -> None:
    with tenant_scope(job.user_id):
        Job.objects.filter(pk=job.pk).update(**facts)
