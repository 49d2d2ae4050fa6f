"""A workflow drawn small, from where its nodes stand: what a card shows without a picture."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

# About the size of a node in the editor, in its pixels, whatever it has in it.
NODE_WIDTH: Final = 240
NODE_HEIGHT: Final = 120
_MARGIN: Final = 60
# A card is three wide and two high; a graph in one line is drawn no larger than this.
_LEAST_WIDTH: Final = 1200
_LEAST_HEIGHT: Final = 800


@dataclass(frozen=True, slots=True)
class Outline:
    """An SVG's `view_box`, the corners (x, y) of its nodes, and the path of all of its edges."""

    view_box: str
    corners: Sequence[tuple[str, str]]
    edges: str


def outline_of(document: Mapping[str, Any]) -> Outline | None:
    """Return the outline of a document that was kept; nothing if it has no nodes."""
    corners = {node["id"]: _corner(node["position"]) for node in document["nodes"]}
    if not corners:
        return None
    ends = [(edge["from"][0], edge["to"][0]) for edge in document["edges"]]
    edges = [
        _curve(corners[start], corners[end])
        for start, end in ends
        if start in corners and end in corners
    ]
    return Outline(
        view_box=_view_box(list(corners.values())),
        corners=[(str(x), str(y)) for x, y in corners.values()],
        edges=" ".join(edges),
    )


def _corner(position: Sequence[float]) -> tuple[int, int]:
    return round(position[0]), round(position[1])


def _curve(start: tuple[int, int], end: tuple[int, int]) -> str:
    x1, y1 = start[0] + NODE_WIDTH, start[1] + NODE_HEIGHT // 2
    x2, y2 = end[0], end[1] + NODE_HEIGHT // 2
    bend = max(abs(x2 - x1) // 2, NODE_WIDTH // 4)
    return f"M{x1} {y1}C{x1 + bend} {y1} {x2 - bend} {y2} {x2} {y2}"


def _view_box(corners: Sequence[tuple[int, int]]) -> str:
    left, top = (min(corner[axis] for corner in corners) - _MARGIN for axis in (0, 1))
    right = max(x for x, _y in corners) + NODE_WIDTH + _MARGIN
    bottom = max(y for _x, y in corners) + NODE_HEIGHT + _MARGIN
    width, height = max(right - left, _LEAST_WIDTH), max(bottom - top, _LEAST_HEIGHT)
    x, y = (left + right - width) // 2, (top + bottom - height) // 2
    return f"{x} {y} {width} {height}"
