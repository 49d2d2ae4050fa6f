"""Z-Image: a transformer that reads prompts, as Qwen3 understands them, in one line with pixels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from gpu_tasks.engine.families.flow import FlowFamily
from gpu_tasks.engine.families.loading import Part
from gpu_tasks.engine.families.scene import Scene
from gpu_tasks.engine.guides import ControlKind
from gpu_tasks.engine.libraries import diffusers, torch, transformers
from gpu_tasks.engine.memory import EachRowAlone
from gpu_tasks.engine.tasks_of_calls import Task


class ZImage(FlowFamily):
    """Run what ZImagePipeline would load: the base model, and turbo, which takes no guidance."""

    base: ClassVar[str] = "z-image"
    index_classes: ClassVar[frozenset[str]] = frozenset({"ZImagePipeline", "ZImageImg2ImgPipeline"})
    parts: ClassVar[Mapping[str, Part]] = {
        "transformer": Part(part_class=diffusers.ZImageTransformer2DModel, is_large=True),
        "vae": Part(part_class=diffusers.AutoencoderKL),
        "text_encoder": Part(
            part_class=transformers.Qwen3Model, stem="model", is_large=True, is_encoder=True
        ),
    }
    tokenizers: ClassVar[Mapping[str, Any]] = {"tokenizer": transformers.Qwen2Tokenizer}
    pipelines: ClassVar[Mapping[tuple[Task, ControlKind | None], Any]] = {
        (Task.TXT2IMG, None): diffusers.ZImagePipeline,
        (Task.IMG2IMG, None): diffusers.ZImageImg2ImgPipeline,
        (Task.INPAINT, None): diffusers.ZImageInpaintPipeline,
        (Task.TXT2IMG, ControlKind.CONTROLNET): diffusers.ZImageControlNetPipeline,
    }
    control_classes: ClassVar[Mapping[ControlKind, Any]] = {
        ControlKind.CONTROLNET: diffusers.ZImageControlNetModel
    }

    def sparing_denoiser(self, denoiser: Any, scene: Scene) -> Any:
        del scene
        return EachRowAlone(denoiser)

    def read_text(
        self, pipeline: Any, scene: Scene, text: str, *, device: torch.device
    ) -> dict[str, torch.Tensor]:
        del scene
        (embeds,), _ = pipeline.encode_prompt(
            prompt=[text], device=device, do_classifier_free_guidance=False
        )
        return {"prompt_embeds": embeds}

    def for_rows(self, read: Mapping[str, torch.Tensor], rows: int) -> dict[str, Any]:
        # Each row by itself, [words, width].
        return {name: [tensor] * rows for name, tensor in read.items()}

    def arguments(self, scene: Scene) -> dict[str, Any]:
        # Its scale counts from 0, where others' counts from 1: what is added to the prompt's part.
        scale = max(float(scene.request.guidance_scale) - 1.0, 0.0)
        return super().arguments(scene) | {"guidance_scale": scale}
