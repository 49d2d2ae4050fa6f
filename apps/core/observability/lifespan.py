"""The beginning and the end of a web process, as its server tells them."""

from typing import Any

from asgiref.sync import sync_to_async

from apps.core.observability.figures import publish
from apps.core.observability.tracing import stop_tracing
from apps.core.observability.web import figures


class Lifespan:
    """An ASGI application that tells the last figures and spans when the process ends.

    Python's own hooks are not run then: uvicorn ends by the signal that it was sent.
    """

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        del scope
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                await sync_to_async(tell_the_last, thread_sensitive=False)()
                await send({"type": "lifespan.shutdown.complete"})
                return


def tell_the_last() -> None:
    """Tell what nobody was told of yet."""
    publish(figures.take_minute())
    stop_tracing()
