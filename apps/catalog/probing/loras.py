"""Tell which family a LoRA is for, by the names and widths of what it changes."""

import re
from collections.abc import Mapping

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
    SD_15,
    SD_35,
    SDXL,
    Z_IMAGE,
    Finding,
)
from apps.catalog.probing.headers import Header
from apps.catalog.probing.metadata import read_training_notes

_IS_LORA = re.compile(
    r"[._](lora_down|lora_up|lora_A|lora_B|hada_w1_[ab]|lokr_w[12]|dora_scale)\b"
    r"|_lora\.(down|up)\.weight$|\.lora\.(down|up)\.weight$"
)
# The side that takes what the layer takes: its second dimension is the width of that.
_DOWN = re.compile(r"(lora_down|lora_A|lora\.down|_lora\.down)(\.default)?\.weight$")
_CONTEXT = re.compile(r"attn2[._](processor\.)?to_k")
_TEXT_WIDTHS = {768: SD_15, 1024: SD_2}
# What ModelSpec calls the families (https://github.com/Stability-AI/ModelSpec).
_ARCHITECTURES = {
    "stable-diffusion-v1/": SD_15,
    "stable-diffusion-v2-": SD_2,
    "stable-diffusion-xl-v1-base/": SDXL,
}
_BLOCK = re.compile(r"(?<!single_)transformer_blocks[._](\d+)[._]")
_FLUX_BASES = (FLUX_1, FLUX_1_KONTEXT, FLUX_1_FILL)
_QWEN_BASES = (QWEN, QWEN_EDIT)
_LAST_DOUBLE_OF_FLUX = 18
_SD_35_WIDTHS = frozenset({1536, 2432})
_FLUX_WIDTH = 3072
_FLUX_2_WIDTH = 6144
_Z_WIDTH = 3840


def is_lora(header: Header) -> bool:
    """Say whether a file holds small changes of another model's weights."""
    return any(_IS_LORA.search(name) for name in header.tensors)


def find_lora(header: Header) -> Finding | None:
    """Return what a LoRA is, None if it is none, or for a family that is not known here."""
    if not is_lora(header):
        return None
    widths = {
        name: tensor.shape[1]
        for name, tensor in header.tensors.items()
        if _DOWN.search(name) and len(tensor.shape) >= 2
    }
    names = list(header.tensors)
    bases = (
        _by_plain_names(names, widths)
        or _by_context(widths)
        or _by_text_encoder(widths)
        or _by_transformer(names, widths)
        or _by_architecture(header.metadata.get("modelspec.architecture", ""))
    )
    if not bases:
        return None
    notes = read_training_notes(header.metadata)
    return Finding(
        kind=ModelKind.LORA,
        bases=bases,
        trigger_words=notes.trigger_words,
        tags=notes.tags,
        title=notes.title,
        defaults=notes.defaults,
    )


def _by_plain_names(names: list[str], widths: Mapping[str, int]) -> tuple[str, ...]:
    """Answer by names that one family alone has."""
    if _any(names, "lora_te2_", "input_blocks_4_1_", "text_encoder_2.", "label_emb"):
        return (SDXL,)
    if _any(names, "joint_blocks"):
        return (SD_35,)
    if _any(names, "to_qkv_mlp_proj", "double_stream_modulation"):
        return (FLUX_2,)
    if _any(names, "double_blocks", "single_blocks", "single_transformer_blocks"):
        return (FLUX_2,) if _FLUX_2_WIDTH in widths.values() else _FLUX_BASES
    if _any(names, "img_mlp", "img_mod", "txt_mlp"):
        return _QWEN_BASES
    if _any(names, "layers.", "layers_") and _Z_WIDTH in widths.values():
        return (Z_IMAGE,)
    return ()


def _by_context(widths: Mapping[str, int]) -> tuple[str, ...]:
    found = {width for name, width in widths.items() if _CONTEXT.search(name)}
    return tuple(FAMILY_OF_CONTEXT[width] for width in sorted(found) if width in FAMILY_OF_CONTEXT)


def _by_text_encoder(widths: Mapping[str, int]) -> tuple[str, ...]:
    found = {
        width for name, width in widths.items() if "lora_te_" in name or "text_encoder." in name
    }
    return tuple(_TEXT_WIDTHS[width] for width in sorted(found) if width in _TEXT_WIDTHS)[:1]


def _by_transformer(names: list[str], widths: Mapping[str, int]) -> tuple[str, ...]:
    blocks = [int(match[1]) for name in names if (match := _BLOCK.search(name))]
    if not blocks:
        return ()
    taken = set(widths.values())
    if taken & _SD_35_WIDTHS:
        return (SD_35,)
    if _FLUX_WIDTH in taken:
        return _FLUX_BASES if max(blocks) <= _LAST_DOUBLE_OF_FLUX else _QWEN_BASES
    return ()


def _by_architecture(named: str) -> tuple[str, ...]:
    """Believe the file's own word, where the weights do not tell: of models of unusual widths."""
    return tuple(base for start, base in _ARCHITECTURES.items() if named.startswith(start))


def _any(names: list[str], *parts: str) -> bool:
    return any(part in name for name in names for part in parts)
