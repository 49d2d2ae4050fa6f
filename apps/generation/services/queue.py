"""What a user does with the own queue: reorder, pause, cancel many, try again, tidy up."""

import dataclasses
import secrets
import uuid
from collections.abc import Sequence

from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.models import ApiKey, User
from apps.catalog import limits
from apps.core.errors import Conflict, Invalid
from apps.credits.services.ledger import release_holds
from apps.generation.announcements import announce_end, announce_queue
from apps.generation.cancels import tell_workers
from apps.generation.models import TERMINAL_STATES, Job, JobKind, JobState, Priority
from apps.generation.orders import order_again
from apps.generation.queue_selectors import (
    first_position,
    is_paused,
    lanes_of,
    last_position,
    waiting_jobs,
)
from apps.generation.retries import retry_of
from apps.generation.selectors import get_job, list_batch
from apps.generation.services.jobs import accept_order
from apps.generation.services.lanes import lock_lanes, set_pause
from apps.generation.wakeups import wake_all_of
from apps.plans.selectors import plan_of


def move_to_front(*, user: User, job_id: uuid.UUID) -> Job:
    """Put a waiting job before all others of its user, also out of the background.

    Raises:
        NotFound: `user` has no such job.
        Conflict: it does not wait any more.
    """
    with transaction.atomic():
        job = _waiting_job(user=user, job_id=job_id)
        job.position = first_position(user=user, priority=Priority.FRONT, count=1)
        job.priority = Priority.FRONT
        job.save(update_fields=["position", "priority"])
        transaction.on_commit(lambda: announce_queue(user_id=user.id))
    return job


def move_to_end(*, user: User, job_id: uuid.UUID) -> Job:
    """Put a waiting job behind all others of its line; errors as for `move_to_front`."""
    with transaction.atomic():
        job = _waiting_job(user=user, job_id=job_id)
        background = job.priority == Priority.BACKGROUND
        job.position = last_position(user=user, tier=job.tier, background=background)
        job.priority = Priority.BACKGROUND if background else Priority.NORMAL
        job.save(update_fields=["position", "priority"])
        transaction.on_commit(lambda: announce_queue(user_id=user.id))
    return job


def move_beside(*, user: User, job_id: uuid.UUID, other_id: uuid.UUID, after: bool) -> Job:
    """Put a waiting job right before or after another one of its user.

    Raises:
        NotFound: `user` has no such jobs.
        Conflict: one of them does not wait any more, or they wait in different tiers.
        Invalid: they are the same.
    """
    if job_id == other_id:
        raise Invalid(
            fields={"after" if after else "before": [_("Name another job than the one moved.")]}
        )
    with transaction.atomic():
        job = _waiting_job(user=user, job_id=job_id)
        other = _waiting_job(user=user, job_id=other_id)
        if other.tier != job.tier:
            raise Conflict(_("These jobs wait for different GPUs."))
        behind = other.priority == Priority.BACKGROUND
        line = [
            each
            for each in waiting_jobs(user=user).filter(tier=other.tier).defer("parameters")
            if (each.priority == Priority.BACKGROUND) == behind and each.id != job.id
        ]
        line.insert([each.id for each in line].index(other.id) + after, job)
        _renumber(line)
        if job.priority != other.priority:
            job.priority = other.priority
            job.save(update_fields=["priority"])
        transaction.on_commit(lambda: announce_queue(user_id=user.id))
    return job


def pause_queue(*, user: User) -> None:
    """Let no further job of `user` start; what runs goes on."""
    set_pause(user_id=user.id, tier=plan_of(user=user).gpu_tier, paused=True)
    transaction.on_commit(lambda: announce_queue(user_id=user.id))


def resume_queue(*, user: User) -> None:
    """Let jobs of `user` start again, and wake those that are due."""
    with transaction.atomic():
        lock_lanes(user_id=user.id)
        if not is_paused(lanes_of(user_id=user.id)):
            return
        set_pause(user_id=user.id, tier=plan_of(user=user).gpu_tier, paused=False)
        transaction.on_commit(lambda: _after_resume(user.id))


def clear_queue(*, user: User, running: bool = False) -> int:
    """Cancel all waiting jobs, and with `running` ask those at work to stop; return how many."""
    return _cancel(user=user, batch_id=None, running=running)


