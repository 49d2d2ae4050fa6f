"""Stable Diffusion XL and its refiner: a U-Net under two CLIP text encoders, or one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from gpu_tasks.engine.families.loading import Part
from gpu_tasks.engine.families.scene import LoadedModel
from gpu_tasks.engine.families.stable_diffusion import UNetFamily
from gpu_tasks.engine.guides import ControlKind
from gpu_tasks.engine.libraries import diffusers, torch, transformers
from gpu_tasks.engine.prompts.clip_encoding import ClipEncoder
from gpu_tasks.engine.tasks_of_calls import Task

_SECOND_ENCODER = Part(
    part_class=transformers.CLIPTextModelWithProjection, stem="model", is_encoder=True
)


class StableDiffusionXL(UNetFamily):
    """Run what StableDiffusionXLPipeline would load: base models and turbo."""

    base: ClassVar[str] = "sdxl"
    index_classes: ClassVar[frozenset[str]] = frozenset(
        {"StableDiffusionXLPipeline", "StableDiffusionXLImg2ImgPipeline"}
    )
    parts: ClassVar[Mapping[str, Part]] = {
        "unet": Part(part_class=diffusers.UNet2DConditionModel, is_large=True),
        "vae": Part(part_class=diffusers.AutoencoderKL),
        "text_encoder": Part(part_class=transformers.CLIPTextModel, stem="model", is_encoder=True),
        "text_encoder_2": _SECOND_ENCODER,
    }
    tokenizers: ClassVar[Mapping[str, Any]] = {
        "tokenizer": transformers.CLIPTokenizer,
        "tokenizer_2": transformers.CLIPTokenizer,
    }
    pipelines: ClassVar[Mapping[tuple[Task, ControlKind | None], Any]] = {
        (Task.TXT2IMG, None): diffusers.StableDiffusionXLPipeline,
        (Task.IMG2IMG, None): diffusers.StableDiffusionXLImg2ImgPipeline,
        (Task.INPAINT, None): diffusers.StableDiffusionXLInpaintPipeline,
        (Task.TXT2IMG, ControlKind.CONTROLNET): diffusers.StableDiffusionXLControlNetPipeline,
        (
            Task.IMG2IMG,
            ControlKind.CONTROLNET,
        ): diffusers.StableDiffusionXLControlNetImg2ImgPipeline,
        (
            Task.INPAINT,
            ControlKind.CONTROLNET,
        ): diffusers.StableDiffusionXLControlNetInpaintPipeline,
        (Task.TXT2IMG, ControlKind.T2I_ADAPTER): diffusers.StableDiffusionXLAdapterPipeline,
    }
    row_tensors: ClassVar[tuple[str, ...]] = ("prompt_embeds", "add_text_embeds", "add_time_ids")

    def encoding_dtype(self, vae: Any) -> torch.dtype:
        # Its VAE overflows in half precision.
        return torch.float32 if vae.config.force_upcast else super().encoding_dtype(vae)

    def clip_encoder(self, model: LoadedModel) -> ClipEncoder:
        names = ("tokenizer", "text_encoder", "tokenizer_2", "text_encoder_2")
        return ClipEncoder.for_sdxl(*(model.components.get(name) for name in names))


class StableDiffusionXLRefiner(StableDiffusionXL):
    """Run the refiner, which has the second text encoder alone and works pictures over."""

    base: ClassVar[str] = "sdxl-refiner"
    index_classes: ClassVar[frozenset[str]] = frozenset({"StableDiffusionXLImg2ImgPipeline"})
    parts: ClassVar[Mapping[str, Part]] = {
        "unet": Part(part_class=diffusers.UNet2DConditionModel, is_large=True),
        "vae": Part(part_class=diffusers.AutoencoderKL),
        "text_encoder_2": _SECOND_ENCODER,
    }
    tokenizers: ClassVar[Mapping[str, Any]] = {"tokenizer_2": transformers.CLIPTokenizer}
    pipelines: ClassVar[Mapping[tuple[Task, ControlKind | None], Any]] = {
        (Task.IMG2IMG, None): diffusers.StableDiffusionXLImg2ImgPipeline,
        (Task.INPAINT, None): diffusers.StableDiffusionXLInpaintPipeline,
    }
