"""What holds for every node there is, whoever declared it."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any

import pytest

from gpu_tasks.nodes.declaring import CATEGORY_TITLES, Input, Node
from gpu_tasks.nodes.problems import PROBLEM_TEXTS, Code, WrongValue
from gpu_tasks.nodes.registry import NODES
from gpu_tasks.nodes.schema import palette
from gpu_tasks.nodes.values import LINK_TYPES, MADE_TYPES, TYPE_TITLES, ValueType, accepted_types

_NAME = re.compile("[a-z][a-z0-9_]{0,39}")
EVERY_NODE = pytest.mark.parametrize("node", NODES.values(), ids=list(NODES))


def test_there_are_enough_nodes_in_every_category() -> None:
    assert len(NODES) >= 40
    assert {node.category for node in NODES.values()} >= set(CATEGORY_TITLES) - {"diffusion"}


def test_no_type_is_declared_twice() -> None:
    from gpu_tasks.nodes.registry import _MODULES

    assert len(NODES) == sum(len(module.NODES) for module in _MODULES)


@EVERY_NODE
def test_names_can_stand_in_a_document(node: Node) -> None:
    assert _NAME.fullmatch(node.type)
    for names in ([one.name for one in node.inputs], [one.name for one in node.outputs]):
        assert all(map(_NAME.fullmatch, names))
        assert len(set(names)) == len(names)


@EVERY_NODE
def test_words_are_short_and_are_there(node: Node) -> None:
    assert 0 < len(node.title) <= 30
    assert node.description.endswith(".")
    assert len(node.description) <= 120
    assert all([one.title for one in node.inputs] + [one.title for one in node.outputs])


@EVERY_NODE
def test_every_default_is_a_value_of_its_input(node: Node) -> None:
    for one in node.inputs:
        if one.required or one.default is None:
            continue
        assert one.read(one.default) == one.default


@EVERY_NODE
def test_a_choice_has_choices_and_a_model_a_kind(node: Node) -> None:
    for one in node.inputs:
        assert bool(one.choices) == (one.type is ValueType.CHOICE)
        assert bool(one.kinds) == (one.type is ValueType.MODEL_KEY)
        assert bool(one.shown_as) == (one.type not in LINK_TYPES)


@EVERY_NODE
def test_what_makes_nothing_new_is_folded(node: Node) -> None:
    makes = any(output.type in MADE_TYPES for output in node.outputs)

    assert node.is_folded == (not makes and not node.is_output)
    assert node.outputs or node.is_output


def test_a_title_belongs_to_one_node() -> None:
    titles = [node.title for node in NODES.values()]

    assert len(set(titles)) == len(titles)


def test_every_type_has_a_title_and_accepts_itself() -> None:
    assert list(TYPE_TITLES) == list(ValueType)
    assert all(kind in accepted_types(kind) for kind in ValueType)
    assert ValueType.INTEGER in accepted_types(ValueType.NUMBER)
    assert ValueType.NUMBER not in accepted_types(ValueType.INTEGER)
    assert ValueType.MASK not in accepted_types(ValueType.PICTURE)


def test_every_code_has_words() -> None:
    assert set(Code) <= PROBLEM_TEXTS.keys()


@pytest.mark.parametrize(
    ("declared", "value", "message"),
    [
        (Input("n", "N", ValueType.INTEGER, least=1, most=9), 0, "Give a value between 1 and 9."),
        (
            Input("n", "N", ValueType.NUMBER, least=0.0, most=0.5),
            1,
            "Give a value between 0 and 0.5.",
        ),
        (Input("n", "N", ValueType.INTEGER, step=8), 12, "Give a multiple of 8."),
        (Input("t", "T", ValueType.TEXT, max_length=2), "abc", "Give at most 2 characters."),
        (Input("s", "S", ValueType.SEED), None, "Give a whole number."),
    ],
)
def test_an_input_says_what_it_takes(declared: Input, value: Any, message: str) -> None:
    with pytest.raises(WrongValue) as refused:
        declared.read(value)

    assert refused.value.problem.message == message
    assert refused.value.problem.input == declared.name


def test_the_palette_tells_an_editor_all_it_needs() -> None:
    told = palette()
    resize = next(node for node in told["nodes"] if node["type"] == "resize")
    inputs = {one["name"]: one for one in resize["inputs"]}

    assert told["types"]["number"] == {"title": "Number", "accepts": ["number", "integer"]}
    assert told["categories"][0] == {"key": "prompt", "title": "Prompts"}
    assert resize["category"] == "picture"
    assert resize["outputs"] == [{"name": "picture", "title": "Picture", "type": "picture"}]
    assert inputs["picture"] == {
        "name": "picture",
        "title": "Picture",
        "description": "",
        "type": "picture",
        "takes": "link",
        "required": True,
        "nullable": False,
        "default": None,
        "least": None,
        "most": None,
        "step": None,
        "choices": [],
        "max_length": None,
        "widget": "",
        "kinds": [],
    }
    assert inputs["width"] | {"widget": "number", "takes": "both", "most": 4096} == inputs["width"]
    assert inputs["fit"]["choices"][0] == {"value": "crop", "title": "Cut off"}


def test_declarations_load_nothing_that_only_running_needs() -> None:
    heavy = "{'torch', 'diffusers', 'numpy', 'cv2', 'django'}"
    script = (
        "import sys, gpu_tasks.nodes.schema, gpu_tasks.nodes.checking;"
        f"print(sorted({heavy} & set(sys.modules)))"
    )

    shown = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )

    assert shown.stdout == "[]\n"
