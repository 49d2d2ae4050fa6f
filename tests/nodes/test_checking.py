"""What is refused of a graph as a whole, and what is told of one beforehand."""

from collections.abc import Mapping
from typing import Any, ClassVar

import pytest

from gpu_tasks.nodes import checking
from gpu_tasks.nodes.checking import check_graph
from gpu_tasks.nodes.declaring import Cost, Values
from gpu_tasks.nodes.graph import read_document
from gpu_tasks.nodes.pictures import Resize
from gpu_tasks.nodes.problems import InvalidGraph
from gpu_tasks.nodes.registry import NODES
from gpu_tasks.nodes.values import (
    ControlValue,
    LoraValue,
    ModelValue,
    Outline,
    PromptValue,
)
from tests.nodes.graphs import (
    FOREIGN_PICTURE,
    OWN_BOARD,
    OWN_PICTURE,
    Catalog,
    check,
    document,
    problems_of,
)

_FILL = ("colour_fill", {"width": 64, "height": 32})
_SAVE = ("save", {"picture": ("fill", "picture")})


def _saved(*last: str, **nodes: Any) -> dict[str, Any]:
    """Write a document whose picture `last` (or that of `fill`) is saved."""
    return document(
        {"fill": _FILL, **nodes, "save": ("save", {"picture": last or _SAVE[1]["picture"]})}
    )


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param(
            _saved(
                "a",
                "picture",
                a=("grey", {"picture": ("b", "picture")}),
                b=("grey", {"picture": ("a", "picture")}),
                c=("grey", {"picture": ("b", "picture")}),
            ),
            [("cycle", "a", None), ("cycle", "b", None)],
            id="a cycle without what hangs behind it",
        ),
        pytest.param(
            _saved(a=("grey", {"picture": ("a", "picture")})),
            [("cycle", "a", None)],
            id="a node that waits for itself, though nothing is kept of it",
        ),
        pytest.param(
            _saved(a=("blur", {"picture": ("fill", "picture"), "radius": ("fill", "picture")})),
            [("type_mismatch", "a", "radius")],
            id="a picture for a number",
        ),
        pytest.param(
            _saved("a", "mask", a=("invert_mask", {"mask": ("fill", "picture")})),
            [("type_mismatch", "a", "mask"), ("type_mismatch", "save", "picture")],
            id="a picture for a mask and back",
        ),
        pytest.param(
            _saved(n=("number",), a=("repeat_batch", {"times": ("n", "number")})),
            [("type_mismatch", "a", "times")],
            id="a number for a whole number",
        ),
        pytest.param(
            _saved(
                t=("text",),
                a=("flip", {"picture": ("fill", "picture"), "direction": ("t", "text")}),
            ),
            [("type_mismatch", "a", "direction")],
            id="a link to what takes none",
        ),
        pytest.param(
            _saved("ghost", "picture"),
            [("unknown_node", "save", "picture")],
            id="a link from nowhere",
        ),
        pytest.param(
            {
                **_saved(),
                "edges": [*_saved()["edges"], {"from": ["fill", "picture"], "to": ["x", "y"]}],
            },
            [("unknown_node", "fill", None)],
            id="a link to nowhere",
        ),
        pytest.param(
            _saved("fill", "mask"),
            [("unknown_output", "fill", None)],
            id="an output that is not there",
        ),
        pytest.param(
            _saved(a=("grey", {"image": ("fill", "picture")})),
            [("unknown_input", "a", "image")],
            id="an input that is not there",
        ),
        pytest.param(
            {**_saved(), "edges": _saved()["edges"] * 2},
            [("linked_twice", "save", "picture")],
            id="the same link twice",
        ),
        pytest.param(
            {
                **_saved(n=("number",), a=("blur", {"picture": ("fill", "picture"), "radius": 1})),
                "edges": [
                    *_saved()["edges"],
                    {"from": ["n", "number"], "to": ["a", "radius"]},
                ],
            },
            [("linked_twice", "a", "radius")],
            id="a link and a value",
        ),
        pytest.param(
            _saved("a", "picture", a=("grey",)),
            [("missing_input", "a", "picture")],
            id="a missing link",
        ),
        pytest.param(
            _saved("a", "picture", a=("load_picture",)),
            [("missing_input", "a", "name")],
            id="a missing value",
        ),
        pytest.param(
            _saved("a", "picture", a=("load_picture", {"name": FOREIGN_PICTURE})),
            [("not_found", "a", "name")],
            id="another's picture",
        ),
        pytest.param(
            _saved(a=("load_picture", {"name": FOREIGN_PICTURE})),
            [("not_found", "a", "name")],
            id="another's picture that nothing is made of",
        ),
        pytest.param(
            _saved(a=("save_to_board", {"picture": ("fill", "picture"), "board": FOREIGN_PICTURE})),
            [("not_found", "a", "board")],
            id="another's board",
        ),
        pytest.param(
            _saved(a=("model", {"key": "gone"})),
            [("not_found", "a", "key")],
            id="a model that is not there",
        ),
        pytest.param(
            _saved(a=("model", {"key": "paint"})),
            [("bad_value", "a", "key")],
            id="a LoRA for a model",
        ),
        pytest.param(document({"fill": _FILL}), [("no_output", None, None)], id="nothing kept"),
        pytest.param(
            {**_saved(), "form": [{"node": "fill", "input": "width"}, {"node": "x", "input": "y"}]},
            [("bad_form", "x", "y")],
            id="a form of what is not there",
        ),
        pytest.param(
            {**_saved(), "form": [{"node": "save", "input": "picture"}]},
            [("bad_form", "save", "picture")],
            id="a form of what only a link can bring",
        ),
        pytest.param(
            {**_saved(), "form": [{"node": "fill", "input": "width"}] * 2},
            [("bad_form", "fill", "width")],
            id="a form that asks twice",
        ),
        pytest.param(
            _saved(
                "a", "picture", a=("repeat_batch", {"picture": ("fill", "picture"), "times": 64})
            ),
            [],
            id="64 pictures",
        ),
        pytest.param(
            _saved(
                "b",
                "picture",
                a=("repeat_batch", {"picture": ("fill", "picture"), "times": 13}),
                b=("repeat_batch", {"picture": ("a", "picture"), "times": 5}),
            ),
            [("too_large", "b", None)],
            id="65 pictures",
        ),
        pytest.param(
            _saved("a", "picture", a=("pad", {"picture": ("fill", "picture"), "left": 4033})),
            [("too_large", "a", None)],
            id="4097 pixels",
        ),
        pytest.param(
            _saved(
                "a",
                "picture",
                big=("colour_fill", {"width": 4096, "height": 4096}),
                a=("repeat_batch", {"picture": ("big", "picture"), "times": 16}),
            ),
            [("too_large", "a", None)],
            id="17 pictures of 16 megapixels",
        ),
        pytest.param(
            document(
                {
                    "fill": _FILL,
                    "batch": ("repeat_batch", {"picture": ("fill", "picture"), "times": 63}),
                    "shown": ("preview", {"picture": ("batch", "picture")}),
                    "one": _SAVE,
                    "many": ("save", {"picture": ("batch", "picture")}),
                    "again": ("save_to_board", {**_SAVE[1], "board": OWN_BOARD}),
                    "more": _SAVE,
                }
            ),
            [("too_large", "many", None)],
            id="66 pictures that are kept",
        ),
        pytest.param(
            _saved(
                n=("integer", {"value": 9000}),
                a=("save", {"picture": ("f", "picture")}),
                f=("colour_fill", {"width": ("n", "integer")}),
            ),
            [("bad_value", "f", "width")],
            id="a calculated side",
        ),
        pytest.param(
            _saved(
                "a",
                "picture",
                m=("math", {"a": 1, "operation": "divide", "b": 0}),
                a=("blur", {"picture": ("fill", "picture"), "radius": ("m", "number")}),
            ),
            [("bad_value", "m", "b")],
            id="a division by zero, told once",
        ),
    ],
)
def test_a_graph_that_cannot_run(given: object, expected: list[tuple[str, Any, Any]]) -> None:
    assert problems_of(given) == expected


