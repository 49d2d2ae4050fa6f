"""The declared nodes in the language of the reader."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from django.utils.translation import get_language, gettext

from gpu_tasks.nodes.schema import document_schema, palette

# What of a palette is for people; all else is for programs.
_WORDS: Final = frozenset({"title", "description"})


def palette_words() -> dict[str, Any]:
    """Return the palette, with titles and descriptions translated."""
    return _palette_in(get_language() or "en")


@lru_cache(maxsize=8)
def _palette_in(language: str) -> dict[str, Any]:
    del language  # gettext knows it
    translated: dict[str, Any] = _translated(palette())
    return translated


@lru_cache(maxsize=1)
def document_description() -> dict[str, Any]:
    """Return the JSON Schema of documents."""
    return document_schema()


def _translated(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {
            key: gettext(each)
            if key in _WORDS and isinstance(each, str) and each
            else _translated(each)
            for key, each in value.items()
        }
    return [_translated(each) for each in value] if isinstance(value, list | tuple) else value
