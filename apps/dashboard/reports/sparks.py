"""Small bars beside a number, as geometry for a template to draw as SVG."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

WIDTH, HEIGHT = 240, 40
_LEAST = 1.5


@dataclass(frozen=True, slots=True)
class SparkBar:
    """One bar in the units of the drawing, as text; `title` says what it stands for."""

    x: str
    y: str
    width: str
    height: str
    title: str
    is_empty: bool


@dataclass(frozen=True, slots=True)
class Spark:
    """What is drawn in a box of `WIDTH` × `HEIGHT`; `title` says it in words."""

    title: Any
    bars: Sequence[SparkBar]
    width: int = WIDTH
    height: int = HEIGHT


def spark(*, title: Any, points: Sequence[tuple[str, float]]) -> Spark:
    """Draw a bar for each of `points`, from the first to the last; none is shown as a stub."""
    top = max((value for _name, value in points), default=0) or 1
    room = WIDTH / max(len(points), 1)
    bars = []
    for index, (name, value) in enumerate(points):
        height = max(value / top * HEIGHT, _LEAST)
        bars.append(
            SparkBar(
                x=_number(index * room),
                y=_number(HEIGHT - height),
                width=_number(max(room - 2, 1)),
                height=_number(height),
                title=f"{name}: {value:,.0f}",
                is_empty=not value,
            )
        )
    return Spark(title=title, bars=bars)


def _number(value: float) -> str:
    # As text: a template would write the decimal point of the reader's language.
    return f"{value:.1f}"
