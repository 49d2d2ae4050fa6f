from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from gpu_tasks.engine import Engine, ModelSource, StepProgress
from gpu_tasks.engine.libraries import torch
from gpu_tasks.engine.previews import DenoisedTap, LatentPreview
from gpu_tasks.engine.scheduler_names import FLOW_SCHEDULER_NAMES
from gpu_tasks.engine.schedulers import SCHEDULERS, make_scheduler
from tests.engine.conftest import MakeRequest
from tests.engine.test_schedulers import model_config
from tests.engine.tiny_model import PREVIEW_MAP


def test_latents_are_mapped_by_the_model_s_own_file(tmp_path: Path) -> None:
    (tmp_path / "preview.json").write_text(json.dumps(PREVIEW_MAP))
    latents = torch.zeros(4, 2, 3)
    latents[0, 0, 0] = 1.0
    latents[1, 1, 2] = -2.0
    latents[2, 0, 1] = 99.0
    latents[3] = 50.0
    latents[0, 1, 0] = float("nan")

    picture = LatentPreview.for_model(tmp_path, channels=4, base="sd-1.5-class").draw(latents)

    assert (picture.size, picture.mode) == ((3, 2), "RGB")
    assert picture.getpixel((0, 0)) == (178, 128, 128)
    assert picture.getpixel((2, 1)) == (128, 25, 128)
    assert picture.getpixel((1, 0)) == (128, 128, 255)
    assert picture.getpixel((0, 1)) == (0, 0, 0)


def test_without_a_file_the_latents_are_taken_for_those_of_sd_1(tmp_path: Path) -> None:
    latents = torch.tensor([1.0, 0.0, 0.0, -1.0]).reshape(4, 1, 1)

    picture = LatentPreview.for_model(tmp_path, channels=4, base="sd-1.5-class").draw(latents)

    # 0.5 + half of (0.298 + 0.184, 0.207 + 0.271, 0.208 + 0.473)
    assert picture.getpixel((0, 0)) == (189, 188, 214)


def test_unknown_latents_are_shown_in_grey(tmp_path: Path) -> None:
    picture = LatentPreview.for_model(tmp_path, channels=16, base="sd-1.5-class").draw(
        torch.full((16, 1, 1), 0.4)
    )

    assert picture.getpixel((0, 0)) == (179, 179, 179)


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[]",
        "{}",
        '{"latent_rgb_factors": [[1, 2, 3]], "latent_rgb_bias": [0, 0, 0]}',
        '{"latent_rgb_factors": "red", "latent_rgb_bias": [0, 0, 0]}',
        '{"latent_rgb_factors": [[1], [2, 3]], "latent_rgb_bias": null}',
    ],
)
def test_a_broken_file_costs_the_preview_and_not_the_model(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: str
) -> None:
    (tmp_path / "preview.json").write_text(content)

    preview = LatentPreview.for_model(tmp_path, channels=4, base="sd-1.5-class")

    assert torch.equal(
        preview.factors, LatentPreview.for_model(Path("/"), channels=4, base="sd-1.5-class").factors
    )
    assert "preview_map_ignored" in caplog.text


@pytest.mark.parametrize(
    ("key", "prediction_type"),
    [
        *((key, prediction) for key in SCHEDULERS for prediction in ("v_prediction", "epsilon")),
        *((key, "sample") for key in ("ddim", "euler", "dpmpp_2m_k", "unipc", "lcm")),
    ],
)
def test_the_tap_finds_what_the_model_believes_in(key: str, prediction_type: str) -> None:
    scheduler = make_scheduler(
        key, model_config=model_config(prediction_type=prediction_type), steps=6
    )
    scheduler.set_timesteps(6)
    tap = DenoisedTap.on(scheduler)
    generator = torch.Generator().manual_seed(3)
    believed = torch.randn((1, 4, 8, 8), generator=generator)
    log_alphas = scheduler.alphas_cumprod.log()
    sample = torch.randn((1, 4, 8, 8), generator=generator) * scheduler.init_noise_sigma

    for timestep in scheduler.timesteps:
        shown = scheduler.scale_model_input(torch.cat([sample] * 2), timestep)[:1]
        below = int(timestep)
        part = float(timestep) - below
        alpha = torch.lerp(log_alphas[below], log_alphas[min(below + 1, 999)], part).exp()
        signal, noise = alpha.sqrt(), (1 - alpha).sqrt()
        epsilon = (shown - signal * believed) / noise
        said = {
            "v_prediction": signal * epsilon - noise * believed,
            "epsilon": epsilon,
            "sample": believed,
        }[prediction_type]
        sample = scheduler.step(said, timestep, sample, return_dict=False)[0]
        assert torch.allclose(tap.denoised(sample), believed, atol=0.02)


