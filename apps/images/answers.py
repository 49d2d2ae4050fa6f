"""How lists and files of pictures are answered."""

from django.http import HttpResponse
from django.utils.http import content_disposition_header
from rest_framework.request import Request
from rest_framework.utils.urls import replace_query_param

from apps.images.pages import Cursor

# A picture's files never change under their name.
YEAR_SECONDS = 31536000


def file_answer(
    content: bytes,
    *,
    content_type: str,
    name: str,
    as_attachment: bool = False,
    seconds: int = YEAR_SECONDS,
) -> HttpResponse:
    """Answer a file that its own reader alone may keep, for `seconds`.

    Its type is ours to say, never a browser's to guess.
    """
    response = HttpResponse(content, content_type=content_type)
    response["Cache-Control"] = f"private, max-age={seconds}, immutable"
    response["Content-Disposition"] = str(content_disposition_header(as_attachment, name))
    response["X-Content-Type-Options"] = "nosniff"
    return response


def page_address(request: Request, cursor: Cursor | None) -> str | None:
    """Return where the page of `cursor` is found, of the list that `request` asks for."""
    if cursor is None:
        return None
    return replace_query_param(request.build_absolute_uri(), "cursor", cursor.to_text())
