"""A Stable Diffusion directory with random weights, small enough to be built by the tests."""

from __future__ import annotations

import json
from pathlib import Path

from gpu_tasks.engine.libraries import diffusers, torch, transformers

LATENT_CHANNELS = 4
PREVIEW_MAP = {
    "latent_rgb_factors": [[0.2, 0.0, 0.0], [0.0, 0.2, 0.0], [0.0, 0.0, 0.2], [0.0, 0.0, 0.0]],
    "latent_rgb_bias": [0.5, 0.5, 0.5],
}


def build_tiny_model(directory: Path, *, seed: int = 0, width: int = 16) -> Path:
    """Write a v-prediction model (factor 8, 4 latent channels) of some 100,000 parameters."""
    torch.manual_seed(seed)
    unet = diffusers.UNet2DConditionModel(
        sample_size=16,
        in_channels=LATENT_CHANNELS,
        out_channels=LATENT_CHANNELS,
        block_out_channels=(width, 2 * width),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=16,
        attention_head_dim=8,
        norm_num_groups=4,
    )
    vae = diffusers.AutoencoderKL(
        block_out_channels=(8, 8, 16, 16),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=1,
        latent_channels=LATENT_CHANNELS,
        norm_num_groups=4,
        sample_size=128,
    )
    text_encoder = transformers.CLIPTextModel(
        transformers.CLIPTextConfig(
            vocab_size=1000,
            hidden_size=16,
            intermediate_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            max_position_embeddings=77,
            bos_token_id=998,
            eos_token_id=999,
            pad_token_id=999,
        )
    )
    pipeline = diffusers.StableDiffusionPipeline(
        unet=unet,
        vae=vae,
        text_encoder=text_encoder,
        tokenizer=_build_tokenizer(directory / "words"),
        scheduler=diffusers.DDIMScheduler(
            beta_start=0.00085,
            beta_end=0.012,
            beta_schedule="scaled_linear",
            prediction_type="v_prediction",
            clip_sample=False,
            set_alpha_to_one=False,
            steps_offset=1,
            timestep_spacing="trailing",
        ),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.save_pretrained(directory / "model", safe_serialization=True)
    (directory / "model" / "preview.json").write_text(json.dumps(PREVIEW_MAP))
    return directory / "model"


def _build_tokenizer(directory: Path) -> transformers.CLIPTokenizer:
    """Build CLIP's byte-pair tokenizer over single bytes, without any merges."""
    directory.mkdir(parents=True)
    byte_symbols = list(_byte_symbols().values())
    symbols = byte_symbols + [f"{symbol}</w>" for symbol in byte_symbols]
    vocabulary = {symbol: index for index, symbol in enumerate(symbols)}
    vocabulary |= {"<|startoftext|>": 998, "<|endoftext|>": 999}
    (directory / "vocab.json").write_text(json.dumps(vocabulary))
    (directory / "merges.txt").write_text("#version: 0.2\n")
    return transformers.CLIPTokenizer(
        vocab=str(directory / "vocab.json"),
        merges=str(directory / "merges.txt"),
        model_max_length=77,
    )


def _byte_symbols() -> dict[int, str]:
    # GPT-2's table: printable bytes stand for themselves, the others for characters from 256 on.
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {byte: chr(byte) for byte in printable} | {
        byte: chr(256 + index) for index, byte in enumerate(others)
    }
