"""Make a picture again from what was recorded of it, and compare the two.

`python -m gpu_tasks.reproduce NAME` is what `manage.py reproduce` runs.
"""

import argparse
import dataclasses
import json
import math
import sys
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.core.files.storage import default_storage
from PIL import Image as PillowImage
from PIL import ImageChops, ImageStat

from apps.catalog.fingerprints import digest_of_file, fingerprint_of_directory
from apps.catalog.models import GenerationModel
from apps.core.errors import EaselError, NotFound
from apps.core.tenancy import service_scope, tenant_scope
from apps.generation.models import Job, JobKind
from apps.generation.parameters import GenerationParameters
from apps.generation.parameters.add_ons import find_by_keys
from apps.images.models import Image
from apps.plans.tiers import GpuTier
from gpu_tasks.engine import Engine, EngineError
from gpu_tasks.engine.device import device_name
from gpu_tasks.engine.libraries import LIBRARY_VERSIONS
from gpu_tasks.engine.request import SEED_COUNT
from gpu_tasks.runner.inputs import engine_request
from gpu_tasks.runner.sources import model_source
from gpu_tasks.runner.weights import local_weights

# Levels of 255 by which two runs under the same circumstances may differ.
LEVELS = 2
# Other circumstances round otherwise; a picture of this likeness shows the same.
SIMILAR_DECIBELS = 20.0


class Verdict(StrEnum):
    EQUAL = "equal"
    SIMILAR = "similar"
    DIFFERENT = "different"
    OTHER_WEIGHTS = "other_weights"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reproduction:
    """What came of it. Differences are in levels of 255; PSNR in decibels, None if equal.

    `other_weights` are the keys of models whose files are not those of the record; then nothing
    was made. `other_circumstances` says what else differs: "device", or libraries.
    """

    image: str
    verdict: Verdict
    other_weights: tuple[str, ...] = ()
    other_circumstances: tuple[str, ...] = ()
    max_difference: int | None = None
    mean_difference: float | None = None
    psnr: float | None = None


class NotReproducibleError(Exception):
    """The picture tells too little of how it was made; the text says what."""


def reproduce(image_name: uuid.UUID, *, engine: Engine | None = None) -> Reproduction:
    """Make a picture again and compare.

    Raises:
        NotReproducibleError: there is no such picture, or it tells too little.
        EaselError, EngineError, OSError: something that it needs is gone.
    """
    image, job = _find(image_name)
    metadata = image.metadata
    made_with = metadata.get("made_with")
    if not made_with or job is None:
        raise NotReproducibleError("Nothing is on record of how this picture was made.")
    if job.kind != JobKind.GENERATION:
        raise NotReproducibleError("A workflow made this picture: run its document again.")
    if "provider" in made_with:
        raise NotReproducibleError(
            "Another service made this picture; nobody here has the model to make it again."
        )
    keys = {key for _field, key, _kinds in job.settings.models_named()}
    with tenant_scope(image.user_id):
        add_ons = find_by_keys(user_id=image.user_id, keys=keys)
    gone = keys - add_ons.keys()
    models = {job.model_id: job.model} | {key: add_ons[key] for key in keys - gone}
    other = sorted(gone | _other_weights(models, made_with["weights"]))
    if other:
        return Reproduction(
            image=str(image_name), verdict=Verdict.OTHER_WEIGHTS, other_weights=tuple(other)
        )
    engine = engine or Engine()
    again = _make(engine, job, metadata, int(made_with["batch"]), int(image.node_id or 0), add_ons)
    return _compare(
        _stored(image), again, name=image_name, circumstances=_circumstances(engine, made_with)
    )


def _find(image_name: uuid.UUID) -> tuple[Image, Job | None]:
    with service_scope("find the picture to make again"):
        image = Image.objects.filter(image_name=image_name).first()
        if image is None:
            raise NotReproducibleError("There is no picture of this name.")
        if image.session_id is None:
            return image, None
        job = Job.objects.select_related("model").filter(id=image.session_id).first()
        return image, job


def _other_weights(
    models: Mapping[str, GenerationModel], recorded: Mapping[str, Mapping[str, str]]
) -> set[str]:
    """Return the keys of models whose files, as they lie here, are not those of the record."""
    return {key for key, model in models.items() if _hash(model) != recorded[key]["sha256"]}


