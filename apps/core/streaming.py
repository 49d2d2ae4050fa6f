"""Answers that are sent piece by piece, whichever way the server runs us."""

import re
from collections.abc import AsyncIterator, Iterator

from channels.db import database_sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse
from django.utils.http import content_disposition_header
from rest_framework.request import Request

from apps.core.errors import RangeNotSatisfiable

_PART = re.compile(r"bytes=(?:(\d{1,18})-(\d{0,18})|-(\d{1,18}))", re.ASCII)


def streamed_file(
    request: Request,
    pieces: Iterator[bytes],
    *,
    content_type: str,
    name: str,
    size: int | None = None,
    part: range | None = None,
) -> StreamingHttpResponse:
    """Answer with a file that is read or made while it is sent, for its own reader alone.

    `pieces` are of the `part` if there is one. The transaction of the request is over by then:
    they enter a scope for each.
    """
    if request.method == "HEAD":
        # The server would make all of the file and send nothing of it.
        pieces = iter(())
    inner: HttpRequest = request._request  # noqa: SLF001
    # On the event loop Django would first collect all that a plain iterator gives.
    content = _in_threads(pieces) if isinstance(inner, ASGIRequest) else pieces
    response = StreamingHttpResponse(
        content,
        status=200 if part is None else 206,
        content_type=content_type,
        headers={
            "Cache-Control": "private, no-store",
            "Content-Disposition": str(content_disposition_header(True, name)),  # noqa: FBT003
            "X-Content-Type-Options": "nosniff",
        },
    )
    if size is not None:
        response["Content-Length"] = str(size if part is None else len(part))
    if part is not None:
        response["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{size}"
    return response


def asked_part(request: Request, *, size: int, etag: str) -> range | None:
    """Return which bytes of a file a client asks for, to go on with a download; None for all.

    Several parts at once, and a part of what has changed since, are answered with all of it.

    Raises:
        RangeNotSatisfiable: the file has no such bytes.
    """
    asked = _PART.fullmatch(request.headers.get("Range", ""))
    if request.method != "GET" or not asked or request.headers.get("If-Range", etag) != etag:
        return None
    first, last, length = asked.groups()
    if length:
        part = range(max(0, size - int(length)), size)
    else:
        part = range(int(first), min(int(last) + 1, size) if last else size)
    if not part:
        raise RangeNotSatisfiable(size=size)
    return part


async def _in_threads(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    while (piece := await database_sync_to_async(_next)(pieces)) is not None:
        yield piece


def _next(pieces: Iterator[bytes]) -> bytes | None:
    return next(pieces, None)
