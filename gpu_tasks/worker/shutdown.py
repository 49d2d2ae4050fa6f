"""How long a process that is to end may go on with its job."""

import threading
import time
from collections.abc import Callable

import structlog

logger = structlog.get_logger(__name__)


class Shutdown:
    """Whether this process is to end, and by when its job must be let go.

    Asked from several sides (a signal, a spot notice, its own growth), the earliest deadline holds.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._deadline: float | None = None

    @property
    def is_asked(self) -> bool:
        return self._deadline is not None

    def begin(self, *, reason: str, grace_seconds: float) -> None:
        """Ask for the end, with `grace_seconds` for the job at hand."""
        deadline = time.monotonic() + grace_seconds
        with self._changed:
            if self._deadline is not None and self._deadline <= deadline:
                return
            self._deadline = deadline
            self._changed.notify_all()
        logger.info("shutdown_asked", reason=reason, grace_seconds=grace_seconds)

    def must_let_go(self, *, seconds_left: float | None) -> bool:
        """Tell a job between its steps whether the time is up, or will be before its end."""
        if self._deadline is None:
            return False
        return time.monotonic() + (seconds_left or 0.0) >= self._deadline

    def wait_for_deadline(self) -> None:
        """Block until the time is up; for ever if nobody asks."""
        with self._changed:
            while self._deadline is None or time.monotonic() < self._deadline:
                left = None if self._deadline is None else self._deadline - time.monotonic()
                self._changed.wait(left)


class Pace:
    """The time that a job still needs, from the steps it has done.

    The first step tells nothing: before it the model was loaded.
    """

    def __init__(self) -> None:
        self._first: tuple[float, float] | None = None
        self.seconds_left: float | None = None

    def note(self, fraction: float) -> None:
        """Take note that `fraction` of the job is done."""
        now = time.monotonic()
        if self._first is None:
            self._first = (now, fraction)
            return
        then, done_then = self._first
        if fraction > done_then:
            self.seconds_left = (now - then) * (1 - fraction) / (fraction - done_then)


def start_guard(shutdown: Shutdown, *, after_seconds: float, give_up: Callable[[], None]) -> None:
    """Call `give_up` from a thread `after_seconds` past the deadline.

    A job sees the deadline between its steps; one that loads a model or hangs has none.
    """

    def guard() -> None:
        shutdown.wait_for_deadline()
        time.sleep(after_seconds)
        give_up()

    threading.Thread(target=guard, name="shutdown-guard", daemon=True).start()
