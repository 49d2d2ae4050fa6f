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
from apps.credits.selectors import credits_of_key_this_month
from apps.generation.announcements import announce_accepted, announce_end
from apps.generation.models import Job, JobState
from apps.generation.parameters import GenerationParameters
from apps.generation.selectors import get_job
from apps.generation.wakeups import send_first_wakeup
from apps.images.selectors import get_image
from apps.plans.selectors import plan_of

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
) -> Job:
    """Insert a job and wake a worker for it once the row is committed.

    The same `idempotency_key` with the same `digest` returns the job it made before.

    Raises:
        Invalid: the picture to start from is not there.
        Forbidden: the key that asks has used what it may in this month.
        Conflict: too many jobs wait already, or the key was used for another request.
    """
    earlier = _accepted_before(user=user, key=idempotency_key, digest=digest)
    if earlier is not None:
        return earlier
    if parameters.init_image is not None:
        _check_init_image(user=user, image_name=parameters.init_image)
    if api_key is not None:
        _check_cap(user=user, api_key=api_key)
    waiting = Job.objects.filter(user=user, state=JobState.QUEUED).count()
    if waiting >= settings.EASEL_MAX_WAITING_JOBS:
        raise Conflict(
            _("Too many jobs are waiting; cancel some or wait until they are done."),
            code=ErrorCode.QUEUE_FULL,
            limit=settings.EASEL_MAX_WAITING_JOBS,
        )
    plan = plan_of(user=user)
    try:
        with transaction.atomic():
            job = Job.objects.create(
                user=user,
                tier=plan.gpu_tier,
                parallel_limit=plan.parallel_queues,
                model=model,
                parameters=parameters.to_json(),
                idempotency_key=idempotency_key,
                request_digest=digest,
                api_key_id=api_key.id if api_key is not None else None,
                # Its wake-up follows the commit.
                woken_at=timezone.now(),
                wake_count=1,
            )
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
            transaction.on_commit(lambda: announce_end(job))
        else:
            own.filter(state=JobState.RUNNING, cancel_requested_at__isnull=True).update(
                cancel_requested_at=now
            )
        job = get_job(user=user, job_id=job_id)
    return job


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


def _check_cap(*, user: User, api_key: ApiKey) -> None:
    # Jobs in flight are not charged yet, so a key may overdraw its cap by those.
    cap = api_key.monthly_credit_cap
    if cap is None:
        return
    used = credits_of_key_this_month(user=user, api_key_id=api_key.id)
    if used >= cap:
        raise Forbidden(
            _("This key has used the credits that it may use in this month."),
            code=ErrorCode.KEY_CREDIT_CAP,
            limit=cap,
            used=used,
        )


def _check_init_image(*, user: User, image_name: str) -> None:
    try:
        get_image(user_id=user.id, image_name=uuid.UUID(image_name))
    except NotFound as error:
        raise Invalid(fields={"init_image": [_("You have no picture of this name.")]}) from error


def _announce(job: Job) -> None:
    announce_accepted(job)
    send_first_wakeup(job)
