"""What a model is, told from the names and shapes that each family's own files have."""

import json
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from apps.catalog.models import ModelKind
from apps.catalog.probing import Finding, ProbeRefused, probe
from apps.catalog.probing.findings import FAMILY_OF_CONTEXT
from gpu_tasks.engine.family_facts import FAMILY_FACTS
from tests.catalog.weights import (
    CHECKPOINT_OF_SD_15,
    CONTROLNET_OF_SD_15,
    FLUX_1_DEV,
    LORA_OF_SD_15,
    Shapes,
    header_of,
    write_weights,
)

UNET = "model.diffusion_model."
KEY = "transformer_blocks.0.attn2.to_k.weight"
# Of Qwen-Image's transformer in diffusers.
QWEN: Shapes = {
    "img_in.weight": (3072, 64),
    "txt_in.weight": (3072, 3584),
    "txt_norm.weight": (3584,),
    "transformer_blocks.0.img_mlp.net.0.proj.weight": (12288, 3072),
}


def unet(context: int, *, channels: int = 4, block: str = "4.1", **more: Any) -> Shapes:
    return {
        f"{UNET}input_blocks.0.0.weight": (320, channels, 3, 3),
        f"{UNET}input_blocks.{block}.{KEY}": (640, context),
        **more,
    }


def prefixed(prefix: str, shapes: Shapes) -> Shapes:
    return {f"{prefix}{name}": shape for name, shape in shapes.items()}


