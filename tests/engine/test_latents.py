"""Denoising, decoding and encoding with the model that Easel ships, to the byte."""

from __future__ import annotations

import gc
import weakref
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gpu_tasks.engine import (
    Engine,
    GenerationCancelled,
    GenerationRequest,
    InvalidRequest,
    Latents,
    ModelSource,
    OutOfMemory,
    Start,
    StepProgress,
)
from gpu_tasks.engine.guides import (
    AddOn,
    Control,
    HighRes,
    Lora,
    Mask,
    Outpaint,
    Upscale,
    Variation,
)
from gpu_tasks.engine.latent_changes import blend_latents, upscale_latents
from gpu_tasks.engine.libraries import torch
from tests.engine import tiny_add_ons
from tests.engine.conftest import STARTER_MODEL, MakeRequest
from tests.engine.test_generate import CountCalls, gradient, largest_difference, pixels
from tests.engine.test_out_of_memory import cuda_runs_out, part_that_fails

STARTER_CONTROL_NET = STARTER_MODEL.parent / "starter_controlnet"


@pytest.fixture(scope="module")
def add_ons(tmp_path_factory: pytest.TempPathFactory, starter_source: ModelSource) -> Path:
    path = tmp_path_factory.mktemp("add_ons")
    tiny_add_ons.build_lora(STARTER_MODEL, path / "lora.safetensors", seed=1)
    tiny_add_ons.build_vae(STARTER_MODEL, path / "vae", seed=1)
    return path


def changes(kind: str, path: Path) -> dict[str, Any]:
    lora = Lora(source=AddOn(key="lora", path=path / "lora.safetensors"), weight=0.7)
    control = Control(
        source=AddOn(key="control_net", path=STARTER_CONTROL_NET), image=gradient(200, 100)
    )
    kinds: dict[str, dict[str, Any]] = {
        "txt2img": {},
        "img2img": {"init_image": gradient(), "strength": 0.7},
        "batch_of_3": {"num_images": 3, "scheduler": "euler_a"},
        "batch_from_a_picture": {"num_images": 2, "init_image": gradient(300, 90)},
        "control_net": {"controls": (control,)},
        "control_net_from_a_picture": {"controls": (control,), "init_image": gradient()},
        "lora": {"loras": (lora,)},
        "high_res": {"high_res": HighRes(scale=1.5), "width": 192},
        "variation": {"variation": Variation(seed=5, strength=0.4)},
        "seamless": {"seamless": frozenset({"x", "y"})},
        "vae": {"vae": AddOn(key="vae", path=path / "vae"), "num_images": 2},
    }
    return kinds[kind]


KINDS = [
    "txt2img",
    "img2img",
    "batch_of_3",
    "batch_from_a_picture",
    "control_net",
    "control_net_from_a_picture",
    "lora",
    "high_res",
    "variation",
    "seamless",
    "vae",
]


def as_bytes(images: tuple[Image.Image, ...]) -> list[bytes]:
    return [image.tobytes() for image in images]


def in_two(engine: Engine, source: ModelSource, request: GenerationRequest) -> list[bytes]:
    latents = engine.denoise(request, source=source).latents
    return as_bytes(engine.decode(latents, source=source, vae=request.vae).images)


@pytest.mark.parametrize("kind", KINDS)
def test_denoising_and_decoding_make_the_very_pixels_of_generating(
    engine: Engine, starter_source: ModelSource, make_request: MakeRequest, add_ons: Path, kind: str
) -> None:
    request = make_request(starter_source, **changes(kind, add_ons))

    expected = engine.generate(request, source=starter_source)

    assert in_two(engine, starter_source, request) == as_bytes(expected.images)


def test_a_result_tells_what_was_done(
    engine: Engine, starter_source: ModelSource, make_request: MakeRequest
) -> None:
    steps: list[StepProgress] = []
    request = make_request(starter_source, num_images=2)

    result = engine.denoise(request, source=starter_source, on_step=steps.append)
    decoded = engine.decode(result.latents, source=starter_source)

    latents = result.latents
    assert (latents.width, latents.height, latents.rows) == (128, 128, 2)
    assert (latents.seeds, latents.space, latents.model_key) == ((7, 8), "sd-1", "starter")
    assert latents.tensor.device.type == "cpu"
    assert [(p.step, p.total, p.images_total) for p in steps] == [(1, 3, 2), (2, 3, 2), (3, 3, 2)]
    assert [p.preview().size for p in steps] == [(16, 16)] * 3
    assert result.compute_seconds > 0
    assert not result.memory_saved
    assert decoded.compute_seconds > 0
    assert (decoded.seeds, decoded.pass_pictures) == ((7, 8), 2)


