"""Read what a model directory holds before any library opens it: safetensors only, ever."""

from __future__ import annotations

import json
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, Final

from gpu_tasks.engine.errors import ModelUnavailable

# A pickle runs code when it is read.
PICKLE_SUFFIXES: Final = frozenset({".bin", ".ckpt", ".pt", ".pth", ".pkl", ".pickle"})
# A quarter of what the safetensors library reads: parsed, it takes twenty times as much memory.
_MAX_HEADER_BYTES: Final = 25_000_000
_SUFFIX: Final = ".safetensors"
_METADATA: Final = "__metadata__"
# A library that finds it in a folder loads what it names instead, from anywhere on this disk.
_DETOUR: Final = "adapter_config.json"


@dataclass(frozen=True, slots=True)
class ComponentWeights:
    """Name the weights of one component: its files, and the variant in their names if any."""

    files: tuple[Path, ...]
    variant: str | None


def read_json(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file of a model; raise ModelUnavailable when there is none."""
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise _damaged(f"cannot read {path}: {error}") from error
    if not isinstance(content, dict):
        raise _damaged(f"{path} is no JSON object")
    return content


def find_weights(directory: Path, stem: str) -> ComponentWeights:
    """Find the safetensors of one component, such as unet/diffusion_pytorch_model.safetensors.

    Full precision is preferred to the "fp16" variant. Shards are found by their index.
    """
    if (directory / _DETOUR).exists():
        raise _damaged(f"{directory} has {_DETOUR}")
    for variant in (None, "fp16"):
        name = stem if variant is None else f"{stem}.{variant}"
        single = directory / f"{name}.safetensors"
        if single.is_file():
            return ComponentWeights((single,), variant)
        index = directory / f"{stem}.safetensors.index{'' if variant is None else '.fp16'}.json"
        if index.is_file():
            return ComponentWeights(_find_shards(directory, index), variant)
    if directory.is_dir() and any(f.suffix in PICKLE_SUFFIXES for f in directory.iterdir()):
        raise ModelUnavailable(
            "The model's weights are in a pickle format, which is never read. "
            "Convert them to safetensors.",
            reason=f"only pickles in {directory}",
        )
    raise ModelUnavailable(
        "The model's weights are missing.", reason=f"no {stem}.safetensors in {directory}"
    )


def _find_shards(directory: Path, index: Path) -> tuple[Path, ...]:
    places = read_json(index).get("weight_map")
    names = set(places.values()) if isinstance(places, dict) else set()
    for name in names:
        if not isinstance(name, str) or Path(name).name != name or not name.endswith(_SUFFIX):
            raise _damaged(f"{index} names {name!r}")
    if not names:
        raise _damaged(f"{index} names no files")
    return tuple(directory / name for name in sorted(names))


def count_weights(weights: ComponentWeights) -> int:
    """Count the numbers in the weights of a component, from the headers of its files."""
    return sum(count_weights_of_file(file) for file in weights.files)


def count_weights_of_file(file: Path) -> int:
    """Count the numbers in one file from its header."""
    header = _read_header(file)
    try:
        count = sum(
            prod(map(int, entry["shape"])) for name, entry in header.items() if name != _METADATA
        )
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(f"a header without shapes in {file}") from error
    # Room is made for what a file says that it holds; no number takes less than half a byte.
    if not 0 <= count <= 2 * file.stat().st_size:
        raise _damaged(f"{file} names {count} numbers, and is shorter")
    return count


def _read_header(file: Path) -> dict[str, Any]:
    # https://huggingface.co/docs/safetensors: 8 bytes of length (little endian), then JSON.
    try:
        with file.open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            header = json.loads(stream.read(length)) if length <= _MAX_HEADER_BYTES else None
    except (OSError, ValueError, RecursionError) as error:
        raise _damaged(f"cannot read {file}: {error}") from error
    if not isinstance(header, dict):
        raise _damaged(f"no header in {file}")
    return header


def _damaged(reason: str) -> ModelUnavailable:
    return ModelUnavailable("The model's files are incomplete or damaged.", reason=reason)
