"""Keep a claimed job's lease alive from a thread, and know when to stop."""

import threading
import time
import uuid
from collections.abc import Callable
from types import TracebackType
from typing import Self

import structlog
from django.conf import settings
from django.db import DatabaseError, close_old_connections, connection

from apps.generation.services.leases import LeaseState, check_lease, renew_lease

logger = structlog.get_logger(__name__)

RENEWALS_A_LEASE = 4
# So soon a cancel is seen.
SECONDS_BETWEEN_LOOKS = 0.1
SECONDS_AFTER_FAILURE = 1.0


class LeaseKeeper:
    """Renew the lease of one attempt until left; `must_stop` says to give up at the next step.

    A thread renews it, and between renewals looks whether the user wants the job cancelled, so
    that the thread which makes the pictures never waits for the database.
    """

    def __init__(self, *, user_id: uuid.UUID, job_id: uuid.UUID, attempt: int) -> None:
        self.user_id = user_id
        self.job_id = job_id
        self.attempt = attempt
        self.lost = False
        self.cancelled = False
        self._left = threading.Event()
        self._thread = threading.Thread(target=self._watch, name=f"lease-{job_id}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._left.set()
        self._thread.join()

    def must_stop(self) -> bool:
        """Tell whether the job was cancelled or taken over, as of the last look."""
        return self.lost or self.cancelled

    def _watch(self) -> None:
        renew_every = settings.EASEL_LEASE_SECONDS / RENEWALS_A_LEASE
        renewed = time.monotonic()
        try:
            pause = SECONDS_BETWEEN_LOOKS
            while not self._left.wait(min(pause, renew_every)):
                is_due = time.monotonic() - renewed >= renew_every
                answered = self._ask(renew_lease if is_due else check_lease)
                if answered and is_due:
                    renewed = time.monotonic()
                pause = SECONDS_BETWEEN_LOOKS if answered else SECONDS_AFTER_FAILURE
        finally:
            connection.close()

    def _ask(self, question: Callable[..., LeaseState]) -> bool:
        try:
            state = question(user_id=self.user_id, job_id=self.job_id, attempt=self.attempt)
        except DatabaseError as error:
            # The next renewal may succeed; if none does, the lease runs out by itself.
            logger.warning("lease_not_renewed", error=type(error).__name__)
            close_old_connections()
            return False
        self.lost = self.lost or not state.held
        self.cancelled = self.cancelled or state.cancel_requested
        return True
