"""Tell single files apart that help other models: ControlNets, adapters, embeddings, VAEs …"""

import re

from apps.catalog.models import ModelKind
from apps.catalog.probing.findings import (
    FAMILY_OF_CONTEXT,
    FLUX_1,
    SD_2,
    SD_15,
    SD_35,
    SDXL,
    VAE_FAMILIES,
    Finding,
)
from apps.catalog.probing.headers import Header

# Pixels are folded into channels, 8 × 8 or 16 × 16, of a picture in grey or in colour.
_T2I_BASES = {64: SD_15, 192: SD_15, 256: SDXL, 768: SDXL}
_EMBEDDING_BASES = {768: SD_15, 1024: SD_2}
_MOST_EMBEDDING_TENSORS = 4
_MOST_EMBEDDING_VECTORS = 1000
_CONTEXT = re.compile(r"attn2\.to_k\.weight$")
_IP_KEY = re.compile(r"^ip_adapter\.\d+\.to_k_ip\.weight$")
_UPSCALERS = tuple(
    re.compile(pattern)
    for pattern in (
        r"^(params_ema\.|params\.)?model\.1\.sub\.0\.(RDB|conv)",  # ESRGAN, as first published
        r"^(params_ema\.|params\.)?(RRDB_trunk|body)\.0\.(rdb|RDB)1\.conv1\.",  # ESRGAN
        r"^(params_ema\.|params\.)?layers\.0\.residual_group\.",  # SwinIR, HAT
        r"^(params_ema\.|params\.)?layers\.0\.blocks\.0\.",  # DAT
        r"^(params_ema\.|params\.)?block_1\.c1_r\.",  # SPAN
    )
)


def find_companion(header: Header) -> Finding | None:
    """Return what a file is that helps others, None if it is none."""
    for look in (_controlnet, _t2i_adapter, _ip_adapter, _embedding, _vae, _upscaler):
        found = look(header)
        if found is not None:
            return found
    return None


def _controlnet(header: Header) -> Finding | None:
    names = header.tensors
    marks = ("input_hint_block.0.", "controlnet_cond_embedding.conv_in.", "controlnet_blocks.0.")
    if not any(
        name.removeprefix("control_model.").startswith(marks) or name.startswith("zero_convs.0.")
        for name in names
    ):
        return None
    if any(name.startswith(("single_transformer_blocks.", "single_blocks.")) for name in names):
        return Finding(kind=ModelKind.CONTROLNET, bases=(FLUX_1,))
    if any(name.startswith("pos_embed.") for name in names):
        return Finding(kind=ModelKind.CONTROLNET, bases=(SD_35,))
    widths = {t.shape[1] for name, t in names.items() if _CONTEXT.search(name) and t.shape[1:]}
    bases = tuple(FAMILY_OF_CONTEXT[width] for width in sorted(widths & FAMILY_OF_CONTEXT.keys()))
    if not bases and any(name.startswith("transformer_blocks.") for name in names):
        bases = (FLUX_1,)
    return Finding(kind=ModelKind.CONTROLNET, bases=bases) if bases else None


def _t2i_adapter(header: Header) -> Finding | None:
    prefix = "adapter." if "adapter.conv_in.weight" in header.tensors else ""
    entrance = header.shape(f"{prefix}conv_in.weight")
    has_body = any(
        name.startswith((f"{prefix}body.0.resnets.0.", f"{prefix}body.0.block1."))
        for name in header.tensors
    )
    base = _T2I_BASES.get(entrance[1]) if has_body and len(entrance) == 4 else None
    return Finding(kind=ModelKind.T2I_ADAPTER, bases=(base,)) if base else None


def _ip_adapter(header: Header) -> Finding | None:
    if any("ip_adapter_double_stream_k_proj" in name for name in header.tensors):
        return Finding(kind=ModelKind.IP_ADAPTER, bases=(FLUX_1,))
    if not any(name.startswith("image_proj.") for name in header.tensors):
        return None
    widths = {
        tensor.shape[1]
        for name, tensor in header.tensors.items()
        if _IP_KEY.match(name) and tensor.shape[1:]
    }
    bases = tuple(FAMILY_OF_CONTEXT[width] for width in sorted(widths & FAMILY_OF_CONTEXT.keys()))
    return Finding(kind=ModelKind.IP_ADAPTER, bases=bases) if bases else None


def _embedding(header: Header) -> Finding | None:
    shapes = {name: tensor.shape for name, tensor in header.tensors.items()}
    if len(shapes) > _MOST_EMBEDDING_TENSORS:
        return None
    if shapes.get("clip_g", ())[1:] == (1280,) and shapes.get("clip_l", ())[1:] == (768,):
        return Finding(kind=ModelKind.EMBEDDING, bases=(SDXL,))
    if len(shapes) != 1:
        return None
    ((name, shape),) = shapes.items()
    vectors = shape[0] if len(shape) == 2 else 1
    base = _EMBEDDING_BASES.get(shape[-1]) if shape and len(shape) <= 2 else None
    if base is None or vectors > _MOST_EMBEDDING_VECTORS:
        return None
    words = [name.strip("<>")] if name.startswith("<") and name.endswith(">") else []
    return Finding(kind=ModelKind.EMBEDDING, bases=(base,), trigger_words=words[:1])


def _vae(header: Header) -> Finding | None:
    for prefix in ("", "first_stage_model.", "vae."):
        latents = header.shape(f"{prefix}decoder.conv_in.weight")
        has_both = f"{prefix}encoder.conv_in.weight" in header.tensors
        if has_both and len(latents) == 4 and latents[1] in VAE_FAMILIES:
            return Finding(kind=ModelKind.VAE, bases=VAE_FAMILIES[latents[1]])
    return None


def _upscaler(header: Header) -> Finding | None:
    if any(pattern.search(name) for pattern in _UPSCALERS for name in header.tensors):
        return Finding(kind=ModelKind.UPSCALER)
    return Finding(kind=ModelKind.UPSCALER) if _is_compact(header) else None


def _is_compact(header: Header) -> bool:
    """Say whether it is Real-ESRGAN's small one: convolutions and PReLUs in turn, nothing else."""
    return (
        all(name.startswith("body.") for name in header.tensors)
        and len(header.shape("body.0.weight")) == 4
        and len(header.shape("body.1.weight")) == 1
        and len(header.shape("body.2.weight")) == 4
    )
