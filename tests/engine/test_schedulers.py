from __future__ import annotations

import inspect
from typing import Any

import pytest
from PIL import Image

from gpu_tasks.engine import Engine, ModelSource
from gpu_tasks.engine.libraries import torch
from gpu_tasks.engine.scheduler_names import SCHEDULER_NAMES
from gpu_tasks.engine.schedulers import _CLASSES, SCHEDULERS, make_scheduler
from tests.engine.conftest import MakeRequest

MEAN, SPREAD = 0.7, 0.5


def model_config(**changes: object) -> dict[str, Any]:
    config: dict[str, Any] = {
        "num_train_timesteps": 1000,
        "beta_start": 0.00085,
        "beta_end": 0.012,
        "beta_schedule": "scaled_linear",
        "prediction_type": "v_prediction",
        "clip_sample": False,
        "set_alpha_to_one": False,
        "steps_offset": 1,
        "timestep_spacing": "trailing",
    }
    return config | changes


def sample_a_known_gaussian(key: str, *, steps: int, config: dict[str, Any]) -> torch.Tensor:
    """Sample from N(MEAN, SPREAD²), where the perfect answer of a model has a closed form."""
    scheduler = make_scheduler(key, model_config=config, steps=steps)
    scheduler.set_timesteps(steps)
    generators = [torch.Generator().manual_seed(seed) for seed in range(2)]
    noise = torch.cat([torch.randn((1, 4, 32, 32), generator=g) for g in generators])
    takes_generator = "generator" in inspect.signature(scheduler.step).parameters
    extra = {"generator": generators} if takes_generator else {}
    log_alphas = scheduler.alphas_cumprod.log()
    sample: torch.Tensor = noise * scheduler.init_noise_sigma
    for timestep in scheduler.timesteps:
        shown = scheduler.scale_model_input(sample, timestep)
        below = int(timestep)
        above = min(below + 1, 999)
        alpha = torch.lerp(log_alphas[below], log_alphas[above], float(timestep) - below).exp()
        signal, noise_level = alpha.sqrt(), (1 - alpha).sqrt()
        variance = noise_level**2 + (signal * SPREAD) ** 2
        denoised = (MEAN * noise_level**2 + signal * SPREAD**2 * shown) / variance
        epsilon = (shown - signal * denoised) / noise_level
        said = {
            "epsilon": epsilon,
            "v_prediction": signal * epsilon - noise_level * denoised,
        }[config["prediction_type"]]
        sample = scheduler.step(said, timestep, sample, return_dict=False, **extra)[0]
    return sample


def test_every_name_has_a_class_and_every_class_a_name() -> None:
    assert set(SCHEDULER_NAMES) == set(SCHEDULERS) == set(_CLASSES)
    assert [spec.name for spec in SCHEDULERS.values()] == list(SCHEDULER_NAMES.values())
    assert len(set(SCHEDULER_NAMES.values())) == len(SCHEDULER_NAMES)


@pytest.mark.parametrize("prediction_type", ["v_prediction", "epsilon"])
@pytest.mark.parametrize("key", SCHEDULERS)
def test_a_scheduler_samples_the_distribution_it_is_given(key: str, prediction_type: str) -> None:
    sample = sample_a_known_gaussian(
        key, steps=40, config=model_config(prediction_type=prediction_type)
    )

    assert sample.mean().item() == pytest.approx(MEAN, abs=0.06)
    # Consistency samplers assume a distilled model: with another they narrow what they draw.
    least = 0.28 if key in {"lcm", "tcd"} else 0.4
    assert least < sample.std().item() < 0.55


@pytest.mark.parametrize(
    ("steps", "spacing"),
    [
        (1, "leading"),
        (2, "linspace"),
        (1, "trailing"),
        (3, "trailing"),
        pytest.param(500, "trailing", marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("key", SCHEDULERS)
def test_a_scheduler_runs_at_the_limits_of_steps(key: str, steps: int, spacing: str) -> None:
    sample = sample_a_known_gaussian(
        key, steps=steps, config=model_config(timestep_spacing=spacing)
    )

    assert sample.isfinite().all()
    if spacing == "trailing":
        # The others begin below the noise they are given when there are so few steps.
        assert sample.mean().item() == pytest.approx(MEAN, abs=0.15)
        assert sample.std().item() < 0.75


def test_no_two_names_are_the_same_scheduler() -> None:
    samples = {
        key: sample_a_known_gaussian(key, steps=8, config=model_config()) for key in SCHEDULERS
    }

    same = [
        (one, other)
        for index, one in enumerate(samples)
        for other in list(samples)[index + 1 :]
        if torch.equal(samples[one], samples[other])
    ]
    assert same == []


@pytest.mark.parametrize("key", ["euler", "dpmpp_2m", "unipc"])
def test_the_choice_of_the_user_wins_over_the_model_s_own(key: str) -> None:
    own_choice = model_config(
        use_karras_sigmas=True, algorithm_type="sde-dpmsolver++", solver_order=3
    )

    scheduler = make_scheduler(key, model_config=own_choice, steps=10)

    assert scheduler.config.use_karras_sigmas is False
    if key == "dpmpp_2m":
        assert scheduler.config.algorithm_type == "dpmsolver++"
        assert scheduler.config.solver_order == 2


@pytest.mark.parametrize("key", SCHEDULERS)
def test_every_scheduler_makes_pictures(
    engine: Engine, starter_source: ModelSource, make_request: MakeRequest, key: str
) -> None:
    seen: list[tuple[int, int]] = []
    request = make_request(starter_source, scheduler=key, steps=3, width=64, height=64)

    result = engine.generate(
        request, source=starter_source, on_step=lambda p: seen.append((p.step, p.total))
    )

    assert [image.size for image in result.images] == [(64, 64)]
    assert seen == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize("key", SCHEDULERS)
def test_every_scheduler_starts_from_a_picture(
    engine: Engine, tiny_source: ModelSource, make_request: MakeRequest, key: str
) -> None:
    seen: list[tuple[int, int]] = []
    request = make_request(
        tiny_source,
        scheduler=key,
        steps=10,
        strength=0.35,
        init_image=Image.new("RGB", (128, 128), "teal"),
        num_images=2,
    )

    result = engine.generate(
        request, source=tiny_source, on_step=lambda p: seen.append((p.step, p.total))
    )

    assert [image.size for image in result.images] == [(128, 128)] * 2
    assert seen == [(1, 3), (2, 3), (3, 3)]
