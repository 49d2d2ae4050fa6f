"""The JSON Schema and the reader agree on what a document is."""

from __future__ import annotations

import json
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gpu_tasks.nodes.declaring import Input
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


_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)


class _Writer:
    """Draws a document that is right but for what it draws wrong on purpose, the more the worse."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.hostility = draw(st.sampled_from([0, 1, 3]))

    def chance(self, of_twenty: int) -> bool:
        return self.draw(st.sampled_from(range(20))) < of_twenty

    def may(self, good: st.SearchStrategy[Any], *bad: Any) -> Any:
        """Draw a good value mostly, and a bad one or anything at all now and then."""
        if not self.hostility or not self.chance(self.hostility):
            return self.draw(good)
        return self.draw(st.sampled_from(bad) | _JUNK if bad else _JUNK)

    def document(self) -> dict[str, Any]:
        written = {
            "easel_workflow": self.may(st.sampled_from([1, 1.0]), 2, True),
            "nodes": self.may(st.just([self.node() for _ in range(self.draw(st.integers(0, 3)))])),
            "name": self.may(_TEXT),
            "description": self.may(_TEXT),
            "edges": self.may(st.just([self.edge() for _ in range(self.draw(st.integers(0, 2)))])),
            "form": self.may(st.just([self.field() for _ in range(self.draw(st.integers(0, 2)))])),
        }
        return self.some_of(written, needed=2)

    def some_of(self, written: dict[str, Any], *, needed: int) -> dict[str, Any]:
        """Leave out some of what may be left out, and of the rest too if it is to be wrong."""
        kept = {
            key: value
            for place, (key, value) in enumerate(written.items())
            if self.draw(st.booleans())
            or (place < needed and not (self.hostility and self.chance(1)))
        }
        if self.hostility and self.chance(1):
            kept["extra"] = None
        return kept

    def node(self) -> Any:
        kind = self.draw(st.sampled_from(list(NODES)))
        place = st.floats(-1e6, 1e6) | st.integers(-2, 2)
        written = {
            "id": self.may(st.sampled_from(["a", "b", "c_1", "0"]), "A", "", "__proto__"),
            "type": self.may(st.just(kind), "nope"),
            "version": self.may(st.sampled_from([1, 1.0]), 2, True),
            "label": self.may(_TEXT, "x" * 81),
            "position": self.may(st.lists(place, min_size=2, max_size=2), [0], [0, 1e7]),
            "inputs": self.may(st.just(self.inputs(kind))),
        }
        return self.may(st.just(self.some_of(written, needed=2)))

    def inputs(self, kind: str) -> dict[str, Any]:
        told = [
            one for one in NODES[kind].inputs if one.takes != "link" and self.draw(st.booleans())
        ]
        inputs = {one.name: self.value(one) for one in told}
        if self.hostility and self.chance(1):
            inputs[self.draw(st.sampled_from(["nope", "", "__proto__", "picture"]))] = 1
        return inputs

    def value(self, one: Input) -> Any:
        least, most = one.range or (0, 0)
        whole = st.integers(int(least), int(most)).map(lambda value: value - value % one.multiple)
        good: st.SearchStrategy[Any] = {
            "integer": whole | st.just(float(int(most) // one.multiple * one.multiple)),
            "seed": whole,
            "number": st.floats(least, most) | st.sampled_from([least, most]),
            "text": _TEXT,
            "flag": st.booleans(),
            "choice": st.sampled_from(list(one.choices) or [""]),
            "colour": st.sampled_from(["#0a0b0c", "#FFFFFF"]),
            "model_key": st.just("main-model"),
        }.get(one.type.value, st.just(OWN_PICTURE))
        optional = st.none() | good if one.default is None else good
        return self.may(optional, None, least - 1, most + 1, 2.5, "#fffff", "x" * 10_001, "", True)

    def edge(self) -> Any:
        return self.may(st.just(self.some_of({"from": self.end(), "to": self.end()}, needed=2)))

    def end(self) -> Any:
        return [self.name("a", "b"), self.name("picture", "mask")]

    def name(self, *good: str) -> Any:
        return self.may(st.sampled_from(good), "", "A", "x" * 41)

    def field(self) -> Any:
        written = {
            "node": self.may(st.sampled_from(["a", "b"]), "__proto__", "A"),
            "input": self.name("picture", "width"),
            "title": self.may(_TEXT),
        }
        return self.may(st.just(self.some_of(written, needed=2)))


@st.composite
def _documents(draw: st.DrawFn) -> dict[str, Any]:
    return _Writer(draw).document()


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


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(_documents())
def test_schema_and_reader_agree(given: dict[str, Any]) -> None:
    codes = _codes(given)

    if _VALIDATOR.is_valid(given):
        assert codes <= _BEYOND
    else:
        assert codes - _BEYOND


@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(_JUNK)
def test_they_agree_on_any_json(given: object) -> None:
    assert _VALIDATOR.is_valid(given) == (not _codes(given))


@pytest.mark.parametrize("kind", list(NODES))
def test_they_agree_at_every_limit(kind: str) -> None:
    agreed = 0
    for one in NODES[kind].inputs:
        least, most = one.range or (0, 0)
        numbers = [*(limit + by for limit in (least, most) for by in (-1, 0, 1, 0.5)), 1e308]
        texts = ["", "a", "x" * one.max_length, "x" * (one.max_length + 1), "a\0", "#0A0b0c"]
        others: list[Any] = [
            None,
            True,
            [],
            {},
            OWN_PICTURE,
            OWN_PICTURE.upper(),
            "k" * 64,
            "k" * 65,
        ]
        for value in [*numbers, *texts, *others, *one.choices]:
            written = document({"a": (kind, {one.name: value})})
            assert _VALIDATOR.is_valid(written) == (not _codes(written)), (one.name, value)
            agreed += 1
    assert agreed >= 20 * len(NODES[kind].inputs)


@pytest.mark.parametrize(
    "name",
    ["a", "0", "_", "a" * 40, "a" * 41, "", "A", "a b", "a\n", "__proto__", "constructor", 1],
)
def test_they_agree_on_ids(name: object) -> None:
    written = {"easel_workflow": 1, "nodes": [{"id": name, "type": "grey"}]}
    asked = {**document({"a": ("grey",)}), "form": [{"node": name, "input": "picture"}]}

    assert _VALIDATOR.is_valid(written) == (not _codes(written))
    assert _VALIDATOR.is_valid(asked) == (not _codes(asked))


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


@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(_documents())
def test_what_is_read_is_written_and_read_again(given: dict[str, Any]) -> None:
    if _codes(given):
        return
    graph = read_document(given)

    assert read_document(json.loads(json.dumps(graph.to_json()))) == graph
    assert _VALIDATOR.is_valid(graph.to_json())
