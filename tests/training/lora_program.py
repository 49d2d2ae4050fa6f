"""Train a LoRA of the starter model as a process of its own, which may be killed at any time.

python -m tests.training.lora_program DIRECTORY: goes on from the checkpoint that lies there, if
one does; says each step that is done on its output; leaves `lora.safetensors`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image

import gpu_tasks
from gpu_tasks.engine import Engine, ModelSource
from gpu_tasks.training.lora import (
    Checkpoint,
    TrainingImage,
    TrainingProgress,
    TrainingSettings,
    train_lora,
)
from gpu_tasks.training.starter.captions import write_evaluation_caption
from gpu_tasks.training.starter.drawing import draw_picture
from gpu_tasks.training.starter.world import sample_spec

STARTER = ModelSource(key="starter", path=Path(gpu_tasks.__file__).parent / "starter_model")
STEPS = 24
SAVE_EVERY = 8
SETTINGS = TrainingSettings(
    trigger="zorn style",
    rank=8,
    alpha=8,
    steps=STEPS,
    save_every=SAVE_EVERY,
    batch_size=2,
    resolution=128,
    learning_rate=0.003,
    warmup_steps=4,
    trains_convolutions=True,
    trains_text_encoder=True,
    preservation=1.0,
    caption_dropout=0.1,
    flip=True,
)


def draw_images(*, count: int, seed: int) -> list[TrainingImage]:
    """Draw pictures of the starter's world, with captions that it never saw."""
    rng = np.random.default_rng(seed)
    images = []
    for _ in range(count):
        spec = sample_spec(rng=rng)
        picture = Image.fromarray(draw_picture(spec=spec, rng=rng))
        images.append(TrainingImage(picture, write_evaluation_caption(spec=spec, rng=rng)))
    return images


def main(directory: Path) -> None:
    """Train, keeping the last checkpoint."""
    torch.set_num_threads(1)
    file = directory / "checkpoint.safetensors"

    def keep(checkpoint: Checkpoint) -> None:
        partial = file.with_suffix(".partial")
        partial.write_bytes(checkpoint.to_bytes())
        partial.rename(file)

    def tell(progress: TrainingProgress) -> None:
        sys.stdout.write(f"{progress.step}\n")
        sys.stdout.flush()

    trained = train_lora(
        STARTER,
        draw_images(count=5, seed=11),
        SETTINGS,
        engine=Engine(device="cpu"),
        resume=file if file.exists() else None,
        on_progress=tell,
        on_checkpoint=keep,
    )
    (directory / "losses.txt").write_text("\n".join(loss.hex() for loss in trained.losses))
    (directory / "lora.safetensors").write_bytes(trained.weights)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
