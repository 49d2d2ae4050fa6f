"""The denoiser: its model, its noise and its training."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from diffusers import DDIMScheduler, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from torch import Tensor
from torch.nn import functional

from gpu_tasks.training.starter.captions import write_caption
from gpu_tasks.training.starter.loop import TrainingRun
from gpu_tasks.training.starter.text import TEXT_WIDTH, load_text_encoder, tokenize
from gpu_tasks.training.starter.tokenizer import load_tokenizer
from gpu_tasks.training.starter.world import Spec

LATENT_SIDE: Final = 16
_SEED: Final = 23
_BATCH: Final = 20
_PEAK_RATE: Final = 1e-3
_UNCONDITIONAL_SHARE: Final = 0.1
_AVERAGE_DECAY: Final = 0.9985


def build_denoiser() -> UNet2DConditionModel:
    """Build the untrained denoiser of 4-channel latents, always with the same random weights.

    Beside cross-attention the caption also reaches every layer: pooled, added to the time and
    turned into scale and shift (the "text" embedding of DeepFloyd IF), which is learned far
    sooner. A third level of 4×4 cells, each near a border, tells the places apart.
    """
    torch.manual_seed(_SEED)
    model: UNet2DConditionModel = UNet2DConditionModel(
        sample_size=LATENT_SIDE,
        in_channels=4,
        out_channels=4,
        block_out_channels=(96, 128, 128),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        layers_per_block=1,
        norm_num_groups=8,
        cross_attention_dim=TEXT_WIDTH,
        encoder_hid_dim=TEXT_WIDTH,
        addition_embed_type="text",
        addition_embed_type_num_heads=4,
        attention_head_dim=4,
        resnet_time_scale_shift="scale_shift",
    )
    return model.to(memory_format=torch.channels_last)


def build_scheduler() -> DDIMScheduler:
    """Build the noise schedule: linear betas that leave hardly any signal at the last step.

    With ᾱ_T ≈ 4·10⁻⁵ the ground colour cannot leak into the noisiest latents, and no sampler
    meets the division by zero of a zero terminal signal.
    """
    scheduler: DDIMScheduler = DDIMScheduler(
        num_train_timesteps=1000,
        beta_start=1e-4,
        beta_end=0.02,
        beta_schedule="linear",
        prediction_type="v_prediction",
        clip_sample=False,
        set_alpha_to_one=True,
        steps_offset=1,
        timestep_spacing="trailing",
    )
    return scheduler


def sample_timesteps(*, count: int, generator: torch.Generator) -> Tensor:
    """Sample steps in [0, 1000) by a logit-normal law (arXiv:2403.03206), mostly in the middle."""
    place = torch.sigmoid(torch.randn(count, generator=generator) * 1.05 + 0.1)
    return (place * 1000).long().clamp(0, 999)


def measure_velocity_loss(
    *,
    denoiser: torch.nn.Module,
    latents: Tensor,
    context: Tensor,
    generator: torch.Generator,
    signal: Tensor,
) -> Tensor:
    """Return the mean squared error of v = √ᾱ·ε − √(1−ᾱ)·x₀ (arXiv:2202.00512, appendix D).

    Latents are (n, 4, 16, 16) of unit variance, context (n, tokens, width), signal is ᾱ by step.
    """
    steps = sample_timesteps(count=len(latents), generator=generator)
    noise = torch.randn(latents.shape, generator=generator)
    keep = signal[steps].sqrt()[:, None, None, None]
    lose = (1 - signal[steps]).sqrt()[:, None, None, None]
    noisy = (keep * latents + lose * noise).contiguous(memory_format=torch.channels_last)
    predicted: Tensor = denoiser(noisy, steps, context, return_dict=False)[0]
    return functional.mse_loss(predicted.float(), keep * noise - lose * latents)


def sample_captions(
    *, specs: list[Spec], chosen: npt.NDArray[np.int64], rng: np.random.Generator
) -> list[str]:
    """Word the chosen pictures; some captions stay empty for classifier-free guidance."""
    return [
        ""
        if rng.random() < _UNCONDITIONAL_SHARE
        else write_caption(spec=specs[int(index)], rng=rng)
        for index in chosen
    ]


def train_denoiser(
    *,
    rank: int,
    latents: Tensor,
    specs: list[Spec],
    tokenizer_dir: Path,
    work_dir: Path,
    minutes: float,
    again: bool,
) -> None:
    """Train the denoiser for a number of minutes, resuming from denoiser.pt if there is one.

    Latents are (n, 4, 16, 16), scaled to unit variance.
    """
    tokenizer = load_tokenizer(directory=tokenizer_dir)
    text_encoder = load_text_encoder(work_dir=work_dir, tokenizer=tokenizer)
    denoiser = build_denoiser()
    # On a few dozen cells the plain product of matrices is quicker than the fused kernel.
    denoiser.set_attn_processor(AttnProcessor())
    run = TrainingRun(
        path=work_dir / "denoiser.pt",
        model=denoiser,
        rank=rank,
        minutes=minutes,
        peak_rate=_PEAK_RATE,
        average_decay=_AVERAGE_DECAY,
        again=again,
    )
    signal = build_scheduler().alphas_cumprod
    rng = np.random.default_rng([_SEED, run.step, rank])
    generator = torch.Generator().manual_seed(_SEED + 1000 * run.step + rank)
    for _ in run.steps():
        chosen = rng.integers(len(specs), size=_BATCH)
        captions = sample_captions(specs=specs, chosen=chosen, rng=rng)
        ids = tokenize(tokenizer=tokenizer, captions=captions)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = measure_velocity_loss(
                denoiser=denoiser,
                latents=latents[torch.from_numpy(chosen)],
                context=text_encoder(ids).last_hidden_state,
                generator=generator,
                signal=signal,
            )
        run.learn(loss=loss)


def load_denoiser(*, work_dir: Path) -> UNet2DConditionModel:
    """Load the averaged denoiser of the last checkpoint."""
    model = build_denoiser()
    model.load_state_dict(torch.load(work_dir / "denoiser.pt", weights_only=True)["average"])
    return model.eval()
