"""What happens when many move credits at once."""

import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, OperationalError, connection
from django.utils import timezone

from apps.accounts.models import User
from apps.core.errors import PaymentRequired
from apps.core.tenancy import service_scope, tenant_scope
from apps.credits.models import RESOLUTIONS, Grant, GrantBalance, Hold, Posting, PostingKind
from apps.credits.selectors import Balance, read_balance
from apps.credits.services.grants import add_grant, expire_grants
from apps.credits.services.ledger import (
    Resolution,
    lock_credits,
    release_hold,
    settle_hold,
)
from apps.plans.products import CreditSource
from tests.credits.books import broken_rules, connected_as, without_lock
from tests.credits.moves import hold_for

pytestmark = pytest.mark.django_db(transaction=True)

Act = Callable[[], Any]


@pytest.fixture
def account() -> User:
    return User.objects.create_user("books@example.com", "a long enough password")


def give(user: User, key: str, amount: int, *, lasts: timedelta = timedelta(days=9)) -> Grant:
    now = timezone.now()
    return add_grant(
        user_id=user.id,
        source=CreditSource.PACK,
        amount=amount,
        valid_from=now,
        valid_until=now + lasts,
        key=key,
    )


def together(*acts: Act) -> list[Any]:
    """Begin all of `acts` at once, each on a connection of its own; return what came of each."""
    start = threading.Barrier(len(acts))

    def run(act: Act) -> Any:
        try:
            connection.ensure_connection()
            start.wait(timeout=30)
            return act()
        except (PaymentRequired, DatabaseError) as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(acts)) as threads:
        return [each.result() for each in [threads.submit(run, act) for act in acts]]


def kinds(outcomes: list[Any]) -> Counter[str]:
    return Counter(type(outcome).__name__ for outcome in outcomes)


def check_books() -> None:
    with connected_as("ops") as raw:
        assert broken_rules(raw) == {}


class TestTheLastCredits:
    """50 threads want 7 credits each, and there are 105 in three grants."""

    def spend(self, user: User) -> Resolution:
        job_id = uuid.uuid4()
        with tenant_scope(user.id):
            hold_for(user_id=user.id, job_id=job_id, amount=7)
            # Whoever looks without waiting sees credits that are gone.
            time.sleep(0.01)
        with tenant_scope(user.id):
            return settle_hold(user_id=user.id, job_id=job_id, charge=7)

    def race(self, user: User) -> list[Any]:
        for number, amount in enumerate((20, 5, 80)):
            give(user, f"g{number}", amount, lasts=timedelta(days=1 + number))
        return together(*[lambda: self.spend(user)] * 50)

    def test_go_to_exactly_as_many_as_there_are_credits_for(self, account: User) -> None:
        outcomes = self.race(account)

        assert kinds(outcomes) == {"Resolution": 15, "PaymentRequired": 35}
        assert read_balance(user_id=account.id) == Balance(available=0, held=0)
        assert sum(balance.spent for balance in GrantBalance.objects.all()) == 105
        assert Hold.objects.count() == 15
        check_books()

    def test_without_the_lock_some_would_meet_an_error(self, account: User) -> None:
        with without_lock():
            outcomes = self.race(account)

        # PostgreSQL refuses to overdraw a grant even then, but that is no answer to a user.
        assert kinds(outcomes)["IntegrityError"] > 0
        assert kinds(outcomes)["PaymentRequired"] != 35
        check_books()


def test_two_users_never_block_each_other(account: User, stranger: User) -> None:
    give(account, "a", 10)
    is_locked, may_end = threading.Event(), threading.Event()

    def stay() -> None:
        with tenant_scope(account.id):
            hold_for(user_id=account.id, job_id=uuid.uuid4(), amount=1)
            is_locked.set()
            may_end.wait(timeout=30)

    def move(user: User) -> Resolution:
        job_id = uuid.uuid4()
        is_locked.wait(timeout=30)
        with tenant_scope(user.id), connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '300ms'")
            hold_for(user_id=user.id, job_id=job_id, amount=5)
            return settle_hold(user_id=user.id, job_id=job_id, charge=5)

    def look() -> list[Any]:
        try:
            return together(lambda: move(stranger), lambda: move(account))
        finally:
            may_end.set()

    with ThreadPoolExecutor(2) as threads:
        staying, looking = threads.submit(together, stay), threads.submit(look)
        theirs, own = looking.result()
        staying.result()

    assert theirs == Resolution(charged=5, released=0)
    # That of the same user waits: the lock was really held meanwhile.
    assert isinstance(own, OperationalError)
    assert read_balance(user_id=stranger.id) == Balance(available=495, held=0)


