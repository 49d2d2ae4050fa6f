"""The stages of training, each resumable from what it left in the work directory."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from gpu_tasks.training.starter.dataset import (
    describe_training_picture,
    draw_training_set,
    load_pictures,
)
from gpu_tasks.training.starter.denoiser import load_denoiser, train_denoiser
from gpu_tasks.training.starter.export import export_model
from gpu_tasks.training.starter.latents import encode_training_set
from gpu_tasks.training.starter.parallel import run_workers
from gpu_tasks.training.starter.preview import fit_preview
from gpu_tasks.training.starter.text import load_text_encoder, train_text_encoder
from gpu_tasks.training.starter.tokenizer import build_tokenizer, load_tokenizer
from gpu_tasks.training.starter.vae import (
    load_autoencoder,
    measure_psnr,
    to_tensor,
    train_autoencoder,
)

PICTURES: Final = 32_000
_PREVIEW_PICTURES: Final = 600

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Work:
    """Hold where the stages keep their files and how many processes they may use."""

    directory: Path
    processes: int

    @property
    def tokenizer_dir(self) -> Path:
        """Return where the tokenizer is kept."""
        return self.directory / "tokenizer"


def draw(*, work: Work) -> None:
    """Draw the training set."""
    draw_training_set(directory=work.directory, pictures=PICTURES, processes=work.processes)


def train_vae(*, work: Work, minutes: float, again: bool) -> None:
    """Train the autoencoder."""
    run_workers(
        work=train_autoencoder,
        processes=work.processes,
        work_dir=work.directory,
        arguments={
            "work_dir": work.directory,
            "minutes": minutes,
            "checkpoint": "vae.pt",
            "again": again,
        },
    )


def encode(*, work: Work) -> None:
    """Encode the training set."""
    encode_training_set(work_dir=work.directory, processes=work.processes)


def train_text(*, work: Work, minutes: float, again: bool) -> None:
    """Train the text encoder on captions alone."""
    if not work.tokenizer_dir.exists():
        build_tokenizer(directory=work.tokenizer_dir)
    run_workers(
        work=train_text_encoder,
        processes=work.processes,
        work_dir=work.directory,
        arguments={
            "tokenizer_dir": work.tokenizer_dir,
            "work_dir": work.directory,
            "minutes": minutes,
            "again": again,
        },
    )


def train_unet(*, work: Work, minutes: float, again: bool) -> None:
    """Train the denoiser on the encoded training set."""
    latents = encode_training_set(work_dir=work.directory, processes=work.processes)
    run_workers(
        work=train_denoiser,
        processes=work.processes,
        work_dir=work.directory,
        arguments={
            "latents": latents / latents.std(),
            "specs": [describe_training_picture(index=index) for index in range(len(latents))],
            "tokenizer_dir": work.tokenizer_dir,
            "work_dir": work.directory,
            "minutes": minutes,
            "again": again,
        },
    )


def polish_decoder(*, work: Work, minutes: float, again: bool) -> None:
    """Train only the decoder on, so that the latents stay what the denoiser learned."""
    run_workers(
        work=train_autoencoder,
        processes=work.processes,
        work_dir=work.directory,
        arguments={
            "work_dir": work.directory,
            "minutes": minutes,
            "checkpoint": "polished.pt",
            "again": again,
        },
    )


def export(*, work: Work, target: Path) -> None:
    """Write the model directory from the averaged weights of the last checkpoints."""
    latents = encode_training_set(work_dir=work.directory, processes=work.processes)
    autoencoder = load_autoencoder(work_dir=work.directory)
    scale = 1 / float(latents.std())
    autoencoder.register_to_config(scaling_factor=round(scale, 6))
    pictures = np.asarray(load_pictures(directory=work.directory)[:_PREVIEW_PICTURES])
    logger.info("psnr %.2f dB", measure_psnr(model=autoencoder, pictures=pictures[:100]))
    preview = fit_preview(
        latents=latents[:_PREVIEW_PICTURES] * scale,
        pictures=(to_tensor(pictures=pictures) + 1) / 2,
    )
    tokenizer = load_tokenizer(directory=work.tokenizer_dir)
    size = export_model(
        target=target,
        autoencoder=autoencoder,
        denoiser=load_denoiser(work_dir=work.directory),
        text_encoder=load_text_encoder(work_dir=work.directory, tokenizer=tokenizer),
        tokenizer=tokenizer,
        preview=preview,
    )
    logger.info("wrote %s, %d bytes", target, size)
