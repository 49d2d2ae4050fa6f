"""How answers of the API become JSON."""

from collections.abc import Mapping
from typing import Any, Final

import orjson
from rest_framework.renderers import JSONRenderer

# Numbers as keys, and times as Django REST framework writes them.
_OPTIONS: Final = orjson.OPT_NON_STR_KEYS | orjson.OPT_PASSTHROUGH_DATETIME


def to_json(data: Any) -> bytes:
    """Write JSON as answers of the API are written."""
    return QuickJsonRenderer().render(data)


class QuickJsonRenderer(JSONRenderer):
    """Write the same JSON as Django REST framework, some ten times as quickly.

    What orjson does not take (numbers beyond 64 bits) is written by the slow way.
    """

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        if data is None:
            return b""
        try:
            return orjson.dumps(data, default=self.encoder_class().default, option=_OPTIONS)
        except (TypeError, ValueError):
            content: bytes = super().render(data, accepted_media_type, renderer_context)
            return content
