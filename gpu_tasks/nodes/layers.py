"""Nodes that lay one picture on another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from gpu_tasks.nodes.batching import PICTURE_OUT, count_problems, one_by_one, pair, size_problems
from gpu_tasks.nodes.declaring import MAX_SIDE, Category, Input, Node, NodeContext, Values
from gpu_tasks.nodes.problems import Problem
from gpu_tasks.nodes.values import Outline, ValueType


class Blend(Node):
    type = "blend"
    title = "Blend pictures"
    description = "Mixes two pictures of one size."
    category = Category.PICTURE
    inputs = (
        Input("first", "First", ValueType.PICTURE),
        Input("second", "Second", ValueType.PICTURE),
        Input(
            "mode",
            "Mode",
            ValueType.CHOICE,
            "normal",
            choices={
                "normal": "Normal",
                "multiply": "Multiply",
                "screen": "Screen",
                "overlay": "Overlay",
                "add": "Addition",
                "difference": "Difference",
                "darken": "Darken",
                "lighten": "Lighten",
            },
        ),
        Input(
            "amount",
            "Share of the second",
            ValueType.NUMBER,
            0.5,
            least=0.0,
            most=1.0,
            step=0.05,
            widget="slider",
        ),
    )
    outputs = (PICTURE_OUT,)
    seconds_per_megapixel = 0.04

    def check(self, values: Values) -> Iterator[Problem]:
        yield from size_problems(values["first"], values["second"], at="second")
        yield from count_problems(values["first"], values["second"], at="second")

    def outline(self, values: Values) -> dict[str, Outline]:
        first: Outline = values["first"]
        return {"picture": Outline(max(first.count, values["second"].count), *first.size)}

    def run(self, values: Values, context: NodeContext) -> dict[str, Any]:
        from gpu_tasks.nodes.pixels.tones import blend

        both = one_by_one(pair(values["first"], values["second"]), context)
        return {
            "picture": tuple(
                blend(first, second, mode=values["mode"], amount=values["amount"])
                for first, second in both
            )
        }


class Paste(Node):
    type = "paste"
    title = "Paste"
    description = "Lays a picture on another, only where a mask is white if there is one."
    category = Category.PICTURE
    inputs = (
        Input("ground", "Below", ValueType.PICTURE),
        Input("picture", "Above", ValueType.PICTURE),
        Input("mask", "Mask", ValueType.MASK, None, "As large as the picture above."),
        Input("x", "From the left", ValueType.INTEGER, 0, least=-MAX_SIDE, most=MAX_SIDE),
        Input("y", "From the top", ValueType.INTEGER, 0, least=-MAX_SIDE, most=MAX_SIDE),
    )
    outputs = (PICTURE_OUT,)
    seconds_per_megapixel = 0.02

    def check(self, values: Values) -> Iterator[Problem]:
        ground, picture, mask = values["ground"], values["picture"], values["mask"]
        yield from count_problems(ground, picture, at="picture")
        if mask is not None:
            yield from size_problems(picture, mask, at="mask")
            yield from count_problems(self._both(values), mask, at="mask")

    def outline(self, values: Values) -> dict[str, Outline]:
        mask: Outline | None = values["mask"]
        count = max(self._both(values).count, 0 if mask is None else mask.count)
        return {"picture": Outline(count, *values["ground"].size)}

    def run(self, values: Values, context: NodeContext) -> dict[str, Any]:
        from gpu_tasks.nodes.pixels.places import paste

        both = tuple(pair(values["ground"], values["picture"]))
        masked = one_by_one(pair(both, values["mask"] or (None,)), context)
        return {
            "picture": tuple(
                paste(ground, picture, mask, x=values["x"], y=values["y"])
                for (ground, picture), mask in masked
            )
        }

    @staticmethod
    def _both(values: Values) -> Outline:
        ground: Outline = values["ground"]
        return Outline(max(ground.count, values["picture"].count), *ground.size)


NODES: Final = (Blend(), Paste())
