"""Upscalers: small networks that enlarge a picture and make its detail sharper."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any, Final

import numpy as np
import safetensors.torch
from PIL import Image

from gpu_tasks.engine.errors import GenerationCancelled, ModelUnavailable, OutOfMemory
from gpu_tasks.engine.libraries import torch
from gpu_tasks.engine.memory import is_out_of_memory
from gpu_tasks.engine.pictures.architectures import build_descriptor
from gpu_tasks.engine.pictures.canvas import (
    Box,
    check_number,
    check_picture,
    check_size,
    flatten,
    largest_to_enlarge,
)
from gpu_tasks.engine.pictures.tiles import blend_tiles, plan_tiles

MAX_FACTOR: Final = 8
MIN_TILE: Final = 32
MAX_TILE: Final = 2048
# Pixels at a tile's edge lack their surroundings; so many are blended with the neighbour's.
_OVERLAP: Final = 32
# Most have less than 200 MB; the largest that spandrel knows, AuraSR, has 2.5 GB.
_MAX_FILE_BYTES: Final = 4 * 1024**3
# Networks are as deep as the numbers in the names of their tensors say.
_MAX_INDEX: Final = 1000
# Beside its weights a network makes tables of positions and masks when it is built.
_SPARE_NUMBERS: Final = 64 * 1024**2
# What layers make their weights with, given a shape first.
_MAKERS: Final = frozenset(
    {torch.empty, torch.zeros, torch.ones, torch.full, torch.rand, torch.randn}
)

OnTile = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class LoadedUpscaler:
    """A network that makes pictures `scale` times as large (1: it only cleans them up).

    `architecture` is its name ("ESRGAN"), `channels` 1 or 3. `in_tiles` is False of one that must
    see the whole picture, because it cuts it up itself.
    """

    descriptor: Any
    scale: int
    channels: int
    architecture: str
    in_tiles: bool

    @property
    def device(self) -> torch.device:
        device: torch.device = self.descriptor.device
        return device


def load_upscaler(path: Path, *, device: str | torch.device = "cpu") -> LoadedUpscaler:
    """Load an upscaler from a safetensors file; what kind it is follows from its tensors.

    On a GPU it runs in half precision if its architecture bears that. The file is read whole and
    not mapped, since it may lie on a network file system.

    Raises:
        ModelUnavailable: the file is missing, damaged, no safetensors, or no upscaler that we know.
        OutOfMemory: the device has no room for it.
    """
    state = _read_tensors(path)
    try:
        with _bounded_by(state):
            descriptor = build_descriptor(state)
        descriptor.model.eval().requires_grad_(requires_grad=False)
        return _place(descriptor, torch.device(device), path)
    except ModelUnavailable:
        raise
    except Exception as error:
        # An architecture raises anything on tensors that do not fit it.
        if is_out_of_memory(error):
            raise OutOfMemory("There is not enough memory for this upscaler.") from error
        raise ModelUnavailable(
            "This file is no upscaler of a known kind.", reason=f"{path}: {error!r}"
        ) from error


def upscale(
    upscaler: LoadedUpscaler,
    picture: Image.Image,
    *,
    factor: float,
    tile: int = 512,
    is_cancelled: Callable[[], bool] | None = None,
    on_tile: OnTile | None = None,
) -> Image.Image:
    """Return a picture `factor` times as large (RGB, sides rounded), and with the same content.

    The network runs as often as it takes to reach the factor, on tiles of `tile` × `tile` pixels
    that overlap; what is larger than asked is scaled down, and a picture of which it would make
    more than can be worked on is scaled down before. `on_tile` is told how many tiles are done and
    how many there are; `is_cancelled` is asked before each.

    Raises:
        InvalidRequest: naming factor, tile, picture, or width and height if the result is too
            large.
        GenerationCancelled: it was cancelled; nothing is kept.
        OutOfMemory: a tile does not fit into memory.
    """
    check_number("factor", factor, least=1, most=MAX_FACTOR, whole=False)
    check_number("tile", tile, least=MIN_TILE, most=MAX_TILE, whole=True)
    check_picture("picture", picture)
    target = (round(picture.width * factor), round(picture.height * factor))
    check_size(target)
    passes = _passes(upscaler, factor)
    start = largest_to_enlarge(picture.size, scale=upscaler.scale**passes)
    plans = _plan_passes(upscaler, start, passes, tile)
    total = sum(len(plan) for plan in plans)
    started = perf_counter()
    done = 0

    def note_tile() -> None:
        nonlocal done
        done += 1
        if on_tile:
            on_tile(done, total)

    def check_cancelled() -> None:
        if is_cancelled and is_cancelled():
            raise GenerationCancelled(images=(), seeds=(), compute_seconds=perf_counter() - started)

    result = flatten(picture)
    if result.size != start:
        result = result.resize(start, Image.Resampling.LANCZOS)
    for plan in plans:
        larger = [box.scaled(upscaler.scale) for box in plan]
        size = (result.width * upscaler.scale, result.height * upscaler.scale)
        tiles = _enlarge_tiles(upscaler, result, plan, check_cancelled, note_tile)
        result = blend_tiles(tiles, larger, size)
    if result.size == target:
        return result
    return result.resize(target, Image.Resampling.LANCZOS)


def _passes(upscaler: LoadedUpscaler, factor: float) -> int:
    passes = 1
    while upscaler.scale > 1 and upscaler.scale**passes < factor:
        passes += 1
    return passes


def _plan_passes(
    upscaler: LoadedUpscaler, size: tuple[int, int], passes: int, tile: int
) -> list[list[Box]]:
    plans = []
    for _ in range(passes):
        side = tile if upscaler.in_tiles else max(size)
        overlap = min(_OVERLAP, side // 4)
        plans.append(plan_tiles(*size, tile=side, overlap=overlap))
        size = (size[0] * upscaler.scale, size[1] * upscaler.scale)
        check_size(size)
    return plans


def _enlarge_tiles(
    upscaler: LoadedUpscaler,
    picture: Image.Image,
    boxes: Sequence[Box],
    check_cancelled: Callable[[], None],
    note_tile: Callable[[], None],
) -> Iterator[Image.Image]:
    for box in boxes:
        check_cancelled()
        try:
            larger = _enlarge(upscaler, picture.crop(box.corners))
        except Exception as error:
            if is_out_of_memory(error):
                raise OutOfMemory(
                    "There is not enough memory to enlarge the picture; smaller tiles may fit."
                ) from error
            raise
        note_tile()
        yield larger


def _enlarge(upscaler: LoadedUpscaler, tile: Image.Image) -> Image.Image:
    descriptor = upscaler.descriptor
    pixels = torch.from_numpy(np.array(tile)).permute(2, 0, 1)
    # A network for grey pictures takes red, green and blue as three of them.
    rows = pixels.reshape(-1, upscaler.channels, tile.height, tile.width)
    rows = rows.to(descriptor.device, descriptor.dtype) / 255
    # Some networks draw noise: the same for each tile and each time.
    devices = [descriptor.device] if descriptor.device.type == "cuda" else []
    with torch.inference_mode(), torch.random.fork_rng(devices):
        torch.manual_seed(0)
        larger = torch.cat([descriptor(row[None]) for row in rows])
    # In half precision a network may overflow; black is what is left of that.
    whole = larger.float().nan_to_num(0).reshape(3, *larger.shape[-2:])
    levels = (whole * 255).round().to(torch.uint8)
    return Image.fromarray(levels.permute(1, 2, 0).cpu().numpy())


def _read_tensors(path: Path) -> Mapping[str, torch.Tensor]:
    if path.suffix.lower() != ".safetensors":
        raise ModelUnavailable(
            "The upscaler is not in the safetensors format, and no other is read. "
            "Convert it to safetensors.",
            reason=f"{path} is no .safetensors file",
        )
    try:
        if path.stat().st_size > _MAX_FILE_BYTES:
            raise ModelUnavailable("This file is too large for an upscaler.", reason=str(path))
        state = safetensors.torch.load(path.read_bytes())
    except (OSError, ValueError, safetensors.SafetensorError) as error:
        raise ModelUnavailable(
            "The upscaler's file is missing, incomplete or damaged.", reason=f"{path}: {error}"
        ) from error
    for name in state:
        if any(int(n[:9]) > _MAX_INDEX for n in re.findall(r"\d+", name)):
            raise ModelUnavailable(
                "This file is no upscaler of a known kind.", reason=f"{path}: tensor {name[:200]!r}"
            )
    return state


def _place(descriptor: Any, device: torch.device, path: Path) -> LoadedUpscaler:
    channels = (descriptor.input_channels, descriptor.output_channels)
    purposes = ("SR", "FaceSR", "Restoration")
    if descriptor.purpose not in purposes or channels not in ((1, 1), (3, 3)):
        raise ModelUnavailable(
            "This file is a model, but no upscaler for pictures in colour or grey.",
            reason=f"{path}: {descriptor.purpose}, channels {channels}",
        )
    half = device.type == "cuda" and descriptor.supports_half
    descriptor.to(device=device, dtype=torch.float16 if half else torch.float32)
    return LoadedUpscaler(
        descriptor=descriptor,
        scale=descriptor.scale,
        channels=channels[0],
        architecture=str(descriptor.architecture.name),
        in_tiles=descriptor.tiling.name != "INTERNAL",
    )


class _Bound(torch.overrides.TorchFunctionMode):
    """Refuse to make tensors once those made have more numbers than allowed."""

    def __init__(self, numbers: int) -> None:
        super().__init__()
        self._left = numbers

    def __torch_function__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        if func in _MAKERS and args:
            shape = args[0] if isinstance(args[0], list | tuple) else args
            self._left -= math.prod(side for side in shape if isinstance(side, int))
            if self._left < 0:
                raise ValueError("the network would be far larger than its file")
        return func(*args, **(kwargs or {}))


@contextmanager
def _bounded_by(state: Mapping[str, torch.Tensor]) -> Iterator[None]:
    # The sizes of a network follow from a few of the file's tensors, and a hostile file names large
    # ones there without having the rest; whether that is there is seen only after all are made.
    numbers = sum(tensor.numel() for tensor in state.values())
    with _Bound(2 * numbers + _SPARE_NUMBERS):
        yield
