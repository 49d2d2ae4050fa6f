"""Accept and cancel jobs."""

import dataclasses
import hashlib
import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.models import ApiKey, User
from apps.catalog.models import GenerationModel
from apps.core.errors import Conflict, ErrorCode, Forbidden, Invalid, NotFound
from apps.core.tenancy import tenant_scope
from apps.credits.costs import Quote, Shape
from apps.credits.selectors import credits_of_key_this_month
from apps.credits.services.ledger import hold_credits_for_jobs, release_hold
from apps.generation.announcements import announce_accepted, announce_end, announce_queue
from apps.generation.cancels import tell_workers
from apps.generation.models import Job, JobState, Priority
from apps.generation.parameters import GenerationParameters
from apps.generation.queue_selectors import first_position
from apps.generation.quotes import credits_of_token, quote_generation, shape_of
from apps.generation.selectors import get_job, list_batch
from apps.generation.services.lanes import lock_lanes, open_lane
from apps.generation.wakeups import send_first_wakeup
from apps.images.selectors import get_image
from apps.plans.entitlements import Feature, check, decide, require
from apps.plans.products import ModelAccess
from apps.plans.storage import used_bytes
from apps.plans.tiers import GpuTier

logger = structlog.get_logger(__name__)

# Pages fetch each job that they are told of; of the others they hear when they start.
ANNOUNCED_AT_ONCE = 20


