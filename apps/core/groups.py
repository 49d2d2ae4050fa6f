"""Send messages to groups of sockets from code that must not wait for them."""

import asyncio
import threading
from collections.abc import Mapping
from typing import Any

import structlog
from channels.layers import get_channel_layer
from django.core.exceptions import ImproperlyConfigured

logger = structlog.get_logger(__name__)

# More than this many unsent messages means that Redis is away: newer ones are dropped. A page
# learns the truth from the snapshot when it reconnects, a socket checks its access on a timer.
MAX_UNSENT = 1000

Message = Mapping[str, Any]


class GroupSender:
    """Send messages in their order from a thread with an event loop of its own.

    The caller never waits: neither a request nor a step on the GPU is held up by Redis.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._queue: asyncio.Queue[tuple[str, Message]] | None = None
        self._unsent = 0

    def send(self, group: str, message: Message) -> None:
        """Queue `message` for the sockets in `group`; it is dropped when too many wait."""
        loop, queue = self._start()
        if self._unsent >= MAX_UNSENT:
            logger.warning("message_dropped", type=message["type"])
            return
        self._unsent += 1
        loop.call_soon_threadsafe(queue.put_nowait, (group, message))

    def flush(self, *, timeout: float) -> None:
        """Wait until what was queued so far is sent, at most `timeout` seconds."""
        if self._loop is None or self._queue is None:
            return
        joined = asyncio.run_coroutine_threadsafe(self._queue.join(), self._loop)
        try:
            joined.result(timeout)
        except TimeoutError:
            joined.cancel()

    def _start(self) -> tuple[asyncio.AbstractEventLoop, asyncio.Queue[tuple[str, Message]]]:
        with self._lock:
            if self._loop is None or self._queue is None:
                self._loop = asyncio.new_event_loop()
                self._queue = asyncio.Queue()
                threading.Thread(
                    target=self._run, args=(self._loop, self._queue), name="groups", daemon=True
                ).start()
            return self._loop, self._queue

    def _run(
        self, loop: asyncio.AbstractEventLoop, queue: asyncio.Queue[tuple[str, Message]]
    ) -> None:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(self._send_all(queue))

    async def _send_all(self, queue: asyncio.Queue[tuple[str, Message]]) -> None:
        layer = get_channel_layer()
        if layer is None:
            raise ImproperlyConfigured("Live events need CHANNEL_LAYERS.")
        while True:
            group, message = await queue.get()
            try:
                await layer.group_send(group, dict(message))
            except Exception as error:  # noqa: BLE001  (whatever Redis raises, the next message must be tried)
                logger.warning("message_not_sent", type=message["type"], error=type(error).__name__)
            finally:
                self._unsent -= 1
                queue.task_done()


sender = GroupSender()
