"""What goes wrong with one request stays with it, and leaves the shared parts as they were."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import save_file

from gpu_tasks.engine import (
    Engine,
    GenerationRequest,
    GenerationResult,
    InvalidRequest,
    ModelSource,
    ModelUnavailable,
    PassMember,
)
from gpu_tasks.engine.guides import AddOn, Control, ControlKind, ImagePrompt
from gpu_tasks.engine.libraries import diffusers, torch
from gpu_tasks.engine.memory import OneRowAtATime, vae_in_its_type
from tests.engine.conftest import MakeRequest
from tests.engine.test_out_of_memory import cuda_runs_out, part_that_fails

# The pipelines of T2I adapters decode in a way that their own library has left behind.
pytestmark = pytest.mark.filterwarnings("ignore:The decode_latents method:FutureWarning")


def test_a_prompt_that_cannot_be_read_is_its_own_requests_fault(
    engine: Engine, tiny_source: ModelSource, make_request: MakeRequest
) -> None:
    wrong = make_request(tiny_source, prompt="a (cat:9)")
    right = make_request(tiny_source, prompt="a dog")
    members = [PassMember(request=one) for one in (wrong, right)]
    bad, good = engine.generate_together(members, source=tiny_source)
    assert isinstance(bad, InvalidRequest)
    assert list(bad.fields) == ["prompt"]
    assert isinstance(good, GenerationResult)


def test_a_row_is_run_with_what_belongs_to_it() -> None:
    torch.manual_seed(0)
    unet = diffusers.UNet2DConditionModel(
        sample_size=8,
        block_out_channels=(16, 32),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=16,
        attention_head_dim=8,
        norm_num_groups=4,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=16 + 6 * 8,
    ).eval()
    sides = ((16, 8), (16, 8), (16, 4), (32, 4))
    given: dict[str, Any] = {
        "encoder_hidden_states": torch.randn(2, 77, 16),
        "added_cond_kwargs": {"text_embeds": torch.randn(2, 16), "time_ids": torch.randn(2, 6)},
        "down_block_additional_residuals": [torch.randn(2, c, side, side) for c, side in sides],
        "mid_block_additional_residual": torch.randn(2, 32, 4, 4),
    }
    sample = torch.randn(2, 4, 8, 8)
    with torch.inference_mode():
        together = unet(sample, 10, **given)[0]
        apart = OneRowAtATime(unet)(sample, 10, **given)[0]
    assert torch.allclose(together, apart, atol=1e-4)


def test_a_vae_is_narrowed_again_when_decoding_failed() -> None:
    vae = diffusers.AutoencoderKL(block_out_channels=(8,), norm_num_groups=4).half()
    with pytest.raises(ZeroDivisionError), vae_in_its_type(vae):
        vae.to(dtype=torch.float32) and 1 / 0
    assert {one.dtype for one in vae.parameters()} == {torch.float16}


def test_an_ip_adapter_with_loras_of_its_own_is_refused(
    engine: Engine, tiny_source: ModelSource, make_request: MakeRequest, tmp_path: Path
) -> None:
    tensors = {"image_proj.norm.bias": torch.zeros(4)}
    tensors["ip_adapter.0.to_k_lora.down.weight"] = torch.zeros(2, 4)
    save_file(tensors, tmp_path / "ip_adapter.safetensors")
    prompt = ImagePrompt(
        source=AddOn(key="faces", path=tmp_path), images=(Image.new("RGB", (32, 32)),)
    )
    with pytest.raises(ModelUnavailable, match="IP-Adapter"):
        engine.generate(make_request(tiny_source, image_prompt=prompt), source=tiny_source)


@pytest.fixture(scope="module")
def adapted_source(tiny_source: ModelSource, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Build a model whose first level is of the kind that T2I adapters are made for."""
    path = tmp_path_factory.mktemp("adapted") / "model"
    shutil.copytree(tiny_source.path, path)
    torch.manual_seed(0)
    diffusers.UNet2DConditionModel(
        sample_size=16,
        block_out_channels=(16, 32),
        layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=16,
        attention_head_dim=8,
        norm_num_groups=4,
    ).save_pretrained(path / "unet")
    return ModelSource(key="adapted", path=path)


@pytest.fixture(scope="module")
def t2i_control(tmp_path_factory: pytest.TempPathFactory) -> Control:
    path = tmp_path_factory.mktemp("t2i")
    torch.manual_seed(0)
    diffusers.T2IAdapter(
        in_channels=3, channels=[16, 32], num_res_blocks=1, downscale_factor=8
    ).save_pretrained(path)
    picture = Image.new("RGB", (128, 128), "white")
    return Control(source=AddOn(key="t2i", path=path), image=picture, kind=ControlKind.T2I_ADAPTER)


@pytest.mark.parametrize("count", [1, 2])
def test_t2i_adapters_steer_every_picture_and_count_steps(
    engine: Engine,
    adapted_source: ModelSource,
    make_request: MakeRequest,
    t2i_control: Control,
    count: int,
) -> None:
    request: GenerationRequest = make_request(
        adapted_source,
        controls=[t2i_control] * count,
        num_images=2,
        scheduler="heun",
        steps=3,
    )
    steps: list[int] = []
    result = engine.generate(
        request, source=adapted_source, on_step=lambda progress: steps.append(progress.step)
    )
    assert len(result.images) == 2
    assert steps == [1, 2, 3]


def test_a_second_try_steers_as_the_first_would_have(
    engine: Engine, adapted_source: ModelSource, make_request: MakeRequest, t2i_control: Control
) -> None:
    request = make_request(adapted_source, controls=[t2i_control])
    plenty = engine.generate(request, source=adapted_source)
    with part_that_fails(engine, adapted_source, "unet", calls=1, fail=cuda_runs_out):
        spared = engine.generate(request, source=adapted_source)
    assert spared.memory_saved
    both = [np.asarray(one.images[0], dtype=np.int16) for one in (plenty, spared)]
    assert np.abs(both[0] - both[1]).max() <= 2