SINGLE_FILES: dict[str, tuple[Shapes, ModelKind, str]] = {
    "SD 1.5": (CHECKPOINT_OF_SD_15, ModelKind.MAIN, "sd-1.5-class"),
    "SD 1.5 for inpainting": (unet(768, channels=9, block="1.1"), ModelKind.MAIN, "sd-1.5-class"),
    "SD 2": (unet(1024, block="1.1"), ModelKind.MAIN, "sd-2"),
    "SDXL": (unet(2048), ModelKind.MAIN, "sdxl"),
    "SDXL refiner": (unet(1280), ModelKind.MAIN, "sdxl-refiner"),
    "SD 3.5": (
        {
            f"{UNET}joint_blocks.0.context_block.adaLN_modulation.1.weight": (10, 10),
            f"{UNET}joint_blocks.0.x_block.attn.ln_q.weight": (64,),
            f"{UNET}pos_embed": (1, 4, 16),
        },
        ModelKind.MAIN,
        "sd-3.5",
    ),
    "FLUX.1 dev": (FLUX_1_DEV, ModelKind.MAIN, "flux-1"),
    "FLUX.1 dev, all in one": (prefixed(UNET, FLUX_1_DEV), ModelKind.MAIN, "flux-1"),
    "FLUX.1 of diffusers": (
        {
            "x_embedder.weight": (3072, 64),
            "single_transformer_blocks.0.attn.to_q.weight": (3072, 3072),
        },
        ModelKind.MAIN,
        "flux-1",
    ),
    "FLUX.1 Fill": (
        dict(FLUX_1_DEV) | {"img_in.weight": (3072, 384)},
        ModelKind.MAIN,
        "flux-1-fill",
    ),
    "FLUX.2": (
        {
            "double_stream_modulation_img.lin.weight": (36, 6),
            "double_blocks.0.img_attn.norm.query_norm.scale": (128,),
            "img_in.weight": (6144, 128),
        },
        ModelKind.MAIN,
        "flux-2",
    ),
    "Qwen-Image": (QWEN, ModelKind.MAIN, "qwen-image"),
    "Qwen-Image of ComfyUI": (prefixed(UNET, QWEN), ModelKind.MAIN, "qwen-image"),
    "Z-Image": (
        {
            "cap_embedder.1.weight": (3840, 2560),
            "noise_refiner.0.attention.qkv.weight": (10, 10),
        },
        ModelKind.MAIN,
        "z-image",
    ),
    "LoRA of SD 1.5": (LORA_OF_SD_15, ModelKind.LORA, "sd-1.5-class"),
    "LoRA of SD 2": (
        {
            "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn2_to_k.lora_down.weight": (
                *(4, 1024),
            ),
        },
        ModelKind.LORA,
        "sd-2",
    ),
    "LoRA of SDXL, kohya": (
        {"lora_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_q.lora_down.weight": (4, 640)},
        ModelKind.LORA,
        "sdxl",
    ),
    "LoRA of SDXL, its second text encoder": (
        {"lora_te2_text_model_encoder_layers_0_mlp_fc1.lora_down.weight": (4, 1280)},
        ModelKind.LORA,
        "sdxl",
    ),
    "LoRA of SDXL, diffusers": (
        {f"unet.down_blocks.1.attentions.0.{KEY[:-7]}.lora_A.weight": (4, 2048)},
        ModelKind.LORA,
        "sdxl",
    ),
    "LoRA of SD 1.5, diffusers as once": (
        {"unet.mid_block.attentions.0.attn2.processor.to_k_lora.down.weight": (4, 768)},
        ModelKind.LORA,
        "sd-1.5-class",
    ),
    "LoRA of SD 1.5, text encoder alone": (
        {"lora_te_text_model_encoder_layers_0_self_attn_q_proj.lora_down.weight": (4, 768)},
        ModelKind.LORA,
        "sd-1.5-class",
    ),
    "LoRA of SD 3.5": (
        {"transformer.transformer_blocks.0.attn.to_q.lora_A.weight": (4, 2432)},
        ModelKind.LORA,
        "sd-3.5",
    ),
    "LoRA of FLUX.1, kohya": (
        {"lora_unet_double_blocks_0_img_attn_proj.lora_down.weight": (4, 3072)},
        ModelKind.LORA,
        "flux-1",
    ),
    "LoRA of FLUX.1, diffusers": (
        {"transformer.transformer_blocks.18.attn.to_q.lora_A.weight": (4, 3072)},
        ModelKind.LORA,
        "flux-1",
    ),
    "LoRA of FLUX.2": (
        {"transformer.single_transformer_blocks.0.attn.to_qkv_mlp_proj.lora_A.weight": (4, 6144)},
        ModelKind.LORA,
        "flux-2",
    ),
    "LoRA of Qwen-Image": (
        {"transformer.transformer_blocks.59.attn.to_q.lora_A.weight": (4, 3072)},
        ModelKind.LORA,
        "qwen-image",
    ),
    "LoRA of Z-Image": (
        {"diffusion_model.layers.0.attention.to_q.lora_A.weight": (4, 3840)},
        ModelKind.LORA,
        "z-image",
    ),
    "LoHa of SD 1.5": (
        {
            "lora_unet_mid_block_attn2_to_k.hada_w1_a": (320, 4),
            "lora_te_text_model_encoder_layers_0_mlp_fc1.lora_down.weight": (4, 768),
        },
        ModelKind.LORA,
        "sd-1.5-class",
    ),
    "ControlNet, diffusers": (CONTROLNET_OF_SD_15, ModelKind.CONTROLNET, "sd-1.5-class"),
    "ControlNet, as first published": (
        {
            "control_model.input_hint_block.0.weight": (16, 3, 3, 3),
            "control_model.input_blocks.0.0.weight": (320, 4, 3, 3),
            f"control_model.input_blocks.1.1.{KEY}": (320, 768),
        },
        ModelKind.CONTROLNET,
        "sd-1.5-class",
    ),
    "ControlNet of SDXL": (
        {
            "controlnet_cond_embedding.conv_in.weight": (16, 3, 3, 3),
            f"down_blocks.1.attentions.0.{KEY}": (640, 2048),
        },
        ModelKind.CONTROLNET,
        "sdxl",
    ),
    "ControlNet of FLUX.1": (
        {
            "controlnet_blocks.0.weight": (30, 30),
            "x_embedder.weight": (3072, 64),
            "single_transformer_blocks.0.attn.to_q.weight": (30, 30),
        },
        ModelKind.CONTROLNET,
        "flux-1",
    ),
    "T2I adapter": (
        {
            "adapter.conv_in.weight": (320, 192, 3, 3),
            "adapter.body.0.resnets.0.block1.weight": (3,),
        },
        ModelKind.T2I_ADAPTER,
        "sd-1.5-class",
    ),
    "T2I adapter of SDXL": (
        {"conv_in.weight": (320, 768, 3, 3), "body.0.block1.weight": (3,)},
        ModelKind.T2I_ADAPTER,
        "sdxl",
    ),
    "IP-Adapter": (
        {"image_proj.proj.weight": (30, 10), "ip_adapter.1.to_k_ip.weight": (320, 768)},
        ModelKind.IP_ADAPTER,
        "sd-1.5-class",
    ),
    "IP-Adapter of SDXL": (
        {"image_proj.proj.weight": (30, 10), "ip_adapter.1.to_k_ip.weight": (640, 2048)},
        ModelKind.IP_ADAPTER,
        "sdxl",
    ),
    "embedding": ({"emb_params": (2, 768)}, ModelKind.EMBEDDING, "sd-1.5-class"),
    "embedding of SD 2": ({"emb_params": (8, 1024)}, ModelKind.EMBEDDING, "sd-2"),
    "embedding of SDXL": (
        {"clip_l": (2, 768), "clip_g": (2, 1280)},
        ModelKind.EMBEDDING,
        "sdxl",
    ),
    "VAE": (
        {"encoder.conv_in.weight": (8, 3, 3, 3), "decoder.conv_in.weight": (8, 4, 3, 3)},
        ModelKind.VAE,
        "sdxl",
    ),
    "VAE of FLUX.1": (
        {"encoder.conv_in.weight": (8, 3, 3, 3), "decoder.conv_in.weight": (8, 16, 3, 3)},
        ModelKind.VAE,
        "flux-1",
    ),
    "ESRGAN, as first published": (
        {"model.0.weight": (64, 3, 3, 3), "model.1.sub.0.RDB1.conv1.0.weight": (32, 64, 3, 3)},
        ModelKind.UPSCALER,
        "",
    ),
    "Real-ESRGAN": (
        {"conv_first.weight": (64, 3, 3, 3), "body.0.rdb1.conv1.weight": (32, 64, 3, 3)},
        ModelKind.UPSCALER,
        "",
    ),
    "Real-ESRGAN, small": (
        {"body.0.weight": (64, 3, 3, 3), "body.1.weight": (64,), "body.2.weight": (64, 64, 3, 3)},
        ModelKind.UPSCALER,
        "",
    ),
    "SwinIR": (
        {"layers.0.residual_group.blocks.0.norm1.weight": (60,)},
        ModelKind.UPSCALER,
        "",
    ),
}


