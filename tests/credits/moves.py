"""Move credits in tests, by a clock that a test moves, and look where they are."""

import uuid
from datetime import datetime, timedelta

from apps.accounts.models import User
from apps.credits.models import GrantBalance, Hold
from apps.credits.services.ledger import Resolution, hold_credits, settle_hold

START = datetime.fromisoformat("2026-06-01T12:00:00+00:00")
DAY = timedelta(days=1)
REASON = "the picture came out grey"


class Clock:
    """The time of the product; the test moves it."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def wait(self, time: timedelta) -> None:
        self.now += time


def hold_for(
    *, user_id: uuid.UUID, job_id: uuid.UUID, amount: int, api_key_id: uuid.UUID | None = None
) -> Hold:
    """Hold the credits of one job."""
    [held] = hold_credits(user_id=user_id, amounts={job_id: amount}, api_key_id=api_key_id)
    return held


def hold(user: User, amount: int) -> uuid.UUID:
    return hold_for(user_id=user.id, job_id=uuid.uuid4(), amount=amount).job_id


def settle(user: User, job_id: uuid.UUID, charge: int) -> Resolution:
    return settle_hold(user_id=user.id, job_id=job_id, charge=charge)


def heaps(key: str) -> tuple[int, int, int, int]:
    """Return available, held, spent and closed credits of a grant."""
    balance = GrantBalance.objects.get(grant__idempotency_key=key)
    return balance.available, balance.held, balance.spent, balance.closed


def usable_until(key: str) -> datetime:
    return GrantBalance.objects.get(grant__idempotency_key=key).usable_until
