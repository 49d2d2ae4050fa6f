"""What probing finds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from apps.catalog.models import ModelKind

SD_15 = "sd-1.5-class"
SD_2 = "sd-2"
SDXL = "sdxl"
SDXL_REFINER = "sdxl-refiner"
SD_35 = "sd-3.5"
FLUX_1 = "flux-1"
FLUX_1_FILL = "flux-1-fill"
FLUX_1_KONTEXT = "flux-1-kontext"
FLUX_2 = "flux-2"
FLUX_2_KLEIN = "flux-2-klein"
QWEN = "qwen-image"
QWEN_EDIT = "qwen-image-edit"
Z_IMAGE = "z-image"

# By the width of what prompts are turned into, which a cross-attention takes.
FAMILY_OF_CONTEXT: Mapping[int, str] = MappingProxyType(
    {768: SD_15, 1024: SD_2, 2048: SDXL, 1280: SDXL_REFINER}
)
# By the channels of latents; families share autoencoders of one shape, the likeliest first.
VAE_FAMILIES: Mapping[int, tuple[str, ...]] = MappingProxyType(
    {
        4: (SDXL, SDXL_REFINER, SD_15, SD_2),
        16: (FLUX_1, FLUX_1_FILL, FLUX_1_KONTEXT, SD_35, Z_IMAGE),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a model is.

    It can be of any of `bases`, the likeliest first; of none if it works beside all. `defaults`
    are settings that it suggests.
    """

    kind: ModelKind
    bases: tuple[str, ...] = ()
    trigger_words: Sequence[str] = ()
    tags: Sequence[str] = ()
    title: str = ""
    preprocessor: str = ""
    defaults: Mapping[str, Any] = field(default_factory=dict)

    def base(self, wanted: str = "") -> str:
        """Return the family, `wanted` where the weights could as well be of that."""
        if wanted in self.bases:
            return wanted
        return self.bases[0] if self.bases else ""
