"""Who opens a socket: a bearer token says it for programs, the session for pages."""

from typing import Any

from channels.db import database_sync_to_async
from channels.security.websocket import AllowedHostsOriginValidator
from channels.sessions import SessionMiddlewareStack

from apps.accounts.authentication import authenticate_token
from apps.accounts.bearer import bearer_token
from apps.accounts.credentials import SESSION, Access
from apps.accounts.sessions import find_session_user
from apps.core.errors import EaselError
from apps.core.tenancy import closed_scope


class SocketAuthentication:
    """Put `access` into the scope of a socket: an `Access`, or the error that says why not.

    A browser sends the session of whoever sits before it along with any site's socket, so a
    session counts only together with an origin of ours. No site can make a browser send an
    `Authorization` header; with one, an origin is not needed, but a foreign one is refused.
    """

    def __init__(self, inner: Any) -> None:
        self._by_token = _TokenAccess(inner)
        self._by_token_and_origin = AllowedHostsOriginValidator(self._by_token)
        self._by_session = AllowedHostsOriginValidator(
            SessionMiddlewareStack(_SessionAccess(inner))
        )

    async def __call__(self, scope: Any, receive: Any, send: Any) -> Any:
        if bearer_token(_header(scope, b"authorization") or "") is None:
            return await self._by_session(scope, receive, send)
        if _header(scope, b"origin") is None:
            return await self._by_token(scope, receive, send)
        return await self._by_token_and_origin(scope, receive, send)


class _TokenAccess:
    def __init__(self, inner: Any) -> None:
        self._inner = inner

    async def __call__(self, scope: Any, receive: Any, send: Any) -> Any:
        token = bearer_token(_header(scope, b"authorization") or "") or ""
        access: Access | EaselError
        try:
            access = await database_sync_to_async(_access_of)(token)
        except EaselError as error:
            access = error
        return await self._inner({**scope, "access": access}, receive, send)


def _access_of(token: str) -> Access:
    with closed_scope():
        user, credential = authenticate_token(token)
    return Access(user=user, credential=credential)


class _SessionAccess:
    def __init__(self, inner: Any) -> None:
        self._inner = inner

    async def __call__(self, scope: Any, receive: Any, send: Any) -> Any:
        session = scope["session"]
        user = await database_sync_to_async(find_session_user)(session)
        access = None
        if user is not None:
            access = Access(user=user, credential=SESSION, session_key=session.session_key)
        return await self._inner({**scope, "access": access}, receive, send)


def _header(scope: Any, name: bytes) -> str | None:
    for found, value in scope.get("headers", []):
        if found == name:
            return str(value.decode("latin-1"))
    return None