def request_digest(request: dict[str, object]) -> str:
    """Return a digest of what was asked for, equal for equal requests in any order of keys."""
    canonical = json.dumps(request, sort_keys=True, default=str)
    return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One job that is asked for; `quote` is the token of one, without it it is quoted now."""

    model: GenerationModel
    parameters: GenerationParameters
    quote: str | None = None


def accept_generation(
    *,
    user: User,
    model: GenerationModel,
    parameters: GenerationParameters,
    priority: Priority = Priority.NORMAL,
    idempotency_key: str | None = None,
    digest: str = "",
    api_key: ApiKey | None = None,
    quote: str | None = None,
) -> Job:
    """Insert a job, hold its credits, and wake a worker once both are committed.

    The same `idempotency_key` with the same `digest` returns the job it made before. `quote` is
    the token of one; without it the job is quoted now.

    Raises:
        Invalid: the picture to start from is not there.
        PaymentRequired: fewer credits are available than the quote.
        Forbidden: the plan is paused, or lacks the model or the storage; or the key that asks has
            used what it may in this month.
        Conflict: too many jobs wait already, the quote has expired, or the key was used for
            another request.
    """
    order = Order(model=model, parameters=parameters, quote=quote)
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
) -> list[Job]:
    """Accept many jobs as one batch in their order, all or none; else as `accept_generation`."""
    return _accept(
        user=user,
        orders=orders,
        batch_id=uuid.uuid4(),
        priority=priority,
        idempotency_key=idempotency_key,
        digest=digest,
        api_key=api_key,
    )


def _accept(
    *,
    user: User,
    orders: Sequence[Order],
    batch_id: uuid.UUID | None,
    priority: Priority,
    idempotency_key: str | None,
    digest: str,
    api_key: ApiKey | None,
) -> list[Job]:
    earlier = _accepted_before(user=user, key=idempotency_key, digest=digest)
    if earlier:
        return earlier
    _check_init_images(user=user, orders=orders)
    has = require(user_id=user.id, feature=Feature.GENERATION)
    for access in {order.model.access for order in orders}:
        check(decide(has, feature=Feature.MODEL, access=ModelAccess(access)))
    check(decide(has, feature=Feature.STORAGE, used_bytes=used_bytes(user_id=user.id) + 1))
    quotes = _quote(orders, user=user, tier=has.plan.gpu_tier)
    jobs = [
        Job(
            user=user,
            tier=has.plan.gpu_tier,
            parallel_limit=has.plan.parallel_queues,
            model=order.model,
            parameters=order.parameters.to_json(),
            priority=priority,
            batch_id=batch_id,
            expected_seconds=quote.seconds,
            request_digest=digest,
            api_key_id=None if api_key is None else api_key.id,
        )
        for order, quote in zip(orders, quotes, strict=True)
    ]
    # The key of a batch is its first job's.
    jobs[0].idempotency_key = idempotency_key
    amounts = {job.id: quote.credits for job, quote in zip(jobs, quotes, strict=True)}
    try:
        with transaction.atomic():
            woken = _insert_in_line(user=user, jobs=jobs)
            hold_credits_for_jobs(user_id=user.id, amounts=amounts, api_key_id=jobs[0].api_key_id)
            if api_key is not None:
                _check_cap(user=user, api_key=api_key, quoted=sum(amounts.values()))
            transaction.on_commit(lambda: _announce(user, jobs, woken))
    except IntegrityError:
        raced = _accepted_before(user=user, key=idempotency_key, digest=digest)
        if not raced:
            raise
        return raced
    for job in jobs:
        logger.info("job_accepted", job_id=str(job.id), tier=job.tier)
    return jobs


def _insert_in_line(*, user: User, jobs: Sequence[Job]) -> Sequence[Job]:
    """Insert `jobs`, all of one tier and priority, in their order; return those to be woken.

    Raises:
        Conflict: so many may not wait.
    """
    tier = GpuTier(jobs[0].tier)
    lanes = open_lane(user_id=user.id, tier=tier)
    waiting = sum(lane.waiting + lane.waiting_background for lane in lanes)
    if waiting + len(jobs) > settings.EASEL_MAX_WAITING_JOBS:
        raise Conflict(
            _("Too many jobs are waiting; cancel some or wait until they are done."),
            code=ErrorCode.QUEUE_FULL,
            limit=settings.EASEL_MAX_WAITING_JOBS,
            waiting=waiting,
        )
    (lane,) = (lane for lane in lanes if lane.tier == tier)
    due_before = lane.due
    lane.parallel_limit = jobs[0].parallel_limit
    lane.waiting += len(jobs)
    # Fewer may be due than before, where the plan has become a smaller one.
    woken = jobs[: max(lane.due - due_before, 0)]
    now = timezone.now()
    for job in woken:
        # Its wake-up follows the commit.
        job.woken_at, job.wake_count = now, 1
    first = first_position(user=user, priority=Priority(jobs[0].priority), count=len(jobs))
    for number, job in enumerate(jobs):
        job.position = first + number
    Job.objects.bulk_create(jobs)
    return woken


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


def check_entitled(job: Job) -> None:
    """Do nothing if the user of a claimed job may still have it made.

    Raises:
        Forbidden: the plan has ended or was paused since, or does not include the model any more.
    """
    with tenant_scope(job.user_id):
        has = require(user_id=job.user_id, feature=Feature.GENERATION)
    check(decide(has, feature=Feature.MODEL, access=ModelAccess(job.model.access)))


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


def _quote(orders: Sequence[Order], *, user: User, tier: GpuTier) -> list[Quote]:
    offers: dict[tuple[str, Shape], Quote] = {}
    quotes = []
    for order in orders:
        shape = shape_of(order.parameters)
        kind = (order.model.key, shape)
        if kind not in offers:
            offers[kind] = quote_generation(
                user=user, model=order.model, tier=tier, parameters=order.parameters
            ).quote
        quote = offers[kind]
        if order.quote is not None:
            promised = credits_of_token(
                order.quote, user=user, model=order.model, tier=tier, shape=shape
            )
            quote = dataclasses.replace(quote, credits=promised)
        quotes.append(quote)
    return quotes


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


def _check_init_images(*, user: User, orders: Sequence[Order]) -> None:
    for name in {order.parameters.init_image for order in orders} - {None}:
        try:
            get_image(user_id=user.id, image_name=uuid.UUID(name))
        except NotFound as error:
            raise Invalid(
                fields={"init_image": [_("You have no picture of this name.")]}
            ) from error


def _announce_cancelled(job: Job) -> None:
    announce_end(job)
    announce_queue(user_id=job.user_id)


def _announce(user: User, jobs: Sequence[Job], woken: Sequence[Job]) -> None:
    for job in jobs[:ANNOUNCED_AT_ONCE]:
        announce_accepted(job)
    announce_queue(user_id=user.id)
    for job in woken:
        send_first_wakeup(job)
