"""Have pictures made by other people's services; knows neither Django nor torch.

Importing this package is cheap: `provider_for` brings the clients in only when it is called.
"""

from __future__ import annotations

from typing import assert_never

from gpu_tasks.providers.errors import (
    ProviderBadAnswer,
    ProviderError,
    ProviderInvalid,
    ProviderLimited,
    ProviderOutOfQuota,
    ProviderRefused,
    ProviderRejectedKey,
    ProviderTimeout,
    ProviderUnavailable,
)
from gpu_tasks.providers.facts import (
    PROVIDER_FACTS,
    PROVIDER_MODEL_KEYS,
    ProviderFacts,
    ProviderName,
    facts_of,
)
from gpu_tasks.providers.interface import Access, ImageProvider, Made, PictureOrder, Timeouts

__all__ = [
    "PROVIDER_FACTS",
    "PROVIDER_MODEL_KEYS",
    "Access",
    "ImageProvider",
    "Made",
    "PictureOrder",
    "ProviderBadAnswer",
    "ProviderError",
    "ProviderFacts",
    "ProviderInvalid",
    "ProviderLimited",
    "ProviderName",
    "ProviderOutOfQuota",
    "ProviderRefused",
    "ProviderRejectedKey",
    "ProviderTimeout",
    "ProviderUnavailable",
    "Timeouts",
    "check_key",
    "facts_of",
    "provider_for",
]


def check_key(name: ProviderName, access: Access) -> None:
    """Ask a provider whether it takes a key; errors as `ImageProvider.check_key`."""
    if name is ProviderName.OPENAI:
        from gpu_tasks.providers.openai_keys import check_key as ask

        ask(access)
        return
    with provider_for(name, access) as client:
        client.check_key()


def provider_for(name: ProviderName, access: Access) -> ImageProvider:
    """Return the client of a provider, for one key; close it after use."""
    match name:
        case ProviderName.OPENAI:
            from gpu_tasks.providers.openai import OpenAiImages

            return OpenAiImages(access)
        case ProviderName.STABILITY:
            from gpu_tasks.providers.stability import StabilityImages

            return StabilityImages(access)
        case _:
            assert_never(name)
