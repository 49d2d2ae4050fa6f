"""The autoencoder: pictures of 128×128 to 4×16×16 latents and back."""

from __future__ import annotations

import logging
import math
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from diffusers import AutoencoderKL
from torch import Tensor
from torch.nn import functional

from gpu_tasks.training.starter.dataset import load_pictures
from gpu_tasks.training.starter.loop import TrainingRun
from gpu_tasks.training.starter.world import SIDE

_SEED: Final = 11
_CROP: Final = 64
_CROP_SHARE: Final = 0.5
_CROP_BATCH: Final = 6
_FULL_BATCH: Final = 2
_PEAK_RATE: Final = 1.4e-3
_POLISH_RATE: Final = 5e-4
_KL_WEIGHT: Final = 2e-6
_AVERAGE_DECAY: Final = 0.998

logger = logging.getLogger(__name__)


def build_autoencoder() -> AutoencoderKL:
    """Build the untrained autoencoder; eight or more channels a group keep absolute colour."""
    model: AutoencoderKL = AutoencoderKL(
        in_channels=3,
        out_channels=3,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(16, 32, 96, 128),
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=2,
        sample_size=SIDE,
    )
    return model


def to_tensor(*, pictures: npt.NDArray[np.uint8]) -> Tensor:
    """Turn 8-bit pictures (n, h, w, 3) into floats in [-1, 1], shape (n, 3, h, w)."""
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float().div_(127.5).sub_(1.0)


def sample_batch(
    *, pictures: npt.NDArray[np.uint8], rng: np.random.Generator, crops: bool
) -> Tensor:
    """Sample whole pictures or crops, mirrored half of the time."""
    count = _CROP_BATCH if crops else _FULL_BATCH
    side = _CROP if crops else SIDE
    chosen = []
    for index in rng.integers(len(pictures), size=count):
        top, left = rng.integers(SIDE - side + 1, size=2)
        patch = pictures[index, top : top + side, left : left + side]
        chosen.append(patch[:, ::-1] if rng.random() < 0.5 else patch)
    return to_tensor(pictures=np.stack(chosen)).contiguous(memory_format=torch.channels_last)


def measure_reconstruction(*, output: Tensor, target: Tensor) -> Tensor:
    """Return the loss of a reconstruction: L1 and L2 at three scales plus L1 of gradients."""
    loss = torch.zeros(())
    for scale in range(3):
        difference = output - target
        loss = loss + difference.abs().mean() + 2.0 * difference.square().mean()
        if scale == 0:
            loss = loss + 0.7 * difference.diff(dim=2).abs().mean()
            loss = loss + 0.7 * difference.diff(dim=3).abs().mean()
        output = functional.avg_pool2d(output, 2)
        target = functional.avg_pool2d(target, 2)
    return loss


def measure_divergence(*, mean: Tensor, logvar: Tensor) -> Tensor:
    """Return the Kullback–Leibler divergence from the unit normal law, summed over a picture."""
    return 0.5 * (mean.square() + logvar.exp() - 1.0 - logvar).sum(dim=(1, 2, 3)).mean()


def train_autoencoder(
    *, rank: int, work_dir: Path, minutes: float, checkpoint: str, again: bool
) -> None:
    """Train the autoencoder for a number of minutes, resuming from the checkpoint.

    Every process of a parallel run calls this with its rank; the first one writes. The first
    half sees crops, the second whole pictures, whose normalisation statistics are those met
    later. A checkpoint other than vae.pt starts from vae.pt and trains the decoder only.
    `again` starts another round of the learning rate's schedule from the checkpoint.
    """
    pictures = load_pictures(directory=work_dir)
    torch.manual_seed(_SEED)
    model = build_autoencoder().to(memory_format=torch.channels_last)
    polishes = checkpoint != "vae.pt"
    if polishes:
        model.load_state_dict(torch.load(work_dir / "vae.pt", weights_only=True)["average"])
        model.encoder.requires_grad_(requires_grad=False)
        model.quant_conv.requires_grad_(requires_grad=False)
    run = TrainingRun(
        path=work_dir / checkpoint,
        model=model,
        rank=rank,
        minutes=minutes,
        peak_rate=_POLISH_RATE if polishes else _PEAK_RATE,
        average_decay=_AVERAGE_DECAY,
        weight_decay=1e-4,
        again=again,
    )
    rng = np.random.default_rng([_SEED, run.step, rank])
    torch.manual_seed(_SEED + 1000 * run.step + rank)
    for _ in run.steps():
        crops = not polishes and run.budget.share() < _CROP_SHARE
        batch = sample_batch(pictures=pictures, rng=rng, crops=crops)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            posterior = model.encode(batch).latent_dist
            output = model.decode(posterior.sample()).sample.float()
        divergence = (
            measure_divergence(mean=posterior.mean.float(), logvar=posterior.logvar.float())
            * (SIDE / batch.shape[-1]) ** 2
        )
        error = (output.detach() - batch).square().mean().item() / 4
        run.learn(
            loss=measure_reconstruction(output=output, target=batch) + _KL_WEIGHT * divergence,
            divergence=divergence.item(),
            decibels=-10 * math.log10(error),
        )


def load_autoencoder(*, work_dir: Path) -> AutoencoderKL:
    """Load the averaged autoencoder of the last checkpoint, polished if there is one."""
    polished = work_dir / "polished.pt"
    path = polished if polished.exists() else work_dir / "vae.pt"
    model = build_autoencoder()
    model.load_state_dict(torch.load(path, weights_only=True)["average"])
    return model.eval()


@torch.no_grad()
def encode_pictures(
    *, model: AutoencoderKL, pictures: npt.NDArray[np.uint8], batch: int = 32
) -> Tensor:
    """Encode pictures (n, SIDE, SIDE, 3) to unscaled latent means, shape (n, 4, 16, 16)."""
    model = model.to(memory_format=torch.channels_last)
    latents = []
    for start in range(0, len(pictures), batch):
        tensor = to_tensor(pictures=np.asarray(pictures[start : start + batch]))
        with torch.autocast("cpu", dtype=torch.bfloat16):
            posterior = model.encode(
                tensor.contiguous(memory_format=torch.channels_last)
            ).latent_dist
        latents.append(posterior.mode().float().contiguous())
        if start % (batch * 50) == 0:
            logger.info("encoded %d of %d pictures", start, len(pictures))
    return torch.cat(latents)


@torch.no_grad()
def measure_psnr(*, model: AutoencoderKL, pictures: npt.NDArray[np.uint8]) -> float:
    """Return the mean peak signal-to-noise ratio of reconstructions in decibels."""
    target = to_tensor(pictures=pictures)
    output = model.decode(model.encode(target).latent_dist.mode()).sample.clamp(-1, 1)
    errors = (output - target).square().mean(dim=(1, 2, 3)) / 4
    return float((-10 * torch.log10(errors)).mean())
