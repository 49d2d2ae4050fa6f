"""The work of a VAE by itself: pictures of latents, and latents of pictures."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from diffusers.image_processor import VaeImageProcessor
from PIL import Image

from gpu_tasks.engine.errors import GenerationCancelled, InvalidRequest
from gpu_tasks.engine.families import LoadedModel, ModelFamily
from gpu_tasks.engine.latents import Latents
from gpu_tasks.engine.libraries import torch
from gpu_tasks.engine.memory import is_out_of_memory, sparing_vae, vae_in_its_type
from gpu_tasks.engine.prompts.seamless import seamless
from gpu_tasks.engine.request import IsCancelled, ModelSource


@dataclass(slots=True, kw_only=True)
class VaeWork(ABC):
    """Work that may be tried again sparingly; `seconds` are counted from its first try on."""

    is_cancelled: IsCancelled | None = None
    seconds: float = 0.0

    @property
    @abstractmethod
    def seamless_axes(self) -> frozenset[str]:
        """The axes on which the VAE wraps around."""

    @property
    def finished(self) -> tuple[Sequence[Image.Image], tuple[int, ...]]:
        """Pictures that are ready by now, and their seeds."""
        return (), ()

    @abstractmethod
    def work(self, model: LoadedModel, vae: Any, *, sparing: bool) -> None:
        """Do it from the start; raises as torch does when memory runs out."""

    def leave_if_cancelled(self, *, since: float | None = None) -> None:
        if self.is_cancelled is not None and self.is_cancelled():
            under_way = 0.0 if since is None else time.perf_counter() - since
            images, seeds = self.finished
            raise GenerationCancelled(
                images=tuple(images), seeds=seeds, compute_seconds=self.seconds + under_way
            )

    def on(self, model: LoadedModel, vae: Any) -> Callable[..., str | None]:
        """Return a try, which returns what was said when memory ran out."""

        def attempt(*, sparing: bool) -> str | None:
            started = time.perf_counter()
            with ExitStack() as stack:
                stack.callback(self._count_since, started)
                stack.enter_context(torch.inference_mode())
                stack.enter_context(vae_in_its_type(vae))
                stack.enter_context(
                    seamless(
                        [vae],
                        horizontally="x" in self.seamless_axes,
                        vertically="y" in self.seamless_axes,
                    )
                )
                try:
                    self.leave_if_cancelled(since=started)
                    self.work(model, vae, sparing=sparing)
                except Exception as error:
                    if not is_out_of_memory(error):
                        raise
                    # Not the error itself: its frames hold the tensors that are in the way.
                    return str(error) or type(error).__name__
            return None

        return attempt

    def _count_since(self, started: float) -> None:
        self.seconds += time.perf_counter() - started


@dataclass(slots=True, kw_only=True)
class Decoding(VaeWork):
    """Make pictures of latents, in the batches that they were denoised in."""

    latents: Latents
    pictures: list[Image.Image] = field(default_factory=list)

    @property
    def seamless_axes(self) -> frozenset[str]:
        return self.latents.seamless

    @property
    def finished(self) -> tuple[Sequence[Image.Image], tuple[int, ...]]:
        return self.pictures, self.latents.seeds[: len(self.pictures)]

    def batch_of(self, *, sparing: bool) -> int:
        """Return how many pictures are decoded together."""
        singly = sparing or self.latents.singly or self.latents.is_sparing
        return 1 if singly else self.latents.rows

    def work(self, model: LoadedModel, vae: Any, *, sparing: bool) -> None:
        self.pictures.clear()
        sparing = sparing or self.latents.is_sparing
        tensor = self.latents.tensor
        if tensor.shape[1] != model.family.preview_channels({"vae": vae}):
            raise InvalidRequest({"latents": "were not made for this model"})
        # Some pipelines widen the VAE to decode; the latents are of the type it had then.
        vae.to(dtype=tensor.dtype)
        started = time.perf_counter()
        with ExitStack() as stack:
            if sparing:
                stack.enter_context(sparing_vae(vae, in_tiles=not self.seamless_axes))
            for batch in tensor.split(self.batch_of(sparing=sparing)):
                if self.pictures:
                    self.leave_if_cancelled(since=started)
                made = vae.decode(batch.to(model.device), return_dict=False)[0]
                # The VAE of Qwen-Image is one of films, and a picture one of a single frame.
                pixels = made[:, :, 0] if made.ndim == 5 else made
                self.pictures += [
                    self._sized(picture)
                    for picture in VaeImageProcessor().postprocess(pixels, output_type="pil")
                ]

    def _sized(self, picture: Image.Image) -> Image.Image:
        size = (self.latents.width, self.latents.height)
        return picture if picture.size == size else picture.resize(size, Image.Resampling.LANCZOS)


@dataclass(slots=True, kw_only=True)
class Encoding(VaeWork):
    """Make latents of pictures, each by itself."""

    pictures: Sequence[Image.Image]
    seamless_axes: frozenset[str] = frozenset()
    means: list[torch.Tensor] = field(default_factory=list)
    spreads: list[torch.Tensor] = field(default_factory=list)

    def check(self, family: ModelFamily) -> None:
        """Do nothing if the family knows the size of all pictures.

        Raises:
            InvalidRequest: there are none, they differ, or their size is not of the model's steps.
        """
        multiple = family.facts.size_multiple
        sizes = {picture.size for picture in self.pictures}
        if len(sizes) != 1:
            raise InvalidRequest({"picture": "must be one, or several of one size"})
        if any(side % multiple for side in next(iter(sizes))):
            raise InvalidRequest({"picture": f"must have sides that are multiples of {multiple}"})

    def work(self, model: LoadedModel, vae: Any, *, sparing: bool) -> None:
        self.means.clear()
        self.spreads.clear()
        dtype = model.family.encoding_dtype(vae)
        vae.to(dtype=dtype)
        started = time.perf_counter()
        with ExitStack() as stack:
            if sparing:
                stack.enter_context(sparing_vae(vae, in_tiles=not self.seamless_axes))
            for picture in self.pictures:
                if self.means:
                    self.leave_if_cancelled(since=started)
                pixels = VaeImageProcessor().preprocess(picture)
                if model.family.encodes_films:
                    pixels = pixels[:, :, None]
                # As pipelines do, by way of the model's type.
                shown = pixels.to(model.device, model.dtype).to(dtype)
                found = vae.encode(shown).latent_dist
                self.means.append(found.mode().cpu())
                self.spreads.append(found.std.cpu())

    def latents(self, source: ModelSource) -> Latents:
        """Return what was made with the model of `source`."""
        width, height = self.pictures[0].size
        return Latents(
            tensor=torch.cat(self.means),
            spread=torch.cat(self.spreads),
            base=source.base,
            model_key=source.key,
            width=width,
            height=height,
            singly=True,
            seamless=self.seamless_axes,
        )
