"""Bodies with documents: bounded before they are parsed."""

import io
from collections.abc import Mapping
from typing import IO, Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

from apps.core.errors import TooLarge
from apps.workflows.documents import MAX_BODY_BYTES


class DocumentParser(JSONParser):
    """Parse JSON of at most `MAX_BODY_BYTES`.

    Raises:
        TooLarge: there is more.
        ParseError: it is no JSON, or nested deeper than Python follows.
    """

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        content = stream.read(MAX_BODY_BYTES + 1)
        if len(content) > MAX_BODY_BYTES:
            raise TooLarge(limit=MAX_BODY_BYTES)
        try:
            return super().parse(io.BytesIO(content), media_type, parser_context)
        except RecursionError as error:
            raise ParseError from error
