"""What nodes of texts and numbers come to, and when they come to nothing."""

from typing import Any

import pytest

from gpu_tasks.nodes.problems import WrongValue
from tests.nodes.graphs import folded


@pytest.mark.parametrize(
    ("kind", "inputs", "expected"),
    [
        ("text", {"text": "a barn"}, "a barn"),
        ("join_texts", {"a": "one", "c": "three"}, "one, three"),
        ("join_texts", {"a": "1", "b": "2", "c": "3", "d": "4", "separator": ""}, "1234"),
        ("join_texts", {}, ""),
        (
            "replace_text",
            {"text": "a cat, a Cat", "find": "cat", "replacement": "dog"},
            "a dog, a Cat",
        ),
        ("replace_text", {"text": "aaa", "find": "a", "replacement": "ab"}, "ababab"),
        ("replace_text", {"text": "a.c", "find": ".", "replacement": "\\1"}, "a\\1c"),
        ("replace_text", {"text": "abc", "find": "", "replacement": "x"}, "abc"),
        (
            "fill_template",
            {"template": "{a} in {b}, {a}", "a": "barn", "b": "snow"},
            "barn in snow, barn",
        ),
        ("fill_template", {"template": "{{a}} {a}", "a": "{b}", "b": "no"}, "{a} {b}"),
        ("fill_template", {"template": "{a}{d}"}, ""),
        ("pick_text", {"lines": " only \n\n", "seed": 9}, "only"),
        ("integer", {"value": -3}, -3),
        ("number", {"value": 3}, 3.0),
        ("math", {"a": 7, "b": 2, "operation": "add"}, 9.0),
        ("math", {"a": 7, "b": 2, "operation": "subtract"}, 5.0),
        ("math", {"a": 7, "b": 2, "operation": "multiply"}, 14.0),
        ("math", {"a": 7, "b": 2, "operation": "divide"}, 3.5),
        ("math", {"a": -7, "b": 2, "operation": "remainder"}, 1.0),
        ("math", {"a": 2, "b": -2, "operation": "power"}, 0.25),
        ("math", {"a": -2, "b": 3, "operation": "power"}, -8.0),
        ("math", {"a": 7, "b": 2, "operation": "minimum"}, 2.0),
        ("math", {"a": 7, "b": 2, "operation": "maximum"}, 7.0),
        ("round_number", {"number": 2.5}, 3),
        ("round_number", {"number": -2.5}, -2),
        ("round_number", {"number": 2.9, "direction": "down"}, 2),
        ("round_number", {"number": 2.1, "direction": "up"}, 3),
        ("round_number", {"number": 515, "multiple": 8}, 512),
        ("round_number", {"number": 516, "multiple": 8}, 520),
        ("seed", {"seed": 5, "offset": -6}, 2**32 - 1),
    ],
)
def test_what_it_comes_to(kind: str, inputs: dict[str, Any], expected: Any) -> None:
    result = folded(kind, **inputs)

    assert (result, type(result)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("kind", "inputs", "reason", "name"),
    [
        ("math", {"a": 1, "operation": "divide"}, "division_by_zero", "b"),
        ("math", {"a": 1, "operation": "remainder"}, "division_by_zero", "b"),
        ("math", {"a": 0, "b": -1, "operation": "power"}, "division_by_zero", "b"),
        ("math", {"a": -1, "b": 0.5, "operation": "power"}, "not_real", "b"),
        ("math", {"a": 10, "b": 400, "operation": "power"}, "overflow", None),
        ("math", {"a": 1e15, "b": 1e15, "operation": "multiply"}, "overflow", None),
        ("math", {"a": 1e15, "b": 1e15, "operation": "add"}, "overflow", None),
        ("math", {"a": 1, "b": 1e-300, "operation": "divide"}, "overflow", None),
        ("pick_text", {"lines": " \n "}, "no_lines", "lines"),
        ("fill_template", {"template": "{e}"}, "bad_template", "template"),
        ("fill_template", {"template": "{a"}, "bad_template", "template"),
        ("fill_template", {"template": "{a.__class__}"}, "bad_template", "template"),
        ("fill_template", {"template": "{a}" * 3000, "a": "x" * 10_000}, "too_long", None),
        ("join_texts", {"a": "x" * 6000, "b": "x" * 6000}, "too_long", None),
        ("replace_text", {"text": "a" * 9000, "find": "a", "replacement": "bb"}, "too_long", None),
    ],
)
def test_when_it_comes_to_nothing(
    kind: str, inputs: dict[str, Any], reason: str, name: str | None
) -> None:
    with pytest.raises(WrongValue) as refused:
        folded(kind, **inputs)

    assert (refused.value.problem.reason, refused.value.problem.input) == (reason, name)


@pytest.mark.parametrize(
    ("ratio", "square", "multiple", "size"),
    [
        ("1:1", 512, 8, (512, 512)),
        ("16:9", 512, 8, (680, 384)),
        ("9:16", 512, 8, (384, 680)),
        ("4:3", 1024, 64, (1152, 896)),
        ("21:9", 2048, 64, (3136, 1344)),
        ("9:21", 64, 64, (64, 128)),
    ],
)
def test_the_size_of_an_aspect_ratio(
    ratio: str, square: int, multiple: int, size: tuple[int, int]
) -> None:
    inputs = {"ratio": ratio, "square": square, "multiple": multiple}

    assert (
        folded("size", output="width", **inputs),
        folded("size", output="height", **inputs),
    ) == size


def test_a_seed_picks_the_same_line_and_many_pick_all() -> None:
    picked = [folded("pick_text", lines="a\nb\nc", seed=seed) for seed in range(300)]

    assert picked == [folded("pick_text", lines="a\nb\nc", seed=seed) for seed in range(300)]
    assert all(70 <= picked.count(line) <= 130 for line in "abc")
