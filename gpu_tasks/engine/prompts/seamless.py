"""Make pictures that can be laid beside themselves without a seam."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, Final

from gpu_tasks.engine.libraries import torch

_MISSING: Final = object()


@contextmanager
def seamless(networks: Sequence[Any], *, horizontally: bool, vertically: bool) -> Iterator[None]:
    """Have the convolutions of a U-Net and a VAE wrap around, for the time of the block.

    `horizontally` ties the left edge to the right one, `vertically` the upper to the lower.
    Afterwards every convolution is as before, errors or not. Nobody else may use the networks
    meanwhile. Tiled decoding would put the seams back, so the VAE must not tile; and the encoder
    of a VAE pads one side by hand, so it is the way from latents to pixels that has no seam.
    """
    with ExitStack() as undo:
        if horizontally or vertically:
            for module in _convolutions(networks):
                before = module.__dict__.get("_conv_forward", _MISSING)
                undo.callback(_put_back, module, before)
                module._conv_forward = _wrapping(  # noqa: SLF001  (where padding is applied)
                    module, horizontally=horizontally, vertically=vertically
                )
        yield


def _convolutions(networks: Sequence[Any]) -> Iterator[Any]:
    for network in networks:
        for module in network.modules():
            if isinstance(module, torch.nn.Conv2d) and module.padding_mode == "zeros":
                yield module


def _put_back(module: Any, before: Any) -> None:
    if before is _MISSING:
        del module._conv_forward  # noqa: SLF001
    else:
        module._conv_forward = before  # noqa: SLF001


def _wrapping(
    module: Any, *, horizontally: bool, vertically: bool
) -> Callable[[torch.Tensor, torch.Tensor, torch.Tensor | None], torch.Tensor]:
    # The padding in the order of torch.nn.functional.pad: left, right, upper, lower.
    left, right, upper, lower = module._reversed_padding_repeated_twice  # noqa: SLF001

    def convolve(
        pixels: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None
    ) -> torch.Tensor:
        pixels = _pad(pixels, (left, right, 0, 0), wraps=horizontally)
        pixels = _pad(pixels, (0, 0, upper, lower), wraps=vertically)
        return torch.nn.functional.conv2d(
            pixels, weight, bias, module.stride, 0, module.dilation, module.groups
        )

    return convolve


def _pad(pixels: torch.Tensor, padding: tuple[int, int, int, int], *, wraps: bool) -> torch.Tensor:
    if not any(padding):
        return pixels
    return torch.nn.functional.pad(pixels, padding, mode="circular" if wraps else "constant")
