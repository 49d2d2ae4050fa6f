"""What a job is asked to do, checked against the model that will do it."""

import dataclasses
import secrets
import uuid
from typing import Any, Self

from django.utils.translation import gettext as _

from apps.catalog import limits
from apps.catalog.models import GenerationModel
from apps.core.errors import FieldMessages, Invalid


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

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        return cls(**values)


DEFAULT_STRENGTH = 0.7


def complete_parameters(
    *,
    model: GenerationModel,
    prompt: str,
    negative_prompt: str = "",
    width: int | None = None,
    height: int | None = None,
    steps: int | None = None,
    guidance_scale: float | None = None,
    scheduler: str | None = None,
    seed: int | None = None,
    num_images: int = 1,
    init_image: uuid.UUID | None = None,
    strength: float | None = None,
) -> GenerationParameters:
    """Fill what was left open with the model's defaults and a random seed, and check the whole.

    Raises:
        Invalid: values the model cannot work with, each named with its limits.
    """
    if init_image is not None and strength is None:
        strength = DEFAULT_STRENGTH
    parameters = GenerationParameters(
        prompt=prompt.strip(),
        negative_prompt=negative_prompt.strip(),
        width=model.default_width if width is None else width,
        height=model.default_height if height is None else height,
        steps=model.default_steps if steps is None else steps,
        guidance_scale=model.default_guidance if guidance_scale is None else guidance_scale,
        scheduler=model.default_scheduler if scheduler is None else scheduler,
        seed=secrets.randbelow(limits.MAX_SEED + 1) if seed is None else seed,
        num_images=num_images,
        init_image=None if init_image is None else str(init_image),
        strength=strength,
    )
    problems = _find_problems(parameters, model)
    if problems:
        raise Invalid(fields=problems)
    return parameters


def _find_problems(parameters: GenerationParameters, model: GenerationModel) -> FieldMessages:
    problems: FieldMessages = {}
    for name, size in (("width", parameters.width), ("height", parameters.height)):
        if size % limits.SIZE_MULTIPLE or not model.min_size <= size <= model.max_size:
            problems[name] = [
                _("Choose a multiple of %(multiple)d from %(least)d to %(most)d pixels.")
                % {
                    "multiple": limits.SIZE_MULTIPLE,
                    "least": model.min_size,
                    "most": model.max_size,
                }
            ]
    if parameters.strength is not None:
        if parameters.init_image is None:
            problems["strength"] = [_("Strength needs a picture to start from.")]
        elif int(parameters.steps * parameters.strength) < 1:
            problems["strength"] = [
                _("Strength times steps must come to at least one step; raise either.")
            ]
    return problems
