"""Bar charts as geometry, for a template to draw as SVG: no script, no inline style."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

WIDTH, HEIGHT = 760, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 8, 12, 28
_TICKS = 4
# Of the room of a group, what stays free between it and the next.
_GAP = 0.28


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar in the units of the drawing; `series` counts from 0, `title` says its value."""

    x: float
    y: float
    width: float
    height: float
    series: int
    title: str


@dataclass(frozen=True, slots=True)
class Mark:
    """Words beside an axis, and where along it."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Chart:
    """Groups of bars side by side, one bar of a group for each series."""

    title: Any
    bars: Sequence[Bar]
    levels: Sequence[Mark]
    groups: Sequence[Mark]
    series: Sequence[Any]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = _LEFT
    right: int = WIDTH - _RIGHT
    bottom: int = HEIGHT - _BOTTOM


def bar_chart(
    *,
    title: Any,
    series: Sequence[Any],
    groups: Sequence[tuple[str, Sequence[float]]],
    unit: str = "",
) -> Chart:
    """Lay out a value for each of `series` in each of `groups`, from zero up; `unit` goes in front.

    Negative values are drawn as nothing; the table beside a chart has them.
    """
    top = _round_up(max((value for _name, values in groups for value in values), default=0))
    scale = (HEIGHT - _TOP - _BOTTOM) / top
    room = (WIDTH - _LEFT - _RIGHT) / max(len(groups), 1)
    width = min(room * (1 - _GAP) / max(len(series), 1), 48)
    bars, names = [], []
    for index, (name, values) in enumerate(groups):
        middle = _LEFT + room * (index + 0.5)
        begin = middle - width * len(series) / 2
        names.append(Mark(round(middle, 1), name))
        for number, value in enumerate(values):
            height = max(value, 0) * scale
            bars.append(
                Bar(
                    x=round(begin + number * width, 1),
                    y=round(HEIGHT - _BOTTOM - height, 1),
                    width=round(max(width - 1, 1), 1),
                    height=round(height, 1),
                    series=number,
                    title=f"{name}, {series[number]}: {unit}{value:,.0f}",
                )
            )
    levels = [
        Mark(
            round(HEIGHT - _BOTTOM - top * part / _TICKS * scale, 1),
            unit + _short(top * part / _TICKS),
        )
        for part in range(_TICKS + 1)
    ]
    return Chart(title=title, bars=bars, levels=levels, groups=names, series=series)


def _round_up(value: float) -> float:
    """Return the least of 4, 8, 10, 20, 40, 80, 100 … that is no less than `value`."""
    if value <= _TICKS:
        return float(_TICKS)
    power = 10.0 ** math.floor(math.log10(value / _TICKS))
    return next(step for n in (1, 2, 2.5, 5, 10) if (step := n * power * _TICKS) >= value)


def _short(value: float) -> str:
    for size, letter in ((1_000_000, "M"), (1_000, "k")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"
