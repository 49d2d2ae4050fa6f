from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gpu_tasks.engine import Engine, ModelSource, ModelUnavailable
from gpu_tasks.engine.libraries import diffusers, torch
from gpu_tasks.engine.model_files import find_weights
from tests.engine.conftest import MakeRequest

DAMAGED = "The model's files are incomplete or damaged."
UNSUPPORTED = "This kind of model is not supported."
MISSING = "The model's weights are missing."
PICKLED = (
    "The model's weights are in a pickle format, which is never read. Convert them to safetensors."
)
UNET = "unet/diffusion_pytorch_model"


class Bomb:
    """Leave a mark when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self.mark),)


@pytest.fixture
def copied(tiny_source: ModelSource, tmp_path: Path) -> ModelSource:
    shutil.copytree(tiny_source.path, tmp_path / "model")
    return ModelSource(key="copied", path=tmp_path / "model")


def change_json(file: Path, **changes: object) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


@pytest.mark.parametrize("suffix", ["bin", "ckpt", "pt", "pth", "pkl"])
@pytest.mark.parametrize("part", ["unet", "vae", "text_encoder"])
def test_pickled_weights_are_never_read(
    engine: Engine, copied: ModelSource, tmp_path: Path, part: str, suffix: str
) -> None:
    stem = "model" if part == "text_encoder" else "diffusion_pytorch_model"
    (copied.path / part / f"{stem}.safetensors").unlink()
    name = "pytorch_model" if part == "text_encoder" else stem
    mark = tmp_path / "unpickled"
    torch.save(Bomb(mark), copied.path / part / f"{name}.{suffix}")

    with pytest.raises(ModelUnavailable) as caught:
        engine.preload(copied)

    assert str(caught.value) == PICKLED
    assert not mark.exists()
    assert "copied" not in engine.loaded_models


def test_pickled_weights_beside_safetensors_are_left_alone(
    copied: ModelSource, tmp_path: Path, make_request: MakeRequest
) -> None:
    mark = tmp_path / "unpickled"
    torch.save(Bomb(mark), copied.path / f"{UNET}.bin")
    torch.save(Bomb(mark), copied.path / "text_encoder" / "pytorch_model.bin")

    result = Engine(device="cpu").generate(make_request(copied), source=copied)

    assert len(result.images) == 1
    assert not mark.exists()


def remove_weights(path: Path) -> None:
    (path / f"{UNET}.safetensors").unlink()


def remove_part(path: Path) -> None:
    shutil.rmtree(path / "vae")


def tear_weights(path: Path) -> None:
    file = path / f"{UNET}.safetensors"
    file.write_bytes(file.read_bytes()[:5000])


def cut_weights_short(path: Path) -> None:
    file = path / f"{UNET}.safetensors"
    file.write_bytes(file.read_bytes()[:-1000])


def claim_a_huge_header(path: Path) -> None:
    (path / f"{UNET}.safetensors").write_bytes(struct.pack("<Q", 2**40) + b"{}")


def write_a_list_as_header(path: Path) -> None:
    (path / f"{UNET}.safetensors").write_bytes(struct.pack("<Q", 2) + b"[]")


def remove_index(path: Path) -> None:
    (path / "model_index.json").unlink()


def break_index(path: Path) -> None:
    (path / "model_index.json").write_text("{")


def remove_tokenizer(path: Path) -> None:
    shutil.rmtree(path / "tokenizer")


def remove_scheduler(path: Path) -> None:
    shutil.rmtree(path / "scheduler")


def break_config(path: Path) -> None:
    (path / "unet" / "config.json").write_text("[1, 2]")


def change_shapes(path: Path) -> None:
    change_json(path / "unet" / "config.json", block_out_channels=[24, 48])


def name_another_pipeline(path: Path) -> None:
    change_json(path / "model_index.json", _class_name="StableDiffusionXLPipeline")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (remove_weights, MISSING),
        (remove_part, MISSING),
        (tear_weights, DAMAGED),
        (cut_weights_short, DAMAGED),
        (claim_a_huge_header, DAMAGED),
        (write_a_list_as_header, DAMAGED),
        (remove_index, DAMAGED),
        (break_index, DAMAGED),
        (remove_tokenizer, DAMAGED),
        (remove_scheduler, DAMAGED),
        (break_config, DAMAGED),
        (change_shapes, DAMAGED),
        (name_another_pipeline, UNSUPPORTED),
    ],
)
def test_a_damaged_directory_is_unavailable(
    engine: Engine, copied: ModelSource, damage: Callable[[Path], None], message: str
) -> None:
    damage(copied.path)

    with pytest.raises(ModelUnavailable) as caught:
        engine.preload(copied)

    assert str(caught.value) == message
    assert str(copied.path) in caught.value.reason
    assert "copied" not in engine.loaded_models


def test_a_directory_that_is_not_there_is_unavailable(engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable):
        engine.preload(ModelSource(key="gone", path=tmp_path / "gone"))


def test_a_model_for_inpainting_is_refused(engine: Engine, copied: ModelSource) -> None:
    config = diffusers.UNet2DConditionModel.load_config(copied.path / "unet")
    unet = diffusers.UNet2DConditionModel.from_config(config, in_channels=9)
    unet.save_pretrained(copied.path / "unet")

    with pytest.raises(ModelUnavailable, match="not supported") as caught:
        engine.preload(copied)

    assert "inpainting" in caught.value.reason


def test_a_model_cannot_name_code_to_run(
    engine: Engine, copied: ModelSource, tmp_path: Path
) -> None:
    mark = tmp_path / "ran"
    for folder in ("unet", "tokenizer", "scheduler", "."):
        (copied.path / folder / "evil.py").write_text(f"import os; os.mkdir({str(mark)!r})")
    change_json(copied.path / "model_index.json", unet=["evil", "Evil"])
    change_json(copied.path / "unet" / "config.json", auto_map={"AutoModel": "evil.Evil"})
    change_json(
        copied.path / "tokenizer" / "tokenizer_config.json",
        auto_map={"AutoTokenizer": ["evil.Evil", None]},
    )
    change_json(copied.path / "scheduler" / "scheduler_config.json", _class_name="evil.Evil")

    engine.preload(copied)

    assert not mark.exists()
    assert "evil" not in sys.modules
    engine.unload(copied)


def test_half_precision_files_are_found_by_their_variant(
    copied: ModelSource, make_request: MakeRequest
) -> None:
    engine = Engine(device="cpu")
    for part, stem in (("unet", "diffusion_pytorch_model"), ("text_encoder", "model")):
        file = copied.path / part / f"{stem}.safetensors"
        file.rename(file.with_name(f"{stem}.fp16.safetensors"))

    assert find_weights(copied.path / "unet", "diffusion_pytorch_model").variant == "fp16"
    assert len(engine.generate(make_request(copied), source=copied).images) == 1


def test_weights_in_shards_are_found_by_their_index(
    copied: ModelSource, tiny_source: ModelSource, make_request: MakeRequest
) -> None:
    engine = Engine(device="cpu")
    unet = diffusers.UNet2DConditionModel.from_pretrained(copied.path / "unet")
    shutil.rmtree(copied.path / "unet")
    unet.save_pretrained(copied.path / "unet", max_shard_size="200KB")
    engine.preload(tiny_source)
    whole = engine.loaded_bytes

    assert len(find_weights(copied.path / "unet", "diffusion_pytorch_model").files) > 1
    engine.preload(copied)
    assert engine.loaded_bytes == 2 * whole
    assert (
        engine.generate(make_request(copied), source=copied).images[0].tobytes()
        == engine.generate(make_request(tiny_source), source=tiny_source).images[0].tobytes()
    )


OFFLINE = """
import socket, sys
from pathlib import Path

