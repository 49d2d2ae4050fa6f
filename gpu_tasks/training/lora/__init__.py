"""Train a LoRA on a set of captioned pictures with torch, diffusers and peft; no Django here.

Importing this package is cheap: `train_lora` and `Checkpoint` bring torch in only when they are
first asked for. The web process takes what it needs from `settings`, `trainable` and `estimates`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gpu_tasks.training.lora.errors import TrainingCancelled, TrainingDiverged
from gpu_tasks.training.lora.estimates import seconds_for
from gpu_tasks.training.lora.outcomes import TrainedLora, TrainingProgress, TrainingSample
from gpu_tasks.training.lora.settings import RateSchedule, TrainingImage, TrainingSettings
from gpu_tasks.training.lora.trainable import TRAINABLE, find_trainable

if TYPE_CHECKING:
    from gpu_tasks.training.lora.checkpoint import Checkpoint
    from gpu_tasks.training.lora.training import train_lora

__all__ = [
    "TRAINABLE",
    "Checkpoint",
    "RateSchedule",
    "TrainedLora",
    "TrainingCancelled",
    "TrainingDiverged",
    "TrainingImage",
    "TrainingProgress",
    "TrainingSample",
    "TrainingSettings",
    "find_trainable",
    "seconds_for",
    "train_lora",
]


def __getattr__(name: str) -> object:
    if name == "train_lora":
        from gpu_tasks.training.lora.training import train_lora

        return train_lora
    if name == "Checkpoint":
        from gpu_tasks.training.lora.checkpoint import Checkpoint

        return Checkpoint
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
