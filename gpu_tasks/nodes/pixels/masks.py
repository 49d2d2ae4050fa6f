"""Make masks and work on them: 255 is chosen, 0 is not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops

from gpu_tasks.engine.pictures.smoothing import spread_maximum
from gpu_tasks.nodes.pixels.levels import Floats, change_pixels, levels_of, picture_of, rgb
from gpu_tasks.nodes.pixels.tones import invert

Numbers = NDArray[np.float64]
Box = tuple[float, float, float, float]


def from_brightness(picture: Image.Image, *, low: int, high: int) -> Image.Image:
    """Choose pixels of at least `high`, none below `low`, and more and more in between."""
    grey = levels_of(picture.convert("L"))
    if low == high:
        return picture_of(np.where(grey >= high, 255, 0))
    return picture_of((grey - low) * (255 / (high - low)))


def from_colour(picture: Image.Image, *, colour: str, tolerance: int) -> Image.Image:
    """Choose pixels of which no channel is further than `tolerance` from a colour."""
    wanted = np.array(rgb(colour), dtype=np.float32)

    def choose(levels: Floats) -> NDArray[Any]:
        return np.where(np.abs(levels - wanted).max(axis=2) <= tolerance, 255, 0)

    return change_pixels(choose, picture)


def draw_shape(size: tuple[int, int], *, shape: str, box: Box) -> Image.Image:
    """Draw a shape into a box: left, top, right, bottom as parts (0 to 1) of the sides.

    A pixel is in it if its middle is.
    """
    width, height = size
    left, top, right, bottom = box
    # From 0 to 1 within the box, on each axis.
    across = (((np.arange(width) + 0.5) / width - left) / (right - left))[None, :]
    down = (((np.arange(height) + 0.5) / height - top) / (bottom - top))[:, None]
    inside = (across >= 0) & (across <= 1) & (down >= 0) & (down <= 1)
    return picture_of(np.where(inside, _SHAPES[shape](across, down) * 255, 0))


def grow(mask: Image.Image, *, amount: int) -> Image.Image:
    """Make what is chosen wider by `amount` pixels on all sides (narrower if it is below 0)."""
    if amount < 0:
        return invert(grow(invert(mask), amount=-amount))
    return picture_of(spread_maximum(levels_of(mask), amount))


def combine(first: Image.Image, second: Image.Image, *, operation: str) -> Image.Image:
    """Return what is chosen in either, in both, in the first alone, or in just one of them."""
    return _OPERATIONS[operation](first, second)


def _ellipse(across: Numbers, down: Numbers) -> Numbers:
    inside: Numbers = ((2 * across - 1) ** 2 + (2 * down - 1) ** 2 <= 1).astype(np.float64)
    return inside


_SHAPES: Final[Mapping[str, Callable[[Numbers, Numbers], Numbers]]] = MappingProxyType(
    {
        "rectangle": lambda across, down: np.ones_like(across * down),
        "ellipse": _ellipse,
        "gradient_right": lambda across, down: across * np.ones_like(down),
        "gradient_down": lambda across, down: np.ones_like(across) * down,
    }
)
_OPERATIONS: Final[Mapping[str, Callable[[Image.Image, Image.Image], Image.Image]]] = (
    MappingProxyType(
        {
            "union": ImageChops.lighter,
            "intersection": ImageChops.darker,
            "difference": ImageChops.subtract,
            "exclusion": ImageChops.difference,
        }
    )
)
