"""The Stable Diffusion 1.5 class: a U-Net under one CLIP text encoder, and a 4-channel VAE."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Final

from PIL import Image, ImageOps

from gpu_tasks.engine.errors import InvalidRequest, ModelUnavailable
from gpu_tasks.engine.families.family import LoadedModel, ModelFamily, count_bytes
from gpu_tasks.engine.libraries import diffusers, torch, transformers
from gpu_tasks.engine.memory import OneRowAtATime, is_out_of_memory
from gpu_tasks.engine.model_files import count_weights, find_weights, read_json
from gpu_tasks.engine.previews import LatentPreview
from gpu_tasks.engine.request import GenerationRequest, ModelSource

# The classes are fixed here, so that a model cannot name code to run. The safety checker that
# many directories hold is not read.
_COMPONENTS: Final[Mapping[str, tuple[Any, str]]] = {
    "unet": (diffusers.UNet2DConditionModel, "diffusion_pytorch_model"),
    "vae": (diffusers.AutoencoderKL, "diffusion_pytorch_model"),
    "text_encoder": (transformers.CLIPTextModel, "model"),
}
_PIPELINE_CLASSES: Final = frozenset(
    {
        "StableDiffusionPipeline",
        "StableDiffusionImg2ImgPipeline",
        "LatentConsistencyModelPipeline",
    }
)


class StableDiffusion1(ModelFamily):
    """Run txt2img and img2img on a directory that StableDiffusionPipeline would load."""

    base: ClassVar[str] = "sd-1.5-class"

    def expected_bytes(self, source: ModelSource, *, dtype: torch.dtype) -> int:
        return dtype.itemsize * sum(
            count_weights(find_weights(source.path / name, stem))
            for name, (_, stem) in _COMPONENTS.items()
        )

    def load(self, source: ModelSource, *, device: torch.device, dtype: torch.dtype) -> LoadedModel:
        _check_pipeline_class(source.path)
        components = {
            name: _load_component(source.path, name).to(device=device, dtype=dtype)
            for name in _COMPONENTS
        }
        components["tokenizer"] = _load_tokenizer(source.path)
        channels = int(components["vae"].config.latent_channels)
        if int(components["unet"].config.in_channels) != channels:
            raise ModelUnavailable(
                "This kind of model is not supported.",
                reason=f"the U-Net in {source.path} takes more than latents (inpainting?)",
            )
        return LoadedModel(
            source=source,
            family=self,
            components=MappingProxyType(components),
            scheduler_config=MappingProxyType(_read_scheduler_config(source.path)),
            preview=LatentPreview.for_model(source.path, channels=channels),
            device=device,
            nbytes=count_bytes(components),
        )

    def make_pipeline(
        self, model: LoadedModel, request: GenerationRequest, *, scheduler: Any, sparing: bool
    ) -> Any:
        pipeline_class = (
            diffusers.StableDiffusionPipeline
            if request.init_image is None
            else diffusers.StableDiffusionImg2ImgPipeline
        )
        components = dict(model.components)
        if sparing:
            components["unet"] = OneRowAtATime(components["unet"])
        pipeline = pipeline_class(
            **components,
            scheduler=scheduler,
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        )
        pipeline.set_progress_bar_config(disable=True)
        return pipeline

    def call_arguments(self, requests: Sequence[GenerationRequest]) -> dict[str, Any]:
        request = requests[0]
        arguments: dict[str, Any] = {
            "prompt": [one.prompt for one in requests],
            "negative_prompt": [one.negative_prompt for one in requests],
            "num_inference_steps": request.steps,
            "guidance_scale": float(request.guidance_scale),
        }
        if request.init_image is None:
            return arguments | {"width": request.width, "height": request.height}
        return arguments | {
            "image": [_fit(one.init_image, one.width, one.height) for one in requests],
            "strength": float(request.denoise_strength),
        }

    def can_share_a_pass(self, model: LoadedModel) -> bool:
        # A distilled model is told the guidance in a tensor that the pipeline keeps to itself.
        return model.components["unet"].config.time_cond_proj_dim is None


def _check_pipeline_class(path: Path) -> None:
    pipeline_class = read_json(path / "model_index.json").get("_class_name")
    if pipeline_class not in _PIPELINE_CLASSES:
        raise ModelUnavailable(
            "This kind of model is not supported.",
            reason=f"{path} is made for {pipeline_class!r}",
        )


def _load_component(path: Path, name: str) -> Any:
    """Load one part in float32.

    Asked for another type, both libraries change torch's default for the whole process while
    they load, and a generation in another thread would pick it up.
    """
    component_class, stem = _COMPONENTS[name]
    weights = find_weights(path / name, stem)
    dtype_argument = "dtype" if name == "text_encoder" else "torch_dtype"
    try:
        component = component_class.from_pretrained(
            path,
            subfolder=name,
            variant=weights.variant,
            use_safetensors=True,
            local_files_only=True,
            **{dtype_argument: torch.float32},
        )
    except Exception as error:
        # The libraries raise anything on a damaged file: OSError, ValueError, RuntimeError, …
        if is_out_of_memory(error):
            raise
        raise ModelUnavailable(
            "The model's files are incomplete or damaged.",
            reason=f"cannot load {name} from {path}: {error}",
        ) from error
    return component.eval().requires_grad_(requires_grad=False)


def _load_tokenizer(path: Path) -> Any:
    vocabulary = [path / "tokenizer" / name for name in ("vocab.json", "tokenizer.json")]
    if not any(file.is_file() for file in vocabulary):
        # The library would return a tokenizer that knows no word.
        raise ModelUnavailable(
            "The model's files are incomplete or damaged.", reason=f"no tokenizer in {path}"
        )
    try:
        return transformers.CLIPTokenizer.from_pretrained(  # nosec B615  # a local directory
            path, subfolder="tokenizer", local_files_only=True, trust_remote_code=False
        )
    except Exception as error:
        raise ModelUnavailable(
            "The model's files are incomplete or damaged.",
            reason=f"cannot load the tokenizer from {path}: {error}",
        ) from error


def _read_scheduler_config(path: Path) -> dict[str, Any]:
    # The two settings are what the pipeline would put right by itself, with a warning each time.
    config = read_json(path / "scheduler" / "scheduler_config.json")
    return {k: v for k, v in config.items() if k != "_class_name"} | {
        "steps_offset": 1,
        "clip_sample": False,
    }


def _fit(image: Image.Image | None, width: int, height: int) -> Image.Image:
    """Turn upright, put transparent parts on white, and crop to the middle of width × height."""
    if image is None:
        raise InvalidRequest({"init_image": "is missing"})
    try:
        upright = ImageOps.exif_transpose(image)
        if upright.has_transparency_data:
            upright = upright.convert("RGBA")
            ground = Image.new("RGBA", upright.size, "white")
            upright = Image.alpha_composite(ground, upright)
        return ImageOps.fit(upright.convert("RGB"), (width, height), Image.Resampling.LANCZOS)
    except (OSError, ValueError, SyntaxError) as error:
        # Pillow reads pixels late, so a torn upload is found only here.
        raise InvalidRequest({"init_image": "is not a complete picture"}) from error
