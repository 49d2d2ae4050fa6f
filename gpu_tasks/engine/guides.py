"""What may guide a generation beside its prompt, free of torch: each part checks itself.

`problems` of a part are (field, sentence) pairs; `GenerationRequest` gathers them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from PIL import Image

from gpu_tasks.engine.limits import number_problem, text_problem, whole_number_problem

MAX_LORAS: Final = 8
MAX_CONTROLS: Final = 4
MAX_REGIONS: Final = 6
MAX_REFERENCES: Final = 4
MAX_EMBEDDINGS: Final = 16
MAX_FEATHER: Final = 128
MAX_PADDING: Final = 512
MAX_MARGIN: Final = 1024
MAX_SCALE: Final = 4.0

Problems = Iterator[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class AddOn:
    """Say where the weights of an addition to a model lie: a safetensors file, or a directory."""

    key: str
    path: Path
    sha256: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lora:
    """A LoRA and how much of it; its opposite with a weight below 0."""

    source: AddOn
    weight: float = 1.0

    def problems(self) -> Problems:
        if problem := number_problem(self.weight, least=-4.0, most=4.0):
            yield "loras", f"weight {problem}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TextualInversion:
    """A textual inversion: what stands in a prompt for its vectors."""

    source: AddOn
    token: str

    def problems(self) -> Problems:
        if not self.token.strip() or len(self.token) > 64:
            yield "embeddings", "token must have 1 to 64 characters"


class ControlKind(StrEnum):
    CONTROLNET = "controlnet"
    T2I_ADAPTER = "t2i_adapter"


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """A ControlNet or T2I adapter with the picture that it looks at, already preprocessed.

    It works from the part `start` to the part `end` of the steps, both 0 to 1.
    """

    source: AddOn
    image: Image.Image
    kind: ControlKind = ControlKind.CONTROLNET
    weight: float = 1.0
    start: float = 0.0
    end: float = 1.0

    def problems(self) -> Problems:
        if problem := number_problem(self.weight, least=0.0, most=2.0):
            yield "controls", f"weight {problem}"
        for name, value in (("start", self.start), ("end", self.end)):
            if problem := number_problem(value, least=0.0, most=1.0):
                yield "controls", f"{name} {problem}"
                return
        if self.start >= self.end:
            yield "controls", "start must lie before end"
        if self.kind is ControlKind.T2I_ADAPTER and (self.start, self.end) != (0, 1):
            yield "controls", "a T2I adapter works from the first step to the last"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagePrompt:
    """An IP-Adapter with the pictures that it reads as part of the prompt."""

    source: AddOn
    images: tuple[Image.Image, ...]
    weight: float = 1.0

    def problems(self) -> Problems:
        if not 1 <= len(self.images) <= MAX_REFERENCES:
            yield "image_prompt", f"must have 1 to {MAX_REFERENCES} pictures"
        if problem := number_problem(self.weight, least=0.0, most=2.0):
            yield "image_prompt", f"weight {problem}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """A prompt for a part of the picture: where `mask` (any size) is white."""

    prompt: str
    mask: Image.Image

    def problems(self) -> Problems:
        if problem := text_problem(self.prompt):
            yield "regions", f"prompt {problem}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mask:
    """What of the start picture may change: where `image` is white.

    `feather` softens its edge by so many pixels. With `only_masked` the masked part, with
    `padding` pixels around it, is made at the full width and height and put back in its place.
    """

    image: Image.Image
    feather: int = 8
    only_masked: bool = False
    padding: int = 32

    def problems(self) -> Problems:
        if problem := whole_number_problem(self.feather, least=0, most=MAX_FEATHER):
            yield "mask", f"feather {problem}"
        if problem := whole_number_problem(self.padding, least=0, most=MAX_PADDING):
            yield "mask", f"padding {problem}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outpaint:
    """How many pixels of the whole lie beyond each edge of the start picture."""

    left: int = 0
    top: int = 0
    right: int = 0
    bottom: int = 0
    feather: int = 16

    @property
    def margins(self) -> tuple[int, int, int, int]:
        return (self.left, self.top, self.right, self.bottom)

    def problems(self) -> Problems:
        for margin in self.margins:
            if problem := whole_number_problem(margin, least=0, most=MAX_MARGIN):
                yield "outpaint", f"margin {problem}"
                return
        if not any(self.margins):
            yield "outpaint", "needs a margin on at least one side"
        if problem := whole_number_problem(self.feather, least=0, most=MAX_FEATHER):
            yield "outpaint", f"feather {problem}"


@dataclass(frozen=True, slots=True, kw_only=True)
class HighRes:
    """Make the picture `scale` times smaller first, and work `strength` of it over in full size."""

    scale: float = 2.0
    strength: float = 0.5
    upscaler: AddOn | None = None

    def problems(self) -> Problems:
        if problem := number_problem(self.scale, least=1.1, most=MAX_SCALE):
            yield "high_res", f"scale {problem}"
        if problem := number_problem(self.strength, least=0.0, most=1.0):
            yield "high_res", f"strength {problem}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Upscale:
    """Enlarge the start picture to width × height, and refine it tile by tile.

    `strength` of each tile is worked over, 0 leaves it as it is; tiles are squares of `tile`
    pixels that share `overlap` pixels with their neighbours.
    """

    strength: float = 0.25
    upscaler: AddOn | None = None
    tile: int = 512
    overlap: int = 64

    def problems(self) -> Problems:
        if problem := number_problem(self.strength, least=0.0, most=1.0):
            yield "upscale", f"strength {problem}"
        if problem := whole_number_problem(self.tile, least=64, most=2048):
            yield "upscale", f"tile {problem}"
        elif problem := whole_number_problem(self.overlap, least=0, most=self.tile // 2):
            yield "upscale", f"overlap {problem}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Variation:
    """Go from the noise of the seed towards that of another: 0 stays, 1 is there."""

    seed: int
    strength: float

    def problems(self) -> Problems:
        if problem := whole_number_problem(self.seed, least=0, most=2**32 - 1):
            yield "variation", f"seed {problem}"
        if problem := number_problem(self.strength, least=0.0, most=1.0):
            yield "variation", f"strength {problem}"
