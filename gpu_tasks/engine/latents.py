"""Pictures between denoising and decoding, as a value that may be handed on; free of torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final

from PIL import Image

from gpu_tasks.engine.errors import InvalidRequest
from gpu_tasks.engine.request import GenerationRequest

# What VAE each family was trained with. Latents of one space may be decoded by every model of it.
LATENT_SPACES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "sd-1.5-class": "sd-1",
        "sd-2": "sd-1",
        "sdxl": "sdxl",
        "sdxl-refiner": "sdxl",
        "sd-3.5": "sd-3",
        "flux-1": "flux-1",
        "flux-1-fill": "flux-1",
        "flux-1-kontext": "flux-1",
        "z-image": "flux-1",
        "flux-2": "flux-2",
        "flux-2-klein": "flux-2",
        "qwen-image": "qwen-image",
        "qwen-image-edit": "qwen-image",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Latents:
    """Hold what the decoder of a VAE takes: a tensor (rows, channels, …, height, width).

    It lies on the processor, in the scale of the VAE and not of the denoiser, so that every
    family of the same `space` may start from it. `width` and `height` are those of the pictures,
    in pixels. `seeds` are one for each row, or none if no noise was in it. `spread` is the
    standard deviation that an encoder gives its latents, which start pictures are drawn with.
    `singly` says that each row was made by itself, `is_sparing` that memory was short: they are
    decoded in the same way, to the same pixels. `seamless` are the axes that the VAE wraps.
    """

    tensor: Any
    base: str
    model_key: str
    width: int
    height: int
    seeds: tuple[int, ...] = ()
    spread: Any = None
    singly: bool = False
    is_sparing: bool = False
    seamless: frozenset[str] = frozenset()

    @property
    def space(self) -> str:
        """What the latents are made of; see `LATENT_SPACES`."""
        return LATENT_SPACES[self.base]

    @property
    def rows(self) -> int:
        return len(self.tensor)

    def row(self, index: int) -> Latents:
        """Return one row by itself; of a single row, that row for every index."""
        place = 0 if self.rows == 1 else index
        rows = slice(place, place + 1)
        return replace(
            self,
            tensor=self.tensor[rows],
            spread=None if self.spread is None else self.spread[rows],
            seeds=self.seeds[rows],
        )

    def check_decodable(self, base: str, *, model_name: str) -> None:
        """Do nothing if models of a family can decode this or start from it.

        Raises:
            InvalidRequest: their VAE is another one.
        """
        if LATENT_SPACES[base] != self.space:
            raise InvalidRequest(
                {
                    "latents": f"are not those of {model_name}: decode them with the model that "
                    "made them, and go on from the picture"
                }
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Say what denoising starts from; `strength` (0 to 1) is the part of the steps that is run."""

    latents: Latents
    strength: float

    def stand_in(self, request: GenerationRequest) -> GenerationRequest:
        """Return the request for starting from a picture; an empty one stands for the latents."""
        picture = Image.new("RGB", (request.width, request.height))
        return replace(request, init_image=picture, strength=self.strength)


@dataclass(frozen=True, slots=True, kw_only=True)
class LatentResult:
    """Hold finished latents.

    `compute_seconds`, `model_load_seconds` and `memory_saved` are as in `GenerationResult`.
    """

    latents: Latents
    compute_seconds: float
    model_load_seconds: float
    memory_saved: bool = False
