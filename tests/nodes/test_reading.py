"""What is a document of a workflow, and what is refused of one, with the node that is wrong."""

import json
import math
from typing import Any

import pytest

from gpu_tasks.nodes.graph import (
    MAX_BYTES,
    MAX_EDGES,
    MAX_NODES,
    FormField,
    fill_inputs,
    freeze_seeds,
    read_document,
)
from gpu_tasks.nodes.problems import MAX_PROBLEMS, InvalidGraph
from gpu_tasks.nodes.values import ValueType
from tests.nodes.graphs import OWN_PICTURE, document, problems_of


def _one(**node: Any) -> dict[str, Any]:
    """Write a document with a single node, which would be right without `node`."""
    return {"easel_workflow": 1, "nodes": [{"id": "a", "type": "blur", **node}]}


def _problems(given: object) -> list[tuple[str, str | None, str | None]]:
    with pytest.raises(InvalidGraph) as refused:
        read_document(given)
    return [(str(one.code), one.node, one.input) for one in refused.value.problems]


@pytest.mark.parametrize(
    "given",
    [
        None,
        [],
        "{}",
        {},
        {"easel_workflow": 1},
        {"easel_workflow": 2, "nodes": []},
        {"easel_workflow": True, "nodes": []},
        {"easel_workflow": "1", "nodes": []},
        {"easel_workflow": 1, "nodes": {}},
        {"easel_workflow": 1, "nodes": [], "edges": {}},
        {"easel_workflow": 1, "nodes": [], "form": None},
        {"easel_workflow": 1, "nodes": [], "extra": 1},
    ],
    ids=lambda given: json.dumps(given),
)
def test_what_is_no_document_at_all(given: object) -> None:
    assert _problems(given) == [("not_a_document", None, None)]


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        pytest.param({"id": "A"}, ("bad_id", "#0", None), id="capital"),
        pytest.param({"id": ""}, ("bad_id", "#0", None), id="empty id"),
        pytest.param({"id": "a" * 41}, ("bad_id", "#0", None), id="long id"),
        pytest.param({"id": "a\n"}, ("bad_id", "#0", None), id="line end"),
        pytest.param({"id": 7}, ("bad_id", "#0", None), id="number as id"),
        pytest.param({"id": "__proto__"}, ("bad_id", "#0", None), id="__proto__"),
        pytest.param({"id": "constructor"}, ("bad_id", "#0", None), id="constructor"),
        pytest.param({"type": "no_such"}, ("unknown_type", "a", None), id="type"),
        pytest.param({"type": "__proto__"}, ("unknown_type", "a", None), id="type __proto__"),
        pytest.param({"type": ["blur"]}, ("unknown_type", "a", None), id="list as type"),
        pytest.param({"version": 2}, ("unknown_version", "a", None), id="version"),
        pytest.param({"version": True}, ("unknown_version", "a", None), id="true as version"),
        pytest.param({"position": [0]}, ("bad_position", "a", None), id="one number"),
        pytest.param({"position": [0, math.nan]}, ("bad_position", "a", None), id="NaN"),
        pytest.param({"position": [0, math.inf]}, ("bad_position", "a", None), id="infinity"),
        pytest.param({"position": [0, 10**400]}, ("bad_position", "a", None), id="10^400"),
        pytest.param({"position": [0, True]}, ("bad_position", "a", None), id="true as place"),
        pytest.param({"label": "x" * 81}, ("bad_value", "a", None), id="long label"),
        pytest.param({"label": "\ud800"}, ("bad_value", "a", None), id="half a surrogate"),
        pytest.param({"colour": "red"}, ("not_a_document", "a", None), id="unknown key"),
        pytest.param({"inputs": []}, ("bad_value", "a", None), id="list of inputs"),
        pytest.param({"inputs": {"nope": 1}}, ("unknown_input", "a", "nope"), id="input"),
        pytest.param({"inputs": {"": 1}}, ("unknown_input", "a", None), id="input without name"),
        pytest.param(
            {"inputs": {"__proto__": {}}}, ("unknown_input", "a", "__proto__"), id="input __proto__"
        ),
        pytest.param({"inputs": {"picture": "x"}}, ("bad_value", "a", "picture"), id="link only"),
        pytest.param({"inputs": {"picture": None}}, ("bad_value", "a", "picture"), id="null link"),
        pytest.param({"inputs": {"radius": "1"}}, ("bad_value", "a", "radius"), id="text"),
        pytest.param({"inputs": {"radius": True}}, ("bad_value", "a", "radius"), id="true"),
        pytest.param({"inputs": {"radius": None}}, ("bad_value", "a", "radius"), id="null"),
        pytest.param({"inputs": {"radius": -0.1}}, ("bad_value", "a", "radius"), id="too small"),
        pytest.param({"inputs": {"radius": 1e308}}, ("bad_value", "a", "radius"), id="1e308"),
        pytest.param({"inputs": {"radius": 10**308}}, ("bad_value", "a", "radius"), id="10^308"),
        pytest.param({"inputs": {"radius": math.nan}}, ("bad_value", "a", "radius"), id="nan"),
        pytest.param({"inputs": {"radius": [[[]]]}}, ("bad_value", "a", "radius"), id="lists"),
    ],
)
def test_a_wrong_node_is_named(node: dict[str, Any], expected: tuple[str, str, str]) -> None:
    assert _problems(_one(**node)) == [expected]


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        ("integer", "value", 2.5),
        ("integer", "value", 2**53),
        ("resize", "width", 4097),
        ("resize", "fit", "cut"),
        ("resize", "fit", ["crop"]),
        ("resize", "colour", "red"),
        ("resize", "colour", "#ffffff\n"),
        ("seed", "seed", 2**32),
        ("seed", "seed", -1),
        ("seamless", "x", 1),
        ("model", "key", ""),
        ("model", "key", "k" * 65),
        ("model", "key", None),
        ("load_picture", "name", "../../etc/passwd"),
        ("load_picture", "name", OWN_PICTURE.replace("-", "")),
        ("save_to_board", "board", None),
        ("text", "text", "x" * 10_001),
        ("text", "text", "a\0b"),
    ],
)
def test_a_literal_outside_of_its_limits(kind: str, name: str, value: object) -> None:
    assert _problems(_one(type=kind, inputs={name: value})) == [("bad_value", "a", name)]


