"""Documents written short, a catalog to check them against, and a way to run what needs no GPU."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from PIL import Image

from gpu_tasks.nodes.checking import CheckedGraph, check_graph
from gpu_tasks.nodes.graph import read_document
from gpu_tasks.nodes.problems import InvalidGraph
from gpu_tasks.nodes.registry import NODES
from gpu_tasks.nodes.values import ModelFacts, Outline

OWN_PICTURE = "11111111-1111-4111-8111-111111111111"
FOREIGN_PICTURE = "22222222-2222-4222-8222-222222222222"
OWN_BOARD = "33333333-3333-4333-8333-333333333333"
MODELS = {
    "main-model": "main",
    "other-model": "main",
    "paint": "lora",
    "ink": "lora",
    "sharp": "vae",
    "edges": "controlnet",
    "sketch": "t2i_adapter",
    "likeness": "ip_adapter",
    "larger": "upscaler",
}

Link = tuple[str, str]


def document(nodes: Mapping[str, Sequence[Any]], **more: Any) -> dict[str, Any]:
    """Write a document: (type, inputs) by id, where an input that is a tuple is a link."""
    written, edges = [], []
    for node_id, (kind, *rest) in nodes.items():
        inputs = rest[0] if rest else {}
        literals = {name: value for name, value in inputs.items() if not isinstance(value, tuple)}
        written.append({"id": node_id, "type": kind, "inputs": literals})
        edges += [
            {"from": list(value), "to": [node_id, name]}
            for name, value in inputs.items()
            if isinstance(value, tuple)
        ]
    return {"easel_workflow": 1, "nodes": written, "edges": edges, **more}


@dataclass
class Catalog:
    """What one user has: the models above, a picture of 640 × 480, a board."""

    refuses: Mapping[str, str] = field(default_factory=dict)
    asked: list[Mapping[str, Any]] = field(default_factory=list)

    def model(self, key: str) -> ModelFacts | None:
        kind = MODELS.get(key)
        return None if kind is None else ModelFacts(key=key, kind=kind, base="sd-1.5-class")

    def picture(self, name: str) -> Outline | None:
        return Outline(1, 640, 480) if name == OWN_PICTURE else None

    def board(self, board: str) -> bool:
        return board == OWN_BOARD

    def generation_problems(self, settings: Mapping[str, Any]) -> Mapping[str, str]:
        self.asked.append(settings)
        return self.refuses


def check(nodes: Mapping[str, Sequence[Any]], **more: Any) -> CheckedGraph:
    return check_graph(read_document(document(nodes, **more)), Catalog())


def problems_of(given: object) -> list[tuple[str, str | None, str | None]]:
    """Return code, node and input of all that is wrong with a document, read and checked."""
    try:
        check_graph(read_document(given), Catalog())
    except InvalidGraph as refused:
        return [(str(one.code), one.node, one.input) for one in refused.problems]
    return []


def folded(kind: str, *, output: str = "", **inputs: Any) -> Any:
    """Return an output of a node that is folded, by itself the first one."""
    node = NODES[kind]
    values = {
        one.name: one.read(inputs[one.name])
        if one.name in inputs
        else None
        if one.required
        else one.default
        for one in node.inputs
    }
    outputs = node.fold(values) or {}
    return outputs[output or node.outputs[0].name]


@dataclass
class Kept:
    """What a node asked to be saved."""

    node: str
    pictures: tuple[Image.Image, ...]
    board: str | None
    label: str
    seeds: tuple[int, ...]


@dataclass
class Workplace:
    """The context of a run that makes nothing by a model."""

    gallery: Mapping[str, Image.Image] = field(default_factory=dict)
    kept: list[Kept] = field(default_factory=list)
    node_id: str = ""
    engine: Any = None

    def load_picture(self, name: str) -> Image.Image:
        return self.gallery[name]

    def save(
        self,
        node_id: str,
        pictures: Sequence[Image.Image],
        *,
        board: str | None = None,
        label: str = "",
        seeds: Sequence[int] = (),
    ) -> None:
        self.kept.append(Kept(node_id, tuple(pictures), board, label, tuple(seeds)))

    def request(self, settings: Mapping[str, Any], pictures: Mapping[str, Image.Image]) -> Any:
        raise AssertionError("nothing here asks the engine")

    def upscaler(self, key: str) -> Any:
        raise AssertionError("nothing here asks the engine")

    def on_step(self, progress: object) -> None:
        raise AssertionError("nothing here asks the engine")

    def is_cancelled(self) -> bool:
        return False


def run(graph: CheckedGraph, workplace: Workplace) -> dict[str, Mapping[str, Any]]:
    """Run a graph node by node; return what each made."""
    made: dict[str, Mapping[str, Any]] = {}
    for checked in graph.running:
        links = {name: made[source][output] for name, (source, output) in checked.links.items()}
        workplace.node_id = checked.id
        made[checked.id] = checked.node.run({**checked.values, **links}, workplace)
    return made