def test_a_hold_and_the_end_of_its_grant_meet(
    account: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of them is first; the other sees what it left."""
    real_now = timezone.now

    def now() -> datetime:
        ended = threading.current_thread().name == "expiring"
        return real_now() + (timedelta(days=10) if ended else timedelta(0))

    monkeypatch.setattr(timezone, "now", now)

    def expire() -> int:
        threading.current_thread().name = "expiring"
        return expire_grants()

    def hold() -> Hold:
        with tenant_scope(account.id):
            return hold_for(user_id=account.id, job_id=uuid.uuid4(), amount=6)

    for number in range(10):
        grant = give(account, f"g{number}", 10)
        _expired, held = together(expire, hold)
        balance = GrantBalance.objects.get(grant=grant)
        left = (balance.available, balance.held, balance.closed)
        assert left == ((0, 6, 4) if isinstance(held, Hold) else (0, 0, 10))
    check_books()


def test_a_settle_and_a_cancel_of_one_hold_meet(account: User) -> None:
    give(account, "a", 100)

    def end(job_id: uuid.UUID, charge: int | None) -> Resolution:
        with tenant_scope(account.id):
            if charge is None:
                return release_hold(user_id=account.id, job_id=job_id)
            return settle_hold(user_id=account.id, job_id=job_id, charge=charge)

    for _ in range(10):
        job_id = hold_for(user_id=account.id, job_id=uuid.uuid4(), amount=6).job_id
        settled, released = together(partial(end, job_id, 4), partial(end, job_id, None))
        # Whoever is second is told what the first did.
        assert settled == released
        assert settled in (Resolution(charged=4, released=2), Resolution(charged=0, released=6))
        resolved = Posting.objects.filter(hold__job_id=job_id, kind__in=RESOLUTIONS)
        assert resolved.count() == 1
    check_books()


def test_without_the_lock_a_second_resolution_would_meet_an_error(account: User) -> None:
    give(account, "a", 100)

    def resolve(job_id: uuid.UUID) -> Resolution:
        with tenant_scope(account.id):
            resolution = settle_hold(user_id=account.id, job_id=job_id, charge=4)
            time.sleep(0.02)
        return resolution

    with without_lock():
        job_id = hold_for(user_id=account.id, job_id=uuid.uuid4(), amount=6).job_id
        outcomes = together(*[lambda: resolve(job_id)] * 4)

    assert kinds(outcomes)["IntegrityError"] > 0
    check_books()


def test_two_schedulers_expire_each_grant_once(account: User, stranger: User) -> None:
    for user in (account, stranger):
        for number in range(8):
            give(user, f"g{number}", 10, lasts=timedelta(milliseconds=1))
    time.sleep(0.01)

    together(expire_grants, expire_grants)

    expired = Posting.objects.filter(kind=PostingKind.EXPIRE)
    assert expired.count() == 16
    assert sum(posting.closed for posting in expired) == 160
    assert read_balance(user_id=account.id).available == 0
    check_books()


class TestOneFactToldTenTimes:
    def race(self, user: User) -> list[Any]:
        valid_from = timezone.now()

        def told() -> uuid.UUID:
            with service_scope("test"):
                grant = add_grant(
                    user_id=user.id,
                    source=CreditSource.PLAN,
                    amount=100,
                    valid_from=valid_from,
                    valid_until=valid_from + timedelta(days=30),
                    key="invoice",
                )
                time.sleep(0.02)
            return grant.id

        return together(*[told] * 10)

    def test_gives_credits_once(self, account: User) -> None:
        assert len(set(self.race(account))) == 1

        assert Grant.objects.count() == 1
        assert read_balance(user_id=account.id).available == 100
        check_books()

    def test_without_the_lock_most_would_meet_an_error(self, account: User) -> None:
        with without_lock():
            outcomes = self.race(account)

        assert any(isinstance(outcome, IntegrityError) for outcome in outcomes)
        assert Grant.objects.count() == 1


def test_the_lock_ends_with_its_transaction(account: User) -> None:
    def move() -> str:
        with tenant_scope(account.id), connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '1s'")
            lock_credits(user_id=account.id)
        return "moved"

    assert together(move) + together(move) == ["moved", "moved"]
