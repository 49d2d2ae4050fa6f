"""Say who opens a socket: the user of the session it comes with."""

from collections.abc import Awaitable, Callable
from typing import Any

from channels.db import database_sync_to_async
from channels.middleware import BaseMiddleware
from channels.sessions import SessionMiddlewareStack

from apps.accounts.sessions import find_session_user


class SessionUserMiddleware(BaseMiddleware):
    """Put the user of the session into the scope, or `None`."""

    async def __call__(
        self,
        scope: Any,
        receive: Callable[[], Awaitable[Any]],
        send: Callable[[Any], Awaitable[None]],
    ) -> Any:
        user = await database_sync_to_async(find_session_user)(scope["session"])
        with_user: Any = dict(scope) | {"user": user}
        return await super().__call__(with_user, receive, send)


def authenticate_sockets(inner: Any) -> Any:
    """Wrap an ASGI application so that its scope has the `user` of the session."""
    return SessionMiddlewareStack(SessionUserMiddleware(inner))
