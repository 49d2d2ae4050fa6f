"""Pictures as numbers and back."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Floats = NDArray[np.float32]


def levels_of(picture: Image.Image) -> Floats:
    """Return the levels (0 to 255), shape (height, width, 3), or (height, width) of a mask."""
    return np.asarray(picture, dtype=np.float32)


def picture_of(levels: NDArray[Any]) -> Image.Image:
    """Return the picture, or the mask, of levels; what lies outside of 0 to 255 is cut off."""
    return Image.fromarray(np.clip(np.rint(levels), 0, 255).astype(np.uint8))


def rgb(colour: str) -> tuple[int, int, int]:
    """Return the levels of a colour like "#2f80ed"."""
    red, green, blue = bytes.fromhex(colour[1:])
    return red, green, blue
