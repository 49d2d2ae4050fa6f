"""Drawing of plain coloured shapes with analytic anti-aliasing."""

from __future__ import annotations

from typing import Final

import numpy as np

from gpu_tasks.training.starter.world import COLORS, SIDE, Canvas, Picture, ShapeSpec

# The smallest still spans five cells of the latents: below that, reconstruction rounds corners.
_RADII: Final = {
    ("small", 1): (20.0, 23.0),
    ("medium", 1): (28.0, 31.0),
    ("large", 1): (37.0, 41.0),
    ("small", 2): (18.5, 20.5),
    ("medium", 2): (22.5, 24.5),
    ("large", 2): (26.0, 28.0),
    ("small", 3): (18.0, 19.2),
    ("medium", 3): (21.0, 22.5),
    ("small", 4): (18.0, 19.2),
    ("medium", 4): (21.0, 22.5),
}
_LAYOUTS: Final[dict[int, tuple[tuple[tuple[float, float], ...], ...]]] = {
    2: (((-1, 0), (1, 0)), ((-1, -0.7), (1, 0.7)), ((-1, 0.7), (1, -0.7)), ((0, -1), (0, 1))),
    3: (
        ((-1, 0.8), (1, 0.8), (0, -0.9)),
        ((-1, -0.8), (1, -0.8), (0, 0.9)),
        ((-1.3, 0), (0, 0), (1.3, 0)),
    ),
    4: (((-1, -1), (1, -1), (-1, 1), (1, 1)), ((0, -1.25), (0, 1.25), (-1.25, 0), (1.25, 0))),
}


def jitter_color(*, name: str, rng: np.random.Generator) -> Canvas:
    """Return a colour near the named one as RGB in [0, 1], shape (3,)."""
    color = np.array(COLORS[name], dtype=np.float32) + rng.uniform(-7, 7, 3)
    return (np.clip(color, 0, 255) / 255).astype(np.float32)


def build_star(*, points: int = 5, inner: float = 0.46) -> Canvas:
    """Return the corners of an upright star in the unit circle, shape (2·points, 2)."""
    angles = np.arange(2 * points) * np.pi / points - np.pi / 2
    radii = np.where(np.arange(2 * points) % 2 == 0, 1.0, inner)
    return np.stack([radii * np.cos(angles), radii * np.sin(angles)], axis=1).astype(np.float32)


def build_heart(*, corners: int = 48) -> Canvas:
    """Return corners of the heart curve x = 16 sin³t, y = 13 cos t − 5 cos 2t …, (n, 2)."""
    t = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    x = 16 * np.sin(t) ** 3
    y = -(13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t))
    return np.stack([x / 16.5, (y - 1.5) / 16.5], axis=1).astype(np.float32)


_POLYGONS: Final[dict[str, Canvas]] = {
    "square": np.array([(-0.86, -0.86), (0.86, -0.86), (0.86, 0.86), (-0.86, 0.86)], np.float32),
    "triangle": np.array([(0, -0.98), (1.0, 0.76), (-1.0, 0.76)], np.float32),
    "star": build_star(),
    "heart": build_heart(),
}


def measure_polygon(*, x: Canvas, y: Canvas, corners: Canvas) -> Canvas:
    """Return the signed distance in pixels to a closed polygon, negative inside.

    x and y are grids of one shape, corners (n, 2). Distance to the nearest edge with the
    even-odd rule for the sign (Inigo Quilez, "2D distance functions", polygon).
    """
    nearest = np.full(x.shape, np.inf, dtype=np.float32)
    inside = np.zeros(x.shape, dtype=bool)
    for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        edge_x, edge_y = x1 - x0, y1 - y0
        px, py = x - x0, y - y0
        along = np.clip((px * edge_x + py * edge_y) / (edge_x**2 + edge_y**2), 0, 1)
        nearest = np.minimum(nearest, (px - along * edge_x) ** 2 + (py - along * edge_y) ** 2)
        crosses = (y0 > y) != (y1 > y)
        if y1 != y0:
            inside ^= crosses & (px < edge_x * py / edge_y)
    return np.where(inside, -np.sqrt(nearest), np.sqrt(nearest)).astype(np.float32)


def cover_shape(*, shape: str, center: tuple[float, float], radius: float, tilt: float) -> Canvas:
    """Return how much of each pixel a shape covers, in [0, 1], shape (SIDE, SIDE)."""
    grid_y, grid_x = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32) + 0.5
    x, y = grid_x - center[0], grid_y - center[1]
    if shape == "circle":
        distance = np.sqrt(x**2 + y**2) - 0.95 * radius
    else:
        turn = np.array([[np.cos(tilt), -np.sin(tilt)], [np.sin(tilt), np.cos(tilt)]])
        corners = (_POLYGONS[shape] * radius) @ turn.T.astype(np.float32)
        distance = measure_polygon(x=x, y=y, corners=corners)
    return np.asarray(np.clip(0.5 - distance, 0, 1), dtype=np.float32)


def place_centers(
    *, spec: ShapeSpec, radius: float, rng: np.random.Generator
) -> list[tuple[float, float]]:
    """Choose the centre of every shape in pixels, without overlap and inside the picture."""
    middle = SIDE / 2
    if spec.count == 1:
        reach = middle - radius - 4
        near = min(reach, 36.0)
        x = (("right" in spec.place) - ("left" in spec.place)) * near
        y = (("bottom" in spec.place) - ("top" in spec.place)) * near
        slack = min(3.5, max(reach - near, 0) + 2)
        return [(middle + x + rng.uniform(-slack, slack), middle + y + rng.uniform(-slack, slack))]
    layouts = _LAYOUTS[spec.count]
    layout = np.array(layouts[int(rng.integers(len(layouts)))])
    widest = float(np.abs(layout).max())
    spread = rng.uniform(radius + 4, max(radius + 5, min(radius + 12, middle - radius - 5)))
    if widest * spread + radius > middle - 3:
        spread = (middle - 3 - radius) / widest
    if widest > 1.2 and spread * widest < 2 * radius + 3:
        layout, spread = np.array(layouts[0]), radius + 6
    jitter = 1.5
    centers = middle + layout * spread + rng.uniform(-jitter, jitter, layout.shape)
    return [(float(x), float(y)) for x, y in centers]


def draw_shapes(*, spec: ShapeSpec, rng: np.random.Generator) -> Picture:
    """Draw shapes on a plain, faintly shaded ground, shape (SIDE, SIDE, 3)."""
    ground = jitter_color(name=spec.ground, rng=rng)
    color = jitter_color(name=spec.color, rng=rng)
    rows = np.linspace(-1, 1, SIDE, dtype=np.float32)[:, None, None]
    canvas = ground * (1 - 0.018 * rows * rng.uniform(0, 1)) * np.ones((1, SIDE, 1), np.float32)
    paint = color * (1 - 0.03 * rows)
    radius = float(rng.uniform(*_RADII[spec.size, spec.count]))
    for center in place_centers(spec=spec, radius=radius, rng=rng):
        tilt = float(rng.uniform(-0.03, 0.03))
        cover = cover_shape(shape=spec.shape, center=center, radius=radius, tilt=tilt)[..., None]
        canvas = canvas * (1 - cover) + paint * cover
    return np.asarray(np.clip(canvas * 255 + 0.5, 0, 255), dtype=np.uint8)
