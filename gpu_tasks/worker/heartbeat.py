"""Signs of life, sent from a thread of their own at intervals and whenever something changes."""

import threading
from collections.abc import Callable

import structlog

logger = structlog.get_logger(__name__)

# Whoever looks at workers cannot follow quicker, and short jobs come by the dozen.
SECONDS_BETWEEN_BEATS = 1.0


class Heartbeat:
    """Call `beat` every `every` seconds; what it raises of `failures` is only logged."""

    def __init__(
        self,
        beat: Callable[[], None],
        *,
        every: float,
        failures: tuple[type[Exception], ...],
    ) -> None:
        self._beat = beat
        self._every = every
        self._failures = failures
        self._due = threading.Event()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def hasten(self) -> None:
        """Have the next beat come soon, within a second; the caller does not wait for it."""
        self._due.set()

    def stop(self, *, timeout: float) -> None:
        """Send no more signs, and wait for one that is on its way."""
        self._stopped.set()
        self._due.set()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._due.clear()
            try:
                self._beat()
            except self._failures as error:
                logger.warning("heartbeat_failed", error=type(error).__name__)
            self._stopped.wait(min(SECONDS_BETWEEN_BEATS, self._every))
            self._due.wait(self._every)
