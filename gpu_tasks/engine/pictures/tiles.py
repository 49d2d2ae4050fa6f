"""Cut a picture into tiles that overlap, and blend what was made of them without a seam."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gpu_tasks.engine.errors import InvalidRequest
from gpu_tasks.engine.pictures.canvas import (
    MAX_SIDE,
    Box,
    check_number,
    check_size,
    flatten,
)

MAX_TILES: Final = 4096

_Floats = NDArray[np.float32]


def plan_tiles(width: int, height: int, *, tile: int, overlap: int, multiple: int = 1) -> list[Box]:
    """Return boxes of `tile` × `tile` pixels that cover a picture, row by row.

    Neighbours overlap by at least `overlap` pixels, evenly. Every edge lies on a multiple of
    `multiple`, for which all numbers given must be multiples of it. A picture smaller than a tile
    on one side has tiles that are as long as it on that side.

    Raises:
        InvalidRequest: naming width, height, tile or overlap.
    """
    check_size((width, height), multiple=multiple)
    check_number("tile", tile, least=1, most=MAX_SIDE, whole=True)
    check_number("overlap", overlap, least=0, most=tile - 1, whole=True)
    for field, value in (("tile", tile), ("overlap", overlap)):
        if value % multiple:
            raise InvalidRequest({field: f"must be a multiple of {multiple}"})
    counts = [_count(side, tile, overlap) for side in (width, height)]
    if counts[0] * counts[1] > MAX_TILES:
        raise InvalidRequest({"tile": f"must be larger: there may be {MAX_TILES} tiles"})
    rows = _spans(height, tile, counts[1], multiple)
    columns = _spans(width, tile, counts[0], multiple)
    return [Box(left, top, right, bottom) for top, bottom in rows for left, right in columns]


def blend_tiles(
    tiles: Iterable[Image.Image], boxes: Sequence[Box], size: tuple[int, int]
) -> Image.Image:
    """Return the picture (RGB, `size`) of which the tiles are the parts in `boxes`.

    The boxes are those of `plan_tiles`, or the same at another scale. Where tiles overlap, each new
    one gains weight linearly over the overlap while those before it lose as much, so the weights
    add up to 1 everywhere. The tiles are taken one after another, and a row of them is held at a
    time: beside the picture that is 12 bytes for each pixel of the row.

    Raises:
        ValueError: boxes and tiles do not belong together, or do not cover the picture.
    """
    picture = Image.new("RGB", size)
    supply = iter(tiles)
    pending: _Floats = np.zeros((0, size[0], 3), dtype=np.float32)
    top = 0
    for _, row in groupby(boxes, key=lambda box: box.top):
        band = list(row)
        if not top <= band[0].top <= top + len(pending) <= band[0].bottom:
            raise ValueError("the boxes leave a gap between two rows")
        new = _blend_row(supply, band, size[0])
        keep = band[0].top - top
        _write(picture, pending[:keep], top)
        pending, top = _join(pending[keep:], new, axis=0), band[0].top
    _write(picture, pending, top)
    if top + len(pending) != size[1]:
        raise ValueError("the boxes do not cover the picture")
    return picture


def _count(side: int, tile: int, overlap: int) -> int:
    return 1 if side <= tile else math.ceil((side - overlap) / (tile - overlap))


def _spans(side: int, tile: int, count: int, multiple: int) -> list[tuple[int, int]]:
    # Rounding down keeps the overlap: starts are then never further apart than the next multiple
    # above their even distance, and the distance that the overlap leaves is a multiple itself.
    length = min(tile, side)
    starts = (
        index * (side - length) // max(count - 1, 1) // multiple * multiple
        for index in range(count)
    )
    return [(start, start + length) for start in starts]


def _blend_row(supply: Iterator[Image.Image], boxes: Sequence[Box], width: int) -> _Floats:
    band: _Floats = np.zeros((boxes[0].height, width, 3), dtype=np.float32)
    filled = 0
    for box in boxes:
        tile = next(supply, None)
        if tile is None or tile.size != box.size or box.height != len(band):
            raise ValueError("the tiles do not have the sizes of their boxes")
        if not box.left <= filled <= box.right <= width:
            raise ValueError("the boxes leave a gap, or lie outside the picture")
        pixels = np.asarray(flatten(tile), dtype=np.float32)
        band[:, box.left : box.right] = _join(band[:, box.left : filled], pixels, axis=1)
        filled = box.right
    if filled != width:
        raise ValueError("the boxes do not cover the picture")
    return band


def _join(old: _Floats, new: _Floats, *, axis: int) -> _Floats:
    """Blend the beginning of `new` with the whole of `old` along an axis; as long as `new`."""
    overlap = old.shape[axis]
    shape = [1, 1, 1]
    shape[axis] = overlap
    weights = ((np.arange(overlap, dtype=np.float32) + 0.5) / max(overlap, 1)).reshape(shape)
    start: tuple[Any, ...] = (slice(None),) * axis + (slice(overlap),)
    rest: tuple[Any, ...] = (slice(None),) * axis + (slice(overlap, None),)
    # Written as a change of the old one, equal pixels stay equal to the bit.
    mixed = old + (new[start] - old) * weights
    return np.concatenate((mixed, new[rest]), axis=axis)


def _write(picture: Image.Image, rows: _Floats, top: int) -> None:
    if len(rows):
        picture.paste(Image.fromarray(np.rint(rows).astype(np.uint8)), (0, top))
