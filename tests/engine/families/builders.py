"""A model directory for each family, with tiny random weights, of the family's own classes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from gpu_tasks.engine.libraries import diffusers, torch, transformers
from tests.engine.families import tiny_tokenizers
from tests.engine.families.tiny_parts import (
    LATENTS,
    WIDTH,
    build_clip,
    build_flow_scheduler,
    build_flow_vae,
    build_t5_encoder,
    build_unet,
    build_vae,
    qwen_3_config,
)
from tests.engine.families.tiny_tokenizers import VOCABULARY
from tests.engine.tiny_model import build_tiny_model


def _seeded(seed: int) -> None:
    torch.manual_seed(seed)


def _save(pipeline: Any, directory: Path) -> Path:
    pipeline.save_pretrained(directory / "model", safe_serialization=True)
    return directory / "model"


def build_tiny_sd_1(directory: Path, *, seed: int = 0) -> Path:
    path = build_tiny_model(directory, seed=seed)
    build_unet().save_pretrained(path / "unet", safe_serialization=True)
    return path


def build_tiny_sdxl(directory: Path, *, seed: int = 0, refiner: bool = False) -> Path:
    _seeded(seed)
    encoders = {"text_encoder_2": build_clip(projected=True)}
    tokenizers = {"tokenizer_2": tiny_tokenizers.build_clip_tokenizer(directory / "words_2")}
    if refiner:
        encoders["text_encoder"] = None
        tokenizers["tokenizer"] = None
    else:
        encoders["text_encoder"] = build_clip()
        tokenizers["tokenizer"] = tiny_tokenizers.build_clip_tokenizer(directory / "words")
    # Size, crop and target size; the refiner is told a score instead of the last.
    numbers = 5 if refiner else 6
    unet = build_unet(
        cross_attention_dim=WIDTH if refiner else 2 * WIDTH,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=WIDTH + 8 * numbers,
    )
    pipeline_class = (
        diffusers.StableDiffusionXLImg2ImgPipeline
        if refiner
        else diffusers.StableDiffusionXLPipeline
    )
    pipeline = pipeline_class(
        unet=unet,
        vae=build_vae(),
        scheduler=diffusers.EulerDiscreteScheduler(
            beta_start=0.00085,
            beta_end=0.012,
            beta_schedule="scaled_linear",
            steps_offset=1,
            timestep_spacing="leading",
        ),
        force_zeros_for_empty_prompt=not refiner,
        add_watermarker=False,
        **({"requires_aesthetics_score": True} if refiner else {}),
        **encoders,
        **tokenizers,
    )
    return _save(pipeline, directory)


def build_tiny_sdxl_refiner(directory: Path, *, seed: int = 0) -> Path:
    return build_tiny_sdxl(directory, seed=seed, refiner=True)


def build_tiny_sd_3(directory: Path, *, seed: int = 0) -> Path:
    _seeded(seed)
    transformer = diffusers.SD3Transformer2DModel(
        sample_size=16,
        patch_size=2,
        in_channels=16,
        out_channels=16,
        num_layers=2,
        attention_head_dim=8,
        num_attention_heads=2,
        caption_projection_dim=16,
        joint_attention_dim=2 * WIDTH,
        pooled_projection_dim=2 * WIDTH,
        pos_embed_max_size=16,
        qk_norm="rms_norm",
        dual_attention_layers=(0,),
    )
    pipeline = diffusers.StableDiffusion3Pipeline(
        transformer=transformer,
        scheduler=build_flow_scheduler(),
        # Its pipelines insist on 16 channels.
        vae=build_vae(latent_channels=16, shift_factor=0.1, scaling_factor=0.4),
        text_encoder=build_clip(projected=True),
        tokenizer=tiny_tokenizers.build_clip_tokenizer(directory / "words"),
        text_encoder_2=build_clip(projected=True),
        tokenizer_2=tiny_tokenizers.build_clip_tokenizer(directory / "words_2"),
        text_encoder_3=build_t5_encoder(2 * WIDTH),
        tokenizer_3=tiny_tokenizers.build_t5(),
    )
    return _save(pipeline, directory)


FLUX_SIZES: Mapping[str, Any] = {
    "patch_size": 1,
    "in_channels": 4 * LATENTS,
    "num_layers": 1,
    "num_single_layers": 1,
    "attention_head_dim": 16,
    "num_attention_heads": 2,
    "joint_attention_dim": 32,
    "pooled_projection_dim": WIDTH,
    "axes_dims_rope": (4, 4, 8),
}


def build_tiny_flux_1(
    directory: Path, *, seed: int = 0, pipeline_class: Any = None, **changes: Any
) -> Path:
    """Build dev; schnell with `guidance_embeds=False`."""
    _seeded(seed)
    transformer = diffusers.FluxTransformer2DModel(
        **(dict(FLUX_SIZES) | {"guidance_embeds": True} | changes)
    )
    pipeline = (pipeline_class or diffusers.FluxPipeline)(
        transformer=transformer,
        scheduler=build_flow_scheduler(use_dynamic_shifting=True),
        vae=build_flow_vae(),
        text_encoder=build_clip(),
        tokenizer=tiny_tokenizers.build_clip_tokenizer(directory / "words"),
        text_encoder_2=build_t5_encoder(32),
        tokenizer_2=tiny_tokenizers.build_t5(),
    )
    return _save(pipeline, directory)


def build_tiny_flux_1_fill(directory: Path, *, seed: int = 0) -> Path:
    return build_tiny_flux_1(
        directory,
        seed=seed,
        pipeline_class=diffusers.FluxFillPipeline,
        in_channels=4 * (2 * LATENTS + 64),
        out_channels=4 * LATENTS,
    )


def build_tiny_flux_1_kontext(directory: Path, *, seed: int = 0) -> Path:
    return build_tiny_flux_1(directory, seed=seed, pipeline_class=diffusers.FluxKontextPipeline)


def _flux_2_transformer(*, text_width: int, guidance_embeds: bool) -> Any:
    return diffusers.Flux2Transformer2DModel(
        patch_size=1,
        in_channels=4 * LATENTS,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=text_width,
        axes_dims_rope=(4, 4, 4, 4),
        guidance_embeds=guidance_embeds,
    )


def build_flux_2_vae() -> Any:
    vae = diffusers.AutoencoderKLFlux2(
        block_out_channels=(8, 8, 8, 8),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=1,
        latent_channels=LATENTS,
        norm_num_groups=4,
        sample_size=128,
    )
    vae.bn.running_mean.normal_(std=0.1)
    return vae


def build_tiny_flux_2(directory: Path, *, seed: int = 0) -> Path:
    """Build it with 30 layers of Mistral 3, since its 10th, 20th and 30th are listened to."""
    _seeded(seed)
    text_encoder = transformers.Mistral3ForConditionalGeneration(
        transformers.Mistral3Config(
            text_config={
                "model_type": "mistral",
                "vocab_size": VOCABULARY,
                "hidden_size": 16,
                "intermediate_size": 16,
                "num_hidden_layers": 30,
                "num_attention_heads": 2,
                "num_key_value_heads": 1,
                "head_dim": 8,
                "max_position_embeddings": 4096,
            },
            vision_config={
                "model_type": "pixtral",
                "hidden_size": 16,
                "intermediate_size": 16,
                "num_hidden_layers": 1,
                "num_attention_heads": 2,
                "image_size": 64,
                "patch_size": 16,
            },
            image_token_index=4,
        )
    )
    pipeline = diffusers.Flux2Pipeline(
        transformer=_flux_2_transformer(text_width=48, guidance_embeds=True),
        scheduler=build_flow_scheduler(use_dynamic_shifting=True),
        vae=build_flux_2_vae(),
        text_encoder=text_encoder,
        tokenizer=tiny_tokenizers.build_pixtral(directory / "words"),
    )
    return _save(pipeline, directory)


def build_tiny_flux_2_klein(directory: Path, *, seed: int = 0) -> Path:
    """Build it with 27 layers of Qwen3, since its 9th, 18th and 27th are listened to."""
    _seeded(seed)
    pipeline = diffusers.Flux2KleinPipeline(
        transformer=_flux_2_transformer(text_width=48, guidance_embeds=False),
        scheduler=build_flow_scheduler(use_dynamic_shifting=True),
        vae=build_flux_2_vae(),
        text_encoder=transformers.Qwen3ForCausalLM(qwen_3_config(layers=27)),
        tokenizer=tiny_tokenizers.build_qwen(),
        is_distilled=False,
    )
    return _save(pipeline, directory)


def build_qwen_vae() -> Any:
    return diffusers.AutoencoderKLQwenImage(base_dim=4, num_res_blocks=1)


QWEN_SIZES: Mapping[str, Any] = {
    "patch_size": 2,
    "in_channels": 64,
    "out_channels": 16,
    "num_layers": 2,
    "attention_head_dim": 16,
    "num_attention_heads": 2,
    "joint_attention_dim": 16,
    "axes_dims_rope": (4, 4, 8),
}


def _qwen_vl() -> Any:
    return transformers.Qwen2_5_VLForConditionalGeneration(
        transformers.Qwen2_5_VLConfig(
            text_config={
                "vocab_size": VOCABULARY,
                "hidden_size": 16,
                "intermediate_size": 16,
                "num_hidden_layers": 2,
                "num_attention_heads": 2,
                "num_key_value_heads": 2,
                "max_position_embeddings": 4096,
                "rope_scaling": {"mrope_section": [1, 1, 2], "rope_type": "default"},
            },
            vision_config={
                "depth": 2,
                "hidden_size": 16,
                "intermediate_size": 16,
                "num_heads": 2,
                "out_hidden_size": 16,
                "fullatt_block_indexes": [1],
            },
            image_token_id=tiny_tokenizers.IMAGE_PAD,
            video_token_id=tiny_tokenizers.VIDEO_PAD,
            vision_start_token_id=tiny_tokenizers.VISION_START,
            vision_end_token_id=tiny_tokenizers.VISION_END,
        )
    )


def build_tiny_qwen_image(directory: Path, *, seed: int = 0, pipeline_class: Any = None) -> Path:
    _seeded(seed)
    pipeline_class = pipeline_class or diffusers.QwenImagePipeline
    sees = pipeline_class is not diffusers.QwenImagePipeline
    pipeline = pipeline_class(
        transformer=diffusers.QwenImageTransformer2DModel(**QWEN_SIZES),
        scheduler=build_flow_scheduler(use_dynamic_shifting=True),
        vae=build_qwen_vae(),
        text_encoder=_qwen_vl(),
        tokenizer=tiny_tokenizers.build_qwen(),
        **({"processor": None} if sees else {}),
    )
    path = _save(pipeline, directory)
    if sees:
        tiny_tokenizers.save_qwen_vl(path / "processor")
    return path


def build_tiny_qwen_image_edit(directory: Path, *, seed: int = 0) -> Path:
    return build_tiny_qwen_image(
        directory, seed=seed, pipeline_class=diffusers.QwenImageEditPlusPipeline
    )


Z_SIZES: Mapping[str, Any] = {
    "dim": 32,
    "n_refiner_layers": 1,
    "n_heads": 2,
    "n_kv_heads": 2,
    "norm_eps": 1e-5,
    "qk_norm": True,
}


def build_tiny_z_image(directory: Path, *, seed: int = 0) -> Path:
    _seeded(seed)
    transformer = diffusers.ZImageTransformer2DModel(
        **Z_SIZES,
        in_channels=LATENTS,
        n_layers=2,
        cap_feat_dim=16,
        axes_dims=[4, 4, 8],
        axes_lens=[1024, 64, 64],
    )
    for mark in (transformer.x_pad_token, transformer.cap_pad_token):
        torch.nn.init.normal_(mark, std=0.02)
    pipeline = diffusers.ZImagePipeline(
        transformer=transformer,
        scheduler=build_flow_scheduler(),
        vae=build_flow_vae(),
        text_encoder=transformers.Qwen3Model(qwen_3_config(layers=2)),
        tokenizer=tiny_tokenizers.build_qwen(),
    )
    return _save(pipeline, directory)


BUILDERS: Mapping[str, Callable[[Path], Path]] = {
    "sd-1.5-class": build_tiny_sd_1,
    "sd-2": build_tiny_sd_1,
    "sdxl": build_tiny_sdxl,
    "sdxl-refiner": build_tiny_sdxl_refiner,
    "sd-3.5": build_tiny_sd_3,
    "flux-1": build_tiny_flux_1,
    "flux-1-fill": build_tiny_flux_1_fill,
    "flux-1-kontext": build_tiny_flux_1_kontext,
    "flux-2": build_tiny_flux_2,
    "flux-2-klein": build_tiny_flux_2_klein,
    "qwen-image": build_tiny_qwen_image,
    "qwen-image-edit": build_tiny_qwen_image_edit,
    "z-image": build_tiny_z_image,
}
