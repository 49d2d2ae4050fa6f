"""Tell workers at once that a job is to stop or is theirs no more; PostgreSQL says which.

Without it each worker would have to ask the database a dozen times a second.
"""

import threading
import time
import uuid
from collections.abc import Collection, Iterator
from contextlib import contextmanager

import structlog
from django_redis import get_redis_connection
from redis.exceptions import RedisError

logger = structlog.get_logger(__name__)

CHANNEL = "easel:generation.cancels"
# A connection that is silent for this time, twice and in spite of a ping, is dead.
SECONDS_OF_SILENCE = 2.0
SECONDS_AFTER_FAILURE = 1.0


def tell_workers(job_ids: Collection[uuid.UUID]) -> None:
    """Have those who run `job_ids` look; if Redis is away they look by themselves."""
    if not job_ids:
        return
    try:
        get_redis_connection("default").publish(CHANNEL, ",".join(map(str, job_ids)))
    except RedisError as error:
        logger.warning("cancel_not_told", jobs=len(job_ids), error=type(error).__name__)


class CancelListener:
    """Hear in one thread of this process what `tell_workers` says.

    `is_hearing` is false while Redis is away: whoever must know has to look.
    """

    def __init__(self) -> None:
        self.is_hearing = False
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._listeners: dict[uuid.UUID, threading.Event] = {}

    @contextmanager
    def listen(self, job_ids: Collection[uuid.UUID], heard: threading.Event) -> Iterator[None]:
        """Set `heard` whenever something is said of one of `job_ids`, or hearing changes."""
        with self._lock:
            self._listeners |= dict.fromkeys(job_ids, heard)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="cancels", daemon=True)
                self._thread.start()
        try:
            yield
        finally:
            with self._lock:
                for job_id in job_ids:
                    self._listeners.pop(job_id, None)

    def _run(self) -> None:
        while True:
            try:
                self._hear()
            except (RedisError, OSError) as error:
                if self.is_hearing:
                    logger.warning("cancels_not_heard", error=type(error).__name__)
                self._set_hearing(is_hearing=False)
            time.sleep(SECONDS_AFTER_FAILURE)

    def _hear(self) -> None:
        with get_redis_connection("default").pubsub() as channel:
            channel.subscribe(CHANNEL)
            silences = 0
            while True:
                message = channel.get_message(timeout=SECONDS_OF_SILENCE)
                if message is None:
                    silences += 1
                    if silences > 1:
                        raise ConnectionError("no answer to a ping")
                    channel.ping()
                    continue
                silences = 0
                if message["type"] == "subscribe":
                    self._set_hearing(is_hearing=True)
                elif message["type"] == "message":
                    self._stir(message["data"].decode().split(","))

    def _set_hearing(self, *, is_hearing: bool) -> None:
        self.is_hearing = is_hearing
        with self._lock:
            listeners = set(self._listeners.values())
        for heard in listeners:
            heard.set()

    def _stir(self, job_ids: Collection[str]) -> None:
        with self._lock:
            found = [self._listeners.get(uuid.UUID(job_id)) for job_id in job_ids]
        for heard in found:
            if heard is not None:
                heard.set()


listener = CancelListener()
