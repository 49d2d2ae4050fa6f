"""Send messages to groups of sockets from code that must not wait for them."""

import asyncio
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import redis.asyncio
import structlog
from channels.layers import get_channel_layer
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from apps.core.kept_messages import keep

logger = structlog.get_logger(__name__)

# More than this many unsent messages means that Redis is away: newer ones are dropped. A page
# learns the truth from the snapshot when it reconnects, a socket checks its access on a timer.
MAX_UNSENT = 1000

Message = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Envelope:
    """A message to a group; `kept` is its text where it is for those too who are away now."""

    group: str
    message: Message
    kept: str | None = None


class GroupSender:
    """Send messages in their order from a thread with an event loop of its own.

    The caller never waits: neither a request nor a step on the GPU is held up by Redis.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._queue: asyncio.Queue[Envelope] | None = None
        self._unsent = 0
        # Groups of which a message that was to be kept is lost.
        self._lost: set[str] = set()

    def send(self, group: str, message: Message) -> None:
        """Queue `message` for the sockets in `group`; it is dropped when too many wait."""
        self._put(Envelope(group, message))

    def send_kept(self, group: str, message: Message, *, text: str) -> None:
        """Do so with `text` beside it, and keep the text for sockets that come back.

        The sockets get it as `text`, its place as `cursor`, and the place before it as `after`;
        both are missing when it could not be kept.
        """
        self._put(Envelope(group, message, kept=text))

    def _put(self, envelope: Envelope) -> None:
        loop, queue = self._start()
        if self._unsent >= MAX_UNSENT:
            logger.warning("message_dropped", type=envelope.message["type"])
            if envelope.kept is not None:
                loop.call_soon_threadsafe(self._lost.add, envelope.group)
            return
        self._unsent += 1
        loop.call_soon_threadsafe(queue.put_nowait, envelope)

    def flush(self, *, timeout: float) -> None:
        """Wait until what was queued so far is sent, at most `timeout` seconds."""
        if self._loop is None or self._queue is None:
            return
        joined = asyncio.run_coroutine_threadsafe(self._queue.join(), self._loop)
        try:
            joined.result(timeout)
        except TimeoutError:
            joined.cancel()

    def _start(self) -> tuple[asyncio.AbstractEventLoop, asyncio.Queue[Envelope]]:
        with self._lock:
            if self._loop is None or self._queue is None:
                self._loop = asyncio.new_event_loop()
                self._queue = asyncio.Queue()
                threading.Thread(
                    target=self._run, args=(self._loop, self._queue), name="groups", daemon=True
                ).start()
            return self._loop, self._queue

    def _run(self, loop: asyncio.AbstractEventLoop, queue: asyncio.Queue[Envelope]) -> None:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(self._send_all(queue))

    async def _send_all(self, queue: asyncio.Queue[Envelope]) -> None:
        layer = get_channel_layer()
        if layer is None:
            raise ImproperlyConfigured("Live events need CHANNEL_LAYERS.")
        store = redis.asyncio.Redis.from_url(
            settings.CACHES["default"]["LOCATION"],
            socket_connect_timeout=2,
            socket_timeout=5,
            retry=Retry(NoBackoff(), 1),
        )
        while True:
            envelope = await queue.get()
            message = envelope.message
            try:
                if envelope.kept is not None:
                    message = {**message, **await self._keep(store, envelope.group, envelope.kept)}
                await layer.group_send(envelope.group, dict(message))
            except Exception as error:  # noqa: BLE001  (whatever Redis raises, the next message must be tried)
                logger.warning("message_not_sent", type=message["type"], error=type(error).__name__)
            finally:
                self._unsent -= 1
                queue.task_done()

    async def _keep(self, store: Any, group: str, text: str) -> Message:
        lost = sorted(self._lost)
        try:
            after, cursor = await keep(store, group, text, lost=lost)
        except RedisError as error:
            self._lost.add(group)
            logger.warning("message_not_kept", error=type(error).__name__)
            return {"text": text}
        self._lost.difference_update(lost)
        return {"text": text, "cursor": cursor, "after": after}


sender = GroupSender()
