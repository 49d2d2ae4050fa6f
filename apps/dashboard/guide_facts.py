"""What guided a picture beside its prompt, in words for its page."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of the table beside a picture; `name` and `value` are ready to be shown."""

    name: Any
    value: Any


_LISTS = {
    "loras": _("LoRAs"),
    "embeddings": _("Embeddings"),
    "controls": _("Control pictures"),
}
_PARTS = {
    "image_prompt": _("Picture prompt"),
    "refiner": _("Refiner"),
    "high_res": _("Second pass"),
    "upscale": _("Enlarged by"),
    "variation": _("Variation"),
}
# Read in any language, in the order in which margins are told.
_SIDES = {"left": "←", "top": "↑", "right": "→", "bottom": "↓"}
_SHOWN = ("scale", "weight", "strength", "seed")


def guide_facts(metadata: Mapping[str, Any]) -> list[Fact]:
    """Return a line for each kind of guide; models by their names where those are on record.

    Metadata of uploaded pictures is whatever some other tool wrote.
    """
    return [Fact(name, value) for name, value in _facts(metadata, _names(metadata)) if value]


def _facts(metadata: Mapping[str, Any], names: Mapping[str, str]) -> Iterator[tuple[Any, str]]:
    for key, name in _LISTS.items():
        parts = metadata.get(key)
        if isinstance(parts, list):
            yield name, ", ".join(_told(part, names) for part in parts if isinstance(part, Mapping))
    for key, name in _PARTS.items():
        part = metadata.get(key)
        if isinstance(part, Mapping):
            yield name, _told(part, names)
    yield from _pictures(metadata)
    vae, seamless = metadata.get("vae"), metadata.get("seamless")
    if isinstance(vae, str):
        yield _("VAE"), names.get(vae, vae)
    if isinstance(seamless, list):
        yield _("Seamless along"), ", ".join(str(axis) for axis in seamless)
    if isinstance(metadata.get("clip_skip"), int):
        yield _("CLIP skip"), str(metadata["clip_skip"] or "")


def _pictures(metadata: Mapping[str, Any]) -> Iterator[tuple[Any, str]]:
    regions = metadata.get("regions")
    if isinstance(regions, list):
        prompts = [str(each.get("prompt", "")) for each in regions if isinstance(each, Mapping)]
        yield _("Regions"), "; ".join(prompts)
    references = metadata.get("references")
    if isinstance(references, list):
        yield _("Reference pictures"), str(len(references) or "")
    outpaint = metadata.get("outpaint")
    if isinstance(outpaint, Mapping):
        yield _("Outpainting"), _margins(outpaint)


def _margins(part: Mapping[str, Any]) -> str:
    sides = ((arrow, part.get(side)) for side, arrow in _SIDES.items())
    return " ".join(f"{arrow} {size}" for arrow, size in sides if isinstance(size, int) and size)


def _names(metadata: Mapping[str, Any]) -> dict[str, str]:
    made_with = metadata.get("made_with")
    weights = made_with.get("weights") if isinstance(made_with, Mapping) else None
    if not isinstance(weights, Mapping):
        return {}
    return {
        str(key): str(each.get("name", key))
        for key, each in weights.items()
        if isinstance(each, Mapping)
    }


def _told(part: Mapping[str, Any], names: Mapping[str, str]) -> str:
    key = str(part.get("model") or part.get("upscaler") or part.get("name") or "")
    numbers = [part[name] for name in _SHOWN if isinstance(part.get(name), int | float | str)]
    return " · ".join([*([names.get(key, key)] if key else []), *(str(each) for each in numbers)])
