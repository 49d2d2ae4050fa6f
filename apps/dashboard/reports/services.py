"""What staff do to a job, a user or the fleet from the admin, with a reason, on record.

Each is done by the service that its user would call, as that user's tenant; the record of the act
names who asked.
"""

import uuid

from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.accounts.services.users import end_all_sessions, set_active
from apps.core.audit import record_act
from apps.core.errors import Conflict, Invalid
from apps.core.models import Act
from apps.core.tenancy import tenant_scope
from apps.generation.models import TERMINAL_STATES, Job, JobKind
from apps.generation.selectors import get_job
from apps.generation.services.jobs import cancel_job
from apps.generation.services.operations import Requeued, end_drain, order_drain, requeue_job
from apps.generation.services.queue import retry_job
from apps.plans.services.pauses import stop_by_staff
from apps.training.selectors import run_of_job
from apps.training.services.retries import retry_run

LEAST_REASON = 10


def cancel_as_staff(*, job: Job, actor: User, reason: str) -> Job:
    """Cancel a job that has not ended.

    Raises:
        Conflict: it has ended.
        Invalid: the reason says nothing.
    """
    check_reason(reason)
    if job.state in TERMINAL_STATES:
        raise Conflict(_("This job has ended; nothing was changed."))
    with tenant_scope(job.user_id):
        cancelled = cancel_job(user=job.user, job_id=job.id)
    _record(actor=actor, user_id=job.user_id, what=f"cancel job {job.id}", reason=reason)
    return cancelled


def requeue_as_staff(*, job: Job, actor: User, reason: str) -> Requeued:
    """Wake a waiting job again, or take a running one from its worker.

    Raises:
        Conflict: it has ended, no worker could be woken for it, or it goes on running.
        Invalid: the reason says nothing.
    """
    check_reason(reason)
    outcome = requeue_job(
        job_id=job.id, takes_from_worker=True, actor_id=actor.id, reason=reason.strip()
    )
    match outcome:
        case Requeued.HAS_ENDED:
            raise Conflict(_("This job has ended; nothing was changed."))
        case Requeued.NOT_WOKEN:
            raise Conflict(
                _("The job waits, but no worker could be told: the broker is away. Try again soon.")
            )
        case Requeued.IS_RUNNING:
            raise Conflict(_("The job changed meanwhile and was not taken back; look at it again."))
    return outcome


def retry_as_staff(*, job: Job, actor: User, reason: str, key: str) -> Job:
    """Ask anew for a job that failed or was cancelled, once for each `key`; its user pays.

    Raises:
        Conflict: it has neither failed nor been cancelled.
        EaselError: what its user would be refused with.
    """
    check_reason(reason)
    with tenant_scope(job.user_id):
        again = _retry(job, idempotency_key=f"staff:{key}")
    what = f"retry job {job.id} as {again.id}"
    _record(actor=actor, user_id=job.user_id, what=what, reason=reason)
    return again


def sign_out_everywhere(*, user: User, actor: User, reason: str) -> None:
    """End every session of a user; keys go on.

    Raises:
        Conflict: it is a superuser, whom only superusers sign out.
        Invalid: the reason says nothing.
    """
    check_reason(reason)
    if user.is_superuser and not actor.is_superuser:
        raise Conflict(_("Only a superuser signs a superuser out."))
    end_all_sessions(user=user)
    _record(actor=actor, user_id=user.id, what="signed out everywhere", reason=reason)


def set_blocked(*, user: User, actor: User, blocked: bool, reason: str) -> None:
    """Turn a user away at once, keys and sockets too, or let them in again.

    Raises:
        Conflict: it is oneself, or a superuser whom only superusers block.
        Invalid: the reason says nothing.
    """
    check_reason(reason)
    if user.id == actor.id:
        raise Conflict(_("You cannot block yourself."))
    if user.is_superuser and not actor.is_superuser:
        raise Conflict(_("Only a superuser blocks a superuser."))
    set_active(user=user, active=not blocked)
    what = "blocked" if blocked else "let in again"
    _record(actor=actor, user_id=user.id, what=what, reason=reason)


def set_stopped(*, user: User, actor: User, stopped: bool, reason: str) -> None:
    """Pause the plans of a user, or lift what staff paused.

    Raises:
        Conflict: there is nothing to pause, or nothing that staff paused.
        Invalid: the reason says nothing.
    """
    check_reason(reason)
    if not stop_by_staff(user_id=user.id, stopped=stopped):
        raise Conflict(_("There is nothing to change; look at the subscriptions."))
    what = "plan paused" if stopped else "pause lifted"
    _record(actor=actor, user_id=user.id, what=what, reason=reason)


def set_drained(*, target: str, actor: User, drained: bool, reason: str) -> None:
    """Have a worker or a tier claim nothing more, or claim again.

    Raises:
        NotFound: no tier and no worker is called that.
        Conflict: that is so already.
        Invalid: the reason says nothing.
    """
    check_reason(reason)
    change = order_drain if drained else end_drain
    if not change(target=target, actor_id=actor.id, reason=reason.strip()):
        raise Conflict(_("That is so already; nothing was changed."))


def note_pictures_seen(*, job: Job, actor: User) -> None:
    """Put on record, where the owner reads it, that staff opened the pictures of a job."""
    record_act(
        act=Act.PICTURES_SEEN,
        user_id=job.user_id,
        actor_id=actor.id,
        target=f"pictures of job {job.id}",
    )


def check_reason(reason: str) -> None:
    """Do nothing if `reason` says something.

    Raises:
        Invalid: it does not.
    """
    if len(reason.strip()) < LEAST_REASON:
        message = _("Say why, in at least %(least)d characters.") % {"least": LEAST_REASON}
        raise Invalid(fields={"reason": [message]})


def _record(*, actor: User, user_id: uuid.UUID | None, what: str, reason: str) -> None:
    record_act(
        act=Act.ADMIN_CHANGE,
        user_id=user_id,
        actor_id=actor.id,
        target=f"{what}: {reason.strip()}",
    )


def _retry(job: Job, *, idempotency_key: str) -> Job:
    run = run_of_job(user=job.user, job_id=job.id) if job.kind == JobKind.TRAINING else None
    if run is None:
        return retry_job(user=job.user, job_id=job.id, idempotency_key=idempotency_key)
    run = retry_run(user=job.user, run_id=run.id, idempotency_key=idempotency_key)
    return get_job(user=job.user, job_id=run.job_id)
