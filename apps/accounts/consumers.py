"""Sockets that stay open only as long as what they were opened with is good."""

import asyncio
import random
from typing import Any

import structlog
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from django.conf import settings
from django.db import DatabaseError

from apps.accounts.announcements import access_group, session_mark
from apps.accounts.credentials import Access
from apps.accounts.models import Scope
from apps.accounts.selectors import still_holds
from apps.core.errors import EaselError, Forbidden, InvalidToken
from apps.core.tenancy import tenant_scope

logger = structlog.get_logger(__name__)

CLOSE_NOT_SIGNED_IN = 4401
CLOSE_FORBIDDEN = 4403
CLOSE_TRY_AGAIN_LATER = 1013


class GuardedConsumer(AsyncJsonWebsocketConsumer):
    """Open for a good credential, and close within seconds when it ends.

    The end is announced to the group of the user; since such a message can be lost, the
    credential is also looked at again every `EASEL_SOCKET_CHECK_SECONDS`. Subclasses say in
    `opened` what comes first.
    """

    required_scope = Scope.READ
    access: Access | None = None
    _ended = False
    _watch: asyncio.Task[None] | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            if self._watch is not None:
                self._watch.cancel()

    async def connect(self) -> None:
        found: Any = self.scope.get("access")
        # Accepted first: a browser is told the code of a close, but not why it was never opened.
        await self.accept()
        if not isinstance(found, Access):
            await self._end(_close_code(found))
            return
        if self.required_scope not in found.credential.scopes:
            await self._end(_close_code(Forbidden()))
            return
        self.access = found
        # Joined before it is checked, so that no end falls between the two.
        await self.channel_layer.group_add(access_group(found.user.id), self.channel_name)
        if await self._close_unless_allowed():
            return
        self._watch = asyncio.create_task(self._check_again_and_again())
        await self.opened(found)

    async def opened(self, access: Access) -> None:
        """Send what a new socket begins with."""

    def _check_as_user(self, access: Access) -> None:
        with tenant_scope(access.user.id):
            self.check(access)

    def check(self, access: Access) -> None:
        """Ask the database, as the user, whether `access` is still good; runs in a thread.

        Raises:
            InvalidToken: it is not.
        """
        if not still_holds(access=access, scope=self.required_scope):
            raise InvalidToken

    async def disconnect(self, code: int) -> None:
        del code
        if self.access is not None:
            group = access_group(self.access.user.id)
            await self.channel_layer.group_discard(group, self.channel_name)

    async def access_changed(self, message: dict[str, Any]) -> None:
        """Look again: something about the user or one of their keys has changed."""
        del message
        await self._close_unless_allowed()

    async def session_ended(self, message: dict[str, Any]) -> None:
        """Close if it is the session that opened this socket."""
        key = self.access.session_key if self.access is not None else None
        if key is not None and session_mark(key) == message["session"]:
            await self._end(CLOSE_NOT_SIGNED_IN)

    async def send_json(self, content: Any, close: bool = False) -> None:  # noqa: FBT001, FBT002
        # What was on its way when the socket was closed must not follow the close.
        if not self._ended:
            await super().send_json(content, close)

    async def _end(self, code: int) -> None:
        """Close once, and leave the groups at once: the client's close may be long in coming."""
        if self._ended:
            return
        self._ended = True
        await self.close(code)
        await self.disconnect(code)

    async def _close_unless_allowed(self) -> bool:
        """Close the socket if it may not stay open; say whether it was closed."""
        if self.access is None or self._ended:
            return self._ended
        try:
            await database_sync_to_async(self._check_as_user)(self.access)
        except EaselError as error:
            await self._end(_close_code(error))
            return True
        return False

    async def _check_again_and_again(self) -> None:
        while not self._ended:
            # Up to a tenth longer, so that sockets opened together do not ask together.
            pause = settings.EASEL_SOCKET_CHECK_SECONDS * random.uniform(1, 1.1)  # noqa: S311  # nosec B311
            await asyncio.sleep(pause)
            try:
                if await self._close_unless_allowed():
                    return
            except DatabaseError as error:
                # Nobody's access ended because PostgreSQL restarts.
                logger.warning("socket_not_checked", error=type(error).__name__)


def _close_code(error: EaselError | None) -> int:
    if error is None or error.status == 401:
        return CLOSE_NOT_SIGNED_IN
    return CLOSE_FORBIDDEN if error.status == 403 else CLOSE_TRY_AGAIN_LATER
