"""Tiny additions to the tiny models: LoRAs, ControlNets, adapters, embeddings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from peft import LoraConfig, get_peft_model_state_dict
from safetensors.torch import save_file

from gpu_tasks.engine.families import find_family
from gpu_tasks.engine.libraries import diffusers, torch, transformers
from tests.engine.families import builders
from tests.engine.families.tiny_parts import LATENTS, WIDTH

_PIXELS = 32


def _load_denoiser(base: str, model: Path) -> Any:
    family = find_family(base)
    part = family.parts[family.denoiser].part_class
    return part.from_pretrained(model, subfolder=family.denoiser, use_safetensors=True)


def _randomised(module: Any, *, spread: float = 0.3) -> Any:
    """Have layers that begin at zero do something."""
    torch.manual_seed(11)
    with torch.no_grad():
        for parameter in module.parameters():
            if not parameter.any():
                parameter.normal_(std=spread)
    return module


def build_lora(base: str, model: Path, directory: Path) -> Path:
    """Write a LoRA of rank 2 for the queries of the denoiser."""
    denoiser = _load_denoiser(base, model)
    denoiser.add_adapter(LoraConfig(r=2, lora_alpha=2, target_modules=["to_q", "to_k"]))
    torch.manual_seed(12)
    layers = {
        name: torch.randn_like(tensor)
        for name, tensor in get_peft_model_state_dict(denoiser).items()
    }
    family = find_family(base)
    pipeline_class = family.pipelines[family.first_task, None]
    pipeline_class.save_lora_weights(
        directory, safe_serialization=True, **{f"{family.denoiser}_lora_layers": layers}
    )
    return directory / "pytorch_lora_weights.safetensors"


def build_controlnet(base: str, model: Path, directory: Path) -> Path:
    """Write a ControlNet that is as deep as the model's first layer."""
    _CONTROLNETS[base](_load_denoiser(base, model)).save_pretrained(directory)
    return directory


def _of_unet(unet: Any) -> Any:
    return _randomised(
        diffusers.ControlNetModel.from_unet(unet, conditioning_embedding_out_channels=(4, 4, 8, 8))
    )


def _of_sd_3(transformer: Any) -> Any:
    return _randomised(
        diffusers.SD3ControlNetModel.from_transformer(
            transformer, num_layers=1, num_extra_conditioning_channels=0
        )
    )


def _of_flux(transformer: Any) -> Any:
    return _randomised(
        diffusers.FluxControlNetModel.from_transformer(
            transformer,
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
        )
    )


def _of_qwen(transformer: Any) -> Any:
    del transformer
    return _randomised(
        diffusers.QwenImageControlNetModel(**(dict(builders.QWEN_SIZES) | {"num_layers": 1}))
    )


def _of_z_image(transformer: Any) -> Any:
    del transformer
    return _randomised(
        diffusers.ZImageControlNetModel(
            **builders.Z_SIZES,
            control_layers_places=[0],
            control_refiner_layers_places=[0],
            control_in_dim=LATENTS,
        )
    )


_CONTROLNETS: Mapping[str, Callable[[Any], Any]] = {
    "sd-1.5-class": _of_unet,
    "sd-2": _of_unet,
    "sdxl": _of_unet,
    "sd-3.5": _of_sd_3,
    "flux-1": _of_flux,
    "qwen-image": _of_qwen,
    "z-image": _of_z_image,
}


def build_t2i_adapter(base: str, model: Path, directory: Path) -> Path:
    """Write an adapter whose steps are those of the U-Net."""
    del base, model
    torch.manual_seed(13)
    adapter = diffusers.T2IAdapter(
        in_channels=3,
        channels=[16, 32],
        num_res_blocks=1,
        downscale_factor=8,
        adapter_type="full_adapter",
    )
    adapter.save_pretrained(directory)
    return directory


def build_vae(base: str, model: Path, directory: Path) -> Path:
    """Write another VAE of the kind that the model has."""
    family = find_family(base)
    vae = family.parts["vae"].part_class.from_pretrained(model, subfolder="vae")
    torch.manual_seed(14)
    with torch.no_grad():
        for parameter in vae.decoder.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.05)
    vae.save_pretrained(directory)
    return directory


