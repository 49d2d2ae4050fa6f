"""The model families, as plain data: the web process lists them and never imports torch.

A row here says what a family is called, what it can do and what it asks for; its classes are in
`families/`, and a test holds the one against the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from gpu_tasks.engine.scheduler_names import FLOW_SCHEDULER_NAMES, SCHEDULER_NAMES


class Capability(StrEnum):
    """What a family may be able to do; the order is the order of the table in the docs."""

    TXT2IMG = "txt2img"
    IMG2IMG = "img2img"
    INPAINT = "inpaint"
    OUTPAINT = "outpaint"
    HIGH_RES = "high_res"
    UPSCALE = "upscale"
    VARIATIONS = "variations"
    LORA = "lora"
    EMBEDDINGS = "embeddings"
    CONTROLNET = "controlnet"
    T2I_ADAPTER = "t2i_adapter"
    IP_ADAPTER = "ip_adapter"
    REFERENCES = "references"
    REGIONS = "regions"
    PROMPT_WEIGHTS = "prompt_weights"
    NEGATIVE_PROMPT = "negative_prompt"
    CLIP_SKIP = "clip_skip"
    VAE = "vae"
    SEAMLESS = "seamless"
    REFINER = "refiner"


class Access(StrEnum):
    """The narrowest range of models, of those that plans include, that has the family."""

    SD_ONLY = "sd_only"
    FLUX_INCLUDED = "flux_included"


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyFacts:
    """Describe a family.

    `lacks` names each capability that it does not have, with the reason; all others it has.
    `planned_seconds` are those of a picture of 1024 × 1024 pixels in 20 steps before any were
    measured. Sizes are in pixels; `size` is what its models were trained for. `limits` says how
    many of something a request may have, by field, where that is less than what the engine takes.
    """

    base: str
    name: str
    access: Access
    planned_seconds: float
    size: int
    size_multiple: int
    steps: int
    guidance_scale: float
    schedulers: Mapping[str, str]
    lacks: Mapping[Capability, str] = field(default_factory=dict)
    limits: Mapping[str, int] = field(default_factory=dict)

    @property
    def capabilities(self) -> frozenset[Capability]:
        return frozenset(Capability) - self.lacks.keys()


_NO_CLASS: Final = "diffusers has no pipeline class for it"
_ONE_ENCODER: Final = "its prompts are read by a language model, not by CLIP"
_EDITS_ONLY: Final = "it changes pictures and makes none from nothing"
_DISTILLED: Final = "its guidance is distilled into the model, which has no place for it"
_NOT_WITH_TRANSFORMERS: Final = "it is a change of convolutions, and the model has none"
_SDXL_ONLY: Final = "only SDXL has a refiner"

# What no family has that denoises with a transformer.
_TRANSFORMER: Final[dict[Capability, str]] = {
    Capability.EMBEDDINGS: _ONE_ENCODER,
    Capability.T2I_ADAPTER: _NO_CLASS,
    Capability.REGIONS: "it is offered for SD 1.5, SD 2 and SDXL",
    Capability.PROMPT_WEIGHTS: _ONE_ENCODER,
    Capability.CLIP_SKIP: _ONE_ENCODER,
    Capability.SEAMLESS: _NOT_WITH_TRANSFORMERS,
    Capability.REFINER: _SDXL_ONLY,
}
_NO_REFERENCES: Final = {Capability.REFERENCES: "it was not trained to look at reference pictures"}
# Of families that start from pictures by reading them beside the prompt.
_ONLY_REFERENCES: Final = dict.fromkeys(
    (
        Capability.IMG2IMG,
        Capability.INPAINT,
        Capability.OUTPAINT,
        Capability.HIGH_RES,
        Capability.UPSCALE,
    ),
    _NO_CLASS,
)


def _stable_diffusion(base: str, name: str, *, size: int) -> FamilyFacts:
    return FamilyFacts(
        base=base,
        name=name,
        access=Access.SD_ONLY,
        planned_seconds=5.0,
        size=size,
        size_multiple=8,
        steps=25,
        guidance_scale=7.0,
        schedulers=SCHEDULER_NAMES,
        lacks=_NO_REFERENCES | {Capability.REFINER: _SDXL_ONLY},
    )


_ROWS: Final = (
    _stable_diffusion("sd-1.5-class", "Stable Diffusion 1.5", size=512),
    _stable_diffusion("sd-2", "Stable Diffusion 2", size=768),
    FamilyFacts(
        base="sdxl",
        name="Stable Diffusion XL",
        access=Access.SD_ONLY,
        planned_seconds=13.0,
        size=1024,
        size_multiple=8,
        steps=30,
        guidance_scale=6.0,
        schedulers=SCHEDULER_NAMES,
        lacks=_NO_REFERENCES,
    ),
    FamilyFacts(
        base="sdxl-refiner",
        name="Stable Diffusion XL refiner",
        access=Access.SD_ONLY,
        planned_seconds=13.0,
        size=1024,
        size_multiple=8,
        steps=30,
        guidance_scale=6.0,
        schedulers=SCHEDULER_NAMES,
        lacks=_NO_REFERENCES
        | dict.fromkeys(
            (Capability.TXT2IMG, Capability.VARIATIONS, Capability.HIGH_RES), _EDITS_ONLY
        )
        | dict.fromkeys(
            (
                Capability.CONTROLNET,
                Capability.T2I_ADAPTER,
                Capability.IP_ADAPTER,
                Capability.REGIONS,
                Capability.REFINER,
            ),
            "it only adds detail to pictures of SDXL",
        ),
    ),
    FamilyFacts(
        base="sd-3.5",
        name="Stable Diffusion 3.5",
        access=Access.SD_ONLY,
        planned_seconds=18.0,
        size=1024,
        size_multiple=16,
        steps=28,
        guidance_scale=4.5,
        schedulers=FLOW_SCHEDULER_NAMES,
        lacks={name: text for name, text in _TRANSFORMER.items() if name != Capability.CLIP_SKIP}
        | _NO_REFERENCES,
        limits={"image_prompt": 1},
    ),
    FamilyFacts(
        base="flux-1",
        name="FLUX.1",
        access=Access.FLUX_INCLUDED,
        planned_seconds=22.0,
        size=1024,
        size_multiple=16,
        steps=28,
        guidance_scale=3.5,
        schedulers=FLOW_SCHEDULER_NAMES,
        lacks=_TRANSFORMER | _NO_REFERENCES | {Capability.NEGATIVE_PROMPT: _DISTILLED},
    ),
    FamilyFacts(
        base="flux-1-fill",
        name="FLUX.1 Fill",
        access=Access.FLUX_INCLUDED,
        planned_seconds=22.0,
        size=1024,
        size_multiple=16,
        steps=30,
        guidance_scale=30.0,
        schedulers=FLOW_SCHEDULER_NAMES,
        lacks=_TRANSFORMER
        | _NO_REFERENCES
        | dict.fromkeys(
            (
                Capability.TXT2IMG,
                Capability.IMG2IMG,
                Capability.HIGH_RES,
                Capability.UPSCALE,
                Capability.VARIATIONS,
            ),
            "it only fills masks",
        )
        | dict.fromkeys((Capability.CONTROLNET, Capability.IP_ADAPTER), _NO_CLASS)
        | {Capability.NEGATIVE_PROMPT: _DISTILLED},
    ),
    FamilyFacts(
        base="flux-1-kontext",
        name="FLUX.1 Kontext",
        access=Access.FLUX_INCLUDED,
        planned_seconds=30.0,
        size=1024,
        size_multiple=16,
        steps=28,
        guidance_scale=2.5,
        schedulers=FLOW_SCHEDULER_NAMES,
        lacks=_TRANSFORMER
        | dict.fromkeys((Capability.CONTROLNET,), _NO_CLASS)
        | {Capability.NEGATIVE_PROMPT: _DISTILLED},
        limits={"references": 1},
    ),
    FamilyFacts(
        base="flux-2",
        name="FLUX.2",
        access=Access.FLUX_INCLUDED,
        planned_seconds=30.0,
        size=1024,
        size_multiple=16,
        steps=28,
        guidance_scale=4.0,
        schedulers=FLOW_SCHEDULER_NAMES,
        lacks=_TRANSFORMER
        | _ONLY_REFERENCES
        | dict.fromkeys((Capability.CONTROLNET, Capability.IP_ADAPTER), _NO_CLASS)
        | {Capability.NEGATIVE_PROMPT: _DISTILLED},
    ),
    FamilyFacts(
        base="flux-2-klein",
        name="FLUX.2 Klein",
        access=Access.FLUX_INCLUDED,
        planned_seconds=12.0,
        size=1024,
        size_multiple=16,
        steps=4,
        guidance_scale=1.0,
        schedulers=FLOW_SCHEDULER_NAMES,
        lacks=_TRANSFORMER
        | dict.fromkeys((Capability.CONTROLNET, Capability.IP_ADAPTER), _NO_CLASS),
    ),
    FamilyFacts(
        base="qwen-image",
        name="Qwen-Image",
        access=Access.FLUX_INCLUDED,
        planned_seconds=35.0,
        size=1024,
        size_multiple=16,
        steps=30,
        guidance_scale=4.0,
        schedulers=FLOW_SCHEDULER_NAMES,
        lacks=_TRANSFORMER | _NO_REFERENCES | {Capability.IP_ADAPTER: _NO_CLASS},
        limits={"controls": 1},
    ),
    FamilyFacts(
        base="qwen-image-edit",
        name="Qwen-Image Edit",
        access=Access.FLUX_INCLUDED,
        planned_seconds=40.0,
        size=1024,
        size_multiple=16,
        steps=30,
        guidance_scale=4.0,
        schedulers=FLOW_SCHEDULER_NAMES,
        lacks=_TRANSFORMER
        | dict.fromkeys(
            (Capability.TXT2IMG, Capability.VARIATIONS, Capability.HIGH_RES), _EDITS_ONLY
        )
        | dict.fromkeys(
            (
                Capability.IMG2IMG,
                Capability.UPSCALE,
                Capability.CONTROLNET,
                Capability.IP_ADAPTER,
            ),
            _NO_CLASS,
        ),
    ),
    FamilyFacts(
        base="z-image",
        name="Z-Image",
        access=Access.FLUX_INCLUDED,
        planned_seconds=37.0,
        size=1024,
        size_multiple=16,
        steps=9,
        guidance_scale=1.0,
        schedulers=FLOW_SCHEDULER_NAMES,
        lacks=_TRANSFORMER | _NO_REFERENCES | {Capability.IP_ADAPTER: _NO_CLASS},
        limits={"controls": 1},
    ),
)

FAMILY_FACTS: Final[Mapping[str, FamilyFacts]] = MappingProxyType(
    {facts.base: facts for facts in _ROWS}
)
