"""Graphs drawn at random: checking never breaks, and what it tells holds together."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from gpu_tasks.nodes.checking import MAX_RUN_PIXELS, CheckedGraph, check_graph
from gpu_tasks.nodes.declaring import MAX_PICTURES, MAX_SIDE, Input
from gpu_tasks.nodes.graph import read_document
from gpu_tasks.nodes.problems import MAX_PROBLEMS, InvalidGraph, Problem
from gpu_tasks.nodes.registry import NODES
from gpu_tasks.nodes.values import MADE_TYPES, Outline, accepted_types
from tests.nodes.graphs import (
    FOREIGN_PICTURE,
    MODELS,
    OWN_BOARD,
    OWN_PICTURE,
    Catalog,
    Workplace,
    run,
)

_OWN = Image.fromarray(np.random.default_rng(7).integers(0, 256, (480, 640, 3), dtype=np.uint8))
# The more of them a graph has, the more of the others find what they need.
_SOURCES = ("colour_fill", "mask_shape", "load_picture", "model", "prompt", "integer", "seed")


@st.composite
def _literal(draw: st.DrawFn, one: Input, *, hostile: bool) -> Any:
    least, most = one.range or (0, 0)
    if one.type in ("integer", "seed"):
        low = max(int(least), 1)
        small = st.integers(low, min(int(most), low + 8 * one.multiple))
        value = draw(st.integers(int(least), int(most)) if hostile else small)
        return value - value % one.multiple
    if one.type == "number":
        return draw(
            st.floats(least, most) if hostile else st.floats(max(least, 0.5), min(most, 64.0))
        )
    fitting = [key for key, kind in MODELS.items() if kind in one.kinds]
    return draw(
        {
            "text": st.sampled_from(["", "a\nb", "{x", "y" * 9000] if hostile else ["a", "b"]),
            "flag": st.booleans(),
            "choice": st.sampled_from([*one.choices, "x"] if hostile else list(one.choices)),
            "colour": st.just("#336699"),
            "board": st.just(OWN_BOARD),
            "picture_name": st.sampled_from([OWN_PICTURE, *([FOREIGN_PICTURE] if hostile else [])]),
            "model_key": st.sampled_from(list(MODELS) if hostile else fitting),
        }[one.type.value]
    )


@st.composite
def _graphs(draw: st.DrawFn) -> dict[str, Any]:
    """Write a document, of nodes that have what they need or of a hostile one."""
    hostile = draw(st.booleans())
    kinds: list[str] = []
    nodes: list[dict[str, Any]] = []
    edges: list[dict[str, list[str]]] = []
    for place in range(draw(st.integers(3, 14))):
        outputs = [
            (other, output) for other, kind in enumerate(kinds) for output in NODES[kind].outputs
        ]
        fitting = {
            kind: {
                one.name: [
                    [f"n{other}", output.name]
                    for other, output in outputs
                    if output.type in accepted_types(one.type)
                ]
                for one in node.inputs
            }
            for kind, node in NODES.items()
        }
        possible = [
            kind
            for kind, node in NODES.items()
            if hostile
            or all(
                fitting[kind][one.name]
                for one in node.inputs
                if one.required and one.takes == "link"
            )
        ]
        kind = draw(st.sampled_from(_SOURCES) if place < 3 else st.sampled_from(possible))
        inputs: dict[str, Any] = {}
        for one in NODES[kind].inputs:
            links = fitting[kind][one.name]
            if links and one.takes != "value" and (one.takes == "link" or draw(st.booleans())):
                edges.append({"from": draw(st.sampled_from(links)), "to": [f"n{place}", one.name]})
            elif one.takes != "link" and (one.required or draw(st.booleans())):
                inputs[one.name] = draw(_literal(one, hostile=hostile))
        kinds.append(kind)
        nodes.append({"id": f"n{place}", "type": kind, "inputs": inputs})
    if hostile:
        ids = st.sampled_from([*(node["id"] for node in nodes), "ghost"])
        ends = st.tuples(ids, st.sampled_from(["picture", "model", "x"])).map(list[str])
        edges += draw(st.lists(st.fixed_dictionaries({"from": ends, "to": ends}), max_size=3))
    nodes.append({"id": "save", "type": "save", "inputs": {}})
    pictures = [
        [f"n{place}", output.name]
        for place, kind in enumerate(kinds)
        for output in NODES[kind].outputs
        if output.type == "picture"
    ]
    if pictures:
        edges.append({"from": pictures[-1], "to": ["save", "picture"]})
    return {"easel_workflow": 1, "nodes": draw(st.permutations(nodes)), "edges": edges}


def _checked(given: dict[str, Any]) -> CheckedGraph | tuple[Problem, ...]:
    try:
        return check_graph(read_document(given), Catalog())
    except InvalidGraph as refused:
        return refused.problems


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(_graphs())
def test_a_graph_is_refused_with_its_nodes_or_told_in_full(given: dict[str, Any]) -> None:
    checked = _checked(given)

    assert _checked(given) == checked
    if isinstance(checked, tuple):
        ids = {node["id"] for node in given["nodes"]}
        assert 0 < len(checked) <= MAX_PROBLEMS
        assert all(one.node in ids | {"ghost"} or one.code == "no_output" for one in checked)
        assert all(one.message for one in checked)
        return
    _hold_together(checked, given)


def _hold_together(checked: CheckedGraph, given: dict[str, Any]) -> None:
    place = {node_id: number for number, node_id in enumerate(checked.order)}
    assert len(place) == len(checked.order)
    assert place.keys() | checked.dead == {node["id"] for node in given["nodes"]}
    assert not place.keys() & checked.dead
    for edge in given["edges"]:
        (source, output), (target, name) = edge["from"], edge["to"]
        if target not in place:
            continue
        assert place[source] < place[target]
        brought = checked.nodes[source].outputs[output]
        assert checked.nodes[target].values[name] == brought
    pixels = 0
    for node in checked.nodes.values():
        assert node.outputs.keys() == {output.name for output in node.node.outputs}
        assert node.cost.seconds >= 0
        for outline in node.outputs.values():
            if isinstance(outline, Outline):
                assert 1 <= outline.count <= MAX_PICTURES
                assert 1 <= min(outline.size) <= max(outline.size) <= MAX_SIDE
                pixels += outline.pixels
    assert pixels <= MAX_RUN_PIXELS
    running = [node.id for node in checked.running]
    assert running == [node_id for node_id in checked.order if node_id in set(running)]
    for node in checked.running:
        assert not node.is_folded
        assert {source for source, _output in node.links.values()} <= set(running)
        assert all(
            checked.nodes[source].node.output(output).type in MADE_TYPES  # type: ignore[union-attr]
            for source, output in node.links.values()
        )


@settings(deadline=None, max_examples=80, suppress_health_check=list(HealthCheck))
@given(_graphs())
def test_what_runs_makes_what_was_told(given: dict[str, Any]) -> None:
    checked = _checked(given)
    if isinstance(checked, tuple) or any(
        node.node.category == "diffusion" for node in checked.running
    ):
        return
    workplace = Workplace(gallery={OWN_PICTURE: _OWN})

    made = run(checked, workplace)

    for node in checked.running:
        for name, outline in node.outputs.items():
            if isinstance(outline, Outline):
                pictures = made[node.id][name]
                assert Outline(len(pictures), *pictures[0].size) == outline
                assert {one.size for one in pictures} == {outline.size}
    assert [one.node for one in workplace.kept]
