"""Whatever a file says about itself: reading it raises nothing, and the result can be stored."""

import copy
import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.images.foreign_parameters import read_parameters
from apps.images.foreign_parameters.fields import MOST_LORAS, MOST_PROMPT
from apps.images.foreign_parameters.values import MOST_TEXT
from tests.images import foreign_files as written

NAMES = [
    *("easel", "parameters", "invokeai_metadata", "invokeai_workflow", "invokeai_graph"),
    *("sd-metadata", "Dream", "prompt", "workflow"),
]
FIELDS = [
    *("prompt", "positive_prompt", "negative_prompt", "seed", "steps", "cfg_scale", "cfg"),
    *("guidance", "guidance_scale", "scheduler", "sampler_name", "width", "height", "model"),
    *("model_name", "name", "loras", "lora", "weight", "strength", "denoise", "image", "inputs"),
    *("class_type", "text", "positive", "negative", "latent_image", "1", "2"),
]
any_text = st.text(st.characters(exclude_categories=[]), max_size=40)
any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | any_text | st.just(["1", 0]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(FIELDS) | any_text, inner, max_size=6)
    ),
    max_leaves=30,
)
SOURCES = {"easel", "invokeai", "a1111", "comfyui"}
KINDS = {
    "source": str,
    "prompt": str,
    "negative_prompt": str,
    "seed": int,
    "steps": int,
    "guidance_scale": float,
    "scheduler": str,
    "scheduler_name": str,
    "width": int,
    "height": int,
    "model": str,
    "model_name": str,
    "strength": float,
    "loras": list,
}


def read(texts: dict[str, str]) -> dict[str, Any]:
    """Read `texts`, and check that PostgreSQL would take what is found, and pages show it."""
    found = read_parameters(texts)
    if found is None:
        return {}
    stored = json.dumps([found.metadata, found.workflow], allow_nan=False, ensure_ascii=False)
    stored.encode("utf-8")
    assert "\\u0000" not in stored
    assert found.metadata["source"] in SOURCES
    for name, value in found.metadata.items():
        assert type(value) is KINDS[name]
    assert found.workflow is None or found.workflow != {}
    return found.metadata


@given(st.dictionaries(st.sampled_from(NAMES), any_text, max_size=4))
def test_any_text(texts: dict[str, str]) -> None:
    read(texts)


@settings(max_examples=300)
@given(st.dictionaries(st.sampled_from(NAMES), any_json, max_size=3))
def test_any_json(values: dict[str, Any]) -> None:
    read({name: json.dumps(value) for name, value in values.items()})


@settings(max_examples=200)
@given(st.text('Steps: 20,"\\\n<>lora', max_size=60))
def test_any_line_of_settings(text: str) -> None:
    read({"parameters": f"x\nSteps: 20, {text}"})
    read({"Dream": f'"{text}" -s50 {text}'})


@settings(max_examples=300)
@given(st.data())
def test_any_value_in_a_place_where_tools_have_another(data: st.DataObject) -> None:
    name, whole = data.draw(
        st.sampled_from(
            [
                ("invokeai_metadata", written.INVOKEAI_3),
                ("invokeai_metadata", written.INVOKEAI_5),
                ("sd-metadata", written.INVOKEAI_2),
                ("prompt", written.COMFYUI_SD),
                ("prompt", written.COMFYUI_FLUX),
            ]
        )
    )
    changed: Any = copy.deepcopy(whole)
    place: Any = changed
    key = data.draw(st.sampled_from(sorted(place)))
    while isinstance(place[key], dict) and place[key] and data.draw(st.booleans()):
        place = place[key]
        key = data.draw(st.sampled_from(sorted(place)))
    place[key] = data.draw(any_json)
    read({name: json.dumps(changed)})


