"""How long a training will take, before anything is measured; free of torch."""

from __future__ import annotations

from typing import Final

from gpu_tasks.training.lora.settings import TrainingSettings

# `FamilyFacts.planned_seconds` are those of 20 steps, each of which runs the model twice for
# guidance, at 1024 × 1024 pixels.
_PASSES: Final = 40
_PIXELS: Final = 1024 * 1024
# A step runs the model, goes back through it, and where activations are recomputed runs it again.
# Measured on the starter model, without recomputing: 1.8 passes for each of four pictures, 2.9 with
# convolutions and text encoder, 3.7 for a picture alone; 6 to 7.5 where it also preserves.
_STEP: Final = 4.0
# The model as it was, then a step of its own for the captions without the trigger.
_PRESERVED_STEP: Final = _STEP + 1.0
# Both together were measured to take 1.6 times as long; each is given its even part.
_MORE_TRAINED: Final = 1.6**0.5
_ENCODED_IMAGE: Final = 2.0
_START: Final = 5.0


def seconds_for(settings: TrainingSettings, images: int, planned_seconds: float) -> float:
    """Estimate the seconds of a training on so many images.

    `planned_seconds` are those of a picture of 1024 × 1024 pixels in 20 steps with guidance, as
    in `FamilyFacts`.
    """
    seconds_of_pass = planned_seconds / _PASSES * settings.resolution**2 / _PIXELS
    passes = settings.steps * settings.batch_size * _STEP
    if settings.preservation:
        passes += settings.steps * settings.batch_size * _PRESERVED_STEP
    passes *= _MORE_TRAINED ** (settings.trains_convolutions + settings.trains_text_encoder)
    passes += images * _ENCODED_IMAGE * (2 if settings.flip else 1)
    if settings.sample_every:
        rounds = settings.steps // settings.sample_every
        passes += rounds * len(settings.sample_prompts) * 2 * settings.sample_steps
    return _START + passes * seconds_of_pass
