"""The training itself: noise on latents, and edges that tell what lay beneath."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import torch
from diffusers import ControlNetModel
from torch import Tensor
from torch.nn import functional

from gpu_tasks.training.controlnet.pairs import PAIRS, PairSet, prepare_pairs
from gpu_tasks.training.controlnet.run import ControlNetRun
from gpu_tasks.training.controlnet.steering import (
    SteeredDenoiser,
    build_controlnet,
    load_autoencoder,
    load_denoiser,
    load_words,
)
from gpu_tasks.training.starter.denoiser import build_scheduler
from gpu_tasks.training.starter.text import tokenize

CHECKPOINT: Final = "controlnet.safetensors"
_SEED: Final = 41
_BATCH: Final = 16


def sample_timesteps(*, count: int, generator: torch.Generator) -> Tensor:
    """Sample steps in [0, 1000) with a density that rises with noise.

    Where things lie is decided in the noisiest steps; the later ones follow by themselves.
    """
    place = torch.rand(count, generator=generator).sqrt()
    return (place * 1000).long().clamp(0, 999)


def measure_velocity_loss(
    *,
    steered: SteeredDenoiser,
    latents: Tensor,
    context: Tensor,
    drawing: Tensor,
    generator: torch.Generator,
    signal: Tensor,
) -> Tensor:
    """Return the mean squared error of v = √ᾱ·ε − √(1−ᾱ)·x₀ under drawings (n, 3, 128, 128).

    Latents are (n, 4, 16, 16) of unit variance, context (n, tokens, width), signal is ᾱ by step.
    """
    steps = sample_timesteps(count=len(latents), generator=generator)
    noise = torch.randn(latents.shape, generator=generator)
    keep = signal[steps].sqrt()[:, None, None, None]
    lose = (1 - signal[steps]).sqrt()[:, None, None, None]
    noisy = (keep * latents + lose * noise).contiguous(memory_format=torch.channels_last)
    return functional.mse_loss(
        steered(noisy, steps, context, drawing), keep * noise - lose * latents
    )


def train_controlnet(
    *, model_dir: Path, work_dir: Path, minutes: float, pairs: int = PAIRS, batch: int = _BATCH
) -> ControlNetRun:
    """Train for a number of minutes, resuming from the checkpoint if there is one.

    Only the ControlNet changes. What a step draws depends on its number alone, so that a run
    that was stopped goes on with the batches it would have had.
    """
    pair_set = prepare_pairs(
        autoencoder=load_autoencoder(model_dir=model_dir), directory=work_dir, pairs=pairs
    )
    denoiser = load_denoiser(model_dir=model_dir)
    controlnet = build_controlnet(denoiser=denoiser)
    run = ControlNetRun(path=work_dir / CHECKPOINT, controlnet=controlnet, minutes=minutes)
    follow_pairs(
        run=run,
        steered=SteeredDenoiser(denoiser=denoiser, controlnet=controlnet),
        pair_set=pair_set,
        model_dir=model_dir,
        batch=batch,
    )
    return run


def follow_pairs(
    *,
    run: ControlNetRun,
    steered: SteeredDenoiser,
    pair_set: PairSet,
    model_dir: Path,
    batch: int,
) -> None:
    """Take the steps of a run."""
    tokenizer, text_encoder = load_words(model_dir=model_dir)
    signal = build_scheduler().alphas_cumprod
    for step in run.steps():
        rng = np.random.default_rng([_SEED, step])
        generator = torch.Generator().manual_seed(_SEED + 1000 * step)
        latents, drawing, captions = pair_set.take(
            chosen=rng.integers(len(pair_set), size=batch), rng=rng
        )
        with torch.no_grad():
            ids = tokenize(tokenizer=tokenizer, captions=captions)
            context = text_encoder(ids).last_hidden_state
        loss = measure_velocity_loss(
            steered=steered,
            latents=latents,
            context=context,
            drawing=drawing.contiguous(memory_format=torch.channels_last),
            generator=generator,
            signal=signal,
        )
        run.learn(loss=loss)


def load_average(*, model_dir: Path, work_dir: Path) -> ControlNetModel:
    """Load the averaged weights of the last checkpoint."""
    controlnet = build_controlnet(denoiser=load_denoiser(model_dir=model_dir))
    run = ControlNetRun(path=work_dir / CHECKPOINT, controlnet=controlnet, minutes=1)
    if not run.path.exists():
        raise FileNotFoundError("Nothing is trained yet: run the command train first.")
    return run.average.eval()