@pytest.mark.parametrize("value", [True, "7.5", -1, 2**64, 1.5, None, [7], {"seed": 7}, "x", ""])
def test_one_wrong_value_takes_no_other_with_it(value: object) -> None:
    assert read({"easel": json.dumps({"seed": value, "steps": 20})}) == {
        "source": "easel",
        "steps": 20,
    }


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "9" * 5000, "9" * 41])
def test_numbers_that_cannot_be_stored_are_left_out(number: str) -> None:
    text = f'{{"prompt": "x", "guidance_scale": {number}, "seed": {number}}}'
    graph = f'{{"nodes": [{number}, 1]}}'
    found = read_parameters({"easel": text, "workflow": graph})

    assert found is not None
    assert found.metadata == {"source": "easel", "prompt": "x"}
    assert found.workflow == {"nodes": [None, 1]}


def test_what_postgresql_refuses_is_taken_out_of_texts() -> None:
    text = json.dumps({"prompt": "a\x00b\ud800c\x1bd\ne\tf", "seed": 1})

    assert read({"easel": text})["prompt"] == "abcd\ne\tf"


def test_texts_are_cut() -> None:
    loras = [{"name": "x" * 1000, "weight": 1}] * 100
    found = read({"easel": json.dumps({"prompt": "가" * 100_000, "loras": loras})})

    assert found["prompt"] == "가" * MOST_PROMPT
    assert found["loras"] == [{"name": "x" * 200, "weight": 1.0}] * MOST_LORAS


@pytest.mark.parametrize("levels", [65, 500, 100_000])
def test_a_graph_that_is_too_deep_is_left_out(levels: int) -> None:
    deep = '{"a":' * levels + "1" + "}" * levels

    assert read_parameters({"workflow": deep, "invokeai_metadata": deep, "prompt": deep}) is None


def test_a_graph_of_as_many_levels_as_are_allowed_is_kept() -> None:
    found = read_parameters({"workflow": '{"a":' * 63 + "1" + "}" * 63})

    assert found is not None
    assert found.workflow is not None


def test_json_that_is_too_long_is_left_out() -> None:
    assert read_parameters({"easel": json.dumps({"prompt": "x" * MOST_TEXT})}) is None


def samplers_in_rows() -> str:
    """Make a graph in which each of many samplers is at the end of the same long way round."""
    graph: dict[str, Any] = {
        f"s{number}": {
            "class_type": "KSampler",
            "inputs": {"seed": ["n0", 0], "latent_image": ["n0", 0], "positive": ["n0", 0]},
        }
        for number in range(240)
    }
    for number in range(240):
        link = [f"n{number + 1}" if number < 239 else "s0", 0]
        inputs = {"samples": link, "seed": link, "text": link, "conditioning": link, "model": link}
        graph[f"n{number}"] = {"class_type": "Odd", "inputs": inputs}
    return json.dumps(graph)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("parameters", "x\nSteps: 2, " + "a" * MOST_TEXT),
        ("parameters", "x\nSteps: 2, " + 'a: "' * (MOST_TEXT // 4)),
        ("parameters", "x\nSteps: 2, " + 'a: "\\' * (MOST_TEXT // 5)),
        ("parameters", "x\nSteps: 2, " + "," * MOST_TEXT),
        ("parameters", "<lora:" * (MOST_TEXT // 6) + "\nSteps: 2"),
        ("parameters", "Steps: " * (MOST_TEXT // 7)),
        ("Dream", '"' + "\\a" * (MOST_TEXT // 2)),
        ("Dream", '"x" ' + "-s " * (MOST_TEXT // 3)),
        ("Dream", '"x" -s' + " " * MOST_TEXT),
        ("Dream", '"' + "[" * (MOST_TEXT - 10) + '"'),
        ("workflow", "[" * MOST_TEXT),
        ("prompt", samplers_in_rows()),
    ],
)
def test_nothing_takes_long(name: str, text: str) -> None:
    started = time.process_time()
    read({name: text[:MOST_TEXT]})

    assert time.process_time() - started < 1
