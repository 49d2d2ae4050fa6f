"""The shipped model directory: small, safe to load, and loaded unchanged by diffusers."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gpu_tasks.training.starter.classifier import draw_scenes
from gpu_tasks.training.starter.export import SIZE_LIMIT, measure_directory
from gpu_tasks.training.starter.preview import apply_preview, fit_preview
from gpu_tasks.training.starter.schedule import TimeBudget
from gpu_tasks.training.starter.vae import to_tensor

MODEL = Path(__file__).resolve().parents[2] / "gpu_tasks" / "starter_model"


@pytest.fixture(scope="module")
def pipeline() -> Any:
    diffusers = pytest.importorskip("diffusers")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        loaded = diffusers.StableDiffusionPipeline.from_pretrained(MODEL)
    loaded.set_progress_bar_config(disable=True)
    return loaded


def test_the_directory_is_small_and_holds_no_pickles() -> None:
    assert measure_directory(directory=MODEL) <= SIZE_LIMIT
    suffixes = {path.suffix for path in MODEL.rglob("*") if path.is_file()}
    assert suffixes == {".safetensors", ".json", ".txt", ".md"}


def test_the_catalogue_entry_is_complete() -> None:
    entry = json.loads((MODEL / "easel.json").read_text(encoding="utf-8"))
    assert entry["key"] == "starter"
    assert entry["default_width"] == entry["default_height"] == 128
    assert entry["min_size"] <= 128 <= entry["max_size"] == 256
    assert len(entry["example_prompts"]) == 12
    assert entry["license"] == "Apache-2.0"
    assert entry["commercial_use"] is True


def test_every_part_loads_as_float32_without_a_safety_checker(pipeline: Any) -> None:
    assert pipeline.safety_checker is None
    assert pipeline.unet.config.in_channels == 4
    for part in (pipeline.unet, pipeline.vae, pipeline.text_encoder):
        assert {parameter.dtype for parameter in part.parameters()} == {torch.float32}


def test_a_few_steps_give_the_same_picture_for_the_same_seed(pipeline: Any) -> None:
    def generate(seed: int) -> Any:
        return pipeline(
            "a red circle on a white background",
            negative_prompt="a blue background",
            width=128,
            height=128,
            num_inference_steps=3,
            generator=torch.Generator().manual_seed(seed),
            output_type="np",
        ).images[0]

    first = generate(1)
    assert first.shape == (128, 128, 3)
    assert np.array_equal(first, generate(1))
    assert not np.array_equal(first, generate(2))


def test_the_preview_map_roughly_matches_decoded_pictures(pipeline: Any) -> None:
    preview = json.loads((MODEL / "preview.json").read_text(encoding="utf-8"))
    _, pictures = draw_scenes(count=8, seed=9)
    with torch.no_grad():
        latents = pipeline.vae.encode(to_tensor(pictures=pictures)).latent_dist.mode()
    shown = apply_preview(latents=latents * pipeline.vae.config.scaling_factor, preview=preview)
    wanted = torch.nn.functional.avg_pool2d((to_tensor(pictures=pictures) + 1) / 2, 8)
    assert (shown - wanted).abs().mean() < 0.12


def test_the_preview_fit_recovers_a_linear_map() -> None:
    latents = torch.randn(3, 4, 2, 2, generator=torch.Generator().manual_seed(0)) * 0.1
    factors = torch.linspace(-0.4, 0.4, 12).view(4, 3)
    colors = (latents.permute(0, 2, 3, 1) @ factors + 0.5).permute(0, 3, 1, 2)
    pictures = colors.repeat_interleave(8, dim=2).repeat_interleave(8, dim=3)
    fitted = fit_preview(latents=latents, pictures=pictures)
    assert torch.allclose(torch.tensor(fitted["latent_rgb_factors"]), factors, atol=1e-3)
    assert np.allclose(fitted["latent_rgb_bias"], 0.5, atol=1e-3)


def test_the_learning_rate_warms_up_and_ends_low() -> None:
    budget = TimeBudget(minutes=10, warmup=0.1)
    rates = []
    for spent in (0.0, 30.0, 60.0, 300.0, 600.0):
        budget.spent = spent
        rates.append(budget.rate())
    assert rates[0] < rates[1] < rates[2]
    assert rates[2] == pytest.approx(1.0)
    assert rates[2] > rates[3] > rates[4]
    assert rates[4] == pytest.approx(0.02)
    assert budget.is_over()
