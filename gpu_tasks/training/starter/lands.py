"""Drawing of the land under the sky: sea, mountains, forest, desert, city and snow."""

from __future__ import annotations

from typing import Final, Protocol

import numpy as np

from gpu_tasks.training.starter.painting import (
    EXTENT,
    Light,
    blend,
    fill_below,
    make_gradient,
    make_grid,
    make_noise,
    make_ridge,
    make_waves,
)
from gpu_tasks.training.starter.world import Canvas


class LandPainter(Protocol):
    """Paint one kind of land over a sky."""

    def __call__(self, *, canvas: Canvas, light: Light, rng: np.random.Generator) -> Canvas: ...


def rgb(red: float, green: float, blue: float) -> Canvas:
    """Return a colour given in 0–255 as RGB in [0, 1]."""
    return np.array((red, green, blue), dtype=np.float32) / 255


def tint(*, color: Canvas, light: Light, distance: float) -> Canvas:
    """Light a colour and fade it into the haze with distance in [0, 1]."""
    warmth = {
        "day": rgb(255, 255, 255),
        "sunset": rgb(255, 196, 190),
        "night": rgb(150, 178, 255),
        "rain": rgb(212, 224, 236),
    }[light.sky]
    lit = color * warmth * (0.25 + 0.75 * light.brightness)
    return np.asarray(lit * (1 - distance) + light.haze * distance, dtype=np.float32)


def paint_sea(*, canvas: Canvas, light: Light, rng: np.random.Generator) -> Canvas:
    """Paint water that mirrors the sky, with a glittering path under the sun or the moon."""
    x, y = make_grid()
    depth = np.clip((y - light.horizon) / (1 - light.horizon), 0, 1)
    deep = tint(color=rgb(18, 84, 138), light=light, distance=0.05)
    stops = np.stack([light.stops[-1] * 0.86, light.stops[-2] * 0.62 + deep * 0.3, deep])
    water = make_gradient(stops=stops.astype(np.float32), position=depth**0.75)
    noise = make_noise(rng=rng, cells=(26, 5), octaves=2)
    ripple = (noise - 0.5) * (0.06 + 0.2 * depth) * (0.35 + 0.65 * light.brightness)
    water = water + ripple[..., None] * (light.haze + 0.25)
    if light.body != "none":
        width = light.radius * (0.55 + 1.5 * depth)
        path = np.exp(-(((x - light.x) / width) ** 2)) * (0.92 - 0.35 * depth)
        glitter = np.clip((noise - 0.4 - 0.1 * depth) * 5, 0, 1) * path
        strength = 0.95 if light.sky == "sunset" else 0.8
        water = blend(canvas=water, color=light.color, cover=glitter * strength)
    cover = np.clip((y - light.horizon) * EXTENT + 0.5, 0, 1)
    canvas = blend(canvas=canvas, color=water, cover=cover)
    if rng.random() < 0.35:
        shore = light.horizon - 0.035 * (1 + make_waves(rng=rng, base=1.6)) * rng.uniform(0.5, 1)
        far = tint(color=rgb(60, 84, 96), light=light, distance=0.55)
        canvas = blend(canvas=canvas, color=far, cover=fill_below(line=shore) * (1 - cover))
    return canvas


