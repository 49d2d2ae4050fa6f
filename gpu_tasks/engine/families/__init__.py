"""The model families that the engine can run, each in a file of its own."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from gpu_tasks.engine.errors import ModelUnavailable
from gpu_tasks.engine.families.family import ModelFamily
from gpu_tasks.engine.families.flux_1 import Flux1, Flux1Fill, Flux1Kontext
from gpu_tasks.engine.families.flux_2 import Flux2
from gpu_tasks.engine.families.flux_2_klein import Flux2Klein
from gpu_tasks.engine.families.qwen_image import QwenImage, QwenImageEdit
from gpu_tasks.engine.families.scene import LoadedModel, Scene
from gpu_tasks.engine.families.stable_diffusion import StableDiffusion1, StableDiffusion2
from gpu_tasks.engine.families.stable_diffusion_3 import StableDiffusion3
from gpu_tasks.engine.families.stable_diffusion_xl import (
    StableDiffusionXL,
    StableDiffusionXLRefiner,
)
from gpu_tasks.engine.families.z_image import ZImage

FAMILIES: Final[Mapping[str, ModelFamily]] = MappingProxyType(
    {
        family.base: family
        for family in (
            StableDiffusion1(),
            StableDiffusion2(),
            StableDiffusionXL(),
            StableDiffusionXLRefiner(),
            StableDiffusion3(),
            Flux1(),
            Flux1Fill(),
            Flux1Kontext(),
            Flux2(),
            Flux2Klein(),
            QwenImage(),
            QwenImageEdit(),
            ZImage(),
        )
    }
)

__all__ = ["FAMILIES", "LoadedModel", "ModelFamily", "Scene", "find_family"]


def find_family(base: str) -> ModelFamily:
    """Return the family of this name, or raise ModelUnavailable."""
    try:
        return FAMILIES[base]
    except KeyError:
        raise ModelUnavailable(
            "This kind of model is not supported.", reason=f"no family {base!r}"
        ) from None
