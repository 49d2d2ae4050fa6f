"""The pictures to learn from: cropped, turned into latents once, and digested."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageOps

from gpu_tasks.engine.errors import InvalidRequest
from gpu_tasks.engine.families import LoadedModel
from gpu_tasks.engine.libraries import torch
from gpu_tasks.engine.memory import vae_in_its_type
from gpu_tasks.engine.pictures.canvas import check_picture, flatten
from gpu_tasks.engine.request import ModelSource
from gpu_tasks.training.lora.reading import with_trigger, without_trigger
from gpu_tasks.training.lora.settings import (
    MAX_IMAGES,
    TrainingImage,
    TrainingSettings,
    caption_problem,
)


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """A cropped picture, what is said of it with the trigger and without, and its place.

    `place` is what SDXL is told: height and width of the whole in pixels, then how far from its
    top and left the crop lies when it is scaled to the resolution, then the crop's two sides.
    """

    picture: Image.Image
    caption: str
    plain_caption: str
    place: tuple[int, int, int, int, int, int]


def prepare_examples(images: Sequence[TrainingImage], settings: TrainingSettings) -> list[Example]:
    """Crop pictures to the middle of a square of the resolution, their proportions kept.

    Raises:
        InvalidRequest: a picture is torn or a caption cannot be read, by field ("images.3").
    """
    if not 1 <= len(images) <= MAX_IMAGES:
        raise InvalidRequest({"images": f"must be between 1 and {MAX_IMAGES}"})
    problems: dict[str, str] = {}
    examples: list[Example] = []
    for index, image in enumerate(images):
        field = f"images.{index}"
        if problem := caption_problem(image.caption):
            problems[field] = f"has a caption that {problem}"
            continue
        try:
            check_picture(field, image.picture)
            upright = flatten(ImageOps.exif_transpose(image.picture))
        except InvalidRequest as error:
            problems |= error.fields
        except (OSError, ValueError, SyntaxError):
            # Pillow reads pixels late, so a torn upload is found only here.
            problems[field] = "is not a complete picture"
        else:
            examples.append(_example(upright, image.caption, settings))
    if problems:
        raise InvalidRequest(problems)
    return examples


def _example(picture: Image.Image, caption: str, settings: TrainingSettings) -> Example:
    side = settings.resolution
    width, height = picture.size
    scale = side / min(width, height)
    top, left = (max(0, round((length * scale - side) / 2)) for length in (height, width))
    full = with_trigger(caption, settings)
    return Example(
        picture=ImageOps.fit(picture, (side, side), Image.Resampling.LANCZOS),
        caption=full,
        plain_caption=without_trigger(full, settings),
        place=(height, width, top, left, side, side),
    )


def digest_training(
    source: ModelSource, examples: Sequence[Example], settings: TrainingSettings
) -> str:
    """Return what tells a training apart from one of another model, other pictures or settings."""
    told = {
        "model": [source.key, source.base, source.sha256],
        "settings": settings.as_dict(),
        "examples": [
            [hashlib.sha256(one.picture.tobytes()).hexdigest(), one.caption, one.place]
            for one in examples
        ],
    }
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True, eq=False)
class Latents:
    """Where in latent space pictures lie, and how far the autoencoder spreads them.

    Both are [pictures, 1 or 2 if also mirrored, channels, height, width] in float32, on the
    processor; a batch of them costs little to move.
    """

    middle: torch.Tensor
    spread: torch.Tensor

    def take(self, rows: Sequence[int], flipped: torch.Tensor, blur: torch.Tensor) -> torch.Tensor:
        """Return latents of pictures as the autoencoder would draw them."""
        sides = flipped.long() if self.middle.shape[1] > 1 else torch.zeros_like(flipped).long()
        chosen = torch.tensor(rows)
        return self.middle[chosen, sides] + self.spread[chosen, sides] * blur


@torch.no_grad()
def encode_examples(
    model: LoadedModel,
    examples: Sequence[Example],
    *,
    flip: bool,
    pause: Callable[[], None],
) -> Latents:
    """Turn pictures into latents, one at a time; `pause` is called before each, and may raise."""
    vae = model.components["vae"]
    factor = float(vae.config.scaling_factor)
    middles: list[torch.Tensor] = []
    spreads: list[torch.Tensor] = []
    with vae_in_its_type(vae):
        # That of SDXL overflows in float16.
        vae.to(dtype=torch.float32)
        for example in examples:
            pause()
            pixels = _pixels(example.picture)
            sides = torch.cat([pixels, pixels.flip(-1)]) if flip else pixels
            found = vae.encode(sides.to(model.device)).latent_dist
            middles.append((found.mean * factor).cpu())
            spreads.append((found.std * factor).cpu())
    return Latents(torch.stack(middles), torch.stack(spreads))


def _pixels(picture: Image.Image) -> torch.Tensor:
    array = np.asarray(picture, dtype=np.float32) / 127.5 - 1.0
    return torch.from_numpy(array).permute(2, 0, 1)[None]
