"""Which family runs on which card, and how: the one table that decides.

T4: 16 GB, without bfloat16. A10G: 24 GB. A100: 40 GB, and a host with plenty of memory. The
figures are gigabytes of weights in 16 bits: the part that denoises, and its text encoders.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Card(StrEnum):
    """A kind of GPU, from the smallest; the order is the order in which jobs move up."""

    T4 = "t4"
    A10G = "a10g"
    A100 = "a100"


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Say how a model lies in memory.

    `precision` is that of the computation: "float32", "float16", "bfloat16", or "auto", what the
    device is best at. `float8` stores the weights of the large parts in 8 bits and widens them
    layer by layer (diffusers' layerwise casting). `encoders_aside` keeps text encoders in the
    memory of the host, and on the card only while they read a prompt.
    """

    precision: str = "auto"
    float8: bool = False
    encoders_aside: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """Say how a family runs on a card, or (`placement` is None) that it does not; and why."""

    placement: Placement | None
    why: str


_HALF: Final = Placement(precision="float16")
_BRAIN: Final = Placement(precision="bfloat16")
_BRAIN_ASIDE: Final = Placement(precision="bfloat16", encoders_aside=True)
_BRAIN_SMALL: Final = Placement(precision="bfloat16", float8=True, encoders_aside=True)
_NO_BFLOAT16: Final = "trained in bfloat16, which a T4 lacks; float16 overflows"


def _no(why: str) -> Fit:
    return Fit(placement=None, why=why)


def _fits(placement: Placement, why: str) -> Fit:
    return Fit(placement=placement, why=why)


_SMALL: Final = {
    Card.T4: _fits(_HALF, "2 to 3 GB in all"),
    Card.A10G: _fits(_HALF, "2 to 3 GB in all"),
    Card.A100: _fits(_HALF, "2 to 3 GB in all"),
}
_SDXL: Final = {
    Card.T4: _fits(_HALF, "7 GB in all; float16 throughout but the VAE, which overflows in it"),
    Card.A10G: _fits(_HALF, "7 GB in all"),
    Card.A100: _fits(_HALF, "7 GB in all"),
}
_FLUX_1: Final = {
    Card.T4: _no(f"24 + 10 GB; {_NO_BFLOAT16}"),
    Card.A10G: _fits(_BRAIN_SMALL, "24 + 10 GB: 12 GB in 8 bits, the encoders beside the card"),
    Card.A100: _fits(_BRAIN, "24 + 10 GB"),
}
_QWEN: Final = {
    Card.T4: _no(f"41 + 17 GB; {_NO_BFLOAT16}"),
    Card.A10G: _no("41 + 17 GB: 21 GB in 8 bits leave no room for a picture"),
    Card.A100: _fits(_BRAIN_SMALL, "41 + 17 GB: 21 GB in 8 bits, the encoder beside the card"),
}

FITS: Final[Mapping[str, Mapping[Card, Fit]]] = MappingProxyType(
    {
        "sd-1.5-class": _SMALL,
        "sd-2": _SMALL,
        "sdxl": _SDXL,
        "sdxl-refiner": _SDXL,
        "sd-3.5": {
            Card.T4: _no(f"5 to 17 + 11 GB; {_NO_BFLOAT16}"),
            Card.A10G: _fits(_BRAIN_ASIDE, "17 + 11 GB: the encoders beside the card"),
            Card.A100: _fits(_BRAIN, "17 + 11 GB"),
        },
        "flux-1": _FLUX_1,
        "flux-1-fill": _FLUX_1,
        "flux-1-kontext": _FLUX_1,
        "flux-2": {
            Card.T4: _no(f"64 + 48 GB; {_NO_BFLOAT16}"),
            Card.A10G: _no("64 + 48 GB: 32 GB in 8 bits"),
            Card.A100: _fits(_BRAIN_SMALL, "64 + 48 GB: 32 GB in 8 bits, the encoder beside"),
        },
        "flux-2-klein": {
            Card.T4: _no(f"8 to 18 + 8 to 16 GB; {_NO_BFLOAT16}"),
            Card.A10G: _fits(_BRAIN_ASIDE, "8 to 18 + 8 to 16 GB: the encoder beside the card"),
            Card.A100: _fits(_BRAIN, "8 to 18 + 8 to 16 GB"),
        },
        "qwen-image": _QWEN,
        "qwen-image-edit": _QWEN,
        "z-image": {
            Card.T4: _no(f"12 + 8 GB; {_NO_BFLOAT16}"),
            Card.A10G: _fits(_BRAIN_ASIDE, "12 + 8 GB: the encoder beside the card"),
            Card.A100: _fits(_BRAIN, "12 + 8 GB"),
        },
    }
)


def smallest_card(base: str, *, at_least: Card) -> Card | None:
    """Return the smallest card, not below `at_least`, that runs a family; None if none does."""
    cards = list(Card)
    for card in cards[cards.index(at_least) :]:
        if FITS[base][card].placement is not None:
            return card
    return None


def placement_on(base: str, card: Card) -> Placement | None:
    """Return how a family lies on a card; None where it does not fit."""
    return FITS[base][card].placement
