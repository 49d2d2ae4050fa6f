"""Latents of every family: denoised, decoded, encoded, and started from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from PIL import Image

from gpu_tasks.engine import (
    Engine,
    GenerationCancelled,
    GenerationRequest,
    InvalidRequest,
    Latents,
    ModelSource,
    Start,
    StepProgress,
)
from gpu_tasks.engine.family_facts import FAMILY_FACTS, Capability
from gpu_tasks.engine.latent_changes import blend_latents, upscale_latents
from gpu_tasks.engine.latents import LATENT_SPACES
from gpu_tasks.engine.libraries import torch
from gpu_tasks.engine.placement import Placement
from tests.engine.families.asking import ASK, picture, plain
from tests.engine.families.conftest import Shop
from tests.engine.test_out_of_memory import cuda_runs_out

PARTIAL = frozenset({Capability.INPAINT, Capability.OUTPAINT, Capability.UPSCALE})
WHOLE = [
    (base, one)
    for base, facts in FAMILY_FACTS.items()
    for one in Capability
    if one in facts.capabilities
    and one not in PARTIAL
    and (base != "flux-1-fill")
    and (base, one) != ("qwen-image-edit", Capability.IMG2IMG)
]
MAKES_WHOLE = list(dict.fromkeys(base for base, _ in WHOLE))
FROM_PICTURES = [base for base, one in WHOLE if one is Capability.IMG2IMG]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:`FluxPosEmbed` is deprecated:FutureWarning"),
    pytest.mark.filterwarnings("ignore:The decode_latents method is deprecated:FutureWarning"),
    pytest.mark.filterwarnings("ignore:`upcast_vae` is deprecated:FutureWarning"),
]


@pytest.fixture(autouse=True)
def small_pictures_for_qwen(monkeypatch: pytest.MonkeyPatch) -> None:
    from diffusers.pipelines.qwenimage import pipeline_qwenimage_edit_plus

    monkeypatch.setattr(pipeline_qwenimage_edit_plus, "VAE_IMAGE_SIZE", 64 * 64)
    monkeypatch.setattr("gpu_tasks.engine.families.qwen_image._TRAINED_AREA", 64 * 64)


def in_two(engine: Engine, shop: Shop, request: GenerationRequest, **hooks: Any) -> list[bytes]:
    latents = engine.denoise(request, source=shop.model(request.model_key), **hooks).latents
    source = shop.model(latents.base)
    decoded = engine.decode(latents, source=source, vae=request.vae)
    assert decoded.seeds == latents.seeds == request.seeds
    return [image.tobytes() for image in decoded.images]


def at_once(engine: Engine, shop: Shop, request: GenerationRequest) -> list[bytes]:
    result = engine.generate(request, source=shop.model(request.model_key))
    return [image.tobytes() for image in result.images]


def test_each_family_has_a_latent_space() -> None:
    assert set(LATENT_SPACES) == set(FAMILY_FACTS)


@pytest.mark.parametrize(("base", "capability"), WHOLE)
def test_denoising_and_decoding_make_what_generating_makes(
    engine: Engine, shop: Shop, base: str, capability: Capability
) -> None:
    request = plain(base, **ASK[capability](shop, base))
    steps: list[StepProgress] = []

    made = in_two(engine, shop, request, on_step=steps.append)

    assert made == at_once(engine, shop, request)
    assert [one.step for one in steps] == list(range(1, steps[0].total + 1))


@pytest.mark.parametrize("base", MAKES_WHOLE)
def test_a_batch_of_two_is_the_batch_of_two(engine: Engine, shop: Shop, base: str) -> None:
    request = plain(base, num_images=2)

    assert in_two(engine, shop, request) == at_once(engine, shop, request)


@pytest.mark.parametrize("base", MAKES_WHOLE)
def test_short_of_memory_each_picture_is_its_own(engine: Engine, shop: Shop, base: str) -> None:
    request = plain(base, num_images=2)
    source = shop.model(base)
    with first_evaluation_fails(engine, source):
        generated = engine.generate(request, source=source)
    with first_evaluation_fails(engine, source):
        denoised = engine.denoise(request, source=source)
    decoded = engine.decode(denoised.latents, source=source)

    assert denoised.memory_saved
    assert (decoded.memory_saved, decoded.pass_pictures) == (True, 1)
    assert [one.tobytes() for one in decoded.images] == [one.tobytes() for one in generated.images]


@contextmanager
def first_evaluation_fails(engine: Engine, source: ModelSource) -> Iterator[None]:
    """Have memory run out once."""
    left = [cuda_runs_out]

    def hook(*_: object) -> None:
        if left:
            left.pop()()

    with engine.hold(source) as model:
        handle = model.components[model.family.denoiser].register_forward_hook(hook)
        try:
            yield
        finally:
            handle.remove()
    assert not left


@pytest.mark.parametrize("base", FROM_PICTURES)
def test_an_encoded_picture_starts_as_the_picture_does(
    engine: Engine, shop: Shop, base: str
) -> None:
    source = shop.model(base)
    start = plain(base, init_image=picture(), strength=0.5)
    request = replace(start, init_image=None, strength=None)

    encoded = engine.encode([picture()], source=source).latents
    assert (encoded.width, encoded.height, encoded.rows, encoded.seeds) == (96, 64, 1, ())
    made = in_two(engine, shop, request, start=Start(latents=encoded, strength=0.5))

    assert made == at_once(engine, shop, start)


@pytest.mark.parametrize("base", FROM_PICTURES)
def test_each_row_goes_on_from_its_own_latents(engine: Engine, shop: Shop, base: str) -> None:
    source = shop.model(base)
    pictures = [Image.new("RGB", (96, 64), colour) for colour in ("red", "navy")]
    latents = engine.encode(pictures, source=source).latents
    request = plain(base, **ASK[Capability.IMG2IMG](shop, base))
    request = replace(request, init_image=None, strength=None, num_images=2)

    both = in_two(engine, shop, request, start=Start(latents=latents, strength=0.5))

    alone = [
        engine.generate(
            replace(request, init_image=one, strength=0.5, num_images=1, seed=seed), source=source
        ).images[0]
        for one, seed in zip(pictures, request.seeds, strict=True)
    ]
    for made, expected in zip(both, alone, strict=True):
        # Sums are added up in another order for a batch; two levels of 255 is rounding.
        assert max(abs(a - b) for a, b in zip(made, expected.tobytes(), strict=True)) <= 2


@pytest.mark.parametrize("base", [b for b in MAKES_WHOLE if b not in FROM_PICTURES])
def test_a_family_that_starts_from_no_pictures_says_what_to_do(
    engine: Engine, shop: Shop, base: str
) -> None:
    latents = engine.denoise(plain(base), source=shop.model(base)).latents

    with pytest.raises(InvalidRequest) as caught:
        engine.denoise(
            plain(base), source=shop.model(base), start=Start(latents=latents, strength=0.5)
        )

    name = FAMILY_FACTS[base].name
    assert dict(caught.value.fields) == {
        "latents": f"{name} starts from none: decode them, and show the picture as a reference"
    }


@pytest.mark.parametrize("base", MAKES_WHOLE)
def test_latents_are_scaled_and_blended(engine: Engine, shop: Shop, base: str) -> None:
    source = shop.model(base)
    one, other = (engine.denoise(plain(base, seed=seed), source=source).latents for seed in (1, 2))

    larger = upscale_latents(one, width=128, height=96)
    assert engine.decode(larger, source=source).images[0].size == (128, 96)
    for part, same in ((0.0, one), (1.0, other)):
        blended = blend_latents(one, other, part=part)
        assert torch.allclose(blended.tensor, same.tensor, atol=1e-5)


@pytest.fixture(scope="module")
def denoised(engine: Engine, shop: Shop) -> Mapping[str, Latents]:
    bases = [base for base in MAKES_WHOLE if base != "qwen-image-edit"]
    return {base: engine.denoise(plain(base), source=shop.model(base)).latents for base in bases}


def test_latents_are_decoded_by_models_of_their_space_alone(
    engine: Engine, shop: Shop, denoised: Mapping[str, Latents]
) -> None:
    for latents in denoised.values():
        for base, facts in FAMILY_FACTS.items():
            if LATENT_SPACES[base] == latents.space:
                (image,) = engine.decode(latents, source=shop.model(base)).images
                assert image.size == (96, 64)
                continue
            with pytest.raises(InvalidRequest) as caught:
                engine.decode(latents, source=shop.model(base))
            assert dict(caught.value.fields) == {
                "latents": f"are not those of {facts.name}: decode them with the model that made "
                "them, and go on from the picture"
            }


@pytest.mark.parametrize("base", MAKES_WHOLE)
def test_a_cancel_is_seen_at_the_next_step(engine: Engine, shop: Shop, base: str) -> None:
    seen: list[StepProgress] = []

    with pytest.raises(GenerationCancelled) as caught:
        engine.denoise(
            plain(base),
            source=shop.model(base),
            on_step=seen.append,
            is_cancelled=lambda: bool(seen),
        )

    assert [one.step for one in seen] == [1]
    assert caught.value.images == ()
    assert caught.value.compute_seconds > 0


@pytest.mark.parametrize(
    ("base", "precision"),
    [*((base, "bfloat16") for base in MAKES_WHOLE), ("sdxl", "float16")],
)
def test_half_precision_is_decoded_as_it_was_made(
    engine: Engine, shop: Shop, base: str, precision: str
) -> None:
    """The VAE of SDXL is widened for float16, and narrow again afterwards."""
    source = replace(shop.model(base), placement=Placement(precision=precision))
    request = plain(base)

    latents = engine.denoise(request, source=source).latents
    decoded = engine.decode(latents, source=source)

    expected = engine.generate(request, source=source)
    assert [one.tobytes() for one in decoded.images] == [one.tobytes() for one in expected.images]
    with engine.hold(source) as model:
        assert model.components["vae"].dtype == getattr(torch, precision)
    if Capability.IMG2IMG in FAMILY_FACTS[base].capabilities:
        encoded = engine.encode([picture()], source=source).latents
        started = plain(base, init_image=picture(), strength=0.5)
        by_latents = engine.denoise(
            replace(started, init_image=None, strength=None),
            source=source,
            start=Start(latents=encoded, strength=0.5),
        )
        (made,) = engine.decode(by_latents.latents, source=source).images
        (expected_one,) = engine.generate(started, source=source).images
        assert made.tobytes() == expected_one.tobytes()
    engine.unload(source)
