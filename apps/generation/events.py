"""Live events: typed payloads, sent to the sockets of the job's own user."""

import asyncio
import threading
import uuid
from typing import Any, Literal, TypedDict

import structlog
from channels.layers import get_channel_layer
from django.core.exceptions import ImproperlyConfigured

logger = structlog.get_logger(__name__)

# More than this many unsent events means that Redis is away: newer ones are dropped, and a
# page learns the truth from the snapshot when it reconnects.
MAX_UNSENT = 1000


class QueuedEvent(TypedDict):
    type: Literal["queued"]
    job_id: str
    prompt: str
    created_at: str


class StartedEvent(TypedDict):
    type: Literal["started"]
    job_id: str
    attempt: int


class Progress(TypedDict):
    """Steps done of `total`, whole percent, seconds left, a WebP data URL or nothing."""

    step: int
    total: int
    percent: int
    seconds_left: float | None
    preview: str | None


class ProgressEvent(Progress):
    type: Literal["progress"]
    job_id: str
    attempt: int


class ImageEvent(TypedDict):
    type: Literal["image"]
    job_id: str
    image: dict[str, Any]


class FinishedEvent(TypedDict):
    type: Literal["finished"]
    job_id: str
    state: str
    compute_seconds: float | None


class JobErrorPayload(TypedDict):
    code: str
    detail: str
    error_id: str


class FailedEvent(TypedDict):
    type: Literal["failed"]
    job_id: str
    error: JobErrorPayload


class SnapshotEvent(TypedDict):
    type: Literal["snapshot"]
    jobs: list[dict[str, Any]]


Event = QueuedEvent | StartedEvent | ProgressEvent | ImageEvent | FinishedEvent | FailedEvent


def user_group(user_id: uuid.UUID) -> str:
    """Name the group that every socket of one user is in."""
    return f"user.{user_id}"


class EventPublisher:
    """Send events in their order from a thread with an event loop of its own.

    The caller never waits: neither a request nor a step on the GPU is held up by Redis.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._queue: asyncio.Queue[tuple[uuid.UUID, Event]] | None = None
        self._unsent = 0

    def publish(self, user_id: uuid.UUID, event: Event) -> None:
        """Queue `event` for the sockets of `user_id`; it is dropped when too many wait."""
        loop, queue = self._start()
        if self._unsent >= MAX_UNSENT:
            logger.warning("event_dropped", type=event["type"])
            return
        self._unsent += 1
        loop.call_soon_threadsafe(queue.put_nowait, (user_id, event))

    def flush(self, *, timeout: float) -> None:
        """Wait until what was published so far is sent, at most `timeout` seconds."""
        if self._loop is None or self._queue is None:
            return
        joined = asyncio.run_coroutine_threadsafe(self._queue.join(), self._loop)
        try:
            joined.result(timeout)
        except TimeoutError:
            joined.cancel()

    def _start(self) -> tuple[asyncio.AbstractEventLoop, asyncio.Queue[tuple[uuid.UUID, Event]]]:
        with self._lock:
            if self._loop is None or self._queue is None:
                self._loop = asyncio.new_event_loop()
                self._queue = asyncio.Queue()
                threading.Thread(
                    target=self._run, args=(self._loop, self._queue), name="events", daemon=True
                ).start()
            return self._loop, self._queue

    def _run(
        self,
        loop: asyncio.AbstractEventLoop,
        queue: asyncio.Queue[tuple[uuid.UUID, Event]],
    ) -> None:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(self._send_all(queue))

    async def _send_all(self, queue: asyncio.Queue[tuple[uuid.UUID, Event]]) -> None:
        layer = get_channel_layer()
        if layer is None:
            raise ImproperlyConfigured("Live events need CHANNEL_LAYERS.")
        while True:
            user_id, event = await queue.get()
            try:
                await layer.group_send(user_group(user_id), {"type": "job.event", "event": event})
            except Exception as error:  # noqa: BLE001  (whatever Redis raises, the next event must be tried)
                logger.warning("event_not_sent", type=event["type"], error=type(error).__name__)
            finally:
                self._unsent -= 1
                queue.task_done()


publisher = EventPublisher()
