"""Pipelines with random weights, built in memory, whose prompts are encoded by CLIP."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gpu_tasks.engine.libraries import diffusers, torch, transformers
from tests.engine.tiny_model import _build_tokenizer

WIDTHS = {"clip_l": 16, "clip_g": 24}


def build_encoder(*, name: str, projection: bool, layers: int = 4, seed: int = 0) -> Any:
    """Make a text encoder whose outputs have a mean that is not zero, as trained ones have."""
    torch.manual_seed(seed)
    config = transformers.CLIPTextConfig(
        vocab_size=1000,
        hidden_size=WIDTHS[name],
        intermediate_size=32,
        num_hidden_layers=layers,
        num_attention_heads=2,
        max_position_embeddings=77,
        projection_dim=20,
        bos_token_id=998,
        eos_token_id=999,
        pad_token_id=999,
    )
    model_class = (
        transformers.CLIPTextModelWithProjection if projection else transformers.CLIPTextModel
    )
    model = model_class(config).eval().requires_grad_(False)
    norms = [one for key, one in model.named_modules() if key.endswith("final_layer_norm")]
    for norm in norms:
        norm.bias.data.uniform_(-0.5, 0.1)
    return model


def build_sd(directory: Path, *, seed: int = 0) -> Any:
    """Make a StableDiffusionPipeline."""
    encoder = build_encoder(name="clip_l", projection=False, seed=seed)
    return diffusers.StableDiffusionPipeline(
        unet=build_unet(cross_attention_dim=WIDTHS["clip_l"], seed=seed),
        vae=build_vae(seed=seed),
        text_encoder=encoder,
        tokenizer=_build_tokenizer(directory / "words"),
        scheduler=diffusers.DDIMScheduler(steps_offset=1, clip_sample=False),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def build_sdxl(directory: Path, *, refiner: bool = False, seed: int = 0) -> Any:
    """Make a StableDiffusionXLPipeline, whose second tokenizer pads with "!"; or its refiner."""
    tokenizer_2 = _build_tokenizer(directory / "words-2")
    tokenizer_2.pad_token = "!"
    width = WIDTHS["clip_g"] + (0 if refiner else WIDTHS["clip_l"])
    pipeline_class = (
        diffusers.StableDiffusionXLImg2ImgPipeline
        if refiner
        else diffusers.StableDiffusionXLPipeline
    )
    return pipeline_class(
        unet=build_unet(cross_attention_dim=width, seed=seed, pooled_dim=20),
        vae=build_vae(seed=seed),
        text_encoder=None if refiner else build_encoder(name="clip_l", projection=False, seed=seed),
        text_encoder_2=build_encoder(name="clip_g", projection=True, seed=seed + 1),
        tokenizer=None if refiner else _build_tokenizer(directory / "words"),
        tokenizer_2=tokenizer_2,
        scheduler=diffusers.EulerDiscreteScheduler(),
        add_watermarker=False,
    )


def build_unet(*, cross_attention_dim: int, seed: int = 0, pooled_dim: int | None = None) -> Any:
    """Make a U-Net with cross-attention at two sizes; with `pooled_dim` as SDXL's."""
    torch.manual_seed(seed)
    additions = (
        {}
        if pooled_dim is None
        else {
            "addition_embed_type": "text_time",
            "addition_time_embed_dim": 8,
            "projection_class_embeddings_input_dim": 6 * 8 + pooled_dim,
        }
    )
    unet = diffusers.UNet2DConditionModel(
        sample_size=16,
        in_channels=4,
        out_channels=4,
        block_out_channels=(16, 32),
        layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=cross_attention_dim,
        attention_head_dim=8,
        norm_num_groups=4,
        **additions,
    )
    return unet.eval().requires_grad_(False)


def build_vae(*, seed: int = 0) -> Any:
    torch.manual_seed(seed)
    vae = diffusers.AutoencoderKL(
        block_out_channels=(8, 8, 16, 16),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=4,
        sample_size=128,
    )
    return vae.eval().requires_grad_(False)
