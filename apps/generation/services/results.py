"""End jobs: pictures, usage and state in one transaction, by compare-and-set on the attempt."""

import dataclasses
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import structlog
from django.db import transaction
from django.utils import timezone

from apps.boards.selectors import auto_add_board_id, boards_still_there
from apps.core.errors import ErrorCode, new_error_id
from apps.core.tenancy import tenant_scope
from apps.credits.costs import Shape, charge_of
from apps.credits.models import ActionType
from apps.credits.services.ledger import release_hold, settle_hold
from apps.credits.services.usage import record_generation
from apps.generation.announcements import announce_end, announce_images, announce_queue
from apps.generation.loads import load_of
from apps.generation.models import Job, JobKind, JobState
from apps.generation.provided import is_provided
from apps.generation.services.lanes import lock_lanes
from apps.generation.wakeups import wake_next_of
from apps.images.models import Image
from apps.images.services.library import lock_library
from apps.images.services.pictures import StoredPicture, add_results
from apps.plans.tiers import GpuTier

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What a job of another kind than a generation is recorded as in the usage of its user.

    `teaches` is whether others of its shape take as long.
    """

    action: ActionType
    shape: Shape
    teaches: bool


def result_name(*, job_id: uuid.UUID, attempt: int, index: int) -> uuid.UUID:
    """Name the picture `index` of an attempt.

    The name follows from the attempt, so that what a lost attempt may have written can be
    found and removed without listing the store.
    """
    return uuid.uuid5(job_id, f"{attempt}/{index}")


def finish_job(
    *,
    user_id: uuid.UUID,
    job_id: uuid.UUID,
    attempt: int,
    pictures: Sequence[StoredPicture],
    compute_seconds: float,
    cancelled: bool = False,
    charge: int | None = None,
    service: Service | None = None,
) -> bool:
    """End a running job with its stored pictures; `False` if `attempt` has lost it meanwhile.

    A cancelled job keeps what was finished before. It is charged its seconds, unless `charge` says
    otherwise in credits, and never more than was held for it.
    """
    state = JobState.CANCELLED if cancelled else JobState.SUCCEEDED
    with tenant_scope(user_id):
        job = _held_for_update(user_id, job_id, attempt)
        if job is None:
            return False
        job.state = state
        job.compute_seconds = Decimal(compute_seconds).quantize(Decimal("0.001"))
        _close(job)
        images = _add_to_boards(job, pictures)
        resolution = settle_hold(
            user_id=user_id,
            job_id=job.id,
            charge=charge_of(compute_seconds) if charge is None else charge,
        )
        service = service or _service_of(job, pictures=len(pictures))
        record_generation(
            user_id=user_id,
            job_id=job.id,
            api_key_id=job.api_key_id,
            model=job.model_id,
            tier=GpuTier(job.tier),
            shape=service.shape,
            is_whole=service.teaches,
            compute_seconds=compute_seconds,
            quoted=resolution.charged + resolution.released,
            charged=resolution.charged,
            action=service.action,
        )
        transaction.on_commit(lambda: _after_end(job, images))
    logger.info("job_finished", job_id=str(job_id), state=state, seconds=round(compute_seconds, 3))
    return True


def _add_to_boards(job: Job, pictures: Sequence[StoredPicture]) -> list[Image]:
    """Insert the rows of pictures; a board that went while they were stored gets none."""
    user_id = job.user_id
    named = {picture.board_id for picture in pictures if picture.board_id is not None}
    automatic = auto_add_board_id(user_id=user_id)
    if named or automatic:
        # A board whose deletion is under way would refuse the rows at the end of that.
        lock_library(user_id=user_id)
        automatic = auto_add_board_id(user_id=user_id)
        there = boards_still_there(user_id=user_id, ids=named)
        pictures = [
            picture if picture.board_id in there else dataclasses.replace(picture, board_id=None)
            for picture in pictures
        ]
    return add_results(
        user_id=user_id, job_id=job.id, pictures=enumerate(pictures), board_id=automatic
    )


def _service_of(job: Job, *, pictures: int) -> Service:
    load = load_of(job.settings, base=job.model.base)
    # Of other jobs nobody could tell what a plain one takes.
    is_plain = load.teaches and job.kind == JobKind.GENERATION
    return Service(
        action=ActionType.PROVIDED if is_provided(job.model.base) else ActionType.GENERATION,
        shape=dataclasses.replace(load.shape, batch_size=pictures),
        teaches=is_plain and pictures == load.shape.batch_size,
    )


def fail_job(
    *,
    user_id: uuid.UUID,
    job_id: uuid.UUID,
    attempt: int,
    code: ErrorCode,
    error_id: str | None = None,
) -> bool:
    """End a running job without a result and without a cost; `False` if it was lost before."""
    with tenant_scope(user_id):
        job = _held_for_update(user_id, job_id, attempt)
        if job is None:
            return False
        job.state = JobState.FAILED
        job.error_code = code
        job.error_id = error_id or new_error_id()
        _close(job)
        release_hold(user_id=user_id, job_id=job.id)
        transaction.on_commit(lambda: _after_end(job, []))
    logger.warning("job_failed", job_id=str(job_id), code=code, error_id=job.error_id)
    return True


def _held_for_update(user_id: uuid.UUID, job_id: uuid.UUID, attempt: int) -> Job | None:
    lock_lanes(user_id=user_id)
    return (
        Job.objects.select_related("model")
        .select_for_update(of=("self",))
        .filter(id=job_id, state=JobState.RUNNING, attempt=attempt)
        .first()
    )


def _close(job: Job) -> None:
    job.finished_at = timezone.now()
    job.lease_expires_at = None
    job.save(
        update_fields=[
            "state",
            "compute_seconds",
            "error_code",
            "error_id",
            "finished_at",
            "lease_expires_at",
        ]
    )


def _after_end(job: Job, images: list[Image]) -> None:
    announce_images(job, images)
    announce_end(job)
    wake_next_of(user_id=job.user_id)
    announce_queue(user_id=job.user_id)
