"""What the part of the Create page about guides needs beside its words."""

from collections.abc import Iterable, Mapping
from typing import Any

from django import template

from apps.dashboard import guide_offers as offers

register = template.Library()


@register.simple_tag
def guide_offers(models: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what may guide a picture with each of `models`."""
    return offers.guide_offers(models)