class _Generating(Resize):
    """Asks the model, as no other node of these modules does."""

    fields: ClassVar[Mapping[str, str]] = {"controls": "picture"}

    def cost(self, values: Values) -> Cost:
        return Cost(generation={"width": values["width"]})


def test_the_model_says_what_it_cannot_do_by_the_name_of_the_input(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    catalog = Catalog(refuses={"width": "Too wide.", "controls.0.model": "None.", "vae": "No VAE."})
    graph = read_document(_saved("a", "picture", a=("resize", {"picture": ("fill", "picture")})))
    monkeypatch.setattr(checking, "NODES", {**NODES, "resize": _Generating()})

    with pytest.raises(InvalidGraph) as refused:
        check_graph(graph, catalog)

    assert [(one.node, one.input, one.message) for one in refused.value.problems] == [
        ("a", "width", "Too wide."),
        ("a", "picture", "None."),
        ("a", None, "No VAE."),
    ]
    assert catalog.asked == [{"width": 512}]


def test_what_leads_to_no_result_does_not_run_and_costs_nothing() -> None:
    graph = check(
        {
            "fill": _FILL,
            "blur": ("blur", {"picture": ("fill", "picture")}),
            "unfinished": ("blend", {"first": ("blur", "picture")}),
            "save": _SAVE,
        }
    )

    assert graph.order == ("fill", "save")
    assert graph.dead == {"blur", "unfinished"}
    assert graph.seconds == 0


def test_the_processor_is_counted_by_the_pixels_that_come_and_go() -> None:
    big = ("colour_fill", {"width": 2000, "height": 1000})
    nodes = {
        "fill": big,
        "two": ("repeat_batch", {"picture": ("fill", "picture"), "times": 2}),
        "blur": ("blur", {"picture": ("two", "picture")}),
        "small": ("resize", {"picture": ("blur", "picture"), "width": 10, "height": 10}),
        "save": ("save", {"picture": ("small", "picture")}),
    }

    graph = check(nodes)

    # 4 megapixels are blurred, and as many are read to be made small.
    rates = [NODES[kind].seconds_per_megapixel for kind in ("blur", "resize")]
    assert [graph.nodes[node].cost.seconds for node in ("blur", "small")] == [
        pytest.approx(4 * rate) for rate in rates
    ]
    assert min(rates) > 0
    assert graph.seconds == pytest.approx(4 * sum(rates))


def test_what_is_stored_is_known_beforehand() -> None:
    graph = check(
        {
            "fill": _FILL,
            "two": ("repeat_batch", {"picture": ("fill", "picture"), "times": 2}),
            "shown": ("preview", {"picture": ("two", "picture")}),
            "save": ("save", {"picture": ("shown", "picture")}),
            "other": _SAVE,
        }
    )

    assert graph.kept == (Outline(1, 64, 32), Outline(2, 64, 32))


def test_what_is_only_measured_is_not_made() -> None:
    graph = check(
        {
            "own": ("load_picture", {"name": OWN_PICTURE}),
            "size": ("picture_size", {"picture": ("own", "picture")}),
            "fill": (
                "colour_fill",
                {"width": ("size", "width"), "height": ("size", "height")},
            ),
            "save": _SAVE,
        }
    )

    assert graph.order == ("own", "size", "fill", "save")
    assert [one.id for one in graph.running] == ["fill", "save"]
    assert graph.nodes["fill"].outputs == {"picture": Outline(1, 640, 480)}
    assert graph.pictures == {OWN_PICTURE}


def test_values_are_known_before_anything_runs() -> None:
    graph = check(
        {
            "save": ("save", {"picture": ("fill", "picture"), "seed": ("seed", "seed")}),
            "seed": ("seed", {"seed": 2**32 - 1, "offset": 3}),
            "size": ("size", {"ratio": "16:9", "square": 512, "multiple": 64}),
            "fill": ("colour_fill", {"width": ("size", "width"), "height": ("size", "height")}),
        }
    )

    # In the order of the document, as far as what each needs allows.
    assert graph.order == ("seed", "size", "fill", "save")
    assert graph.nodes["fill"].outputs == {"picture": Outline(1, 704, 384)}
    assert graph.nodes["save"].values["seed"] == 2
    assert graph.nodes["save"].links == {"picture": ("fill", "picture")}
    assert [one.id for one in graph.running] == ["fill", "save"]


def test_a_seed_that_is_not_frozen_counts_as_0() -> None:
    graph = check(
        {"fill": _FILL, "seed": ("seed",), "save": ("save", {**_SAVE[1], "seed": ("seed", "seed")})}
    )

    assert graph.nodes["save"].values["seed"] == 0


def _model(*links: tuple[str, dict[str, Any]]) -> ModelValue:
    value: Any = None
    catalog = Catalog()
    for kind, inputs in links:
        node = NODES[kind]
        values = {one.name: None if one.required else one.default for one in node.inputs}
        values |= {"model": value} if node.input("model") else {}
        values |= {
            name: catalog.model(told) if name == "key" else told for name, told in inputs.items()
        }
        assert list(node.check(values)) == []
        value = (node.fold(values) or {})["model"]
    assert isinstance(value, ModelValue)
    return value


def test_the_value_of_a_model() -> None:
    assert _model(
        ("model", {"key": "main-model"}),
        ("lora", {"key": "ink", "weight": -0.5}),
        ("lora", {"key": "paint"}),
        ("vae", {"key": "sharp"}),
        ("clip_skip", {"layers": 2}),
        ("seamless", {"y": False}),
    ) == ModelValue(
        key="main-model",
        base="sd-1.5-class",
        loras=(LoraValue("ink", -0.5), LoraValue("paint", 1.0)),
        vae="sharp",
        clip_skip=2,
        seamless=("x",),
    )


def _control(**inputs: Any) -> dict[str, Any]:
    node = NODES["control"]
    values = {one.name: None if one.required else one.default for one in node.inputs}
    return {
        **values,
        "picture": Outline(1, 64, 64),
        "key": Catalog().model("edges"),
        **inputs,
    }


def test_the_value_of_controls() -> None:
    node = NODES["control"]
    first = _control(preprocessor="canny", numbers="low = 50, high=120.0", weight=0.5, end=0.8)
    assert list(node.check(first)) == []
    controls = (node.fold(first) or {})["control"]
    second = _control(key=Catalog().model("sketch"), control=controls)

    assert list(node.check(second)) == []
    assert (node.fold(second) or {})["control"] == (
        ControlValue(
            model="edges",
            kind="controlnet",
            picture=Outline(1, 64, 64),
            preprocessor="canny",
            parameters={"low": 50, "high": 120},
            weight=0.5,
            end=0.8,
        ),
        ControlValue(model="sketch", kind="t2i_adapter", picture=Outline(1, 64, 64)),
    )


@pytest.mark.parametrize(
    ("inputs", "name"),
    [
        ({"picture": Outline(2, 64, 64)}, "picture"),
        ({"start": 0.5, "end": 0.5}, "start"),
        ({"control": (None,) * 4}, "control"),
        ({"preprocessor": "canny", "numbers": "low=1001"}, "numbers"),
        ({"preprocessor": "canny", "numbers": "low=1, low=2"}, "numbers"),
        ({"preprocessor": "canny", "numbers": "low=300, high=200"}, "numbers"),
        ({"preprocessor": "canny", "numbers": "low"}, "numbers"),
        ({"preprocessor": "none", "numbers": "low=1"}, "numbers"),
        ({"preprocessor": "threshold", "numbers": "threshold=1.5"}, "numbers"),
    ],
)
def test_what_no_control_can_be(inputs: dict[str, Any], name: str) -> None:
    assert [one.input for one in NODES["control"].check(_control(**inputs))] == [name]


@pytest.mark.parametrize(
    ("loras", "reason"),
    [(("ink",), "lora_twice"), (tuple(f"l{number}" for number in range(8)), "too_many")],
)
def test_what_no_lora_can_be_added_to(loras: tuple[str, ...], reason: str) -> None:
    model = ModelValue(key="m", base="b", loras=tuple(LoraValue(key, 1.0) for key in loras))
    values = {"model": model, "key": Catalog().model("ink"), "weight": 1.0}

    assert [one.reason for one in NODES["lora"].check(values)] == [reason]


def test_boards_are_named() -> None:
    graph = check(
        {
            "fill": _FILL,
            "save": ("save_to_board", {"picture": ("fill", "picture"), "board": OWN_BOARD}),
        }
    )

    assert graph.boards == {OWN_BOARD}


def test_a_prompt_and_its_style() -> None:
    prompt = (NODES["prompt"].fold({"text": "a red barn", "negative": "snow"}) or {})["prompt"]
    styled = NODES["style"].fold(
        {"prompt": prompt, "before": "oil painting", "after": "", "negative": "photo"}
    )

    assert styled == {"prompt": PromptValue("oil painting, a red barn", "snow, photo")}


def test_a_deep_chain_is_checked_without_recursion() -> None:
    nodes: dict[str, Any] = {"n0": ("integer", {"value": 1})}
    for number in range(1, 197):
        before = "integer" if number == 1 else "number"
        nodes[f"n{number}"] = ("math", {"a": (f"n{number - 1}", before), "b": 1})
    nodes |= {
        "round": ("round_number", {"number": ("n196", "number")}),
        "fill": ("colour_fill", {"width": ("round", "integer")}),
        "save": _SAVE,
    }

    graph = check(dict(reversed(nodes.items())))

    assert graph.order[0] == "n0"
    assert graph.nodes["fill"].outputs == {"picture": Outline(1, 197, 512)}


@pytest.mark.parametrize(
    ("kind", "inputs", "milliseconds"),
    [
        ("blur", {"radius": 128}, 6.2),
        ("sharpen", {"radius": 32}, 1.6),
        ("feather_mask", {"radius": 128}, 3.9),
        ("grow_mask", {"amount": -256}, 0.3),
    ],
)
def test_thin_pictures_cost_what_was_measured_of_them(
    kind: str, inputs: dict[str, Any], milliseconds: float
) -> None:
    """So much each of 1 × 4096 pixels took on one core of 2026."""
    of_masks = NODES[kind].input("mask") is not None
    nodes: dict[str, Any] = {
        "fill": ("colour_fill", {"width": 1, "height": 4096}),
        "many": ("repeat_batch", {"picture": ("fill", "picture"), "times": 16}),
        "white": ("mask_from_brightness", {"picture": ("many", "picture")}),
        "made": (kind, {**inputs, **({"mask": ("white", "mask")} if of_masks else {})}),
        "shown": ("mask_to_picture", {"mask": ("made", "mask")}),
        "save": ("save", {"picture": ("shown", "picture")}),
    }
    if not of_masks:
        nodes["made"] = (kind, {**inputs, "picture": ("many", "picture")})
        nodes["save"] = ("save", {"picture": ("made", "picture")})
        del nodes["white"], nodes["shown"]

    assert check(nodes).nodes["made"].cost.seconds >= 16 * milliseconds / 1000
