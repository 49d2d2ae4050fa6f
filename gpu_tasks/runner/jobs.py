"""Claim a job, make its pictures with the engine, store them, end it."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import structlog
from django.conf import settings
from django.core.files.storage import default_storage
from django.db import DatabaseError
from PIL import Image as PillowImage

from apps.catalog.models import GenerationModel
from apps.core.errors import ErrorCode, Forbidden, NotFound, new_error_id
from apps.core.sentry import report
from apps.core.tenancy import tenant_scope
from apps.generation.models import Job
from apps.generation.parameters import GenerationParameters
from apps.generation.services.jobs import check_entitled
from apps.generation.services.leases import claim_next_job, hand_back
from apps.generation.services.results import fail_job, finish_job, result_name
from apps.images.selectors import get_image
from apps.images.services import StoredPicture, delete_files, store_picture
from apps.plans.tiers import GpuTier
from gpu_tasks.engine import (
    Engine,
    EngineError,
    GenerationCancelled,
    GenerationRequest,
    GenerationResult,
    ModelSource,
    ModelUnavailable,
    OutOfMemory,
)
from gpu_tasks.engine.scheduler_names import SCHEDULER_NAMES
from gpu_tasks.runner.lease import LeaseKeeper
from gpu_tasks.runner.progress import ProgressReporter

logger = structlog.get_logger(__name__)

# Asked for too much, or the picture or the plan has gone meanwhile: nothing for us to repair.
_USERS_FAULTS = frozenset(
    {
        ErrorCode.OUT_OF_MEMORY,
        ErrorCode.NOT_FOUND,
        ErrorCode.PLAN_PAUSED,
        ErrorCode.MODEL_NOT_IN_PLAN,
    }
)


def model_source(model: GenerationModel) -> ModelSource:
    """Say where the weights of a catalog entry lie."""
    return ModelSource(
        key=model.key, path=settings.EASEL_MODELS_ROOT / model.location, base=model.base
    )


class JobRunner:
    """Serve the jobs of some tiers, one at a time, with one engine."""

    def __init__(self, *, engine: Engine, tiers: Collection[GpuTier], worker: str) -> None:
        self.engine = engine
        self.tiers = tiers
        self.worker = worker

    def run_next(self) -> bool:
        """Claim the next due job and bring it to its end; `False` if none was due."""
        job = claim_next_job(tiers=self.tiers, worker=self.worker, loaded=self.engine.loaded_models)
        if job is None:
            return False
        with structlog.contextvars.bound_contextvars(job_id=str(job.id), attempt=job.attempt):
            self._run(job)
        return True

    def _run(self, job: Job) -> None:
        try:
            with LeaseKeeper(user_id=job.user_id, job_id=job.id, attempt=job.attempt) as lease:
                self._make_and_store(job, lease)
        except OutOfMemory as error:
            _fail(job, ErrorCode.OUT_OF_MEMORY, error)
        except ModelUnavailable as error:
            _fail(job, ErrorCode.MODEL_UNAVAILABLE, error)
        except (NotFound, Forbidden) as error:
            _fail(job, error.code, error)
        except (DatabaseError, OSError) as error:
            # The database or the store is away for a moment: another attempt may fare better.
            logger.exception("job_handed_back", error=type(error).__name__)
            hand_back(user_id=job.user_id, job_id=job.id, attempt=job.attempt)
        except Exception as error:  # noqa: BLE001  (whatever it was, the job must not stay running)
            _fail(job, ErrorCode.INTERNAL, error)

    def _make_and_store(self, job: Job, lease: LeaseKeeper) -> None:
        check_entitled(job)
        parameters = GenerationParameters.from_json(job.parameters)
        request = _engine_request(job, parameters)
        reporter = ProgressReporter(job=job)
        made: GenerationResult | GenerationCancelled
        try:
            made = self.engine.generate(
                request,
                source=model_source(job.model),
                on_step=reporter.report,
                is_cancelled=lease.must_stop,
            )
        except GenerationCancelled as cancelled:
            made = cancelled
        if lease.lost:
            logger.warning("attempt_lost")
            return
        stored = _store(job, parameters, made)
        finished = finish_job(
            user_id=job.user_id,
            job_id=job.id,
            attempt=job.attempt,
            pictures=stored,
            compute_seconds=made.compute_seconds,
            cancelled=isinstance(made, GenerationCancelled),
        )
        if not finished:
            logger.warning("attempt_lost")
            for picture in stored:
                delete_files(user_id=job.user_id, image_name=picture.image_name)


def _engine_request(job: Job, parameters: GenerationParameters) -> GenerationRequest:
    return GenerationRequest(
        prompt=parameters.prompt,
        negative_prompt=parameters.negative_prompt,
        width=parameters.width,
        height=parameters.height,
        steps=parameters.steps,
        guidance_scale=parameters.guidance_scale,
        scheduler=parameters.scheduler,
        seed=parameters.seed,
        num_images=parameters.num_images,
        model_key=job.model_id,
        init_image=_load_init_image(job, parameters),
        strength=parameters.strength,
    )


def _load_init_image(job: Job, parameters: GenerationParameters) -> PillowImage.Image | None:
    if parameters.init_image is None:
        return None
    with tenant_scope(job.user_id):
        image = get_image(user_id=job.user_id, image_name=uuid.UUID(parameters.init_image))
    with default_storage.open(image.s3_key) as file:
        picture = PillowImage.open(file, formats=("PNG",))
        return picture.convert("RGB")


def _store(
    job: Job, parameters: GenerationParameters, made: GenerationResult | GenerationCancelled
) -> Sequence[StoredPicture]:
    return [
        store_picture(
            user_id=job.user_id,
            image_name=result_name(job_id=job.id, attempt=job.attempt, index=index),
            picture=picture,
            metadata=_metadata(job, parameters, seed=seed, seconds=made.compute_seconds),
        )
        for index, (picture, seed) in enumerate(zip(made.images, made.seeds, strict=True))
    ]


def _metadata(
    job: Job, parameters: GenerationParameters, *, seed: int, seconds: float
) -> Mapping[str, Any]:
    return parameters.to_json() | {
        "seed": seed,
        "scheduler_name": SCHEDULER_NAMES[parameters.scheduler],
        "model": job.model_id,
        "model_name": job.model.name,
        "generation": str(job.id),
        "compute_seconds": round(seconds, 3),
        "easel_version": settings.EASEL_VERSION,
    }


def _fail(job: Job, code: ErrorCode, error: Exception) -> None:
    error_id = new_error_id()
    reason = error.reason if isinstance(error, EngineError) else ""
    logger.error("job_attempt_failed", error_id=error_id, reason=reason, exc_info=error)
    if code not in _USERS_FAULTS:
        report(error, error_id=error_id, code=code)
    fail_job(user_id=job.user_id, job_id=job.id, attempt=job.attempt, code=code, error_id=error_id)
