"""FLUX.1: dev and schnell, Fill, and Kontext, on one transformer under CLIP and T5."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from gpu_tasks.engine.families.family import refuse_kind
from gpu_tasks.engine.families.flow import FlowFamily, scale_to_area
from gpu_tasks.engine.families.loading import Part
from gpu_tasks.engine.families.scene import Scene
from gpu_tasks.engine.guides import ControlKind
from gpu_tasks.engine.libraries import diffusers, torch, transformers
from gpu_tasks.engine.tasks_of_calls import Task


class Flux1(FlowFamily):
    """Run what FluxPipeline would load: dev, which is told the guidance, and schnell."""

    base: ClassVar[str] = "flux-1"
    index_classes: ClassVar[frozenset[str]] = frozenset(
        {"FluxPipeline", "FluxImg2ImgPipeline", "FluxInpaintPipeline"}
    )
    parts: ClassVar[Mapping[str, Part]] = {
        "transformer": Part(part_class=diffusers.FluxTransformer2DModel, is_large=True),
        "vae": Part(part_class=diffusers.AutoencoderKL),
        "text_encoder": Part(part_class=transformers.CLIPTextModel, stem="model", is_encoder=True),
        "text_encoder_2": Part(
            part_class=transformers.T5EncoderModel, stem="model", is_large=True, is_encoder=True
        ),
    }
    tokenizers: ClassVar[Mapping[str, Any]] = {
        "tokenizer": transformers.CLIPTokenizer,
        "tokenizer_2": transformers.T5Tokenizer,
    }
    pipelines: ClassVar[Mapping[tuple[Task, ControlKind | None], Any]] = {
        (Task.TXT2IMG, None): diffusers.FluxPipeline,
        (Task.IMG2IMG, None): diffusers.FluxImg2ImgPipeline,
        (Task.INPAINT, None): diffusers.FluxInpaintPipeline,
        (Task.TXT2IMG, ControlKind.CONTROLNET): diffusers.FluxControlNetPipeline,
        (Task.IMG2IMG, ControlKind.CONTROLNET): diffusers.FluxControlNetImg2ImgPipeline,
        (Task.INPAINT, ControlKind.CONTROLNET): diffusers.FluxControlNetInpaintPipeline,
    }
    control_classes: ClassVar[Mapping[ControlKind, Any]] = {
        ControlKind.CONTROLNET: diffusers.FluxControlNetModel
    }
    joined_controls: ClassVar[Any] = diffusers.FluxMultiControlNetModel
    # How many times the channels of the latents the transformer takes in.
    takes_in: ClassVar[int] = 4

    def check(self, components: Mapping[str, Any]) -> None:
        channels = self.preview_channels(components)
        taken = int(components["transformer"].config.in_channels)
        if self.takes_in * channels != taken:
            raise refuse_kind(f"a transformer that takes {taken} channels is no {self.base}")

    def is_told_what_not(self, scene: Scene) -> bool:
        del scene
        return False

    def read_text(
        self, pipeline: Any, scene: Scene, text: str, *, device: torch.device
    ) -> dict[str, torch.Tensor]:
        del scene
        embeds, pooled, _ = pipeline.encode_prompt(prompt=text, prompt_2=None, device=device)
        return {"prompt_embeds": embeds, "pooled_prompt_embeds": pooled}

    def preview_latents(self, latents: torch.Tensor, scene: Scene) -> torch.Tensor:
        return self.unpack(latents, scene)


class Flux1Fill(Flux1):
    """Run FLUX.1 Fill, whose transformer sees the picture and the mask beside the latents."""

    base: ClassVar[str] = "flux-1-fill"
    index_classes: ClassVar[frozenset[str]] = frozenset({"FluxFillPipeline"})
    pipelines: ClassVar[Mapping[tuple[Task, ControlKind | None], Any]] = {
        (Task.INPAINT, None): diffusers.FluxFillPipeline
    }
    control_classes: ClassVar[Mapping[ControlKind, Any]] = {}

    def check(self, components: Mapping[str, Any]) -> None:
        # Latents, latents of the picture, and a mask of as many places as pixels.
        channels = 2 * self.preview_channels(components) + self.latent_factor**2
        taken = int(components["transformer"].config.in_channels)
        if 4 * channels != taken:
            raise refuse_kind(f"a transformer that takes {taken} channels fills no masks")


class Flux1Kontext(Flux1):
    """Run FLUX.1 Kontext, which edits a picture that it looks at."""

    base: ClassVar[str] = "flux-1-kontext"
    index_classes: ClassVar[frozenset[str]] = frozenset({"FluxKontextPipeline"})
    pipelines: ClassVar[Mapping[tuple[Task, ControlKind | None], Any]] = {
        (Task.TXT2IMG, None): diffusers.FluxKontextPipeline,
        (Task.REFERENCE, None): diffusers.FluxKontextPipeline,
        # Without a reference Kontext is a FLUX.1 like any other.
        (Task.IMG2IMG, None): diffusers.FluxImg2ImgPipeline,
        (Task.INPAINT, None): diffusers.FluxKontextInpaintPipeline,
    }
    control_classes: ClassVar[Mapping[ControlKind, Any]] = {}
    looks_at_references: ClassVar[frozenset[Task]] = frozenset({Task.REFERENCE, Task.INPAINT})

    def arguments(self, scene: Scene) -> dict[str, Any]:
        # By itself it would change the size that was asked for to one that it was trained for.
        return super().arguments(scene) | {
            "max_area": scene.width * scene.height,
            "_auto_resize": False,
        }

    def picture_arguments(self, scene: Scene) -> dict[str, Any]:
        arguments = super().picture_arguments(scene)
        names = {Task.REFERENCE: "image", Task.INPAINT: "image_reference"}
        if not scene.request.references or scene.task not in names:
            return arguments
        area = scene.width * scene.height
        picture = scale_to_area(scene.request.references[0], area, multiple=2 * self.latent_factor)
        return arguments | {names[scene.task]: picture}
