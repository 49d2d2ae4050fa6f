"""Bars stacked by series, as numbers that a template draws as SVG."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

WIDTH: Final = 640
HEIGHT: Final = 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 4, 14, 30
_TICKS = 4
# Beyond these, series are told as one.
MOST_SERIES: Final = 6


@dataclass(frozen=True, slots=True)
class Bar:
    """One rectangle; `series` counts from 1 and picks its colour."""

    x: str
    y: str
    width: str
    height: str
    series: int


@dataclass(frozen=True, slots=True)
class Stack:
    """The bars over one place of the axis, with the words that name them."""

    title: str
    bars: Sequence[Bar]


@dataclass(frozen=True, slots=True)
class Tick:
    """A line of the scale, or a word below the axis."""

    at: str
    label: str


@dataclass(frozen=True, slots=True)
class Chart:
    """What the template draws in a box of `WIDTH` × `HEIGHT`."""

    stacks: Sequence[Stack]
    scale: Sequence[Tick]
    axis: Sequence[Tick]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = _LEFT
    right: int = WIDTH - _RIGHT
    bottom: int = HEIGHT - _BOTTOM


def stacked_bars(
    columns: Sequence[tuple[str, str, Mapping[str, int]]], *, series: Sequence[str]
) -> Chart:
    """Draw `columns` of (label below the axis or "", title, value by series).

    `series` names them from the axis upwards.
    """
    most = max((sum(values.values()) for _label, _title, values in columns), default=0)
    step = _step(most)
    top = max(step * math.ceil(most / step), step)
    place = (WIDTH - _LEFT - _RIGHT) / max(len(columns), 1)
    bar = place * 0.72
    stacks, axis = [], []
    for index, (label, title, values) in enumerate(columns):
        x = _LEFT + index * place
        if label:
            axis.append(Tick(at=_number(x + place / 2), label=label))
        bars = []
        below = 0
        for number, name in enumerate(series, start=1):
            value = values.get(name, 0)
            if not value:
                continue
            bars.append(
                Bar(
                    x=_number(x + (place - bar) / 2),
                    y=_number(_height_of(below + value, top)),
                    width=_number(bar),
                    height=_number(_height_of(below, top) - _height_of(below + value, top)),
                    series=number,
                )
            )
            below += value
        if bars:
            stacks.append(Stack(title=title, bars=bars))
    scale = [
        Tick(at=_number(_height_of(value, top)), label=_short(value))
        for value in range(0, top + 1, step)
    ]
    return Chart(stacks=stacks, scale=scale, axis=axis)


def _height_of(value: int, top: int) -> float:
    return HEIGHT - _BOTTOM - (HEIGHT - _BOTTOM - _TOP) * value / top


def _step(most: int) -> int:
    """Return a round distance of the lines, 1, 2 or 5 times a power of ten."""
    rough = max(most / _TICKS, 1)
    power = 10 ** int(math.log10(rough))
    return next(int(power * factor) for factor in (1, 2, 5, 10) if power * factor >= rough)


def _short(value: int) -> str:
    if value >= 10_000 and value % 1000 == 0:
        return f"{value // 1000:,}k"
    return f"{value:,}"


def _number(value: float) -> str:
    # As text: a template would write the decimal point of the reader's language.
    return f"{value:.1f}"
