"""Graphs drawn at random: checking never breaks, and what it tells holds together."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gpu_tasks.nodes.checking import MAX_RUN_PIXELS, CheckedGraph, check_graph
from gpu_tasks.nodes.declaring import MAX_PICTURES, MAX_SIDE, Input
from gpu_tasks.nodes.graph import read_document
from gpu_tasks.nodes.problems import MAX_PROBLEMS, InvalidGraph, Problem
from gpu_tasks.nodes.registry import NODES
from gpu_tasks.nodes.values import MADE_TYPES, Outline, accepted_types
from tests.nodes.graphs import MODELS, OWN_BOARD, OWN_PICTURE, Catalog

_KINDS = list(NODES)


@st.composite
def _literal(draw: st.DrawFn, one: Input) -> Any:
    least, most = one.range or (0, 0)
    if one.type in ("integer", "seed"):
        small = st.integers(max(int(least), -9), min(int(most), 99))
        value = draw(small | st.integers(int(least), int(most)))
        return value - value % one.multiple
    if one.type == "number":
        return draw(st.floats(max(least, -9.0), min(most, 9.0)) | st.floats(least, most))
    return draw(
        {
            "text": st.sampled_from(["", "a", "{a}", "a\nb", "low=1", "{x", "y" * 9000]),
            "flag": st.booleans(),
            "choice": st.sampled_from([*one.choices, "x"]),
            "colour": st.just("#336699"),
            "board": st.just(OWN_BOARD),
            "picture_name": st.sampled_from([OWN_PICTURE, OWN_PICTURE.replace("1", "2")]),
            "model_key": st.sampled_from(
                [key for key, kind in MODELS.items() if kind in one.kinds] or ["x"]
            ),
        }[one.type.value]
    )


@st.composite
def _graphs(draw: st.DrawFn) -> dict[str, Any]:
    """Write a document of nodes that are mostly linked to what fits, mostly to earlier ones."""
    count = draw(st.integers(1, 12))
    kinds = [draw(st.sampled_from(_KINDS)) for _ in range(count - 1)] + ["save"]
    nodes, edges = [], []
    for place, kind in enumerate(kinds):
        inputs: dict[str, Any] = {}
        for one in NODES[kind].inputs:
            fitting = [
                [f"n{other}", output.name]
                for other, other_kind in enumerate(kinds)
                for output in NODES[other_kind].outputs
                if output.type in accepted_types(one.type)
                and (other < place or draw(st.integers(0, 29)) == 0)
            ]
            wants_link = one.takes == "link" or (one.takes == "both" and draw(st.booleans()))
            if wants_link and fitting:
                edges.append(
                    {"from": draw(st.sampled_from(fitting)), "to": [f"n{place}", one.name]}
                )
            elif one.takes != "link" and (one.required or draw(st.booleans())):
                inputs[one.name] = draw(_literal(one))
        nodes.append({"id": f"n{place}", "type": kind, "inputs": inputs})
    if draw(st.integers(0, 9)) == 0:
        edges.append(
            {"from": ["n0", draw(st.sampled_from(["picture", "x"]))], "to": ["n0", "picture"]}
        )
    return {"easel_workflow": 1, "nodes": draw(st.permutations(nodes)), "edges": edges}


def _checked(given: dict[str, Any]) -> CheckedGraph | tuple[Problem, ...]:
    try:
        return check_graph(read_document(given), Catalog())
    except InvalidGraph as refused:
        return refused.problems


@settings(deadline=None, max_examples=600, suppress_health_check=[HealthCheck.too_slow])
@given(_graphs())
def test_a_graph_is_refused_with_its_nodes_or_told_in_full(given: dict[str, Any]) -> None:
    checked = _checked(given)

    assert _checked(given) == checked
    if isinstance(checked, tuple):
        ids = {node["id"] for node in given["nodes"]}
        assert 0 < len(checked) <= MAX_PROBLEMS
        assert all(one.node in ids or one.code == "no_output" for one in checked)
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
