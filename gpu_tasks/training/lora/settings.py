"""What a training is told, free of torch."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final

from PIL import Image

from gpu_tasks.engine.errors import InvalidRequest
from gpu_tasks.engine.limits import number_problem, text_problem, whole_number_problem
from gpu_tasks.engine.request import SEED_COUNT, SIZE_MULTIPLE

MAX_RANK: Final = 256
MAX_ALPHA: Final = 1024
MAX_STEPS: Final = 20_000
MAX_BATCH: Final = 16
MIN_RESOLUTION: Final = 64
MAX_RESOLUTION: Final = 2048
MAX_TRIGGER: Final = 100
MAX_CAPTION: Final = 2000
MAX_IMAGES: Final = 200
MAX_SAMPLE_PROMPTS: Final = 8

_WHOLE: Final = {
    "rank": (1, MAX_RANK),
    "alpha": (1, MAX_ALPHA),
    "steps": (1, MAX_STEPS),
    "batch_size": (1, MAX_BATCH),
    "resolution": (MIN_RESOLUTION, MAX_RESOLUTION),
    "seed": (0, SEED_COUNT - 1),
    "warmup_steps": (0, MAX_STEPS),
    "save_every": (1, MAX_STEPS),
    "sample_every": (0, MAX_STEPS),
    "sample_steps": (1, 100),
}
_NUMBERS: Final = {
    "learning_rate": (1e-8, 0.1),
    "weight_decay": (0.0, 1.0),
    "gradient_limit": (1e-3, 1000.0),
    "min_snr_gamma": (0.0, 100.0),
    "caption_dropout": (0.0, 1.0),
    "preservation": (0.0, 10.0),
    "sample_guidance": (0.0, 30.0),
}
_FLAGS: Final = ("trains_convolutions", "trains_text_encoder", "flip")


class RateSchedule(StrEnum):
    """What the learning rate does after the warm-up."""

    CONSTANT = "constant"
    # Falls to nothing at the last step.
    COSINE = "cosine"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSettings:
    """Say how a LoRA is trained; raise InvalidRequest that names every wrong field.

    `trigger` is put before each caption that lacks it, so that the LoRA answers to it. Attention
    is trained always; the convolutions between, where colours and strokes are made, on demand.
    `resolution` is the side of the squares that pictures are cropped to, in pixels. The learning
    rate rises over `warmup_steps`. `min_snr_gamma` 0 weighs all noise alike. `caption_dropout` is
    the part of the captions that are left empty. `preservation` weighs how closely the model has
    to stay by its former self where the trigger is not said, 0 not at all; it doubles the time.
    Every `sample_every` steps (0: never) each of `sample_prompts` is made into a picture, with
    the seed of the training, and every `save_every` there is a checkpoint.
    """

    trigger: str = ""
    rank: int = 16
    alpha: int = 16
    trains_convolutions: bool = False
    trains_text_encoder: bool = False
    learning_rate: float = 1e-4
    schedule: RateSchedule = RateSchedule.CONSTANT
    warmup_steps: int = 0
    weight_decay: float = 0.01
    gradient_limit: float = 1.0
    steps: int = 1000
    batch_size: int = 1
    resolution: int = 512
    seed: int = 0
    min_snr_gamma: float = 5.0
    caption_dropout: float = 0.0
    preservation: float = 0.0
    flip: bool = False
    save_every: int = 250
    sample_every: int = 0
    sample_prompts: tuple[str, ...] = ()
    sample_steps: int = 20
    sample_guidance: float = 5.0

    def __post_init__(self) -> None:
        problems = {
            name: whole_number_problem(getattr(self, name), least=least, most=most)
            for name, (least, most) in _WHOLE.items()
        }
        problems |= {
            name: number_problem(getattr(self, name), least=lowest, most=highest)
            for name, (lowest, highest) in _NUMBERS.items()
        }
        problems |= {
            name: None if isinstance(getattr(self, name), bool) else "must be true or false"
            for name in _FLAGS
        }
        problems["trigger"] = _line_problem(self.trigger, most=MAX_TRIGGER)
        problems["schedule"] = (
            None if self.schedule in set(RateSchedule) else "is not a known schedule"
        )
        problems["sample_prompts"] = _prompts_problem(self.sample_prompts)
        if problems["resolution"] is None and self.resolution % SIZE_MULTIPLE:
            problems["resolution"] = f"must be a multiple of {SIZE_MULTIPLE}"
        if problems["trigger"] is None and self.preservation and not self.trigger.strip():
            problems["preservation"] = "needs a trigger to tell what is to stay as it was"
        fields = {name: text for name, text in problems.items() if text is not None}
        if fields:
            raise InvalidRequest(fields)

    def as_dict(self) -> dict[str, Any]:
        """Return the settings as JSON has them, all of them."""
        return {**asdict(self), "sample_prompts": list(self.sample_prompts)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> TrainingSettings:
        """Return what `as_dict` was made of; fields that are missing take their defaults.

        Raises:
            InvalidRequest: a field is wrong, or there is none of its name.
        """
        if unknown := values.keys() - cls.__dataclass_fields__.keys():
            raise InvalidRequest(dict.fromkeys(sorted(unknown), "is not a setting"))
        prompts = values.get("sample_prompts", ())
        if isinstance(prompts, list):
            values = values | {"sample_prompts": tuple(prompts)}
        return cls(**values)


@dataclass(frozen=True, slots=True, eq=False)
class TrainingImage:
    """One picture to learn from, and what is to be seen on it."""

    picture: Image.Image
    caption: str = ""


def caption_problem(caption: object) -> str | None:
    """Say what is wrong with a caption, if anything is."""
    if problem := text_problem(caption):
        return problem
    if len(str(caption)) > MAX_CAPTION:
        return f"must have at most {MAX_CAPTION} characters"
    return None


def _prompts_problem(value: object) -> str | None:
    if not isinstance(value, tuple):
        return "must be texts"
    if len(value) > MAX_SAMPLE_PROMPTS:
        return f"must be at most {MAX_SAMPLE_PROMPTS}"
    return next((problem for text in value if (problem := text_problem(text))), None)


def _line_problem(value: object, *, most: int) -> str | None:
    if problem := text_problem(value):
        return problem
    text = str(value)
    if len(text) > most:
        return f"must have at most {most} characters"
    if not text.isprintable():
        return "must be one line of text"
    return None
