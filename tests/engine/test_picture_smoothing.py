from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_tasks.engine.pictures.smoothing import blur, spread_maximum


def peak_of(sigma: float) -> object:
    """Return what becomes of a single point."""
    point = np.zeros((401, 401), dtype=np.float32)
    point[200, 200] = 1
    return blur(point, sigma)


@pytest.mark.parametrize("sigma", [1.0, 5.0, 8.0, 8.5, 12.3, 20.0, 40.0])
def test_the_deviation_is_the_one_asked_for_and_nothing_is_lost(sigma: float) -> None:
    smooth = np.asarray(peak_of(sigma), dtype=np.float64)

    line = smooth.sum(axis=0)
    deviation = np.sqrt(((np.arange(401) - 200) ** 2 * line).sum())
    assert line.sum() == pytest.approx(1, abs=1e-4)
    assert deviation == pytest.approx(sigma, rel=0.03)
    assert smooth == pytest.approx(smooth.T, abs=1e-9)


@pytest.mark.parametrize("sigma", [9.0, 30.0])
def test_averages_are_close_to_the_gaussian(sigma: float) -> None:
    edge = np.zeros((64, 401), dtype=np.float32)
    edge[:, 200:] = 1

    exact = cv2.GaussianBlur(edge, (0, 0), sigmaX=sigma, borderType=cv2.BORDER_REPLICATE)

    assert np.abs(blur(edge, sigma) - exact).max() < 0.02


@pytest.mark.parametrize("sigma", [2.0, 200.0])
def test_one_colour_stays_that_colour_up_to_the_edges(sigma: float) -> None:
    smooth = blur(np.full((5, 7, 3), 77, dtype=np.float32), sigma)

    assert smooth.shape == (5, 7, 3)
    assert smooth == pytest.approx(np.full((5, 7, 3), 77), abs=1e-3)


@given(
    height=st.integers(1, 12),
    width=st.integers(1, 12),
    reach=st.integers(0, 30),
    seed=st.integers(0, 99),
)
def test_the_maximum_spreads_as_far_as_its_reach(
    height: int, width: int, reach: int, seed: int
) -> None:
    values = np.random.default_rng(seed).random((height, width), dtype=np.float32)

    spread = spread_maximum(values, reach)

    for row in range(height):
        for column in range(width):
            window = values[
                max(row - reach, 0) : row + reach + 1, max(column - reach, 0) : column + reach + 1
            ]
            assert spread[row, column] == window.max()
