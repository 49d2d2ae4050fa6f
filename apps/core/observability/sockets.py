"""Count the WebSocket connections of a process."""

from typing import Any

from apps.core.observability.web import figures


class CountedSockets:
    """An ASGI application around that of sockets, which counts those that are open."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        figures.socket_opened()
        try:
            await self._inner(scope, receive, send)
        finally:
            figures.socket_closed()
