from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gpu_tasks.engine import (
    Engine,
    GenerationCancelled,
    InvalidRequest,
    ModelSource,
    ModelUnavailable,
    StepProgress,
)
from gpu_tasks.engine.libraries import diffusers
from gpu_tasks.engine.placement import Placement
from tests.engine.conftest import MakeRequest

STOCHASTIC_AND_NOT = ["ddim", "euler_a", "dpmpp_2m_sde", "dpmpp_sde", "lcm", "dpm2_a"]


def pixels(image: Image.Image) -> np.ndarray[tuple[int, ...], np.dtype[np.int16]]:
    return np.asarray(image, dtype=np.int16)


def largest_difference(one: Image.Image, other: Image.Image) -> int:
    return int(np.abs(pixels(one) - pixels(other)).max())


def gradient(width: int = 128, height: int = 128) -> Image.Image:
    return Image.linear_gradient("L").resize((width, height)).convert("RGB")


class CountCalls:
    """Answer True from the call `true_from` on (1-based)."""

    def __init__(self, true_from: int) -> None:
        self.true_from = true_from
        self.calls = 0

    def __call__(self) -> bool:
        self.calls += 1
        return self.calls >= self.true_from


def test_a_result_tells_what_was_done(
    engine: Engine, source: ModelSource, make_request: MakeRequest
) -> None:
    result = engine.generate(make_request(source, num_images=2), source=source)

    assert [(image.size, image.mode) for image in result.images] == [((128, 128), "RGB")] * 2
    assert result.seeds == (7, 8)
    assert result.device == "cpu"
    assert result.compute_seconds > 0
    assert result.model_load_seconds >= 0
    assert result.memory_saved is False
    assert result.library_versions["diffusers"] == diffusers.__version__
    assert set(result.library_versions) == {"torch", "diffusers", "transformers"}


@pytest.mark.parametrize(("width", "height"), [(64, 64), (136, 72), (64, 192)])
def test_pictures_have_the_size_that_was_asked_for(
    engine: Engine, source: ModelSource, make_request: MakeRequest, width: int, height: int
) -> None:
    request = make_request(source, width=width, height=height, steps=1)

    result = engine.generate(request, source=source)

    assert result.images[0].size == (width, height)


@pytest.mark.parametrize("scheduler", ["ddim", "euler_a", "dpmpp_2m_sde"])
def test_a_seed_gives_the_same_pixels_again_and_another_seed_other_ones(
    engine: Engine, source: ModelSource, make_request: MakeRequest, scheduler: str
) -> None:
    request = make_request(source, scheduler=scheduler)

    first = engine.generate(request, source=source).images[0]
    again = engine.generate(request, source=source).images[0]
    other = engine.generate(replace(request, seed=8), source=source).images[0]

    assert first.tobytes() == again.tobytes()
    assert first.tobytes() != other.tobytes()


@pytest.mark.parametrize("init_image", [None, gradient()], ids=["txt2img", "img2img"])
@pytest.mark.parametrize(
    ("model", "scheduler"),
    [
        *(("tiny_source", scheduler) for scheduler in STOCHASTIC_AND_NOT),
        ("starter_source", "ddim"),
        ("starter_source", "dpmpp_2m_sde"),
    ],
)
def test_a_picture_of_a_batch_is_the_picture_of_its_seed(
    engine: Engine,
    request: pytest.FixtureRequest,
    make_request: MakeRequest,
    model: str,
    scheduler: str,
    init_image: Image.Image | None,
) -> None:
    source: ModelSource = request.getfixturevalue(model)
    generation = make_request(
        source, scheduler=scheduler, seed=2**32 - 1, num_images=2, init_image=init_image
    )

    batch = engine.generate(generation, source=source)
    singles = [
        engine.generate(replace(generation, seed=seed, num_images=1), source=source).images[0]
        for seed in batch.seeds
    ]

    assert batch.seeds == (2**32 - 1, 0)
    differences = [
        largest_difference(one, other) for one, other in zip(batch.images, singles, strict=True)
    ]
    # Sums are added up in another order for a batch; two levels of 255 is rounding.
    assert max(differences) <= 2
    assert largest_difference(singles[0], singles[1]) > 2


