"""Accept and cancel jobs."""

import hashlib
import json
import uuid
from collections.abc import Sequence
from typing import Any

import structlog
from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.models import ApiKey, User
from apps.catalog.models import GenerationModel
from apps.core.errors import Conflict, ErrorCode, Forbidden
from apps.core.observability.tracing import span
from apps.credits.costs import Quote
from apps.credits.selectors import credits_of_key_this_month
from apps.credits.services.ledger import hold_credits, release_hold
from apps.generation.announcements import announce_accepted, announce_end, announce_queue
from apps.generation.cancels import tell_workers
from apps.generation.models import Job, JobKind, JobState, Lane, Priority
from apps.generation.orders import Order
from apps.generation.parameters import GenerationParameters
from apps.generation.placing import tier_for
from apps.generation.provided import check_keys, terms_of_orders, work_of
from apps.generation.queue_selectors import first_position
from apps.generation.quotes import quote_orders
from apps.generation.selectors import get_job, list_batch
from apps.generation.services.admission import admit
from apps.generation.services.lanes import lock_lanes, open_lane
from apps.generation.wakeups import send_first_wakeup
from apps.plans.tiers import GpuTier

logger = structlog.get_logger(__name__)

# Pages fetch each job that they are told of; of the others they hear when they start.
ANNOUNCED_AT_ONCE = 20


def request_digest(request: dict[str, object]) -> str:
    """Return a digest of what was asked for, equal for equal requests in any order of keys."""
    canonical = json.dumps(request, sort_keys=True, default=str)
    return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()


def accept_order(
    *,
    user: User,
    order: Order,
    priority: Priority = Priority.NORMAL,
    idempotency_key: str | None = None,
    digest: str = "",
    api_key: ApiKey | None = None,
) -> Job:
    """Insert a job, hold its credits, and wake a worker once both are committed.

    The same `idempotency_key` with the same `digest` returns the job it made before. The order may
    carry the token of a quote; without it the job is quoted now.

    Raises:
        Invalid: a picture or a model is not there.
        PaymentRequired: fewer credits are available than the quote.
        Forbidden: the plan is paused, or lacks a model or the storage; a licence is missing; or the
            key that asks has used what it may in this month.
        Conflict: too many jobs wait already, the quote has expired, the key was used for another
            request, or there is no key at the service that would make the pictures.
    """
    (job,) = _accept(
        user=user,
        orders=[order],
        batch_id=None,
        priority=priority,
        idempotency_key=idempotency_key,
        digest=digest,
        api_key=api_key,
    )
    return job


def accept_batch(
    *,
    user: User,
    orders: Sequence[Order],
    priority: Priority = Priority.NORMAL,
    idempotency_key: str | None = None,
    digest: str = "",
    api_key: ApiKey | None = None,
    grid: dict[str, Any] | None = None,
) -> list[Job]:
    """Accept many jobs as one batch in their order, all or none; else as `accept_order`.

    `grid` says what varies across and down, if it is one.
    """
    return _accept(
        user=user,
        orders=orders,
        batch_id=uuid.uuid4(),
        grid=grid,
        priority=priority,
        idempotency_key=idempotency_key,
        digest=digest,
        api_key=api_key,
    )


def accept_work(
    *,
    user: User,
    kind: JobKind,
    work: dict[str, Any],
    model: GenerationModel,
    sketch: GenerationParameters,
    tier: GpuTier,
    parallel_limit: int | None,
    quote: Quote,
    priority: Priority = Priority.NORMAL,
    idempotency_key: str | None = None,
    digest: str = "",
    api_key: ApiKey | None = None,
) -> Job:
    """Accept a job of another kind than a generation, which its caller has admitted and quoted.

    Raises:
        PaymentRequired, Conflict, Forbidden: as `accept_order`, but for what admission asks.
    """
    earlier = _accepted_before(user=user, key=idempotency_key, digest=digest)
    if earlier:
        return earlier[0]
    with span("accept") as accepting:
        job = Job(
            user=user,
            kind=kind,
            work=work,
            tier=tier,
            parallel_limit=parallel_limit,
            model=model,
            parameters=sketch.to_json(),
            priority=priority,
            expected_seconds=quote.seconds,
            idempotency_key=idempotency_key,
            request_digest=digest,
            api_key_id=None if api_key is None else api_key.id,
            traceparent=accepting.traceparent,
        )
        accepting.describe({"easel.jobs": 1, "easel.tier": tier, "easel.model": model.key})
        (accepted,) = _insert(
            user=user, jobs=[job], amounts={job.id: quote.credits}, api_key=api_key
        )
    return accepted


