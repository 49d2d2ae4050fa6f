"""Check a graph as a whole, and tell beforehand what can be told: values, outlines, costs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final, Protocol

from gpu_tasks.nodes.declaring import MAX_PICTURES, MAX_SIDE, Cost, Input, Node
from gpu_tasks.nodes.graph import Edge, Graph, GraphNode
from gpu_tasks.nodes.identity import identities
from gpu_tasks.nodes.ordering import topological
from gpu_tasks.nodes.problems import MAX_PROBLEMS, Code, InvalidGraph, Problem, WrongValue
from gpu_tasks.nodes.registry import NODES
from gpu_tasks.nodes.values import (
    MADE_TYPES,
    TYPE_TITLES,
    ModelFacts,
    Outline,
    PictureFacts,
    ValueType,
    accepted_types,
)

# All that a run makes may lie in memory at once: 0.8 GB of pictures in three colours.
MAX_RUN_PIXELS: Final = 2**28


class Finder(Protocol):
    """Looks up what a document names, for the user who sent it."""

    def model(self, key: str) -> ModelFacts | None:
        """Return a model that the user may use, by its key.

        Raises:
            WrongValue: it is there, but no workflow can use it.
        """

    def picture(self, name: str) -> Outline | None:
        """Return the outline (one picture) of a picture of the user's."""

    def board(self, board: str) -> bool:
        """Tell whether a board is the user's."""

    def generation_problems(self, settings: Mapping[str, Any]) -> Mapping[str, str]:
        """Return what the model cannot do of a generation's settings, by field, in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedNode:
    """A node that will run, or that was folded.

    `values` are all its inputs as far as they are known (see `Node`); `links` say which of them a
    run replaces by what another node made: (id, output) by input. `outputs` are what `fold` and
    `outline` returned.
    """

    id: str
    node: Node
    label: str
    values: Mapping[str, Any]
    links: Mapping[str, tuple[str, str]]
    outputs: Mapping[str, Any]
    cost: Cost

    @property
    def is_folded(self) -> bool:
        """Whether nothing is left to run."""
        return self.node.is_folded


@dataclass(frozen=True, kw_only=True)
class CheckedGraph:
    """A graph that can run.

    `order` is topological and has all nodes that lead to a result, folded ones too; `nodes` are
    these by id. `dead` are the others, which do not run and cost nothing. `models`, `pictures` and
    `boards` are what the nodes of `order` name.
    """

    graph: Graph
    order: tuple[str, ...]
    nodes: Mapping[str, CheckedNode]
    dead: frozenset[str]
    models: frozenset[str]
    pictures: frozenset[str]
    boards: frozenset[str]

    @cached_property
    def running(self) -> tuple[CheckedNode, ...]:
        """The nodes that run, in order: what is made for a result, and not just measured."""
        needed: set[str] = set()
        for node_id in reversed(self.order):
            checked = self.nodes[node_id]
            if checked.node.is_output or node_id in needed:
                needed |= {node_id, *(source for source, _output in checked.links.values())}
        return tuple(self.nodes[node_id] for node_id in self.order if node_id in needed)

    @cached_property
    def computing(self) -> tuple[CheckedNode, ...]:
        """Those of `running` that are computed: of nodes that make the same, the first."""
        made = identities(self.running)
        first = {made[checked.id]: checked for checked in reversed(self.running)}
        return tuple(checked for checked in self.running if first[made[checked.id]] is checked)

    @property
    def kept(self) -> tuple[Outline, ...]:
        """The pictures that are stored."""
        return tuple(
            value
            for checked in self.running
            if checked.node.keeps
            for value in checked.values.values()
            if isinstance(value, Outline)
        )

    @property
    def seconds(self) -> float:
        """Seconds of the CPU beside all diffusion."""
        return sum(checked.cost.seconds for checked in self.computing)


def check_graph(graph: Graph, finder: Finder) -> CheckedGraph:
    """Return what a run needs to know of a graph; the same each time.

    A seed that was left to chance and is not frozen yet counts as 0.

    Raises:
        InvalidGraph: all that is wrong, each with its node.
    """
    return _Check(graph, finder).run()


class _Check:
    def __init__(self, graph: Graph, finder: Finder) -> None:
        self.graph = graph
        self.finder = finder
        self.problems: list[Problem] = []
        # Links by the node and the input that they lead to.
        self.links: dict[str, dict[str, Edge]] = {node_id: {} for node_id in graph.nodes}
        # Nodes with a wrong link: what they lack is told already.
        self.broken: set[str] = set()
        self.nodes: dict[str, CheckedNode] = {}
        self.found: dict[ValueType, set[str]] = {
            kind: set() for kind in (ValueType.MODEL_KEY, ValueType.PICTURE_NAME, ValueType.BOARD)
        }
        self._models: dict[str, ModelFacts | None] = {}
        self._pixels = 0
        self._kept = 0

    def run(self) -> CheckedGraph:
        for edge in self.graph.edges:
            self._link(edge)
        self._check_form()
        order = self._order()
        live = self._live(order)
        for node_id in order:
            if len(self.problems) >= MAX_PROBLEMS:
                break
            if node_id not in live or node_id in self.broken:
                self._look_up_all(self.graph.nodes[node_id])
            # What follows from a node with a problem is not known.
            elif self._sources(node_id) <= self.nodes.keys():
                self._visit(self.graph.nodes[node_id])
        if self.problems:
            raise InvalidGraph(self.problems)
        return CheckedGraph(
            graph=self.graph,
            order=tuple(node_id for node_id in order if node_id in live),
            nodes=self.nodes,
            dead=frozenset(self.graph.nodes.keys() - live),
            models=frozenset(self.found[ValueType.MODEL_KEY]),
            pictures=frozenset(self.found[ValueType.PICTURE_NAME]),
            boards=frozenset(self.found[ValueType.BOARD]),
        )

    def note(
        self,
        code: Code,
        node: str | None = None,
        *,
        at: str | None = None,
        reason: str = "",
        **values: str | int,
    ) -> None:
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(Problem(code, node, at, reason, values))

    def _link(self, edge: Edge) -> None:
        before = len(self.problems)
        self._try_link(edge)
        if len(self.problems) > before:
            self.broken.add(edge.target)

    def _try_link(self, edge: Edge) -> None:
        source, target = self.graph.nodes.get(edge.source), self.graph.nodes.get(edge.target)
        if source is None or target is None:
            # Named is the node that is there, if one is: an editor can show it.
            there = next((one for one in (target, source) if one is not None), None)
            self.note(
                Code.UNKNOWN_NODE,
                edge.target if there is None else there.id,
                at=edge.input if target is not None else None,
            )
            return
        output = NODES[source.type].output(edge.output)
        declared = NODES[target.type].input(edge.input)
        if output is None:
            self.note(Code.UNKNOWN_OUTPUT, source.id)
        if declared is None:
            self.note(Code.UNKNOWN_INPUT, target.id, at=edge.input)
        if output is None or declared is None:
            return
        if declared.takes == "value":
            self.note(Code.TYPE_MISMATCH, target.id, at=declared.name, reason="takes_no_link")
        elif output.type not in accepted_types(declared.type):
            self.note(
                Code.TYPE_MISMATCH,
                target.id,
                at=declared.name,
                wanted=TYPE_TITLES[declared.type],
                given=TYPE_TITLES[output.type],
            )
        elif declared.name in self.links[target.id] or declared.name in target.inputs:
            self.note(Code.LINKED_TWICE, target.id, at=declared.name)
        else:
            self.links[target.id][declared.name] = edge

    def _check_form(self) -> None:
        seen = set()
        for field in self.graph.form:
            node = self.graph.nodes.get(field.node)
            declared = None if node is None else NODES[node.type].input(field.input)
            if (
                declared is None
                or declared.takes == "link"
                or field.input in self.links[field.node]
                or (field.node, field.input) in seen
            ):
                self.note(Code.BAD_FORM, field.node, at=field.input)
            seen.add((field.node, field.input))

    def _sources(self, node_id: str) -> set[str]:
        return {edge.source for edge in self.links[node_id].values()}

    def _order(self) -> list[str]:
        """Return the nodes, each after those that it needs; those on a cycle are noted."""
        order, left = topological(self.graph.nodes, [(e.source, e.target) for e in self._edges()])
        if left:
            # What only hangs behind a cycle has nothing wrong with it.
            _after, on_cycles = topological(
                left,
                [
                    (e.target, e.source)
                    for e in self._edges()
                    if {e.source, e.target} <= left.keys()
                ],
            )
            for node_id in on_cycles:
                self.note(Code.CYCLE, node_id)
        return order

    def _edges(self) -> Iterator[Edge]:
        for links in self.links.values():
            yield from links.values()

    def _live(self, order: Sequence[str]) -> set[str]:
        """Return the nodes that lead to a result; note if there is none."""
        live = {one.id for one in self.graph.nodes.values() if NODES[one.type].is_output}
        if not live:
            self.note(Code.NO_OUTPUT)
        for node_id in reversed(order):
            if node_id in live:
                live |= self._sources(node_id)
        return live

    def _look_up_all(self, node: GraphNode) -> None:
        for declared in NODES[node.type].inputs:
            self._literal(node, declared, note_use=False)

    def _visit(self, node: GraphNode) -> None:
        before = len(self.problems)
        declared, links = NODES[node.type], self.links[node.id]
        values = {one.name: self._value(node, one) for one in declared.inputs}
        if len(self.problems) > before:
            return
        self._note_own(node.id, declared.check(values))
        if len(self.problems) > before:
            return
        try:
            outputs = {**(declared.fold(values) or {}), **declared.outline(values)}
            cost = declared.cost(values)
        except WrongValue as wrong:
            self._note_own(node.id, [wrong.problem])
            return
        self._check_size(node.id, outputs.values())
        if declared.keeps:
            self._check_kept(node.id, values["picture"].count)
        self._check_generation(node.id, declared, declared.asked(values))
        if len(self.problems) > before:
            return
        self.nodes[node.id] = CheckedNode(
            id=node.id,
            node=declared,
            label=node.label,
            values=values,
            links={
                name: (edge.source, edge.output)
                for name, edge in links.items()
                if _output_type(self.graph, edge) in MADE_TYPES
            },
            outputs=outputs,
            cost=cost,
        )

    def _note_own(self, node_id: str, problems: Iterable[Problem]) -> None:
        for problem in problems:
            if len(self.problems) < MAX_PROBLEMS:
                self.problems.append(replace(problem, node=node_id))

    def _value(self, node: GraphNode, declared: Input) -> Any:
        edge = self.links[node.id].get(declared.name)
        if edge is None:
            return self._literal(node, declared, note_use=True)
        value = self.nodes[edge.source].outputs[edge.output]
        if declared.takes == "link":
            return value
        try:
            return declared.read(value)
        except WrongValue as wrong:
            self._note_own(node.id, [wrong.problem])
            return None

    def _literal(self, node: GraphNode, declared: Input, *, note_use: bool) -> Any:
        if declared.name in node.inputs:
            value = node.inputs[declared.name]
        elif not declared.required:
            value = declared.default
        else:
            if note_use:
                self.note(Code.MISSING_INPUT, node.id, at=declared.name)
            return None
        if value is None:
            return 0 if declared.type is ValueType.SEED else None
        if declared.type not in self.found:
            return value
        try:
            facts = self._look_up(declared, value)
        except WrongValue as wrong:
            self._note_own(node.id, [replace(wrong.problem, input=declared.name)])
            return None
        if facts is None:
            self.note(Code.NOT_FOUND, node.id, at=declared.name)
        elif isinstance(facts, ModelFacts) and declared.kinds and facts.kind not in declared.kinds:
            self.note(Code.BAD_VALUE, node.id, at=declared.name, reason="wrong_kind")
        elif note_use:
            self.found[declared.type].add(value)
        return facts

    def _look_up(self, declared: Input, value: str) -> ModelFacts | PictureFacts | str | None:
        if declared.type is ValueType.MODEL_KEY:
            if value not in self._models:
                self._models[value] = self.finder.model(value)
            return self._models[value]
        if declared.type is ValueType.PICTURE_NAME:
            outline = self.finder.picture(value)
            return None if outline is None else PictureFacts(name=value, outline=outline)
        return value if self.finder.board(value) else None

    def _check_size(self, node_id: str, outputs: Iterable[Any]) -> None:
        for outline in outputs:
            if not isinstance(outline, Outline):
                continue
            if outline.count > MAX_PICTURES:
                self.note(
                    Code.TOO_LARGE,
                    node_id,
                    reason="too_many_pictures",
                    count=outline.count,
                    most=MAX_PICTURES,
                )
            elif max(outline.size) > MAX_SIDE or min(outline.size) < 1:
                size = f"{outline.width} × {outline.height}"
                self.note(Code.TOO_LARGE, node_id, reason="too_wide", size=size, most=MAX_SIDE)
            elif self._pixels <= MAX_RUN_PIXELS:
                self._pixels += outline.pixels
                if self._pixels > MAX_RUN_PIXELS:
                    self.note(Code.TOO_LARGE, node_id, reason="too_many_pixels")

    def _check_kept(self, node_id: str, count: int) -> None:
        if self._kept <= MAX_PICTURES:
            self._kept += count
            if self._kept > MAX_PICTURES:
                self.note(
                    Code.TOO_LARGE,
                    node_id,
                    reason="too_many_kept",
                    count=self._kept,
                    most=MAX_PICTURES,
                )

    def _check_generation(
        self, node_id: str, declared: Node, asked: Mapping[str, Any] | None
    ) -> None:
        if asked is None:
            return
        for field, message in self.finder.generation_problems(asked).items():
            name = declared.fields.get(field) or declared.fields.get(field.partition(".")[0])
            name = name or field.partition(".")[0]
            shown = name if declared.input(name) is not None else None
            self.note(Code.BAD_VALUE, node_id, at=shown, reason="generation", message=message)


def _output_type(graph: Graph, edge: Edge) -> ValueType | None:
    output = NODES[graph.nodes[edge.source].type].output(edge.output)
    return None if output is None else output.type
