"""What a user counts on, measured with the model that Easel ships."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
from PIL import Image, ImageDraw

from gpu_tasks.engine import Engine, GenerationRequest, ModelSource
from gpu_tasks.engine.guides import (
    AddOn,
    HighRes,
    Lora,
    Mask,
    Outpaint,
    Upscale,
    Variation,
)
from gpu_tasks.engine.libraries import torch
from tests.engine.conftest import MakeRequest

SIZE = 128


def pixels(image: Image.Image) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return np.asarray(image.convert("RGB"), dtype=np.float64)


def difference(one: Image.Image, other: Image.Image) -> float:
    """Mean absolute difference of two pictures, in levels of 255."""
    return float(np.abs(pixels(one) - pixels(other)).mean())


@pytest.fixture(scope="module")
def picture(engine: Engine, starter_source: ModelSource) -> Image.Image:
    request = GenerationRequest(
        prompt="a red circle on a white background",
        width=SIZE,
        height=SIZE,
        steps=12,
        guidance_scale=2.0,
        scheduler="ddim",
        seed=5,
        model_key="starter",
    )
    return engine.generate(request, source=starter_source).images[0]


def half_mask() -> Image.Image:
    mask = Image.new("L", (SIZE, SIZE))
    ImageDraw.Draw(mask).rectangle((SIZE // 2, 0, SIZE, SIZE), fill=255)
    return mask


@pytest.mark.parametrize("feather", [0, 12])
@pytest.mark.parametrize("only_masked", [False, True])
def test_inpainting_changes_nothing_outside_the_mask(
    engine: Engine,
    starter_source: ModelSource,
    make_request: MakeRequest,
    picture: Image.Image,
    feather: int,
    only_masked: bool,
) -> None:
    request = make_request(
        starter_source,
        prompt="a blue square on a yellow background",
        steps=12,
        init_image=picture,
        strength=1.0,
        mask=Mask(image=half_mask(), feather=feather, only_masked=only_masked, padding=8),
    )

    made = engine.generate(request, source=starter_source).images[0]

    before, after = pixels(picture), pixels(made)
    outside = np.asarray(half_mask()) == 0
    assert np.array_equal(before[outside], after[outside])
    inside = np.asarray(half_mask()) == 255
    assert np.abs(before[inside] - after[inside]).mean() > 20


def test_outpainting_keeps_the_picture_and_fills_the_room(
    engine: Engine, starter_source: ModelSource, make_request: MakeRequest, picture: Image.Image
) -> None:
    request = make_request(
        starter_source,
        width=192,
        steps=8,
        init_image=picture,
        strength=1.0,
        outpaint=Outpaint(left=32, right=32, feather=8),
    )

    made = engine.generate(request, source=starter_source).images[0]

    assert made.size == (192, SIZE)
    kept = made.crop((32 + 8, 0, 32 + SIZE - 8, SIZE))
    assert kept.tobytes() == picture.crop((8, 0, SIZE - 8, SIZE)).tobytes()
    # The white ground goes on into the room, where at first there was nothing.
    assert pixels(made.crop((0, 0, 24, SIZE))).mean() > 150


@pytest.mark.slow
def test_a_greater_strength_makes_a_greater_difference(
    engine: Engine, starter_source: ModelSource, make_request: MakeRequest, picture: Image.Image
) -> None:
    strengths = [0.1, 0.25, 0.4, 0.55, 0.7, 0.85, 1.0]
    differences = []
    for strength in strengths:
        request = make_request(
            starter_source,
            prompt="a small green triangle on a black background",
            steps=20,
            init_image=picture,
            strength=strength,
            num_images=4,
        )
        made = engine.generate(request, source=starter_source).images
        differences.append(np.mean([difference(picture, one) for one in made]))

    assert differences == sorted(differences)
    assert differences[-1] > 3 * differences[0]


def build_lora(folder: Path, *, seed: int = 0, size: float = 0.5) -> AddOn:
    """Write a LoRA for the starter's U-Net in the form of PEFT."""
    generator = torch.Generator().manual_seed(seed)
    unet = safetensors.torch.load_file(
        Path(__file__).parents[2]
        / "gpu_tasks/starter_model/unet/diffusion_pytorch_model.safetensors"
    )
    state = {}
    for name, weight in unet.items():
        if name.endswith(("to_q.weight", "to_v.weight")):
            module = name.removesuffix(".weight")
            rows, columns = weight.shape
            for part, shape in (("lora_A", (4, columns)), ("lora_B", (rows, 4))):
                noise = torch.randn(shape, generator=generator) * size
                state[f"unet.{module}.{part}.weight"] = noise
    file = folder / f"lora{seed}.safetensors"
    safetensors.torch.save_file(state, file)
    return AddOn(key=f"lora-{seed}", path=file, sha256=str(seed))


