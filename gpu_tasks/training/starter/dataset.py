"""The training set: drawn pictures on disk, and what each of them shows."""

from __future__ import annotations

import logging
import multiprocessing
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from gpu_tasks.training.starter.drawing import draw_picture
from gpu_tasks.training.starter.world import SIDE, Picture, Spec, sample_spec

SEED: Final = 20_260
_CHUNK: Final = 400

logger = logging.getLogger(__name__)


def make_rng(*, index: int) -> np.random.Generator:
    """Return the random source of one picture of the training set."""
    return np.random.default_rng([SEED, index])


def describe_training_picture(*, index: int) -> Spec:
    """Return what the picture of this index shows, without drawing it."""
    return sample_spec(rng=make_rng(index=index))


def draw_training_picture(*, index: int) -> tuple[Spec, Picture]:
    """Draw the picture of this index; the same index always gives the same picture."""
    rng = make_rng(index=index)
    spec = sample_spec(rng=rng)
    return spec, draw_picture(spec=spec, rng=rng)


def _draw_chunk(job: tuple[Path, int, int]) -> int:
    path, start, stop = job
    pictures = np.load(path, mmap_mode="r+")
    for index in range(start, stop):
        pictures[index] = draw_training_picture(index=index)[1]
    pictures.flush()
    return stop - start


def draw_training_set(*, directory: Path, pictures: int, processes: int) -> Path:
    """Draw the training set into pictures.npy, 8-bit RGB, shape (pictures, SIDE, SIDE, 3).

    A finished file of the right length is kept.
    """
    path = directory / "pictures.npy"
    if path.exists() and np.load(path, mmap_mode="r").shape[0] == pictures:
        return path
    directory.mkdir(parents=True, exist_ok=True)
    partial = directory / "pictures.partial.npy"
    shape = (pictures, SIDE, SIDE, 3)
    np.lib.format.open_memmap(partial, mode="w+", dtype=np.uint8, shape=shape).flush()
    jobs = [(partial, start, min(start + _CHUNK, pictures)) for start in range(0, pictures, _CHUNK)]
    done = 0
    with multiprocessing.Pool(processes) as pool:
        for drawn in pool.imap(_draw_chunk, jobs):
            done += drawn
            logger.info("drawn %d of %d pictures", done, pictures)
    partial.rename(path)
    return path


def load_pictures(*, directory: Path) -> npt.NDArray[np.uint8]:
    """Open the drawn pictures read-only, shape (pictures, SIDE, SIDE, 3)."""
    pictures: npt.NDArray[np.uint8] = np.load(directory / "pictures.npy", mmap_mode="r")
    return pictures
