"""Stable Diffusion 1.5 and 2: a U-Net under one CLIP text encoder, and a 4-channel VAE."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

import numpy as np
from PIL import Image

from gpu_tasks.engine.families.family import ModelFamily, refuse_kind
from gpu_tasks.engine.families.loading import Part
from gpu_tasks.engine.families.scene import LoadedModel, Reading, Scene
from gpu_tasks.engine.guides import ControlKind
from gpu_tasks.engine.libraries import diffusers, torch, transformers
from gpu_tasks.engine.memory import OneRowAtATime
from gpu_tasks.engine.pictures.masks import prepare_mask
from gpu_tasks.engine.prompts.clip_encoding import ClipEncoder, EncodedPrompts, Encoding
from gpu_tasks.engine.prompts.regions import (
    blend_masks,
    join_region_embeddings,
    regional_attention,
)
from gpu_tasks.engine.request import GenerationRequest
from gpu_tasks.engine.tasks_of_calls import Task


class UNetFamily(ModelFamily):
    """What the families with a U-Net share."""

    denoiser: ClassVar[str] = "unet"
    control_classes: ClassVar[Mapping[ControlKind, Any]] = {
        ControlKind.CONTROLNET: diffusers.ControlNetModel,
        ControlKind.T2I_ADAPTER: diffusers.T2IAdapter,
    }

    def check(self, components: Mapping[str, Any]) -> None:
        channels = int(components["vae"].config.latent_channels)
        if int(components["unet"].config.in_channels) != channels:
            raise refuse_kind("the U-Net takes more than latents (inpainting?)")

    def complete_scheduler(self, config: dict[str, Any]) -> dict[str, Any]:
        # What the pipelines would put right by themselves, with a warning each time.
        return config | {"steps_offset": 1, "clip_sample": False}

    def sparing_denoiser(self, denoiser: Any, scene: Scene) -> Any:
        del scene
        return OneRowAtATime(denoiser)

    def can_share_a_pass(self, model: LoadedModel) -> bool:
        # A distilled model is told the guidance in a tensor that the pipeline keeps to itself.
        return model.components["unet"].config.time_cond_proj_dim is None

    @abstractmethod
    def clip_encoder(self, model: LoadedModel) -> ClipEncoder:
        """Return what reads prompts for this model."""

    def encode(self, pipeline: Any, scene: Scene, reading: Reading) -> dict[str, Any]:
        del pipeline
        model = reading.model
        encoder = self.clip_encoder(model)
        how = Encoding(
            device=model.device,
            dtype=model.dtype,
            clip_skip=scene.request.clip_skip,
            embeddings=reading.embeddings,
            cache=reading.cache,
            model_state=reading.state,
        )
        texts, negative_texts = _texts(scene)
        if not scene.guided:
            return _named(_with_regions(encoder.encode(texts, how), scene))
        positive, negative = encoder.encode_for_guidance(
            texts,
            negative_texts,
            how,
            zero_when_empty=model.options.get("force_zeros_for_empty_prompt", False),
        )
        return _named(_with_regions(positive, scene)) | _named(
            _with_regions(negative, scene), prefix="negative_"
        )

    @contextmanager
    def regional(self, model: LoadedModel, scene: Scene, controls: Sequence[Any]) -> Iterator[None]:
        if not _has_regions(scene):
            yield
            return
        factor = 2 ** (len(model.components["vae"].config.block_out_channels) - 1)
        size = (scene.width // factor, scene.height // factor)
        masks = [
            torch.from_numpy(np.asarray(_fit_mask(region.mask, size), dtype=np.float32) / 255)
            for region in scene.request.regions
        ]
        shares = blend_masks(torch.stack(masks), [1.0] * len(masks)).to(model.device)
        with regional_attention([model.components["unet"], *controls], shares):
            yield

    def read_alike(self, model: LoadedModel, requests: Sequence[GenerationRequest]) -> bool:
        # The shorter one would be padded to the longer one's chunks, and read differently.
        encoder = self.clip_encoder(model)
        chunks = {
            max(encoder.count_chunks(text) for text in (one.prompt, one.negative_prompt))
            for one in requests
        }
        return len(chunks) == 1

    def encoder_widths(self, model: LoadedModel) -> Mapping[str, int]:
        return self.clip_encoder(model).encoder_widths

    def control_argument(self, scene: Scene) -> str:
        return "image" if scene.task is Task.TXT2IMG else "control_image"

    def control_arguments(self, scene: Scene) -> dict[str, Any]:
        arguments = super().control_arguments(scene)
        if scene.control is ControlKind.T2I_ADAPTER:
            weight = arguments.pop("controlnet_conditioning_scale")
            arguments["adapter_conditioning_scale"] = weight
            # Unlike those of ControlNets these pipelines do not repeat a picture for each row.
            rows = len(scene.requests)
            if rows > 1:
                name = self.control_argument(scene)
                given = arguments[name]
                arguments[name] = (
                    [[picture] * rows for picture in given]
                    if isinstance(given, list)
                    else [given] * rows
                )
        return arguments


def _has_regions(scene: Scene) -> bool:
    return bool(scene.request.regions) and not scene.by_refiner


def _texts(scene: Scene) -> tuple[list[str], list[str]]:
    """Return prompts and negative prompts, one a row, or those of all regions behind the main."""
    if _has_regions(scene):
        request = scene.request
        texts = [request.prompt, *(region.prompt for region in request.regions)]
        return texts, [request.negative_prompt] * len(texts)
    return (
        [one.prompt for one in scene.requests],
        [one.negative_prompt for one in scene.requests],
    )


def _with_regions(encoded: EncodedPrompts, scene: Scene) -> EncodedPrompts:
    """Lay the prompts of regions, which were read as rows, behind the main one of each row."""
    if not _has_regions(scene):
        return encoded
    rows = len(scene.requests)
    main, *regions = torch.split(encoded.prompt_embeds, 1)
    return EncodedPrompts(
        join_region_embeddings(main.expand(rows, -1, -1), regions),
        None if encoded.pooled is None else encoded.pooled[:1].expand(rows, -1),
    )


def _fit_mask(mask: Image.Image, size: tuple[int, int]) -> Image.Image:
    return prepare_mask(mask, mask.size, feather=0).resize(size, Image.Resampling.BOX)


def _named(encoded: EncodedPrompts, *, prefix: str = "") -> dict[str, Any]:
    named: dict[str, Any] = {f"{prefix}prompt_embeds": encoded.prompt_embeds}
    if encoded.pooled is not None:
        named[f"{prefix}pooled_prompt_embeds"] = encoded.pooled
    return named


class StableDiffusion1(UNetFamily):
    """Run what StableDiffusionPipeline would load."""

    base: ClassVar[str] = "sd-1.5-class"
    index_classes: ClassVar[frozenset[str]] = frozenset(
        {
            "StableDiffusionPipeline",
            "StableDiffusionImg2ImgPipeline",
            "LatentConsistencyModelPipeline",
        }
    )
    # The safety checker that many directories hold is not read.
    parts: ClassVar[Mapping[str, Part]] = {
        "unet": Part(part_class=diffusers.UNet2DConditionModel, is_large=True),
        "vae": Part(part_class=diffusers.AutoencoderKL),
        "text_encoder": Part(part_class=transformers.CLIPTextModel, stem="model", is_encoder=True),
    }
    tokenizers: ClassVar[Mapping[str, Any]] = {"tokenizer": transformers.CLIPTokenizer}
    pipelines: ClassVar[Mapping[tuple[Task, ControlKind | None], Any]] = {
        (Task.TXT2IMG, None): diffusers.StableDiffusionPipeline,
        (Task.IMG2IMG, None): diffusers.StableDiffusionImg2ImgPipeline,
        (Task.INPAINT, None): diffusers.StableDiffusionInpaintPipeline,
        (Task.TXT2IMG, ControlKind.CONTROLNET): diffusers.StableDiffusionControlNetPipeline,
        (
            Task.IMG2IMG,
            ControlKind.CONTROLNET,
        ): diffusers.StableDiffusionControlNetImg2ImgPipeline,
        (
            Task.INPAINT,
            ControlKind.CONTROLNET,
        ): diffusers.StableDiffusionControlNetInpaintPipeline,
        (Task.TXT2IMG, ControlKind.T2I_ADAPTER): diffusers.StableDiffusionAdapterPipeline,
    }
    row_tensors: ClassVar[tuple[str, ...]] = ("prompt_embeds",)
    # What files of textual inversions call its text encoder.
    encoder_name: ClassVar[str] = "clip_l"

    def clip_encoder(self, model: LoadedModel) -> ClipEncoder:
        parts = model.components
        return ClipEncoder.for_stable_diffusion(
            parts["tokenizer"], parts["text_encoder"], name=self.encoder_name
        )


class StableDiffusion2(StableDiffusion1):
    """Run Stable Diffusion 2 and 2.1: other weights and another text encoder, the same classes."""

    base: ClassVar[str] = "sd-2"
    encoder_name: ClassVar[str] = "clip_h"
