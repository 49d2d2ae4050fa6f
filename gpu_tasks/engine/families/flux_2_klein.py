"""FLUX.2 Klein: the smaller FLUX.2, under Qwen3, which also starts from pictures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from PIL import Image

from gpu_tasks.engine.families.flux_2 import Flux2Latents
from gpu_tasks.engine.families.loading import Part
from gpu_tasks.engine.families.scene import Scene
from gpu_tasks.engine.guides import ControlKind
from gpu_tasks.engine.libraries import diffusers, transformers
from gpu_tasks.engine.tasks_of_calls import Task

# What the pipeline that starts from pictures works at, at most.
_LARGEST_AREA = 1024 * 1024


class Flux2Klein(Flux2Latents):
    """Run what Flux2KleinPipeline would load: distilled, which takes no guidance, and base."""

    base: ClassVar[str] = "flux-2-klein"
    index_classes: ClassVar[frozenset[str]] = frozenset({"Flux2KleinPipeline"})
    parts: ClassVar[Mapping[str, Part]] = {
        "transformer": Part(part_class=diffusers.Flux2Transformer2DModel, is_large=True),
        "vae": Part(part_class=diffusers.AutoencoderKLFlux2),
        "text_encoder": Part(
            part_class=transformers.Qwen3ForCausalLM, stem="model", is_large=True, is_encoder=True
        ),
    }
    tokenizers: ClassVar[Mapping[str, Any]] = {"tokenizer": transformers.Qwen2Tokenizer}
    pipelines: ClassVar[Mapping[tuple[Task, ControlKind | None], Any]] = {
        (Task.TXT2IMG, None): diffusers.Flux2KleinPipeline,
        (Task.REFERENCE, None): diffusers.Flux2KleinPipeline,
        # Within a mask of everything. It looks at the picture that it starts from as well.
        (Task.IMG2IMG, None): diffusers.Flux2KleinInpaintPipeline,
        (Task.INPAINT, None): diffusers.Flux2KleinInpaintPipeline,
    }

    def working_size(self, scene: Scene) -> tuple[int, int]:
        width, height = scene.width, scene.height
        if not scene.images or width * height <= _LARGEST_AREA:
            return width, height
        factor = (_LARGEST_AREA / (width * height)) ** 0.5
        return int(width * factor) // 16 * 16, int(height * factor) // 16 * 16

    def picture_arguments(self, scene: Scene) -> dict[str, Any]:
        arguments = super().picture_arguments(scene)
        if scene.task is Task.IMG2IMG:
            everything = Image.new("L", (scene.width, scene.height), 255)
            arguments["mask_image"] = [everything] * len(scene.images)
        return arguments
