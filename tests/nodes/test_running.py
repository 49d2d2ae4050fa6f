"""Whole graphs: what runs makes what was told of it beforehand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image

from gpu_tasks.nodes.registry import NODES
from gpu_tasks.nodes.values import Outline
from tests.nodes.graphs import (
    OWN_BOARD,
    OWN_PICTURE,
    Kept,
    Workplace,
    check,
    document,
    problems_of,
    run,
)

_OWN = Image.fromarray(np.random.default_rng(7).integers(0, 256, (480, 640, 3), dtype=np.uint8))
# What every node with pictures is run with, beside its defaults.
_INPUTS: dict[str, dict[str, Any]] = {
    "control": {"key": "edges"},
    "load_picture": {"name": OWN_PICTURE},
    "save_to_board": {"board": OWN_BOARD},
    "crop": {"x": 3, "y": 5, "width": 20, "height": 30},
    "pad": {"left": 7, "bottom": 2},
    "resize": {"width": 33, "height": 47},
    "rotate": {"angle": 33.3},
    "mask_shape": {"width": 40, "height": 50},
    "colour_fill": {"width": 40, "height": 50},
}
_SINGLE = {"control"}
_RUNNING = [
    kind for kind, node in NODES.items() if not node.is_folded and node.category != "diffusion"
]


def _around(kind: str, *, batch: bool) -> dict[str, Any]:
    """Write a graph that feeds a node a batch of two (or a single) 40 × 50 pictures and masks."""
    nodes: dict[str, Any] = {
        "own": ("load_picture", {"name": OWN_PICTURE}),
        "small": ("resize", {"picture": ("own", "picture"), "width": 40, "height": 50}),
        "fill": ("colour_fill", {"width": 40, "height": 50, "colour": "#336699"}),
        "two": ("combine_batches", {"first": ("small", "picture"), "second": ("fill", "picture")}),
        "one": ("pick_from_batch", {"picture": ("two", "picture")}),
        "mask": ("mask_from_brightness", {"picture": ("two" if batch else "one", "picture")}),
    }
    links = {
        "picture": ("two" if batch else "one", "picture"),
        "mask": ("mask", "mask"),
    }
    inputs = dict(_INPUTS.get(kind, {}))
    for declared in NODES[kind].inputs:
        if declared.type.value in links:
            inputs[declared.name] = links[declared.type.value]
    nodes["node"] = (kind, inputs)
    for output in NODES[kind].outputs:
        if output.type == "picture":
            nodes["seen"] = ("preview", {"picture": ("node", output.name)})
        elif output.type == "mask":
            nodes["shown"] = ("mask_to_picture", {"mask": ("node", output.name)})
            nodes["seen"] = ("preview", {"picture": ("shown", "picture")})
    nodes.setdefault("seen", ("preview", {"picture": ("two", "picture")}))
    return nodes


@pytest.mark.parametrize("batch", [False, True], ids=["one", "two"])
@pytest.mark.parametrize("kind", _RUNNING)
def test_a_node_makes_what_was_told_and_changes_nothing(kind: str, batch: bool) -> None:
    graph = check(_around(kind, batch=batch and kind not in _SINGLE))
    workplace = Workplace(gallery={OWN_PICTURE: _OWN})
    own = _OWN.tobytes()

    made = run(graph, workplace)

    again = run(graph, Workplace(gallery={OWN_PICTURE: _OWN}))
    for checked in graph.running:
        for output in checked.node.outputs:
            if output.type not in ("picture", "mask"):
                continue
            pictures = made[checked.id][output.name]
            outline = checked.outputs[output.name]
            assert Outline(len(pictures), *pictures[0].size) == outline
            assert {one.size for one in pictures} == {outline.size}
            assert {one.mode for one in pictures} == {"L" if output.type == "mask" else "RGB"}
            assert [one.tobytes() for one in pictures] == [
                one.tobytes() for one in again[checked.id][output.name]
            ]
    assert _OWN.tobytes() == own


def test_a_control_brings_its_picture_as_it_is() -> None:
    graph = check(
        {
            "own": ("load_picture", {"name": OWN_PICTURE}),
            "control": ("control", {"picture": ("own", "picture"), "key": "edges"}),
            "seen": ("preview", {"picture": ("own", "picture")}),
        }
    )

    # Nothing is made by it here; run by itself it holds the picture.
    assert graph.dead == {"control"}
    facts = {one.name: one.default for one in NODES["control"].inputs if not one.required}
    from tests.nodes.graphs import Catalog

    values = {**facts, "picture": (_OWN,), "key": Catalog().model("edges")}
    (control,) = NODES["control"].run(values, Workplace())["control"]
    assert control.picture is _OWN
    assert control.preprocessor == "none"


def test_results_are_kept_with_board_name_and_seeds() -> None:
    workplace = Workplace()
    made = run(
        check(
            {
                "seed": ("seed", {"seed": 2**32 - 1}),
                "fill": ("colour_fill", {"width": 8, "height": 8}),
                "two": ("repeat_batch", {"picture": ("fill", "picture")}),
                "a": (
                    "save",
                    {"picture": ("two", "picture"), "label": "Fill", "seed": ("seed", "seed")},
                ),
                "b": ("save_to_board", {"picture": ("fill", "picture"), "board": OWN_BOARD}),
            }
        ),
        workplace,
    )

    fill = made["fill"]["picture"]
    assert sorted(workplace.kept, key=lambda one: one.node) == [
        Kept("a", (*fill, *fill), None, "Fill", (2**32 - 1, 0)),
        Kept("b", fill, OWN_BOARD, "", ()),
    ]


@pytest.mark.parametrize(
    ("kind", "inputs", "name", "reason"),
    [
        (
            "blend",
            {"first": ("two", "picture"), "second": ("three", "picture")},
            "second",
            "counts",
        ),
        ("blend", {"first": ("two", "picture"), "second": ("wide", "picture")}, "second", "sizes"),
        (
            "paste",
            {"ground": ("two", "picture"), "picture": ("three", "picture")},
            "picture",
            "counts",
        ),
        (
            "paste",
            {
                "ground": ("two", "picture"),
                "picture": ("wide", "picture"),
                "mask": ("mask", "mask"),
            },
            "mask",
            "sizes",
        ),
        (
            "combine_masks",
            {"first": ("mask", "mask"), "second": ("other", "mask")},
            "second",
            "sizes",
        ),
        (
            "combine_batches",
            {"first": ("two", "picture"), "second": ("wide", "picture")},
            "second",
            "sizes",
        ),
        ("pick_from_batch", {"picture": ("two", "picture"), "first": 3}, "first", "batch"),
        (
            "pick_from_batch",
            {"picture": ("two", "picture"), "first": 2, "count": 2},
            "count",
            "batch",
        ),
        ("crop", {"picture": ("two", "picture"), "width": 9, "height": 8}, "width", "outside"),
        ("crop", {"picture": ("two", "picture"), "y": 8, "width": 8, "height": 1}, "y", "outside"),
        (
            "mask_from_brightness",
            {"picture": ("two", "picture"), "low": 9, "high": 8},
            "low",
            "low",
        ),
        ("mask_shape", {"left": 0.5, "right": 0.5}, "left", "start"),
    ],
)
def test_what_does_not_go_together_is_refused_before_it_runs(
    kind: str, inputs: dict[str, Any], name: str, reason: str
) -> None:
    nodes = {
        "fill": ("colour_fill", {"width": 8, "height": 8}),
        "two": ("repeat_batch", {"picture": ("fill", "picture"), "times": 2}),
        "three": ("repeat_batch", {"picture": ("fill", "picture"), "times": 3}),
        "wide": ("colour_fill", {"width": 9, "height": 8}),
        "mask": ("mask_from_colour", {"picture": ("fill", "picture")}),
        "other": ("mask_from_colour", {"picture": ("wide", "picture")}),
        "node": (kind, inputs),
    }
    kind_of_output = NODES[kind].outputs[0].type
    if kind_of_output == "mask":
        nodes["shown"] = ("mask_to_picture", {"mask": ("node", "mask")})
    source = "shown" if kind_of_output == "mask" else "node"
    nodes["seen"] = ("preview", {"picture": (source, "picture")})

    assert problems_of(document(nodes)) == [("bad_value", "node", name)]