def paint_mountains(*, canvas: Canvas, light: Light, rng: np.random.Generator) -> Canvas:
    """Paint ridges one behind another in aerial perspective, with snow caps if asked."""
    _, y = make_grid()
    rock = rgb(*rng.uniform((62, 70, 88), (92, 92, 112)))
    layers = 4
    for layer in range(layers):
        near = layer / (layers - 1)
        base = light.horizon - 0.13 + 0.36 * near**1.1
        height = 0.19 - 0.09 * near
        line = base - height * make_ridge(rng=rng, cells=3 + layer, octaves=5, rough=0.48) * 1.25
        shade = tint(color=rock * (1 - 0.35 * near), light=light, distance=0.62 * (1 - near) ** 1.2)
        cover = fill_below(line=line.astype(np.float32))
        slope = np.gradient(line) * EXTENT
        side = np.clip(np.convolve(slope, np.ones(7) / 7, mode="same"), -1, 1)
        below = y - line[None, :]
        relief = np.exp(-np.clip(below, 0, 1) * 9) * side[None, :] * 0.1 * (1 - 0.5 * near)
        paint = shade + relief[..., None] * (0.4 + light.brightness)
        if light.spec.snowy and layer < 3:
            teeth = make_ridge(rng=rng, cells=14, octaves=3, rough=0.6)
            limit = light.horizon + 0.02 + 0.1 * near + 0.045 * teeth
            cap = np.clip((limit[None, :] - y) * EXTENT * 0.35 + 0.5, 0, 1)
            snow = tint(color=rgb(246, 250, 255), light=light, distance=0.3 * (1 - near))
            snow_paint = np.clip(snow * 1.08 + relief[..., None] * 1.5, 0, 1)
            paint = blend(canvas=paint, color=snow_paint, cover=cap)
        mist = np.clip(below * 2.2, 0, 0.5) * (1 - near)
        paint = blend(canvas=paint, color=light.haze, cover=mist)
        canvas = blend(canvas=canvas, color=paint, cover=cover)
    return canvas


def raise_trees(
    *, line: Canvas, height: float, width: float, rng: np.random.Generator
) -> tuple[Canvas, Canvas]:
    """Return a skyline of conifers standing on a line, and how far up its tree each column is.

    Heights and widths are fractions of the side; the second result is in [0, 1].
    """
    places = (np.arange(EXTENT) + 0.5) / EXTENT
    top = line.copy()
    crown = np.zeros(EXTENT, dtype=np.float32)
    for middle in np.arange(-width, 1 + width, width * 0.78):
        middle = middle + rng.uniform(-0.3, 0.3) * width
        tall = height * rng.uniform(0.6, 1.15)
        part = 1 - np.abs(places - middle) / (width * rng.uniform(0.5, 0.66))
        jagged = part + 0.1 * np.abs(((part * 4.5) % 1) - 0.5) * (part < 0.95)
        candidate = line - tall * np.clip(jagged, 0, 1)
        higher = candidate < top
        crown = np.where(higher, np.clip(part, 0, 1), crown).astype(np.float32)
        top = np.minimum(top, candidate).astype(np.float32)
    return top, crown


def paint_forest(*, canvas: Canvas, light: Light, rng: np.random.Generator) -> Canvas:
    """Paint rows of conifers, pale and small far away, dark and tall in front."""
    _, y = make_grid()
    green = rgb(*rng.uniform((24, 84, 48), (48, 116, 66)))
    layers = 4
    for layer in range(layers):
        near = layer / (layers - 1)
        base = light.horizon - 0.02 + 0.3 * near**1.15
        ground = base + 0.035 * make_waves(rng=rng, waves=2)
        height, width = 0.12 + 0.16 * near, 0.055 + 0.075 * near
        line, _ = raise_trees(line=ground.astype(np.float32), height=height, width=width, rng=rng)
        shade = tint(color=green * (1 - 0.4 * near), light=light, distance=0.6 * (1 - near) ** 1.1)
        below = np.clip(y - line[None, :], 0, 1)
        lit = np.exp(-below * 16)[..., None] * 0.09 * light.brightness
        paint = np.asarray(shade + lit * (light.haze + 0.2), dtype=np.float32)
        if light.spec.snowy:
            snow = tint(color=rgb(240, 247, 255), light=light, distance=0.25 * (1 - near))
            dust = make_noise(rng=rng, cells=(20, 26), octaves=2)
            cap = np.clip(1.25 - below / (0.09 + 0.04 * near) * (0.6 + dust), 0, 1)
            cap = np.maximum(cap, np.clip((y - ground[None, :] - 0.01) * 40, 0, 1))
            paint = blend(canvas=paint, color=snow, cover=cap)
        else:
            mist = np.clip((below - 0.05) * 2.0, 0, 0.45) * (1 - near)
            paint = blend(canvas=paint, color=light.haze, cover=mist)
        canvas = blend(canvas=canvas, color=paint, cover=fill_below(line=line))
    return canvas


