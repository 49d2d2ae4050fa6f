"""Nodes of numbers, sizes and seeds."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from gpu_tasks.nodes.declaring import (
    MAX_NUMBER,
    MAX_SEED,
    MAX_SIDE,
    MAX_WHOLE,
    Category,
    Input,
    Node,
    Output,
    Values,
)
from gpu_tasks.nodes.problems import WrongValue
from gpu_tasks.nodes.values import Outline, ValueType

_NUMBER: Final = Output("number", "Number", ValueType.NUMBER)
_INTEGER: Final = Output("integer", "Whole number", ValueType.INTEGER)


class _NumberNode(Node):
    category = Category.NUMBER


class WholeNumber(_NumberNode):
    type = "integer"
    title = "Whole number"
    description = "A whole number to use in several places."
    inputs = (Input("value", "Value", ValueType.INTEGER, 1),)
    outputs = (_INTEGER,)

    def fold(self, values: Values) -> dict[str, Any]:
        return {"integer": values["value"]}


class Number(_NumberNode):
    type = "number"
    title = "Number"
    description = "A number to use in several places."
    inputs = (Input("value", "Value", ValueType.NUMBER, 1.0, step=0.1),)
    outputs = (_NUMBER,)

    def fold(self, values: Values) -> dict[str, Any]:
        return {"number": values["value"]}


def _divide(first: float, second: float) -> float:
    if second == 0:
        raise WrongValue("division_by_zero", at="b")
    return first / second


def _remainder(first: float, second: float) -> float:
    if second == 0:
        raise WrongValue("division_by_zero", at="b")
    # With the sign of the second, as in Python.
    return first % second


def _power(first: float, second: float) -> float:
    if first == 0 and second < 0:
        raise WrongValue("division_by_zero", at="b")
    if first < 0 and not second.is_integer():
        raise WrongValue("not_real", at="b")
    try:
        return math.pow(first, second)
    except OverflowError:
        raise WrongValue("overflow") from None


class Math(_NumberNode):
    type = "math"
    title = "Calculate"
    description = "Calculates with two numbers."
    inputs = (
        Input("a", "A", ValueType.NUMBER, 0.0, step=0.1),
        Input(
            "operation",
            "Operation",
            ValueType.CHOICE,
            "add",
            choices={
                "add": "A + B",
                "subtract": "A − B",
                "multiply": "A × B",
                "divide": "A ÷ B",
                "remainder": "Remainder of A ÷ B",
                "power": "A to the power of B",
                "minimum": "The smaller one",
                "maximum": "The larger one",
            },
        ),
        Input("b", "B", ValueType.NUMBER, 0.0, step=0.1),
    )
    outputs = (_NUMBER,)

    def fold(self, values: Values) -> dict[str, Any]:
        result = _OPERATIONS[values["operation"]](values["a"], values["b"])
        if not -MAX_NUMBER <= result <= MAX_NUMBER:
            raise WrongValue("overflow")
        return {"number": result}


_OPERATIONS: Final[Mapping[str, Callable[[float, float], float]]] = MappingProxyType(
    {
        "add": lambda a, b: a + b,
        "subtract": lambda a, b: a - b,
        "multiply": lambda a, b: a * b,
        "divide": _divide,
        "remainder": _remainder,
        "power": _power,
        "minimum": min,
        "maximum": max,
    }
)


class RoundNumber(_NumberNode):
    type = "round_number"
    title = "Round"
    description = "Makes a whole number of a number, a multiple of another if wanted."
    inputs = (
        Input("number", "Number", ValueType.NUMBER),
        Input(
            "direction",
            "Direction",
            ValueType.CHOICE,
            "nearest",
            choices={"nearest": "To the nearest", "down": "Always down", "up": "Always up"},
        ),
        Input("multiple", "Multiple of", ValueType.INTEGER, 1, least=1, most=4096),
    )
    outputs = (_INTEGER,)

    def fold(self, values: Values) -> dict[str, Any]:
        multiple = values["multiple"]
        parts = values["number"] / multiple
        # Halves go up, as people expect, not to the even number.
        whole = {
            "nearest": lambda: math.floor(parts + 0.5),
            "down": lambda: math.floor(parts),
            "up": lambda: math.ceil(parts),
        }[values["direction"]]()
        if abs(whole * multiple) > MAX_WHOLE:
            raise WrongValue("overflow")
        return {"integer": whole * multiple}


_RATIOS: Final = ("1:1", "4:3", "3:4", "3:2", "2:3", "16:9", "9:16", "21:9", "9:21")


class Size(_NumberNode):
    type = "size"
    title = "Size"
    description = "Width and height of an aspect ratio that have about the pixels of a square."
    inputs = (
        Input(
            "ratio",
            "Aspect ratio",
            ValueType.CHOICE,
            "1:1",
            choices={ratio: ratio for ratio in _RATIOS},
        ),
        Input("square", "Side of the square", ValueType.INTEGER, 512, least=64, most=2048),
        Input("multiple", "Multiple of", ValueType.INTEGER, 8, least=1, most=64),
    )
    outputs = (
        Output("width", "Width", ValueType.INTEGER),
        Output("height", "Height", ValueType.INTEGER),
    )

    def fold(self, values: Values) -> dict[str, Any]:
        across, down = map(int, values["ratio"].split(":"))
        factor = math.sqrt(across / down)
        return {
            name: self._side(values["square"] * part, values["multiple"])
            for name, part in (("width", factor), ("height", 1 / factor))
        }

    @staticmethod
    def _side(pixels: float, multiple: int) -> int:
        side = math.floor(pixels / multiple + 0.5) * multiple
        return min(max(side, multiple), MAX_SIDE // multiple * multiple)


class Seed(_NumberNode):
    type = "seed"
    title = "Seed"
    description = "The same seed gives the same picture; without one it is drawn anew for each run."
    inputs = (
        Input("seed", "Seed", ValueType.SEED, None),
        Input(
            "offset",
            "Offset",
            ValueType.INTEGER,
            0,
            "Is added to the seed, which begins again at 0 after the last one.",
            least=-MAX_SEED,
            most=MAX_SEED,
        ),
    )
    outputs = (Output("seed", "Seed", ValueType.SEED),)

    def fold(self, values: Values) -> dict[str, Any]:
        return {"seed": (values["seed"] + values["offset"]) % (MAX_SEED + 1)}


class PictureSize(_NumberNode):
    type = "picture_size"
    title = "Size of pictures"
    description = "Tells width and height of pictures, and how many they are."
    inputs = (Input("picture", "Picture", ValueType.PICTURE),)
    outputs = (
        Output("width", "Width", ValueType.INTEGER),
        Output("height", "Height", ValueType.INTEGER),
        Output("count", "Number of pictures", ValueType.INTEGER),
    )

    def fold(self, values: Values) -> dict[str, Any]:
        outline: Outline = values["picture"]
        return {"width": outline.width, "height": outline.height, "count": outline.count}


NODES: Final = (
    WholeNumber(),
    Number(),
    Math(),
    RoundNumber(),
    Size(),
    Seed(),
    PictureSize(),
)
