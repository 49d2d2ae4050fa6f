"""Write safetensors files with the names and shapes of real ones, and next to nothing in them."""

import json
from collections.abc import Mapping, Sequence
from math import prod
from pathlib import Path
from typing import Any

Shapes = Mapping[str, Sequence[int]]


def header_of(shapes: Shapes, metadata: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return the header of tensors of one byte a number, one behind the other."""
    header: dict[str, Any] = {} if metadata is None else {"__metadata__": dict(metadata)}
    at = 0
    for name, shape in shapes.items():
        end = at + prod(shape)
        header[name] = {"dtype": "F8_E4M3", "shape": list(shape), "data_offsets": [at, end]}
        at = end
    return header


def write_weights(path: Path, shapes: Shapes, metadata: Mapping[str, str] | None = None) -> Path:
    """Write a file whose numbers are a hole on the disk, however many they are."""
    header = header_of(shapes, metadata)
    raw = json.dumps(header).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(len(raw).to_bytes(8, "little") + raw)
        file.truncate(8 + len(raw) + sum(prod(shape) for shape in shapes.values()))
    return path


def weights(shapes: Shapes, metadata: Mapping[str, str] | None = None) -> bytes:
    """Return the content of such a file."""
    raw = json.dumps(header_of(shapes, metadata)).encode()
    numbers = bytes(sum(prod(shape) for shape in shapes.values()))
    return len(raw).to_bytes(8, "little") + raw + numbers


LORA_OF_SD_15: Shapes = {
    "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k.lora_down.weight": (
        *(4, 768),
    ),
    "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k.lora_up.weight": (320, 4),
}
CONTROLNET_OF_SD_15: Shapes = {
    "controlnet_cond_embedding.conv_in.weight": (16, 3, 3, 3),
    "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k.weight": (320, 768),
}
CHECKPOINT_OF_SD_15: Shapes = {
    "model.diffusion_model.input_blocks.0.0.weight": (320, 4, 3, 3),
    "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight": (320, 768),
    "first_stage_model.encoder.conv_in.weight": (128, 3, 3, 3),
    "first_stage_model.decoder.conv_in.weight": (512, 4, 3, 3),
}
FLUX_1_DEV: Shapes = {
    "img_in.weight": (3072, 64),
    "double_blocks.0.img_attn.norm.query_norm.scale": (128,),
    "guidance_in.in_layer.weight": (3072, 256),
}
