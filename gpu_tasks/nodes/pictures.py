"""Nodes of pictures."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from gpu_tasks.nodes.batching import (
    PICTURE,
    PICTURE_OUT,
    EachNode,
    size_text,
)
from gpu_tasks.nodes.declaring import MAX_SIDE, Category, Input, Node, NodeContext, Values
from gpu_tasks.nodes.problems import Code, Problem
from gpu_tasks.nodes.values import Outline, ValueType

if TYPE_CHECKING:
    from PIL.Image import Image

    Change = Callable[[Image], Image]

_COLOUR: Final = Input("colour", "Colour", ValueType.COLOUR, "#ffffff")


def _side(name: str, title: str) -> Input:
    return Input(name, title, ValueType.INTEGER, 512, least=1, most=MAX_SIDE)


def _place(name: str, title: str) -> Input:
    return Input(name, title, ValueType.INTEGER, 0, least=0, most=MAX_SIDE)


def _part(name: str, title: str, default: float, *, most: float = 1.0) -> Input:
    return Input(
        name, title, ValueType.NUMBER, default, least=0.0, most=most, step=0.05, widget="slider"
    )


class _EachPicture(EachNode):
    category = Category.PICTURE
    seconds_per_megapixel = 0.02


class LoadPicture(Node):
    type = "load_picture"
    title = "Picture from the gallery"
    description = "One of your pictures."
    category = Category.PICTURE
    inputs = (Input("name", "Picture", ValueType.PICTURE_NAME),)
    outputs = (PICTURE_OUT,)

    def outline(self, values: Values) -> dict[str, Outline]:
        return {"picture": values["name"].outline}

    def run(self, values: Values, context: NodeContext) -> dict[str, Any]:
        return {"picture": (context.load_picture(values["name"].name),)}


class Resize(_EachPicture):
    type = "resize"
    title = "Resize"
    description = "Brings pictures to a size."
    inputs = (
        PICTURE,
        _side("width", "Width"),
        _side("height", "Height"),
        Input(
            "fit",
            "If the shape differs",
            ValueType.CHOICE,
            "crop",
            choices={"crop": "Cut off", "pad": "Add margins", "stretch": "Stretch"},
        ),
        Input(
            "method",
            "Method",
            ValueType.CHOICE,
            "lanczos",
            choices={
                "lanczos": "Lanczos",
                "bicubic": "Bicubic",
                "bilinear": "Bilinear",
                "box": "Mean",
                "nearest": "Nearest pixel",
            },
        ),
        Input("colour", "Colour of margins", ValueType.COLOUR, "#ffffff"),
    )

    def size(self, outline: Outline, values: Values) -> tuple[int, int]:
        del outline
        return values["width"], values["height"]

    def changer(self, values: Values) -> Change:
        from gpu_tasks.nodes.pixels.places import resize

        return partial(
            resize,
            size=(values["width"], values["height"]),
            fit=values["fit"],
            method=values["method"],
            colour=values["colour"],
        )


class Crop(_EachPicture):
    type = "crop"
    title = "Crop"
    description = "Cuts a rectangle out of pictures."
    inputs = (
        PICTURE,
        _place("x", "From the left"),
        _place("y", "From the top"),
        _side("width", "Width"),
        _side("height", "Height"),
    )

    def check(self, values: Values) -> Iterator[Problem]:
        outline: Outline = values["picture"]
        for place, side, limit in (
            ("x", "width", outline.width),
            ("y", "height", outline.height),
        ):
            if values[place] + values[side] > limit:
                yield Problem(
                    Code.BAD_VALUE,
                    input=side if values[place] < limit else place,
                    reason="outside_picture",
                    values={"size": size_text(outline)},
                )

    def size(self, outline: Outline, values: Values) -> tuple[int, int]:
        del outline
        return values["width"], values["height"]

    def changer(self, values: Values) -> Change:
        from gpu_tasks.nodes.pixels.places import crop

        size = (values["width"], values["height"])
        return partial(crop, x=values["x"], y=values["y"], size=size)


class Pad(_EachPicture):
    type = "pad"
    title = "Add margins"
    description = "Adds margins of one colour to pictures."
    inputs = (
        PICTURE,
        _place("left", "Left"),
        _place("top", "Top"),
        _place("right", "Right"),
        _place("bottom", "Bottom"),
        _COLOUR,
    )

    def size(self, outline: Outline, values: Values) -> tuple[int, int]:
        return (
            outline.width + values["left"] + values["right"],
            outline.height + values["top"] + values["bottom"],
        )

    def changer(self, values: Values) -> Change:
        from gpu_tasks.nodes.pixels.places import pad

        margins = {name: values[name] for name in ("left", "top", "right", "bottom")}
        return partial(pad, colour=values["colour"], **margins)


class Rotate(_EachPicture):
    type = "rotate"
    title = "Rotate"
    description = "Turns pictures clockwise; what is bare then has the colour."
    inputs = (
        PICTURE,
        Input("angle", "Degrees", ValueType.NUMBER, 90.0, least=-360.0, most=360.0, step=1),
        Input(
            "expand",
            "Keep the corners",
            ValueType.FLAG,
            default=True,
            description="Makes the picture as large as it takes.",
        ),
        _COLOUR,
    )
    seconds_per_megapixel = 0.06

    def size(self, outline: Outline, values: Values) -> tuple[int, int]:
        if not values["expand"]:
            return outline.size
        turn = math.radians(values["angle"] % 360)
        cos, sin = abs(math.cos(turn)), abs(math.sin(turn))
        # A hair less, lest what rounding adds makes a side a pixel longer.
        return (
            math.ceil(outline.width * cos + outline.height * sin - 1e-6),
            math.ceil(outline.width * sin + outline.height * cos - 1e-6),
        )

    def changer(self, values: Values) -> Change:
        from gpu_tasks.nodes.pixels.places import rotate

        first = values["picture"][0]
        size = self.size(Outline(1, *first.size), values)
        return partial(rotate, angle=values["angle"], size=size, colour=values["colour"])


class Flip(_EachPicture):
    type = "flip"
    title = "Flip"
    description = "Mirrors pictures."
    inputs = (
        PICTURE,
        Input(
            "direction",
            "Direction",
            ValueType.CHOICE,
            "horizontal",
            choices={"horizontal": "Left and right", "vertical": "Top and bottom", "both": "Both"},
        ),
    )

    def changer(self, values: Values) -> Change:
        from gpu_tasks.nodes.pixels.places import flip

        return partial(flip, direction=values["direction"])


class Blur(_EachPicture):
    type = "blur"
    title = "Blur"
    description = "Smooths pictures."
    inputs = (
        PICTURE,
        Input("radius", "Radius", ValueType.NUMBER, 4.0, least=0.0, most=128.0, step=0.5),
    )
    seconds_per_megapixel = 0.12
    # A wide blur of a thin picture works on as much around it.
    seconds_per_picture = 0.012

    def changer(self, values: Values) -> Change:
        from gpu_tasks.nodes.pixels.smoothing import blur

        return partial(blur, radius=values["radius"])


class Sharpen(_EachPicture):
    type = "sharpen"
    title = "Sharpen"
    description = "Makes edges of pictures clearer."
    inputs = (
        PICTURE,
        Input("radius", "Radius", ValueType.NUMBER, 1.0, least=0.5, most=32.0, step=0.5),
        _part("amount", "How strong", 0.5, most=4.0),
    )
    seconds_per_megapixel = 0.08
    seconds_per_picture = 0.003

    def changer(self, values: Values) -> Change:
        from gpu_tasks.nodes.pixels.smoothing import sharpen

        return partial(sharpen, radius=values["radius"], amount=values["amount"])


class Adjust(_EachPicture):
    type = "adjust"
    title = "Adjust colours"
    description = "Changes brightness, contrast and saturation; 1 leaves them as they are."
    inputs = (
        PICTURE,
        _part("brightness", "Brightness", 1.0, most=3.0),
        _part("contrast", "Contrast", 1.0, most=3.0),
        _part("saturation", "Saturation", 1.0, most=3.0),
    )
    seconds_per_megapixel = 0.04

    def changer(self, values: Values) -> Change:
        from gpu_tasks.nodes.pixels.tones import adjust

        names = ("brightness", "contrast", "saturation")
        return partial(adjust, **{name: values[name] for name in names})


class Grey(_EachPicture):
    type = "grey"
    title = "Grey"
    description = "Takes the colours out of pictures."

    def changer(self, values: Values) -> Change:
        from gpu_tasks.nodes.pixels.tones import turn_grey

        del values
        return turn_grey


class InvertPicture(_EachPicture):
    type = "invert"
    title = "Invert colours"
    description = "Makes the negative of pictures."

    def changer(self, values: Values) -> Change:
        from gpu_tasks.nodes.pixels.tones import invert

        del values
        return invert


class ColourFill(Node):
    type = "colour_fill"
    title = "Colour fill"
    description = "A picture of one colour."
    category = Category.PICTURE
    inputs = (_side("width", "Width"), _side("height", "Height"), _COLOUR)
    outputs = (PICTURE_OUT,)

    def outline(self, values: Values) -> dict[str, Outline]:
        return {"picture": Outline(1, values["width"], values["height"])}

    def run(self, values: Values, context: NodeContext) -> dict[str, Any]:
        from PIL import Image

        del context
        return {
            "picture": (Image.new("RGB", (values["width"], values["height"]), values["colour"]),)
        }


NODES: Final = (
    LoadPicture(),
    ColourFill(),
    Resize(),
    Crop(),
    Pad(),
    Rotate(),
    Flip(),
    Blur(),
    Sharpen(),
    Adjust(),
    Grey(),
    InvertPicture(),
)