def test_numbers_are_read_as_what_they_mean() -> None:
    graph = read_document(
        document({"a": ("resize", {"width": 20.0, "height": 30}), "b": ("blur", {"radius": 2})})
    )

    width, radius = graph.nodes["a"].inputs["width"], graph.nodes["b"].inputs["radius"]
    assert (width, type(width)) == (20, int)
    assert (radius, type(radius)) == (2.0, float)


def test_two_nodes_of_one_id() -> None:
    given = _one()
    given["nodes"].append({"id": "a", "type": "grey"})

    assert _problems(given) == [("duplicate_id", "a", None)]


def test_the_first_node_that_is_too_many_is_named() -> None:
    nodes = {f"n{number}": ("seed",) for number in range(10_000)}

    assert _problems(document(nodes)) == [("too_many_nodes", f"n{MAX_NODES}", None)]


def test_the_end_of_the_first_link_that_is_too_many_is_named() -> None:
    edge = {"from": ["a", "picture"], "to": ["a", "picture"]}
    given = {**_one(), "edges": [edge] * MAX_EDGES + [{"from": ["a", "x"], "to": ["b", "y"]}]}

    assert _problems(given) == [("too_many_edges", "b", None)]


@pytest.mark.parametrize(
    ("edge", "node"),
    [
        (3, None),
        ({"from": ["a", "picture"]}, "a"),
        ({"from": ["a", "picture"], "to": ["b"]}, "b"),
        ({"from": ["a", "picture"], "to": ["b", "x", "y"]}, "b"),
        ({"from": ["a", 1], "to": ["b", "x"]}, "b"),
        ({"from": ["a", "p"], "to": ["b", "x"], "via": 1}, "b"),
    ],
)
def test_a_link_of_a_wrong_form(edge: object, node: str | None) -> None:
    assert _problems({**_one(), "edges": [edge]}) == [("not_a_document", node, None)]


@pytest.mark.parametrize("field", [1, {}, {"node": "a"}, {"node": "A", "input": "radius"}])
def test_a_form_field_of_a_wrong_form(field: object) -> None:
    assert _problems({**_one(), "form": [field]}) == [("bad_form", None, None)]


