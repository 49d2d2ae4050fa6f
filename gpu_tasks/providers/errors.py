"""What can go wrong at a provider, told apart by what helps.

`str(error)` names neither the key nor the request; what the provider said is in `reason`, for the
log alone.
"""

from __future__ import annotations

from typing import ClassVar


class ProviderError(Exception):
    """Be the base of all; `may_be_billed` says that pictures may have been made all the same."""

    may_be_billed: ClassVar[bool] = False
    # Asked again it may go well, and nothing was made: after `retry_after` seconds.
    may_be_repeated: ClassVar[bool] = False

    def __init__(self, reason: str = "", *, retry_after: float | None = None) -> None:
        super().__init__(type(self).__name__)
        self.reason = reason
        self.retry_after = retry_after


class ProviderTimeout(ProviderError):
    """No answer came in time to what was sent."""

    may_be_billed = True


class ProviderLimited(ProviderError):
    """Too much was asked for in a short time; `retry_after` is in seconds, if it was said."""

    may_be_repeated = True


class ProviderRefused(ProviderError):
    """The prompt, a picture or what came of them is against the provider's rules."""


class ProviderRejectedKey(ProviderError):
    """The key is not valid, or may not do this."""


class ProviderOutOfQuota(ProviderError):
    """The key's account has no credit left, or has reached its limit of spending."""


class ProviderInvalid(ProviderError):
    """The provider does not take the request as it is."""


class ProviderUnavailable(ProviderError):
    """The provider failed, and may have done so after it had made pictures."""

    may_be_billed = True


class ProviderUnreached(ProviderUnavailable):
    """Nothing was sent, or it was turned away before any work: nothing was made."""

    may_be_billed = False
    may_be_repeated = True


class ProviderBadAnswer(ProviderUnavailable):
    """The answer is too large, too slow, broken, or no picture."""
