"""Masks: what of a picture is made anew, where it is cut out, and how it is put back.

A mask is a picture in grey ("L"): 255 is made anew, 0 stays as it is, to the bit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from PIL import Image, ImageOps

from gpu_tasks.engine.errors import InvalidRequest
from gpu_tasks.engine.pictures.canvas import (
    Box,
    check_number,
    check_picture,
    check_size,
    flatten,
)
from gpu_tasks.engine.pictures.smoothing import blur, spread_maximum

MAX_FEATHER: Final = 256
MAX_PADDING: Final = 4096
# Below this a model makes nothing of a crop, however it is shaped.
_LEAST_SIDE: Final = 64
# A crop of a strip is at most this many times as long as what was asked for.
_LONGEST_FACTOR: Final = 4


def prepare_mask(mask: Image.Image, size: tuple[int, int], *, feather: int) -> Image.Image:
    """Return a mask in grey of `size` (width, height in pixels), feathered by `feather` pixels.

    A mask with transparent pixels says by them what to change, as erasing in an editor leaves it;
    any other says it by its brightness (white is changed). It is scaled without smoothing.

    The feather goes inwards: it begins at the edge of the mask and reaches full strength `feather`
    pixels further in, so what the mask leaves out stays out of it. There is none at the edges of
    the picture, where there is no seam; and a part too thin for it keeps its full strength in the
    middle.

    Raises:
        InvalidRequest: naming width, height, feather, or mask.
    """
    check_size(size)
    check_number("feather", feather, least=0, most=MAX_FEATHER, whole=True)
    check_picture("mask", mask)
    grey = _read_mask(mask)
    if grey.size != size:
        grey = grey.resize(size, Image.Resampling.NEAREST)
    return _feather(grey, feather) if feather else grey


def fit_mask(mask: Image.Image, size: tuple[int, int], *, feather: int) -> Image.Image:
    """Return a mask as `prepare_mask` does, for a picture that was cropped to the middle of `size`.

    Cropped as the picture is, or it would mark another place of one of another shape.

    Raises:
        InvalidRequest: as `prepare_mask`, or naming mask if it marks nothing.
    """
    drawn = ImageOps.fit(mask, size, Image.Resampling.NEAREST)
    fitted = prepare_mask(drawn, size, feather=feather)
    if fitted.getbbox() is None:
        raise InvalidRequest({"mask": "marks nothing to change"})
    return fitted


def harden_mask(mask: Image.Image) -> Image.Image:
    """Return all that a mask touches as 255: what a model must make, feathered or not."""
    return mask.point([0] + [255] * 255)


def paste_back(result: Image.Image, ground: Image.Image, mask: Image.Image) -> Image.Image:
    """Lay `result` over `ground` where the mask is, in RGB; all three have one size.

    Where the mask is 0 the ground is kept to the bit, where it is 255 the result.

    Raises:
        InvalidRequest: the sizes differ.
    """
    if not result.size == ground.size == mask.size:
        raise InvalidRequest({"mask": "must have the size of the picture"})
    return Image.composite(flatten(result), flatten(ground), mask)


@dataclass(frozen=True, slots=True)
class Crop:
    """The part of a picture around a mask, at the size in which a model works on it.

    `box` is where it lies in the whole picture. `picture` (RGB) and `mask` (L) have the working
    size, `paste_mask` the size of the box.
    """

    box: Box
    picture: Image.Image
    mask: Image.Image
    paste_mask: Image.Image

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in which the model works, in pixels."""
        return self.picture.size

    def paste_back(self, result: Image.Image, ground: Image.Image) -> Image.Image:
        """Return the whole picture (RGB) with what was made in the place of the crop.

        Outside the mask it is the ground, to the bit.

        Raises:
            InvalidRequest: the ground is smaller than where the crop was taken from.
        """
        if ground.width < self.box.right or ground.height < self.box.bottom:
            raise InvalidRequest({"mask": "does not lie within the picture"})
        patch = flatten(result)
        if patch.size != self.box.size:
            patch = patch.resize(self.box.size, Image.Resampling.LANCZOS)
        whole = flatten(ground).copy()
        whole.paste(patch, self.box.corners, self.paste_mask)
        return whole


