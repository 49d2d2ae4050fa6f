from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from safetensors.torch import save_file

from gpu_tasks.engine.errors import EngineError, InvalidRequest, ModelUnavailable
from gpu_tasks.engine.libraries import torch
from gpu_tasks.engine.prompts.embedding_files import MAX_FILE_BYTES, load_embedding

SD = {"clip_l": 16}
SDXL = {"clip_l": 16, "clip_g": 24}
REFINER = {"clip_g": 24}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "style.safetensors"


def test_the_form_of_a1111(path: Path) -> None:
    vectors = torch.randn(3, 16)
    save_file({"emb_params": vectors.to(torch.float16)}, path)

    found = load_embedding(path, token="style", encoder_widths=SD)

    assert found.token == "style"
    assert list(found.vectors) == ["clip_l"]
    assert torch.equal(found.vectors["clip_l"], vectors.to(torch.float16).to(torch.float32))
    assert found.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("shape", [(16,), (1, 16), (5, 16)])
def test_the_form_of_diffusers(path: Path, shape: tuple[int, ...]) -> None:
    vectors = torch.randn(shape)
    save_file({"<cat-toy>": vectors}, path)

    assert load_embedding(path, encoder_widths=SD).token == "<cat-toy>"
    found = load_embedding(path, token="toy", encoder_widths=SD)
    assert found.token == "toy"
    assert torch.equal(found.vectors["clip_l"], vectors.reshape(-1, 16))


def test_the_form_of_sdxl(path: Path) -> None:
    tensors = {"clip_l": torch.randn(2, 16), "clip_g": torch.randn(2, 24)}
    save_file(tensors, path)

    found = load_embedding(path, token="style", encoder_widths=SDXL)

    assert all(torch.equal(found.vectors[name], tensors[name]) for name in SDXL)
    refiner = load_embedding(path, token="style", encoder_widths=REFINER)
    assert list(refiner.vectors) == ["clip_g"]


@pytest.mark.parametrize(
    ("tensors", "widths"),
    [
        ({"emb_params": torch.ones(1, 17)}, SD),
        ({"emb_params": torch.ones(1, 16)}, SDXL),
        ({"style": torch.ones(1, 24)}, SD),
        ({"clip_l": torch.ones(1, 16), "clip_g": torch.ones(1, 24)}, SD),
        ({"clip_l": torch.ones(1, 16)}, SDXL),
        ({"clip_l": torch.ones(1, 24), "clip_g": torch.ones(1, 16)}, SDXL),
    ],
)
def test_one_for_another_model_is_the_users_to_change(
    path: Path, tensors: dict[str, torch.Tensor], widths: dict[str, int]
) -> None:
    save_file(tensors, path)

    with pytest.raises(InvalidRequest) as caught:
        load_embedding(path, token="style", encoder_widths=widths)

    assert "another kind of model" in caught.value.fields["embeddings"]


@pytest.mark.parametrize(
    "tensors",
    [
        {},
        {"a": torch.ones(1, 16), "b": torch.ones(1, 16)},
        {"emb_params": torch.ones(1, 1, 16)},
        {"emb_params": torch.ones(1, 16, dtype=torch.int32)},
        {"emb_params": torch.ones(76, 16)},
        {"emb_params": torch.ones(0, 16)},
        {"emb_params": torch.full((1, 16), torch.nan)},
        {"emb_params": torch.full((1, 16), torch.inf)},
        {"emb_params": torch.ones(MAX_FILE_BYTES // 64, 16)},
    ],
    ids=range(9),
)
def test_what_is_no_embedding_is_refused(path: Path, tensors: dict[str, torch.Tensor]) -> None:
    save_file(tensors, path)

    with pytest.raises(ModelUnavailable):
        load_embedding(path, token="style", encoder_widths=SD)


@pytest.mark.parametrize(
    "content",
    [b"", b"PK\x03\x04", b"\x80\x04pickle", b"\xff" * 64, b"\x10" + b"\0" * 7 + b"{" * 16],
)
def test_what_is_no_safetensors_file_is_refused(path: Path, content: bytes) -> None:
    path.write_bytes(content)

    with pytest.raises(ModelUnavailable):
        load_embedding(path, token="style", encoder_widths=SD)


@pytest.mark.parametrize("name", ["style.pt", "style.bin", "missing.safetensors"])
def test_pickles_and_missing_files_are_refused(tmp_path: Path, name: str) -> None:
    if "missing" not in name:
        save_file({"emb_params": torch.ones(1, 16)}, tmp_path / name)

    with pytest.raises(ModelUnavailable) as caught:
        load_embedding(tmp_path / name, token="style", encoder_widths=SD)

    assert str(tmp_path) not in str(caught.value)


@pytest.mark.parametrize("token", [None, "a", "two words", "a(b", "a:b", "a,b", "x" * 65, "a\\b"])
def test_a_word_that_no_prompt_can_name_is_refused(path: Path, token: str | None) -> None:
    save_file({"emb_params": torch.ones(1, 16)}, path)

    with pytest.raises(EngineError) as caught:
        load_embedding(path, token=token, encoder_widths=SD)

    assert caught.value.code == "invalid_request"
