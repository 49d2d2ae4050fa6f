"""Tell what a directory of weights and settings is, in the layouts of diffusers and peft."""

from pathlib import Path
from typing import Any

from apps.catalog.models import ModelKind
from apps.catalog.probing.documents import read_object
from apps.catalog.probing.findings import (
    FAMILY_OF_CONTEXT,
    FLUX_1,
    FLUX_1_FILL,
    FLUX_1_KONTEXT,
    FLUX_2,
    FLUX_2_KLEIN,
    QWEN,
    QWEN_EDIT,
    SD_2,
    SD_15,
    SD_35,
    SDXL,
    SDXL_REFINER,
    VAE_FAMILIES,
    Z_IMAGE,
    Finding,
)
from apps.catalog.probing.headers import Header
from apps.catalog.probing.loras import find_lora

_UNET_PIPELINES = (
    "StableDiffusionPipeline",
    "StableDiffusionInpaintPipeline",
    "StableDiffusionImg2ImgPipeline",
)
_XL_PIPELINES = (
    "StableDiffusionXLPipeline",
    "StableDiffusionXLInpaintPipeline",
    "StableDiffusionXLImg2ImgPipeline",
)
_PIPELINES = {
    "StableDiffusion3Pipeline": (SD_35,),
    "FluxPipeline": (FLUX_1,),
    "FluxFillPipeline": (FLUX_1_FILL,),
    "FluxKontextPipeline": (FLUX_1_KONTEXT,),
    "Flux2Pipeline": (FLUX_2,),
    "Flux2KleinPipeline": (FLUX_2_KLEIN,),
    "QwenImagePipeline": (QWEN,),
    "QwenImageEditPipeline": (QWEN_EDIT,),
    "QwenImageEditPlusPipeline": (QWEN_EDIT,),
    "ZImagePipeline": (Z_IMAGE,),
}
# Parts that are models of their own; without families it is told by the width of the context.
_PARTS: dict[str, tuple[ModelKind, tuple[str, ...]]] = {
    "ControlNetModel": (ModelKind.CONTROLNET, ()),
    "ControlNetUnionModel": (ModelKind.CONTROLNET, ()),
    "FluxControlNetModel": (ModelKind.CONTROLNET, (FLUX_1,)),
    "SD3ControlNetModel": (ModelKind.CONTROLNET, (SD_35,)),
    "QwenImageControlNetModel": (ModelKind.CONTROLNET, (QWEN,)),
    "ZImageControlNetModel": (ModelKind.CONTROLNET, (Z_IMAGE,)),
    "AutoencoderKLQwenImage": (ModelKind.VAE, (QWEN, QWEN_EDIT)),
    "AutoencoderKLFlux2": (ModelKind.VAE, (FLUX_2,)),
}
_T2I_TYPES = {"full_adapter": SD_15, "light_adapter": SD_15, "full_adapter_xl": SDXL}
_DEPTH_TYPES = frozenset({"depth_anything", "dpt", "zoedepth", "glpn"})


def find_directory(root: Path, headers: dict[str, Header]) -> Finding | None:
    """Return what the model in `root` is, None if it is none that is known."""
    index = read_object(root / "model_index.json")
    if index:
        return _pipeline(root, index)
    if (root / "adapter_config.json").is_file():
        return find_lora(headers.get("adapter_model.safetensors", Header({}, {})))
    return _part(read_object(root / "config.json"))


def _pipeline(root: Path, index: dict[str, Any]) -> Finding | None:
    name = index.get("_class_name")
    if not isinstance(name, str):
        return None
    if name in _UNET_PIPELINES:
        width = read_object(root / "unet" / "config.json").get("cross_attention_dim")
        bases: tuple[str, ...] = (SD_2,) if width == 1024 else (SD_15,)
    elif name in _XL_PIPELINES:
        width = read_object(root / "unet" / "config.json").get("cross_attention_dim")
        bases = (SDXL_REFINER,) if width == 1280 else (SDXL,)
    else:
        bases = _PIPELINES.get(name, ())
    if not bases:
        return None
    return Finding(kind=ModelKind.MAIN, bases=bases, defaults=_defaults(root))


def _defaults(root: Path) -> dict[str, Any]:
    scheduler = read_object(root / "scheduler" / "scheduler_config.json")
    if scheduler.get("prediction_type") == "v_prediction":
        return {"prediction_type": "v_prediction"}
    return {}


def _part(config: dict[str, Any]) -> Finding | None:
    name = config.get("_class_name")
    if name == "T2IAdapter":
        base = _T2I_TYPES.get(str(config.get("adapter_type")))
        return Finding(kind=ModelKind.T2I_ADAPTER, bases=(base,)) if base else None
    if name == "AutoencoderKL":
        channels = config.get("latent_channels")
        bases = VAE_FAMILIES.get(channels) if isinstance(channels, int) else None
        return Finding(kind=ModelKind.VAE, bases=bases) if bases else None
    if isinstance(name, str) and name in _PARTS:
        kind, bases = _PARTS[name]
        bases = bases or _by_context(config)
        return Finding(kind=kind, bases=bases) if bases else None
    if config.get("architectures") == ["StableDiffusionSafetyChecker"]:
        return Finding(kind=ModelKind.SAFETY)
    if config.get("model_type") in _DEPTH_TYPES:
        return Finding(kind=ModelKind.DEPTH)
    return None


def _by_context(config: dict[str, Any]) -> tuple[str, ...]:
    width = config.get("cross_attention_dim")
    base = FAMILY_OF_CONTEXT.get(width) if isinstance(width, int) else None
    return (base,) if base else ()