def earlier_job(*, user: User, key: str | None, digest: str) -> Job | None:
    """Return the job that was accepted under an idempotency key before, if one was.

    Raises:
        Conflict: the key was used for another request.
    """
    return next(iter(_accepted_before(user=user, key=key, digest=digest)), None)


def _accept(
    *,
    user: User,
    orders: Sequence[Order],
    batch_id: uuid.UUID | None,
    priority: Priority,
    idempotency_key: str | None,
    digest: str,
    api_key: ApiKey | None,
    grid: dict[str, Any] | None = None,
) -> list[Job]:
    earlier = _accepted_before(user=user, key=idempotency_key, digest=digest)
    if earlier:
        return earlier
    with span("accept") as accepting:
        jobs, amounts = _draw_up(
            user=user,
            orders=orders,
            batch_id=batch_id,
            priority=priority,
            digest=digest,
            api_key=api_key,
            traceparent=accepting.traceparent,
        )
        accepting.describe(
            {"easel.jobs": len(jobs), "easel.tier": jobs[0].tier, "easel.model": jobs[0].model_id}
        )
        # The key of a batch is its first job's, and so is what it is a grid of.
        jobs[0].idempotency_key = idempotency_key
        jobs[0].grid = grid
        return _insert(user=user, jobs=jobs, amounts=amounts, api_key=api_key)


def _insert(
    *, user: User, jobs: list[Job], amounts: dict[uuid.UUID, int], api_key: ApiKey | None
) -> list[Job]:
    """Insert `jobs` and hold their credits; return those of another request that was faster."""
    first = jobs[0]
    try:
        with transaction.atomic():
            woken = _insert_in_line(user=user, jobs=jobs)
            with span("hold"):
                hold_credits(user_id=user.id, amounts=amounts, api_key_id=first.api_key_id)
            if api_key is not None:
                _check_cap(user=user, api_key=api_key, quoted=sum(amounts.values()))
            transaction.on_commit(lambda: _announce(user, jobs, woken))
    except IntegrityError:
        raced = _accepted_before(user=user, key=first.idempotency_key, digest=first.request_digest)
        if not raced:
            raise
        return raced
    for job in jobs:
        logger.info("job_accepted", job_id=str(job.id), tier=job.tier)
    return jobs


def _draw_up(
    *,
    user: User,
    orders: Sequence[Order],
    batch_id: uuid.UUID | None,
    priority: Priority,
    digest: str,
    api_key: ApiKey | None,
    traceparent: str,
) -> tuple[list[Job], dict[uuid.UUID, int]]:
    """Return the jobs that were asked for, and the credits that each may cost."""
    has = admit(user=user, orders=orders)
    tiers = [tier_for(order.model.base, at_least=has.plan.gpu_tier) for order in orders]
    terms = terms_of_orders(user_id=user.id, orders=orders)
    check_keys(terms)
    with span("quote"):
        quotes = quote_orders(user=user, orders=orders, at_least=has.plan.gpu_tier, terms=terms)
    jobs = [
        Job(
            user=user,
            tier=tier,
            parallel_limit=has.plan.parallel_queues,
            model=order.model,
            parameters=order.parameters.to_json(),
            work=work_of(order, on_terms),
            priority=priority,
            batch_id=batch_id,
            expected_seconds=quote.seconds,
            request_digest=digest,
            api_key_id=None if api_key is None else api_key.id,
            traceparent=traceparent,
        )
        for order, tier, quote, on_terms in zip(orders, tiers, quotes, terms, strict=True)
    ]
    amounts = {job.id: quote.credits for job, quote in zip(jobs, quotes, strict=True)}
    return jobs, amounts


