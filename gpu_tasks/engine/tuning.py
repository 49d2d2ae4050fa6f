"""How models are laid out and run for speed; what pays was measured (docs/decisions/0020 to 0022).

`manage.py bench engine` measures each switch alone, on the machine at hand.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from gpu_tasks.engine.families import LoadedModel
from gpu_tasks.engine.libraries import torch


class Attention(StrEnum):
    """Which kernel computes attention."""

    # Torch picks the fastest that takes the sizes and types at hand.
    CHOSEN = "chosen"
    FLASH = "flash"
    EFFICIENT = "efficient"
    CUDNN = "cudnn"
    MATH = "math"


_KERNELS: Final = {
    Attention.FLASH: torch.nn.attention.SDPBackend.FLASH_ATTENTION,
    Attention.EFFICIENT: torch.nn.attention.SDPBackend.EFFICIENT_ATTENTION,
    Attention.CUDNN: torch.nn.attention.SDPBackend.CUDNN_ATTENTION,
    Attention.MATH: torch.nn.attention.SDPBackend.MATH,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineTuning:
    """Say what is done for speed.

    `channels_last` lays convolutions' weights out with the channels together. `compile_blocks`
    compiles the blocks that a denoiser repeats, on their first use and again for each new size;
    it needs a C++ compiler on a processor.
    """

    channels_last: bool = False
    attention: Attention = Attention.CHOSEN
    compile_blocks: bool = False

    @classmethod
    def for_device(cls, device: torch.device) -> EngineTuning:
        """Return what was decided for a kind of device."""
        return _BY_DEVICE.get(device.type, cls())

    def lay_out(self, model: LoadedModel) -> None:
        """Change a model that was just loaded; its numbers stay what they are."""
        denoiser = model.components[model.family.denoiser]
        if self.channels_last:
            for part in (denoiser, model.components["vae"]):
                _put_channels_last(part)
        if self.compile_blocks:
            denoiser.compile_repeated_blocks()

    @contextmanager
    def attending(self) -> Iterator[None]:
        """Have attention computed as is said for the time of the block."""
        if self.attention is Attention.CHOSEN:
            yield
            return
        with torch.nn.attention.sdpa_kernel(_KERNELS[self.attention]):
            yield


def _put_channels_last(part: torch.nn.Module) -> None:
    # Not the part as a whole: it would refuse what a video VAE has in five dimensions.
    for module in part.modules():
        if isinstance(module, torch.nn.Conv2d):
            weight = module.weight
            weight.data = weight.data.contiguous(memory_format=torch.channels_last)


_BY_DEVICE: Final[Mapping[str, EngineTuning]] = {"cpu": EngineTuning(channels_last=True)}
