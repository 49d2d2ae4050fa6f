"""Which families LoRAs can be trained for: the one table that decides, free of torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from gpu_tasks.engine.errors import InvalidRequest
from gpu_tasks.engine.family_facts import FAMILY_FACTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Trainable:
    """Say how a family is trained.

    `architecture` is what ModelSpec calls its LoRAs
    (https://github.com/Stability-AI/ModelSpec, "Architecture"). `recomputes` has activations
    computed again on the way back instead of kept, where they would not fit on a card.
    """

    architecture: str
    recomputes: bool = False


_TRANSFORMER: Final = "training it is not offered: it denoises with a transformer"

# A family that is not here cannot be trained either.
TRAINABLE: Final[Mapping[str, Trainable | str]] = MappingProxyType(
    {
        "sd-1.5-class": Trainable(architecture="stable-diffusion-v1/lora"),
        "sd-2": Trainable(architecture="stable-diffusion-v2-768-v/lora"),
        "sdxl": Trainable(architecture="stable-diffusion-xl-v1-base/lora", recomputes=True),
        "sdxl-refiner": "it only adds detail to pictures of SDXL",
        "sd-3.5": _TRANSFORMER,
        "flux-1": _TRANSFORMER,
        "flux-1-fill": _TRANSFORMER,
        "flux-1-kontext": _TRANSFORMER,
        "flux-2": _TRANSFORMER,
        "flux-2-klein": _TRANSFORMER,
        "qwen-image": _TRANSFORMER,
        "qwen-image-edit": _TRANSFORMER,
        "z-image": _TRANSFORMER,
    }
)


def find_trainable(base: str) -> Trainable:
    """Return how a family is trained.

    Raises:
        InvalidRequest: it cannot be; `model` says why.
    """
    found = TRAINABLE.get(base, "this kind of model is not known")
    if isinstance(found, str):
        name = FAMILY_FACTS[base].name if base in FAMILY_FACTS else "The model"
        raise InvalidRequest({"model": f"{name} cannot be trained: {found}"})
    return found
