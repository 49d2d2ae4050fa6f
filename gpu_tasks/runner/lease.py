"""Keep a claimed job's lease alive from a thread, and know when to stop."""

import threading
import time
import uuid
from types import TracebackType
from typing import Self

import structlog
from django.conf import settings
from django.db import DatabaseError, close_old_connections, connection

from apps.generation.services.leases import LeaseState, check_lease, renew_lease

logger = structlog.get_logger(__name__)

RENEWALS_A_LEASE = 4
# A step of a fast model takes less than a look at the row is worth.
SECONDS_BETWEEN_LOOKS = 0.08


class LeaseKeeper:
    """Renew the lease of one attempt until left; `must_stop` says to give up at the next step.

    The thread only renews. Whether the user wants the job cancelled is read by the thread that
    runs it, between steps, so that a cancel never waits for the next renewal.
    """

    def __init__(self, *, user_id: uuid.UUID, job_id: uuid.UUID, attempt: int) -> None:
        self.user_id = user_id
        self.job_id = job_id
        self.attempt = attempt
        self.lost = False
        self.cancelled = False
        self._left = threading.Event()
        self._thread = threading.Thread(target=self._renew, name=f"lease-{job_id}", daemon=True)
        self._last_look = time.monotonic()

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
        """Tell whether the job was cancelled or taken over; costs a query now and then."""
        if time.monotonic() - self._last_look >= SECONDS_BETWEEN_LOOKS:
            self._last_look = time.monotonic()
            self._note(check_lease(user_id=self.user_id, job_id=self.job_id, attempt=self.attempt))
        return self.lost or self.cancelled

    def _renew(self) -> None:
        interval = settings.EASEL_LEASE_SECONDS / RENEWALS_A_LEASE
        try:
            while not self._left.wait(interval):
                try:
                    close_old_connections()
                    self._note(
                        renew_lease(user_id=self.user_id, job_id=self.job_id, attempt=self.attempt)
                    )
                except DatabaseError as error:
                    # The next renewal may succeed; if none does, the lease runs out by itself.
                    logger.warning("lease_not_renewed", error=type(error).__name__)
        finally:
            connection.close()

    def _note(self, state: LeaseState) -> None:
        if not state.held:
            self.lost = True
        if state.cancel_requested:
            self.cancelled = True
