"""Jobs that need no GPU: each in a thread of its own, beside those that do."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import structlog
from django.db import close_old_connections

from apps.generation.wakeups import wake_tier
from apps.plans.tiers import GpuTier
from gpu_tasks.engine import Engine
from gpu_tasks.runner.attempt import Attempt
from gpu_tasks.runner.lease import LeaseKeeper

logger = structlog.get_logger(__name__)


class Beside:
    """Carry attempts in `places` threads, with leases and connections of their own.

    While all are busy the worker claims no more such jobs and goes on with those of its GPU. In
    a line in here a job would wait although another worker has a place for it, and whoever may
    have many jobs running would put all of them before everybody else's.
    """

    def __init__(self, *, places: int, engine: Engine, on_change: Callable[[], None]) -> None:
        self._places = places
        self._engine = engine
        self._on_change = on_change
        # A pool is of one at least, also where nothing is ever given to it.
        self._threads = ThreadPoolExecutor(max(places, 1), thread_name_prefix="beside")
        self._changed = threading.Condition()
        self._attempts: list[Attempt] = []
        # Wake-ups that found nothing while all places were taken.
        self._missed = 0

    @property
    def is_full(self) -> bool:
        return len(self.attempts) >= self._places

    @property
    def attempts(self) -> list[Attempt]:
        """List those under way, the oldest first."""
        with self._changed:
            return list(self._attempts)

    def start(self, attempt: Attempt) -> None:
        """Carry `attempt` to its end in a thread; its lease is kept from now on."""
        with ExitStack() as leases:
            leases.enter_context(LeaseKeeper([attempt.lease]))
            with self._changed:
                self._attempts.append(attempt)
            self._threads.submit(self._carry, attempt, leases.pop_all())
        self._on_change()

    def miss(self) -> bool:
        """Note that a wake-up found nothing while all places were taken; `False` if one is free.

        The job that it was for may wait for a place: the next that is freed sends another one.
        """
        with self._changed:
            if len(self._attempts) < self._places:
                return False
            self._missed += 1
            return True

    def wait(self) -> None:
        """Block until none is under way."""
        with self._changed:
            self._changed.wait_for(lambda: not self._attempts)

    def _carry(self, attempt: Attempt, leases: ExitStack) -> None:
        close_old_connections()
        try:
            with leases:
                if attempt.prepare():
                    attempt.end(attempt.outcome(self._engine))
        except Exception:
            # Nobody asks this thread for its result; the lease of the job runs out by itself.
            logger.exception("attempt_beside_failed", job_id=str(attempt.job.id))
        finally:
            close_old_connections()
            with self._changed:
                self._attempts.remove(attempt)
                is_awaited = self._missed > 0
                self._missed -= is_awaited
            if is_awaited:
                wake_tier(GpuTier(attempt.job.tier))
            with self._changed:
                self._changed.notify_all()
            self._on_change()
