"""Decoding and encoding whole pictures in the web process, a few at a time.

A picture of 40 million pixels takes some 160 MB for each of its copies, and seconds of a core: as
many at once as there are threads would take the process down.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from apps.core.errors import RateLimited

AT_ONCE = 2
# Whoever waits holds one of the few threads that answer everybody.
WAITING = 2
WAIT_SECONDS = 10.0
RETRY_SECONDS = 5

_places = threading.BoundedSemaphore(AT_ONCE + WAITING)
_turns = threading.BoundedSemaphore(AT_ONCE)


@contextmanager
def heavy_work() -> Iterator[None]:
    """Hold one of the few turns of this process for as long as the block runs.

    Raises:
        RateLimited: none was free within `WAIT_SECONDS`, or `WAITING` others wait already.
    """
    with _held(_places, timeout=0), _held(_turns, timeout=WAIT_SECONDS):
        yield


@contextmanager
def _held(semaphore: threading.BoundedSemaphore, *, timeout: float) -> Iterator[None]:
    if not semaphore.acquire(timeout=timeout):
        raise RateLimited(retry_after=RETRY_SECONDS, limit=AT_ONCE)
    try:
        yield
    finally:
        semaphore.release()
