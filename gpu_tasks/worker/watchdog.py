"""End a process that listens and hears nothing, not even that there is nothing."""

import threading
import time
from collections.abc import Callable
from typing import Final

import structlog

logger = structlog.get_logger(__name__)

# EX_SOFTWARE: whoever supervises this process starts it anew.
EXIT_CODE: Final = 70


class SilenceWatch:
    """Call `give_up` once the broker has not answered for `seconds` although we asked.

    `heard_at` is when it last did, by the monotonic clock. The time in which `is_listening` is
    false does not count: a worker at a job, or one that is drained, does not ask.
    """

    def __init__(
        self,
        *,
        seconds: float,
        heard_at: Callable[[], float | None],
        is_listening: Callable[[], bool],
        give_up: Callable[[], None],
    ) -> None:
        self._seconds = seconds
        self._heard_at = heard_at
        self._is_listening = is_listening
        self._give_up = give_up
        self._listening_since = time.monotonic()

    def start(self) -> None:
        thread = threading.Thread(target=self._run, name="silence-watch", daemon=True)
        thread.start()

    def silence(self) -> float:
        """Return for how long we have listened in vain."""
        now = time.monotonic()
        if not self._is_listening():
            self._listening_since = now
        return now - max(self._heard_at() or 0.0, self._listening_since)

    def _run(self) -> None:
        while (silence := self.silence()) < self._seconds:
            time.sleep(min(1.0, self._seconds / 4))
        logger.error("nothing_received", seconds=round(silence, 1))
        self._give_up()
