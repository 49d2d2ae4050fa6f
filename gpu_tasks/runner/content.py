"""Have finished pictures looked at before their user sees them."""

import threading
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from django.conf import settings
from PIL import Image as PillowImage

from apps.catalog.models import GenerationModel, ModelKind
from apps.core.errors import ErrorCode, Forbidden
from apps.generation.content import is_cleared
from apps.generation.models import Job
from gpu_tasks.engine import ModelUnavailable
from gpu_tasks.runner.weights import local_weights

if TYPE_CHECKING:
    from gpu_tasks.engine.pictures.safety import SafetyChecker

logger = structlog.get_logger(__name__)

# Pictures of several threads come here, and the checker is one model.
_one_at_a_time = threading.Lock()


def check_content(job: Job, pictures: Sequence[PillowImage.Image]) -> None:
    """Do nothing if the pictures of a job may be shown, or nobody asks for a check.

    Raises:
        Forbidden: the checker objects to one, and no appeal has cleared these settings.
        ModelUnavailable, OSError: there is no checker to ask; then nothing is shown.
    """
    key = settings.EASEL_SAFETY_CHECKER
    if not key or not pictures:
        return
    with _one_at_a_time:
        flagged = _checker(key).check(pictures)
    if not any(flagged) or is_cleared(job):
        return
    logger.info("content_refused", job_id=str(job.id), pictures=sum(flagged))
    raise Forbidden(code=ErrorCode.CONTENT_REFUSED)


def _checker(key: str) -> "SafetyChecker":
    model = GenerationModel.objects.filter(
        key=key, kind=ModelKind.SAFETY, user=None, is_enabled=True, deleted_at=None
    ).first()
    if model is None:
        raise ModelUnavailable("The safety checker is missing.", reason=f"no such model: {key}")
    return _load(local_weights(model), model.sha256)


@lru_cache(maxsize=1)
def _load(path: Path, sha256: str) -> "SafetyChecker":
    from gpu_tasks.engine.pictures.safety import load_safety_checker

    del sha256  # other weights under the same name are other ones
    return load_safety_checker(path if path.is_dir() else path.parent)
