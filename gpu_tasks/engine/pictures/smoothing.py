"""Smooth pictures by any width, at a cost that does not grow with it."""

from __future__ import annotations

import math
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

# Up to here a Gaussian costs less than what stands in for it. 2048 × 2048 pixels in three colours,
# two cores: 48 s for a deviation of 128 by OpenCV's Gaussian, 0.6 s by averages.
_MAX_EXACT_SIGMA: Final = 8.0
_AVERAGES: Final = 3

Floats = NDArray[np.float32]


def blur(values: Floats, sigma: float) -> Floats:
    """Return values, shape (height, width) or (height, width, channels), smoothed by a Gaussian.

    The deviation `sigma` is in pixels; what lies outside repeats the outermost. Above 8 three
    moving averages of the same variance stand in for the Gaussian (W. M. Wells, Efficient Synthesis
    of Gaussian Filters by Cascaded Uniform Filters, 1986), which reach about 3 sigma far.
    """
    smooth: NDArray[Any] = values
    if sigma <= _MAX_EXACT_SIGMA:
        smooth = cv2.GaussianBlur(values, (0, 0), sigmaX=sigma, borderType=cv2.BORDER_REPLICATE)
        return smooth.astype(np.float32, copy=False)
    for width in _average_widths(sigma):
        smooth = cv2.blur(smooth, (width, width), borderType=cv2.BORDER_REPLICATE)
    return smooth.astype(np.float32, copy=False)


def spread_maximum(values: Floats, reach: int) -> Floats:
    """Return for each place the greatest value up to `reach` pixels away on either axis."""
    for axis in (0, 1):
        done = 0
        while done < reach:
            # Three windows of 2 × done + 1 side by side leave no gap between them.
            step = min(2 * done + 1, reach - done)
            values = _max_of_three(values, step, axis)
            done += step
    return values


def _average_widths(sigma: float) -> list[int]:
    # Of odd widths alone: so many of the smaller and the rest of the next, that the variances of
    # all, (width² - 1) / 12 each, come to sigma².
    smaller = math.floor(math.sqrt(12 * sigma**2 / _AVERAGES + 1))
    smaller -= 1 - smaller % 2
    wanted = 12 * sigma**2 + _AVERAGES
    larger = round((wanted - _AVERAGES * smaller**2) / (4 * smaller + 4))
    return [smaller + 2] * larger + [smaller] * (_AVERAGES - larger)


def _max_of_three(values: Floats, step: int, axis: int) -> Floats:
    """Return the greatest of each value and of those `step` before and after, or at the ends."""
    last = values.shape[axis] - 1
    places = np.arange(last + 1)
    largest: Floats = values.take(np.maximum(places - step, 0), axis=axis)
    after = values.take(np.minimum(places + step, last), axis=axis)
    np.maximum(largest, after, out=largest)
    np.maximum(largest, values, out=largest)
    return largest
