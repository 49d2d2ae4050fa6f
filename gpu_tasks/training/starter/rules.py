"""Pixel rules that read colours, number, kind and place of the shapes in a picture."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from gpu_tasks.training.starter.shapes import cover_shape
from gpu_tasks.training.starter.world import COLORS, SHAPES, SIDE, Picture

Mask = npt.NDArray[np.bool_]

_FRAME: Final = 5
_PLACE_TOLERANCE: Final = 11.0
_SMALLEST_AREA: Final = 40
_SMALLEST_SHARE: Final = 0.3
_PATCH: Final = 48


@dataclass(frozen=True)
class Reading:
    """Hold what the rules read in a picture; a count of zero means that no shape stood out."""

    ground: str
    color: str
    count: int
    shape: str
    place: str


def name_nearest_color(*, color: npt.NDArray[np.float64]) -> str:
    """Return the world's colour nearest to an RGB colour in 0–255."""
    names = list(COLORS)
    distances = np.linalg.norm(np.array([COLORS[name] for name in names]) - color, axis=1)
    return names[int(np.argmin(distances))]


def label_components(*, mask: Mask) -> list[Mask]:
    """Split a mask into its 4-connected components by union-find over the runs of each row."""
    parents: list[int] = []

    def find(label: int) -> int:
        while parents[label] != label:
            parents[label] = parents[parents[label]]
            label = parents[label]
        return label

    runs: list[tuple[int, int, int, int]] = []
    above: list[tuple[int, int, int, int]] = []
    for row, line in enumerate(mask):
        edges = np.flatnonzero(np.diff(np.concatenate([[0], line.astype(np.int8), [0]])))
        current = []
        for start, stop in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
            label = len(parents)
            parents.append(label)
            for _, other_start, other_stop, other in above:
                if start < other_stop and other_start < stop:
                    parents[find(label)] = find(other)
            current.append((row, start, stop, label))
        runs += current
        above = current
    components: dict[int, Mask] = {}
    for row, start, stop, label in runs:
        component = components.setdefault(find(label), np.zeros_like(mask))
        component[row, start:stop] = True
    return list(components.values())


def cut_patch(*, cover: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Scale the bounding box of a cover to a square patch, aspect not kept."""
    rows, columns = np.flatnonzero((cover > 0.5).any(1)), np.flatnonzero((cover > 0.5).any(0))
    box = cover[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scaled = Image.fromarray(box).resize((_PATCH, _PATCH), Image.Resampling.BILINEAR)
    return np.asarray(scaled, dtype=np.float32)


@cache
def draw_patch(shape: str) -> npt.NDArray[np.float32]:
    """Draw the ideal patch of a shape that the components are compared with."""
    middle = SIDE / 2
    return cut_patch(cover=cover_shape(shape=shape, center=(middle, middle), radius=40, tilt=0))


def measure_overlaps(*, component: Mask) -> dict[str, float]:
    """Return the intersection over union of a component with every ideal shape."""
    patch = cut_patch(cover=component.astype(np.float32))
    return {
        shape: float(
            np.minimum(patch, draw_patch(shape)).sum() / np.maximum(patch, draw_patch(shape)).sum()
        )
        for shape in SHAPES
    }


def name_place(*, mask: Mask) -> str:
    """Name where the bounding box of a mask has its centre."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    y = (rows[0] + rows[-1] + 1 - SIDE) / 2
    x = (columns[0] + columns[-1] + 1 - SIDE) / 2
    upright = "top" if y < -_PLACE_TOLERANCE else "bottom" if y > _PLACE_TOLERANCE else ""
    side = "left" if x < -_PLACE_TOLERANCE else "right" if x > _PLACE_TOLERANCE else ""
    return " ".join(word for word in (upright, side) if word) or "center"


def read_picture(*, picture: Picture) -> Reading:
    """Read a picture of shapes, 8-bit RGB of shape (SIDE, SIDE, 3).

    The ground is the median of the frame; the shapes are what differs from it by more than half
    of the strongest difference; their kind is the ideal shape that overlaps them best.
    """
    pixels = picture.astype(np.float64)
    frame = np.ones((SIDE, SIDE), dtype=bool)
    frame[_FRAME:-_FRAME, _FRAME:-_FRAME] = False
    ground = np.median(pixels[frame], axis=0)
    difference = np.linalg.norm(pixels - ground, axis=2)
    peak = float(np.percentile(difference, 99.3))
    nothing = Reading(name_nearest_color(color=ground), "", 0, "", "")
    if peak < 30:
        return nothing
    color = np.median(pixels[difference > 0.8 * peak], axis=0)
    components = label_components(mask=difference > 0.5 * peak)
    largest = max(int(component.sum()) for component in components)
    least = max(_SMALLEST_AREA, _SMALLEST_SHARE * largest)
    components = [component for component in components if component.sum() >= least]
    if not components:
        return nothing
    overlaps = [measure_overlaps(component=component) for component in components]
    totals = {shape: sum(overlap[shape] for overlap in overlaps) for shape in SHAPES}
    return Reading(
        ground=name_nearest_color(color=ground),
        color=name_nearest_color(color=color),
        count=len(components),
        shape=max(totals, key=lambda shape: totals[shape]),
        place=name_place(mask=np.logical_or.reduce(components)),
    )
