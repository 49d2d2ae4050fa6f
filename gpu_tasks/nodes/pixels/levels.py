"""Pictures as numbers and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Floats = NDArray[np.float32]
# As numbers a picture takes four times its bytes, and so does each step on the way.
_ROWS_AT_ONCE: Final = 256


def levels_of(picture: Image.Image) -> Floats:
    """Return the levels (0 to 255), shape (height, width, 3), or (height, width) of a mask."""
    return np.asarray(picture, dtype=np.float32)


def picture_of(levels: NDArray[Any]) -> Image.Image:
    """Return the picture, or the mask, of levels; what lies outside of 0 to 255 is cut off."""
    return Image.fromarray(np.clip(np.rint(levels), 0, 255).astype(np.uint8))


def change_pixels(change: Callable[..., NDArray[Any]], *pictures: Image.Image) -> Image.Image:
    """Return what `change` makes of the levels of pictures of one size, some rows at a time.

    For what makes each pixel of those at its place alone.
    """
    width, height = pictures[0].size
    strips = []
    for top in range(0, height, _ROWS_AT_ONCE):
        box = (0, top, width, min(top + _ROWS_AT_ONCE, height))
        strip = picture_of(change(*(levels_of(picture.crop(box)) for picture in pictures)))
        strips.append(np.asarray(strip))
    return Image.fromarray(np.concatenate(strips))


def rgb(colour: str) -> tuple[int, int, int]:
    """Return the levels of a colour like "#2f80ed"."""
    red, green, blue = bytes.fromhex(colour[1:])
    return red, green, blue