def build_embedding(base: str, model: Path, directory: Path) -> Path:
    """Write two vectors for each text encoder, under the names that other tools give them."""
    del model
    names = {
        "sd-1.5-class": ("emb_params",),
        "sd-2": ("emb_params",),
        "sdxl": ("clip_l", "clip_g"),
        "sdxl-refiner": ("clip_g",),
    }[base]
    torch.manual_seed(15)
    directory.mkdir(parents=True, exist_ok=True)
    save_file({name: torch.randn(2, WIDTH) for name in names}, directory / "thing.safetensors")
    return directory / "thing.safetensors"


def build_ip_adapter(base: str, model: Path, directory: Path) -> Path:
    """Write an IP-Adapter with its image encoder."""
    directory.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(16)
    denoiser = _load_denoiser(base, model)
    tensors = {
        name: tensor.contiguous()
        for name, tensor in _IP_ADAPTERS.get(base, _ip_of_unet)(denoiser).items()
    }
    save_file(tensors, directory / "ip_adapter.safetensors")
    _image_encoder(base).save_pretrained(directory / "image_encoder")
    return directory


def _image_encoder(base: str) -> Any:
    sizes = {
        "hidden_size": WIDTH,
        "intermediate_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "image_size": _PIXELS,
        "patch_size": 8,
    }
    if base == "sd-3.5":
        return transformers.SiglipVisionModel(transformers.SiglipVisionConfig(**sizes))
    return transformers.CLIPVisionModelWithProjection(
        transformers.CLIPVisionConfig(projection_dim=WIDTH, **sizes)
    )


def _projection(width: int) -> dict[str, torch.Tensor]:
    return {
        "image_proj.proj.weight": torch.randn(4 * width, WIDTH),
        "image_proj.proj.bias": torch.randn(4 * width),
        "image_proj.norm.weight": torch.ones(width),
        "image_proj.norm.bias": torch.zeros(width),
    }


def _ip_of_unet(unet: Any) -> dict[str, torch.Tensor]:
    width = int(unet.config.cross_attention_dim)
    tensors = _projection(width)
    crossing = [name for name in unet.attn_processors if "attn2" in name]
    for number, name in enumerate(crossing):
        block = unet.get_submodule(name.removesuffix(".processor"))
        for side in ("k", "v"):
            key = f"ip_adapter.{2 * number + 1}.to_{side}_ip.weight"
            tensors[key] = torch.randn(block.to_k.out_features, width)
    return tensors


def _ip_of_flux(transformer: Any) -> dict[str, torch.Tensor]:
    width = int(transformer.config.joint_attention_dim)
    tensors = _projection(width)
    for number in range(int(transformer.config.num_layers)):
        for side in ("k", "v"):
            key = f"ip_adapter.{number}.to_{side}_ip"
            tensors[f"{key}.weight"] = torch.randn(transformer.inner_dim, width)
            tensors[f"{key}.bias"] = torch.randn(transformer.inner_dim)
    return tensors


def _ip_of_sd_3(transformer: Any) -> dict[str, torch.Tensor]:
    from diffusers.models.attention_processor import SD3IPAdapterJointAttnProcessor2_0
    from diffusers.models.embeddings import IPAdapterTimeImageProjection

    width = transformer.inner_dim
    projection = IPAdapterTimeImageProjection(
        embed_dim=WIDTH,
        output_dim=width,
        hidden_dim=WIDTH,
        depth=4,
        dim_head=64,
        heads=1,
        num_queries=4,
        timestep_in_dim=16,
    )
    tensors = {f"image_proj.{name}": value for name, value in projection.state_dict().items()}
    for number in range(len(transformer.attn_processors)):
        processor = SD3IPAdapterJointAttnProcessor2_0(
            hidden_size=width,
            ip_hidden_states_dim=width,
            head_dim=transformer.config.attention_head_dim,
            timesteps_emb_dim=WIDTH,
        )
        for name, value in processor.state_dict().items():
            tensors[f"ip_adapter.{number}.{name}"] = value
    return tensors


_IP_ADAPTERS: Mapping[str, Callable[[Any], dict[str, torch.Tensor]]] = {
    "sd-3.5": _ip_of_sd_3,
    "flux-1": _ip_of_flux,
    "flux-1-kontext": _ip_of_flux,
}
