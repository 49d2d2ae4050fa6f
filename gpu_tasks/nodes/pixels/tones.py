"""Change the colours of pictures, each pixel by itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gpu_tasks.nodes.pixels.levels import Floats, change_pixels

# ITU-R BT.601, as in Pillow.
_LUMA: Final = np.array([0.299, 0.587, 0.114], dtype=np.float32)
_MIDDLE: Final = np.float32(127.5)


def adjust(
    picture: Image.Image, *, brightness: float, contrast: float, saturation: float
) -> Image.Image:
    """Multiply the levels, then their distance to the middle, then that to their grey; 1 keeps."""

    def change(levels: Floats) -> NDArray[Any]:
        levels = _MIDDLE + np.float32(contrast) * (levels * np.float32(brightness) - _MIDDLE)
        grey = (levels @ _LUMA)[..., None]
        return grey + np.float32(saturation) * (levels - grey)

    return change_pixels(change, picture)


def turn_grey(picture: Image.Image) -> Image.Image:
    """Return the picture in grey, in three equal channels."""
    return picture.convert("L").convert("RGB")


def invert(picture: Image.Image) -> Image.Image:
    """Return the negative of a picture or mask."""
    return Image.eval(picture, lambda level: 255 - level)


def blend(first: Image.Image, second: Image.Image, *, mode: str, amount: float) -> Image.Image:
    """Go from `first` by `amount` (0 to 1) towards what `mode` makes of both; of one size."""

    def mix(ground: Floats, layer: Floats) -> Floats:
        ground, layer = ground / np.float32(255), layer / np.float32(255)
        mixed = _MODES[mode](ground, layer)
        return (ground + np.float32(amount) * (mixed - ground)) * np.float32(255)

    return change_pixels(mix, first, second)


def _overlay(ground: Floats, layer: Floats) -> Floats:
    dark, light = 2 * ground * layer, 1 - 2 * (1 - ground) * (1 - layer)
    mixed: Floats = np.where(ground <= 0.5, dark, light)
    return mixed


_MODES: Final[Mapping[str, Callable[[Floats, Floats], Floats]]] = MappingProxyType(
    {
        "normal": lambda _ground, layer: layer,
        "multiply": lambda ground, layer: ground * layer,
        "screen": lambda ground, layer: 1 - (1 - ground) * (1 - layer),
        "overlay": _overlay,
        "add": lambda ground, layer: ground + layer,
        "difference": lambda ground, layer: np.abs(ground - layer),
        "darken": np.minimum,
        "lighten": np.maximum,
    }
)
