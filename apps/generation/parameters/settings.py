"""The settings of a generation, as a job keeps them."""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any, Self

from apps.catalog.models import ModelKind
from apps.generation.parameters.parts import (
    ControlPart,
    EmbeddingPart,
    HighResPart,
    ImagePromptPart,
    LoraPart,
    MaskPart,
    OutpaintPart,
    RefinerPart,
    RegionPart,
    UpscalePart,
    VariationPart,
)

_SINGLE: Mapping[str, type[Any]] = {
    "mask": MaskPart,
    "outpaint": OutpaintPart,
    "upscale": UpscalePart,
    "high_res": HighResPart,
    "variation": VariationPart,
    "image_prompt": ImagePromptPart,
    "refiner": RefinerPart,
}
_MANY: Mapping[str, type[Any]] = {
    "loras": LoraPart,
    "embeddings": EmbeddingPart,
    "controls": ControlPart,
    "regions": RegionPart,
}
# What is left out of a job's JSON where there is nothing of it: plain jobs look as they always did,
# so that those from before and after share a forward pass.
GUIDES = (*_SINGLE, *_MANY, "references", "clip_skip", "vae", "seamless")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class GenerationParameters:
    """The settings of a generation; the same settings and seed give the same pictures.

    Sizes in pixels; `strength` (0 < strength ≤ 1) is how much of `init_image` may change.
    """

    prompt: str
    negative_prompt: str = ""
    width: int
    height: int
    steps: int
    guidance_scale: float
    scheduler: str
    seed: int
    num_images: int = 1
    init_image: str | None = None
    strength: float | None = None
    mask: MaskPart | None = None
    outpaint: OutpaintPart | None = None
    upscale: UpscalePart | None = None
    high_res: HighResPart | None = None
    variation: VariationPart | None = None
    loras: tuple[LoraPart, ...] = ()
    embeddings: tuple[EmbeddingPart, ...] = ()
    controls: tuple[ControlPart, ...] = ()
    image_prompt: ImagePromptPart | None = None
    references: tuple[str, ...] = ()
    regions: tuple[RegionPart, ...] = ()
    clip_skip: int = 0
    vae: str | None = None
    seamless: tuple[str, ...] = ()
    refiner: RefinerPart | None = None

    def to_json(self) -> dict[str, Any]:
        values: dict[str, Any] = _plain(dataclasses.asdict(self))
        return {name: value for name, value in values.items() if name not in GUIDES or bool(value)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        known = dict(values)
        for name, part in _SINGLE.items():
            if known.get(name) is not None:
                known[name] = part(**_frozen(known[name]))
        for name, part in _MANY.items():
            known[name] = tuple(part(**_frozen(each)) for each in known.get(name) or ())
        for name in ("references", "seamless"):
            known[name] = tuple(known.get(name) or ())
        return cls(**known)

    @property
    def is_plain(self) -> bool:
        """Whether others' pictures may be made beside these."""
        return not any(getattr(self, name) for name in GUIDES)

    def models_named(self) -> Iterator[tuple[str, str, frozenset[ModelKind]]]:
        """Yield the field, the key and the possible kinds of each model beside the main one."""
        for name, part in (("upscale", self.upscale), ("high_res", self.high_res)):
            if part is not None and part.upscaler is not None:
                yield f"{name}.upscaler", part.upscaler, frozenset({ModelKind.UPSCALER})
        for number, lora in enumerate(self.loras):
            yield f"loras.{number}.model", lora.model, frozenset({ModelKind.LORA})
        for number, embedding in enumerate(self.embeddings):
            yield f"embeddings.{number}.model", embedding.model, frozenset({ModelKind.EMBEDDING})
        for number, control in enumerate(self.controls):
            yield f"controls.{number}.model", control.model, CONTROL_KINDS
        if self.image_prompt is not None:
            yield "image_prompt.model", self.image_prompt.model, frozenset({ModelKind.IP_ADAPTER})
        if self.vae is not None:
            yield "vae", self.vae, frozenset({ModelKind.VAE})
        if self.refiner is not None:
            yield "refiner.model", self.refiner.model, frozenset({ModelKind.MAIN})

    def pictures_named(self) -> Iterator[tuple[str, str]]:
        """Yield the field and the name of each picture of the user's that is looked at."""
        if self.init_image is not None:
            yield "init_image", self.init_image
        if self.mask is not None:
            yield "mask.image", self.mask.image
        for number, control in enumerate(self.controls):
            yield f"controls.{number}.image", control.image
        if self.image_prompt is not None:
            for number, name in enumerate(self.image_prompt.images):
                yield f"image_prompt.images.{number}", name
        for number, name in enumerate(self.references):
            yield f"references.{number}", name
        for number, region in enumerate(self.regions):
            yield f"regions.{number}.mask", region.mask


CONTROL_KINDS = frozenset({ModelKind.CONTROLNET, ModelKind.T2I_ADAPTER})


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, tuple) else value


def _frozen(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: tuple(value) if isinstance(value, list) else value for name, value in values.items()
    }
