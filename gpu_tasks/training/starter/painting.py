"""Brushes of the painted landscapes: grids, gradients, noise, ridges and blending."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from PIL import Image

from gpu_tasks.training.starter.world import SIDE, Canvas, SceneSpec

OVERSAMPLE: Final = 2
EXTENT: Final = SIDE * OVERSAMPLE


@dataclass(frozen=True)
class Light:
    """Hold what all parts of one landscape share: contents, colours of the sky, body of light.

    Places and radii are fractions of the side; stops run from the zenith to the horizon.
    """

    spec: SceneSpec
    stops: Canvas
    horizon: float
    x: float
    y: float
    radius: float
    color: Canvas

    @property
    def sky(self) -> str:
        """Return the kind of sky."""
        return self.spec.sky

    @property
    def body(self) -> str:
        """Return the body of light in the sky."""
        return self.spec.body

    @property
    def haze(self) -> Canvas:
        """Return the colour of the air at the horizon, RGB in [0, 1]."""
        return np.asarray(self.stops[-1], dtype=np.float32)

    @property
    def brightness(self) -> float:
        """Return how brightly the land is lit, in [0, 1]."""
        return {"day": 1.0, "sunset": 0.62, "night": 0.3, "rain": 0.6}[self.sky]


@cache
def make_grid() -> tuple[Canvas, Canvas]:
    """Return the x and y coordinates of the supersampled pixels in [0, 1]."""
    y, x = (np.mgrid[0:EXTENT, 0:EXTENT].astype(np.float32) + 0.5) / EXTENT
    return x, y


def make_gradient(*, stops: Canvas, position: Canvas) -> Canvas:
    """Interpolate evenly spaced colours, stops (n, 3), at positions in [0, 1]."""
    place = np.clip(position, 0, 1) * (len(stops) - 1)
    low = np.minimum(place.astype(np.int64), len(stops) - 2)
    part = (place - low)[..., None]
    return np.asarray(stops[low] * (1 - part) + stops[low + 1] * part, dtype=np.float32)


def make_noise(*, rng: np.random.Generator, cells: tuple[int, int], octaves: int = 3) -> Canvas:
    """Sum octaves of bicubic value noise into [0, 1]; cells are (rows, columns)."""
    total = np.zeros((EXTENT, EXTENT), dtype=np.float32)
    weight, norm = 1.0, 0.0
    for octave in range(octaves):
        rows, columns = cells[0] * 2**octave, cells[1] * 2**octave
        coarse = Image.fromarray(rng.random((rows, columns)).astype(np.float32))
        layer = np.asarray(coarse.resize((EXTENT, EXTENT), Image.Resampling.BICUBIC))
        total += weight * layer
        norm += weight
        weight *= 0.5
    return np.asarray(np.clip(total / norm, 0, 1))


def make_ridge(*, rng: np.random.Generator, cells: int, octaves: int, rough: float) -> Canvas:
    """Return a random skyline in [-1, 1] by midpoint-like octaves of noise, shape (EXTENT,)."""
    line = np.zeros(EXTENT, dtype=np.float64)
    places = np.linspace(0, 1, EXTENT)
    weight, norm = 1.0, 0.0
    for octave in range(octaves):
        knots = cells * 2**octave + 1
        shift = rng.uniform(0, 1 / knots)
        heights = rng.uniform(-1, 1, knots + 1)
        marks = np.linspace(0, 1 + 1 / knots, knots + 1)
        line += weight * np.interp(places + shift, marks, heights)
        norm += weight
        weight *= rough
    return (line / norm).astype(np.float32)


def make_waves(*, rng: np.random.Generator, waves: int = 3, base: float = 1.2) -> Canvas:
    """Return a smooth random skyline in [-1, 1] from a few sines, shape (EXTENT,)."""
    places = np.linspace(0, 2 * np.pi, EXTENT)
    line = np.zeros(EXTENT)
    for wave in range(waves):
        turns = base * (wave + 1) * rng.uniform(0.6, 1.0)
        line += np.sin(turns * places + rng.uniform(0, 2 * np.pi)) / (wave + 1)
    return (line / 1.8).astype(np.float32)


def fill_below(*, line: Canvas) -> Canvas:
    """Return the anti-aliased cover of all that lies below a skyline of heights in [0, 1]."""
    _, y = make_grid()
    return np.clip((y - line[None, :]) * EXTENT + 0.5, 0, 1)


def blend(*, canvas: Canvas, color: Canvas, cover: Canvas) -> Canvas:
    """Lay a colour, shape (3,) or the canvas's own, over the canvas where cover is positive."""
    return np.asarray(canvas + (color - canvas) * cover[..., None], dtype=np.float32)


def shrink(*, canvas: Canvas, factor: int) -> Canvas:
    """Average blocks of pixels, shape (h, w, 3) to (h / factor, w / factor, 3)."""
    height, width, _ = canvas.shape
    blocks = canvas.reshape(height // factor, factor, width // factor, factor, 3)
    return np.asarray(blocks.mean(axis=(1, 3)), dtype=np.float32)
