"""Nodes of models and of what changes or guides them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from gpu_tasks.engine.control.names import PREPROCESSOR_NAMES, complete_parameters
from gpu_tasks.engine.errors import InvalidRequest
from gpu_tasks.engine.guides import MAX_CONTROLS, MAX_LORAS
from gpu_tasks.engine.request import MAX_CLIP_SKIP
from gpu_tasks.nodes.declaring import Category, Input, Node, NodeContext, Output, Values
from gpu_tasks.nodes.problems import Code, Problem
from gpu_tasks.nodes.values import (
    ControlValue,
    LoraValue,
    ModelFacts,
    ModelValue,
    Outline,
    ValueType,
)

_NUMBER: Final = re.compile(r"\s*([a-z]{1,20})\s*=\s*(\d{1,10}(?:\.\d{1,10})?)\s*", re.ASCII)
_MODEL: Final = Input("model", "Model", ValueType.MODEL)


class _ModelNode(Node):
    category = Category.MODEL
    outputs = (Output("model", "Model", ValueType.MODEL),)


class Model(_ModelNode):
    type = "model"
    title = "Model"
    description = "The model that makes the pictures."
    inputs = (Input("key", "Model", ValueType.MODEL_KEY, kinds=("main",)),)

    def fold(self, values: Values) -> dict[str, Any]:
        facts: ModelFacts = values["key"]
        model = ModelValue(key=facts.key, base=facts.base, width=facts.width, height=facts.height)
        return {"model": model}


class Lora(_ModelNode):
    type = "lora"
    title = "LoRA"
    description = "Adds a LoRA to a model; several are put one after another."
    inputs = (
        _MODEL,
        Input("key", "LoRA", ValueType.MODEL_KEY, kinds=("lora",)),
        Input(
            "weight",
            "Weight",
            ValueType.NUMBER,
            1.0,
            "How much of it; below 0 its opposite.",
            least=-4.0,
            most=4.0,
            step=0.05,
            widget="slider",
        ),
    )

    def check(self, values: Values) -> Iterator[Problem]:
        model: ModelValue = values["model"]
        if any(lora.key == values["key"].key for lora in model.loras):
            yield Problem(Code.BAD_VALUE, input="key", reason="lora_twice")
        elif len(model.loras) >= MAX_LORAS:
            yield Problem(
                Code.BAD_VALUE, input="key", reason="too_many", values={"most": MAX_LORAS}
            )

    def fold(self, values: Values) -> dict[str, Any]:
        model: ModelValue = values["model"]
        added = LoraValue(values["key"].key, values["weight"])
        return {"model": replace(model, loras=(*model.loras, added))}


class Vae(_ModelNode):
    type = "vae"
    title = "VAE"
    description = "Has a model's pictures decoded by another VAE."
    inputs = (_MODEL, Input("key", "VAE", ValueType.MODEL_KEY, kinds=("vae",)))

    def fold(self, values: Values) -> dict[str, Any]:
        return {"model": replace(values["model"], vae=values["key"].key)}


class ClipSkip(_ModelNode):
    type = "clip_skip"
    title = "CLIP skip"
    description = "Leaves out the last layers of the text encoder."
    inputs = (
        _MODEL,
        Input("layers", "Layers", ValueType.INTEGER, 1, least=0, most=MAX_CLIP_SKIP),
    )

    def fold(self, values: Values) -> dict[str, Any]:
        return {"model": replace(values["model"], clip_skip=values["layers"])}


class Seamless(_ModelNode):
    type = "seamless"
    title = "Seamless"
    description = "Makes pictures that can be laid side by side with themselves."
    inputs = (
        _MODEL,
        Input("x", "Side by side", ValueType.FLAG, default=True),
        Input("y", "One above another", ValueType.FLAG, default=True),
    )

    def fold(self, values: Values) -> dict[str, Any]:
        axes = tuple(axis for axis in ("x", "y") if values[axis])
        return {"model": replace(values["model"], seamless=axes)}


class Control(Node):
    type = "control"
    title = "Control"
    description = "Guides a generation by a picture, with a ControlNet or a T2I adapter."
    category = Category.MODEL
    inputs = (
        Input("picture", "Picture", ValueType.PICTURE),
        Input("key", "ControlNet", ValueType.MODEL_KEY, kinds=("controlnet", "t2i_adapter")),
        Input(
            "preprocessor",
            "Preprocessor",
            ValueType.CHOICE,
            "none",
            choices={key: one.name for key, one in PREPROCESSOR_NAMES.items()},
        ),
        Input(
            "numbers",
            "Numbers of the preprocessor",
            ValueType.TEXT,
            "",
            "Like low=50, high=120; the usual ones if it is empty.",
            max_length=200,
        ),
        Input(
            "weight",
            "Weight",
            ValueType.NUMBER,
            1.0,
            least=0.0,
            most=2.0,
            step=0.05,
            widget="slider",
        ),
        Input(
            "start",
            "Start",
            ValueType.NUMBER,
            0.0,
            "From which part of the steps it works.",
            least=0.0,
            most=1.0,
            step=0.05,
            widget="slider",
        ),
        Input(
            "end",
            "End",
            ValueType.NUMBER,
            1.0,
            "Until which part of the steps it works.",
            least=0.0,
            most=1.0,
            step=0.05,
            widget="slider",
        ),
        Input("control", "More control", ValueType.CONTROL, None, "Others that work with it."),
    )
    outputs = (Output("control", "Control", ValueType.CONTROL),)

    def check(self, values: Values) -> Iterator[Problem]:
        outline: Outline = values["picture"]
        if outline.count != 1:
            yield Problem(Code.BAD_VALUE, input="picture", reason="one_picture")
        if values["start"] >= values["end"]:
            yield Problem(Code.BAD_VALUE, input="start", reason="start_after_end")
        if len(values["control"] or ()) >= MAX_CONTROLS:
            yield Problem(
                Code.BAD_VALUE, input="control", reason="too_many", values={"most": MAX_CONTROLS}
            )
        if _numbers_of(values) is None:
            known = PREPROCESSOR_NAMES[values["preprocessor"]].parameters
            names = ", ".join(f"{key} ({one.least:g}–{one.most:g})" for key, one in known.items())
            yield Problem(
                Code.BAD_VALUE,
                input="numbers",
                reason="bad_numbers",
                values={"names": names or "–"},
            )

    def fold(self, values: Values) -> dict[str, Any]:
        return {"control": self._control(values, values["picture"])}

    def run(self, values: Values, context: NodeContext) -> dict[str, Any]:
        del context
        return {"control": self._control(values, values["picture"][0])}

    @staticmethod
    def _control(values: Values, picture: Any) -> tuple[ControlValue, ...]:
        facts: ModelFacts = values["key"]
        added = ControlValue(
            model=facts.key,
            kind=facts.kind,
            picture=picture,
            preprocessor=values["preprocessor"],
            parameters=_numbers_of(values) or {},
            weight=values["weight"],
            start=values["start"],
            end=values["end"],
        )
        return (*(values["control"] or ()), added)


def _numbers_of(values: Values) -> dict[str, float] | None:
    """Return the numbers for a preprocessor by name, None if they cannot be read or are none."""
    parameters: dict[str, float] = {}
    for part in filter(str.strip, values["numbers"].split(",")):
        found = _NUMBER.fullmatch(part)
        if found is None or found[1] in parameters:
            return None
        number = float(found[2])
        parameters[found[1]] = int(number) if number.is_integer() else number
    try:
        complete_parameters(values["preprocessor"], parameters)
    except InvalidRequest:
        return None
    return parameters


NODES: Final = (
    Model(),
    Lora(),
    Vae(),
    ClipSkip(),
    Seamless(),
    Control(),
)