def test_short_of_memory_each_picture_is_denoised_and_decoded_by_itself(
    engine: Engine, starter_source: ModelSource, make_request: MakeRequest
) -> None:
    request = make_request(starter_source, num_images=3)
    with part_that_fails(engine, starter_source, "unet", calls=1, fail=cuda_runs_out):
        expected = engine.generate(request, source=starter_source)

    with part_that_fails(engine, starter_source, "unet", calls=1, fail=cuda_runs_out) as shapes:
        denoised = engine.denoise(request, source=starter_source)
    decoded = engine.decode(denoised.latents, source=starter_source)

    assert [shape[0] for shape in shapes] == [6] + [1] * 18
    assert denoised.memory_saved
    assert (decoded.memory_saved, decoded.pass_pictures) == (True, 1)
    assert as_bytes(decoded.images) == as_bytes(expected.images)


def test_decoding_gets_a_second_try_of_its_own(
    engine: Engine, starter_source: ModelSource, make_request: MakeRequest
) -> None:
    request = make_request(starter_source, num_images=2)
    latents = engine.denoise(request, source=starter_source).latents
    plenty = engine.decode(latents, source=starter_source)

    with engine.hold(starter_source) as model:
        decoder = model.components["vae"].decoder
    calls: list[int] = []

    def fail_once(_module: object, arguments: tuple[Any, ...], _output: object) -> None:
        calls.append(len(arguments[0]))
        if len(calls) == 1:
            cuda_runs_out()

    handle = decoder.register_forward_hook(fail_once)
    try:
        result = engine.decode(latents, source=starter_source)
    finally:
        handle.remove()

    assert calls == [2, 1, 1]
    assert (result.memory_saved, result.pass_pictures) == (True, 1)
    for one, other in zip(result.images, plenty.images, strict=True):
        assert largest_difference(one, other) <= 2
    with engine.hold(starter_source) as model:
        vae = model.components["vae"]
        assert (vae.use_slicing, vae.use_tiling) == (False, False)


def test_decoding_that_does_not_fit_at_all_is_an_error_with_advice(
    engine: Engine, starter_source: ModelSource, make_request: MakeRequest
) -> None:
    latents = engine.denoise(make_request(starter_source), source=starter_source).latents
    with engine.hold(starter_source) as model:
        decoder = model.components["vae"].decoder
    handle = decoder.register_forward_hook(lambda *_: cuda_runs_out())
    try:
        with pytest.raises(OutOfMemory, match="a smaller size or fewer pictures"):
            engine.decode(latents, source=starter_source)
    finally:
        handle.remove()
    assert len(engine.decode(latents, source=starter_source).images) == 1


def test_a_cancel_of_decoding_is_seen_before_it_and_between_pictures(
    engine: Engine, starter_source: ModelSource, make_request: MakeRequest
) -> None:
    request = make_request(starter_source, num_images=3)
    latents = replace(engine.denoise(request, source=starter_source).latents, singly=True)

    for true_from, finished in ((1, 0), (2, 0), (3, 1), (4, 2)):
        with pytest.raises(GenerationCancelled) as caught:
            engine.decode(latents, source=starter_source, is_cancelled=CountCalls(true_from))
        assert len(caught.value.images) == finished
        assert caught.value.seeds == latents.seeds[:finished]
        assert (caught.value.compute_seconds > 0) is (true_from > 1)


def test_a_cancel_of_denoising_is_seen_at_the_next_step(
    engine: Engine, starter_source: ModelSource, make_request: MakeRequest
) -> None:
    seen: list[int] = []

    with pytest.raises(GenerationCancelled) as caught:
        engine.denoise(
            make_request(starter_source, steps=8),
            source=starter_source,
            on_step=lambda one: seen.append(one.step),
            is_cancelled=lambda: len(seen) == 2,
        )

    assert seen == [1, 2]
    assert caught.value.images == ()
    assert caught.value.compute_seconds > 0


