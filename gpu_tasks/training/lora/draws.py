"""What is drawn by lot, from the seed and the number of the step alone.

So a training that is resumed draws what it would have drawn, on any device.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from gpu_tasks.engine.libraries import torch

_ORDER: Final = 1
_STEP: Final = 2
_START: Final = 3


def generator_for(*numbers: int) -> torch.Generator:
    """Return a generator on the processor whose state depends on these numbers alone."""
    state = np.random.SeedSequence(numbers).generate_state(1, np.uint64)
    return torch.Generator("cpu").manual_seed(int(state[0] >> 1))


def start_generator(seed: int) -> torch.Generator:
    """Return what the weights of a new adapter are drawn with."""
    return generator_for(seed, _START)


def rows_of_step(*, seed: int, step: int, batch_size: int, images: int) -> list[int]:
    """Return which pictures a step (0-based) looks at: all come by before one comes again."""
    places = range(step * batch_size, (step + 1) * batch_size)
    return [_order(seed, place // images, images)[place % images] for place in places]


@lru_cache(maxsize=4)
def _order(seed: int, epoch: int, images: int) -> Sequence[int]:
    rng = np.random.default_rng([seed, _ORDER, epoch])
    return [int(place) for place in rng.permutation(images)]


@dataclass(frozen=True, slots=True, eq=False)
class Draws:
    """What one step draws for its batch, on the processor.

    `blur` is where in the autoencoder's spread the latents lie, `noise` what is added to them,
    both of their shape; `timesteps`, `silent` and `flipped` are one for each row.
    """

    blur: torch.Tensor
    noise: torch.Tensor
    timesteps: torch.Tensor
    silent: torch.Tensor
    flipped: torch.Tensor

    @classmethod
    def of_step(
        cls, *, seed: int, step: int, shape: tuple[int, ...], timesteps: int, dropout: float
    ) -> Draws:
        """Draw for the batch of a step (0-based); `shape` is that of its latents."""
        generator = generator_for(seed, _STEP, step)
        rows = shape[0]
        return cls(
            blur=torch.randn(shape, generator=generator),
            noise=torch.randn(shape, generator=generator),
            timesteps=torch.randint(timesteps, (rows,), generator=generator),
            silent=torch.rand(rows, generator=generator) < dropout,
            flipped=torch.rand(rows, generator=generator) < 0.5,
        )