def test_prompt_negative_prompt_and_guidance_change_the_picture(
    engine: Engine, tiny_source: ModelSource, make_request: MakeRequest
) -> None:
    request = make_request(tiny_source, scheduler="ddim")
    changed = [
        request,
        replace(request, prompt="나무"),
        replace(request, negative_prompt="blur"),
        replace(request, guidance_scale=9.0),
        replace(request, guidance_scale=0),
    ]

    pictures = {engine.generate(r, source=tiny_source).images[0].tobytes() for r in changed}

    assert len(pictures) == len(changed)


@pytest.mark.parametrize("prompt", ["", "🎨" * 300, "x" * 10_000, "<|endoftext|> \x00 <lora:x:1>"])
def test_any_prompt_is_taken(
    engine: Engine, source: ModelSource, make_request: MakeRequest, prompt: str
) -> None:
    request = make_request(source, prompt=prompt, negative_prompt=prompt, steps=1, width=64)

    assert len(engine.generate(request, source=source).images) == 1


def test_nothing_of_a_request_is_left_for_the_next(
    tiny_source: ModelSource, make_request: MakeRequest
) -> None:
    engine = Engine(device="cpu")
    request = make_request(tiny_source, scheduler="dpmpp_2m_k", steps=5)
    clean = engine.generate(request, source=tiny_source).images[0]

    for scheduler in ("pndm", "heun", "dpmpp_2m_sde", "lms"):
        engine.generate(
            make_request(tiny_source, scheduler=scheduler, prompt="secret", seed=99, num_images=2),
            source=tiny_source,
        )
        engine.generate(
            make_request(tiny_source, scheduler=scheduler, init_image=gradient(), strength=0.7),
            source=tiny_source,
        )
        with pytest.raises(GenerationCancelled):
            engine.generate(
                make_request(tiny_source, scheduler=scheduler),
                source=tiny_source,
                is_cancelled=CountCalls(true_from=3),
            )
        assert engine.generate(request, source=tiny_source).images[0].tobytes() == clean.tobytes()


def test_steps_are_reported_with_a_preview_of_each(
    engine: Engine, source: ModelSource, make_request: MakeRequest
) -> None:
    seen: list[StepProgress] = []
    previews: list[Image.Image] = []

    def on_step(progress: StepProgress) -> None:
        seen.append(progress)
        previews.append(progress.preview())

    engine.generate(make_request(source, num_images=2), source=source, on_step=on_step)

    assert [(p.step, p.total, p.image_index, p.images_total) for p in seen] == [
        (1, 3, None, 2),
        (2, 3, None, 2),
        (3, 3, None, 2),
    ]
    assert [p.fraction for p in seen] == [1 / 3, 2 / 3, 1]
    assert [(p.size, p.mode) for p in previews] == [((16, 16), "RGB")] * 3


def test_watching_does_not_change_the_picture(
    engine: Engine, source: ModelSource, make_request: MakeRequest
) -> None:
    request = make_request(source, scheduler="euler_a")

    unwatched = engine.generate(request, source=source).images[0]
    previews: list[Image.Image] = []
    watched = engine.generate(
        request,
        source=source,
        on_step=lambda progress: previews.append(progress.preview()),
        is_cancelled=lambda: False,
    ).images[0]

    assert watched.tobytes() == unwatched.tobytes()


@pytest.mark.parametrize("num_images", [1, 3])
@pytest.mark.parametrize("init_image", [None, gradient()], ids=["txt2img", "img2img"])
def test_a_cancel_is_seen_at_the_next_step(
    engine: Engine,
    source: ModelSource,
    make_request: MakeRequest,
    num_images: int,
    init_image: Image.Image | None,
) -> None:
    steps: list[int] = []
    request = make_request(source, steps=8, num_images=num_images, init_image=init_image)

    with pytest.raises(GenerationCancelled) as caught:
        engine.generate(
            request,
            source=source,
            on_step=lambda progress: steps.append(progress.step),
            is_cancelled=lambda: steps == [1, 2],
        )

    assert steps == [1, 2]
    assert caught.value.images == ()
    assert caught.value.seeds == ()
    assert caught.value.compute_seconds > 0


