"""The parts of a generation beside its prompt, as jobs keep them.

Models are named by their keys, pictures by the names of the user's own. Sizes are in pixels; what
each part means is told by the one of the same name in `gpu_tasks.engine.guides`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskPart:
    image: str
    feather: int = 8
    only_masked: bool = False
    padding: int = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class OutpaintPart:
    left: int = 0
    top: int = 0
    right: int = 0
    bottom: int = 0
    feather: int = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class UpscalePart:
    strength: float = 0.25
    upscaler: str | None = None
    tile: int = 512
    overlap: int = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class HighResPart:
    scale: float = 2.0
    strength: float = 0.5
    upscaler: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VariationPart:
    seed: int
    strength: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LoraPart:
    model: str
    weight: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingPart:
    model: str
    token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlPart:
    """`kind` is that of the model, "controlnet" or "t2i_adapter"."""

    model: str
    kind: str
    image: str
    preprocessor: str
    parameters: Mapping[str, float] = field(default_factory=dict)
    weight: float = 1.0
    start: float = 0.0
    end: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagePromptPart:
    model: str
    images: tuple[str, ...]
    weight: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionPart:
    prompt: str
    mask: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RefinerPart:
    model: str
    strength: float = 0.2
