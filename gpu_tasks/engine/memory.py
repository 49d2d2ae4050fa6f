"""What to do when memory runs out."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from gpu_tasks.engine.errors import OutOfMemory
from gpu_tasks.engine.libraries import torch


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error means that a device or this machine has too little memory."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError | OutOfMemory):
        return True
    # On a CPU torch has no class for it; the sentence is in c10/core/impl/alloc_cpu.cpp.
    return isinstance(error, RuntimeError) and "can't allocate memory" in str(error)


def release_memory() -> None:
    """Give back what nothing refers to; tens of milliseconds, so only when memory ran out."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _only(row: int, count: int, value: Any) -> Any:
    """Return what belongs to one row of `count`: of tensors as long as that, however deep."""
    match value:
        case torch.Tensor() if value.ndim and len(value) == count:
            return value[row : row + 1]
        case dict():
            return {name: _only(row, count, one) for name, one in value.items()}
        case list() | tuple():
            return [_only(row, count, one) for one in value]
        case _:
            return value


class OneRowAtATime:
    """Stand in for a U-Net and run the rows of a batch one after another.

    Guidance doubles the batch, so even one picture needs half the memory this way. Slicing the
    attention would do harm: scaled_dot_product_attention never holds the whole matrix, while
    sliced attention holds a head's. Measured on a CPU, 96×96 latents, batch of 2, on top of the
    weights: 111 MB as it is, 750 MB and four times the time with sliced attention, 60 MB this way.
    """

    def __init__(self, unet: Any) -> None:
        self._unet = unet

    def __getattr__(self, name: str) -> Any:
        return getattr(self._unet, name)

    def __call__(
        self,
        sample: torch.Tensor,
        timestep: Any,
        *,
        encoder_hidden_states: torch.Tensor,
        timestep_cond: torch.Tensor | None = None,
        **others: Any,
    ) -> tuple[torch.Tensor]:
        # Sizes for SDXL, pictures for IP-Adapters, what ControlNets add: of each row its own.
        others |= {
            "encoder_hidden_states": encoder_hidden_states,
            "timestep_cond": timestep_cond,
        }
        count = sample.shape[0]
        rows = [
            self._unet(sample[row : row + 1], timestep, **_only(row, count, others))[0]
            for row in range(count)
        ]
        return (torch.cat(rows),)


class EachRowAlone:
    """Stand in for a transformer of a pipeline that doubles the batch for guidance.

    What belongs to rows is told by its size: tensors as long as the batch, and lists of them; and
    where rows are given in a list, that list.
    """

    def __init__(self, transformer: Any) -> None:
        self._transformer = transformer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transformer, name)

    def __call__(self, *args: Any, **kwargs: Any) -> tuple[Any]:
        shown = args[0] if args else kwargs["hidden_states"]
        count = len(shown)
        made = [
            self._transformer(
                *(_row_of(value, row, count) for value in args),
                **{name: _row_of(value, row, count) for name, value in kwargs.items()},
            )[0]
            for row in range(count)
        ]
        if isinstance(shown, torch.Tensor):
            return (torch.cat(made),)
        return ([row for one in made for row in one],)


def _row_of(value: Any, row: int, count: int) -> Any:
    """Return what belongs to one row, as `_only`, where a list may also be the rows themselves.

    Not for U-Nets: what adapters give them is a list that may happen to be as long as the batch.
    """
    match value:
        case torch.Tensor():
            return value[row : row + 1] if value.ndim and len(value) == count else value
        case dict():
            return {name: _row_of(one, row, count) for name, one in value.items()}
        case list() | tuple() if all(isinstance(one, torch.Tensor) for one in value):
            if all(one.ndim and len(one) == count for one in value):
                return [one[row : row + 1] for one in value]
            return value[row : row + 1] if len(value) == count else value
        case _:
            return value


@contextmanager
def vae_in_its_type(vae: Any) -> Iterator[None]:
    """Have the VAE in the type it had before when the block ends, errors or not.

    Pipelines of SDXL widen the shared one to decode with it, and narrow it only if that went well.
    """
    before = vae.dtype
    try:
        yield
    finally:
        vae.to(dtype=before)


@contextmanager
def sparing_vae(vae: Any, *, in_tiles: bool = True) -> Iterator[None]:
    """Have the VAE work on one picture and one tile at a time, and as before afterwards."""
    before = (vae.use_slicing, vae.use_tiling)
    vae.use_slicing, vae.use_tiling = True, in_tiles
    try:
        yield
    finally:
        vae.use_slicing, vae.use_tiling = before