@pytest.mark.parametrize(("shapes", "kind", "base"), SINGLE_FILES.values(), ids=SINGLE_FILES)
def test_a_single_file(shapes: Shapes, kind: ModelKind, base: str, tmp_path: Path) -> None:
    write_weights(tmp_path / "x.safetensors", shapes)

    found = probe(tmp_path)

    assert (found.kind, found.base()) == (kind, base)


def test_every_family_of_the_engine_has_a_file_here() -> None:
    of_files = {base for _shapes, _kind, base in SINGLE_FILES.values() if base}
    of_directories = {base for _index, base in PIPELINES if base}

    assert of_files | of_directories == FAMILY_FACTS.keys()
    assert set(FAMILY_OF_CONTEXT.values()) <= FAMILY_FACTS.keys()


PIPELINES: Sequence[tuple[Mapping[str, Any], str]] = [
    ({"_class_name": "StableDiffusionPipeline"}, "sd-1.5-class"),
    ({"_class_name": "StableDiffusionPipeline", "width": 1024}, "sd-2"),
    ({"_class_name": "StableDiffusionXLPipeline", "width": 2048}, "sdxl"),
    ({"_class_name": "StableDiffusionXLImg2ImgPipeline", "width": 1280}, "sdxl-refiner"),
    ({"_class_name": "StableDiffusion3Pipeline"}, "sd-3.5"),
    ({"_class_name": "FluxPipeline"}, "flux-1"),
    ({"_class_name": "FluxFillPipeline"}, "flux-1-fill"),
    ({"_class_name": "FluxKontextPipeline"}, "flux-1-kontext"),
    ({"_class_name": "Flux2Pipeline"}, "flux-2"),
    ({"_class_name": "Flux2KleinPipeline"}, "flux-2-klein"),
    ({"_class_name": "QwenImagePipeline"}, "qwen-image"),
    ({"_class_name": "QwenImageEditPlusPipeline"}, "qwen-image-edit"),
    ({"_class_name": "ZImagePipeline"}, "z-image"),
]


@pytest.mark.parametrize(("index", "base"), PIPELINES)
def test_a_directory_of_diffusers(index: Mapping[str, Any], base: str, tmp_path: Path) -> None:
    (tmp_path / "model_index.json").write_text(json.dumps(index))
    write_weights(tmp_path / "unet" / "diffusion_pytorch_model.safetensors", {"a": (1,)})
    width = json.dumps({"cross_attention_dim": index.get("width", 768)})
    (tmp_path / "unet" / "config.json").write_text(width)

    found = probe(tmp_path)

    assert (found.kind, found.bases) == (ModelKind.MAIN, (base,))