def test_a_picture_and_what_it_is_encoded_to_start_alike(
    engine: Engine, starter_source: ModelSource, make_request: MakeRequest
) -> None:
    """Encoders are unsure, and the seed says which of the latents it is: here as well."""
    pictures = (gradient(), gradient().rotate(90))
    encoded = engine.encode(pictures, source=starter_source).latents
    request = make_request(starter_source, steps=6)

    for index, picture in enumerate(pictures):
        expected = engine.generate(
            replace(request, init_image=picture, strength=0.5), source=starter_source
        )
        start = Start(latents=encoded.row(index), strength=0.5)
        denoised = engine.denoise(request, source=starter_source, start=start)
        decoded = engine.decode(denoised.latents, source=starter_source)
        assert as_bytes(decoded.images) == as_bytes(expected.images)


def test_latents_are_denoised_further_without_a_way_over_pixels(
    engine: Engine, starter_source: ModelSource, make_request: MakeRequest
) -> None:
    request = make_request(starter_source, steps=8, num_images=2)
    first = engine.denoise(request, source=starter_source).latents

    kept = engine.denoise(
        replace(request, prompt="a blue star"),
        source=starter_source,
        start=Start(latents=first, strength=0.2),
    ).latents
    changed = engine.denoise(
        replace(request, prompt="a blue star"),
        source=starter_source,
        start=Start(latents=first, strength=0.9),
    ).latents

    assert kept.seeds == changed.seeds == (7, 8)
    moved = [float((one.tensor - first.tensor).abs().mean()) for one in (kept, changed)]
    assert 0 < moved[0] < moved[1]
    # Each row went on from its own.
    crosswise = float((kept.tensor - first.tensor.flip(0)).abs().mean())
    assert moved[0] < crosswise


def test_decoding_what_was_encoded_gives_about_the_picture(
    engine: Engine, starter_source: ModelSource, make_request: MakeRequest
) -> None:
    request = make_request(starter_source, steps=10)
    (picture,) = engine.generate(request, source=starter_source).images

    latents = engine.encode([picture], source=starter_source).latents
    (back,) = engine.decode(latents, source=starter_source).images

    assert float(np.abs(pixels(back) - pixels(picture)).mean()) < 6


def test_scaled_and_blended_latents(
    engine: Engine, starter_source: ModelSource, make_request: MakeRequest
) -> None:
    one, other = (
        engine.denoise(make_request(starter_source, seed=seed), source=starter_source).latents
        for seed in (1, 2)
    )

    larger = upscale_latents(one, width=256, height=192, scaling="nearest")
    assert torch.equal(larger.tensor[..., ::12, ::16], one.tensor[..., ::8, ::8])
    assert engine.decode(larger, source=starter_source).images[0].size == (256, 192)

    middle = blend_latents(one, other, part=0.5)
    assert torch.allclose(middle.tensor, (one.tensor + other.tensor) / 2)
    both = replace(other, tensor=torch.cat([one.tensor, other.tensor]), seeds=(1, 2))
    many = blend_latents(one, both, part=0.25)
    assert (many.rows, many.seeds) == (2, (1, 2))
    assert torch.allclose(many.tensor[:1], one.tensor)


@pytest.mark.parametrize(
    ("call", "fields"),
    [
        (lambda one: upscale_latents(one, width=130, height=9000), {"width", "height"}),
        (lambda one: upscale_latents(one, width=128, height=128, scaling="magic"), {"scaling"}),
        (lambda one: blend_latents(one, one, part=1.5), {"part"}),
        (
            lambda one: blend_latents(one, upscale_latents(one, width=64, height=64), part=0.5),
            {"latents"},
        ),
        (lambda one: blend_latents(one, replace(one, base="sdxl"), part=0.5), {"latents"}),
    ],
    ids=["sizes", "scaling", "part", "size", "kind"],
)
def test_changes_that_cannot_be_are_refused(call: Any, fields: set[str]) -> None:
    latents = Latents(
        tensor=torch.zeros(2, 4, 16, 16),
        base="sd-1.5-class",
        model_key="tiny",
        width=128,
        height=128,
    )

    with pytest.raises(InvalidRequest) as caught:
        call(latents)

    assert set(caught.value.fields) == fields


