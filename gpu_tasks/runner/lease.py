"""Keep the leases of claimed jobs alive from a thread, and know when to stop."""

import threading
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import structlog
from django.conf import settings
from django.db import DatabaseError, close_old_connections, connection

from apps.generation.cancels import listener
from apps.generation.services.leases import watch_leases

logger = structlog.get_logger(__name__)

RENEWALS_A_LEASE = 4
# A cancel is told through Redis, which forgets what nobody heard.
SECONDS_BETWEEN_LOOKS = 1.0
# So soon one is seen without it, with some time for the look itself within a tenth of a second.
SECONDS_BETWEEN_LOOKS_UNTOLD = 0.08
SECONDS_AFTER_FAILURE = 1.0


@dataclass(slots=True)
class Lease:
    """The lease of one attempt, as of the last look."""

    job_id: uuid.UUID
    attempt: int
    lost: bool = False
    cancelled: bool = False
    # Its job was ended by us, so nobody asks any more.
    closed: bool = False

    def must_stop(self) -> bool:
        """Tell whether the job was cancelled or taken over."""
        return self.lost or self.cancelled


class LeaseKeeper:
    """Renew the leases of some attempts until left or closed.

    A thread renews them, and looks whether the users want their jobs cancelled when that is told
    and now and then, so that the thread which makes the pictures never waits for the database.
    """

    def __init__(self, leases: Sequence[Lease]) -> None:
        self.leases = leases
        self._is_left = False
        self._stirred = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="leases", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._is_left = True
        self._stirred.set()
        self._thread.join()

    def _watch(self) -> None:
        renew_every = settings.EASEL_LEASE_SECONDS / RENEWALS_A_LEASE
        renewed = time.monotonic()
        # Between the claim and our listening a cancel may have been told to nobody.
        pause = SECONDS_BETWEEN_LOOKS_UNTOLD
        try:
            with listener.listen([lease.job_id for lease in self.leases], self._stirred):
                while True:
                    self._stirred.wait(min(pause, renew_every))
                    self._stirred.clear()
                    if self._is_left:
                        return
                    is_due = time.monotonic() - renewed >= renew_every
                    answered = self._look(renew=is_due)
                    if answered and is_due:
                        renewed = time.monotonic()
                    pause = _pause(answered=answered)
        finally:
            connection.close()

    def _look(self, *, renew: bool) -> bool:
        leases = [lease for lease in self.leases if not lease.closed]
        try:
            states = watch_leases(
                attempts={lease.job_id: lease.attempt for lease in leases}, renew=renew
            )
        except DatabaseError as error:
            # The next renewal may succeed; if none does, the lease runs out by itself.
            logger.warning("lease_not_renewed", error=type(error).__name__)
            close_old_connections()
            return False
        for lease in leases:
            state = states[lease.job_id]
            lease.lost = lease.lost or not state.held
            lease.cancelled = lease.cancelled or state.cancel_requested
        return True


def _pause(*, answered: bool) -> float:
    if not answered:
        return SECONDS_AFTER_FAILURE
    return SECONDS_BETWEEN_LOOKS if listener.is_hearing else SECONDS_BETWEEN_LOOKS_UNTOLD
