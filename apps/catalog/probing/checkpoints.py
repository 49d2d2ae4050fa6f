"""Tell which family a single file of weights is of that makes pictures by itself."""

from collections.abc import Mapping
from pathlib import Path
from statistics import pstdev
from typing import Any

from apps.catalog.models import ModelKind
from apps.catalog.probing.findings import (
    FAMILY_OF_CONTEXT,
    FLUX_1,
    FLUX_1_FILL,
    FLUX_1_KONTEXT,
    FLUX_2,
    QWEN,
    QWEN_EDIT,
    SD_2,
    SD_35,
    Z_IMAGE,
    Finding,
)
from apps.catalog.probing.headers import Header, Tensor, read_floats

_PREFIXES = ("model.diffusion_model.", "diffusion_model.", "transformer.", "model.", "")
_FILL_CHANNELS = 384
_Z_WIDTH = 3840
# A layer norm whose values spread so far is of SD 2 trained to tell the velocity (ComfyUI).
_V_NORM = "output_blocks.11.1.transformer_blocks.0.norm1.bias"
_V_SPREAD = 0.09
_UNET_CONTEXTS = (
    "input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight",
    "input_blocks.4.1.transformer_blocks.0.attn2.to_k.weight",
)

Shapes = Mapping[str, Tensor]


def find_checkpoint(header: Header, path: Path) -> Finding | None:
    """Return what a checkpoint is, None if it is none."""
    for prefix in _PREFIXES:
        tensors = {
            name.removeprefix(prefix): tensor
            for name, tensor in header.tensors.items()
            if name.startswith(prefix)
        }
        found = _unet(tensors, path, header) or _transformer(tensors)
        if found is not None:
            return found
    return None


def _unet(tensors: Shapes, path: Path, header: Header) -> Finding | None:
    if "input_blocks.0.0.weight" not in tensors or "input_hint_block.0.weight" in tensors:
        return None
    context = next((tensors[name].shape for name in _UNET_CONTEXTS if name in tensors), ())
    base = FAMILY_OF_CONTEXT.get(context[1]) if len(context) == 2 else None
    if base is None:
        return None
    defaults: dict[str, Any] = {}
    if "v_pred" in header.tensors or (base == SD_2 and _tells_velocity(tensors, path)):
        defaults["prediction_type"] = "v_prediction"
    if tensors["input_blocks.0.0.weight"].shape[1:2] == (9,):
        defaults["inpainting"] = True
    return Finding(kind=ModelKind.MAIN, bases=(base,), defaults=defaults)


def _tells_velocity(tensors: Shapes, path: Path) -> bool:
    norm = tensors.get(_V_NORM)
    values = [] if norm is None else read_floats(path, norm)
    return len(values) > 1 and pstdev(values) > _V_SPREAD


def _transformer(tensors: Shapes) -> Finding | None:
    bases = _bases_of_transformer(tensors)
    if not bases:
        return None
    # Without a place for guidance it is distilled: few steps, and none of it.
    is_quick = bases[0] == FLUX_1 and not _has(tensors, "guidance_in.", "time_text_embed.guidance")
    defaults = {"steps": 4, "guidance_scale": 0.0} if is_quick else {}
    return Finding(kind=ModelKind.MAIN, bases=bases, defaults=defaults)


def _bases_of_transformer(tensors: Shapes) -> tuple[str, ...]:
    if _has(tensors, "controlnet_blocks.", "controlnet_x_embedder."):
        return ()
    if _has(tensors, "joint_blocks.0.context_block.") or "pos_embed.proj.weight" in tensors:
        return (SD_35,) if _has(tensors, "joint_blocks.0.", "transformer_blocks.0.") else ()
    if _has(tensors, "double_stream_modulation_img."):
        return (FLUX_2,)
    if _has(tensors, "double_blocks.0.img_attn.", "single_transformer_blocks.0."):
        entrance = tensors.get("img_in.weight") or tensors.get("x_embedder.weight")
        if entrance is None:
            return ()
        if entrance.shape[1:2] == (_FILL_CHANNELS,):
            return (FLUX_1_FILL,)
        return (FLUX_1, FLUX_1_KONTEXT)
    if _has(tensors, "transformer_blocks.0.img_mlp.") and "txt_norm.weight" in tensors:
        return (QWEN, QWEN_EDIT)
    caption = tensors.get("cap_embedder.1.weight")
    if caption is not None and caption.shape[:1] == (_Z_WIDTH,):
        return (Z_IMAGE,)
    return ()


def _has(tensors: Shapes, *starts: str) -> bool:
    return any(name.startswith(starts) for name in tensors)