def paint_cactus(*, canvas: Canvas, light: Light, rng: np.random.Generator) -> Canvas:
    """Plant a saguaro with two arms in the foreground."""
    x, y = make_grid()
    foot_x, foot_y = rng.uniform(0.18, 0.82), rng.uniform(0.84, 0.92)
    size = rng.uniform(0.3, 0.38)
    thick = size * 0.105
    strokes: list[tuple[tuple[float, float], tuple[float, float]]] = [((0, 0), (0, -1.0))]
    for side, low, high in ((-1, 0.42, 0.82), (1, 0.3, 0.7)):
        strokes += [((0, -low), (0.3 * side, -low)), ((0.3 * side, -low), (0.3 * side, -high))]
    distance = np.full(x.shape, 1.0, dtype=np.float32)
    for (x0, y0), (x1, y1) in strokes:
        start = np.array((foot_x + size * x0, foot_y + size * y0))
        edge = np.array((size * (x1 - x0), size * (y1 - y0)))
        along = ((x - start[0]) * edge[0] + (y - start[1]) * edge[1]) / (edge @ edge)
        along = np.clip(along, 0, 1)
        gap = np.hypot(x - start[0] - along * edge[0], y - start[1] - along * edge[1])
        distance = np.minimum(distance, gap)
    cover = np.clip((thick - distance) * EXTENT + 0.5, 0, 1) * (y < foot_y + thick * 0.4)
    green = tint(color=rgb(44, 118, 66), light=light, distance=0.0) * 0.95
    return blend(canvas=canvas, color=np.asarray(green, dtype=np.float32), cover=cover)


def paint_desert(*, canvas: Canvas, light: Light, rng: np.random.Generator) -> Canvas:
    """Paint dunes with a lit and a shaded side, and a cactus if asked."""
    _, y = make_grid()
    sand = rgb(*rng.uniform((228, 170, 92), (246, 196, 124)))
    layers = 4
    for layer in range(layers):
        near = layer / (layers - 1)
        base = light.horizon + 0.0 + 0.28 * near
        crest = make_waves(rng=rng, waves=2, base=1.5 - 0.6 * near)
        line = base - (0.045 + 0.05 * near) * crest
        shade = tint(color=sand, light=light, distance=0.42 * (1 - near))
        shade = shade * (1.0 - 0.06 * layer)
        slope = np.clip(np.gradient(line) * EXTENT * 2.2, -1, 1)
        below = np.clip(y - line[None, :], 0, 1)
        dark = np.clip(slope[None, :] * np.exp(-below * 5.5), -0.4, 1) * 0.34
        paint = shade * (1 - dark[..., None])
        canvas = blend(
            canvas=canvas,
            color=np.clip(paint, 0, 1).astype(np.float32),
            cover=fill_below(line=line.astype(np.float32)),
        )
    return paint_cactus(canvas=canvas, light=light, rng=rng) if light.spec.cactus else canvas


