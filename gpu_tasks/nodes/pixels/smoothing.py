"""Blur and sharpen."""

from __future__ import annotations

import numpy as np
from PIL import Image

from gpu_tasks.engine.pictures import smoothing
from gpu_tasks.nodes.pixels.levels import levels_of, picture_of


def blur(picture: Image.Image, *, radius: float) -> Image.Image:
    """Smooth a picture or mask by a Gaussian; `radius` is its deviation in pixels, 0 keeps."""
    return picture_of(smoothing.blur(levels_of(picture), radius)) if radius else picture.copy()


def sharpen(picture: Image.Image, *, radius: float, amount: float) -> Image.Image:
    """Add `amount` of what a blur of `radius` takes away (an unsharp mask)."""
    levels = levels_of(picture)
    return picture_of(levels + np.float32(amount) * (levels - smoothing.blur(levels, radius)))