def cancel_batch(*, user: User, batch_id: uuid.UUID) -> list[Job]:
    """Cancel what waits of a batch, ask what runs of it to stop, leave what has ended.

    Raises:
        NotFound: `user` has no such batch.
    """
    list_batch(user=user, batch_id=batch_id)
    _cancel(user=user, batch_id=batch_id, running=True)
    return list_batch(user=user, batch_id=batch_id)


def retry_job(
    *,
    user: User,
    job_id: uuid.UUID,
    new_seed: bool = False,
    api_key: ApiKey | None = None,
    idempotency_key: str | None = None,
) -> Job:
    """Ask anew for what failed or was cancelled: another job, quoted as of now.

    Asked twice with one `idempotency_key` it is one job.

    Raises:
        NotFound: `user` has no such job.
        Conflict: it has neither failed nor been cancelled.
        EaselError: what `order_again` and `accept_order` raise.
    """
    job = get_job(user=user, job_id=job_id)
    if job.state not in (JobState.FAILED, JobState.CANCELLED):
        raise Conflict(_("Only a job that failed or was cancelled can be tried again."))
    if job.kind != JobKind.GENERATION:
        retry = retry_of(job.kind)
        if retry is None:
            raise Conflict(_("Start this again where you started it."))
        return retry(
            user=user,
            job=job,
            new_seed=new_seed,
            api_key=api_key,
            idempotency_key=idempotency_key,
        )
    parameters = job.settings
    if new_seed:
        seed = secrets.randbelow(limits.MAX_SEED + 1)
        parameters = dataclasses.replace(parameters, seed=seed)
    return accept_order(
        user=user,
        order=order_again(user=user, job=job, parameters=parameters),
        priority=Priority(job.priority),
        api_key=api_key,
        idempotency_key=idempotency_key,
    )


def prune_queue(*, user: User) -> int:
    """Take the jobs that ended off the queue's list; pictures, receipts and books stay."""
    ended = Job.objects.filter(user=user, state__in=sorted(TERMINAL_STATES), pruned_at=None)
    return ended.update(pruned_at=timezone.now())


def _waiting_job(*, user: User, job_id: uuid.UUID) -> Job:
    lock_lanes(user_id=user.id)
    job = get_job(user=user, job_id=job_id)
    if job.state != JobState.QUEUED:
        raise Conflict(_("This job does not wait any more."))
    return job


def _renumber(line: Sequence[Job]) -> None:
    """Give the places that the jobs of a line have to the same jobs in their new order."""
    places = sorted(job.position for job in line)
    last = places[0] - 1
    moved: dict[uuid.UUID, int] = {}
    for job, place in zip(line, places, strict=True):
        # Two that were asked for at once may have the same.
        last = max(place, last + 1)
        if job.position != last:
            moved[job.id] = job.position = last
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE generation_job job SET position = new.position"
            " FROM unnest(%s::uuid[], %s::bigint[]) AS new (id, position) WHERE job.id = new.id",
            [list(moved), list(moved.values())],
        )


def _cancel(*, user: User, batch_id: uuid.UUID | None, running: bool) -> int:
    now = timezone.now()
    own = Job.objects.filter(user=user)
    if batch_id is not None:
        own = own.filter(batch_id=batch_id)
    asked: list[uuid.UUID] = []
    with transaction.atomic():
        lock_lanes(user_id=user.id)
        jobs = list(own.filter(state=JobState.QUEUED).defer("parameters", "work", "grid"))
        ids = [job.id for job in jobs]
        own.filter(id__in=ids).update(
            state=JobState.CANCELLED, cancel_requested_at=now, finished_at=now
        )
        release_holds(user_id=user.id, job_ids=ids)
        if running:
            running_jobs = own.filter(state=JobState.RUNNING, cancel_requested_at=None)
            asked = list(running_jobs.values_list("id", flat=True))
            running_jobs.filter(id__in=asked).update(cancel_requested_at=now)
        transaction.on_commit(lambda: _after_cancel(user.id, jobs, asked))
    return len(jobs) + len(asked)


def _after_cancel(user_id: uuid.UUID, jobs: Sequence[Job], asked: Sequence[uuid.UUID]) -> None:
    tell_workers(asked)
    for job in jobs:
        job.state = JobState.CANCELLED
        announce_end(job)
    announce_queue(user_id=user_id)


def _after_resume(user_id: uuid.UUID) -> None:
    wake_all_of(user_id=user_id)
    announce_queue(user_id=user_id)
