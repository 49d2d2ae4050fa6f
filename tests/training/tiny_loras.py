"""What LoRAs of a few steps are trained by, and how two of them are compared."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import safetensors.torch
from PIL import Image

from gpu_tasks.engine import Engine, GenerationRequest, ModelSource
from gpu_tasks.engine.guides import AddOn, Lora
from gpu_tasks.engine.libraries import torch
from gpu_tasks.training.lora import (
    TrainedLora,
    TrainingImage,
    TrainingSettings,
)

SETTINGS = TrainingSettings(
    trigger="zorn",
    rank=4,
    alpha=2,
    steps=4,
    batch_size=2,
    resolution=64,
    learning_rate=0.02,
    save_every=2,
    sample_steps=2,
)


ALL_ON = replace(
    SETTINGS,
    trains_text_encoder=True,
    trains_convolutions=True,
    preservation=0.5,
    caption_dropout=0.3,
    flip=True,
    warmup_steps=2,
)


IMAGES = [
    TrainingImage(Image.new("RGB", (90 + 10 * index, 80), color), f"a picture of {color}")
    for index, color in enumerate(("red", "teal", "gold"))
]


def tensors_of(lora: TrainedLora) -> dict[str, torch.Tensor]:
    tensors: dict[str, torch.Tensor] = safetensors.torch.load(lora.weights)
    return tensors


def are_equal(one: TrainedLora, other: TrainedLora) -> bool:
    first, second = tensors_of(one), tensors_of(other)
    return (
        one.losses == other.losses
        and first.keys() == second.keys()
        and all(torch.equal(tensor, second[name]) for name, tensor in first.items())
    )


def generate(
    engine: Engine, source: ModelSource, lora: Path | None = None, **changes: object
) -> Image.Image:
    loras = [] if lora is None else [Lora(source=AddOn(key=str(lora), path=lora), weight=1.0)]
    request = GenerationRequest(
        prompt="a picture of red, zorn",
        width=64,
        height=64,
        steps=2,
        guidance_scale=4.0,
        scheduler="ddim",
        seed=5,
        model_key=source.key,
        loras=loras,
        **changes,  # type: ignore[arg-type]
    )
    return engine.generate(request, source=source).images[0]
