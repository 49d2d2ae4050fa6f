"""What goes into the engine and what comes out, free of torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

from PIL import Image

from gpu_tasks.engine.errors import InvalidRequest
from gpu_tasks.engine.family_facts import Capability, FamilyFacts
from gpu_tasks.engine.guides import (
    MAX_CONTROLS,
    MAX_EMBEDDINGS,
    MAX_LORAS,
    MAX_REFERENCES,
    MAX_REGIONS,
    AddOn,
    Control,
    ControlKind,
    HighRes,
    ImagePrompt,
    Lora,
    Mask,
    Outpaint,
    Problems,
    Region,
    TextualInversion,
    Upscale,
    Variation,
)
from gpu_tasks.engine.limits import number_problem, text_problem, whole_number_problem
from gpu_tasks.engine.placement import Placement
from gpu_tasks.engine.scheduler_names import SCHEDULER_NAMES

# What the engine can do at all; a model's own range is narrower and the catalog's business.
SIZE_MULTIPLE: Final = 8
MIN_SIZE: Final = 64
MAX_SIZE: Final = 8192
MAX_STEPS: Final = 500
MAX_GUIDANCE_SCALE: Final = 100.0
MAX_IMAGES: Final = 64
MAX_CLIP_SKIP: Final = 4
# Seeds are 32 bits wide, as users of other tools expect; the seeds of a batch wrap around.
SEED_COUNT: Final = 2**32
DEFAULT_STRENGTH: Final = 0.75


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationRequest:
    """Describe the pictures to make; raise InvalidRequest that names every wrong field.

    Width and height are in pixels. Picture i of `num_images` is made with seed + i. With
    `init_image` the pictures start from it, and `strength` (0 to 1, 0.75 when not given) is the
    part of the steps that is run. `references` are looked at, and nothing starts from them.
    `seamless` names the axes ("x", "y") on which the picture may be laid side by side with
    itself. `refiner_strength` is the part of the steps that `refiner` works over at the end.
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
    mask: Mask | None = None
    outpaint: Outpaint | None = None
    upscale: Upscale | None = None
    high_res: HighRes | None = None
    variation: Variation | None = None
    loras: Sequence[Lora] = ()
    embeddings: Sequence[TextualInversion] = ()
    controls: Sequence[Control] = ()
    image_prompt: ImagePrompt | None = None
    references: Sequence[Image.Image] = ()
    regions: Sequence[Region] = ()
    clip_skip: int = 0
    vae: AddOn | None = None
    seamless: frozenset[str] = frozenset()
    refiner: ModelSource | None = None
    refiner_strength: float = 0.2

    def __post_init__(self) -> None:
        problems = {
            "prompt": text_problem(self.prompt),
            "negative_prompt": text_problem(self.negative_prompt),
            "width": _size_problem(self.width),
            "height": _size_problem(self.height),
            "steps": whole_number_problem(self.steps, least=1, most=MAX_STEPS),
            "guidance_scale": number_problem(
                self.guidance_scale, least=0.0, most=MAX_GUIDANCE_SCALE
            ),
            "scheduler": None if self.scheduler in SCHEDULER_NAMES else "is not a known scheduler",
            "seed": whole_number_problem(self.seed, least=0, most=SEED_COUNT - 1),
            "num_images": whole_number_problem(self.num_images, least=1, most=MAX_IMAGES),
            "model_key": None if self.model_key else "is missing",
            "clip_skip": whole_number_problem(self.clip_skip, least=0, most=MAX_CLIP_SKIP),
            "seamless": None if self.seamless <= {"x", "y"} else "knows the axes x and y alone",
            "refiner_strength": number_problem(self.refiner_strength, least=0.0, most=1.0),
        }
        problems["strength"] = self._strength_problem(steps_are_valid=problems["steps"] is None)
        fields = {name: text for name, text in problems.items() if text is not None}
        for name, text in self._guide_problems():
            fields.setdefault(name, text)
        if fields:
            raise InvalidRequest(fields)

    def _strength_problem(self, *, steps_are_valid: bool) -> str | None:
        if self.init_image is None:
            return None if self.strength is None else "needs a picture to start from"
        if problem := number_problem(self.denoise_strength, least=0.0, most=1.0):
            return problem
        if steps_are_valid and self.upscale is None and self.denoising_steps < 1:
            return "is too low for so few steps: strength times steps must be at least 1"
        return None

    def _guide_problems(self) -> Problems:
        single = (self.mask, self.outpaint, self.upscale, self.high_res, self.variation)
        many = (self.loras, self.embeddings, self.controls, self.regions)
        for part in (*single, self.image_prompt, *(one for parts in many for one in parts)):
            if part is not None:
                yield from part.problems()
        for name, count, most in (
            ("loras", len(self.loras), MAX_LORAS),
            ("embeddings", len(self.embeddings), MAX_EMBEDDINGS),
            ("controls", len(self.controls), MAX_CONTROLS),
            ("references", len(self.references), MAX_REFERENCES),
            ("regions", len(self.regions), MAX_REGIONS),
        ):
            if count > most:
                yield name, f"must be at most {most}"
        yield from self._contradictions()

    def _contradictions(self) -> Problems:
        for name in self._fields_out_of_place():
            if self.init_image is None:
                yield name, "needs a picture to start from"
            else:
                yield name, "is for pictures that start from nothing"
        if sum(part is not None for part in self._partial_works) > 1:
            yield "mask", "mask, outpaint and upscale exclude each other"
        if self.outpaint is not None:
            left, top, right, bottom = self.outpaint.margins
            if left + right >= self.width or top + bottom >= self.height:
                yield "outpaint", "leaves no room for the picture to start from"
        if len({control.kind for control in self.controls}) > 1:
            yield "controls", "ControlNets and T2I adapters exclude each other"
        yield from self._parts_without_place()

    def _parts_without_place(self) -> Problems:
        if self.upscale is not None:
            for name in ("controls", "refiner"):
                if getattr(self, name):
                    yield name, "has no place where a picture is made tile by tile"
        if self.regions and any(part is not None for part in self._partial_works):
            yield "regions", "are for pictures that are made as a whole"

    def _fields_out_of_place(self) -> Iterator[str]:
        of_starts = ("mask", "outpaint", "upscale")
        of_nothing = ("high_res", "variation")
        for name in of_starts if self.init_image is None else of_nothing:
            if getattr(self, name) is not None:
                yield name

    def needs(self) -> Iterator[tuple[Capability, str]]:
        """Yield what a family must be able to do for this, each with the field that asks for it."""
        for capability, field_name, asked in (
            (Capability.INPAINT, "mask", self.mask is not None),
            (Capability.OUTPAINT, "outpaint", self.outpaint is not None),
            (Capability.UPSCALE, "upscale", self.is_refined_upscale),
            (Capability.HIGH_RES, "high_res", self.high_res is not None),
            (Capability.VARIATIONS, "variation", self.variation is not None),
            (Capability.LORA, "loras", bool(self.loras)),
            (Capability.EMBEDDINGS, "embeddings", bool(self.embeddings)),
            (Capability.CONTROLNET, "controls", self._has_control(ControlKind.CONTROLNET)),
            (Capability.T2I_ADAPTER, "controls", self._has_control(ControlKind.T2I_ADAPTER)),
            (Capability.IP_ADAPTER, "image_prompt", self.image_prompt is not None),
            (Capability.REFERENCES, "references", bool(self.references)),
            (Capability.REGIONS, "regions", bool(self.regions)),
            (Capability.NEGATIVE_PROMPT, "negative_prompt", bool(self.negative_prompt)),
            (Capability.CLIP_SKIP, "clip_skip", self.clip_skip > 0),
            (Capability.VAE, "vae", self.vae is not None),
            (Capability.SEAMLESS, "seamless", bool(self.seamless)),
            (Capability.REFINER, "refiner", self.refiner is not None),
        ):
            if asked:
                yield capability, field_name
        if self.init_image is None and not self.references:
            yield Capability.TXT2IMG, "init_image"
        elif self.starts_from_the_whole:
            yield Capability.IMG2IMG, "init_image"

    def check(self, facts: FamilyFacts) -> None:
        """Do nothing if a family can do this.

        Raises:
            InvalidRequest: what it lacks, by field, with the reason.
        """
        problems = {
            field_name: f"{facts.name} cannot do this: {facts.lacks[capability]}"
            for capability, field_name in self.needs()
            if capability in facts.lacks
        }
        if self.scheduler not in facts.schedulers:
            problems["scheduler"] = f"{facts.name} knows {', '.join(facts.schedulers)} alone"
        for name, most in facts.limits.items():
            if self._count(name) > most:
                problems.setdefault(name, f"must be at most {most} for {facts.name}")
        for name, size in (("width", self.width), ("height", self.height)):
            if size % facts.size_multiple:
                problems[name] = f"must be a multiple of {facts.size_multiple}"
        if problems:
            raise InvalidRequest(problems)

    def _count(self, field_name: str) -> int:
        if field_name == "image_prompt":
            return 0 if self.image_prompt is None else len(self.image_prompt.images)
        return len(getattr(self, field_name))

    def _has_control(self, kind: ControlKind) -> bool:
        return any(control.kind is kind for control in self.controls)

    @property
    def starts_from_the_whole(self) -> bool:
        """Whether all of the start picture may change (img2img)."""
        return self.init_image is not None and all(part is None for part in self._partial_works)

    @property
    def _partial_works(self) -> tuple[object, ...]:
        return (self.mask, self.outpaint, self.upscale)

    @property
    def is_refined_upscale(self) -> bool:
        return self.upscale is not None and self.upscale.strength > 0

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
    def is_plain(self) -> bool:
        """Whether others' pictures may be made beside these: nothing changes the model for it."""
        return not (
            self.loras
            or self.embeddings
            or self.controls
            or self.references
            or self.regions
            or self.seamless
            or self.clip_skip
            or any(
                part is not None
                for part in (
                    *(self.mask, self.outpaint, self.upscale, self.high_res, self.variation),
                    *(self.image_prompt, self.vae, self.refiner),
                )
            )
        )

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
            None if self.is_plain else id(self),
        )

    @property
    def seeds(self) -> tuple[int, ...]:
        return tuple((self.seed + index) % SEED_COUNT for index in range(self.num_images))


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSource:
    """Say where a model lies: a directory in the layout of its family.

    A file of its name's own in it, `weights.safetensors`, is a single-file checkpoint beside the
    configurations and tokenizers that were stored when it was installed. `memory_map` is False
    on network file systems, which serve page faults one at a time. `sha256` is of the weights.
    """

    key: str
    path: Path
    base: str = "sd-1.5-class"
    placement: Placement = field(default_factory=Placement)
    memory_map: bool = True
    sha256: str = ""


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
    `flagged` says of each picture whether the safety checker objects; empty if none was asked.
    """

    images: tuple[Image.Image, ...]
    seeds: tuple[int, ...]
    compute_seconds: float
    model_load_seconds: float
    device: str
    library_versions: Mapping[str, str]
    memory_saved: bool = False
    pass_pictures: int = 1
    flagged: tuple[bool, ...] = ()


OnStep = Callable[[StepProgress], None]
IsCancelled = Callable[[], bool]


class Phase(StrEnum):
    """What a pass does one after the other; the last two once for each call of a pipeline."""

    LOAD = "load"
    DENOISE = "denoise"
    DECODE = "decode"


# The phase, when it began and when it ended, in nanoseconds since 1970.
OnPhase = Callable[[Phase, int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class PassMember:
    """One of the requests that share a forward pass, and who hears of it.

    `on_end` is given the result or the error, as soon as it is known; it must not raise.
    """

    request: GenerationRequest
    on_step: OnStep | None = None
    is_cancelled: IsCancelled | None = None
    on_end: Callable[[GenerationResult | Exception], None] | None = None
    on_phase: OnPhase | None = None


def _size_problem(value: object) -> str | None:
    if problem := whole_number_problem(value, least=MIN_SIZE, most=MAX_SIZE):
        return problem
    if isinstance(value, int) and value % SIZE_MULTIPLE:
        return f"must be a multiple of {SIZE_MULTIPLE}"
    return None
