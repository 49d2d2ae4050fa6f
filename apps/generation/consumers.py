"""The socket of live events: one a page, to its own user alone."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qs

import structlog
from channels.db import database_sync_to_async
from redis.exceptions import RedisError

from apps.accounts.consumers import GuardedConsumer
from apps.accounts.credentials import Access
from apps.accounts.models import User
from apps.core.kept_messages import last_cursor, messages_since, parse_cursor, place_of
from apps.core.tenancy import tenant_scope
from apps.credits.selectors import read_balance
from apps.generation.events import (
    BalanceEvent,
    BalancePayload,
    HeartbeatEvent,
    QueueEvent,
    SnapshotEvent,
    user_group,
)
from apps.generation.queue_selectors import queue_event
from apps.generation.selectors import list_current_jobs
from apps.generation.serializers import render_jobs
from apps.plans.permissions import check_api_access

logger = structlog.get_logger(__name__)

CLOSE_UNEXPECTED = 1003
# A page takes twice this and a half of silence for a dead connection.
HEARTBEAT_SECONDS: Final = 20.0


class EventConsumer(GuardedConsumer):
    """Send a snapshot, or what was missed since a cursor, and every event after it.

    A client says its cursor in the query of the address, and nothing after that. How far it has
    come is known here: an event that is kept is sent if it is the next one, dropped if it was
    sent already, and else what lies between is read first. So the client sees each exactly once
    and in their order, in whatever order they come over the group.
    """

    group: str | None = None
    cursor = ""
    # Whether the cursor is known; it is "" too before the first event of a user.
    _is_placed = False
    _heart: asyncio.Task[None] | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            if self._heart is not None:
                self._heart.cancel()

    async def opened(self, access: Access) -> None:
        self.group = user_group(access.user.id)
        # Joined before anything is read, so that nothing falls between the two.
        await self.channel_layer.group_add(self.group, self.channel_name)
        claimed = _claimed_cursor(self.scope)
        if claimed is None or not await self._catch_up(access.user, claimed):
            await self._begin_anew(access.user)
        self._heart = asyncio.create_task(self._beat())

    def check(self, access: Access) -> None:
        super().check(access)
        check_api_access(user=access.user, credential=access.credential)

    async def disconnect(self, code: int) -> None:
        if self.group is not None:
            await self.channel_layer.group_discard(self.group, self.channel_name)
        await super().disconnect(code)

    async def dispatch(self, message: dict[str, Any]) -> None:
        # Channels sends a thread to close old connections before each message. An event is passed
        # on without the database: it need not wait for a thread that others share.
        if message["type"] == "job.event":
            await self.job_event(message)
        else:
            await super().dispatch(message)

    async def receive(
        self, text_data: str | None = None, bytes_data: bytes | None = None, **kwargs: Any
    ) -> None:
        del text_data, bytes_data, kwargs
        await self.close(CLOSE_UNEXPECTED)

    async def balance_changed(self, message: dict[str, Any]) -> None:
        """Tell the user's balance, as it is now."""
        del message
        if self.access is not None:
            await self._tell(await database_sync_to_async(_balance_event)(self.access.user))

    async def queue_changed(self, message: dict[str, Any]) -> None:
        """Tell where the user's waiting jobs stand, as it is now."""
        del message
        if self.access is not None:
            await self._tell(await database_sync_to_async(_queue_event)(self.access.user))

    async def job_event(self, message: dict[str, str]) -> None:
        """Forward an event that was sent to the user's group, in JSON already."""
        cursor = message.get("cursor")
        if cursor is None:
            await self._forward(message["text"])
        elif place_of(cursor) <= place_of(self.cursor):
            return
        elif message["after"] == self.cursor:
            await self._forward(message["text"], cursor)
        elif self.access is not None and not await self._fill_gap():
            await self._begin_anew(self.access.user)

    async def _begin_anew(self, user: User) -> None:
        """Send a snapshot: it has the effect of every event up to the cursor it comes with."""
        try:
            # Before the database is read, since an event is sent after its commit.
            self.cursor = await database_sync_to_async(last_cursor)(user_group(user.id))
            self._is_placed = True
        except RedisError as error:
            self.cursor = ""
            self._is_placed = False
            logger.warning("cursor_not_read", error=type(error).__name__)
        await self._tell(await database_sync_to_async(_snapshot)(user))

    async def _catch_up(self, user: User, claimed: str) -> bool:
        """Send what was missed since `claimed`; say whether all of it was still there."""
        self.cursor = claimed
        self._is_placed = True
        if not await self._fill_gap():
            return False
        # These are not kept: what they were meanwhile does not matter.
        await self._tell(await database_sync_to_async(_balance_event)(user))
        await self._tell(await database_sync_to_async(_queue_event)(user))
        return True

    async def _fill_gap(self) -> bool:
        if self.group is None or not self._is_placed:
            return False
        try:
            missed = await database_sync_to_async(messages_since)(self.group, self.cursor)
        except RedisError as error:
            logger.warning("events_not_read", error=type(error).__name__)
            return False
        if missed is None:
            return False
        for cursor, text in missed:
            await self._forward(text, cursor)
        return True

    async def _beat(self) -> None:
        beat: HeartbeatEvent = {"type": "heartbeat"}
        while not self._ended:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            await self._tell(beat)

    async def _tell(self, event: Mapping[str, Any]) -> None:
        await self.send_json({"cursor": self.cursor, **event})

    async def _forward(self, text: str, cursor: str | None = None) -> None:
        if self._ended:
            return
        if cursor is not None:
            self.cursor = cursor
        # Every event is an object that is not empty.
        await self.send(text_data=f'{{"cursor": {json.dumps(self.cursor)}, {text[1:]}')


def _claimed_cursor(scope: Mapping[str, Any]) -> str | None:
    query = parse_qs(scope["query_string"].decode("latin-1"))
    return parse_cursor(query.get("cursor", [""])[0])


def _snapshot(user: User) -> SnapshotEvent:
    with tenant_scope(user.id):
        jobs = render_jobs(user=user, jobs=list_current_jobs(user=user))
        balance = _balance(user)
        queue = queue_event(user=user)
    return {
        "type": "snapshot",
        "jobs": jobs,
        "balance": balance,
        "queue": {
            "paused": queue["paused"],
            "waiting": queue["waiting"],
            "running": queue["running"],
        },
    }


def _balance_event(user: User) -> BalanceEvent:
    with tenant_scope(user.id):
        return {"type": "balance", **_balance(user)}


def _queue_event(user: User) -> QueueEvent:
    with tenant_scope(user.id):
        return queue_event(user=user)


def _balance(user: User) -> BalancePayload:
    balance = read_balance(user_id=user.id)
    return {"available": balance.available, "held": balance.held}