@pytest.mark.parametrize("key", FLOW_SCHEDULER_NAMES)
def test_the_tap_finds_what_a_flow_believes_in(key: str) -> None:
    scheduler = make_scheduler(
        key, model_config={"num_train_timesteps": 1000, "shift": 3.0}, steps=6
    )
    scheduler.set_timesteps(6)
    tap = DenoisedTap.on(scheduler)
    generator = torch.Generator().manual_seed(3)
    believed = torch.randn((2, 4, 8, 8), generator=generator)
    sample = torch.randn((2, 4, 8, 8), generator=generator)

    for index, timestep in enumerate(scheduler.timesteps):
        sigma = scheduler.sigmas[index]
        said = (sample - believed) / sigma
        sample = scheduler.step(said, timestep, sample, return_dict=False)[0]
        assert torch.allclose(tap.denoised(sample, row=1), believed[1:], atol=0.02)


def test_the_tap_shows_the_latents_while_it_has_seen_nothing() -> None:
    tap = DenoisedTap.on(make_scheduler("ddim", model_config=model_config(), steps=2))
    latents = torch.randn(2, 4, 3, 3)

    assert torch.equal(tap.denoised(latents, row=1), latents[1:])


def test_a_preview_is_drawn_only_when_it_is_called(
    monkeypatch: pytest.MonkeyPatch,
    engine: Engine,
    tiny_source: ModelSource,
    make_request: MakeRequest,
) -> None:
    drawn: list[int] = []
    denoised = DenoisedTap.denoised

    def count(self: DenoisedTap, fallback: torch.Tensor, *, row: int = 0) -> torch.Tensor:
        drawn.append(1)
        return denoised(self, fallback, row=row)

    monkeypatch.setattr(DenoisedTap, "denoised", count)

    def on_step(progress: StepProgress) -> None:
        if progress.step == 2:
            progress.preview()

    engine.generate(make_request(tiny_source, steps=4), source=tiny_source, on_step=on_step)

    assert len(drawn) == 1


def test_the_last_preview_resembles_the_picture(
    engine: Engine, starter_source: ModelSource, make_request: MakeRequest
) -> None:
    last: list[StepProgress] = []
    request = make_request(starter_source, steps=6, scheduler="ddim")

    result = engine.generate(request, source=starter_source, on_step=last.append)
    preview = last[-1].preview()

    small = result.images[0].resize(preview.size)
    difference = np.asarray(small, dtype=np.int16) - np.asarray(preview, dtype=np.int16)
    assert np.abs(difference).mean() < 40


def test_a_model_without_a_map_makes_pictures(
    engine: Engine, tiny_source: ModelSource, make_request: MakeRequest, tmp_path: Path
) -> None:
    shutil.copytree(tiny_source.path, tmp_path / "model")
    (tmp_path / "model" / "preview.json").unlink()
    source = ModelSource(key="without", path=tmp_path / "model")
    sizes: list[tuple[int, int]] = []

    engine.generate(
        make_request(source, width=192),
        source=source,
        on_step=lambda progress: sizes.append(progress.preview().size),
    )

    assert sizes == [(24, 16)] * 3
    engine.unload(source)
