"""How a picture's file is answered: its type is ours to say, never a browser's to guess."""

from django.http import HttpResponse
from django.utils.http import content_disposition_header

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
    """Answer a file that its own reader alone may keep, for `seconds`."""
    response = HttpResponse(content, content_type=content_type)
    response["Cache-Control"] = f"private, max-age={seconds}, immutable"
    response["Content-Disposition"] = str(content_disposition_header(as_attachment, name))
    response["X-Content-Type-Options"] = "nosniff"
    return response