PARTS: list[tuple[Mapping[str, Any], ModelKind, str]] = [
    ({"_class_name": "ControlNetModel", "cross_attention_dim": 2048}, ModelKind.CONTROLNET, "sdxl"),
    ({"_class_name": "FluxControlNetModel"}, ModelKind.CONTROLNET, "flux-1"),
    ({"_class_name": "QwenImageControlNetModel"}, ModelKind.CONTROLNET, "qwen-image"),
    (
        {"_class_name": "T2IAdapter", "adapter_type": "full_adapter_xl"},
        ModelKind.T2I_ADAPTER,
        "sdxl",
    ),
    ({"_class_name": "AutoencoderKL", "latent_channels": 16}, ModelKind.VAE, "flux-1"),
    ({"architectures": ["StableDiffusionSafetyChecker"]}, ModelKind.SAFETY, ""),
    ({"model_type": "depth_anything"}, ModelKind.DEPTH, ""),
]


@pytest.mark.parametrize(("config", "kind", "base"), PARTS)
def test_a_directory_of_one_part(
    config: Mapping[str, Any], kind: ModelKind, base: str, tmp_path: Path
) -> None:
    (tmp_path / "config.json").write_text(json.dumps(config))
    write_weights(tmp_path / "diffusion_pytorch_model.safetensors", {"a": (1,)})

    found = probe(tmp_path)

    assert (found.kind, found.base()) == (kind, base)


def test_a_directory_of_peft(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text("{}")
    shapes = {f"base_model.model.down_blocks.0.{KEY[:-7]}.lora_A.weight": (4, 768)}
    write_weights(tmp_path / "adapter_model.safetensors", shapes)

    assert probe(tmp_path).kind == ModelKind.LORA


@pytest.mark.parametrize(
    ("width", "named", "base"),
    [
        (144, "stable-diffusion-v1/lora", "sd-1.5-class"),
        (144, "stable-diffusion-v2-768-v/lora", "sd-2"),
        (144, "stable-diffusion-xl-v1-base/lora", "sdxl"),
        (768, "stable-diffusion-xl-v1-base/lora", "sd-1.5-class"),
    ],
)
def test_a_lora_of_unusual_widths_is_what_it_says(
    width: int, named: str, base: str, tmp_path: Path
) -> None:
    shapes = {f"unet.mid_block.attentions.0.{KEY[:-7]}.lora_A.weight": (4, width)}
    write_weights(tmp_path / "x.safetensors", shapes, {"modelspec.architecture": named})

    assert probe(tmp_path).bases == (base,)


def test_the_starter_model_is_what_it_is() -> None:
    found = probe_starter()

    assert (found.kind, found.bases) == (ModelKind.MAIN, ("sd-1.5-class",))


def probe_starter() -> Finding:
    from apps.catalog.probing.contents import check_contents
    from apps.catalog.probing.directories import find_directory

    root = settings.EASEL_MODELS_ROOT / "starter_model"
    headers = {path.relative_to(root).as_posix(): None for path in root.rglob("*.safetensors")}
    assert headers
    with pytest.raises(ProbeRefused, match="README"):
        # Its note for people is nothing that an install would bring.
        check_contents(root)
    found = find_directory(root, {})
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("shapes", "wanted", "base"),
    [
        (FLUX_1_DEV, "flux-1-kontext", "flux-1-kontext"),
        (QWEN, "qwen-image-edit", "qwen-image-edit"),
        (QWEN, "flux-1", "qwen-image"),
    ],
)
def test_families_that_weights_alone_do_not_tell_apart(
    shapes: Shapes, wanted: str, base: str, tmp_path: Path
) -> None:
    write_weights(tmp_path / "x.safetensors", shapes)

    assert probe(tmp_path).base(wanted) == base


def test_what_the_weights_suggest(tmp_path: Path) -> None:
    schnell = {name: shape for name, shape in FLUX_1_DEV.items() if "guidance" not in name}
    write_weights(tmp_path / "a" / "x.safetensors", schnell)
    write_weights(tmp_path / "b" / "x.safetensors", unet(768, channels=9, block="1.1"))
    write_weights(tmp_path / "c" / "x.safetensors", {**unet(2048), "v_pred": (0,)})
    write_weights(tmp_path / "d" / "x.safetensors", {"<ink>": (2, 768)})

    assert probe(tmp_path / "a").defaults == {"steps": 4, "guidance_scale": 0.0}
    assert probe(tmp_path / "b").defaults == {"inpainting": True}
    assert probe(tmp_path / "c").defaults == {"prediction_type": "v_prediction"}
    assert probe(tmp_path / "d").trigger_words == ["ink"]


