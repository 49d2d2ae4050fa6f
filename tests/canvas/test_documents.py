"""Hostile documents: whatever is not exactly one is refused, and nothing changes."""

import json
from typing import Any

import pytest
from rest_framework.test import APIClient

from apps.canvas.documents import MAX_LAYERS
from tests.canvas.factories import document, layer, make_canvas

DEEP: Any = None
for _n in range(500):
    DEEP = [DEEP]


def without(value: dict[str, Any], field: str) -> dict[str, Any]:
    return {name: inner for name, inner in value.items() if name != field}


REFUSED: list[tuple[Any, list[str]]] = [
    (None, ["document"]),
    ([], ["document"]),
    ("{}", ["document"]),
    (DEEP, ["document"]),
    (document(version=2), ["document.version"]),
    (document(version="1"), ["document.version"]),
    (document(version=True), ["document.version"]),
    (document(width=15), ["document.width"]),
    (document(width=64.5), ["document.width"]),
    (document(width=10**30), ["document.width"]),
    (document(width=8192, height=8192), ["document.width"]),
    (document(more=1), ["document"]),
    (without(document(), "box"), ["document.box"]),
    (document(layers={}), ["document.layers"]),
    (document(layers=[1]), ["document.layers.0"]),
    (document(layer(), without(layer(), "x")), ["document.layers.1.x"]),
    (document(layer(more="x")), ["document.layers.0"]),
    (document(layer(id="a"), layer(id="a")), ["document.layers"]),
    (document(layer(id="")), ["document.layers.0.id"]),
    (document(layer(id="x" * 65)), ["document.layers.0.id"]),
    (document(layer(id="<b>")), ["document.layers.0.id"]),
    (document(layer(id="a b")), ["document.layers.0.id"]),
    (document(layer(kind="script")), ["document.layers.0.kind"]),
    (document(layer(name="x" * 101)), ["document.layers.0.name"]),
    (document(layer(name="\0")), ["document.layers.0.name"]),
    (document(layer(name=5)), ["document.layers.0.name"]),
    (document(layer(visible=1)), ["document.layers.0.visible"]),
    (document(layer(locked="no")), ["document.layers.0.locked"]),
    (document(layer(opacity=1.01)), ["document.layers.0.opacity"]),
    (document(layer(opacity=-0.01)), ["document.layers.0.opacity"]),
    (document(layer(opacity=True)), ["document.layers.0.opacity"]),
    (document(layer(opacity="1")), ["document.layers.0.opacity"]),
    (document(layer(x=10**400)), ["document.layers.0.x"]),
    (document(layer(x=32_769)), ["document.layers.0.x"]),
    (document(layer(width=0)), ["document.layers.0.width"]),
    (document(layer(width=8193)), ["document.layers.0.width"]),
    (document(layer(image="../../etc/passwd")), ["document.layers.0.image"]),
    (document(layer(image=False)), ["document.layers.0.image"]),
    (document(box=None), ["document.box"]),
    (document(box={"x": 0, "y": 0, "width": 0, "height": 64}), ["document.box.width"]),
    (document(*[layer()] * (MAX_LAYERS + 1)), ["document.layers"]),
]


@pytest.mark.parametrize(("wrong", "fields"), REFUSED)
def test_what_is_no_document_is_refused(api: APIClient, wrong: Any, fields: list[str]) -> None:
    canvas = make_canvas(api)

    answer = api.put(canvas["url"], {"version": 1, "document": wrong}, format="json")

    assert answer.status_code == 422, answer.json()
    # Where it is of another type than asked for, no field of it is wrong but the whole.
    found = [name.removesuffix(".non_field_errors") for name in answer.json()["invalid_fields"]]
    assert found == fields
    assert api.get(canvas["url"]).json() == canvas


@pytest.mark.parametrize("version", [None, 0, -1, "1", True, 1.0, 2**31])
def test_a_version_is_a_whole_number(api: APIClient, version: Any) -> None:
    canvas = make_canvas(api)

    body = {"version": version, "document": document()}
    answer = api.put(canvas["url"], body, format="json")

    assert (answer.status_code, answer.json()["invalid_fields"]) == (422, ["version"])
    assert api.get(canvas["url"]).json() == canvas


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_what_is_no_number_is_refused(api: APIClient, number: str) -> None:
    canvas = make_canvas(api)
    body = json.dumps({"version": 1, "document": document(layer(x=123456))})

    body = body.replace("123456", number)
    answer = api.put(canvas["url"], body, content_type="application/json")

    assert answer.status_code in (400, 422)
    assert api.get(canvas["url"]).json() == canvas


def test_a_name_of_a_field_that_is_not_known_is_not_said_again(api: APIClient) -> None:
    canvas = make_canvas(api)
    wrong = document(**{"<script>": 1})

    answer = api.put(canvas["url"], {"version": 1, "document": wrong}, format="json")

    assert answer.status_code == 422
    assert b"script" not in answer.content


def test_as_many_layers_as_there_may_be_are_kept(api: APIClient) -> None:
    canvas = make_canvas(api)
    layers = [layer() for _n in range(MAX_LAYERS)]

    answer = api.put(canvas["url"], {"version": 1, "document": document(*layers)}, format="json")

    assert answer.status_code == 200
    assert api.get(canvas["url"]).json()["document"]["layers"] == layers
