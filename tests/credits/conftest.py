"""An account without credits, and grants for it, at a time that the test chooses."""

from collections.abc import Callable

import pytest
from django.utils import timezone

from apps.accounts.models import User
from apps.credits.models import Grant
from apps.credits.services.grants import (
    add_grant,
)
from apps.plans.products import CreditSource
from tests.credits.moves import DAY, Clock


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(timezone, "now", clock)
    return clock


@pytest.fixture
def account(db: None, clock: Clock) -> User:
    """A user without any credits."""
    return User.objects.create_user("books@example.com", "a long enough password")


@pytest.fixture
def give(account: User, clock: Clock) -> Callable[..., Grant]:
    def give(key: str, amount: int, *, days: float = 30, starts_in: float = 0) -> Grant:
        start = clock() + starts_in * DAY
        return add_grant(
            user_id=account.id,
            source=CreditSource.PACK,
            amount=amount,
            valid_from=start,
            valid_until=start + days * DAY,
            key=key,
        )

    return give