@pytest.mark.parametrize(("spread", "is_velocity"), [(0.2, True), (0.01, False)])
def test_what_a_model_of_sd_2_was_trained_to_tell(
    spread: float, is_velocity: bool, tmp_path: Path
) -> None:
    norm = f"{UNET}output_blocks.11.1.transformer_blocks.0.norm1.bias"
    header = header_of(unet(1024, block="1.1"))
    at = max(entry["data_offsets"][1] for entry in header.values())
    header[norm] = {"dtype": "F32", "shape": [320], "data_offsets": [at, at + 1280]}
    raw = json.dumps(header).encode()
    values = struct.pack("<320f", *(spread if number % 2 else -spread for number in range(320)))
    content = len(raw).to_bytes(8, "little") + raw + bytes(at) + values
    (tmp_path / "x.safetensors").write_bytes(content)

    found = probe(tmp_path)

    assert found.bases == ("sd-2",)
    assert (found.defaults == {"prediction_type": "v_prediction"}) is is_velocity


def test_notes_of_trainers_are_read_and_kept_short(tmp_path: Path) -> None:
    frequency: dict[str, dict[str, Any]] = {
        "10_ink": {f"tag {number}": number for number in range(1, 40)}
    }
    frequency["20_more"] = {"ink drawing": 500, "x" * 300: 400, "bell\x07": 300, "odd": "many"}
    metadata = {
        "ss_tag_frequency": json.dumps(frequency),
        "ss_clip_skip": "2",
        "modelspec.title": "Ink\u202e " + "x" * 300,
        "modelspec.tags": "style, ink, style",
    }
    write_weights(tmp_path / "x.safetensors", LORA_OF_SD_15, metadata)

    found = probe(tmp_path)

    assert found.trigger_words[:4] == ("ink drawing", "x" * 100, "bell", "tag 39")
    assert len(found.trigger_words) == 10
    assert found.tags == ("style", "ink")
    assert found.defaults == {"clip_skip": 2}
    assert found.title.startswith("Ink x")
    assert len(found.title) <= 100


@pytest.mark.parametrize(
    "note", ["", "{", "[]", '{"a": [1]}', '{"a": {"b": -1}}', "[" * 100_000, '{"a": {"b": 1e999}}']
)
def test_odd_notes_are_left_out(note: str, tmp_path: Path) -> None:
    metadata = {"ss_tag_frequency": note, "ss_clip_skip": "-3"}
    write_weights(tmp_path / "x.safetensors", LORA_OF_SD_15, metadata)

    found = probe(tmp_path)

    assert (found.trigger_words, found.defaults) == ((), {})


@pytest.mark.parametrize(
    ("shapes", "says"),
    [
        ({"a": (1,)}, "of no family of models"),
        ({"lora_unet_strange.lora_down.weight": (4, 999)}, "This LoRA is for a family"),
        ({"emb_params": (2, 999)}, "of no family of models"),
        ({**unet(999)}, "of no family of models"),
    ],
)
def test_what_is_not_known_is_refused_with_a_reason(
    shapes: Shapes, says: str, tmp_path: Path
) -> None:
    write_weights(tmp_path / "x.safetensors", shapes)

    with pytest.raises(ProbeRefused) as refused:
        probe(tmp_path)

    assert says in refused.value.detail


def test_two_files_side_by_side_are_no_model(tmp_path: Path) -> None:
    write_weights(tmp_path / "a.safetensors", LORA_OF_SD_15)
    write_weights(tmp_path / "b.safetensors", FLUX_1_DEV)

    with pytest.raises(ProbeRefused):
        probe(tmp_path)


@pytest.mark.parametrize("name", ["", "UnknownPipeline", 7, None, ["StableDiffusionPipeline"]])
def test_a_pipeline_that_is_not_known_is_refused(name: Any, tmp_path: Path) -> None:
    (tmp_path / "model_index.json").write_text(json.dumps({"_class_name": name}))
    write_weights(tmp_path / "unet" / "x.safetensors", {"a": (1,)})

    with pytest.raises(ProbeRefused):
        probe(tmp_path)