def test_a_lora_of_no_weight_is_none_and_its_effect_grows_with_its_weight(
    engine: Engine, starter_source: ModelSource, make_request: MakeRequest, tmp_path: Path
) -> None:
    lora = build_lora(tmp_path)
    request = make_request(starter_source, steps=6, scheduler="ddim")
    plain = engine.generate(request, source=starter_source).images[0]

    pictures = {
        weight: engine.generate(
            replace(request, loras=[Lora(source=lora, weight=weight)]), source=starter_source
        ).images[0]
        for weight in (0.0, 0.05, 0.5)
    }
    after = engine.generate(request, source=starter_source).images[0]

    assert pictures[0.0].tobytes() == plain.tobytes()
    assert 0 < difference(plain, pictures[0.05]) < difference(plain, pictures[0.5])
    assert after.tobytes() == plain.tobytes()


def test_seeds_give_the_same_pictures_in_batches_of_any_size(
    engine: Engine, starter_source: ModelSource, make_request: MakeRequest
) -> None:
    request = make_request(starter_source, steps=8, seed=11)
    alone = [
        engine.generate(replace(request, seed=11 + index), source=starter_source).images[0]
        for index in range(4)
    ]

    for count in (2, 4):
        batch = engine.generate(replace(request, num_images=count), source=starter_source).images
        for one, other in zip(batch, alone[:count], strict=True):
            # Sums are added up in another order in a batch: two levels of 255 is rounding.
            assert np.abs(pixels(one) - pixels(other)).max() <= 2


@pytest.mark.parametrize("strength", [0.0, 0.2])
def test_an_enlarged_picture_keeps_its_content(
    engine: Engine,
    starter_source: ModelSource,
    make_request: MakeRequest,
    picture: Image.Image,
    strength: float,
) -> None:
    request = make_request(
        starter_source,
        width=2 * SIZE,
        height=2 * SIZE,
        steps=10,
        init_image=picture,
        upscale=Upscale(strength=strength, tile=SIZE, overlap=32),
    )

    made = engine.generate(request, source=starter_source).images[0]

    assert made.size == (2 * SIZE, 2 * SIZE)
    small = made.resize((SIZE, SIZE), Image.Resampling.BOX)
    correlation = np.corrcoef(pixels(small).ravel(), pixels(picture).ravel())[0, 1]
    # Each tile is told the whole prompt; what is kept all the same is where things are.
    assert correlation > (0.97 if strength == 0 else 0.9)


def test_two_passes_make_one_large_picture_of_the_small_one(
    engine: Engine, starter_source: ModelSource, make_request: MakeRequest
) -> None:
    request = make_request(starter_source, steps=10, seed=3)
    small = engine.generate(request, source=starter_source).images[0]
    steps: list[tuple[int, int]] = []

    large = engine.generate(
        replace(
            request, width=2 * SIZE, height=2 * SIZE, high_res=HighRes(scale=2.0, strength=0.3)
        ),
        source=starter_source,
        on_step=lambda progress: steps.append((progress.step, progress.total)),
    ).images[0]

    assert large.size == (2 * SIZE, 2 * SIZE)
    reduced = large.resize((SIZE, SIZE), Image.Resampling.BOX)
    assert np.corrcoef(pixels(reduced).ravel(), pixels(small).ravel())[0, 1] > 0.75
    assert steps == [(step, 13) for step in range(1, 14)]


def test_a_variation_goes_from_one_seed_to_another(
    engine: Engine, starter_source: ModelSource, make_request: MakeRequest
) -> None:
    request = make_request(starter_source, steps=8, scheduler="ddim", seed=1)
    here = engine.generate(request, source=starter_source).images[0]
    there = engine.generate(replace(request, seed=2), source=starter_source).images[0]

    on_the_way = [
        engine.generate(
            replace(request, variation=Variation(seed=2, strength=part)), source=starter_source
        ).images[0]
        for part in (0.0, 0.3, 1.0)
    ]

    assert difference(on_the_way[0], here) <= 1
    assert difference(on_the_way[2], there) <= 1
    assert 0.5 < difference(on_the_way[1], here) < difference(there, here)
