"""Documents for tests."""

from collections.abc import Mapping, Sequence
from typing import Any

# A quick generation of the starter model.
SAMPLING: Mapping[str, Any] = {"width": 64, "height": 64, "steps": 2, "seed": 7}
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


def plain_document(**inputs: Any) -> dict[str, Any]:
    """Return a workflow that does what a plain generation does, in one node."""
    return document(
        [
            node("model_1", "model", key="starter"),
            node("prompt_1", "prompt", text="a red circle"),
            node("generate_1", "generate", **{**SAMPLING, **inputs}),
            node("save_1", "save"),
        ],
        ("model_1.model", "generate_1.model"),
        ("prompt_1.prompt", "generate_1.prompt"),
        ("generate_1.picture", "save_1.picture"),
    )


def split_document(**inputs: Any) -> dict[str, Any]:
    """Return a workflow that does the same, with latents in between."""
    return document(
        [
            node("model_1", "model", key="starter"),
            node("prompt_1", "prompt", text="a red circle"),
            node("denoise_1", "denoise", **{**SAMPLING, **inputs}),
            node("decode_1", "decode"),
            node("save_1", "save"),
        ],
        ("model_1.model", "denoise_1.model"),
        ("prompt_1.prompt", "denoise_1.prompt"),
        ("denoise_1.latents", "decode_1.latents"),
        ("model_1.model", "decode_1.model"),
        ("decode_1.picture", "save_1.picture"),
    )
