"""FLUX.2: a transformer under Mistral 3, which may look at several reference pictures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from PIL import Image

from gpu_tasks.engine.errors import InvalidRequest
from gpu_tasks.engine.families.flow import FlowFamily
from gpu_tasks.engine.families.loading import Part
from gpu_tasks.engine.families.scene import Scene
from gpu_tasks.engine.guides import ControlKind
from gpu_tasks.engine.libraries import diffusers, torch, transformers
from gpu_tasks.engine.tasks_of_calls import Task

_LEAST_SIDE = 64
_WIDEST = 8


class Flux2Latents(FlowFamily):
    """What all of FLUX.2 share: packed latents that are normalised by statistics of the VAE."""

    def latents_of(self, components: Mapping[str, Any], pixels: torch.Tensor) -> torch.Tensor:
        vae = components["vae"]
        latents = vae.encode(pixels).latent_dist.mode()
        rows, _, height, width = latents.shape
        packed = latents.reshape(rows, -1, height // 2, 2, width // 2, 2)
        packed = packed.permute(0, 1, 3, 5, 2, 4).flatten(1, 3)
        mean = vae.bn.running_mean[:, None, None]
        spread = (vae.bn.running_var[:, None, None] + vae.config.batch_norm_eps).sqrt()
        return _unpatch((packed - mean) / spread)

    def preview_latents(self, latents: torch.Tensor, scene: Scene) -> torch.Tensor:
        width, height = (side // (2 * self.latent_factor) for side in self.working_size(scene))
        return _unpatch(latents.permute(0, 2, 1).reshape(len(latents), -1, height, width))

    def picture_arguments(self, scene: Scene) -> dict[str, Any]:
        if scene.task is not Task.REFERENCE:
            return {}
        return {"image": [_acceptable(picture) for picture in scene.request.references]}

    def read_text(
        self, pipeline: Any, scene: Scene, text: str, *, device: torch.device
    ) -> dict[str, torch.Tensor]:
        del scene
        embeds, _ = pipeline.encode_prompt(prompt=text, device=device)
        return {"prompt_embeds": embeds}


class Flux2(Flux2Latents):
    """Run what Flux2Pipeline would load: dev, whose guidance is distilled."""

    base: ClassVar[str] = "flux-2"
    index_classes: ClassVar[frozenset[str]] = frozenset({"Flux2Pipeline"})
    parts: ClassVar[Mapping[str, Part]] = {
        "transformer": Part(part_class=diffusers.Flux2Transformer2DModel, is_large=True),
        "vae": Part(part_class=diffusers.AutoencoderKLFlux2),
        "text_encoder": Part(
            part_class=transformers.Mistral3ForConditionalGeneration,
            stem="model",
            is_large=True,
            is_encoder=True,
        ),
    }
    # A processor lies there, of which only the tokenizer is asked for; the other half of it needs
    # torchvision.
    tokenizers: ClassVar[Mapping[str, Any]] = {"tokenizer": transformers.PreTrainedTokenizerFast}
    pipelines: ClassVar[Mapping[tuple[Task, ControlKind | None], Any]] = {
        (Task.TXT2IMG, None): diffusers.Flux2Pipeline,
        (Task.REFERENCE, None): diffusers.Flux2Pipeline,
    }

    def is_told_what_not(self, scene: Scene) -> bool:
        del scene
        return False


def _acceptable(picture: Image.Image) -> Image.Image:
    """Return a reference as the pipelines take it: with sides of at least 64 pixels.

    Raises:
        InvalidRequest: it is so narrow that they would refuse it.
    """
    width, height = picture.size
    if max(width, height) > _WIDEST * min(width, height):
        raise InvalidRequest(
            {"references": f"must not be more than {_WIDEST} times as long as they are wide"}
        )
    factor = max(1.0, _LEAST_SIDE / min(width, height))
    return picture.convert("RGB").resize((round(width * factor), round(height * factor)))


def _unpatch(packed: torch.Tensor) -> torch.Tensor:
    """Turn [rows, channels × 2 × 2, height, width] into [rows, channels, 2 height, 2 width]."""
    rows, _, height, width = packed.shape
    places = packed.reshape(rows, -1, 2, 2, height, width).permute(0, 1, 4, 2, 5, 3)
    return places.reshape(rows, -1, 2 * height, 2 * width)
