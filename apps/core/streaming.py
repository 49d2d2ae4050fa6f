"""Answers that are sent piece by piece, whichever way the server runs us."""

from collections.abc import AsyncIterator, Iterator

from channels.db import database_sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse
from django.utils.http import content_disposition_header
from rest_framework.request import Request


def streamed_file(
    request: Request,
    pieces: Iterator[bytes],
    *,
    content_type: str,
    name: str,
    size: int | None = None,
) -> StreamingHttpResponse:
    """Answer with a file that is read or made while it is sent, for its own reader alone.

    The transaction of the request is over by then: `pieces` enters a scope for each.
    """
    inner: HttpRequest = request._request  # noqa: SLF001
    # On the event loop Django would first collect all that a plain iterator gives.
    content = _in_threads(pieces) if isinstance(inner, ASGIRequest) else pieces
    response = StreamingHttpResponse(
        content,
        content_type=content_type,
        headers={
            "Cache-Control": "private, no-store",
            "Content-Disposition": str(content_disposition_header(True, name)),  # noqa: FBT003
            "X-Content-Type-Options": "nosniff",
        },
    )
    if size is not None:
        response["Content-Length"] = str(size)
    return response


async def _in_threads(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    while (piece := await database_sync_to_async(_next)(pieces)) is not None:
        yield piece


def _next(pieces: Iterator[bytes]) -> bytes | None:
    return next(pieces, None)
