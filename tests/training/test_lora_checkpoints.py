"""A training that stops and goes on, as if it had not stopped."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gpu_tasks.engine import Engine, ModelSource
from gpu_tasks.engine.errors import InvalidRequest
from gpu_tasks.training.lora import (
    Checkpoint,
    TrainedLora,
    TrainingProgress,
    TrainingSettings,
    train_lora,
)
from tests.training.tiny_loras import ALL_ON, IMAGES, SETTINGS, are_equal


@pytest.mark.slow
@pytest.mark.parametrize(
    ("base", "settings"),
    [("sd-1.5-class", SETTINGS), ("sdxl", ALL_ON)],
    ids=["plain", "all on"],
)
def test_a_resumed_training_ends_as_the_undisturbed_one(
    base: str,
    settings: TrainingSettings,
    sources: dict[str, ModelSource],
    engine: Engine,
    tmp_path: Path,
) -> None:
    kept: list[Checkpoint] = []
    settings = replace(settings, save_every=1)
    whole = train_lora(sources[base], IMAGES, settings, engine=engine, on_checkpoint=kept.append)
    file = tmp_path / "checkpoint.safetensors"
    file.write_bytes(kept[2].to_bytes())
    seen: list[TrainingProgress] = []

    early = train_lora(sources[base], IMAGES, settings, engine=engine, resume=kept[0].to_bytes())
    late = train_lora(
        sources[base],
        IMAGES,
        settings,
        engine=Engine(device="cpu"),
        resume=file,
        on_progress=seen.append,
    )
    over = train_lora(sources[base], IMAGES, settings, engine=engine, resume=kept[3].to_bytes())

    assert [one.step for one in kept] == [1, 2, 3, 4]
    assert are_equal(early, whole)
    assert are_equal(late, whole)
    assert are_equal(over, whole)
    assert [(one.step, one.total) for one in seen] == [(4, 4)]
    assert seen[0].smoothed_loss == kept[3].smoothed_loss


@pytest.mark.slow
def test_a_checkpoint_is_made_when_time_has_passed_and_disturbs_nothing(
    sources: dict[str, ModelSource], engine: Engine
) -> None:
    kept: list[Checkpoint] = []
    source = sources["sd-1.5-class"]
    settings = replace(SETTINGS, save_every=100)

    def train(save_seconds: float) -> TrainedLora:
        return train_lora(
            source,
            IMAGES,
            settings,
            engine=engine,
            on_checkpoint=kept.append,
            save_seconds=save_seconds,
        )

    hurried, whole = train(0.0), train(3600.0)

    # What is over needs none.
    assert [one.step for one in kept] == [1, 2, 3]
    resumed = train_lora(source, IMAGES, settings, engine=engine, resume=kept[1].to_bytes())
    assert are_equal(hurried, whole)
    assert are_equal(resumed, whole)


def test_a_foreign_checkpoint_is_refused(sources: dict[str, ModelSource], engine: Engine) -> None:
    kept: list[Checkpoint] = []
    source = sources["sd-1.5-class"]
    train_lora(source, IMAGES, SETTINGS, engine=engine, on_checkpoint=kept.append)
    content = kept[0].to_bytes()
    steps: list[TrainingProgress] = []

    for other, images, settings, resume in (
        (source, IMAGES, replace(SETTINGS, learning_rate=0.01), content),
        (source, IMAGES, replace(SETTINGS, rank=8), content),
        (source, IMAGES[:2], SETTINGS, content),
        (sources["sd-2"], IMAGES, SETTINGS, content),
        (source, IMAGES, SETTINGS, content[:-1]),
    ):
        with pytest.raises(InvalidRequest) as refused:
            train_lora(
                other, images, settings, engine=engine, resume=resume, on_progress=steps.append
            )
        assert list(refused.value.fields) == ["resume"]
    assert steps == []
