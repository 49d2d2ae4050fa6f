"""Runs of graphs: what is made once, what is told, what is freed, and how a run ends early."""

from __future__ import annotations

import time
import weakref
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from PIL import Image

from gpu_tasks.engine import Engine, InvalidRequest, StepProgress
from gpu_tasks.nodes.declaring import NodeContext, Values
from gpu_tasks.nodes.registry import NODES
from gpu_tasks.nodes.run import NodeFailed, NodeState, RunCancelled, run_graph
from tests.nodes.graphs import OWN_BOARD, OWN_PICTURE
from tests.nodes.starter import StarterContext, checked, gallery_picture, run

GALLERY = {"gallery": ("load_picture", {"name": OWN_PICTURE})}
BASE = {
    "model": ("model", {"key": "starter"}),
    "prompt": ("prompt", {"text": "a red circle on a white background"}),
}
TOLD = {"model": ("model", "model"), "prompt": ("prompt", "prompt"), "width": 64, "height": 64}
DECODE = {"latents": ("latent", "latents"), "model": ("model", "model")}


class Watch:
    """Watch the runs of nodes of some types: how many, and what they made."""

    def __init__(self) -> None:
        self.runs: Counter[str] = Counter()
        self.made: list[tuple[str, weakref.ref[Any]]] = []
        self.before: dict[str, Any] = {}

    def alive(self) -> list[str]:
        return [kind for kind, one in self.made if one() is not None]


@contextmanager
def watched(monkeypatch: pytest.MonkeyPatch, *kinds: str) -> Iterator[Watch]:
    watch = Watch()
    for kind in kinds:
        node = NODES[kind]

        def wrapped(
            values: Values, context: NodeContext, *, kind: str = kind, run: Any = node.run
        ) -> Mapping[str, Any]:
            watch.runs[kind] += 1
            outputs: Mapping[str, Any] = run(values, context)
            for value in outputs.values():
                pictures = value if isinstance(value, tuple) else (value.tensor,)
                watch.made += [(kind, weakref.ref(one)) for one in pictures]
            return outputs

        monkeypatch.setattr(node, "run", wrapped, raising=False)
    yield watch
    monkeypatch.undo()


