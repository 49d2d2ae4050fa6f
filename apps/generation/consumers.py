"""The socket of live events: one a page, to its own user alone."""

from typing import Any

from channels.db import database_sync_to_async

from apps.accounts.consumers import GuardedConsumer
from apps.accounts.credentials import Access
from apps.accounts.models import User
from apps.core.tenancy import tenant_scope
from apps.credits.selectors import read_balance
from apps.generation.events import (
    BalanceEvent,
    BalancePayload,
    QueueEvent,
    SnapshotEvent,
    user_group,
)
from apps.generation.queue_selectors import queue_event
from apps.generation.selectors import list_current_jobs
from apps.generation.serializers import render_jobs
from apps.plans.permissions import check_api_access

CLOSE_UNEXPECTED = 1003


class EventConsumer(GuardedConsumer):
    """Send a snapshot on connect and every event after it; a client sends nothing."""

    group: str | None = None

    async def opened(self, access: Access) -> None:
        self.group = user_group(access.user.id)
        # Joined before the snapshot is read, so that nothing falls between the two.
        await self.channel_layer.group_add(self.group, self.channel_name)
        await self.send_json(await database_sync_to_async(_snapshot)(access.user))

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
            await self.send_json(await database_sync_to_async(_balance_event)(self.access.user))

    async def queue_changed(self, message: dict[str, Any]) -> None:
        """Tell where the user's waiting jobs stand, as it is now."""
        del message
        if self.access is not None:
            await self.send_json(await database_sync_to_async(_queue_event)(self.access.user))

    async def job_event(self, message: dict[str, str]) -> None:
        """Forward an event that was sent to the user's group, in JSON already."""
        if not self._ended:
            await self.send(text_data=message["json"])


def _snapshot(user: User) -> SnapshotEvent:
    with tenant_scope(user.id):
        jobs = render_jobs(user=user, jobs=list_current_jobs(user=user))
        balance = _balance(user)
    return {"type": "snapshot", "jobs": jobs, "balance": balance}


def _balance_event(user: User) -> BalanceEvent:
    with tenant_scope(user.id):
        return {"type": "balance", **_balance(user)}


def _queue_event(user: User) -> QueueEvent:
    with tenant_scope(user.id):
        return queue_event(user=user)


def _balance(user: User) -> BalancePayload:
    balance = read_balance(user_id=user.id)
    return {"available": balance.available, "held": balance.held}
