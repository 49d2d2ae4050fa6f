"""The spans of a job to scale, as geometry for a template to draw as SVG."""

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 720, 28
# A span that is too short to be seen is drawn this wide all the same.
_LEAST = 6.0


@dataclass(frozen=True, slots=True)
class Span:
    """One stretch of time; `x` and `width` are text, in the units of the drawing."""

    name: str
    mark: str
    said: str
    x: str
    width: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """Spans one after the other, which fill the width."""

    spans: Sequence[Span]
    width: int = WIDTH
    height: int = HEIGHT


def lay_out(parts: Sequence[tuple[str, str, float, str]]) -> Timeline:
    """Draw `parts` of (name, mark, seconds, the same in words) in a row; none is lost."""
    lasting = [part for part in parts if part[2] > 0] or list(parts[:1])
    whole = sum(seconds for _name, _mark, seconds, _said in lasting) or 1.0
    widths = [max(seconds / whole * WIDTH, _LEAST) for _name, _mark, seconds, _said in lasting]
    scale = WIDTH / sum(widths)
    spans, x = [], 0.0
    for (name, mark, _seconds, said), width in zip(lasting, widths, strict=True):
        spans.append(Span(name, mark, said, x=f"{x:.1f}", width=f"{width * scale:.1f}"))
        x += width * scale
    return Timeline(spans)
