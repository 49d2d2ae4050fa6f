"""Qwen-Image and Qwen-Image Edit: a transformer under Qwen2.5-VL, which sees pictures as well."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from PIL import Image

from gpu_tasks.engine.errors import InvalidRequest
from gpu_tasks.engine.families.flow import FlowFamily
from gpu_tasks.engine.families.loading import Part
from gpu_tasks.engine.families.qwen_reading import QwenReader
from gpu_tasks.engine.families.scene import LoadedModel, Scene
from gpu_tasks.engine.guides import ControlKind
from gpu_tasks.engine.libraries import diffusers, torch, transformers
from gpu_tasks.engine.request import GenerationRequest
from gpu_tasks.engine.tasks_of_calls import Task


class QwenImage(FlowFamily):
    """Run what QwenImagePipeline would load."""

    base: ClassVar[str] = "qwen-image"
    index_classes: ClassVar[frozenset[str]] = frozenset(
        {"QwenImagePipeline", "QwenImageImg2ImgPipeline", "QwenImageInpaintPipeline"}
    )
    parts: ClassVar[Mapping[str, Part]] = {
        "transformer": Part(part_class=diffusers.QwenImageTransformer2DModel, is_large=True),
        "vae": Part(part_class=diffusers.AutoencoderKLQwenImage),
        "text_encoder": Part(
            part_class=transformers.Qwen2_5_VLForConditionalGeneration,
            stem="model",
            is_large=True,
            is_encoder=True,
        ),
    }
    tokenizers: ClassVar[Mapping[str, Any]] = {"tokenizer": transformers.Qwen2Tokenizer}
    pipelines: ClassVar[Mapping[tuple[Task, ControlKind | None], Any]] = {
        (Task.TXT2IMG, None): diffusers.QwenImagePipeline,
        (Task.IMG2IMG, None): diffusers.QwenImageImg2ImgPipeline,
        (Task.INPAINT, None): diffusers.QwenImageInpaintPipeline,
        (Task.TXT2IMG, ControlKind.CONTROLNET): diffusers.QwenImageControlNetPipeline,
    }
    control_classes: ClassVar[Mapping[ControlKind, Any]] = {
        ControlKind.CONTROLNET: diffusers.QwenImageControlNetModel
    }
    # It compares two predictions; what it calls guidance is for distilled models yet to come.
    guidance_argument: ClassVar[str] = "true_cfg_scale"
    encodes_films: ClassVar[bool] = True

    def preview_channels(self, components: Mapping[str, Any]) -> int:
        return int(components["vae"].config.z_dim)

    def latents_of(self, components: Mapping[str, Any], pixels: torch.Tensor) -> torch.Tensor:
        vae = components["vae"]
        latents = vae.encode(pixels[:, :, None]).latent_dist.mode()[:, :, 0]
        mean, spread = (
            torch.tensor(values, device=latents.device, dtype=latents.dtype)[:, None, None]
            for values in (vae.config.latents_mean, vae.config.latents_std)
        )
        scaled: torch.Tensor = (latents - mean) / spread
        return scaled

    def read_text(
        self, pipeline: Any, scene: Scene, text: str, *, device: torch.device
    ) -> dict[str, torch.Tensor]:
        del scene
        embeds, mask = pipeline.encode_prompt(prompt=text, device=device)
        return _with_mask(embeds, mask)

    def preview_latents(self, latents: torch.Tensor, scene: Scene) -> torch.Tensor:
        return self.unpack(latents, scene)


class QwenImageEdit(QwenImage):
    """Run Qwen-Image Edit, of either kind: it looks at one picture, or (plus) at several."""

    base: ClassVar[str] = "qwen-image-edit"
    index_classes: ClassVar[frozenset[str]] = frozenset(
        {"QwenImageEditPipeline", "QwenImageEditPlusPipeline"}
    )
    tokenizers: ClassVar[Mapping[str, Any]] = {
        "tokenizer": transformers.Qwen2Tokenizer,
        "processor": QwenReader,
    }
    pipelines: ClassVar[Mapping[tuple[Task, ControlKind | None], Any]] = {
        (Task.REFERENCE, None): diffusers.QwenImageEditPlusPipeline,
        (Task.INPAINT, None): diffusers.QwenImageEditInpaintPipeline,
    }
    control_classes: ClassVar[Mapping[ControlKind, Any]] = {}

    def makes_one_by_one(self, request: GenerationRequest) -> bool:
        # These pipelines take one prompt at a time, whatever their signature says.
        del request
        return True

    def pipeline_for(self, model: LoadedModel, scene: Scene) -> Any:
        is_single = model.options.get("index_class") == _ONE_PICTURE.__name__
        if scene.task is Task.REFERENCE and is_single:
            return _ONE_PICTURE
        return super().pipeline_for(model, scene)

    def working_size(self, scene: Scene) -> tuple[int, int]:
        if scene.task is not Task.INPAINT:
            return super().working_size(scene)
        return _size_of_area(scene.images[0], _TRAINED_AREA)

    def pictures_read(self, scene: Scene) -> Sequence[Image.Image]:
        shown = scene.images[:1] if scene.task is Task.INPAINT else scene.request.references
        return [picture.convert("RGB") for picture in shown]

    def read_text(
        self, pipeline: Any, scene: Scene, text: str, *, device: torch.device
    ) -> dict[str, torch.Tensor]:
        pictures = self.pictures_read(scene)
        several = isinstance(pipeline, diffusers.QwenImageEditPlusPipeline)
        if not several and len(pictures) > 1:
            raise InvalidRequest({"references": "must be at most 1 for this model"})
        # What the pipelines would scale pictures to for the eyes of the language model.
        area = _SEEN_AREA if several else _TRAINED_AREA
        seen = [one.resize(_size_of_area(one, area), Image.Resampling.LANCZOS) for one in pictures]
        embeds, mask = pipeline.encode_prompt(
            prompt=text, image=seen if several else seen[0], device=device
        )
        return _with_mask(embeds, mask)

    def picture_arguments(self, scene: Scene) -> dict[str, Any]:
        if scene.task is not Task.REFERENCE:
            return {}
        pictures = list(self.pictures_read(scene))
        return {"image": pictures if len(pictures) > 1 else pictures[0]}


_ONE_PICTURE = diffusers.QwenImageEditPipeline
_TRAINED_AREA = 1024 * 1024
_SEEN_AREA = 384 * 384


def _size_of_area(picture: Image.Image, area: int) -> tuple[int, int]:
    """Return the size that the pipelines give a picture: about `area` pixels, in steps of 32."""
    ratio = picture.width / picture.height
    width = (area * ratio) ** 0.5
    return round(width / 32) * 32, round(width / ratio / 32) * 32


def _with_mask(embeds: torch.Tensor, mask: torch.Tensor | None) -> dict[str, torch.Tensor]:
    read = {"prompt_embeds": embeds}
    return read if mask is None else read | {"prompt_embeds_mask": mask}