def _hash(model: GenerationModel) -> str:
    path = local_weights(model)
    return fingerprint_of_directory(path).sha256 if path.is_dir() else digest_of_file(path)


def _make(
    engine: Engine,
    job: Job,
    metadata: Mapping[str, Any],
    batch: int,
    index: int,
    add_ons: Mapping[str, GenerationModel],
) -> PillowImage.Image:
    # Whose the others of the pass were does not matter, only how many.
    place = min(index, batch - 1)
    parameters: GenerationParameters = dataclasses.replace(
        job.settings, num_images=batch, seed=(int(metadata["seed"]) - place) % SEED_COUNT
    )
    tier = GpuTier(job.tier) if engine.device.type == "cuda" else None

    def source(model: GenerationModel) -> Any:
        return model_source(model, tier=tier)

    request = engine_request(job, parameters, add_ons=add_ons, source=source)
    return engine.generate(request, source=source(job.model)).images[place]


def _stored(image: Image) -> PillowImage.Image:
    with default_storage.open(image.s3_key) as file:
        return PillowImage.open(file, formats=("PNG",)).convert("RGB")


def _circumstances(engine: Engine, made_with: Mapping[str, Any]) -> tuple[str, ...]:
    libraries = made_with["libraries"]
    names = sorted(libraries.keys() | LIBRARY_VERSIONS.keys())
    other = [name for name in names if libraries.get(name) != LIBRARY_VERSIONS.get(name)]
    is_other_device = device_name(engine.device) != made_with["device"]
    return (*(["device"] if is_other_device else []), *other)


def _compare(
    before: PillowImage.Image,
    again: PillowImage.Image,
    *,
    name: uuid.UUID,
    circumstances: tuple[str, ...],
) -> Reproduction:
    if before.size != again.size:
        return Reproduction(
            image=str(name), verdict=Verdict.DIFFERENT, other_circumstances=circumstances
        )
    difference = ImageStat.Stat(ImageChops.difference(before, again.convert("RGB")))
    most = int(max(high for _low, high in difference.extrema))
    squared = sum(difference.sum2) / sum(difference.count)
    psnr = None if not squared else round(10 * math.log10(255**2 / squared), 2)
    if not circumstances:
        verdict = Verdict.EQUAL if most <= LEVELS else Verdict.DIFFERENT
    else:
        alike = psnr is None or psnr >= SIMILAR_DECIBELS
        verdict = Verdict.SIMILAR if alike else Verdict.DIFFERENT
    return Reproduction(
        image=str(name),
        verdict=verdict,
        other_circumstances=circumstances,
        max_difference=most,
        mean_difference=round(sum(difference.mean) / len(difference.mean), 4),
        psnr=psnr,
    )


def _tell(result: Reproduction) -> str:
    lines = [f"Verdict      {result.verdict}"]
    if result.other_weights:
        lines.append(f"Other files  {', '.join(result.other_weights)}; nothing was made")
    if result.other_circumstances:
        lines.append(f"Differs in   {', '.join(result.other_circumstances)}")
    if result.max_difference is not None:
        psnr = "∞" if result.psnr is None else f"{result.psnr:.2f}"
        lines.append(
            f"Difference   {result.max_difference} at most, {result.mean_difference} on average"
            f" (of 255); PSNR {psnr} dB"
        )
    return "\n".join(lines)


def main(arguments: list[str] | None = None, *, engine: Engine | None = None) -> int:
    """Tell what came of it; 0 if the picture is as before or similar, 1 if not, 2 if none came."""
    parser = argparse.ArgumentParser(prog="reproduce")
    parser.add_argument("image", type=uuid.UUID)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    try:
        result = reproduce(options.image, engine=engine)
    except (NotReproducibleError, EngineError) as error:
        return _refuse(str(error))
    except NotFound:
        return _refuse("A picture that it was made from is gone.")
    except EaselError as error:
        return _refuse(str(error.detail))
    text = json.dumps(dataclasses.asdict(result)) if options.json else _tell(result)
    sys.stdout.write(f"{text}\n")
    return 0 if result.verdict in {Verdict.EQUAL, Verdict.SIMILAR} else 1


def _refuse(message: str) -> int:
    sys.stderr.write(f"{message}\n")
    return 2
