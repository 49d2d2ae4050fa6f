"""Additions to the tiny model, with random weights: each changes its pictures plainly."""

from __future__ import annotations

from pathlib import Path

import safetensors.torch

from gpu_tasks.engine.libraries import diffusers, torch, transformers

# Large, since the model's own weights are random and its pictures grey.
_STRENGTH = 2.0
_RANK = 2


def build_lora(model: Path, file: Path, *, seed: int) -> Path:
    """Write a LoRA of a model's attention, of one convolution and of its text encoder."""
    unet = diffusers.UNet2DConditionModel.from_pretrained(model, subfolder="unet")
    encoder = transformers.CLIPTextModel.from_pretrained(model, subfolder="text_encoder")
    generator = torch.Generator().manual_seed(seed)
    tensors: dict[str, torch.Tensor] = {}
    for prefix, module, ends in (
        ("unet", unet, ("to_q", "to_k", "to_v", "to_out.0", "conv1")),
        ("text_encoder", encoder, ("q_proj", "v_proj")),
    ):
        for name, part in module.named_modules():
            if name.endswith(ends):
                tensors |= _pair(f"{prefix}.{name}", part.weight, generator)
    return _write(tensors, file)


def _pair(name: str, weight: torch.Tensor, generator: torch.Generator) -> dict[str, torch.Tensor]:
    down = torch.randn((_RANK, *weight.shape[1:]), generator=generator)
    up_shape = (weight.shape[0], _RANK, *([1] * (weight.ndim - 2)))
    up = torch.randn(up_shape, generator=generator) * _STRENGTH / weight[0].numel()
    return {f"{name}.lora_A.weight": down, f"{name}.lora_B.weight": up}


def build_foreign_lora(file: Path) -> Path:
    """Write a LoRA for a model that has no part of these names."""
    name = "unet.no_such_block.attn1.to_q"
    return _write(_pair(name, torch.zeros(8, 8), torch.Generator().manual_seed(0)), file)


def build_control_net(model: Path, directory: Path, *, seed: int) -> Path:
    unet = diffusers.UNet2DConditionModel.from_pretrained(model, subfolder="unet")
    torch.manual_seed(seed)
    control_net = diffusers.ControlNetModel.from_unet(
        unet, conditioning_embedding_out_channels=(8, 8, 16, 16)
    )
    for name, weight in control_net.named_parameters():
        # They are zeros where training begins.
        if name.startswith(("controlnet_down", "controlnet_mid", "controlnet_cond_embedding")):
            torch.nn.init.normal_(weight, std=0.3)
    control_net.save_pretrained(directory, safe_serialization=True)
    return directory


def build_vae(model: Path, directory: Path, *, seed: int) -> Path:
    """Write another VAE of the shape of the model's own."""
    config = diffusers.AutoencoderKL.load_config(model, subfolder="vae")
    torch.manual_seed(seed)
    diffusers.AutoencoderKL.from_config(config).save_pretrained(directory, safe_serialization=True)
    return directory


def build_embedding(file: Path, *, width: int = 16, seed: int) -> Path:
    """Write a textual inversion of two vectors."""
    vectors = torch.randn(2, width, generator=torch.Generator().manual_seed(seed))
    return _write({"emb_params": vectors}, file)


def build_ip_adapter(model: Path, directory: Path, *, seed: int) -> Path:
    """Write an IP-Adapter of the first kind, with four tokens, and its image encoder."""
    torch.manual_seed(seed)
    encoder = transformers.CLIPVisionModelWithProjection(
        transformers.CLIPVisionConfig(
            hidden_size=16,
            intermediate_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            image_size=32,
            patch_size=8,
            projection_dim=16,
        )
    )
    encoder.save_pretrained(directory / "image_encoder", safe_serialization=True)
    unet = diffusers.UNet2DConditionModel.from_pretrained(model, subfolder="unet")
    width = int(unet.config.cross_attention_dim)
    tensors = {
        "image_proj.proj.weight": torch.randn(4 * width, 16),
        "image_proj.proj.bias": torch.zeros(4 * width),
        "image_proj.norm.weight": torch.ones(width),
        "image_proj.norm.bias": torch.zeros(width),
    }
    # Numbered as diffusers numbers them: each second processor looks at the prompt.
    for place, name in enumerate(unet.attn_processors):
        if name.endswith("attn2.processor"):
            layer = unet.get_submodule(name.removesuffix(".processor"))
            for part in ("k", "v"):
                tensors[f"ip_adapter.{place}.to_{part}_ip.weight"] = torch.randn(
                    layer.inner_dim, width
                )
    _write(tensors, directory / "ip_adapter.safetensors")
    return directory


def _write(tensors: dict[str, torch.Tensor], file: Path) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    safetensors.torch.save_file({key: t.contiguous() for key, t in tensors.items()}, file)
    return file
