"""What nodes that ask a model have in common: their inputs, and the settings that they make."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from gpu_tasks.engine.family_facts import FAMILY_FACTS
from gpu_tasks.engine.request import MIN_SIZE
from gpu_tasks.engine.scheduler_names import SCHEDULER_NAMES
from gpu_tasks.nodes.declaring import MAX_SIDE, Input, Output, Values
from gpu_tasks.nodes.problems import Code, Problem
from gpu_tasks.nodes.values import LINKED_PICTURE, ModelValue, PromptValue, ValueType

if TYPE_CHECKING:
    from PIL.Image import Image

# The choice of no scheduler but the model's own.
OWN: Final = "own"


def whole(name: str, title: str, default: int, *, most: int) -> Input:
    """Declare a whole number from 0 to `most`."""
    return Input(name, title, ValueType.INTEGER, default, least=0, most=most)


def side(name: str, title: str, default: int | None, description: str = "") -> Input:
    """Declare a width or height that a model can make."""
    return Input(name, title, ValueType.INTEGER, default, description, MIN_SIZE, MAX_SIDE, 8)


_OWN_SIDE: Final = "Without a number the model's own."


MODEL: Final = Input("model", "Model", ValueType.MODEL)
PROMPT: Final = Input("prompt", "Prompt", ValueType.PROMPT)
CONTROL: Final = Input("control", "Control", ValueType.CONTROL, None)
SIZE: Final = (
    side("width", "Width", None, _OWN_SIDE),
    side("height", "Height", None, _OWN_SIDE),
)
STRENGTH: Final = Input(
    "strength",
    "How much may change",
    ValueType.NUMBER,
    0.7,
    "The part of the steps that is run where there is something to start from.",
    least=0.05,
    most=1.0,
    step=0.05,
    widget="slider",
)
SAMPLING: Final = (
    Input("steps", "Steps", ValueType.INTEGER, None, "Without a number the model's own.", 1, 100),
    Input(
        "guidance_scale",
        "Guidance scale",
        ValueType.NUMBER,
        None,
        "How closely the prompt is followed; without a number the model's own.",
        0.0,
        30.0,
        0.5,
    ),
    Input(
        "scheduler",
        "Scheduler",
        ValueType.CHOICE,
        OWN,
        choices={OWN: "The model's own", **SCHEDULER_NAMES},
    ),
    Input("seed", "Seed", ValueType.SEED, None),
    Input("num_images", "Pictures", ValueType.INTEGER, 1, least=1, most=4),
)
SEED_OUT: Final = Output("seed", "Seed", ValueType.SEED)

# The input that is to be put right where a field of the settings cannot be.
SETTING_FIELDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "init_image": "picture",
        "mask": "mask",
        "negative_prompt": "prompt",
        "controls": "control",
        "loras": "model",
        "vae": "model",
        "clip_skip": "model",
        "seamless": "model",
    }
)


def model_settings(model: ModelValue) -> dict[str, Any]:
    """Return the settings that a model with all that changes it stands for."""
    settings: dict[str, Any] = {"model": model.key}
    if model.loras:
        settings["loras"] = [{"model": one.key, "weight": one.weight} for one in model.loras]
    if model.vae is not None:
        settings["vae"] = model.vae
    if model.clip_skip:
        settings["clip_skip"] = model.clip_skip
    if model.seamless:
        settings["seamless"] = list(model.seamless)
    return settings


def base_settings(values: Values) -> dict[str, Any]:
    """Return the settings of a generation but for its size and its own parts."""
    prompt: PromptValue = values["prompt"]
    settings = model_settings(values["model"]) | {
        "prompt": prompt.text,
        "negative_prompt": prompt.negative,
        "seed": values["seed"],
        "num_images": values.get("num_images", 1),
    }
    for name in ("steps", "guidance_scale"):
        if values[name] is not None:
            settings[name] = values[name]
    if values["scheduler"] != OWN:
        settings["scheduler"] = values["scheduler"]
    if controls := values.get("control"):
        settings["controls"] = [
            {
                "model": one.model,
                "image": LINKED_PICTURE,
                "preprocessor": one.preprocessor,
                "parameters": dict(one.parameters),
                "weight": one.weight,
                "start": one.start,
                "end": one.end,
            }
            for one in controls
        ]
    return settings


def add_pictures(shown: Mapping[str, Image], values: Values) -> dict[str, Image]:
    """Return the pictures of a generation by field: those given, and those of controls."""
    controls = values.get("control") or ()
    return {**shown, **{f"controls.{i}.image": one.picture for i, one in enumerate(controls)}}


def chosen_size(values: Values) -> tuple[int, int]:
    """Return the width and height that were chosen, or the model's own."""
    model: ModelValue = values["model"]
    usual = FAMILY_FACTS[model.base].size
    return (
        values["width"] or model.width or usual,
        values["height"] or model.height or usual,
    )


def fit_side(side: int, values: Values) -> int:
    """Return the side that the model makes where pictures have `side` pixels, at most as many."""
    multiple = FAMILY_FACTS[values["model"].base].size_multiple
    return max(side // multiple * multiple, MIN_SIZE)


def model_problems(model: ModelValue) -> Iterator[Problem]:
    """Yield what keeps a model from being run on our own GPUs."""
    if model.base not in FAMILY_FACTS:
        yield Problem(Code.BAD_VALUE, input="model", reason="wrong_kind")


def one_picture_problems(values: Values, name: str) -> Iterator[Problem]:
    """Yield what is wrong where a single picture or mask, or none, can be taken."""
    outline = values[name]
    if outline is not None and outline.count != 1:
        yield Problem(Code.BAD_VALUE, input=name, reason="one_picture")
