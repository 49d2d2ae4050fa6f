"""Documents for tests."""

from collections.abc import Mapping, Sequence
from typing import Any

NOBODYS = "00000000-0000-4000-8000-000000000000"


def node(name: str, kind: str, /, **inputs: Any) -> dict[str, Any]:
    return {
        "id": name,
        "type": kind,
        "version": 1,
        "label": "",
        "position": [0.0, 0.0],
        "inputs": inputs,
    }


def edge(source: str, target: str) -> dict[str, list[str]]:
    """Link "node.output" to "node.input"."""
    return {"from": source.split("."), "to": target.split(".")}


def document(
    nodes: Sequence[Mapping[str, Any]] = (), *links: tuple[str, str], **facts: Any
) -> dict[str, Any]:
    return {
        "easel_workflow": 1,
        "name": "Test",
        "description": "",
        "nodes": [dict(one) for one in nodes],
        "edges": [edge(*link) for link in links],
        "form": [],
        **facts,
    }


def fill_document(width: int = 64, height: int = 64) -> dict[str, Any]:
    """Return a workflow that keeps a picture of one colour: it needs no model."""
    return document(
        [
            node("fill_1", "colour_fill", width=width, height=height, colour="#2f80ed"),
            node("save_1", "save"),
        ],
        ("fill_1.picture", "save_1.picture"),
    )
