"""What a job needs beside its settings: its user's pictures, weights, control pictures."""

import uuid
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from django.core.files.storage import default_storage
from PIL import Image as PillowImage
from PIL import ImageOps

from apps.catalog.models import GenerationModel, ModelKind
from apps.core.tenancy import tenant_scope
from apps.generation.models import Job
from apps.generation.parameters import GenerationParameters
from apps.generation.parameters.add_ons import depth_estimator
from apps.generation.parameters.sketch import build_request
from apps.images.selectors import get_image
from gpu_tasks.engine import GenerationRequest, InvalidRequest
from gpu_tasks.engine.control.names import PREPROCESSOR_NAMES
from gpu_tasks.engine.guides import AddOn
from gpu_tasks.runner.sources import Source
from gpu_tasks.runner.weights import local_weights

if TYPE_CHECKING:
    from gpu_tasks.engine.control.preprocessors import DepthEstimator

Pictures = dict[str, PillowImage.Image]


def engine_request(
    job: Job,
    parameters: GenerationParameters,
    *,
    add_ons: Mapping[str, GenerationModel],
    source: Source,
) -> GenerationRequest:
    """Return what the engine is asked for a job; every file is read here.

    Raises:
        NotFound: a picture is gone.
        InvalidRequest: the engine takes it from nobody.
        ModelUnavailable, OSError: as `local_weights`.
    """
    pictures = load_pictures(job, parameters)
    _prepare_controls(parameters, pictures, add_ons)
    named = {key for _field, key, _kinds in parameters.models_named()}
    refiner = parameters.refiner
    return build_request(
        parameters,
        model_key=job.model_id,
        pictures=pictures,
        weights=dict(_weights(add_ons, named)),
        refiner=None if refiner is None else source(add_ons[refiner.model]),
    )


def load_pictures(job: Job, parameters: GenerationParameters) -> Pictures:
    """Return the pictures that a job looks at, by the field that names them.

    Raises:
        NotFound: one is gone, or is not its user's.
    """
    keys = {}
    with tenant_scope(job.user_id):
        for field, name in parameters.pictures_named():
            image = get_image(user_id=job.user_id, image_name=uuid.UUID(name))
            keys[field] = image.s3_key
    return {field: open_picture(key) for field, key in keys.items()}


def open_picture(key: str) -> PillowImage.Image:
    """Return the picture stored under a key, which Easel wrote itself: a PNG and nothing else.

    Raises:
        OSError: it is none, or the store is away.
    """
    with default_storage.open(key) as file:
        return PillowImage.open(file, formats=("PNG",)).convert("RGB")


def _weights(
    add_ons: Mapping[str, GenerationModel], named: set[str]
) -> Iterator[tuple[str, AddOn]]:
    for key in named:
        model = add_ons[key]
        if model.kind != ModelKind.MAIN:
            yield key, AddOn(key=key, path=local_weights(model), sha256=model.sha256)


def _prepare_controls(
    parameters: GenerationParameters,
    pictures: Pictures,
    add_ons: Mapping[str, GenerationModel],
) -> None:
    if not parameters.controls:
        return
    # OpenCV is wanted for nothing else.
    from gpu_tasks.engine.control.preprocessors import preprocess

    size = (parameters.width, parameters.height)
    if parameters.mask is not None and parameters.mask.only_masked:
        # The engine cuts the control picture as it cuts the whole picture.
        size = pictures["init_image"].size
    for number, control in enumerate(parameters.controls):
        field = f"controls.{number}.image"
        needs_depth = PREPROCESSOR_NAMES[control.preprocessor].needs_depth_model
        try:
            pictures[field] = preprocess(
                control.preprocessor,
                ImageOps.fit(pictures[field], size),
                size=size,
                parameters=control.parameters,
                depth=_depth(add_ons) if needs_depth else None,
            )
        except InvalidRequest as error:
            raise InvalidRequest({"controls": str(error)}) from error


def _depth(add_ons: Mapping[str, GenerationModel]) -> "DepthEstimator | None":
    model = depth_estimator(add_ons)
    return None if model is None else _load_depth(local_weights(model), model.sha256)


@lru_cache(maxsize=1)
def _load_depth(path: Path, sha256: str) -> "DepthEstimator":
    from gpu_tasks.engine.control.depth import load_depth_estimator

    del sha256  # other weights under the same name are other ones
    return load_depth_estimator(path if path.is_dir() else path.parent)
