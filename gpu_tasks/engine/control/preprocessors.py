"""Make the picture that a ControlNet or adapter is guided by from one that a user gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gpu_tasks.engine.control.names import complete_parameters
from gpu_tasks.engine.errors import InvalidRequest
from gpu_tasks.engine.pictures.canvas import check_picture, check_size, flatten

# What a pixel of a line may change by at least before weak edges are made strong ones (levels).
_LEAST_GRADIENT: Final = 4.0
# The two deviations of the difference of Gaussians that scribbles are drawn with (pixels).
_SCRIBBLE_SIGMAS: Final = (0.5, 5.0)
_LEAST_LINE: Final = 16.0

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]


class DepthEstimator(Protocol):
    """What says how far away the things in a picture are."""

    def estimate(self, picture: Image.Image) -> Floats:
        """Return nearness for each pixel, shape (height, width), in any unit: more is nearer."""


@dataclass(frozen=True, slots=True)
class ControlSource:
    """What a preprocessor works on: pixels (height, width, RGB), its numbers, and a depth model."""

    pixels: Bytes
    values: Mapping[str, float]
    depth: DepthEstimator | None

    @property
    def grey(self) -> Bytes:
        return _bytes(cv2.cvtColor(self.pixels, cv2.COLOR_RGB2GRAY))


# Takes what it works on, and returns shape (height, width) or (height, width, 3).
Preprocessor = Callable[[ControlSource], Bytes]


def preprocess(
    name: str,
    picture: Image.Image,
    *,
    size: tuple[int, int],
    parameters: Mapping[str, float],
    depth: DepthEstimator | None = None,
) -> Image.Image:
    """Return the control picture (RGB, `size`) that a preprocessor makes; the same each time.

    The picture is scaled to `size` (width, height in pixels) first, so what parameters say in
    pixels holds for the control picture. Lines and edges are white on black, and what is near is
    white.

    Raises:
        InvalidRequest: naming preprocessor, parameters or one of them, width, height, or picture.
    """
    values = complete_parameters(name, parameters)
    check_size(size)
    check_picture("picture", picture)
    if name == "depth" and depth is None:
        raise InvalidRequest({"preprocessor": "needs a depth model, and none is installed"})
    flat = flatten(picture)
    if flat.size != size:
        flat = flat.resize(size, Image.Resampling.LANCZOS)
    made = PREPROCESSORS[name](ControlSource(np.asarray(flat), values, depth))
    return Image.fromarray(np.ascontiguousarray(made)).convert("RGB")


def _keep(source: ControlSource) -> Bytes:
    return source.pixels


def _find_canny_edges(source: ControlSource) -> Bytes:
    return _bytes(cv2.Canny(source.grey, source.values["low"], source.values["high"]))


def _draw_lines(source: ControlSource) -> Bytes:
    # What is darker than its surroundings in all three colours is a line; the median of those that
    # are no noise becomes half white, so that faint drawings come out as strong ones do.
    pixels = source.pixels.astype(np.float32)
    darker = np.clip((_blur(pixels, source.values["sigma"]) - pixels).min(axis=2), 0, 255)
    lines = darker[darker > source.values["floor"]]
    strength = max(_LEAST_LINE, float(np.median(lines)) if lines.size else _LEAST_LINE)
    return _bytes(darker * (127 / strength))


def _find_soft_edges(source: ControlSource) -> Bytes:
    smooth = _blur(source.grey.astype(np.float32), source.values["sigma"])
    # 1/32 makes Scharr's kernels answer in levels a pixel.
    across = cv2.Scharr(smooth, cv2.CV_32F, 1, 0, scale=1 / 32)
    down = cv2.Scharr(smooth, cv2.CV_32F, 0, 1, scale=1 / 32)
    gradient = np.hypot(across, down)
    return _bytes(gradient * (255 / max(float(gradient.max()), _LEAST_GRADIENT)))


def _scribble(source: ControlSource) -> Bytes:
    pixels = source.pixels.astype(np.float32)
    fine, coarse = (_blur(pixels, sigma) for sigma in _SCRIBBLE_SIGMAS)
    darker = np.clip((coarse - fine).min(axis=2), 0, 255)
    return np.where(2 * darker > source.values["threshold"], 255, 0).astype(np.uint8)


def _estimate_depth(source: ControlSource) -> Bytes:
    if source.depth is None:
        raise InvalidRequest({"preprocessor": "needs a depth model, and none is installed"})
    nearness = source.depth.estimate(Image.fromarray(source.pixels)).astype(np.float32)
    nearness = np.nan_to_num(nearness, posinf=0, neginf=0)
    lowest, highest = float(nearness.min()), float(nearness.max())
    if highest <= lowest:
        return np.zeros(nearness.shape, dtype=np.uint8)
    return _bytes((nearness - lowest) * (255 / (highest - lowest)))


def _blur_picture(source: ControlSource) -> Bytes:
    return _bytes(_blur(source.pixels.astype(np.float32), source.values["sigma"]))


def _turn_grey(source: ControlSource) -> Bytes:
    return source.grey


def _invert(source: ControlSource) -> Bytes:
    return 255 - source.pixels


def _turn_black_and_white(source: ControlSource) -> Bytes:
    return np.where(source.grey >= source.values["threshold"], 255, 0).astype(np.uint8)


def _make_mosaic(source: ControlSource) -> Bytes:
    cell = int(source.values["cell"])
    height, width = source.pixels.shape[:2]
    # Cells at the right and at the bottom are whole, too, of pixels that repeat the outermost.
    whole = np.pad(source.pixels, ((0, -height % cell), (0, -width % cell), (0, 0)), mode="edge")
    rows, columns = whole.shape[0] // cell, whole.shape[1] // cell
    means = whole.reshape(rows, cell, columns, cell, 3).mean(axis=(1, 3))
    return _bytes(means).repeat(cell, axis=0).repeat(cell, axis=1)[:height, :width]


def _shuffle(source: ControlSource) -> Bytes:
    # Each pixel comes from elsewhere, its neighbours from nearly the same place: colours and
    # textures stay, places do not. Two smooth fields of noise say from where.
    height, width = source.pixels.shape[:2]
    generator = np.random.Generator(np.random.PCG64(int(source.values["seed"])))
    grain = int(source.values["grain"])
    across = _make_field(generator, (width, height), grain) * (width - 1)
    down = _make_field(generator, (width, height), grain) * (height - 1)
    moved = cv2.remap(
        source.pixels, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
    )
    return _bytes(moved)


def _make_field(generator: np.random.Generator, size: tuple[int, int], grain: int) -> Floats:
    """Return smooth noise from 0 to 1 of a size (width, height), with hills of `grain` pixels."""
    width, height = size
    points = (height // grain + 3, width // grain + 3)
    coarse = generator.random(points, dtype=np.float32)
    fine = cv2.resize(
        coarse, (points[1] * grain, points[0] * grain), interpolation=cv2.INTER_CUBIC
    )[grain : grain + height, grain : grain + width]
    lowest, highest = float(fine.min()), float(fine.max())
    field: Floats = ((fine - lowest) / max(highest - lowest, 1e-6)).astype(np.float32)
    return field


def _blur(pixels: Floats, sigma: float) -> Floats:
    blurred: Floats = cv2.GaussianBlur(pixels, (0, 0), sigmaX=sigma).astype(np.float32)
    return blurred


def _bytes(values: NDArray[Any]) -> Bytes:
    if values.dtype == np.uint8:
        return values
    levels: Bytes = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return levels


PREPROCESSORS: Final[Mapping[str, Preprocessor]] = MappingProxyType(
    {
        "none": _keep,
        "canny": _find_canny_edges,
        "lineart": _draw_lines,
        "softedge": _find_soft_edges,
        "scribble": _scribble,
        "depth": _estimate_depth,
        "blur": _blur_picture,
        "grayscale": _turn_grey,
        "invert": _invert,
        "threshold": _turn_black_and_white,
        "colors": _make_mosaic,
        "shuffle": _shuffle,
    }
)
