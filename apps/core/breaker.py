"""Leave a part alone for a while after it failed, so that not every request waits for it."""

import threading
import time
from dataclasses import dataclass, field

import structlog

logger = structlog.get_logger(__name__)


@dataclass(slots=True)
class Breaker:
    """Whether a part may be asked; `event` goes to the log each time it is found away.

    When the pause is over one caller may try; the others wait for what that one finds.
    """

    event: str
    pause_seconds: float
    _until: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def may_try(self) -> bool:
        """Tell whether to ask the part now; whoever does says `found_well` or `found_ill`."""
        if self._until == 0.0:
            return True
        with self._lock:
            if time.monotonic() < self._until:
                return False
            self._until = time.monotonic() + self.pause_seconds
            return True

    def found_well(self) -> None:
        """Let everybody ask."""
        self._until = 0.0

    def found_ill(self, reason: str) -> None:
        """Let nobody ask until the pause is over."""
        with self._lock:
            self._until = time.monotonic() + self.pause_seconds
        logger.warning(self.event, reason=reason)
