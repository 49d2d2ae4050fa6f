"""What the page of styles shows."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from apps.accounts.models import User
from apps.workflows.models import PLACEHOLDER, StylePreset, Wildcard
from apps.workflows.selectors import list_presets, list_wildcards

# As many as a card has room for; the editor shows all.
VALUES_SHOWN = 12
_PLACE = re.compile(rf"\s*{re.escape(PLACEHOLDER)}\s*,?")


@dataclass(frozen=True, slots=True)
class PromptPart:
    """A piece of what a style makes; the prompt itself stands where `is_prompt`."""

    text: str
    is_prompt: bool = False


@dataclass(frozen=True, slots=True)
class StyleCard:
    """A style, its text with the places where the prompt goes, and what it is to be `without`."""

    preset: StylePreset
    parts: Sequence[PromptPart]
    without: str


@dataclass(frozen=True, slots=True)
class WildcardCard:
    """A wildcard with its first values, and how many more there are."""

    wildcard: Wildcard
    shown: Sequence[str]
    more: int


@dataclass(frozen=True, slots=True)
class StylesPage:
    """Styles of the user's own and shared ones, and the user's wildcards."""

    own: Sequence[StyleCard]
    shared: Sequence[StyleCard]
    wildcards: Sequence[WildcardCard]


def styles_page(*, user: User) -> StylesPage:
    """Return what the page shows; two queries."""
    cards = [
        StyleCard(preset, _parts(preset.prompt), _PLACE.sub("", preset.negative_prompt).strip(" ,"))
        for preset in list_presets(user=user)
    ]
    return StylesPage(
        own=[card for card in cards if not card.preset.is_shared],
        shared=[card for card in cards if card.preset.is_shared],
        wildcards=[
            WildcardCard(each, each.values[:VALUES_SHOWN], max(len(each.values) - VALUES_SHOWN, 0))
            for each in list_wildcards(user=user)
        ],
    )


def _parts(template: str) -> list[PromptPart]:
    """Cut `template` at its places for the prompt, as `apply_preset` fills them."""
    if PLACEHOLDER not in template:
        prompt = PromptPart(PLACEHOLDER, is_prompt=True)
        return [prompt, PromptPart(f", {template}")] if template else [prompt]
    first, *rest = template.split(PLACEHOLDER)
    parts = [PromptPart(first)]
    for text in rest:
        parts += [PromptPart(PLACEHOLDER, is_prompt=True), PromptPart(text)]
    return [part for part in parts if part.text]
