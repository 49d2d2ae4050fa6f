"""Write a tiny Stable Diffusion as a checkpoint of one file, in the layout of its authors.

The names are those of the CompVis code, by the map of diffusers' own script
(scripts/convert_diffusers_to_original_stable_diffusion.py).
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from safetensors.torch import load_file, save_file

from gpu_tasks.engine.libraries import torch

Tensors = Mapping[str, torch.Tensor]

_RESNET = (
    ("norm1", "in_layers.0"),
    ("conv1", "in_layers.2"),
    ("norm2", "out_layers.0"),
    ("conv2", "out_layers.3"),
    ("time_emb_proj", "emb_layers.1"),
    ("conv_shortcut", "skip_connection"),
)
_UNET = (
    ("time_embedding.linear_1", "time_embed.0"),
    ("time_embedding.linear_2", "time_embed.2"),
    ("conv_in", "input_blocks.0.0"),
    ("conv_norm_out", "out.0"),
    ("conv_out", "out.2"),
    ("mid_block.attentions.0", "middle_block.1"),
    ("mid_block.resnets.0", "middle_block.0"),
    ("mid_block.resnets.1", "middle_block.2"),
)
_VAE = (
    ("mid_block.attentions.0", "mid.attn_1"),
    ("mid_block.resnets.0", "mid.block_1"),
    ("mid_block.resnets.1", "mid.block_2"),
    ("downsamplers.0", "downsample"),
    ("upsamplers.0", "upsample"),
    ("conv_norm_out", "norm_out"),
    ("conv_shortcut", "nin_shortcut"),
    ("group_norm", "norm"),
    ("to_q", "q"),
    ("to_k", "k"),
    ("to_v", "v"),
    ("to_out.0", "proj_out"),
)


def write_single_file(model: Path, directory: Path, *, beside: Iterable[str] = ()) -> Path:
    """Put a model of two U-Net levels with one layer each into one file.

    Configurations stay in their folders, and so do the weights of the parts `beside` it.
    """
    shutil.copytree(model, directory)
    parts = {
        "unet": ("model.diffusion_model.", _unet_names),
        "vae": ("first_stage_model.", _vae_names),
        "text_encoder": ("cond_stage_model.transformer.", _text_names),
    }
    whole: dict[str, torch.Tensor] = {}
    for part, (prefix, rename) in parts.items():
        if part not in beside:
            (file,) = (directory / part).glob("*.safetensors")
            whole |= {prefix + name: value for name, value in rename(load_file(file)).items()}
            file.unlink()
    save_file(whole, directory / "weights.safetensors")
    return directory


def _unet_names(tensors: Tensors) -> dict[str, torch.Tensor]:
    return {_unet_name(name, tensors): value.contiguous() for name, value in tensors.items()}


def _unet_name(name: str, tensors: Tensors) -> str:
    if "resnets" in name:
        for ours, theirs in _RESNET:
            name = name.replace(ours, theirs)
    for ours, theirs in _UNET:
        if name.startswith(ours):
            return theirs + name.removeprefix(ours)
    # Levels have one layer and, going down, what makes them smaller; going up, two layers.
    rules: tuple[tuple[str, Callable[[int, int], str]], ...] = (
        (r"down_blocks\.(\d)\.resnets\.0", lambda i, _: f"input_blocks.{2 * i + 1}.0"),
        (r"down_blocks\.(\d)\.attentions\.0", lambda i, _: f"input_blocks.{2 * i + 1}.1"),
        (
            r"down_blocks\.(\d)\.downsamplers\.0\.conv",
            lambda i, _: f"input_blocks.{2 * i + 2}.0.op",
        ),
        (r"up_blocks\.(\d)\.resnets\.(\d)", lambda i, j: f"output_blocks.{2 * i + j}.0"),
        (r"up_blocks\.(\d)\.attentions\.(\d)", lambda i, j: f"output_blocks.{2 * i + j}.1"),
    )
    for pattern, place in rules:
        if found := re.match(pattern, name):
            numbers = [int(one) for one in found.groups()] + [0]
            return place(numbers[0], numbers[1]) + name[found.end() :]
    found = re.match(r"up_blocks\.(\d)\.upsamplers\.0", name)
    assert found is not None, name
    level = int(found[1])
    attends = any(one.startswith(f"up_blocks.{level}.attentions") for one in tensors)
    return f"output_blocks.{2 * level + 1}.{2 if attends else 1}" + name[found.end() :]


def _vae_names(tensors: Tensors) -> dict[str, torch.Tensor]:
    named: dict[str, torch.Tensor] = {}
    for name, value in tensors.items():
        is_attention = "attentions" in name
        for ours, theirs in _VAE:
            name = name.replace(ours, theirs)
        name = re.sub(r"down_blocks\.(\d)\.resnets", r"down.\1.block", name)
        name = re.sub(r"down_blocks\.(\d)", r"down.\1", name)
        name = re.sub(
            r"up_blocks\.(\d)(\.resnets)?",
            lambda found: f"up.{3 - int(found[1])}" + (".block" if found[2] else ""),
            name,
        )
        if is_attention and value.ndim == 2:
            value = value[:, :, None, None]
        named[name] = value.contiguous()
    return named


def _text_names(tensors: Tensors) -> dict[str, torch.Tensor]:
    return {
        f"text_model.{name.removeprefix('text_model.')}": value for name, value in tensors.items()
    }