def test_what_is_put_together_after_decoding_is_no_matter_of_latents(
    tiny_source: ModelSource, make_request: MakeRequest
) -> None:
    engine = Engine(device="cpu")
    start = {"init_image": gradient()}
    for name, asked in (
        ("mask", start | {"mask": Mask(image=Image.new("L", (128, 128), 255))}),
        ("outpaint", start | {"outpaint": Outpaint(left=64)}),
        ("upscale", start | {"upscale": Upscale(strength=0.5)}),
        ("high_res", {"high_res": HighRes(scale=1.5, strength=0.1)}),
        ("model_key", {"model_key": "another"}),
    ):
        with pytest.raises(InvalidRequest) as caught:
            engine.denoise(make_request(tiny_source, **asked), source=tiny_source)
        assert set(caught.value.fields) == {name}
    assert engine.loaded_models == []


def test_a_start_that_does_not_fit_is_refused_before_anything_is_loaded(
    tiny_source: ModelSource, make_request: MakeRequest
) -> None:
    engine = Engine(device="cpu")
    fitting = Latents(
        tensor=torch.zeros(2, 4, 16, 16),
        base="sd-2",
        model_key="another",
        width=128,
        height=128,
    )
    request = make_request(tiny_source, num_images=2)
    for latents, changed, wrong in (
        (replace(fitting, base="flux-1"), request, "latents"),
        (fitting, replace(request, width=192), "latents"),
        (fitting, replace(request, num_images=3), "latents"),
        (fitting, replace(request, init_image=gradient()), "latents"),
    ):
        with pytest.raises(InvalidRequest) as caught:
            engine.denoise(changed, source=tiny_source, start=Start(latents=latents, strength=0.9))
        assert set(caught.value.fields) == {wrong}
    with pytest.raises(InvalidRequest) as caught:
        engine.denoise(request, source=tiny_source, start=Start(latents=fitting, strength=0.1))
    assert set(caught.value.fields) == {"strength"}
    assert engine.loaded_models == []
    started = engine.denoise(
        request, source=tiny_source, start=Start(latents=fitting, strength=0.9)
    )
    assert started.latents.model_key == "tiny"


def test_latents_of_another_shape_than_the_vae_takes_are_refused(
    engine: Engine, tiny_source: ModelSource
) -> None:
    latents = Latents(
        tensor=torch.zeros(1, 8, 16, 16),
        base="sd-1.5-class",
        model_key="tiny",
        width=128,
        height=128,
    )

    with pytest.raises(InvalidRequest) as caught:
        engine.decode(latents, source=tiny_source)

    assert set(caught.value.fields) == {"latents"}


def test_pictures_that_cannot_be_encoded_are_refused(tiny_source: ModelSource) -> None:
    engine = Engine(device="cpu")
    small, large = (Image.new("RGB", (side, side)) for side in (64, 128))
    for pictures in ([], [small, large], [Image.new("RGB", (65, 64))]):
        with pytest.raises(InvalidRequest) as caught:
            engine.encode(pictures, source=tiny_source)
        assert set(caught.value.fields) == {"picture"}
    assert engine.loaded_models == []


def test_nothing_of_latents_is_left_for_the_next_request(
    starter_source: ModelSource, make_request: MakeRequest, add_ons: Path
) -> None:
    engine = Engine(device="cpu")
    request = make_request(starter_source)
    clean = as_bytes(engine.generate(request, source=starter_source).images)

    for kind in ("control_net", "lora", "seamless", "vae"):
        changed = make_request(starter_source, **changes(kind, add_ons))
        in_two(engine, starter_source, changed)
        assert as_bytes(engine.generate(request, source=starter_source).images) == clean


def test_latents_are_freed_with_their_last_reader(
    engine: Engine, starter_source: ModelSource, make_request: MakeRequest
) -> None:
    latents = engine.denoise(make_request(starter_source), source=starter_source).latents
    tensor = weakref.ref(latents.tensor)
    engine.decode(latents, source=starter_source)

    del latents
    gc.collect()

    assert tensor() is None
