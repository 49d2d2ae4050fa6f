"""The training set: pictures of the starter's world as latents, each with its edge drawing."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from diffusers import AutoencoderKL
from safetensors.torch import load_file, save_file
from torch import Tensor

from gpu_tasks.training.controlnet.edges import Edges, to_grey, trace_edges, widen_edges
from gpu_tasks.training.starter.captions import write_caption
from gpu_tasks.training.starter.drawing import draw_picture
from gpu_tasks.training.starter.rules import name_place
from gpu_tasks.training.starter.shapes import cover_shape, jitter_color
from gpu_tasks.training.starter.vae import to_tensor
from gpu_tasks.training.starter.world import (
    PLACES,
    SHAPES,
    SIDE,
    SIZES,
    Canvas,
    Picture,
    ShapeSpec,
    Spec,
    sample_shapes,
    sample_spec,
)

PAIRS: Final = 6_000
_SEED: Final = 31
_CHUNK: Final = 200
_ENCODED_AT_ONCE: Final = 40
_FREE_SHARE: Final = 0.55
_RADII: Final = (17.0, 44.0)
_SIZE_LIMITS: Final = (25.0, 34.0)
_MARGIN: Final = 3
_GREY_SHARE: Final = 0.6
_WIDE_SHARE: Final = 0.15
_SILENT_SHARE: Final = 0.5
_MISLEADING_SHARE: Final = 0.4

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outline:
    """Hold where a shape lies: its centre and radius in pixels, and its turn in radians."""

    shape: str
    center: tuple[float, float]
    radius: float
    tilt: float

    def cover(self) -> Canvas:
        """Return how much of each pixel it covers, in [0, 1], shape (SIDE, SIDE)."""
        return cover_shape(shape=self.shape, center=self.center, radius=self.radius, tilt=self.tilt)

    def name_size(self) -> str:
        """Name its size as captions do."""
        return SIZES[int(np.searchsorted(_SIZE_LIMITS, self.radius))]

    def name_place(self) -> str:
        """Name its place as captions do."""
        return name_place(mask=self.cover() > 0.5)


def sample_outline(*, shape: str, rng: np.random.Generator) -> Outline:
    """Sample any place and size inside the picture.

    The starter's own pictures know nine places and three sizes; a drawing knows every one.
    """
    radius = float(rng.uniform(*_RADII))
    reach = radius + _MARGIN
    x, y = rng.uniform(reach, SIDE - reach, size=2)
    return Outline(shape, (float(x), float(y)), radius, float(rng.uniform(-0.2, 0.2)))


def draw_free_shape(*, rng: np.random.Generator) -> tuple[ShapeSpec, Picture]:
    """Draw one shape at any place and size, and tell what a caption would say of it."""
    spec = sample_shapes(rng=rng)
    outline = sample_outline(shape=spec.shape, rng=rng)
    ground, color = jitter_color(name=spec.ground, rng=rng), jitter_color(name=spec.color, rng=rng)
    cover = outline.cover()[..., None]
    picture = np.clip((ground * (1 - cover) + color * cover) * 255 + 0.5, 0, 255).astype(np.uint8)
    told = replace(spec, count=1, size=outline.name_size(), place=outline.name_place())
    return told, picture


def draw_edges(*, picture: Picture, rng: np.random.Generator) -> Edges:
    """Draw a picture's edges as one or another would: fine or coarse, grey or colour, thick.

    Red on blue has no edge in grey; by colour it has. Lines of a hand are thicker.
    """
    low = rng.uniform(40, 130)
    high = low * rng.uniform(1.5, 2.5)
    seen = to_grey(picture=picture) if rng.random() < _GREY_SHARE else picture
    edges = trace_edges(picture=seen, low=low, high=high)
    return widen_edges(edges=edges, square=1) if rng.random() < _WIDE_SHARE else edges


def draw_pair(*, index: int) -> tuple[Spec, Picture, Edges]:
    """Draw the picture of this index and its edges; the same index always gives the same."""
    rng = np.random.default_rng([_SEED, index])
    spec: Spec
    if rng.random() < _FREE_SHARE:
        spec, picture = draw_free_shape(rng=rng)
    else:
        spec = sample_spec(rng=rng)
        picture = draw_picture(spec=spec, rng=rng)
    return spec, picture, draw_edges(picture=picture, rng=rng)


def caption_pair(*, spec: Spec, rng: np.random.Generator) -> str:
    """Word a picture; half of the time not at all, as in ControlNet's paper (arXiv:2302.05543).

    Without words the edges must tell. Some captions are wrong about place, size or shape: where
    words and drawing disagree, the drawing is right, and only colours are left to words.
    """
    if rng.random() < _SILENT_SHARE:
        return ""
    if isinstance(spec, ShapeSpec) and spec.count == 1 and rng.random() < _MISLEADING_SHARE:
        spec = replace(spec, place=str(rng.choice(PLACES)), size=str(rng.choice(SIZES)))
        if rng.random() < 0.5:
            spec = replace(spec, shape=str(rng.choice(SHAPES)))
    return write_caption(spec=spec, rng=rng)


@dataclass(frozen=True)
class PairSet:
    """Hold scaled latents (n, 4, 16, 16), edges packed by rows (n, SIDE, SIDE / 8), and specs."""

    latents: Tensor
    packed: npt.NDArray[np.uint8]
    specs: list[Spec]

    def __len__(self) -> int:
        return len(self.specs)

    def take(
        self, *, chosen: npt.NDArray[np.int64], rng: np.random.Generator
    ) -> tuple[Tensor, Tensor, list[str]]:
        """Return latents, edge drawings (n, 3, SIDE, SIDE) in [0, 1] and captions."""
        edges = torch.from_numpy(np.unpackbits(self.packed[chosen], axis=2)).float()
        captions = [caption_pair(spec=self.specs[int(index)], rng=rng) for index in chosen]
        return (
            self.latents[torch.from_numpy(chosen)].float(),
            edges[:, None].expand(-1, 3, -1, -1),
            captions,
        )


@torch.no_grad()
def encode_latents(*, autoencoder: AutoencoderKL, pictures: npt.NDArray[np.uint8]) -> Tensor:
    """Encode pictures (n, SIDE, SIDE, 3) to scaled latents, float16, shape (n, 4, 16, 16).

    In float32: a processor without instructions for bfloat16 takes nine times as long in it.
    """
    latents = []
    for start in range(0, len(pictures), _ENCODED_AT_ONCE):
        batch = to_tensor(pictures=pictures[start : start + _ENCODED_AT_ONCE])
        posterior = autoencoder.encode(batch.contiguous(memory_format=torch.channels_last))
        latents.append(posterior.latent_dist.mode())
    scale = float(autoencoder.config.scaling_factor)
    return (torch.cat(latents) * scale).to(torch.float16).contiguous()


def make_pairs(*, autoencoder: AutoencoderKL, pairs: int, start: int = 0) -> PairSet:
    """Draw and encode pairs, beginning with the one of index `start`."""
    drawn = [draw_pair(index=index) for index in range(start, start + pairs)]
    pictures = np.stack([picture for _, picture, _ in drawn])
    return PairSet(
        latents=encode_latents(autoencoder=autoencoder, pictures=pictures),
        packed=np.packbits(np.stack([edges for _, _, edges in drawn]), axis=2),
        specs=[spec for spec, _, _ in drawn],
    )


def prepare_pairs(*, autoencoder: AutoencoderKL, directory: Path, pairs: int = PAIRS) -> PairSet:
    """Make the training set or load it from pairs.safetensors, a chunk after another."""
    path = directory / "pairs.safetensors"
    if path.exists():
        stored = load_file(path)
        if len(stored["latents"]) == pairs:
            specs = [describe_pair(index=index) for index in range(pairs)]
            return PairSet(stored["latents"], stored["edges"].numpy(), specs)
    parts = []
    for start in range(0, pairs, _CHUNK):
        count = min(_CHUNK, pairs - start)
        parts.append(make_pairs(autoencoder=autoencoder, pairs=count, start=start))
        logger.info("prepared %d of %d pairs", start + count, pairs)
    whole = PairSet(
        latents=torch.cat([part.latents for part in parts]),
        packed=np.concatenate([part.packed for part in parts]),
        specs=[spec for part in parts for spec in part.specs],
    )
    directory.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    save_file({"latents": whole.latents, "edges": torch.from_numpy(whole.packed)}, partial)
    partial.rename(path)
    return whole


def describe_pair(*, index: int) -> Spec:
    """Return what the picture of this index shows; a landscape is not drawn for that."""
    rng = np.random.default_rng([_SEED, index])
    if rng.random() < _FREE_SHARE:
        return draw_free_shape(rng=rng)[0]
    return sample_spec(rng=rng)
