from __future__ import annotations

from typing import Any

import pytest
from PIL import Image

from gpu_tasks.engine import GenerationRequest, InvalidRequest, StepProgress

PICTURE = Image.new("RGB", (64, 64))


def make(**changes: Any) -> GenerationRequest:
    arguments: dict[str, Any] = {
        "prompt": "a fox",
        "width": 512,
        "height": 768,
        "steps": 20,
        "guidance_scale": 7.5,
        "scheduler": "euler_a",
        "seed": 1,
        "model_key": "some-model",
    }
    return GenerationRequest(**(arguments | changes))


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("prompt", None, "must be text"),
        ("prompt", "x" * 10_001, "must have at most 10000 characters"),
        ("prompt", "half a pair \ud83c", "holds a character that is not valid Unicode"),
        ("negative_prompt", 3, "must be text"),
        ("width", 0, "must be between 64 and 8192"),
        ("width", 100_000, "must be between 64 and 8192"),
        ("width", 129, "must be a multiple of 8"),
        ("width", 128.0, "must be a whole number"),
        ("width", True, "must be a whole number"),
        ("height", 8200, "must be between 64 and 8192"),
        ("steps", 0, "must be between 1 and 500"),
        ("steps", 501, "must be between 1 and 500"),
        ("guidance_scale", float("nan"), "must be a number"),
        ("guidance_scale", float("inf"), "must be a number"),
        ("guidance_scale", "7", "must be a number"),
        ("guidance_scale", -0.1, "must be between 0 and 100"),
        ("guidance_scale", 101, "must be between 0 and 100"),
        ("scheduler", "euler_z", "is not a known scheduler"),
        ("seed", -1, "must be between 0 and 4294967295"),
        ("seed", 2**32, "must be between 0 and 4294967295"),
        ("num_images", 0, "must be between 1 and 64"),
        ("model_key", "", "is missing"),
        ("strength", 0.5, "needs a picture to start from"),
    ],
)
def test_a_wrong_field_is_named(field: str, value: object, message: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        make(**{field: value})

    assert dict(caught.value.fields) == {field: message}


def test_all_wrong_fields_are_named_at_once() -> None:
    with pytest.raises(InvalidRequest) as caught:
        make(width=1, steps=-5, scheduler="")

    assert set(caught.value.fields) == {"width", "steps", "scheduler"}


@pytest.mark.parametrize("strength", [-0.1, 1.1, float("nan")])
def test_a_strength_outside_0_to_1_is_refused(strength: float) -> None:
    with pytest.raises(InvalidRequest) as caught:
        make(init_image=PICTURE, strength=strength)

    assert set(caught.value.fields) == {"strength"}


def test_a_strength_that_leaves_no_step_is_refused() -> None:
    with pytest.raises(InvalidRequest) as caught:
        make(init_image=PICTURE, strength=0.1, steps=9)

    assert dict(caught.value.fields) == {
        "strength": "is too low for so few steps: strength times steps must be at least 1"
    }


@pytest.mark.parametrize("prompt", ["", "🎨 바다 위의 노을", "x" * 10_000, "a\x00b"])
def test_any_valid_text_is_a_prompt(prompt: str) -> None:
    assert make(prompt=prompt).prompt == prompt


def test_seeds_count_up_and_wrap_around() -> None:
    assert make(seed=2**32 - 2, num_images=4).seeds == (2**32 - 2, 2**32 - 1, 0, 1)


def test_denoising_steps_follow_the_strength() -> None:
    assert make().denoising_steps == 20
    assert make(init_image=PICTURE, strength=0.4).denoising_steps == 8
    assert make(init_image=PICTURE).denoising_steps == 15
    assert make(init_image=PICTURE, strength=1).denoising_steps == 20


def test_fraction_covers_pictures_made_one_after_another() -> None:
    together = StepProgress(
        step=5, total=20, image_index=None, images_total=4, preview=lambda: PICTURE
    )
    one_by_one = StepProgress(
        step=5, total=20, image_index=1, images_total=4, preview=lambda: PICTURE
    )

    assert together.fraction == 0.25
    assert one_by_one.fraction == 0.3125
