"""Nodes of masks: what is white is chosen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Final

from gpu_tasks.nodes.batching import (
    MASK,
    MASK_OUT,
    PICTURE,
    PICTURE_OUT,
    EachNode,
    count_problems,
    one_by_one,
    pair,
    size_problems,
)
from gpu_tasks.nodes.declaring import MAX_SIDE, Category, Input, Node, NodeContext, Values
from gpu_tasks.nodes.problems import Code, Problem
from gpu_tasks.nodes.values import Outline, ValueType

if TYPE_CHECKING:
    from PIL.Image import Image

    Change = Callable[[Image], Image]


def _level(name: str, title: str, default: int) -> Input:
    return Input(name, title, ValueType.INTEGER, default, least=0, most=255, widget="slider")


class _EachMask(EachNode):
    category = Category.MASK
    inputs: ClassVar[tuple[Input, ...]] = (MASK,)
    outputs = (MASK_OUT,)
    seconds_per_megapixel = 0.02


class MaskFromBrightness(_EachMask):
    type = "mask_from_brightness"
    title = "Mask from brightness"
    description = "Chooses what is bright, more and more from one level to another."
    inputs = (PICTURE, _level("low", "Nothing below", 0), _level("high", "All from", 255))

    def check(self, values: Values) -> Iterator[Problem]:
        if values["low"] > values["high"]:
            yield Problem(Code.BAD_VALUE, input="low", reason="low_above_high")

    def changer(self, values: Values) -> Change:
        from gpu_tasks.nodes.pixels.masks import from_brightness

        return partial(from_brightness, low=values["low"], high=values["high"])


class MaskFromColour(_EachMask):
    type = "mask_from_colour"
    title = "Mask from colour"
    description = "Chooses what has about one colour."
    inputs = (
        PICTURE,
        Input("colour", "Colour", ValueType.COLOUR, "#ffffff"),
        _level("tolerance", "Tolerance", 32),
    )
    seconds_per_megapixel = 0.08

    def changer(self, values: Values) -> Change:
        from gpu_tasks.nodes.pixels.masks import from_colour

        return partial(from_colour, colour=values["colour"], tolerance=values["tolerance"])


class MaskShape(Node):
    type = "mask_shape"
    title = "Mask of a shape"
    description = "Draws a shape between four edges, each told as a part of the side."
    category = Category.MASK
    inputs = (
        Input("width", "Width", ValueType.INTEGER, 512, least=1, most=MAX_SIDE),
        Input("height", "Height", ValueType.INTEGER, 512, least=1, most=MAX_SIDE),
        Input(
            "shape",
            "Shape",
            ValueType.CHOICE,
            "rectangle",
            choices={
                "rectangle": "Rectangle",
                "ellipse": "Ellipse",
                "gradient_right": "Gradient to the right",
                "gradient_down": "Gradient downwards",
            },
        ),
        *(
            Input(
                name,
                title,
                ValueType.NUMBER,
                default,
                least=0.0,
                most=1.0,
                step=0.05,
                widget="slider",
            )
            for name, title, default in (
                ("left", "Left", 0.25),
                ("top", "Top", 0.25),
                ("right", "Right", 0.75),
                ("bottom", "Bottom", 0.75),
            )
        ),
    )
    outputs = (MASK_OUT,)
    seconds_per_megapixel = 0.02

    def check(self, values: Values) -> Iterator[Problem]:
        for least, most in (("left", "right"), ("top", "bottom")):
            if values[least] >= values[most]:
                yield Problem(Code.BAD_VALUE, input=least, reason="start_after_end")

    def outline(self, values: Values) -> dict[str, Outline]:
        return {"mask": Outline(1, values["width"], values["height"])}

    def run(self, values: Values, context: NodeContext) -> dict[str, Any]:
        from gpu_tasks.nodes.pixels.masks import draw_shape

        del context
        box = (values["left"], values["top"], values["right"], values["bottom"])
        size = (values["width"], values["height"])
        return {"mask": (draw_shape(size, shape=values["shape"], box=box),)}


class GrowMask(_EachMask):
    type = "grow_mask"
    title = "Grow mask"
    description = "Makes masks wider on all sides; below 0 narrower."
    inputs = (MASK, Input("amount", "Pixels", ValueType.INTEGER, 8, least=-256, most=256))
    seconds_per_megapixel = 0.04
    seconds_per_picture = 0.0005

    def changer(self, values: Values) -> Change:
        from gpu_tasks.nodes.pixels.masks import grow

        return partial(grow, amount=values["amount"])


class FeatherMask(_EachMask):
    type = "feather_mask"
    title = "Feather mask"
    description = "Makes the edges of masks soft."
    inputs = (
        MASK,
        Input("radius", "Radius", ValueType.NUMBER, 8.0, least=0.0, most=128.0, step=0.5),
    )
    seconds_per_megapixel = 0.02
    # As of `Blur`.
    seconds_per_picture = 0.008

    def changer(self, values: Values) -> Change:
        from gpu_tasks.nodes.pixels.smoothing import blur

        return partial(blur, radius=values["radius"])


class InvertMask(_EachMask):
    type = "invert_mask"
    title = "Invert mask"
    description = "Chooses what was not chosen."

    def changer(self, values: Values) -> Change:
        from gpu_tasks.nodes.pixels.tones import invert

        del values
        return invert


class CombineMasks(Node):
    type = "combine_masks"
    title = "Combine masks"
    description = "Makes one mask of two of one size."
    category = Category.MASK
    inputs = (
        Input("first", "First", ValueType.MASK),
        Input("second", "Second", ValueType.MASK),
        Input(
            "operation",
            "Operation",
            ValueType.CHOICE,
            "union",
            choices={
                "union": "In either",
                "intersection": "In both",
                "difference": "In the first alone",
                "exclusion": "In just one of them",
            },
        ),
    )
    outputs = (MASK_OUT,)
    seconds_per_megapixel = 0.02

    def check(self, values: Values) -> Iterator[Problem]:
        yield from size_problems(values["first"], values["second"], at="second")
        yield from count_problems(values["first"], values["second"], at="second")

    def outline(self, values: Values) -> dict[str, Outline]:
        first: Outline = values["first"]
        return {"mask": Outline(max(first.count, values["second"].count), *first.size)}

    def run(self, values: Values, context: NodeContext) -> dict[str, Any]:
        from gpu_tasks.nodes.pixels.masks import combine

        both = one_by_one(pair(values["first"], values["second"]), context)
        return {
            "mask": tuple(
                combine(first, second, operation=values["operation"]) for first, second in both
            )
        }


class MaskToPicture(_EachMask):
    type = "mask_to_picture"
    title = "Mask to picture"
    description = "Shows masks as pictures in black and white."
    outputs = (PICTURE_OUT,)

    def changer(self, values: Values) -> Change:
        del values
        return lambda mask: mask.convert("RGB")


NODES: Final = (
    MaskShape(),
    MaskFromBrightness(),
    MaskFromColour(),
    GrowMask(),
    FeatherMask(),
    InvertMask(),
    CombineMasks(),
    MaskToPicture(),
)
