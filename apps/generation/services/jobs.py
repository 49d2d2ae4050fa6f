"""Accept and cancel jobs."""

import hashlib
import json
import uuid

import structlog
from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.models import ApiKey, User
from apps.catalog.models import GenerationModel
from apps.core.errors import Conflict, ErrorCode, Forbidden, Invalid, NotFound
from apps.core.tenancy import tenant_scope
from apps.credits.selectors import credits_of_key_this_month
from apps.credits.services.ledger import hold_credits, release_hold
from apps.generation.announcements import announce_accepted, announce_end
from apps.generation.models import Job, JobState
from apps.generation.parameters import GenerationParameters
from apps.generation.quotes import credits_of_token, quote_generation, shape_of
from apps.generation.selectors import get_job
from apps.generation.wakeups import send_first_wakeup
from apps.images.selectors import get_image, stored_bytes
from apps.plans.entitlements import Feature, check, decide, require
from apps.plans.products import ModelAccess
from apps.plans.tiers import GpuTier

logger = structlog.get_logger(__name__)


def request_digest(request: dict[str, object]) -> str:
    """Return a digest of what was asked for, equal for equal requests in any order of keys."""
    canonical = json.dumps(request, sort_keys=True, default=str)
    return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()


def accept_generation(
    *,
    user: User,
    model: GenerationModel,
    parameters: GenerationParameters,
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
    earlier = _accepted_before(user=user, key=idempotency_key, digest=digest)
    if earlier is not None:
        return earlier
    if parameters.init_image is not None:
        _check_init_image(user=user, image_name=parameters.init_image)
    has = require(user_id=user.id, feature=Feature.GENERATION)
    check(decide(has, feature=Feature.MODEL, access=ModelAccess(model.access)))
    check(decide(has, feature=Feature.STORAGE, used_bytes=stored_bytes(user_id=user.id) + 1))
    waiting = Job.objects.filter(user=user, state=JobState.QUEUED).count()
    if waiting >= settings.EASEL_MAX_WAITING_JOBS:
        raise Conflict(
            _("Too many jobs are waiting; cancel some or wait until they are done."),
            code=ErrorCode.QUEUE_FULL,
            limit=settings.EASEL_MAX_WAITING_JOBS,
        )
    tier = has.plan.gpu_tier
    credits = _quoted(quote, user=user, model=model, tier=tier, parameters=parameters)
    try:
        with transaction.atomic():
            job = Job.objects.create(
                user=user,
                tier=tier,
                parallel_limit=has.plan.parallel_queues,
                model=model,
                parameters=parameters.to_json(),
                idempotency_key=idempotency_key,
                request_digest=digest,
                api_key_id=api_key.id if api_key is not None else None,
                # Its wake-up follows the commit.
                woken_at=timezone.now(),
                wake_count=1,
            )
            hold_credits(user_id=user.id, job_id=job.id, amount=credits, api_key_id=job.api_key_id)
            if api_key is not None:
                _check_cap(user=user, api_key=api_key, quoted=credits)
            transaction.on_commit(lambda: _announce(job))
    except IntegrityError:
        raced = _accepted_before(user=user, key=idempotency_key, digest=digest)
        if raced is None:
            raise
        return raced
    logger.info("job_accepted", job_id=str(job.id), tier=job.tier)
    return job


def cancel_job(*, user: User, job_id: uuid.UUID) -> Job:
    """Cancel a waiting job at once, ask a running one to stop, leave an ended one as it is.

    Raises:
        NotFound: `user` has no such job.
    """
    now = timezone.now()
    own = Job.objects.filter(user=user, id=job_id)
    with transaction.atomic():
        cancelled = own.filter(state=JobState.QUEUED).update(
            state=JobState.CANCELLED, cancel_requested_at=now, finished_at=now
        )
        if cancelled:
            release_hold(user_id=user.id, job_id=job_id)
            transaction.on_commit(lambda: announce_end(job))
        else:
            own.filter(state=JobState.RUNNING, cancel_requested_at__isnull=True).update(
                cancel_requested_at=now
            )
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


def _accepted_before(*, user: User, key: str | None, digest: str) -> Job | None:
    if key is None:
        return None
    job = Job.objects.select_related("model").filter(user=user, idempotency_key=key).first()
    if job is not None and job.request_digest != digest:
        raise Conflict(
            _("This Idempotency-Key was used for another request; choose a new one."),
            code=ErrorCode.IDEMPOTENCY_CONFLICT,
        )
    return job


def _quoted(
    token: str | None,
    *,
    user: User,
    model: GenerationModel,
    tier: GpuTier,
    parameters: GenerationParameters,
) -> int:
    if token is not None:
        shape = shape_of(parameters)
        return credits_of_token(token, user=user, model=model, tier=tier, shape=shape)
    offer = quote_generation(user=user, model=model, tier=tier, parameters=parameters)
    return offer.quote.credits


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


def _check_init_image(*, user: User, image_name: str) -> None:
    try:
        get_image(user_id=user.id, image_name=uuid.UUID(image_name))
    except NotFound as error:
        raise Invalid(fields={"init_image": [_("You have no picture of this name.")]}) from error


def _announce(job: Job) -> None:
    announce_accepted(job)
    send_first_wakeup(job)