def test_a_cancelled_request_does_not_load_its_model(
    tiny_source: ModelSource, make_request: MakeRequest
) -> None:
    engine = Engine(device="cpu")

    with pytest.raises(GenerationCancelled) as caught:
        engine.generate(make_request(tiny_source), source=tiny_source, is_cancelled=lambda: True)

    assert caught.value.compute_seconds == 0
    assert engine.loaded_models == []


def test_a_cancel_while_the_model_loads_is_seen_before_the_first_step(
    tiny_source: ModelSource, make_request: MakeRequest
) -> None:
    engine = Engine(device="cpu")
    steps: list[int] = []

    with pytest.raises(GenerationCancelled) as caught:
        engine.generate(
            make_request(tiny_source),
            source=tiny_source,
            on_step=lambda progress: steps.append(progress.step),
            is_cancelled=lambda: engine.loaded_models == ["tiny"],
        )

    assert steps == []
    assert caught.value.images == ()


def test_an_error_of_the_watcher_is_not_swallowed(
    engine: Engine, tiny_source: ModelSource, make_request: MakeRequest
) -> None:
    def on_step(progress: StepProgress) -> None:
        raise ConnectionError("the lease is lost")

    with pytest.raises(ConnectionError, match="the lease is lost"):
        engine.generate(make_request(tiny_source), source=tiny_source, on_step=on_step)


def test_a_request_for_another_model_is_refused(
    engine: Engine, tiny_source: ModelSource, other_source: ModelSource, make_request: MakeRequest
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        engine.generate(make_request(tiny_source), source=other_source)

    assert set(caught.value.fields) == {"model_key"}


@pytest.mark.parametrize("change", [{"base": "sd-9"}, {"placement": Placement(precision="float6")}])
def test_an_unknown_family_or_precision_is_unavailable(
    engine: Engine, tiny_source: ModelSource, make_request: MakeRequest, change: dict[str, Any]
) -> None:
    with pytest.raises(ModelUnavailable, match=r"^This kind of model is not supported\.$"):
        engine.generate(make_request(tiny_source), source=replace(tiny_source, **change))


def test_half_precision_makes_pictures_too(
    engine: Engine, tiny_source: ModelSource, make_request: MakeRequest
) -> None:
    half = replace(tiny_source, placement=Placement(precision="bfloat16"))

    result = engine.generate(make_request(tiny_source), source=half)

    assert result.images[0].size == (128, 128)
    with engine.hold(half) as half_model, engine.hold(tiny_source) as model:
        assert half_model.nbytes < 0.6 * model.nbytes


def test_a_warm_model_need_not_be_loaded(
    tiny_source: ModelSource, make_request: MakeRequest
) -> None:
    engine = Engine(device="cpu")

    assert engine.preload(tiny_source) > 0
    assert engine.loaded_models == ["tiny"]
    assert engine.warm_up(tiny_source) > 0
    result = engine.generate(make_request(tiny_source), source=tiny_source)
    assert result.model_load_seconds < 0.01
    assert engine.unload(tiny_source) is True
    assert engine.unload(tiny_source) is False
    assert engine.loaded_models == []


def test_the_seconds_of_loading_and_of_computing_are_apart(
    monkeypatch: pytest.MonkeyPatch, tiny_source: ModelSource, make_request: MakeRequest
) -> None:
    engine = Engine(device="cpu")
    now = 0.0

    def clock() -> float:
        return now

    with engine.hold(tiny_source) as model:
        family = model.family
    engine.unload(tiny_source)
    load, make_pipeline = family.load, family.make_pipeline

    def slow_load(*args: object, **kwargs: object) -> object:
        nonlocal now
        now += 100
        return load(*args, **kwargs)  # type: ignore[arg-type]

    def slow_pipeline(*args: object, **kwargs: object) -> object:
        nonlocal now
        now += 7
        return make_pipeline(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(type(family), "load", staticmethod(slow_load))
    monkeypatch.setattr(type(family), "make_pipeline", staticmethod(slow_pipeline))
    monkeypatch.setattr("gpu_tasks.engine.engine.time.perf_counter", clock)

    result = engine.generate(make_request(tiny_source), source=tiny_source)

    assert (result.model_load_seconds, result.compute_seconds) == (100, 7)
