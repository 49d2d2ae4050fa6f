"""Read textual inversions: vectors that a word of a prompt stands for. Safetensors only."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors

from gpu_tasks.engine.errors import InvalidRequest, ModelUnavailable
from gpu_tasks.engine.libraries import torch
from gpu_tasks.engine.model_files import PICKLE_SUFFIXES

# 75 vectors, which is all that a chunk holds, of two encoders in float32 are below 1 MiB.
MAX_FILE_BYTES: Final = 8 * 1024**2
MAX_VECTORS: Final = 75
_TOKEN: Final = re.compile(r"[^\s()\[\]{}\\|:,]{2,64}")
_NAMED_ENCODERS: Final = frozenset({"clip_l", "clip_g", "clip_h"})
_A1111_KEY: Final = "emb_params"


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Embedding:
    """Say which vectors stand for `token` in a prompt.

    `vectors` maps the name of a text encoder ("clip_l", "clip_g", …) to a tensor of
    [vectors, width of the encoder]. `sha256` is that of the file.
    """

    token: str
    vectors: Mapping[str, torch.Tensor]
    sha256: str


def load_embedding(
    path: Path, *, token: str | None = None, encoder_widths: Mapping[str, int]
) -> Embedding:
    """Read a file for a model whose text encoders have these widths, by name.

    Three forms are known: `emb_params` (A1111), token → tensor (diffusers), and one tensor for
    each of `clip_l` and `clip_g` (SDXL). `token` is the word in prompts, by default the one that a
    file of the second form names.

    Raises ModelUnavailable for what is no such file, and InvalidRequest for `embeddings` when it
    was made for another kind of model.
    """
    content = _read(path)
    tensors = _open(content, path)
    named, own_token = _sort(tensors, encoder_widths)
    token = token or own_token
    if token is None or not _TOKEN.fullmatch(token):
        raise InvalidRequest(
            {
                "embeddings": "needs a word to be called by: 2 to 64 characters without spaces, "
                "brackets, commas and colons"
            }
        )
    vectors = {
        name: _check_vectors(named.get(name), width=width, path=path)
        for name, width in encoder_widths.items()
    }
    return Embedding(
        token=token,
        vectors=MappingProxyType(vectors),
        sha256=hashlib.sha256(content).hexdigest(),
    )


def _read(path: Path) -> bytes:
    if path.suffix in PICKLE_SUFFIXES:
        raise ModelUnavailable(
            "The embedding is in a pickle format, which is never read. Convert it to safetensors.",
            reason=f"{path} is a pickle",
        )
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise _unusable(f"cannot read {path}: {error}") from error
    if len(content) > MAX_FILE_BYTES:
        raise _unusable(f"{path} is larger than {MAX_FILE_BYTES} bytes")
    return content


def _open(content: bytes, path: Path) -> dict[str, torch.Tensor]:
    try:
        tensors = load_safetensors(content)
    except (SafetensorError, ValueError, KeyError) as error:
        raise _unusable(f"{path} is no safetensors file: {error}") from error
    if not tensors:
        raise _unusable(f"{path} holds no tensors")
    return dict(tensors)


def _sort(
    tensors: Mapping[str, torch.Tensor], encoder_widths: Mapping[str, int]
) -> tuple[Mapping[str, torch.Tensor], str | None]:
    """Return the tensors by name of their encoder, and the token if the file names one."""
    if set(tensors) <= _NAMED_ENCODERS:
        # The refiner of SDXL has the second encoder only; a model with the first alone is no SDXL.
        if not set(encoder_widths) <= set(tensors) or set(tensors) - set(encoder_widths) - {
            "clip_l"
        }:
            raise _made_for_another_model()
        return tensors, None
    key = _A1111_KEY if _A1111_KEY in tensors else next(iter(tensors))
    if key != _A1111_KEY and len(tensors) > 1:
        raise _unusable(f"the tensors {sorted(tensors)[:5]} are no embedding")
    if len(encoder_widths) != 1:
        raise _made_for_another_model()
    (name,) = encoder_widths
    return {name: tensors[key]}, None if key == _A1111_KEY else key


def _check_vectors(tensor: torch.Tensor | None, *, width: int, path: Path) -> torch.Tensor:
    if tensor is None or tensor.ndim not in {1, 2} or not tensor.is_floating_point():
        raise _unusable(f"{path} holds no vectors")
    vectors = tensor.reshape(1, -1) if tensor.ndim == 1 else tensor
    if vectors.shape[1] != width:
        raise _made_for_another_model()
    if not 1 <= len(vectors) <= MAX_VECTORS:
        raise _unusable(f"{path} holds {len(vectors)} vectors")
    if not bool(torch.isfinite(vectors).all()):
        raise _unusable(f"{path} holds numbers that are not finite")
    return vectors.to(torch.float32)


def _made_for_another_model() -> InvalidRequest:
    return InvalidRequest(
        {"embeddings": "was made for another kind of model; choose one for this model"}
    )


def _unusable(reason: str) -> ModelUnavailable:
    return ModelUnavailable(
        "The embedding's file is damaged or of a form that is not known.", reason=reason
    )
