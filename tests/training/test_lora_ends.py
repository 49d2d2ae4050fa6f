"""How trainings end before their time, and what they leave: nothing."""

from __future__ import annotations

import gc
import shutil
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import pytest
import safetensors.torch

from gpu_tasks.engine import Engine, ModelSource
from gpu_tasks.engine.errors import InvalidRequest, OutOfMemory
from gpu_tasks.engine.libraries import diffusers, torch
from gpu_tasks.training.lora import (
    Checkpoint,
    TrainingCancelled,
    TrainingDiverged,
    TrainingProgress,
    TrainingSample,
    train_lora,
)
from gpu_tasks.training.lora.adapter import Adapter
from tests.training.tiny_loras import ALL_ON, IMAGES, SETTINGS, generate


@pytest.mark.slow
@pytest.mark.parametrize("place", ["put_in", "restore"])
def test_a_card_too_small_is_told_wherever_it_shows(
    sources: dict[str, ModelSource],
    engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
    place: str,
) -> None:
    kept: list[Checkpoint] = []
    source = sources["sd-1.5-class"]
    train_lora(source, IMAGES, SETTINGS, engine=engine, on_checkpoint=kept.append)

    def run_out(*_values: object) -> NoReturn:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    # No card is here that could be too small.
    monkeypatch.setattr(Adapter, place, run_out)

    with pytest.raises(OutOfMemory, match="Try a smaller resolution"):
        train_lora(source, IMAGES, SETTINGS, engine=engine, resume=kept[0].to_bytes())


def test_what_is_kept_loaded_is_unharmed_by_a_training(
    sources: dict[str, ModelSource], engine: Engine
) -> None:
    source = sources["sd-1.5-class"]
    with engine.hold(source) as model:
        before = generate(engine, source)
        parts = {name: id(part) for name, part in model.components.items()}

        train_lora(source, IMAGES, ALL_ON, engine=engine)
        with pytest.raises(TrainingCancelled):
            train_lora(source, IMAGES, ALL_ON, engine=engine, is_cancelled=lambda: True)

        assert generate(engine, source).tobytes() == before.tobytes()
        with engine.hold(source) as again:
            assert {name: id(part) for name, part in again.components.items()} == parts


def count_models() -> int:
    gc.collect()
    # By type: some objects of torch warn when they are asked for their class.
    return sum(type(one) is diffusers.UNet2DConditionModel for one in gc.get_objects())


@pytest.mark.slow
def test_nothing_of_a_training_stays_in_memory(
    sources: dict[str, ModelSource], engine: Engine
) -> None:
    train_lora(sources["sd-1.5-class"], IMAGES, SETTINGS, engine=engine)
    before = count_models()
    train_lora(sources["sdxl"], IMAGES, ALL_ON, engine=engine)

    assert count_models() == before


@pytest.mark.slow
def test_who_keeps_the_error_of_a_shortage_keeps_nothing_of_the_training(
    sources: dict[str, ModelSource],
) -> None:
    # One of its own: what another keeps loaded makes room for a training.
    engine = Engine(device="cpu")
    before = count_models()

    def run_out(_progress: TrainingProgress) -> NoReturn:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    with pytest.raises(OutOfMemory) as ended:
        train_lora(sources["sd-1.5-class"], IMAGES, SETTINGS, engine=engine, on_progress=run_out)

    assert ended.value.__context__ is not None
    assert count_models() == before


def test_a_cancelled_training_stops_within_a_step(
    sources: dict[str, ModelSource], engine: Engine
) -> None:
    seen: list[TrainingProgress] = []

    with pytest.raises(TrainingCancelled) as stopped:
        train_lora(
            sources["sd-1.5-class"],
            IMAGES,
            SETTINGS,
            engine=engine,
            on_progress=seen.append,
            is_cancelled=lambda: len(seen) == 2,
        )

    assert stopped.value.code == "cancelled"
    assert (len(seen), stopped.value.step) == (2, 2)
    assert stopped.value.compute_seconds >= seen[-1].seconds > 0


@pytest.mark.slow
def test_a_training_is_cancelled_within_a_sample_and_goes_on_with_that(
    sources: dict[str, ModelSource], engine: Engine
) -> None:
    samples: list[TrainingSample] = []
    seen: list[TrainingProgress] = []
    kept: list[Checkpoint] = []
    asked: list[int] = []
    source = sources["sd-1.5-class"]
    settings = replace(SETTINGS, steps=2, sample_every=2, sample_prompts=("a", "b"))

    def is_cancelled() -> bool:
        asked.append(len(seen))
        # Once before the sample begins, then at its first step.
        return asked.count(2) > 1

    with pytest.raises(TrainingCancelled) as stopped:
        train_lora(
            source,
            IMAGES,
            settings,
            engine=engine,
            on_progress=seen.append,
            on_sample=samples.append,
            on_checkpoint=kept.append,
            is_cancelled=is_cancelled,
        )

    assert (samples, stopped.value.step) == ([], 2)
    assert [(one.step, one.lacks_samples) for one in kept] == [(2, True)]

    resumed = train_lora(
        source,
        IMAGES,
        settings,
        engine=engine,
        resume=kept[0].to_bytes(),
        on_progress=seen.append,
        on_sample=samples.append,
    )

    assert [(one.step, one.index) for one in samples] == [(2, 0), (2, 1)]
    assert ([one.step for one in seen], resumed.losses) == ([1, 2], kept[0].losses)


@pytest.mark.slow
def test_a_loss_that_is_no_number_ends_the_training(
    sources: dict[str, ModelSource], tmp_path: Path
) -> None:
    shutil.copytree(sources["sd-1.5-class"].path, tmp_path / "broken")
    file = tmp_path / "broken" / "unet" / "diffusion_pytorch_model.safetensors"
    tensors = safetensors.torch.load_file(file)
    tensors["conv_out.bias"] = torch.full_like(tensors["conv_out.bias"], float("nan"))
    safetensors.torch.save_file(tensors, file)
    seen: list[TrainingProgress] = []
    before = count_models()

    with pytest.raises(TrainingDiverged, match="Try a lower learning rate") as ended:
        train_lora(
            ModelSource(key="broken", path=tmp_path / "broken"),
            IMAGES,
            SETTINGS,
            engine=Engine(device="cpu"),
            on_progress=seen.append,
        )

    assert (ended.value.step, seen) == (1, [])
    # Nor does who keeps the error keep the model.
    assert count_models() == before


def test_models_that_cannot_be_trained_are_refused_before_they_are_loaded(
    engine: Engine, tmp_path: Path
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        train_lora(
            ModelSource(key="flux", path=tmp_path, base="flux-1"), IMAGES, SETTINGS, engine=engine
        )

    assert list(refused.value.fields) == ["model"]
