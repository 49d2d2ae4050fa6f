"""Move pixels: sizes, edges, turns, one picture on another."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from PIL import Image, ImageOps

from gpu_tasks.nodes.pixels.levels import rgb

Size = tuple[int, int]

_FILTERS: Final[Mapping[str, Image.Resampling]] = MappingProxyType(
    {
        "lanczos": Image.Resampling.LANCZOS,
        "bicubic": Image.Resampling.BICUBIC,
        "bilinear": Image.Resampling.BILINEAR,
        "box": Image.Resampling.BOX,
        "nearest": Image.Resampling.NEAREST,
    }
)


def resize(picture: Image.Image, size: Size, *, fit: str, method: str, colour: str) -> Image.Image:
    """Return a picture of `size`: stretched, or with its shape kept and cut off or padded."""
    if picture.size == size:
        return picture.copy()
    if fit == "crop":
        return ImageOps.fit(picture, size, _FILTERS[method])
    if fit == "pad":
        return ImageOps.pad(picture, size, _FILTERS[method], color=rgb(colour))
    return picture.resize(size, _FILTERS[method])


def crop(picture: Image.Image, *, x: int, y: int, size: Size) -> Image.Image:
    """Return the part of `size` whose upper left corner is at x, y."""
    return picture.crop((x, y, x + size[0], y + size[1]))


def pad(
    picture: Image.Image, *, left: int, top: int, right: int, bottom: int, colour: str
) -> Image.Image:
    """Return the picture with margins, in pixels, of one colour."""
    return ImageOps.expand(picture, (left, top, right, bottom), fill=rgb(colour))


def rotate(picture: Image.Image, *, angle: float, size: Size, colour: str) -> Image.Image:
    """Turn a picture clockwise by degrees about its middle, which is that of the result of `size`.

    What was outside of it has the colour. Quarters of a turn are exact.
    """
    quarters = _QUARTERS.get(angle % 360)
    if quarters is not None:
        turned = picture.transpose(quarters)
        if turned.size == size:
            return turned
    if angle % 360 == 0:
        return picture.copy()
    cos, sin = _direction(angle)
    middle, centre = (size[0] / 2, size[1] / 2), (picture.width / 2, picture.height / 2)
    across = (cos, sin, centre[0] - cos * middle[0] - sin * middle[1])
    down = (-sin, cos, centre[1] + sin * middle[0] - cos * middle[1])
    return picture.transform(
        size,
        Image.Transform.AFFINE,
        (*across, *down),
        Image.Resampling.BICUBIC,
        fillcolor=rgb(colour),
    )


def flip(picture: Image.Image, *, direction: str) -> Image.Image:
    """Mirror a picture: left and right ("horizontal"), top and bottom ("vertical"), or both."""
    return picture.transpose(_FLIPS[direction])


def paste(
    ground: Image.Image, layer: Image.Image, mask: Image.Image | None, *, x: int, y: int
) -> Image.Image:
    """Lay one picture on another at x, y, which may lie outside; `mask` has the layer's size."""
    whole = ground.copy()
    whole.paste(layer, (x, y), mask)
    return whole


def _direction(angle: float) -> tuple[float, float]:
    # Rounded, so that a quarter of a turn is one.
    turn = math.radians(angle % 360)
    return round(math.cos(turn), 15), round(math.sin(turn), 15)


_QUARTERS: Final[Mapping[float, Image.Transpose]] = MappingProxyType(
    {
        90.0: Image.Transpose.ROTATE_270,
        180.0: Image.Transpose.ROTATE_180,
        270.0: Image.Transpose.ROTATE_90,
    }
)
_FLIPS: Final[Mapping[str, Image.Transpose]] = MappingProxyType(
    {
        "horizontal": Image.Transpose.FLIP_LEFT_RIGHT,
        "vertical": Image.Transpose.FLIP_TOP_BOTTOM,
        "both": Image.Transpose.ROTATE_180,
    }
)
