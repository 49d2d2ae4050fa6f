"""The denoiser and its text encoder: models, noise and the joint training of both."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from diffusers import DDIMScheduler, UNet2DConditionModel
from torch import Tensor
from torch.nn import functional
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from gpu_tasks.training.starter.captions import write_caption
from gpu_tasks.training.starter.parallel import average_step
from gpu_tasks.training.starter.schedule import TimeBudget
from gpu_tasks.training.starter.tokenizer import MAX_TOKENS, load_tokenizer
from gpu_tasks.training.starter.vae import blend_average
from gpu_tasks.training.starter.world import Spec

LATENT_SIDE: Final = 16
TEXT_WIDTH: Final = 192
_SEED: Final = 23
_BATCH: Final = 20
_PEAK_RATE: Final = 1e-3
_UNCONDITIONAL_SHARE: Final = 0.1
_EMA_DECAY: Final = 0.9985
_SAVE_SECONDS: Final = 180.0

logger = logging.getLogger(__name__)


def build_denoiser() -> UNet2DConditionModel:
    """Build the untrained denoiser of 4-channel latents."""
    model: UNet2DConditionModel = UNet2DConditionModel(
        sample_size=LATENT_SIDE,
        in_channels=4,
        out_channels=4,
        block_out_channels=(128, 144),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        layers_per_block=1,
        norm_num_groups=8,
        cross_attention_dim=TEXT_WIDTH,
        attention_head_dim=4,
    )
    return model


def build_text_encoder(*, tokenizer: CLIPTokenizer) -> CLIPTextModel:
    """Build the untrained text encoder for a vocabulary."""
    config = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=TEXT_WIDTH,
        intermediate_size=4 * TEXT_WIDTH,
        num_hidden_layers=3,
        num_attention_heads=4,
        max_position_embeddings=MAX_TOKENS,
        projection_dim=TEXT_WIDTH,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return CLIPTextModel(config)


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
    place = torch.sigmoid(torch.randn(count, generator=generator) * 1.05)
    return (place * 1000).long().clamp(0, 999)


def tokenize(*, tokenizer: CLIPTokenizer, captions: list[str]) -> Tensor:
    """Tokenise captions to ids padded to MAX_TOKENS, shape (n, MAX_TOKENS)."""
    ids: Tensor = tokenizer(
        captions,
        padding="max_length",
        max_length=MAX_TOKENS,
        truncation=True,
        return_tensors="pt",
    ).input_ids
    return ids


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


def build_models(*, tokenizer: CLIPTokenizer) -> torch.nn.ModuleList:
    """Build the untrained denoiser and text encoder, always with the same random weights."""
    torch.manual_seed(_SEED)
    denoiser = build_denoiser().to(memory_format=torch.channels_last)
    return torch.nn.ModuleList([denoiser, build_text_encoder(tokenizer=tokenizer)])


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
    """Train denoiser and text encoder together for a number of minutes, resuming if possible.

    Latents are (n, 4, 16, 16), scaled to unit variance. Every process of a parallel run calls
    this with its rank; the first one writes the checkpoint denoiser.pt. `again` starts another
    round of the learning rate's schedule from the checkpoint.
    """
    tokenizer = load_tokenizer(directory=tokenizer_dir)
    models, averages = build_models(tokenizer=tokenizer), build_models(tokenizer=tokenizer)
    optimizer = torch.optim.AdamW(
        models.parameters(), lr=_PEAK_RATE, betas=(0.9, 0.99), weight_decay=0.01, foreach=True
    )
    budget = TimeBudget(minutes=minutes, warmup=0.02)
    path = work_dir / "denoiser.pt"
    step = 0
    if path.exists():
        state: dict[str, Any] = torch.load(path, weights_only=True)
        models.load_state_dict(state["models"])
        averages.load_state_dict(state["averages"])
        optimizer.load_state_dict(state["optimizer"])
        step, budget.spent = state["step"], 0.0 if again else state["spent"]
    signal = build_scheduler().alphas_cumprod
    rng = np.random.default_rng([_SEED, step, rank])
    generator = torch.Generator().manual_seed(_SEED + 1000 * step + rank)

    def save() -> None:
        state = {
            "models": models.state_dict(),
            "averages": averages.state_dict(),
            "optimizer": optimizer.state_dict(),
            "step": step,
            "spent": budget.spent,
        }
        torch.save(state, path.with_suffix(".partial"))
        path.with_suffix(".partial").rename(path)

    saved = time.monotonic()
    losses: list[float] = []
    while not budget.is_over():
        for group in optimizer.param_groups:
            group["lr"] = _PEAK_RATE * budget.rate()
        chosen = rng.integers(len(specs), size=_BATCH)
        ids = tokenize(
            tokenizer=tokenizer, captions=sample_captions(specs=specs, chosen=chosen, rng=rng)
        )
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = measure_velocity_loss(
                denoiser=models[0],
                latents=latents[torch.from_numpy(chosen)],
                context=models[1](ids).last_hidden_state,
                generator=generator,
                signal=signal,
            )
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        budget.tick()
        budget.spent = average_step(parameters=models.parameters(), extra=budget.spent)
        norm = torch.nn.utils.clip_grad_norm_(models.parameters(), 1.0)
        if torch.isfinite(norm):
            optimizer.step()
        decay = min(_EMA_DECAY, (step + 1) / (step + 10))
        blend_average(average=averages, model=models, decay=decay)
        step += 1
        losses.append(loss.item())
        if rank > 0:
            continue
        if step % 50 == 0:
            logger.info(
                "denoiser step %d, %.1f min, loss %.4f",
                step,
                budget.spent / 60,
                sum(losses[-50:]) / 50,
            )
        if time.monotonic() - saved > _SAVE_SECONDS or budget.is_over():
            save()
            saved = time.monotonic()


def load_denoiser(
    *, work_dir: Path, tokenizer: CLIPTokenizer
) -> tuple[UNet2DConditionModel, CLIPTextModel]:
    """Load the averaged denoiser and text encoder of the last checkpoint."""
    models = build_models(tokenizer=tokenizer)
    models.load_state_dict(torch.load(work_dir / "denoiser.pt", weights_only=True)["averages"])
    denoiser, text_encoder = models[0].eval(), models[1].eval()
    return denoiser, text_encoder