def test_a_form_of_too_many_fields() -> None:
    given = {**_one(), "form": [{"node": "a", "input": "radius"}] * 51}

    assert _problems(given) == [("bad_form", None, None)]


def test_a_document_of_too_many_bytes() -> None:
    texts = {f"t{number}": ("text", {"text": "한" * 9_000}) for number in range(10)}

    assert len(json.dumps(document(texts), ensure_ascii=False).encode()) > MAX_BYTES
    assert _problems(document(texts)) == [("too_large", None, None)]


def test_no_more_problems_are_told_than_anyone_reads() -> None:
    nodes = {f"n{number}": ("blur", {"radius": -1, "x": 1}) for number in range(MAX_NODES)}

    assert len(_problems(document(nodes))) == MAX_PROBLEMS


def test_a_document_comes_back_as_it_was() -> None:
    given = {
        "easel_workflow": 1,
        "name": "이름",
        "description": "…",
        "nodes": [
            {
                "id": "a",
                "type": "blur",
                "version": 1,
                "label": "Soft",
                "position": [10.5, -3.0],
                "inputs": {"radius": 2.5},
            },
            {
                "id": "b",
                "type": "seed",
                "version": 1,
                "label": "",
                "position": [0.0, 0.0],
                "inputs": {"seed": None},
            },
        ],
        "edges": [{"from": ["a", "picture"], "to": ["a", "picture"]}],
        "form": [{"node": "a", "input": "radius", "title": "How soft"}],
    }

    graph = read_document(given)

    assert graph.to_json() == given
    assert graph.form == (FormField("a", "radius", "How soft"),)


def test_values_are_filled_in() -> None:
    graph = read_document(document({"a": ("blur", {"radius": 1}), "b": ("text", {"text": "x"})}))

    filled = fill_inputs(graph, {"a.radius": 3, "b.text": "y"})

    assert (filled.nodes["a"].inputs, filled.nodes["b"].inputs) == ({"radius": 3.0}, {"text": "y"})
    assert graph.nodes["a"].inputs == {"radius": 1.0}


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("a.radius", -1, ("bad_value", "a", "radius")),
        ("a.nope", 1, ("unknown_input", "a", "nope")),
        ("a", 1, ("unknown_input", "a", None)),
        ("c.radius", 1, ("unknown_node", "c", None)),
        ("<b>.radius", 1, ("unknown_node", None, None)),
        ("a.picture", "x", ("bad_value", "a", "picture")),
    ],
)
def test_values_that_cannot_be_filled_in(
    path: str, value: object, expected: tuple[str, str | None, str | None]
) -> None:
    graph = read_document(_one())

    with pytest.raises(InvalidGraph) as refused:
        fill_inputs(graph, {path: value})

    (problem,) = refused.value.problems
    assert (problem.code, problem.node, problem.input) == expected


def test_seeds_left_to_chance_are_frozen_and_no_others() -> None:
    graph = read_document(
        document(
            {
                "left": ("seed",),
                "null": ("seed", {"seed": None}),
                "told": ("seed", {"seed": 7}),
                "linked": ("pick_text", {"lines": "a", "seed": ("told", "seed")}),
            }
        )
    )
    drawn = iter(range(100, 200))

    frozen = freeze_seeds(graph, lambda _place: next(drawn))

    assert {key: node.inputs.get("seed") for key, node in frozen.nodes.items()} == {
        "left": 100,
        "null": 101,
        "told": 7,
        "linked": None,
    }
    assert freeze_seeds(frozen, lambda _place: next(drawn)) == frozen


def test_what_a_document_names_is_known_before_it_is_checked() -> None:
    graph = read_document(
        document(
            {
                "a": ("model", {"key": "main-model"}),
                "b": ("load_picture", {"name": OWN_PICTURE}),
                "c": ("load_picture", {"name": OWN_PICTURE}),
            }
        )
    )

    assert graph.named(ValueType.MODEL_KEY) == {"main-model"}
    assert graph.named(ValueType.PICTURE_NAME) == {OWN_PICTURE}
    assert graph.named(ValueType.BOARD) == frozenset()


def test_an_empty_document_is_one_and_makes_nothing() -> None:
    assert problems_of({"easel_workflow": 1, "nodes": []}) == [("no_output", None, None)]
