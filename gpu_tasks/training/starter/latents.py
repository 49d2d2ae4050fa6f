"""The training set as latents, encoded once by the finished autoencoder."""

from __future__ import annotations

import logging
import multiprocessing
import os
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor

from gpu_tasks.training.starter.dataset import load_pictures
from gpu_tasks.training.starter.vae import encode_pictures, load_autoencoder

_CHUNK: Final = 800

logger = logging.getLogger(__name__)


def _start_worker() -> None:
    os.setsid()
    torch.set_num_threads(1)


def _encode_chunk(job: tuple[Path, int, int]) -> Tensor:
    work_dir, start, stop = job
    pictures = load_pictures(directory=work_dir)[start:stop]
    return encode_pictures(model=load_autoencoder(work_dir=work_dir), pictures=np.asarray(pictures))


def encode_training_set(*, work_dir: Path, processes: int) -> Tensor:
    """Encode all drawn pictures, or load latents.pt; unscaled means, shape (n, 4, 16, 16)."""
    path = work_dir / "latents.pt"
    if path.exists():
        latents: Tensor = torch.load(path, weights_only=True)
        return latents
    total = len(load_pictures(directory=work_dir))
    jobs = [(work_dir, start, min(start + _CHUNK, total)) for start in range(0, total, _CHUNK)]
    parts = []
    with multiprocessing.get_context("spawn").Pool(processes, _start_worker) as pool:
        for part in pool.imap(_encode_chunk, jobs):
            parts.append(part.clone())
            logger.info("encoded %d of %d chunks", len(parts), len(jobs))
    latents = torch.cat(parts)
    torch.save(latents, path)
    return latents
