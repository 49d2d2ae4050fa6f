"""Whatever one user's jobs do to an engine, the next user's pictures are as from a new one.

Jobs of two users come in all orders to one engine, some of them cancelled, some broken. Each is
compared, byte for byte, with the same job on an engine that never made anything.
"""

from __future__ import annotations

import copy
import io
import random
import shutil
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gpu_tasks.engine import (
    Engine,
    EngineError,
    GenerationCancelled,
    GenerationRequest,
    GenerationResult,
    InvalidRequest,
    ModelSource,
    ModelUnavailable,
    PassMember,
    StepProgress,
)
from gpu_tasks.engine.families import LoadedModel
from gpu_tasks.engine.families.stable_diffusion import StableDiffusion1
from gpu_tasks.engine.guides import (
    AddOn,
    Control,
    HighRes,
    ImagePrompt,
    Lora,
    Mask,
    Region,
    TextualInversion,
)
from tests.engine.conftest import MakeRequest
from tests.engine.tiny_add_ons import (
    build_control_net,
    build_embedding,
    build_foreign_lora,
    build_ip_adapter,
    build_lora,
    build_vae,
)
from tests.engine.tiny_model import build_tiny_model

# The library's warnings that a model has two LoRAs, or had, which is what is wanted.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:Already found a `peft_config` attribute"),
    pytest.mark.filterwarnings("ignore:Adapter .* was active which is now deleted"),
]

SIZE = 64
ALICE = "a portrait of alice, her secret word is tulip"
BOB = "a red circle on a white background"
LONG = ", ".join(["a very long list of words"] * 8)
# More than stay in a model from one job to the next.
LORAS = 6
ORDERS = 2
# Each kind of job comes once in an order, and twice as many of these beside them.
PLAIN_AGAIN = 6