def refuse(*arguments, **keywords):
    raise AssertionError(f"network: {arguments}")

socket.socket.connect = refuse
socket.getaddrinfo = refuse
from gpu_tasks.engine import Engine, GenerationRequest, ModelSource

source = ModelSource(key="tiny", path=Path(sys.argv[1]))
request = GenerationRequest(
    prompt="a fox " * 100, width=64, height=64, steps=1, guidance_scale=3, scheduler="ddim",
    seed=1, model_key="tiny",
)
print(len(Engine(device="cpu").generate(request, source=source).images))
import huggingface_hub.constants
print(huggingface_hub.constants.HF_HUB_OFFLINE)
print(sorted(name for name in sys.modules if name.split(".")[0] in {"django", "celery"}))
"""


@pytest.mark.slow
def test_a_fresh_process_asks_no_network_and_says_nothing(tiny_source: ModelSource) -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "EASEL_"))}

    done = subprocess.run(
        [sys.executable, "-c", OFFLINE, str(tiny_source.path)],
        capture_output=True,
        text=True,
        check=False,
        env=environment | {"OMP_NUM_THREADS": "1"},
        timeout=240,
    )

    assert done.stdout.splitlines() == ["1", "True", "[]"]
    # No progress bar, and no warning that quotes the prompt.
    assert done.stderr == ""
    assert done.returncode == 0
