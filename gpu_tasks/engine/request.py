"""What goes into the engine and what comes out, free of torch."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from PIL import Image

from gpu_tasks.engine.errors import InvalidRequest
from gpu_tasks.engine.scheduler_names import SCHEDULER_NAMES

# What the engine can do at all; a model's own range is narrower and the catalog's business.
SIZE_MULTIPLE: Final = 8
MIN_SIZE: Final = 64
MAX_SIZE: Final = 8192
MAX_STEPS: Final = 500
MAX_GUIDANCE_SCALE: Final = 100.0
MAX_IMAGES: Final = 64
MAX_PROMPT_CHARACTERS: Final = 10_000
# Seeds are 32 bits wide, as users of other tools expect; the seeds of a batch wrap around.
SEED_COUNT: Final = 2**32
DEFAULT_STRENGTH: Final = 0.75


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationRequest:
    """Describe the pictures to make; raise InvalidRequest that names every wrong field.

    Width and height are in pixels. Picture i of `num_images` is made with seed + i. With
    `init_image` the pictures start from it, and `strength` (0 to 1, 0.75 when not given) is the
    part of the steps that is run.
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
    model_key: str
    init_image: Image.Image | None = None
    strength: float | None = None

    def __post_init__(self) -> None:
        problems = {
            "prompt": _text_problem(self.prompt),
            "negative_prompt": _text_problem(self.negative_prompt),
            "width": _size_problem(self.width),
            "height": _size_problem(self.height),
            "steps": _whole_number_problem(self.steps, least=1, most=MAX_STEPS),
            "guidance_scale": _number_problem(
                self.guidance_scale, least=0.0, most=MAX_GUIDANCE_SCALE
            ),
            "scheduler": None if self.scheduler in SCHEDULER_NAMES else "is not a known scheduler",
            "seed": _whole_number_problem(self.seed, least=0, most=SEED_COUNT - 1),
            "num_images": _whole_number_problem(self.num_images, least=1, most=MAX_IMAGES),
            "model_key": None if self.model_key else "is missing",
        }
        problems["strength"] = self._strength_problem(steps_are_valid=problems["steps"] is None)
        fields = {name: text for name, text in problems.items() if text is not None}
        if fields:
            raise InvalidRequest(fields)

    def _strength_problem(self, *, steps_are_valid: bool) -> str | None:
        if self.init_image is None:
            return None if self.strength is None else "needs a picture to start from"
        if problem := _number_problem(self.denoise_strength, least=0.0, most=1.0):
            return problem
        if steps_are_valid and self.denoising_steps < 1:
            return "is too low for so few steps: strength times steps must be at least 1"
        return None

    @property
    def denoise_strength(self) -> float:
        return DEFAULT_STRENGTH if self.strength is None else self.strength

    @property
    def denoising_steps(self) -> int:
        """Steps that are run: with a picture to start from, only the last part of them."""
        if self.init_image is None:
            return self.steps
        return min(int(self.steps * self.denoise_strength), self.steps)

    @property
    def shape(self) -> tuple[object, ...]:
        """What has to be the same of requests that share a forward pass."""
        return (
            self.model_key,
            self.width,
            self.height,
            self.steps,
            self.guidance_scale,
            self.scheduler,
            None if self.init_image is None else self.denoise_strength,
        )

    @property
    def seeds(self) -> tuple[int, ...]:
        return tuple((self.seed + index) % SEED_COUNT for index in range(self.num_images))


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSource:
    """Say where a model lies: a directory in the layout of its family.

    `precision` is "float32", "float16", "bfloat16", or "auto": what the device is best at.
    """

    key: str
    path: Path
    base: str = "sd-1.5-class"
    precision: str = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepProgress:
    """Tell about one finished step (1-based) of `total`.

    Pictures are made together, and `image_index` is then None; short of memory they are made one
    after another, and `image_index` says which of `images_total` (0-based) this step belongs to.
    `preview` makes a small picture (a pixel for each latent) of the first picture under way, and
    costs nothing unless it is called.
    """

    step: int
    total: int
    image_index: int | None
    images_total: int
    preview: Callable[[], Image.Image]

    @property
    def fraction(self) -> float:
        """Part of the whole request that is done, 0 to 1."""
        if self.image_index is None:
            return self.step / self.total
        return (self.image_index + self.step / self.total) / self.images_total


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationResult:
    """Hold finished pictures, one seed for each.

    `compute_seconds` starts when the model is ready and ends when the last picture is decoded;
    `model_load_seconds` is what this request waited for the model (about 0 when it was loaded).
    `memory_saved` says that a first try ran out of memory and this one was made sparingly.
    `pass_pictures` were made in the same forward pass at its end, those of others included.
    """

    images: tuple[Image.Image, ...]
    seeds: tuple[int, ...]
    compute_seconds: float
    model_load_seconds: float
    device: str
    library_versions: Mapping[str, str]
    memory_saved: bool = False
    pass_pictures: int = 1


OnStep = Callable[[StepProgress], None]
IsCancelled = Callable[[], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class PassMember:
    """One of the requests that share a forward pass, and who hears of it.

    `on_end` is given the result or the error, as soon as it is known; it must not raise.
    """

    request: GenerationRequest
    on_step: OnStep | None = None
    is_cancelled: IsCancelled | None = None
    on_end: Callable[[GenerationResult | Exception], None] | None = None


def _text_problem(value: object) -> str | None:
    if not isinstance(value, str):
        return "must be text"
    if len(value) > MAX_PROMPT_CHARACTERS:
        return f"must have at most {MAX_PROMPT_CHARACTERS} characters"
    try:
        value.encode()
    except UnicodeEncodeError:
        # JSON can carry half of a surrogate pair, and tokenizers raise on it.
        return "holds a character that is not valid Unicode"
    return None


def _whole_number_problem(value: object, *, least: int, most: int) -> str | None:
    if not isinstance(value, int) or isinstance(value, bool):
        return "must be a whole number"
    if not least <= value <= most:
        return f"must be between {least} and {most}"
    return None


def _size_problem(value: object) -> str | None:
    if problem := _whole_number_problem(value, least=MIN_SIZE, most=MAX_SIZE):
        return problem
    if isinstance(value, int) and value % SIZE_MULTIPLE:
        return f"must be a multiple of {SIZE_MULTIPLE}"
    return None


def _number_problem(value: object, *, least: float, most: float) -> str | None:
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        return "must be a number"
    if not least <= value <= most:
        return f"must be between {least:g} and {most:g}"
    return None
