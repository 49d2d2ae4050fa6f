"""How often somebody may try to sign in: per e-mail and per address, failures alone."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from apps.core.client_address import address_block
from apps.core.rate_limits import Endpoint, LocalWindows, Verdict, counter, give_back, take

# Sign-in is never without a limit: while Redis is away each process counts for itself.
_local_windows = LocalWindows()


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try, counted before the password is looked at, so that tries at once count too."""

    verdicts: Sequence[Verdict]
    is_local: bool

    @property
    def retry_after(self) -> int:
        """Return the seconds to wait before the next try; 0 when this one may go on."""
        return max((v.more_in for v in self.verdicts if not v.allowed), default=0)

    def forgive(self) -> None:
        """Uncount the try, since it succeeded."""
        if self.is_local:
            _local_windows.give_back(self.verdicts)
        else:
            give_back(self.verdicts)


def begin_attempt(*, email: str, address: str) -> Attempt:
    """Count a try to sign in as `email` from `address`; one that is refused is not counted."""
    counters = (
        counter(_email_subject(email), Endpoint.SIGN_IN_EMAIL),
        counter(address_block(address), Endpoint.SIGN_IN_ADDRESS),
    )
    verdicts = take(*counters)
    if verdicts is None:
        return Attempt(_local_windows.take(*counters), is_local=True)
    return Attempt(verdicts, is_local=False)


def _email_subject(email: str) -> str:
    # As the database compares addresses. Hashed, since a key of Redis may be seen by many.
    return hashlib.sha256(email.strip().upper().encode()).hexdigest()[:32]
