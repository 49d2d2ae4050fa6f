"""The document of a workflow: read from JSON, held as a graph, written back.

Reading sees to everything that one node, link or form field can have wrong in itself; what they
have wrong together is found in `checking.py`.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from gpu_tasks.nodes.declaring import is_unicode
from gpu_tasks.nodes.problems import MAX_PROBLEMS, Code, InvalidGraph, Problem, WrongValue
from gpu_tasks.nodes.registry import NODES
from gpu_tasks.nodes.values import ValueType

FORMAT: Final = 1
MAX_NODES: Final = 200
MAX_EDGES: Final = 1000
MAX_FORM_FIELDS: Final = 50
MAX_BYTES: Final = 256 * 1024
MAX_NAME: Final = 120
MAX_DESCRIPTION: Final = 2000
MAX_LABEL: Final = 80
MAX_POSITION: Final = 1_000_000
NAME_PATTERN: Final = "^[a-z0-9_]{1,40}$"
# They match, and are no keys of their own in the objects of every browser.
RESERVED_IDS: Final = ("__proto__", "constructor")

_NAME: Final = re.compile(NAME_PATTERN[1:-1])

Point = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphNode:
    """A node of a document; `inputs` are what its inputs are told, each read and within limits."""

    id: str
    type: str
    version: int = 1
    label: str = ""
    position: Point = (0.0, 0.0)
    inputs: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Edge:
    """A link from an output of a node to an input of another."""

    source: str
    output: str
    target: str
    input: str


@dataclass(frozen=True, slots=True)
class FormField:
    """An input that the form of a workflow asks for."""

    node: str
    input: str
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """A document; nodes are by id, in its order."""

    nodes: Mapping[str, GraphNode]
    edges: tuple[Edge, ...] = ()
    form: tuple[FormField, ...] = ()
    name: str = ""
    description: str = ""

    def named(self, kind: ValueType) -> frozenset[str]:
        """Return all that inputs of one type name: keys of models, pictures, boards."""
        return frozenset(
            node.inputs[one.name]
            for node in self.nodes.values()
            for one in NODES[node.type].inputs
            if one.type is kind and node.inputs.get(one.name) is not None
        )

    def to_json(self) -> dict[str, Any]:
        """Return the document; reading it gives the same graph."""
        return {
            "easel_workflow": FORMAT,
            "name": self.name,
            "description": self.description,
            "nodes": [
                {
                    "id": node.id,
                    "type": node.type,
                    "version": node.version,
                    "label": node.label,
                    "position": list(node.position),
                    "inputs": dict(node.inputs),
                }
                for node in self.nodes.values()
            ],
            "edges": [
                {"from": [edge.source, edge.output], "to": [edge.target, edge.input]}
                for edge in self.edges
            ],
            "form": [
                {"node": one.node, "input": one.input, "title": one.title} for one in self.form
            ],
        }


def read_document(document: object) -> Graph:
    """Return the graph of a document, any value that JSON may hold.

    Raises:
        InvalidGraph: all that is wrong with its parts.
    """
    reader = _Reader()
    graph = reader.read(document)
    if graph is None or reader.problems:
        raise InvalidGraph(reader.problems)
    _check_size(graph)
    return graph


def size_of(graph: Graph) -> int:
    """Return the bytes of its document, written without spaces."""
    return len(json.dumps(graph.to_json(), ensure_ascii=False, separators=(",", ":")).encode())


def _check_size(graph: Graph) -> None:
    if size_of(graph) > MAX_BYTES:
        values = {"most": MAX_BYTES // 1024}
        raise InvalidGraph([Problem(Code.TOO_LARGE, reason="document_too_large", values=values)])


def fill_inputs(graph: Graph, inputs: Mapping[str, object]) -> Graph:
    """Return the graph with values put in, by "node.input", in place of what its inputs were told.

    Raises:
        InvalidGraph: a node or input is not there, a value is not possible, or the whole becomes
            too large.
    """
    problems: list[Problem] = []
    told: dict[str, dict[str, Any]] = {}
    for path, value in inputs.items():
        node_id, _dot, name = path.partition(".")
        node = graph.nodes.get(node_id)
        if node is None:
            shown = node_id if is_id(node_id) else None
            problems.append(Problem(Code.UNKNOWN_NODE, shown))
            continue
        try:
            told.setdefault(node_id, dict(node.inputs))[name] = _read_input(node, name, value)
        except _WrongInput as wrong:
            problems.append(replace(wrong.problem, node=node_id))
    if problems:
        raise InvalidGraph(problems)
    nodes = {
        node_id: replace(node, inputs=told[node_id]) if node_id in told else node
        for node_id, node in graph.nodes.items()
    }
    filled = replace(graph, nodes=nodes)
    _check_size(filled)
    return filled


def freeze_seeds(graph: Graph, draw: Callable[[str], int]) -> Graph:
    """Return the graph with a seed in each place where it was left to chance.

    `draw` is told each place, as "node.input".

    Raises:
        InvalidGraph: it becomes too large by them.
    """
    linked = {(edge.target, edge.input) for edge in graph.edges}
    frozen = replace(
        graph,
        nodes={
            node_id: replace(node, inputs={**node.inputs, **_drawn(node, linked, draw)})
            for node_id, node in graph.nodes.items()
        },
    )
    _check_size(frozen)
    return frozen


def _drawn(
    node: GraphNode, linked: set[tuple[str, str]], draw: Callable[[str], int]
) -> Mapping[str, int]:
    return {
        one.name: draw(f"{node.id}.{one.name}")
        for one in NODES[node.type].inputs
        if one.type is ValueType.SEED
        and one.is_optional
        and node.inputs.get(one.name) is None
        and (node.id, one.name) not in linked
    }


def is_id(value: object) -> bool:
    """Tell whether a value can be the id of a node."""
    return isinstance(value, str) and bool(_NAME.fullmatch(value)) and value not in RESERVED_IDS


class _WrongInput(Exception):
    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


class _Reader:
    """Reads one document, going on after each problem."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def read(self, document: object) -> Graph | None:
        nodes = document.get("nodes") if isinstance(document, dict) else None
        if not isinstance(document, dict) or not isinstance(nodes, list):
            self.note(Code.NOT_A_DOCUMENT)
            return None
        edges, form = document.get("edges", []), document.get("form", [])
        version = document.get("easel_workflow")
        if (
            not _is_version(version, FORMAT)
            or not isinstance(edges, list)
            or not isinstance(form, list)
        ):
            self.note(Code.NOT_A_DOCUMENT)
            return None
        if self._are_too_many(nodes, edges, form):
            return None
        self._note_unknown(
            document, {"easel_workflow", "name", "description", "nodes", "edges", "form"}
        )
        return Graph(
            name=self._read_text(document, "name", MAX_NAME, None),
            description=self._read_text(document, "description", MAX_DESCRIPTION, None),
            nodes=self._read_nodes(nodes),
            edges=tuple(self._read_edges(edges)),
            form=tuple(self._read_form(form)),
        )

    def note(self, code: Code, node: str | None = None, *, reason: str = "", **values: int) -> None:
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(Problem(code, node, None, reason, values))

    def _are_too_many(self, nodes: list[object], edges: list[object], form: list[object]) -> bool:
        if len(nodes) > MAX_NODES:
            # Of the first that is too many.
            self.note(Code.TOO_MANY_NODES, _name_of(nodes[MAX_NODES], MAX_NODES), most=MAX_NODES)
        if len(edges) > MAX_EDGES:
            self.note(Code.TOO_MANY_EDGES, _target_of(edges[MAX_EDGES]), most=MAX_EDGES)
        if len(form) > MAX_FORM_FIELDS:
            self.note(Code.BAD_FORM, reason="too_many", most=MAX_FORM_FIELDS)
        return bool(self.problems)

    def _read_nodes(self, nodes: list[object]) -> dict[str, GraphNode]:
        read: dict[str, GraphNode] = {}
        for place, value in enumerate(nodes):
            name = _name_of(value, place)
            if not isinstance(value, dict):
                self.note(Code.NOT_A_DOCUMENT, name)
                continue
            self._note_unknown(
                value, {"id", "type", "version", "label", "position", "inputs"}, name
            )
            if not is_id(value.get("id")):
                self.note(Code.BAD_ID, name)
            elif name in read:
                self.note(Code.DUPLICATE_ID, name)
            node = self._read_node(value, name)
            if node is not None:
                read.setdefault(name, node)
        return read

    def _read_node(self, value: dict[str, object], name: str) -> GraphNode | None:
        kind = value.get("type")
        declared = NODES.get(kind) if isinstance(kind, str) else None
        if declared is None:
            self.note(Code.UNKNOWN_TYPE, name)
            return None
        if not _is_version(value.get("version", declared.version), declared.version):
            self.note(Code.UNKNOWN_VERSION, name)
            return None
        told = value.get("inputs", {})
        node = GraphNode(
            id=name,
            type=declared.type,
            version=declared.version,
            label=self._read_text(value, "label", MAX_LABEL, name),
            position=self._read_position(value.get("position", [0, 0]), name),
        )
        if not isinstance(told, dict):
            self.note(Code.BAD_VALUE, name)
            return node
        inputs: dict[str, Any] = {}
        for input_name, literal in told.items():
            try:
                inputs[input_name] = _read_input(node, input_name, literal)
            except _WrongInput as wrong:
                self.problems.append(replace(wrong.problem, node=name))
            if len(self.problems) >= MAX_PROBLEMS:
                break
        return replace(node, inputs=inputs)

    def _read_position(self, value: object, name: str) -> Point:
        if isinstance(value, list) and len(value) == 2 and all(_is_place(one) for one in value):
            return float(value[0]), float(value[1])
        self.note(Code.BAD_POSITION, name)
        return 0.0, 0.0

    def _read_edges(self, edges: list[object]) -> Iterator[Edge]:
        for value in edges:
            ends = _ends_of(value)
            if ends is None:
                self.note(Code.NOT_A_DOCUMENT, _target_of(value), reason="bad_edge")
            else:
                yield Edge(*ends)

    def _read_form(self, form: list[object]) -> Iterator[FormField]:
        for value in form:
            if not isinstance(value, dict) or not (
                is_id(value.get("node")) and _is_name(value.get("input"))
            ):
                self.note(Code.BAD_FORM)
                continue
            node = value["node"]
            self._note_unknown(value, {"node", "input", "title"}, node)
            title = self._read_text(value, "title", MAX_NAME, node)
            yield FormField(node, value["input"], title)

    def _read_text(
        self, values: Mapping[str, object], key: str, most: int, node: str | None
    ) -> str:
        value = values.get(key, "")
        if not isinstance(value, str):
            self.note(Code.BAD_VALUE, node, reason="not_text")
        elif len(value) > most:
            self.note(Code.BAD_VALUE, node, reason="too_long", most=most)
        elif not is_unicode(value):
            self.note(Code.BAD_VALUE, node, reason="not_unicode")
        else:
            return value
        return ""

    def _note_unknown(
        self, value: Mapping[str, object], known: set[str], node: str | None = None
    ) -> None:
        if not value.keys() <= known:
            self.note(Code.NOT_A_DOCUMENT, node, reason="unknown_key")


