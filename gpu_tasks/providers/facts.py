"""The models of providers, as plain data: what each can do and what it is asked by.

A row stands beside those of `engine.family_facts`; `facts_of` finds either. A quality that a
provider charges differently for is a row of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from gpu_tasks.engine.family_facts import FAMILY_FACTS, Access, Capability, FamilyFacts


class ProviderName(StrEnum):
    """Who makes the pictures."""

    OPENAI = "openai"
    STABILITY = "stability"


PROVIDER_TITLES: Final[Mapping[ProviderName, str]] = MappingProxyType(
    {ProviderName.OPENAI: "OpenAI", ProviderName.STABILITY: "Stability AI"}
)
# Of a field that names one.
PROVIDER_CHOICES: Final = [(name.value, title) for name, title in PROVIDER_TITLES.items()]

Size = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderFacts(FamilyFacts):
    """Describe a model of a provider.

    `model` and `quality` are the provider's own words. `sizes` (width, height in pixels) are all
    that can be asked for; what comes back may be larger. `pictures_a_call` are made by one call.
    """

    provider: ProviderName
    model: str
    quality: str = ""
    sizes: tuple[Size, ...]
    pictures_a_call: int
    has_seed: bool
    has_strength: bool

    @property
    def key(self) -> str:
        """Return the key of its row in the catalog."""
        return self.base.replace(".", "-")

    @property
    def settings_not_taken(self) -> tuple[str, ...]:
        """Name the settings of a generation that it has no use for."""
        seed = () if self.has_seed else ("seed",)
        strength = () if self.has_strength else ("strength",)
        return ("steps", "guidance_scale", "scheduler", *seed, *strength)

    @property
    def title(self) -> str:
        """Return its name with the quality, which other models of the name differ by."""
        return f"{self.name} ({self.quality})" if self.quality else self.name


_NOT_OFFERED: Final = "the provider does not offer it"
_OPENAI_SIZES: Final = ((1024, 1024), (1536, 1024), (1024, 1536))
# For each ratio that Stability AI takes, the size that its models make of it.
_STABILITY_SIZES: Final = (
    *((1024, 1024), (1344, 768), (1536, 640), (832, 1216), (1216, 832)),
    *((896, 1088), (1088, 896), (768, 1344), (640, 1536)),
)
STABILITY_RATIOS: Final[Mapping[Size, str]] = MappingProxyType(
    dict(
        zip(
            _STABILITY_SIZES,
            ("1:1", "16:9", "21:9", "2:3", "3:2", "4:5", "5:4", "9:16", "9:21"),
            strict=True,
        )
    )
)


def _lacks(*offered: Capability) -> dict[Capability, str]:
    return {name: _NOT_OFFERED for name in Capability if name not in offered}


def _gpt_image(quality: str, *, seconds: float) -> ProviderFacts:
    return ProviderFacts(
        base=f"gpt-image-1.5-{quality}",
        name="GPT Image 1.5",
        access=Access.SD_ONLY,
        planned_seconds=seconds,
        size=1024,
        size_multiple=16,
        steps=1,
        guidance_scale=1.0,
        schedulers={},
        lacks=_lacks(
            Capability.TXT2IMG, Capability.IMG2IMG, Capability.INPAINT, Capability.REFERENCES
        ),
        provider=ProviderName.OPENAI,
        model="gpt-image-1.5",
        quality=quality,
        sizes=_OPENAI_SIZES,
        pictures_a_call=10,
        has_seed=False,
        has_strength=False,
    )


def _stability(
    base: str, name: str, *, model: str, seconds: float, offers: tuple[Capability, ...]
) -> ProviderFacts:
    return ProviderFacts(
        base=base,
        name=name,
        access=Access.SD_ONLY,
        planned_seconds=seconds,
        size=1024,
        size_multiple=64,
        steps=1,
        guidance_scale=1.0,
        schedulers={},
        lacks=_lacks(*offers),
        provider=ProviderName.STABILITY,
        model=model,
        sizes=_STABILITY_SIZES,
        pictures_a_call=1,
        has_seed=True,
        has_strength=True,
    )


_FROM_WORDS: Final = (Capability.TXT2IMG, Capability.NEGATIVE_PROMPT)

_ROWS: Final = (
    _gpt_image("low", seconds=15.0),
    _gpt_image("medium", seconds=30.0),
    _gpt_image("high", seconds=60.0),
    _stability(
        "stable-image-core", "Stable Image Core", model="core", seconds=6.0, offers=_FROM_WORDS
    ),
    _stability(
        "stable-image-ultra",
        "Stable Image Ultra",
        model="ultra",
        seconds=12.0,
        offers=(*_FROM_WORDS, Capability.IMG2IMG),
    ),
    _stability(
        "sd-3.5-large-hosted",
        "Stable Diffusion 3.5 Large",
        model="sd3.5-large",
        seconds=10.0,
        offers=(*_FROM_WORDS, Capability.IMG2IMG),
    ),
)

PROVIDER_FACTS: Final[Mapping[str, ProviderFacts]] = MappingProxyType(
    {facts.base: facts for facts in _ROWS}
)

# Of their rows in the catalog.
PROVIDER_MODEL_KEYS: Final = frozenset(facts.key for facts in PROVIDER_FACTS.values())


def facts_of(base: str) -> FamilyFacts:
    """Return what is known of a family of the engine, or of a provider's model.

    Raises:
        KeyError: there is neither.
    """
    return PROVIDER_FACTS.get(base) or FAMILY_FACTS[base]