def _insert_in_line(*, user: User, jobs: Sequence[Job]) -> Sequence[Job]:
    """Insert `jobs`, all of one priority, in their order; return those to be woken.

    Raises:
        Conflict: so many may not wait.
    """
    lanes: dict[str, Lane] = {}
    for tier in dict.fromkeys(GpuTier(job.tier) for job in jobs):
        # Each time all of them, as they are then.
        lanes = {lane.tier: lane for lane in open_lane(user_id=user.id, tier=tier)}
    waiting = sum(lane.waiting + lane.waiting_background for lane in lanes.values())
    if waiting + len(jobs) > settings.EASEL_MAX_WAITING_JOBS:
        raise Conflict(
            _("Too many jobs are waiting; cancel some or wait until they are done."),
            code=ErrorCode.QUEUE_FULL,
            limit=settings.EASEL_MAX_WAITING_JOBS,
            waiting=waiting,
        )
    woken = [job for tier, lane in lanes.items() for job in _line_up(lane, jobs, tier=tier)]
    now = timezone.now()
    for job in woken:
        # Its wake-up follows the commit.
        job.woken_at, job.wake_count = now, 1
    first = first_position(user=user, priority=Priority(jobs[0].priority), count=len(jobs))
    for number, job in enumerate(jobs):
        job.position = first + number
    Job.objects.bulk_create(jobs)
    return woken


def _line_up(lane: Lane, jobs: Sequence[Job], *, tier: str) -> Sequence[Job]:
    """Put those of `jobs` that are of `tier` into its lane; return which become due by that."""
    own = [job for job in jobs if job.tier == tier]
    if not own:
        return []
    due_before = lane.due
    lane.parallel_limit = own[0].parallel_limit
    lane.waiting += len(own)
    # Fewer may be due than before, where the plan has become a smaller one.
    return own[: max(lane.due - due_before, 0)]


def cancel_job(*, user: User, job_id: uuid.UUID) -> Job:
    """Cancel a waiting job at once, ask a running one to stop, leave an ended one as it is.

    Raises:
        NotFound: `user` has no such job.
    """
    now = timezone.now()
    own = Job.objects.filter(user=user, id=job_id)
    with transaction.atomic():
        lock_lanes(user_id=user.id)
        cancelled = own.filter(state=JobState.QUEUED).update(
            state=JobState.CANCELLED, cancel_requested_at=now, finished_at=now
        )
        if cancelled:
            release_hold(user_id=user.id, job_id=job_id)
            transaction.on_commit(lambda: _announce_cancelled(job))
        else:
            own.filter(state=JobState.RUNNING, cancel_requested_at__isnull=True).update(
                cancel_requested_at=now
            )
            transaction.on_commit(lambda: tell_workers([job_id]))
        job = get_job(user=user, job_id=job_id)
    return job


def _accepted_before(*, user: User, key: str | None, digest: str) -> list[Job]:
    if key is None:
        return []
    job = Job.objects.select_related("model").filter(user=user, idempotency_key=key).first()
    if job is None:
        return []
    if job.request_digest != digest:
        raise Conflict(
            _("This Idempotency-Key was used for another request; choose a new one."),
            code=ErrorCode.IDEMPOTENCY_CONFLICT,
        )
    return [job] if job.batch_id is None else list_batch(user=user, batch_id=job.batch_id)


def _check_cap(*, user: User, api_key: ApiKey, quoted: int) -> None:
    cap = api_key.monthly_credit_cap
    if cap is None:
        return
    # With this hold: it has locked the user's credits, so that of two requests at once the second
    # sees the first.
    used = credits_of_key_this_month(user=user, api_key_id=api_key.id) - quoted
    if used + quoted > cap:
        raise Forbidden(
            _("This needs %(required)d credits, more than this key may still use in this month.")
            % {"required": quoted},
            code=ErrorCode.KEY_CREDIT_CAP,
            limit=cap,
            used=used,
            required=quoted,
        )


def _announce_cancelled(job: Job) -> None:
    announce_end(job)
    announce_queue(user_id=job.user_id)


def _announce(user: User, jobs: Sequence[Job], woken: Sequence[Job]) -> None:
    for job in jobs[:ANNOUNCED_AT_ONCE]:
        announce_accepted(job)
    announce_queue(user_id=user.id)
    for job in woken:
        send_first_wakeup(job)
