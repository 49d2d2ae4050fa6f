"""Edge drawings of pictures by Canny's method, and how much of one lies on another."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

Edges = npt.NDArray[np.bool_]
Pixels = npt.NDArray[np.uint8]

_TAN_22: Final = np.sqrt(2) - 1
_TAN_67: Final = np.sqrt(2) + 1
_GREY: Final = np.array((0.299, 0.587, 0.114))


def to_grey(*, picture: Pixels) -> Pixels:
    """Weigh RGB (h, w, 3) to the luma of BT.601, 8 bits, shape (h, w)."""
    return np.asarray(picture @ _GREY + 0.5, dtype=np.uint8)


def _shift(values: npt.NDArray[Any], *, down: int, right: int) -> npt.NDArray[Any]:
    """Return at each pixel what lies `down` rows and `right` columns further; 0 outside."""
    height, width = values.shape
    padded = np.pad(values, 2)
    return padded[2 + down : 2 + down + height, 2 + right : 2 + right + width]


def measure_gradients(*, picture: Pixels) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return Sobel's gradients to the right and down, shape (h, w) each.

    Of a colour picture (h, w, 3) each pixel takes those of its strongest channel.
    """
    channels = picture.reshape(*picture.shape[:2], -1).astype(np.int64)
    frame = np.pad(channels, ((1, 1), (1, 1), (0, 0)), mode="edge")
    across = frame[:, 2:] - frame[:, :-2]
    along = frame[2:] - frame[:-2]
    right = across[:-2] + 2 * across[1:-1] + across[2:]
    down = along[:, :-2] + 2 * along[:, 1:-1] + along[:, 2:]
    strongest = np.argmax(np.abs(right) + np.abs(down), axis=2)[..., None]
    return (
        np.take_along_axis(right, strongest, axis=2)[..., 0],
        np.take_along_axis(down, strongest, axis=2)[..., 0],
    )


def thin(*, right: npt.NDArray[np.int64], down: npt.NDArray[np.int64]) -> Edges:
    """Tell where a gradient's strength is a ridge across the edge it belongs to."""
    strength = np.abs(right) + np.abs(down)
    x, y = np.abs(right), np.abs(down)
    flat, steep = y < _TAN_22 * x, y > _TAN_67 * x
    # A tie goes to the first of two equal pixels, as in OpenCV, so that an edge stays one wide.
    sideways = (strength > _shift(strength, down=0, right=-1)) & (
        strength >= _shift(strength, down=0, right=1)
    )
    upright = (strength > _shift(strength, down=-1, right=0)) & (
        strength >= _shift(strength, down=1, right=0)
    )
    falling = (strength > _shift(strength, down=-1, right=-1)) & (
        strength > _shift(strength, down=1, right=1)
    )
    rising = (strength > _shift(strength, down=-1, right=1)) & (
        strength > _shift(strength, down=1, right=-1)
    )
    slanted = np.where((right < 0) ^ (down < 0), rising, falling)
    return np.where(flat, sideways, np.where(steep, upright, slanted))


def trace_edges(*, picture: Pixels, low: float, high: float) -> Edges:
    """Trace the edges of a picture, grey (h, w) or RGB (h, w, 3), shape (h, w).

    Canny's method with the rules and the scale of `cv2.Canny`: 3×3 Sobel, strength |dx| + |dy|;
    an edge has a pixel above `high` and reaches as far as `low`.
    """
    right, down = measure_gradients(picture=picture)
    strength = np.abs(right) + np.abs(down)
    ridge = thin(right=right, down=down)
    candidates = ridge & (strength > low)
    edges = np.asarray(ridge & (strength > high))
    while True:
        grown = widen_edges(edges=edges, square=1) & candidates
        if np.array_equal(grown, edges):
            return edges
        edges = grown


def widen_edges(*, edges: Edges, square: int) -> Edges:
    """Widen edges by a number of pixels to each side."""
    for axis in (0, 1):
        padded = np.pad(edges, [(square, square) if axis == way else (0, 0) for way in (0, 1)])
        windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * square + 1, axis=axis)
        edges = np.asarray(windows.any(axis=-1))
    return edges


def reach_edges(*, edges: Edges, distance: float) -> Edges:
    """Return all pixels within a distance of an edge, in pixels."""
    reach = int(distance)
    near = np.zeros_like(edges)
    padded = np.pad(edges, reach)
    height, width = edges.shape
    for row in range(-reach, reach + 1):
        for column in range(-reach, reach + 1):
            if row**2 + column**2 <= distance**2:
                near |= padded[
                    reach + row : reach + row + height, reach + column : reach + column + width
                ]
    return near


def score_edges(*, found: Edges, drawn: Edges, distance: float) -> float:
    """Return the F-score of found edges against drawn ones, in [0, 1].

    The harmonic mean of the share of found pixels within `distance` pixels of a drawn one and
    the share of drawn pixels within it of a found one (BSDS's boundary measure without its
    one-to-one matching); 0 where either has none.
    """
    if not found.any() or not drawn.any():
        return 0.0
    precision = float(reach_edges(edges=drawn, distance=distance)[found].mean())
    recall = float(reach_edges(edges=found, distance=distance)[drawn].mean())
    if precision + recall == 0:
        return 0.0
    return 2 * precision * recall / (precision + recall)


def paint_edges(*, edges: Edges) -> Pixels:
    """Paint edges white on black, 8-bit RGB, shape (h, w, 3)."""
    return np.repeat((edges * np.uint8(255))[..., None], 3, axis=2)