Outcome = tuple[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A job: what it asks for, and what happens to it after its first step."""

    name: str
    request: GenerationRequest
    source: ModelSource
    is_cancelled: bool = False
    fails: bool = False

    def run(self, engine: Engine) -> Outcome:
        """Return what came of it, in a form that can be compared."""
        try:
            (outcome,) = engine.generate_together([self.member()], source=self.source)
        except EngineError as error:
            return described(error)
        return described(outcome)

    def member(self) -> PassMember:
        steps: list[int] = []

        def note(step: StepProgress) -> None:
            steps.append(step.step)
            if self.fails:
                raise RuntimeError("the one who listens broke")

        return PassMember(
            request=self.request,
            on_step=note,
            is_cancelled=lambda: self.is_cancelled and bool(steps),
        )


def described(outcome: GenerationResult | Exception) -> Outcome:
    match outcome:
        case GenerationResult():
            return "made", tuple(image.tobytes() for image in outcome.images)
        case GenerationCancelled():
            return "cancelled", tuple(image.tobytes() for image in outcome.images)
        case InvalidRequest():
            return "refused", tuple(outcome.fields)
        case _:
            return type(outcome).__name__, str(outcome)


@dataclass(frozen=True, slots=True)
class Shelf:
    """Files that users bring along."""

    root: Path
    model: ModelSource
    other: ModelSource
    loras: Mapping[str, Lora] = field(default_factory=dict)

    def add_on(self, name: str, *, key: str | None = None) -> AddOn:
        return AddOn(key=key or name, path=self.root / name, sha256=f"sha of {name}")


@pytest.fixture(scope="module")
def shelf(
    tiny_source: ModelSource, other_source: ModelSource, tmp_path_factory: pytest.TempPathFactory
) -> Shelf:
    root = tmp_path_factory.mktemp("add-ons")
    model = tiny_source.path
    for number in range(LORAS):
        build_lora(model, root / f"lora-{number}.safetensors", seed=number)
    build_foreign_lora(root / "foreign.safetensors")
    wide = build_tiny_model(root / "wide", width=32)
    build_lora(wide, root / "wide.safetensors", seed=1)
    shutil.rmtree(root / "wide")
    (root / "torn.safetensors").write_bytes((root / "lora-0.safetensors").read_bytes()[:900])
    build_control_net(model, root / "control", seed=1)
    build_control_net(model, root / "control-2", seed=2)
    build_vae(model, root / "vae", seed=5)
    build_ip_adapter(model, root / "ip-1", seed=1)
    build_ip_adapter(model, root / "ip-2", seed=2)
    for number in (1, 2):
        build_embedding(root / f"word-{number}.safetensors", seed=number)
    return Shelf(root, tiny_source, other_source)


@pytest.fixture(scope="module")
def works(shelf: Shelf) -> list[Work]:
    """All kinds of jobs of both users, Alice's first."""
    picture = _picture(0)
    half = Image.new("L", (SIZE, SIZE))
    half.paste(255, (0, 0, SIZE // 2, SIZE))
    left, right = half, Image.eval(half, lambda value: 255 - value)

    def lora(name: str, *, key: str | None = None, weight: float = 1.0) -> Lora:
        return Lora(source=shelf.add_on(f"{name}.safetensors", key=key), weight=weight)

    def control(name: str, image: Image.Image) -> Control:
        return Control(source=shelf.add_on(name), image=image)

    def ip(name: str) -> ImagePrompt:
        return ImagePrompt(source=shelf.add_on(name), images=(picture,))

    def word(number: int, token: str) -> TextualInversion:
        return TextualInversion(source=shelf.add_on(f"word-{number}.safetensors"), token=token)

    alices: dict[str, dict[str, object]] = {
        "plain": {},
        "two pictures": {"num_images": 2, "seed": 11},
        "lora": {"loras": (lora("lora-0"),)},
        "lora, another weight": {"loras": (lora("lora-0", weight=-0.5),)},
        "loras": {"loras": (lora("lora-0"), lora("lora-1", weight=0.5))},
        "lora under one key": {"loras": (lora("lora-2", key="style.v1"),)},
        "lora under a like key": {"loras": (lora("lora-3", key="mine-1"),)},
        "word": {"embeddings": (word(1, "tulip"),)},
        "control": {"controls": (control("control", picture),)},
        "controls": {"controls": (control("control", picture), control("control-2", picture))},
        "control and lora": {
            "controls": (control("control", picture),),
            "loras": (lora("lora-1"),),
        },
        "image prompt": {"image_prompt": ip("ip-1")},
        "image prompt and lora": {"image_prompt": ip("ip-1"), "loras": (lora("lora-0"),)},
        "seamless": {"seamless": frozenset({"x", "y"})},
        "vae": {"vae": shelf.add_on("vae")},
        "vae, seamless": {"vae": shelf.add_on("vae"), "seamless": frozenset({"x"})},
        "clip skip": {"clip_skip": 1},
        "regions": {
            "regions": (Region(prompt="a tulip", mask=left), Region(prompt="snow", mask=right))
        },
        "start": {"init_image": picture, "strength": 0.6},
        "mask": {"init_image": picture, "mask": Mask(image=left)},
        "high resolution": {"high_res": HighRes(scale=1.5), "loras": (lora("lora-4"),)},
    }
    broken: dict[str, dict[str, object]] = {
        "only a lora of no model": {"loras": (lora("foreign"),)},
        "no lora of this model": {"loras": (lora("lora-0"), lora("foreign"))},
        "lora of a wider model": {"loras": (lora("lora-1"), lora("wide"))},
        "torn lora": {"loras": (lora("torn"),)},
        "torn image prompt": {
            "image_prompt": ImagePrompt(source=shelf.add_on("ip-1"), images=(_torn_picture(),))
        },
        "torn control": {"controls": (control("control", _torn_picture()),)},
        "no word": {"embeddings": (word(1, "tulip"), word(2, "tulip"))},
        "too much skipped": {"clip_skip": 4, "loras": (lora("lora-5"),)},
    }
    bobs: dict[str, dict[str, object]] = {
        "plain": {},
        "the words of the other": {"prompt": ALICE},
        "long": {"prompt": LONG},
        "heun": {"scheduler": "heun", "seed": 9},
        "unguided": {"guidance_scale": 1.0},
        "start": {"init_image": _picture(1), "strength": 0.6},
        "another lora under one key": {"loras": (lora("lora-5", key="style.v1"),)},
        "another lora under a like key": {"loras": (lora("lora-4", key="mine_1"),)},
        "another word": {"prompt": ALICE, "embeddings": (word(2, "tulip"),)},
        "another control": {"controls": (control("control", _picture(1)),)},
        "another image prompt": {"image_prompt": ip("ip-2")},
    }

    def work(name: str, changes: Mapping[str, object], **fate: bool) -> Work:
        return Work(name=name, request=_request(shelf.model, **changes), source=shelf.model, **fate)

    found = [work(f"alice: {name}", {"prompt": ALICE} | ch) for name, ch in alices.items()]
    for name in ("lora", "control and lora", "image prompt and lora", "seamless", "regions", "vae"):
        changes = {"prompt": ALICE} | alices[name]
        found.append(work(f"alice: {name}, cancelled", changes, is_cancelled=True))
        found.append(work(f"alice: {name}, fails", changes, fails=True))
    found += [work(f"alice: {name}", {"prompt": ALICE} | ch) for name, ch in broken.items()]
    found += [work(f"bob: {name}", {"prompt": BOB} | ch) for name, ch in bobs.items()]
    elsewhere = _request(shelf.other, prompt=BOB)
    return [*found, Work(name="bob: elsewhere", request=elsewhere, source=shelf.other)]


def _request(source: ModelSource, **changes: object) -> GenerationRequest:
    arguments: dict[str, object] = {
        "width": SIZE,
        "height": SIZE,
        "steps": 2,
        "guidance_scale": 4.0,
        "scheduler": "dpmpp_2m",
        "seed": 7,
        "model_key": source.key,
    }
    return GenerationRequest(**(arguments | changes))  # type: ignore[arg-type]


def _picture(seed: int) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def _torn_picture() -> Image.Image:
    whole = io.BytesIO()
    _picture(2).save(whole, format="PNG")
    # Pillow opens it and reads its pixels later.
    return Image.open(io.BytesIO(whole.getvalue()[:2000]))


@pytest.fixture(scope="module")
def clean(works: Sequence[Work]) -> dict[str, Outcome]:
    """What comes of each job on an engine of its own, on parts that were never used before."""
    pristine: dict[str, LoadedModel] = {}
    load = StableDiffusion1.load

    def load_once(family: StableDiffusion1, source: ModelSource, **how: Any) -> LoadedModel:
        model = pristine.get(source.key) or load(family, source, **how)
        pristine[source.key] = model
        parts = copy.deepcopy(dict(model.components))
        return replace(model, components=parts, adapters=OrderedDict())

    with pytest.MonkeyPatch.context() as patch:
        # Most of the time would be for reading the same small files.
        patch.setattr(StableDiffusion1, "load", load_once)
        return {work.name: work.run(Engine(device="cpu")) for work in works}


def test_the_jobs_are_what_they_are_said_to_be(
    works: Sequence[Work], clean: Mapping[str, Outcome]
) -> None:
    """A job that changes nothing by itself would prove nothing of what it leaves behind."""
    kinds = {name: kind for name, (kind, _) in clean.items()}
    assert {name for name, kind in kinds.items() if kind == "cancelled"} == {
        work.name for work in works if work.is_cancelled
    }
    assert kinds["alice: lora, fails"] == "RuntimeError"
    assert {name: clean[name] for name in kinds if kinds[name] == "refused"} == {
        "alice: only a lora of no model": ("refused", ("loras",)),
        "alice: torn image prompt": ("refused", ("image_prompt",)),
        "alice: no lora of this model": ("refused", ("loras",)),
        "alice: lora of a wider model": ("refused", ("loras",)),
        "alice: torn control": ("refused", ("controls",)),
        "alice: no word": ("refused", ("embeddings",)),
        "alice: too much skipped": ("refused", ("clip_skip",)),
    }
    assert kinds["alice: torn lora"] == ModelUnavailable.__name__
    made = [outcome for outcome in clean.values() if outcome[0] == "made"]
    same = len(made) - len(set(made))
    # Only the words are the same, and the request with them, of one of Bob's and one of Alice's.
    assert same == 1
    assert clean["alice: plain"] == clean["bob: the words of the other"]


@pytest.mark.parametrize("order", range(ORDERS))
def test_a_job_is_made_as_if_it_were_the_first(
    works: Sequence[Work], clean: Mapping[str, Outcome], order: int
) -> None:
    chosen = random.Random(order)
    engine = Engine(device="cpu")
    plain = [work for work in works if work.name == "bob: plain"]
    sequence = [*works, *plain * PLAIN_AGAIN]
    chosen.shuffle(sequence)

    for place, work in enumerate(sequence):
        before = sequence[place - 1].name if place else "nothing"
        assert work.run(engine) == clean[work.name], f"{work.name!r} after {before!r}"


def test_a_plain_job_after_each_other_is_as_if_it_were_the_first(
    works: Sequence[Work], clean: Mapping[str, Outcome]
) -> None:
    engine = Engine(device="cpu")
    (plain,) = [work for work in works if work.name == "bob: plain"]
    (alice,) = [work for work in works if work.name == "alice: plain"]
    alice.run(engine)
    kept = _kept(engine)

    for work in works:
        work.run(engine)
        assert plain.run(engine) == clean[plain.name], f"plain after {work.name!r}"

    now = _kept(engine)
    assert kept
    assert {key: now[key] for key in kept} == kept
    assert alice.run(engine) == clean[alice.name]


def test_models_that_take_turns_in_a_small_cache_leave_nothing_either(
    works: Sequence[Work], clean: Mapping[str, Outcome], shelf: Shelf
) -> None:
    roomy = Engine(device="cpu")
    roomy.preload(shelf.model)
    engine = Engine(device="cpu", cache_bytes=int(1.2 * roomy.loaded_bytes))
    (elsewhere,) = [work for work in works if work.source is shelf.other]

    for number, work in enumerate(works[::2]):
        assert work.run(engine) == clean[work.name]
        if number % 4 == 0:
            assert elsewhere.run(engine) == clean[elsewhere.name]


def _pass(engine: Engine, source: ModelSource, *requests: GenerationRequest) -> list[bytes]:
    members = [PassMember(request=request) for request in requests]
    outcomes = engine.generate_together(members, source=source)
    made = []
    for outcome in outcomes:
        assert isinstance(outcome, GenerationResult), outcome
        made += [image.tobytes() for image in outcome.images]
    return made


def test_a_prompt_says_the_same_whoever_else_is_in_the_pass(
    shelf: Shelf, make_request: MakeRequest
) -> None:
    """In a pass of one size, at one place, only a picture's own request makes the picture."""
    engine = Engine(device="cpu")
    bob = _request(shelf.model, prompt=BOB)
    companies = [
        _request(shelf.model, prompt=text, negative_prompt=negative, seed=seed)
        for text, negative, seed in ((ALICE, "", 1), ("", "tulips", 2), (f"({ALICE}:1.3)", "", 3))
    ]

    pictures = {_pass(engine, shelf.model, bob, other)[0] for other in companies}

    assert len(pictures) == 1
    assert len({_pass(engine, shelf.model, bob, other)[1] for other in companies}) == len(companies)


def test_a_long_prompt_lengthens_nobody_elses(shelf: Shelf) -> None:
    engine = Engine(device="cpu")
    short = _request(shelf.model, prompt=BOB)
    long = _request(shelf.model, prompt=LONG)
    longest = _request(shelf.model, prompt=LONG, negative_prompt=f"{LONG}, {LONG}")
    alone = {
        request.prompt + request.negative_prompt: _pass(Engine(device="cpu"), shelf.model, request)
        for request in (short, long, longest)
    }

    made = _pass(engine, shelf.model, short, long, longest)

    assert made == [one for pictures in alone.values() for one in pictures]


def _kept(engine: Engine) -> dict[str, dict[str, bytes]]:
    entries = engine.prompts._entries
    return {
        key: {name: tensor.numpy().tobytes() for name, tensor in entry.items()}
        for key, entry in entries.items()
    }


@contextmanager
def _pipelines_spoil_what_they_are_given(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    encode = StableDiffusion1.encode

    def encode_and_hand_out(self: StableDiffusion1, *args: object) -> dict[str, object]:
        given = encode(self, *args)  # type: ignore[arg-type]
        spoilt = {name: tensor.clone() for name, tensor in given.items()}
        for tensor in given.values():
            tensor.fill_(float("nan"))
        return spoilt

    with monkeypatch.context() as patch:
        patch.setattr(StableDiffusion1, "encode", encode_and_hand_out)
        yield


def test_a_call_that_changes_its_prompt_in_place_changes_its_own_alone(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Engine(device="cpu")
    request = _request(shelf.model, prompt=ALICE)
    first = _pass(engine, shelf.model, request)

    with _pipelines_spoil_what_they_are_given(monkeypatch):
        assert _pass(engine, shelf.model, replace(request, seed=8)) != first

    assert _pass(engine, shelf.model, request) == first
