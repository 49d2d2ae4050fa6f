"""What an operator does to a job or a worker by hand; each act is on record."""

import uuid
from enum import StrEnum

from apps.core.audit import record_act
from apps.core.errors import NotFound
from apps.core.models import Act
from apps.core.tenancy import service_scope
from apps.generation.models import TERMINAL_STATES, DrainScope, Job, JobState, Worker
from apps.generation.selectors import expired_jobs
from apps.generation.services.leases import hand_back
from apps.generation.services.workers import drain, resume
from apps.generation.wakeups import send_wakeup
from apps.plans.tiers import GpuTier


class Requeued(StrEnum):
    """What became of a job that was to be put back."""

    WOKEN = "woken"
    TAKEN_BACK = "taken_back"
    NOT_WOKEN = "broker_away"
    IS_RUNNING = "is_running"
    HAS_ENDED = "has_ended"


def requeue_job(
    *,
    job_id: uuid.UUID,
    takes_from_worker: bool = False,
    actor_id: uuid.UUID | None = None,
    reason: str = "",
) -> Requeued:
    """Wake a waiting job; take a running one back whose lease has run out, or if so told.

    An ended job stays as it is: its user tries it again, and pays for it. `actor_id` is who asks,
    and `reason` why; the command line knows neither.

    Raises:
        NotFound: there is no such job.
    """
    with service_scope("put a job back by hand"):
        job = Job.objects.filter(id=job_id).first()
        if job is None:
            raise NotFound
        record_act(
            act=Act.ADMIN_CHANGE,
            user_id=job.user_id,
            actor_id=actor_id,
            target=_because(f"requeue job {job_id}", reason),
        )
        is_lost = expired_jobs().filter(id=job_id).exists()
    if job.state in TERMINAL_STATES:
        return Requeued.HAS_ENDED
    if job.state == JobState.QUEUED:
        return Requeued.WOKEN if send_wakeup(job) else Requeued.NOT_WOKEN
    if not (is_lost or takes_from_worker):
        return Requeued.IS_RUNNING
    # An operator's word is no fault of the job; a lease that ran out may be.
    is_back = hand_back(user_id=job.user_id, job_id=job.id, attempt=job.attempt, is_counted=is_lost)
    return Requeued.TAKEN_BACK if is_back else Requeued.IS_RUNNING


def order_drain(*, target: str, actor_id: uuid.UUID | None = None, reason: str = "") -> bool:
    """Have the tier or worker `target` claim nothing more; `False` if that was so.

    Raises:
        NotFound: no tier and no worker is called that.
    """
    scope = _scope_of(target)
    _record(_because(f"drain {target}", reason), actor_id)
    return drain(scope=scope, target=target)


def end_drain(*, target: str, actor_id: uuid.UUID | None = None, reason: str = "") -> bool:
    """Have the tier or worker `target` claim again; `False` if it was not drained.

    Raises:
        NotFound: no tier and no worker is called that.
    """
    scope = _scope_of(target)
    _record(_because(f"resume {target}", reason), actor_id)
    return resume(scope=scope, target=target)


def require_target(*, target: str) -> None:
    """Do nothing if a tier or a worker is called `target`.

    Raises:
        NotFound: none is.
    """
    _scope_of(target)


def _because(what: str, reason: str) -> str:
    return f"{what}: {reason}" if reason else what


def _scope_of(target: str) -> DrainScope:
    if target in GpuTier.values:
        return DrainScope.TIER
    with service_scope("look for a worker"):
        if not Worker.objects.filter(name=target).exists():
            raise NotFound
    return DrainScope.WORKER


def _record(what: str, actor_id: uuid.UUID | None) -> None:
    with service_scope("record an act on the fleet"):
        record_act(act=Act.ADMIN_CHANGE, user_id=None, actor_id=actor_id, target=what)
