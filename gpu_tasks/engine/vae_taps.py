"""Stand between a pipeline and its VAE: take latents out before decoding, put others in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

from diffusers.utils.torch_utils import randn_tensor

from gpu_tasks.engine.errors import InvalidRequest
from gpu_tasks.engine.latents import Latents
from gpu_tasks.engine.libraries import torch


class Undecoded(Exception):
    """End a call of a pipeline at its decoding, with what the VAE would have been given."""

    def __init__(self, tensor: torch.Tensor) -> None:
        super().__init__()
        self.tensor = tensor


class VaeTap:
    """Stand in for a VAE in one call of a pipeline; the VAE itself is not changed.

    Every pipeline ends with `vae.decode`, after packing, scaling and shifting in its family's own
    way, so what it is given there is the same kind of tensor for all of them; and every one that
    starts from pictures asks `vae.encode` for their latents. With `takes_out` the call ends at
    decoding by `Undecoded`. With `start` pictures are not encoded while `giving`, but rows of
    `start` are given instead.
    """

    _vae: Any
    _start: Latents | None
    _takes_out: bool
    _next_row: int | None

    def __init__(self, vae: Any, *, start: Latents | None, takes_out: bool) -> None:
        for name, value in (
            ("_vae", vae),
            ("_start", start),
            ("_takes_out", takes_out),
            ("_next_row", None),
        ):
            object.__setattr__(self, name, value)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._vae, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._vae, name, value)

    def decode(self, latents: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        if self._takes_out:
            raise Undecoded(latents)
        return self._vae.decode(latents, *args, **kwargs)

    def encode(self, pixels: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        if self._start is None or self._next_row is None:
            return self._vae.encode(pixels, *args, **kwargs)
        first = self._next_row
        object.__setattr__(self, "_next_row", first + len(pixels))
        return SimpleNamespace(latent_dist=_Given(_rows(self._start, first, pixels)))

    @contextmanager
    def giving(self) -> Iterator[None]:
        """Give rows of the start in their order for the time of the block."""
        object.__setattr__(self, "_next_row", 0)
        try:
            yield
        finally:
            object.__setattr__(self, "_next_row", None)

    def start_in(self, pipeline: Any) -> None:
        """Have a pipeline, which belongs to one call, prepare its latents from the start.

        Control pictures, which some encode as well, are prepared elsewhere.
        """
        prepare = pipeline.prepare_latents

        def prepare_from_start(*args: Any, **kwargs: Any) -> Any:
            with self.giving():
                return prepare(*args, **kwargs)

        pipeline.prepare_latents = prepare_from_start


class _Given:
    """Be what an encoder returns, for latents that are known."""

    def __init__(self, parts: tuple[torch.Tensor, torch.Tensor | None]) -> None:
        self._mean, self._spread = parts

    def mode(self) -> torch.Tensor:
        return self._mean

    def sample(self, generator: torch.Generator | None = None) -> torch.Tensor:
        # As diffusers draws, so that a picture and what it was encoded to start alike.
        if self._spread is None:
            return self._mean
        noise = randn_tensor(
            self._mean.shape,
            generator=generator,
            device=self._mean.device,
            dtype=self._mean.dtype,
        )
        drawn: torch.Tensor = self._mean + self._spread * noise
        return drawn


def _rows(
    start: Latents, first: int, pixels: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Return as many rows from `first` on as there are pictures, on their device."""
    parts = [start.tensor] if start.spread is None else [start.tensor, start.spread]
    if pixels.ndim != parts[0].ndim:
        raise InvalidRequest({"latents": "were not made for this model"})
    # The pipeline may have scaled its picture down to what it works at.
    if any(
        side != 8 * places
        for side, places in zip(pixels.shape[-2:], start.tensor.shape[-2:], strict=True)
    ):
        raise InvalidRequest(
            {"latents": "are larger than what this model starts from: decode them first"}
        )
    places = [0 if start.rows == 1 else (first + i) % start.rows for i in range(len(pixels))]
    given: list[torch.Tensor] = [part[places].to(pixels.device, pixels.dtype) for part in parts]
    return given[0], given[1] if len(given) > 1 else None