def _is_version(value: object, version: int) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == version


def _read_input(node: GraphNode, name: str, value: object) -> Any:
    declared = NODES[node.type].input(name)
    if declared is None:
        raise _WrongInput(Problem(Code.UNKNOWN_INPUT, input=name if _is_name(name) else None))
    try:
        return declared.read(value)
    except WrongValue as wrong:
        raise _WrongInput(wrong.problem) from None


def _is_name(value: object) -> bool:
    return isinstance(value, str) and bool(_NAME.fullmatch(value))


def _is_place(value: object) -> bool:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    return -MAX_POSITION <= value <= MAX_POSITION and math.isfinite(value)


def _name_of(node: object, place: int) -> str:
    """Return the id of a node, or its place if the id is none."""
    name = node.get("id") if isinstance(node, dict) else None
    return str(name) if is_id(name) else f"#{place}"


def _ends_of(edge: object) -> tuple[str, str, str, str] | None:
    if not isinstance(edge, dict) or edge.keys() != {"from", "to"}:
        return None
    ends = (edge["from"], edge["to"])
    if not all(isinstance(end, list) and len(end) == 2 for end in ends):
        return None
    (source, output), (target, name) = ends
    if not all(map(_is_name, (source, output, target, name))):
        return None
    return source, output, target, name


def _target_of(edge: object) -> str | None:
    """Return the first id that can be read in a link, that of its end before that of its start."""
    if not isinstance(edge, dict):
        return None
    ends = (edge.get("to"), edge.get("from"))
    return next((end[0] for end in ends if isinstance(end, list) and end and is_id(end[0])), None)
