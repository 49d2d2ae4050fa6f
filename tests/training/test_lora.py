"""Training a LoRA: steps on tiny models, samples, and its use by the engine afterwards."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors import safe_open

from apps.catalog.models import ModelKind
from apps.catalog.probing import probe
from gpu_tasks.engine import Engine, ModelSource
from gpu_tasks.engine.libraries import torch
from gpu_tasks.training.lora import (
    Checkpoint,
    TrainingImage,
    TrainingProgress,
    TrainingSample,
    train_lora,
    training,
)
from tests.training.tiny_loras import ALL_ON, IMAGES, SETTINGS, are_equal, generate, tensors_of


@pytest.mark.parametrize("base", ["sd-1.5-class", "sd-2", "sdxl"])
def test_a_trained_lora_is_recognised_and_changes_pictures(
    base: str, sources: dict[str, ModelSource], engine: Engine, tmp_path: Path
) -> None:
    source = sources[base]
    before = generate(engine, source)

    trained = train_lora(source, IMAGES, ALL_ON, engine=engine)

    file = tmp_path / "lora.safetensors"
    file.write_bytes(trained.weights)
    found = probe(tmp_path)
    assert (found.kind, found.base(), found.trigger_words) == (ModelKind.LORA, base, ("zorn",))
    assert np.asarray(generate(engine, source, file)).tolist() != np.asarray(before).tolist()
    assert generate(engine, source).tobytes() == before.tobytes()
    assert len(trained.losses) == 4
    assert trained.compute_seconds > 0
    with safe_open(file, framework="pt") as stored:
        notes = stored.metadata()
    assert {name: notes[f"easel.{name}"] for name in ("base", "rank", "alpha", "steps")} == {
        "base": base,
        "rank": "4",
        "alpha": "2",
        "steps": "4",
    }


@pytest.mark.slow
def test_attention_alone_is_trained_unless_more_is_asked_for(
    sources: dict[str, ModelSource], engine: Engine
) -> None:
    source = sources["sdxl"]
    names = set(tensors_of(train_lora(source, IMAGES, SETTINGS, engine=engine)))
    more = set(tensors_of(train_lora(source, IMAGES, ALL_ON, engine=engine)))

    layers = {name.removesuffix(".weight").rsplit(".lora_", 1)[0] for name in names}
    ends = {layer.removesuffix(".0").rsplit(".", 1)[1] for layer in layers}
    assert ends == {"to_q", "to_k", "to_v", "to_out"}
    assert names < more
    added = {name.split(".", 1)[0] for name in more - names}
    assert added == {"unet", "text_encoder", "text_encoder_2"}
    assert any(".conv1." in name for name in more)


def test_each_step_is_told_with_its_loss(sources: dict[str, ModelSource], engine: Engine) -> None:
    seen: list[TrainingProgress] = []

    trained = train_lora(
        sources["sd-1.5-class"], IMAGES, SETTINGS, engine=engine, on_progress=seen.append
    )

    assert [one.step for one in seen] == [1, 2, 3, 4]
    assert {one.total for one in seen} == {4}
    assert tuple(one.loss for one in seen) == trained.losses
    assert seen[0].smoothed_loss == seen[0].loss
    assert seen[1].smoothed_loss == pytest.approx(0.98 * seen[0].loss + 0.02 * seen[1].loss)
    assert 0 < seen[0].seconds < seen[3].seconds <= trained.compute_seconds


@pytest.mark.slow
def test_samples_are_made_at_intervals_and_change_with_the_training(
    sources: dict[str, ModelSource], engine: Engine
) -> None:
    seen: list[TrainingSample] = []
    settings = replace(SETTINGS, sample_every=2, sample_prompts=("zorn", "a house"), seed=9)

    sampled = train_lora(
        sources["sd-1.5-class"], IMAGES, settings, engine=engine, on_sample=seen.append
    )

    assert [(one.step, one.index, one.prompt, one.seed) for one in seen] == [
        (2, 0, "zorn", 9),
        (2, 1, "a house", 9),
        (4, 0, "zorn", 9),
        (4, 1, "a house", 9),
    ]
    assert {one.picture.size for one in seen} == {(64, 64)}
    assert seen[0].picture.tobytes() != seen[2].picture.tobytes()
    # To look at it disturbs nothing.
    assert are_equal(sampled, train_lora(sources["sd-1.5-class"], IMAGES, settings, engine=engine))


def test_what_listeners_take_is_no_time_of_the_training(
    sources: dict[str, ModelSource], engine: Engine
) -> None:
    def listen(_told: object) -> None:
        time.sleep(0.2)

    settings = replace(SETTINGS, sample_every=2, sample_prompts=("zorn",), save_every=2)
    began = time.perf_counter()

    trained = train_lora(
        sources["sd-1.5-class"],
        IMAGES,
        settings,
        engine=engine,
        on_progress=listen,
        on_checkpoint=listen,
        on_sample=listen,
    )

    # Four steps, two checkpoints and two samples.
    assert trained.compute_seconds <= time.perf_counter() - began - 8 * 0.2


def test_a_sample_that_cannot_be_made_is_left_out(
    sources: dict[str, ModelSource], engine: Engine
) -> None:
    seen: list[TrainingSample] = []
    settings = replace(SETTINGS, sample_every=4, sample_prompts=("a disc (scale:10)", "a house"))

    train_lora(sources["sd-1.5-class"], IMAGES, settings, engine=engine, on_sample=seen.append)

    assert [(one.step, one.prompt) for one in seen] == [(4, "a house")]


def test_the_last_sample_is_what_the_finished_lora_makes(
    sources: dict[str, ModelSource], engine: Engine, tmp_path: Path
) -> None:
    seen: list[TrainingSample] = []
    settings = replace(
        ALL_ON,
        sample_every=4,
        sample_prompts=("a picture of red, zorn",),
        seed=5,
        sample_guidance=4.0,
    )
    source = sources["sd-1.5-class"]
    trained = train_lora(source, IMAGES, settings, engine=engine, on_sample=seen.append)
    file = tmp_path / "lora.safetensors"
    file.write_bytes(trained.weights)

    made = np.asarray(generate(engine, source, file), dtype=int)

    plain = np.asarray(generate(engine, source), dtype=int)
    sample = np.asarray(seen[0].picture, dtype=int)
    # The file is in float16, and alpha is half of the rank: forgotten, this would be far away.
    assert abs(made - sample).max() <= 2
    assert abs(plain - sample).max() > 8


@pytest.mark.slow
def test_sdxl_is_told_how_large_a_picture_was_and_sd_is_not(
    sources: dict[str, ModelSource], engine: Engine
) -> None:
    def first_loss(base: str, width: int) -> float:
        images = [TrainingImage(Image.new("RGB", (width, 64), "red"), "red")]
        settings = replace(SETTINGS, steps=1)
        return train_lora(sources[base], images, settings, engine=engine).losses[0]

    assert first_loss("sd-1.5-class", 64) == first_loss("sd-1.5-class", 128)
    assert first_loss("sdxl", 64) != first_loss("sdxl", 128)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("base", "dtype"),
    [("sd-1.5-class", torch.bfloat16), ("sdxl", torch.float16)],
    ids=["bfloat16", "float16"],
)
def test_the_types_of_cards_train_float32_weights_beside_them(
    base: str,
    dtype: torch.dtype,
    sources: dict[str, ModelSource],
    engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(training, "training_dtype", lambda _device: dtype)
    kept: list[Checkpoint] = []
    settings = replace(ALL_ON, save_every=1)

    whole = train_lora(sources[base], IMAGES, settings, engine=engine, on_checkpoint=kept.append)
    resumed = train_lora(sources[base], IMAGES, settings, engine=engine, resume=kept[1].to_bytes())

    assert {one.dtype for one in kept[3].weights.values()} == {torch.float32}
    assert bool(kept[3].scaler) == (dtype is torch.float16)
    assert np.isfinite(whole.losses).all()
    assert any(
        not torch.equal(kept[3].weights[name], first) for name, first in kept[0].weights.items()
    )
    assert are_equal(resumed, whole)
