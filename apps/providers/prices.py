"""What a picture costs: at the provider in dollars, here in credits. The one table of prices.

Sources, read on 2026-11-27: OpenAI's price list for images (platform.openai.com/docs/pricing,
GPT Image 1.5, by quality and size) and Stability AI's (platform.stability.ai/pricing, one credit of
theirs is a cent). `docs/providers.md` says what a change of a price means for quotes and jobs.
"""

import math
from collections.abc import Mapping
from decimal import Decimal

from apps.plans.products import DOLLARS_A_CREDIT
from gpu_tasks.providers.facts import PROVIDER_FACTS, Size

# What is asked of a user for a dollar of ours: fees of payment, credits that were given away,
# prompts, which OpenAI charges by the word, and calls that were lost come out of it.
MARKUP = Decimal("1.5")
# With a user's own key the provider bills the user; ours are the store, the queue and the gallery.
CREDITS_BY_OWN_KEY = 1
MICROS_A_DOLLAR = 1_000_000

_SQUARE: Size = (1024, 1024)


def _openai(square: str, oblong: str) -> dict[Size, Decimal]:
    return {_SQUARE: Decimal(square)} | dict.fromkeys(((1536, 1024), (1024, 1536)), Decimal(oblong))


def _stability(base: str, dollars: str) -> dict[Size, Decimal]:
    return dict.fromkeys(PROVIDER_FACTS[base].sizes, Decimal(dollars))


# Dollars for a picture, by model with its quality, and size.
DOLLARS_A_PICTURE: Mapping[str, Mapping[Size, Decimal]] = {
    "gpt-image-1.5-low": _openai("0.009", "0.013"),
    "gpt-image-1.5-medium": _openai("0.034", "0.050"),
    "gpt-image-1.5-high": _openai("0.133", "0.200"),
    "stable-image-core": _stability("stable-image-core", "0.03"),
    "stable-image-ultra": _stability("stable-image-ultra", "0.08"),
    "sd-3.5-large-hosted": _stability("sd-3.5-large-hosted", "0.065"),
}
# Of a picture that is looked at (OpenAI: image tokens, rounded up), for each picture made.
DOLLARS_A_LOOK: Mapping[str, Decimal] = dict.fromkeys(
    ("gpt-image-1.5-low", "gpt-image-1.5-medium", "gpt-image-1.5-high"), Decimal("0.005")
)


def dollars_of(*, base: str, size: Size, looks: int) -> Decimal:
    """Return what a picture costs us at the provider, made by looking at `looks` others.

    Raises:
        KeyError: the model does not make this size.
    """
    return DOLLARS_A_PICTURE[base][size] + looks * DOLLARS_A_LOOK.get(base, Decimal(0))


def credits_of(*, base: str, size: Size, looks: int) -> int:
    """Return what a picture costs by our key, in whole credits; errors as `dollars_of`."""
    dollars = dollars_of(base=base, size=size, looks=looks)
    return math.ceil(dollars * MARKUP / DOLLARS_A_CREDIT)


def micros_of(*, base: str, size: Size, looks: int) -> int:
    """Return what a picture costs us, in millionths of a dollar; errors as `dollars_of`."""
    return int(dollars_of(base=base, size=size, looks=looks) * MICROS_A_DOLLAR)
