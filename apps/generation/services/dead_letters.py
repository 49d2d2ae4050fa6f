"""Look after wake-ups that were received again and again and never deleted."""

import uuid
from typing import Any

import structlog
from kombu import Message

from apps.core.errors import new_error_id
from apps.core.sentry import report
from apps.core.tenancy import service_scope
from apps.generation.models import Job
from apps.generation.queues import has_dead_letters, open_channel, take_dead_letter
from apps.generation.selectors import due_jobs
from apps.generation.wakeups import send_wakeup
from apps.plans.tiers import GpuTier

logger = structlog.get_logger(__name__)

LETTERS_A_SWEEP = 100


class DeadLetterError(Exception):
    """Workers took a wake-up and died of it, or may not delete what they take."""


def drain_dead_letters() -> int:
    """Empty the dead-letter queues, waking jobs that are still due; return how many there were.

    Each is an alarm: the row of the job is safe, but something makes workers fail.

    Raises:
        BrokerAwayError: the broker is away; what was not looked at stays where it is.
    """
    if not has_dead_letters():
        return 0
    with open_channel() as channel:
        return sum(_drain(channel, tier) for tier in GpuTier)


def _drain(channel: Any, tier: GpuTier) -> int:
    error_id = new_error_id()
    letters = 0
    while letters < LETTERS_A_SWEEP:
        letter = take_dead_letter(channel, tier)
        if letter is None:
            break
        job = _job_of(letter)
        # Before the letter goes: of a job woken twice one wake-up finds nothing to do.
        is_woken = job is not None and _wake_if_due(job)
        logger.error(
            "dead_letter",
            error_id=error_id,
            tier=tier,
            job_id=None if job is None else str(job.id),
            state=None if job is None else job.state,
            woken=is_woken,
        )
        letter.ack()
        letters += 1
    if letters:
        report(DeadLetterError(f"{letters} of {tier}"), error_id=error_id, code="dead_letter")
    return letters


def _job_of(letter: Message) -> Job | None:
    try:
        (job_id,) = letter.decode()[0]
        wanted = uuid.UUID(job_id)
    except Exception:  # noqa: BLE001  (whatever lies there, it names no job)
        return None
    with service_scope("look at the job of a dead letter"):
        return Job.objects.filter(id=wanted).first()


def _wake_if_due(job: Job) -> bool:
    with service_scope("look whether a job is due"):
        is_due = due_jobs().filter(id=job.id).exists()
    return is_due and send_wakeup(job)