def chain(*kinds: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    """Put nodes of pictures one after another behind the picture of the gallery, and save."""
    nodes: dict[str, Any] = dict(GALLERY)
    last = "gallery"
    for index, (kind, inputs) in enumerate(kinds):
        nodes[f"n{index}"] = (kind, {"picture": (last, "picture"), **inputs})
        last = f"n{index}"
    return {**nodes, "save": ("save", {"picture": (last, "picture")})}


def test_a_run_tells_of_each_node_in_its_order(engine: Engine) -> None:
    nodes = {
        **BASE,
        "latent": ("denoise", {**TOLD, "seed": 3, "num_images": 2, "steps": 4}),
        "picture": ("decode", DECODE),
        "save": (
            "save_to_board",
            {"picture": ("picture", "picture"), "board": OWN_BOARD, "label": "a", "seed": 3},
        ),
    }

    ran = run(engine, nodes)

    assert ran.told == [
        ("model", "done"),
        ("prompt", "done"),
        ("latent", "running"),
        ("latent", "done"),
        ("picture", "running"),
        ("picture", "done"),
        ("save", "running"),
        ("save", "done"),
    ]
    (kept,) = ran.context.kept
    (saved,) = ran.result.saved
    for one in (kept, saved):
        assert (one.node, one.board, one.label, one.seeds) == ("save", OWN_BOARD, "a", (3, 4))
    assert kept.pictures == saved.pictures == ran.result.pictures
    assert [one.step for one in ran.context.steps] == [1, 2, 3, 4]
    last = {one.node: one for one in ran.states}
    assert last["latent"].preview is not None
    assert last["picture"].preview is not None
    assert last["picture"].preview.size == (64, 64)
    assert all(one.fraction == 1.0 for one in last.values())
    assert ran.result.seconds.keys() == {"latent", "picture", "save"}
    assert ran.result.compute_seconds == sum(ran.result.seconds.values())
    assert ran.result.seconds["latent"] > ran.result.seconds["save"]


def test_steps_are_told_with_a_fraction_and_a_preview(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gpu_tasks.nodes.run.SECONDS_BETWEEN_STEPS", 0.0)
    nodes = {
        **BASE,
        "made": ("generate", {**TOLD, "steps": 4}),
        "save": ("save", {"picture": ("made", "picture")}),
    }

    ran = run(engine, nodes)

    running = [one for one in ran.states if (one.node, one.state) == ("made", "running")]
    assert [one.fraction for one in running] == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert running[0].preview is None
    assert [one.preview.size for one in running if one.preview] == [(8, 8)] * 4
    assert [one.seconds for one in running] == sorted(one.seconds for one in running)


def test_steps_that_come_fast_are_not_all_told(engine: Engine) -> None:
    drawn: list[int] = []

    def step(number: int) -> StepProgress:
        def draw() -> Image.Image:
            drawn.append(number)
            return Image.new("RGB", (8, 8))

        return StepProgress(step=number, total=50, image_index=None, images_total=1, preview=draw)

    class Instant:
        def generate(self, _request: object, *, on_step: Any, **_: Any) -> Any:
            for number in range(1, 51):
                on_step(step(number))
            raise InvalidRequest({"prompt": "is enough"})

    nodes = {
        **BASE,
        "made": ("generate", TOLD),
        "save": ("save", {"picture": ("made", "picture")}),
    }
    with pytest.raises(NodeFailed):
        run_graph(checked(nodes), StarterContext(Instant()), on_node=lambda _: None)

    assert 1 <= len(drawn) < 10
    assert drawn[-1] == 50


def test_the_same_is_made_once(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two alike branches of five nodes each, and one that differs in its last number."""

    def branch(name: str, amount: float) -> dict[str, Any]:
        own = {"model": (f"{name}_model", "model"), "prompt": ("prompt", "prompt")}
        return {
            f"{name}_model": ("model", {"key": "starter"}),
            f"{name}_latent": ("denoise", {**TOLD, **own, "seed": 5}),
            f"{name}_made": (
                "decode",
                {"latents": (f"{name}_latent", "latents"), "model": (f"{name}_model", "model")},
            ),
            f"{name}_blur": ("blur", {"picture": (f"{name}_made", "picture"), "radius": amount}),
            f"{name}_save": ("save", {"picture": (f"{name}_blur", "picture")}),
        }

    nodes = {**BASE, **branch("a", 2.0), **branch("b", 2.0), **branch("c", 3.0)}

    with watched(monkeypatch, "denoise", "decode", "blur", "save") as watch:
        ran = run(engine, nodes)

    assert watch.runs == {"denoise": 1, "decode": 1, "blur": 2, "save": 3}
    cached = [one.node for one in ran.states if one.state == "cached"]
    assert sorted(cached) == ["b_blur", "b_latent", "b_made", "c_latent", "c_made"]
    assert ran.pixels[0] == ran.pixels[1] != ran.pixels[2]
    assert set(ran.result.seconds) == {
        "a_latent",
        "a_made",
        "a_blur",
        "c_blur",
        "a_save",
        "b_save",
        "c_save",
    }


def test_what_differs_in_anything_is_made_again(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = {"seed": 5, "steps": 1}
    differing: list[dict[str, Any]] = [
        base,
        {**base, "seed": 6},
        {**base, "guidance_scale": 3.0},
        {**base, "prompt": ("other", "prompt")},
        {**base, "model": ("skipping", "model")},
        {**base, "width": 72},
    ]
    nodes: dict[str, Any] = {
        **BASE,
        "other": ("prompt", {"text": "a blue star"}),
        "skipping": ("clip_skip", {"model": ("model", "model"), "layers": 1}),
    }
    for index, inputs in enumerate(differing * 2):
        nodes[f"g{index}"] = ("generate", {**TOLD, **inputs})
        nodes[f"s{index}"] = ("save", {"picture": (f"g{index}", "picture")})

    with watched(monkeypatch, "generate") as watch:
        ran = run(engine, nodes)

    assert watch.runs == {"generate": len(differing)}
    assert len(set(ran.pixels)) == len(differing)
    assert len(ran.pixels) == 2 * len(differing)


def test_what_leads_to_no_result_is_not_run(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    nodes = {**chain(("invert", {})), **BASE, "idle": ("generate", TOLD)}

    with watched(monkeypatch, "generate", "invert") as watch:
        ran = run(engine, nodes)

    assert watch.runs == {"invert": 1}
    assert "idle" not in {one.node for one in ran.states}


def test_a_value_is_freed_when_its_last_reader_has_run(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    nodes = {
        **BASE,
        "latent": ("denoise", TOLD),
        "decoded": ("decode", DECODE),
        "blurred": ("blur", {"picture": ("decoded", "picture")}),
        "inverted": ("invert", {"picture": ("blurred", "picture")}),
        "both": (
            "combine_batches",
            {"first": ("decoded", "picture"), "second": ("inverted", "picture")},
        ),
        "preview": ("preview", {"picture": ("both", "picture")}),
    }
    alive: dict[str, list[str]] = {}
    with watched(monkeypatch, "denoise", "decode", "blur", "invert") as watch:

        def look(state: NodeState) -> None:
            if state.state == "done":
                alive[state.node] = watch.alive()

        run_graph(checked(nodes), StarterContext(engine), on_node=look)

        assert alive["latent"] == ["denoise"]
        assert alive["decoded"] == ["decode"]
        assert alive["blurred"] == ["decode", "blur"]
        assert alive["inverted"] == ["decode", "invert"]
        assert alive["both"] == ["decode", "invert"]
        assert watch.alive() == []


def test_a_shared_value_lives_until_the_last_of_its_readers(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is alike counts once among the readers: it is run once, and reads once."""
    nodes = {
        **GALLERY,
        **{f"i{n}": ("invert", {"picture": ("gallery", "picture")}) for n in range(3)},
        **{f"s{n}": ("save", {"picture": (f"i{n}", "picture")}) for n in range(3)},
    }
    with watched(monkeypatch, "load_picture", "invert") as watch:
        ran = run(engine, nodes)
        assert watch.runs == {"load_picture": 1, "invert": 1}
        assert len(ran.pixels) == 3
        del ran
        assert watch.alive() == []


class Cancelling(StarterContext):
    """Want to stop after so many steps seen, pictures saved, or questions whether it wants to."""

    after_steps = 1_000_000
    after_saves = 1_000_000
    after_questions = 1_000_000
    questions = 0

    def is_cancelled(self) -> bool:
        self.questions += 1
        if self.questions > self.after_questions:
            return True
        return len(self.steps) >= self.after_steps or len(self.kept) >= self.after_saves


def test_a_cancel_within_a_node_is_seen_at_its_next_step(engine: Engine) -> None:
    nodes = {
        **chain(("invert", {})),
        **BASE,
        "made": ("generate", {**TOLD, "steps": 8}),
        "late": ("save", {"picture": ("made", "picture")}),
    }
    context = Cancelling(engine)
    context.after_steps = 2
    states: list[NodeState] = []

    with pytest.raises(RunCancelled) as caught:
        run_graph(checked(nodes), context, on_node=states.append)

    assert [one.step for one in context.steps] == [1, 2]
    result = caught.value.result
    assert "made" in result.seconds
    assert result.compute_seconds > 0
    assert not {"late"} & {one.node for one in states}


_FEW_AND_MANY = {
    "few": ("colour_fill", {"width": 16, "height": 16}),
    "many": ("repeat_batch", {"picture": ("few", "picture"), "times": 64}),
    "mask": ("mask_shape", {"width": 16, "height": 16}),
    "masks": ("mask_from_brightness", {"picture": ("many", "picture")}),
}


@pytest.mark.parametrize(
    ("kind", "inputs"),
    [
        ("blur", {"picture": ("many", "picture")}),
        ("blend", {"first": ("few", "picture"), "second": ("many", "picture")}),
        ("paste", {"ground": ("many", "picture"), "picture": ("few", "picture")}),
        ("combine_masks", {"first": ("masks", "mask"), "second": ("mask", "mask")}),
    ],
)
def test_a_cancel_is_seen_before_each_picture_of_a_batch(
    engine: Engine, kind: str, inputs: dict[str, Any]
) -> None:
    made = NODES[kind].outputs[0].name
    nodes = {
        **_FEW_AND_MANY,
        "made": (kind, inputs),
        "paint": ("mask_to_picture", {"mask": ("made", "mask")}),
        "save": ("save", {"picture": ("paint" if made == "mask" else "made", "picture")}),
    }
    if made == "picture":
        del nodes["paint"]
    context = Cancelling(engine)
    begun: list[int] = []

    def note(state: NodeState) -> None:
        if state.node == "made" and not begun:
            begun.append(context.questions)
            context.after_questions = context.questions + 3

    with pytest.raises(RunCancelled) as caught:
        run_graph(checked(nodes), context, on_node=note)

    # In its midst: three pictures were made and the fourth was not.
    assert context.questions == begun[0] + 4
    assert list(caught.value.result.seconds)[-1] == "made"


def test_a_cancel_between_nodes_keeps_what_was_saved(engine: Engine) -> None:
    nodes = {
        **chain(("invert", {})),
        "late": ("flip", {"picture": ("save_not", "picture")}),
        "save_not": ("blur", {"picture": ("gallery", "picture")}),
        "late_save": ("save", {"picture": ("late", "picture")}),
    }
    context = Cancelling(engine)
    context.after_saves = 1

    with pytest.raises(RunCancelled) as caught:
        run_graph(checked(nodes), context, on_node=lambda _: None)

    assert len(caught.value.result.saved) == len(context.kept) == 1
    assert "late_save" not in caught.value.result.seconds


def test_a_cancelled_run_starts_nothing(engine: Engine) -> None:
    context = StarterContext(engine, cancelled=True)
    states: list[NodeState] = []

    with pytest.raises(RunCancelled) as caught:
        run_graph(checked(chain(("invert", {}))), context, on_node=states.append)

    assert caught.value.result.seconds == {}
    assert states == []


def test_a_failure_names_its_node_and_ends_the_run(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(_values: Values, _context: NodeContext) -> Mapping[str, Any]:
        raise ZeroDivisionError("a filter without a kernel")

    monkeypatch.setattr(NODES["blur"], "run", breaks, raising=False)
    nodes = {
        **chain(("invert", {})),
        "bad": ("blur", {"picture": ("n0", "picture")}),
        "late": ("save", {"picture": ("bad", "picture")}),
    }
    context = StarterContext(engine)
    states: list[NodeState] = []

    with pytest.raises(NodeFailed, match="bad: a filter without a kernel") as caught:
        run_graph(checked(nodes), context, on_node=states.append)

    assert caught.value.node == "bad"
    assert isinstance(caught.value.cause, ZeroDivisionError)
    assert (states[-1].node, states[-1].state) == ("bad", "failed")
    assert "late" not in {one.node for one in states}


def test_what_the_engine_refuses_is_told_as_its_cause(engine: Engine) -> None:
    nodes = {
        **BASE,
        **GALLERY,
        "made": (
            "generate",
            {**TOLD, "picture": ("gallery", "picture"), "steps": 2, "strength": 0.1},
        ),
        "save": ("save", {"picture": ("made", "picture")}),
    }

    with pytest.raises(NodeFailed) as caught:
        run(engine, nodes)

    assert caught.value.node == "made"
    assert isinstance(caught.value.cause, InvalidRequest)
    assert set(caught.value.cause.fields) == {"strength"}


def test_loading_and_storing_are_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow(StarterContext):
        def load_picture(self, name: str) -> Image.Image:
            time.sleep(0.3)
            return super().load_picture(name)

        def request(self, *args: Any) -> Any:
            time.sleep(0.3)
            return super().request(*args)

        def save(self, *args: Any, **kwargs: Any) -> None:
            time.sleep(0.3)
            super().save(*args, **kwargs)

    engine = Engine(device="cpu")
    with_model_to_load = engine._load

    def slow_load(*args: Any) -> Any:
        time.sleep(0.3)
        return with_model_to_load(*args)

    monkeypatch.setattr(engine, "_load", slow_load)
    measured: list[float] = []
    generate = engine.generate

    def measuring(*args: Any, **kwargs: Any) -> Any:
        made = generate(*args, **kwargs)
        measured.append(made.compute_seconds)
        return made

    monkeypatch.setattr(engine, "generate", measuring)
    nodes = {
        **BASE,
        **GALLERY,
        "made": ("generate", {**TOLD, "picture": ("gallery", "picture"), "strength": 1.0}),
        "save": ("save", {"picture": ("made", "picture")}),
    }
    began = time.perf_counter()

    result = run_graph(checked(nodes), Slow(engine), on_node=lambda _: None)

    passed = time.perf_counter() - began
    assert passed - result.compute_seconds >= 1.2
    assert measured[0] <= result.seconds["made"] < measured[0] + 0.2
    assert result.seconds["gallery"] < 0.2
    assert result.seconds["save"] < 0.2


def test_pictures_that_come_in_are_not_changed(engine: Engine) -> None:
    ran = run(engine, chain(("invert", {}), ("flip", {}), ("blur", {})))

    assert ran.pixels != [gallery_picture().tobytes()]
    assert run(engine, chain(("preview", {}))).pixels == [gallery_picture().tobytes()]
