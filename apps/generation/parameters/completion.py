"""Fill in what was left open, and refuse what cannot be done."""

import secrets
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from apps.catalog import limits
from apps.catalog.models import GenerationModel
from apps.core.errors import Invalid
from apps.generation.parameters.add_ons import default_token
from apps.generation.parameters.checks import find_problems
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
from apps.generation.parameters.settings import GenerationParameters
from gpu_tasks.providers.facts import PROVIDER_FACTS

DEFAULT_STRENGTH = 0.7

Values = Mapping[str, Any]
AddOns = Mapping[str, GenerationModel]


def complete_parameters(
    *,
    model: GenerationModel,
    add_ons: AddOns | None = None,
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
    **guides: Any,
) -> GenerationParameters:
    """Fill what was left open with the model's defaults and a random seed, and check the whole.

    `guides` are the parts beside these, as their request serializers give them; `add_ons` are the
    models that they name and the user may use, by key (`find_add_ons`).

    Raises:
        Invalid: values the model cannot work with, each named with its limits.
    """
    known = add_ons or {}
    takes_strength = model.base not in PROVIDER_FACTS or PROVIDER_FACTS[model.base].has_strength
    is_start = init_image is not None and guides.get("upscale") is None
    if is_start and strength is None and takes_strength:
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
        **_guides(guides, known),
    )
    check_parameters(parameters, model=model, add_ons=known)
    return parameters


def check_parameters(
    parameters: GenerationParameters, *, model: GenerationModel, add_ons: AddOns
) -> None:
    """Do nothing if `model` can do what is asked for with `add_ons`.

    Raises:
        Invalid: what it cannot, by field.
    """
    problems = find_problems(parameters, model=model, add_ons=add_ons)
    if problems:
        raise Invalid(fields=problems)


def _guides(asked: Values, add_ons: AddOns) -> dict[str, Any]:
    def one(name: str, part: Any) -> Any:
        values = asked.get(name)
        return None if values is None else part(**_without_ids(values))

    def many(name: str, part: Any) -> tuple[Any, ...]:
        return tuple(part(**_without_ids(values)) for values in asked.get(name) or ())

    return {
        "mask": one("mask", MaskPart),
        "outpaint": one("outpaint", OutpaintPart),
        "upscale": one("upscale", UpscalePart),
        "high_res": one("high_res", HighResPart),
        "variation": one("variation", VariationPart),
        "loras": many("loras", LoraPart),
        "embeddings": tuple(_embedding(each, add_ons) for each in asked.get("embeddings") or ()),
        "controls": tuple(_control(each, add_ons) for each in asked.get("controls") or ()),
        "image_prompt": one("image_prompt", ImagePromptPart),
        "references": tuple(str(name) for name in asked.get("references") or ()),
        "regions": many("regions", RegionPart),
        "clip_skip": asked.get("clip_skip") or 0,
        "vae": asked.get("vae"),
        "seamless": tuple(sorted(set(asked.get("seamless") or ()))),
        "refiner": one("refiner", RefinerPart),
    }


def _embedding(values: Values, add_ons: AddOns) -> EmbeddingPart:
    key = values["model"]
    model = add_ons.get(key)
    token = values.get("token") or (default_token(model) if model is not None else key)
    return EmbeddingPart(model=key, token=token)


def _control(values: Values, add_ons: AddOns) -> ControlPart:
    model = add_ons.get(values["model"])
    # A model that is not there is refused, whatever it would have been.
    kind = "controlnet" if model is None else model.kind
    own = "none" if model is None else model.preprocessor or "none"
    # JSON knows one kind of number, and some preprocessors count whole pixels.
    numbers = {
        name: int(number) if float(number).is_integer() else number
        for name, number in (values.get("parameters") or {}).items()
    }
    return ControlPart(
        **_without_ids(values)
        | {
            "kind": kind,
            "preprocessor": values.get("preprocessor") or own,
            "parameters": numbers,
        }
    )


def _without_ids(values: Values) -> dict[str, Any]:
    """Return values as JSON has them: ids as text, lists as tuples, without what was left out."""
    return {name: _bare(value) for name, value in values.items() if value is not None}


def _bare(value: Any) -> Any:
    if isinstance(value, uuid.UUID):
        return str(value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return tuple(_bare(each) for each in value)
    return value
