"""What a training tells and what comes of it, free of torch."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingProgress:
    """Tell about one finished step (1-based) of `total`.

    `smoothed_loss` is the exponential mean of the losses so far; `seconds` are those since this
    call began to train, whatever was done by another before.
    """

    step: int
    total: int
    loss: float
    smoothed_loss: float
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrainingSample:
    """A picture that the model makes of `prompt` (number `index`) after `step` steps."""

    step: int
    index: int
    prompt: str
    seed: int
    picture: Image.Image


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrainedLora:
    """Hold a finished LoRA.

    `weights` are a safetensors file in diffusers' layout, `losses` one for each step, those of
    earlier calls included. `compute_seconds` are those of this call: from when the model was
    ready until the file was made, without those that callbacks took.
    """

    weights: bytes
    losses: tuple[float, ...]
    compute_seconds: float