def crop_to_mask(
    picture: Image.Image,
    mask: Image.Image,
    *,
    padding: int,
    size: tuple[int, int],
    multiple: int,
) -> Crop:
    """Cut out what lies around a mask, and scale it to where a model is at its best.

    The box is what the mask touches and `padding` pixels around it, made longer on one side to the
    shape of `size` (width, height in pixels, multiples of `multiple`), within the picture. Where
    the picture is too small for that shape the crop has another one, with about as many pixels.

    Raises:
        InvalidRequest: naming width, height, padding, or mask (empty, or of another size).
    """
    check_size(size, multiple=multiple)
    check_number("padding", padding, least=0, most=MAX_PADDING, whole=True)
    if mask.size != picture.size:
        raise InvalidRequest({"mask": "must have the size of the picture"})
    touched = mask.getbbox()
    if touched is None:
        raise InvalidRequest({"mask": "marks nothing to change"})
    box = _grow(Box(*touched), padding, size, picture.size)
    working = _working_size(box, size, multiple)
    paste_mask = mask.crop(box.corners)
    return Crop(
        box=box,
        picture=flatten(picture).resize(working, Image.Resampling.LANCZOS, box.corners),
        mask=paste_mask.resize(working, Image.Resampling.BILINEAR),
        paste_mask=paste_mask,
    )


def _read_mask(mask: Image.Image) -> Image.Image:
    if mask.has_transparency_data:
        alpha = mask.convert("RGBA").getchannel("A")
        darkest, _ = alpha.getextrema()
        if darkest != 255:
            return alpha.point(range(255, -1, -1))
    return mask.convert("RGB").convert("L") if mask.mode != "L" else mask.copy()


def _feather(mask: Image.Image, feather: int) -> Image.Image:
    # Blurred with a deviation of a third of the feather, the edge of a wide mask is 1/2 and what
    # lies a feather inside is 1: from the one to the other is the ramp. Of what is thinner
    # the greatest value nearby takes the place of that 1, or it would vanish.
    touched = (np.asarray(mask) > 0).astype(np.float32)
    blurred = blur(touched, feather / 3)
    nearby = np.maximum(spread_maximum(blurred * touched, feather), np.float32(1e-6))
    ramp = np.clip(2 * blurred / nearby - 1, 0, 1)
    return Image.fromarray(np.rint(np.asarray(mask) * ramp).astype(np.uint8))


def _grow(touched: Box, padding: int, size: tuple[int, int], limit: tuple[int, int]) -> Box:
    left, right = max(touched.left - padding, 0), min(touched.right + padding, limit[0])
    top, bottom = max(touched.top - padding, 0), min(touched.bottom + padding, limit[1])
    width = max(right - left, math.ceil((bottom - top) * size[0] / size[1]))
    height = max(bottom - top, math.ceil((right - left) * size[1] / size[0]))
    left, right = _lengthen(left, right, min(width, limit[0]), limit[0])
    top, bottom = _lengthen(top, bottom, min(height, limit[1]), limit[1])
    return Box(left, top, right, bottom)


def _lengthen(start: int, end: int, length: int, limit: int) -> tuple[int, int]:
    start = start - (length - (end - start)) // 2
    start = min(max(start, 0), limit - length)
    return start, start + length


def _working_size(box: Box, size: tuple[int, int], multiple: int) -> tuple[int, int]:
    # One pixel more or less is what rounding to whole pixels does to a box of the right shape.
    if abs(box.width * size[1] - box.height * size[0]) <= max(size):
        return size
    scale = math.sqrt(size[0] * size[1] / (box.width * box.height))
    least = math.ceil(_LEAST_SIDE / multiple) * multiple
    most = max(_LONGEST_FACTOR * max(size) // multiple * multiple, least)
    width, height = (
        min(max(round(side * scale / multiple) * multiple, least), most)
        for side in (box.width, box.height)
    )
    return width, height
