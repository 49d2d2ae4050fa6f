"""Drawing of painted landscapes: a sky, a body of light in it and layered land below."""

from __future__ import annotations

from typing import Final

import numpy as np

from gpu_tasks.training.starter.lands import LAND_PAINTERS
from gpu_tasks.training.starter.painting import (
    OVERSAMPLE,
    Light,
    blend,
    make_gradient,
    make_grid,
    make_noise,
    shrink,
)
from gpu_tasks.training.starter.world import Canvas, Picture, SceneSpec

_Stops = tuple[tuple[int, int, int], ...]

_SKY_PALETTES: Final[dict[str, tuple[_Stops, ...]]] = {
    "day": (
        ((58, 128, 214), (128, 188, 240), (214, 236, 250)),
        ((72, 150, 222), (150, 206, 242), (236, 244, 246)),
        ((44, 112, 196), (106, 176, 232), (190, 228, 246)),
    ),
    "sunset": (
        ((62, 44, 112), (186, 72, 118), (246, 136, 84), (255, 206, 120)),
        ((88, 40, 104), (220, 84, 88), (252, 154, 70), (255, 214, 130)),
        ((44, 54, 122), (150, 80, 142), (240, 124, 110), (255, 190, 128)),
    ),
    "night": (
        ((6, 8, 26), (14, 22, 58), (34, 52, 98)),
        ((10, 8, 34), (28, 22, 72), (58, 48, 108)),
        ((4, 12, 28), (10, 32, 60), (28, 66, 92)),
    ),
    "rain": (
        ((66, 74, 86), (108, 118, 130), (158, 168, 176)),
        ((54, 64, 80), (92, 106, 122), (142, 154, 166)),
    ),
}
_SUN_COLORS: Final = {"day": (255, 247, 205), "sunset": (255, 226, 150)}
_MOON_COLOR: Final = (246, 242, 222)


def choose_light(*, spec: SceneSpec, rng: np.random.Generator) -> Light:
    """Choose the sky's palette, the horizon and the place of the body of light."""
    palettes = _SKY_PALETTES[spec.sky]
    stops = np.array(palettes[int(rng.integers(len(palettes)))], dtype=np.float32) / 255
    stops = np.clip(stops * rng.uniform(0.94, 1.06) + rng.uniform(-0.02, 0.02, 3), 0, 1)
    low_sun = spec.sky == "sunset" and spec.body == "sun"
    horizon = float(rng.uniform(0.5, 0.6)) if spec.land == "sea" else float(rng.uniform(0.55, 0.66))
    height = rng.uniform(0.3, horizon - 0.1) if low_sun else rng.uniform(0.14, 0.28)
    color = _SUN_COLORS.get(spec.sky, _MOON_COLOR)
    return Light(
        spec=spec,
        stops=stops.astype(np.float32),
        horizon=horizon,
        x=float(rng.uniform(0.2, 0.8)),
        y=float(height),
        radius=float(rng.uniform(0.075, 0.1) if low_sun else rng.uniform(0.06, 0.085)),
        color=np.array(color, dtype=np.float32) / 255,
    )


def paint_stars(*, canvas: Canvas, light: Light, rng: np.random.Generator) -> Canvas:
    """Add soft points of light to the sky, denser towards the top."""
    x, y = make_grid()
    for _ in range(int(rng.integers(26, 44))):
        star_x, star_y = rng.uniform(0, 1), rng.uniform(0, 1) ** 1.3 * light.horizon * 0.92
        radius = rng.uniform(0.0055, 0.0095)
        row, column = int(star_y * len(x)), int(star_x * len(x))
        rows, columns = slice(max(row - 9, 0), row + 10), slice(max(column - 9, 0), column + 10)
        square = (x[rows, columns] - star_x) ** 2 + (y[rows, columns] - star_y) ** 2
        glow = np.exp(-square / radius**2)[..., None] * rng.uniform(0.65, 1.0)
        canvas[rows, columns] += glow * (1 - canvas[rows, columns])
    return canvas


def paint_clouds(*, canvas: Canvas, light: Light, rng: np.random.Generator) -> Canvas:
    """Lay soft streaks of cloud over the sky, lit by the colour near the horizon."""
    _, y = make_grid()
    thickness = {"day": 0.75, "sunset": 0.6, "night": 0.22, "rain": 0.7}[light.sky]
    noise = make_noise(rng=rng, cells=(int(rng.integers(5, 9)), int(rng.integers(2, 4))))
    cover = np.clip((noise - rng.uniform(0.48, 0.6)) * 3.2, 0, 1) * thickness
    cover *= np.clip((light.horizon + 0.04 - y) * 6, 0, 1)
    tint = {
        "day": np.array((1.0, 1.0, 1.0), np.float32),
        "sunset": light.stops[-2] * 0.55 + np.array((0.45, 0.28, 0.26), np.float32),
        "night": light.stops[-1] * 1.15,
        "rain": light.stops[0] * 0.82,
    }[light.sky]
    return blend(canvas=canvas, color=tint, cover=cover)


