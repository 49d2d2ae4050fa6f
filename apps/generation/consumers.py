"""The socket of live events: one a page, to its own user alone."""

from typing import Any

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer

from apps.accounts.models import User
from apps.core.tenancy import tenant_scope
from apps.generation.events import Event, SnapshotEvent, user_group
from apps.generation.selectors import list_current_jobs
from apps.generation.serializers import render_jobs

CLOSE_NOT_SIGNED_IN = 4401
CLOSE_UNEXPECTED = 1003


class EventConsumer(AsyncJsonWebsocketConsumer):
    """Send a snapshot on connect and every event after it; a client sends nothing."""

    group: str | None = None

    async def connect(self) -> None:
        user: object = self.scope.get("user")
        await self.accept()
        if not isinstance(user, User):
            await self.close(CLOSE_NOT_SIGNED_IN)
            return
        self.group = user_group(user.id)
        # Joined before the snapshot is read, so that nothing falls between the two.
        await self.channel_layer.group_add(self.group, self.channel_name)
        await self.send_json(await database_sync_to_async(_snapshot)(user))

    async def disconnect(self, code: int) -> None:
        del code
        if self.group is not None:
            await self.channel_layer.group_discard(self.group, self.channel_name)

    async def receive(
        self, text_data: str | None = None, bytes_data: bytes | None = None, **kwargs: Any
    ) -> None:
        del text_data, bytes_data, kwargs
        await self.close(CLOSE_UNEXPECTED)

    async def job_event(self, message: dict[str, Event]) -> None:
        """Forward an event that was sent to the user's group."""
        await self.send_json(message["event"])


def _snapshot(user: User) -> SnapshotEvent:
    with tenant_scope(user.id):
        jobs = render_jobs(user=user, jobs=list_current_jobs(user=user))
    return {"type": "snapshot", "jobs": jobs}
