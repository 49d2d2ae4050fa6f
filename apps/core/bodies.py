"""No body of a request is taken in beyond what the largest upload needs.

Django itself takes a whole body in, onto the disk, before anything of ours is asked; so the limit
stands in front of it. A form's files lie on the disk too (`FILE_UPLOAD_MAX_MEMORY_SIZE`), so that
an upload costs memory only while its picture is decoded.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase, JsonResponse

from apps.core.errors import TooLarge, envelope, log_error, new_error_id

Scope = dict[str, Any]
Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

# So long a refused client may go on sending: cut off sooner, many never read why.
LINGER_SECONDS = 2.0


def body_limit() -> int:
    """Return the bytes that a body may have: the largest upload and the form around it."""
    return int(settings.EASEL_UPLOAD_MAX_BYTES) + 64 * 1024


class BodyLimit:
    """An ASGI application that answers 413 for `application` once a body is over the limit.

    A length that is announced is refused before anything is read, another at the byte that is too
    many. The connection ends with the answer, so that the rest is never read.
    """

    def __init__(self, application: Application) -> None:
        self.application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = _CountedBody(receive)
        if _announced_bytes(scope) > body_limit():
            await _refuse(body, send)
            return
        await self.application(scope, body.receive, send)
        if body.is_too_large:
            # Nothing is answered yet: Django looks at a request when it has the whole of it.
            await _refuse(body, send)


class BodyLimitMiddleware:
    """Refuse by its announced length what is over the limit, for servers that speak WSGI."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if _whole_number(request.META.get("CONTENT_LENGTH") or "") > body_limit():
            return JsonResponse(_envelope(), status=TooLarge.status)
        return self.get_response(request)


class _CountedBody:
    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._left = body_limit()

    @property
    def is_too_large(self) -> bool:
        return self._left < 0

    async def receive(self) -> Message:
        """Receive for the application; to it, a body that is too large is a client that left."""
        message = await self._receive()
        if message["type"] == "http.request":
            self._left -= len(message.get("body", b""))
        return {"type": "http.disconnect"} if self.is_too_large else message

    async def discard(self) -> None:
        """Take what still comes and forget it, for as long as a client may linger."""
        try:
            async with asyncio.timeout(LINGER_SECONDS):
                message = await self._receive()
                while message["type"] == "http.request" and message.get("more_body", False):
                    message = await self._receive()
        except TimeoutError:
            return


async def _refuse(body: _CountedBody, send: Send) -> None:
    content = json.dumps(_envelope(), ensure_ascii=False).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(content)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": TooLarge.status, "headers": headers})
    await send({"type": "http.response.body", "body": content, "more_body": True})
    await body.discard()
    await send({"type": "http.response.body", "body": b"", "more_body": False})


def _envelope() -> dict[str, Any]:
    error = TooLarge(limit=body_limit())
    error_id = new_error_id()
    log_error(error, error, error_id=error_id)
    return envelope(error, error_id=error_id)


def _announced_bytes(scope: Scope) -> int:
    lengths = [value for name, value in scope["headers"] if name == b"content-length"]
    return max((_whole_number(value.decode("latin-1")) for value in lengths), default=0)


def _whole_number(text: str) -> int:
    # More digits than any length has; Python refuses numbers of thousands of them.
    return int(text[:20]) if text.isascii() and text.isdigit() else 0
