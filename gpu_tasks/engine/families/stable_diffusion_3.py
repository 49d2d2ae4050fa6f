"""Stable Diffusion 3.5: a transformer under two CLIP text encoders and, mostly, T5."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, ClassVar

from gpu_tasks.engine.families.flow import FlowFamily
from gpu_tasks.engine.families.loading import Part
from gpu_tasks.engine.families.scene import LoadedModel, Scene
from gpu_tasks.engine.guides import ControlKind
from gpu_tasks.engine.libraries import diffusers, torch, transformers
from gpu_tasks.engine.memory import EachRowAlone
from gpu_tasks.engine.tasks_of_calls import Task

_CLIP = Part(part_class=transformers.CLIPTextModelWithProjection, stem="model", is_encoder=True)


class SteadyVae:
    """Stand in for a VAE where a pipeline would draw latents of a control picture at random.

    It draws from the whole process, so no seed would give the same picture twice; the likeliest
    latents are as good.
    """

    _vae: Any

    def __init__(self, vae: Any) -> None:
        object.__setattr__(self, "_vae", vae)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._vae, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._vae, name, value)

    def encode(self, pixels: torch.Tensor) -> Any:
        likeliest = self._vae.encode(pixels).latent_dist.mode
        return SimpleNamespace(latent_dist=SimpleNamespace(sample=likeliest))


class StableDiffusion3(FlowFamily):
    """Run what StableDiffusion3Pipeline would load, with T5 or without."""

    base: ClassVar[str] = "sd-3.5"
    index_classes: ClassVar[frozenset[str]] = frozenset(
        {"StableDiffusion3Pipeline", "StableDiffusion3Img2ImgPipeline"}
    )
    parts: ClassVar[Mapping[str, Part]] = {
        "transformer": Part(part_class=diffusers.SD3Transformer2DModel, is_large=True),
        "vae": Part(part_class=diffusers.AutoencoderKL),
        "text_encoder": _CLIP,
        "text_encoder_2": _CLIP,
        "text_encoder_3": Part(
            part_class=transformers.T5EncoderModel,
            stem="model",
            is_large=True,
            is_encoder=True,
            is_optional=True,
        ),
    }
    tokenizers: ClassVar[Mapping[str, Any]] = {
        "tokenizer": transformers.CLIPTokenizer,
        "tokenizer_2": transformers.CLIPTokenizer,
        "tokenizer_3": transformers.T5Tokenizer,
    }
    optional_tokenizers: ClassVar[frozenset[str]] = frozenset({"tokenizer_3"})
    pipelines: ClassVar[Mapping[tuple[Task, ControlKind | None], Any]] = {
        (Task.TXT2IMG, None): diffusers.StableDiffusion3Pipeline,
        (Task.IMG2IMG, None): diffusers.StableDiffusion3Img2ImgPipeline,
        (Task.INPAINT, None): diffusers.StableDiffusion3InpaintPipeline,
        (Task.TXT2IMG, ControlKind.CONTROLNET): diffusers.StableDiffusion3ControlNetPipeline,
    }
    control_classes: ClassVar[Mapping[ControlKind, Any]] = {
        ControlKind.CONTROLNET: diffusers.SD3ControlNetModel
    }
    joined_controls: ClassVar[Any] = diffusers.SD3MultiControlNetModel
    image_encoder_class: ClassVar[Any] = transformers.SiglipVisionModel

    def make_pipeline(
        self,
        model: LoadedModel,
        scene: Scene,
        *,
        scheduler: Any,
        extras: Mapping[str, Any],
        sparing: bool,
    ) -> Any:
        if scene.control is not None:
            vae = extras.get("vae", model.components["vae"])
            extras = {**extras, "vae": SteadyVae(vae)}
        return super().make_pipeline(
            model, scene, scheduler=scheduler, extras=extras, sparing=sparing
        )

    def feature_extractor(self, size: int) -> Any:
        return transformers.SiglipImageProcessor(size={"height": size, "width": size})

    def sparing_denoiser(self, denoiser: Any, scene: Scene) -> Any:
        del scene
        return EachRowAlone(denoiser)

    def read_text(
        self, pipeline: Any, scene: Scene, text: str, *, device: torch.device
    ) -> dict[str, torch.Tensor]:
        # As in the pipeline, CLIP skip is for what to make and not for what not to.
        skip = scene.request.clip_skip if text == scene.request.prompt else 0
        embeds, _, pooled, _ = pipeline.encode_prompt(
            prompt=text,
            prompt_2=None,
            prompt_3=None,
            device=device,
            do_classifier_free_guidance=False,
            clip_skip=skip or None,
        )
        return {"prompt_embeds": embeds, "pooled_prompt_embeds": pooled}

    def picture_arguments(self, scene: Scene) -> dict[str, Any]:
        prompt = scene.request.image_prompt
        return {} if prompt is None else {"ip_adapter_image": prompt.images[0].convert("RGB")}
