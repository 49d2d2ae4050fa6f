"""How much of something there is, as the pages draw it."""

from dataclasses import dataclass

from apps.accounts.models import User
from apps.plans.entitlements import entitlements_of
from apps.plans.storage import used_bytes


@dataclass(frozen=True, slots=True)
class Share:
    """How much of something there is; `whole` is `None` where nothing limits it."""

    part: int
    whole: int | None

    @property
    def percent(self) -> int:
        """Return 0 to 100; a little is never nothing."""
        if not self.whole:
            return 0
        return min(100, max(int(self.part > 0), round(100 * self.part / self.whole)))


def storage_share(*, user: User) -> Share:
    """Return the bytes that `user` stores, of those that the plan has room for; two queries."""
    limit = entitlements_of(user_id=user.id).storage_bytes
    return Share(used_bytes(user_id=user.id), limit)