def paint_city(*, canvas: Canvas, light: Light, rng: np.random.Generator) -> Canvas:
    """Paint three rows of towers, with lit windows unless it is day."""
    _, y = make_grid()
    stone = rgb(*rng.uniform((70, 82, 108), (104, 108, 132)))
    window = {"day": rgb(196, 222, 244), "rain": rgb(250, 224, 160)}.get(
        light.sky, rgb(255, 214, 120)
    )
    for layer in range(3):
        near = layer / 2
        shade = tint(color=stone * (1 - 0.45 * near), light=light, distance=0.58 * (1 - near))
        floor = light.horizon + 0.06 + 0.16 * near
        left = rng.uniform(-0.1, 0)
        while left < 1:
            width = rng.uniform(0.09, 0.15) * (0.85 + 0.35 * near)
            tall = rng.uniform(0.12, 0.36) * (1.1 - 0.25 * near)
            top = floor - tall
            columns = slice(max(int(left * EXTENT), 0), min(int((left + width) * EXTENT), EXTENT))
            rows = slice(int(top * EXTENT), EXTENT)
            block = canvas[rows, columns]
            block[:] = shade * rng.uniform(0.9, 1.1)
            if rng.random() < 0.25 and layer < 2:
                mast = int((left + width / 2) * EXTENT)
                if 1 <= mast < EXTENT - 1:
                    canvas[int((top - 0.07) * EXTENT) : int(top * EXTENT), mast - 1 : mast + 1] = (
                        shade
                    )
            if layer > 0:
                paint_windows(block=block, color=window, light=light, near=near, rng=rng)
            left += width + rng.uniform(-0.01, 0.03)
    street = np.clip((y - 0.94) * 14, 0, 0.5)
    return blend(
        canvas=canvas, color=tint(color=stone * 0.3, light=light, distance=0.1), cover=street
    )


def paint_windows(
    *, block: Canvas, color: Canvas, light: Light, near: float, rng: np.random.Generator
) -> None:
    """Light a random part of the windows of one tower in place."""
    step_y, step_x = 14, 12
    rows, columns = block.shape[0] // step_y, (block.shape[1] - 5) // step_x
    share = {"day": 0.55, "sunset": 0.45, "night": 0.5, "rain": 0.4}[light.sky]
    strength = 0.55 if light.sky == "day" else 0.95
    for row in range(rows):
        for column in range(max(columns, 0)):
            if rng.random() < share:
                top, left = 6 + row * step_y, 5 + column * step_x
                pane = block[top : top + 7, left : left + 6]
                pane += (color - pane) * strength * (0.75 + 0.25 * near)


def paint_snow(*, canvas: Canvas, light: Light, rng: np.random.Generator) -> Canvas:
    """Paint white rolling fields with a few bare firs."""
    x, y = make_grid()
    layers = 3
    for layer in range(layers):
        near = layer / (layers - 1)
        base = light.horizon + 0.01 + 0.24 * near
        line = (base - (0.04 + 0.03 * near) * make_waves(rng=rng, waves=2)).astype(np.float32)
        if layer < 2:
            firs = tint(color=rgb(52, 88, 84), light=light, distance=0.55 - 0.3 * near)
            for _ in range(int(rng.integers(2, 6))):
                middle, tall = rng.uniform(0.03, 0.97), rng.uniform(0.08, 0.12) * (1 + 0.7 * near)
                foot = line[min(int(middle * EXTENT), EXTENT - 1)] + 0.012
                part = (y - (foot - tall)) / tall
                jagged = part - 0.22 * ((part * 3) % 1) + 0.1
                half = np.clip(jagged, 0, 1) * tall * 0.36
                inside = np.clip((half - np.abs(x - middle)) * EXTENT + 0.5, 0, 1)
                cover = inside * ((part > 0) & (part < 1))
                canvas = blend(canvas=canvas, color=firs, cover=cover)
        snow = tint(color=rgb(240, 246, 255), light=light, distance=0.3 * (1 - near))
        below = np.clip(y - line[None, :], 0, 1)
        shadow = np.clip(below * 0.9, 0, 0.2)[..., None] * rgb(120, 90, 40)
        paint = np.clip(snow * 1.02 - shadow, 0, 1).astype(np.float32)
        canvas = blend(canvas=canvas, color=paint, cover=fill_below(line=line))
    return canvas


LAND_PAINTERS: Final[dict[str, LandPainter]] = {
    "sea": paint_sea,
    "mountains": paint_mountains,
    "forest": paint_forest,
    "desert": paint_desert,
    "city": paint_city,
    "snow": paint_snow,
}
