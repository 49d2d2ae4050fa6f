"""Parts that several of the tiny models are made of."""

from __future__ import annotations

from typing import Any

from gpu_tasks.engine.libraries import diffusers, transformers
from tests.engine.families.tiny_tokenizers import VOCABULARY

LATENTS = 4
WIDTH = 16


def build_vae(**changes: Any) -> Any:
    """Build a VAE of factor 8 with LATENTS channels."""
    options: dict[str, Any] = {
        "block_out_channels": (8, 8, 8, 8),
        "down_block_types": ("DownEncoderBlock2D",) * 4,
        "up_block_types": ("UpDecoderBlock2D",) * 4,
        "layers_per_block": 1,
        "latent_channels": LATENTS,
        "norm_num_groups": 4,
        "sample_size": 128,
    }
    return diffusers.AutoencoderKL(**(options | changes))


def build_flow_vae() -> Any:
    return build_vae(shift_factor=0.1, scaling_factor=0.4)


def build_clip(*, projected: bool = False, width: int = WIDTH) -> Any:
    config = transformers.CLIPTextConfig(
        vocab_size=1000,
        hidden_size=width,
        intermediate_size=32,
        num_hidden_layers=3,
        num_attention_heads=2,
        max_position_embeddings=77,
        bos_token_id=998,
        eos_token_id=999,
        pad_token_id=999,
        projection_dim=width,
    )
    if projected:
        return transformers.CLIPTextModelWithProjection(config)
    return transformers.CLIPTextModel(config)


def build_t5_encoder(width: int) -> Any:
    return transformers.T5EncoderModel(
        transformers.T5Config(
            vocab_size=VOCABULARY,
            d_model=width,
            d_kv=8,
            d_ff=32,
            num_layers=2,
            num_heads=2,
            pad_token_id=0,
            eos_token_id=1,
        )
    )


def build_flow_scheduler(**changes: Any) -> Any:
    return diffusers.FlowMatchEulerDiscreteScheduler(**({"shift": 3.0} | changes))


def build_unet(**changes: Any) -> Any:
    """Build a U-Net whose layers lie as in Stable Diffusion: the lowest looks at no prompt."""
    options: dict[str, Any] = {
        "sample_size": 16,
        "in_channels": LATENTS,
        "out_channels": LATENTS,
        "block_out_channels": (16, 32),
        "layers_per_block": 1,
        "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
        "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"),
        "cross_attention_dim": WIDTH,
        "attention_head_dim": 8,
        "norm_num_groups": 4,
    }
    return diffusers.UNet2DConditionModel(**(options | changes))


def qwen_3_config(*, layers: int) -> Any:
    return transformers.Qwen3Config(
        vocab_size=VOCABULARY,
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=layers,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=8,
        max_position_embeddings=4096,
    )
