"""The JSON Schema and the reader agree on what a document is."""

from __future__ import annotations

import json
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gpu_tasks.nodes.graph import read_document
from gpu_tasks.nodes.problems import Code, InvalidGraph
from gpu_tasks.nodes.registry import NODES
from gpu_tasks.nodes.schema import document_schema
from tests.nodes.graphs import OWN_PICTURE, document

SCHEMA = document_schema()
_VALIDATOR = jsonschema_rs.Draft202012Validator(SCHEMA)
# What nodes have wrong together, which no schema can say.
_BEYOND = {Code.DUPLICATE_ID, Code.TOO_LARGE}

_JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
    | st.sampled_from(["__proto__", "constructor", "a", OWN_PICTURE, "#0a0b0c", "crop", 1e308, 64]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "id", "type", "__proto__"]), inner, max_size=3)
    ),
    max_leaves=5,
)


def _may(value: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Draw a good value mostly, and anything else now and then."""
    return st.integers(0, 9).flatmap(lambda dice: _JUNK if dice == 0 else value)


@st.composite
def _inputs(draw: st.DrawFn, kind: str) -> dict[str, Any]:
    inputs: dict[str, Any] = {}
    for one in draw(st.lists(st.sampled_from(NODES[kind].inputs), max_size=4)):
        least, most = one.range or (0, 0)
        good = {
            "integer": st.integers(int(least), int(most)) | st.sampled_from([least, most, 64.0]),
            "seed": st.none() | st.integers(int(least), int(most)),
            "number": st.floats(least, most) | st.sampled_from([least, most]),
            "text": st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
            "flag": st.booleans(),
            "choice": st.sampled_from([*one.choices, "other"]),
            "colour": st.sampled_from(["#0a0b0c", "#FFFFFF", "#fffff", "red"]),
        }.get(one.type.value, st.sampled_from([OWN_PICTURE, "main-model", None]))
        inputs[one.name] = draw(_may(good))
    if draw(st.integers(0, 19)) == 0:
        inputs[draw(st.sampled_from(["nope", "", "__proto__"]))] = 1
    return inputs


@st.composite
def _nodes(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(list(NODES)))
    node = {
        "id": draw(_may(st.sampled_from(["a", "b", "c_1", "0"]))),
        "type": kind if draw(st.integers(0, 19)) else draw(_JUNK),
    }
    optional = {
        "version": st.sampled_from([1, 1, 1, 1, 1.0, 2, True]),
        "label": st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
        "position": st.lists(st.floats(-1e6, 1e6) | st.integers(-2, 2), min_size=2, max_size=2),
        "inputs": _inputs(kind),
        "extra": st.none(),
    }
    for key, value in optional.items():
        if draw(st.integers(0, 19)) < (1 if key == "extra" else 12):
            node[key] = draw(_may(value))
    return node


_NAMES = st.sampled_from(["a", "b", "picture", "", "A", "__proto__", "x" * 41])
_END = st.lists(_may(_NAMES), min_size=1, max_size=3) | st.tuples(
    st.just("a"), st.just("picture")
).map(list)
_EDGES = st.fixed_dictionaries({"from": _may(_END), "to": _may(_END)})
_FORM = st.fixed_dictionaries(
    {"node": _may(_NAMES), "input": _may(_NAMES)}, optional={"title": _may(st.just("Title"))}
)
_DOCUMENTS = st.fixed_dictionaries(
    {
        "easel_workflow": st.sampled_from([1, 1, 1, 1, 1.0, 2, True]),
        "nodes": st.lists(_nodes(), max_size=3),
    },
    optional={
        "name": _may(st.just("A name")),
        "description": _may(st.just("")),
        "edges": st.lists(_may(_EDGES), max_size=2),
        "form": st.lists(_may(_FORM), max_size=2),
    },
)


def _codes(given: object) -> set[Code]:
    try:
        read_document(given)
    except InvalidGraph as refused:
        return {one.code for one in refused.problems}
    return set()


def test_the_schema_is_one() -> None:
    jsonschema_rs.meta.validate(SCHEMA)

    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert json.loads(json.dumps(SCHEMA, allow_nan=False)) == SCHEMA


@settings(deadline=None, max_examples=400, suppress_health_check=[HealthCheck.too_slow])
@given(_DOCUMENTS)
def test_schema_and_reader_agree(given: dict[str, Any]) -> None:
    codes = _codes(given)

    if _VALIDATOR.is_valid(given):
        assert codes <= _BEYOND
    else:
        assert codes - _BEYOND


@settings(deadline=None, max_examples=200)
@given(_JUNK)
def test_they_agree_on_any_json(given: object) -> None:
    assert _VALIDATOR.is_valid(given) == (not _codes(given))


@pytest.mark.parametrize("kind", list(NODES))
def test_every_default_is_within_the_schema(kind: str) -> None:
    inputs = {
        one.name: one.default
        for one in NODES[kind].inputs
        if not one.required and one.takes != "link"
    }
    written = document({"a": (kind, inputs)})

    assert _VALIDATOR.is_valid(written)
    assert _codes(written) == set()


@settings(deadline=None, max_examples=200)
@given(_DOCUMENTS)
def test_what_is_read_is_written_and_read_again(given: dict[str, Any]) -> None:
    if _codes(given):
        return
    graph = read_document(given)

    assert read_document(json.loads(json.dumps(graph.to_json()))) == graph
    assert _VALIDATOR.is_valid(graph.to_json())
