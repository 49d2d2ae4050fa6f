"""Room around a picture, for a model to fill."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gpu_tasks.engine.errors import InvalidRequest
from gpu_tasks.engine.pictures.canvas import (
    MAX_SIDE,
    Box,
    check_number,
    check_picture,
    check_size,
    flatten,
)
from gpu_tasks.engine.pictures.masks import MAX_FEATHER

SEED_COUNT: Final = 2**32
# The picture's outermost pixels drawn outwards, its mirror image, or coloured noise like it.
FILLS: Final = ("edge", "mirror", "noise")
_BORDERS: Final[Mapping[str, int]] = MappingProxyType(
    {"edge": cv2.BORDER_REPLICATE, "mirror": cv2.BORDER_REFLECT_101, "noise": cv2.BORDER_REPLICATE}
)


@dataclass(frozen=True, slots=True)
class ExtendedCanvas:
    """A picture (RGB) with room around it, and the mask (L) of what is to be made.

    `box` is where the given picture lies in it.
    """

    picture: Image.Image
    mask: Image.Image
    box: Box


def extend_canvas(
    picture: Image.Image,
    *,
    left: int = 0,
    top: int = 0,
    right: int = 0,
    bottom: int = 0,
    size_multiple: int = 8,
    fill: str = "edge",
    feather: int = 16,
    seed: int = 0,
) -> ExtendedCanvas:
    """Give a picture room on its sides (pixels), filled for a start as `fill` says.

    What is missing to a multiple of `size_multiple` is added on the right and at the bottom; on the
    left or at the top where that side alone is extended. The mask is 255 in the new room and falls
    to 0 within the `feather` outermost pixels of the picture on sides that got room, so that the
    seam lies inside it; further in, nothing is changed. The same seed makes the same noise.

    Raises:
        InvalidRequest: naming left, top, right, bottom, feather, fill, seed, picture, or width and
            height where the whole would be too large.
    """
    check_picture("picture", picture)
    for field, room in (("left", left), ("top", top), ("right", right), ("bottom", bottom)):
        check_number(field, room, least=0, most=MAX_SIDE, whole=True)
    check_number("size_multiple", size_multiple, least=1, most=256, whole=True)
    check_number("feather", feather, least=0, most=MAX_FEATHER, whole=True)
    check_number("seed", seed, least=0, most=SEED_COUNT - 1, whole=True)
    if fill not in FILLS:
        raise InvalidRequest({"fill": f"must be one of {', '.join(FILLS)}"})
    left, right = _round_up(left, right, picture.width, size_multiple)
    top, bottom = _round_up(top, bottom, picture.height, size_multiple)
    size = (left + picture.width + right, top + picture.height + bottom)
    if size == picture.size:
        raise InvalidRequest({"left": "must be more than 0, or another side must"})
    check_size(size)
    box = Box(left, top, left + picture.width, top + picture.height)
    return ExtendedCanvas(
        picture=_fill_room(flatten(picture), box, size, fill, seed),
        mask=_mark_room(box, size, feather),
        box=box,
    )


def _round_up(before: int, after: int, length: int, multiple: int) -> tuple[int, int]:
    missing = -(before + length + after) % multiple
    return (before + missing, after) if before and not after else (before, after + missing)


def _fill_room(
    picture: Image.Image, box: Box, size: tuple[int, int], fill: str, seed: int
) -> Image.Image:
    pixels = np.asarray(picture)
    room = (box.top, size[1] - box.bottom, box.left, size[0] - box.right)
    filled = cv2.copyMakeBorder(pixels, *room, _BORDERS[fill]).astype(np.uint8)
    if fill == "noise":
        filled = _make_noise(pixels, filled.shape, seed)
    filled[box.top : box.bottom, box.left : box.right] = pixels
    return Image.fromarray(filled)


def _make_noise(pixels: NDArray[Any], shape: tuple[int, ...], seed: int) -> NDArray[np.uint8]:
    # PCG64 and this order of calls are part of what a seed means.
    generator = np.random.Generator(np.random.PCG64(seed))
    noise = generator.standard_normal(shape, dtype=np.float32)
    mean, deviation = pixels.mean(axis=(0, 1)), pixels.std(axis=(0, 1))
    levels: NDArray[np.uint8] = np.clip(np.rint(noise * deviation + mean), 0, 255).astype(np.uint8)
    return levels


def _mark_room(box: Box, size: tuple[int, int], feather: int) -> Image.Image:
    across = _ramp(box.left, box.right, size[0], feather)
    down = _ramp(box.top, box.bottom, size[1], feather)
    return Image.fromarray(np.maximum(across[None, :], down[:, None]))


def _ramp(start: int, end: int, length: int, feather: int) -> NDArray[np.uint8]:
    """Return the mask along one side: 255 in the room, falling to 0 inside the picture."""
    places = np.arange(length)
    values: NDArray[np.float64] = np.zeros(length)
    if start:
        values = np.maximum(values, _fall(places - start, feather))
    if end < length:
        values = np.maximum(values, _fall(end - 1 - places, feather))
    marks: NDArray[np.uint8] = np.rint(values * 255).astype(np.uint8)
    return marks


def _fall(depth: NDArray[Any], feather: int) -> NDArray[np.float64]:
    # The outermost pixel of the picture has depth 0, and the room a negative one.
    inside = np.clip(1 - (depth + 1) / (feather + 1), 0, 1)
    return np.where(depth < 0, 1.0, inside)