def paint_body(*, canvas: Canvas, light: Light) -> Canvas:
    """Paint the sun or the moon with its glow."""
    if light.body == "none":
        return canvas
    x, y = make_grid()
    distance = np.sqrt((x - light.x) ** 2 + (y - light.y) ** 2)
    reach, strength = {"day": (0.1, 0.6), "sunset": (0.17, 0.75)}.get(light.sky, (0.085, 0.4))
    glow = np.exp(-np.maximum(distance - light.radius, 0) / reach) * strength
    canvas = blend(canvas=canvas, color=light.color, cover=glow)
    soft = 1.0 / len(x)
    disc = np.clip((light.radius - distance) / soft + 0.5, 0, 1)
    if light.body == "crescent moon":
        canvas_before = canvas
        shadow = np.sqrt((x - light.x - 0.5 * light.radius) ** 2 + (y - light.y + 0.012) ** 2)
        disc = disc * np.clip((shadow - 0.86 * light.radius) / soft + 0.5, 0, 1)
        canvas = canvas_before
    return blend(canvas=canvas, color=np.minimum(light.color * 1.03, 1), cover=disc)


def paint_rain(*, canvas: Canvas, rng: np.random.Generator) -> Canvas:
    """Draw slanted streaks of rain over the whole picture."""
    x, y = make_grid()
    slant = rng.uniform(0.14, 0.26)
    along = x + slant * y
    cover = np.zeros_like(x)
    for _ in range(int(rng.integers(46, 64))):
        middle, top = rng.uniform(0, 1 + slant), rng.uniform(-0.1, 0.95)
        length = rng.uniform(0.12, 0.2)
        columns = slice(
            *np.clip(np.array([middle - slant - 0.02, middle + 0.02]) * len(x), 0, len(x)).astype(
                int
            )
        )
        rows = slice(*np.clip(np.array([top, top + length]) * len(x), 0, len(x)).astype(int))
        line = np.exp(-(((along[rows, columns] - middle) / 0.0042) ** 2))
        cover[rows, columns] = np.maximum(cover[rows, columns], line)
    return blend(canvas=canvas, color=np.array((0.86, 0.9, 0.95), np.float32), cover=cover * 0.5)


def paint_snowfall(*, canvas: Canvas, rng: np.random.Generator) -> Canvas:
    """Scatter soft snowflakes over the whole picture."""
    x, y = make_grid()
    for _ in range(int(rng.integers(40, 60))):
        flake_x, flake_y, radius = rng.uniform(0, 1), rng.uniform(0, 1), rng.uniform(0.006, 0.011)
        row, column = int(flake_y * len(x)), int(flake_x * len(x))
        rows, columns = slice(max(row - 9, 0), row + 10), slice(max(column - 9, 0), column + 10)
        square = (x[rows, columns] - flake_x) ** 2 + (y[rows, columns] - flake_y) ** 2
        glow = np.exp(-square / radius**2)[..., None] * rng.uniform(0.5, 0.9)
        canvas[rows, columns] += glow * (1 - canvas[rows, columns])
    return canvas


def draw_scene(*, spec: SceneSpec, rng: np.random.Generator) -> Picture:
    """Draw a landscape with two-fold supersampling, shape (SIDE, SIDE, 3)."""
    light = choose_light(spec=spec, rng=rng)
    _, y = make_grid()
    canvas = make_gradient(stops=light.stops, position=y / light.horizon)
    if spec.stars:
        canvas = paint_stars(canvas=canvas, light=light, rng=rng)
    if rng.random() < {"day": 0.75, "sunset": 0.8, "night": 0.4, "rain": 1.0}[spec.sky]:
        canvas = paint_clouds(canvas=canvas, light=light, rng=rng)
    canvas = paint_body(canvas=canvas, light=light)
    canvas = LAND_PAINTERS[spec.land](canvas=canvas, light=light, rng=rng)
    if spec.sky == "rain":
        canvas = paint_rain(canvas=canvas, rng=rng)
    elif spec.land == "snow" and rng.random() < 0.5:
        canvas = paint_snowfall(canvas=canvas, rng=rng)
    picture = shrink(canvas=np.clip(canvas, 0, 1), factor=OVERSAMPLE)
    return np.asarray(picture * 255 + 0.5, dtype=np.uint8)
