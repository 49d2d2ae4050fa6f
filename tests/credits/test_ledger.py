"""Grants, holds and what becomes of them, rule by rule."""

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.accounts.models import User
from apps.core.errors import Invalid, NotFound, PaymentRequired
from apps.core.models import Act, AuditRecord
from apps.credits.models import Grant, GrantBalance, Hold, Posting, PostingKind
from apps.credits.selectors import Balance, balance_of, read_balance
from apps.credits.services.grants import (
    add_grant,
    expire_grants,
    give_credits,
    grant_trial_credits,
    refund_job,
    withdraw_grant,
)
from apps.credits.services.ledger import Resolution, hold_credits, release_hold, settle_hold
from apps.plans.products import CreditSource

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


def hold(user: User, amount: int) -> uuid.UUID:
    return hold_credits(user_id=user.id, job_id=uuid.uuid4(), amount=amount).job_id


def settle(user: User, job_id: uuid.UUID, charge: int) -> Resolution:
    return settle_hold(user_id=user.id, job_id=job_id, charge=charge)


def heaps(key: str) -> tuple[int, int, int, int]:
    """Return available, held, spent and closed credits of a grant."""
    balance = GrantBalance.objects.get(grant__idempotency_key=key)
    return balance.available, balance.held, balance.spent, balance.closed


def usable_until(key: str) -> datetime:
    return GrantBalance.objects.get(grant__idempotency_key=key).usable_until


class TestHolds:
    def test_takes_from_the_grants_that_end_first(
        self, account: User, give: Callable[..., Grant]
    ) -> None:
        give("late", 100, days=30)
        give("soon", 10, days=1)
        give("next", 20, days=2)

        hold(account, 35)

        assert heaps("soon") == (0, 10, 0, 0)
        assert heaps("next") == (0, 20, 0, 0)
        assert heaps("late") == (95, 5, 0, 0)

    def test_leaves_the_grants_alone_that_it_does_not_need(
        self, account: User, give: Callable[..., Grant]
    ) -> None:
        give("soon", 10, days=1)
        give("late", 10, days=2)

        hold(account, 10)

        assert heaps("late") == (10, 0, 0, 0)
        assert Posting.objects.filter(kind=PostingKind.HOLD).count() == 1

    def test_uses_no_grant_before_it_begins_nor_after_its_end(
        self, account: User, give: Callable[..., Grant], clock: Clock
    ) -> None:
        give("past", 10, days=1)
        give("now", 10, days=10)
        give("future", 10, starts_in=5)
        clock.wait(DAY)

        with pytest.raises(PaymentRequired):
            hold(account, 11)
        hold(account, 10)

        assert (heaps("past"), heaps("future")) == ((10, 0, 0, 0), (10, 0, 0, 0))

    def test_more_than_there_is_is_refused_with_the_numbers_and_changes_nothing(
        self, account: User, give: Callable[..., Grant]
    ) -> None:
        give("a", 10)
        hold(account, 4)
        postings = Posting.objects.count()

        with pytest.raises(PaymentRequired) as refused:
            hold(account, 7)

        assert refused.value.numbers == {
            "required": 7,
            "available": 6,
            "smallest_plan": "starter",
        }
        assert heaps("a") == (6, 4, 0, 0)
        assert (Hold.objects.count(), Posting.objects.count()) == (1, postings)

    def test_the_plan_that_is_named_has_so_many_credits(self, account: User) -> None:
        named = []
        for amount in (5_000, 5_001, 30_001):
            with pytest.raises(PaymentRequired) as refused:
                hold(account, amount)
            named.append(refused.value.numbers["smallest_plan"])

        assert named == ["starter", "pro", "enterprise"]

    def test_a_job_holds_once(self, account: User, give: Callable[..., Grant]) -> None:
        give("a", 10)
        job_id = hold(account, 4)

        with pytest.raises(IntegrityError), transaction.atomic():
            hold_credits(user_id=account.id, job_id=job_id, amount=4)

        assert heaps("a") == (6, 4, 0, 0)

    @pytest.mark.parametrize("amount", [0, -5])
    def test_nothing_cannot_be_held(
        self, account: User, give: Callable[..., Grant], amount: int
    ) -> None:
        give("a", 10)

        with pytest.raises(IntegrityError), transaction.atomic():
            hold(account, amount)

        assert heaps("a") == (10, 0, 0, 0)


class TestResolutions:
    def test_the_charge_comes_from_what_ends_first_and_the_rest_goes_back_to_its_grants(
        self, account: User, give: Callable[..., Grant]
    ) -> None:
        give("soon", 10, days=1)
        give("next", 10, days=2)
        give("late", 10, days=3)
        job_id = hold(account, 25)

        assert settle(account, job_id, 12) == Resolution(charged=12, released=13)

        assert heaps("soon") == (0, 0, 10, 0)
        assert heaps("next") == (8, 0, 2, 0)
        assert heaps("late") == (10, 0, 0, 0)

    def test_nothing_above_the_hold_is_charged(
        self, account: User, give: Callable[..., Grant]
    ) -> None:
        give("a", 10)
        job_id = hold(account, 4)

        assert settle(account, job_id, 1000) == Resolution(charged=4, released=0)

        assert heaps("a") == (6, 0, 4, 0)

    def test_a_charge_of_nothing_gives_all_back(
        self, account: User, give: Callable[..., Grant]
    ) -> None:
        give("a", 10)

        assert settle(account, hold(account, 4), 0) == Resolution(charged=0, released=4)

        assert heaps("a") == (10, 0, 0, 0)

    def test_a_release_gives_all_back(self, account: User, give: Callable[..., Grant]) -> None:
        give("soon", 3, days=1)
        give("late", 10, days=2)
        job_id = hold(account, 5)

        release_hold(user_id=account.id, job_id=job_id)

        assert (heaps("soon"), heaps("late")) == ((3, 0, 0, 0), (10, 0, 0, 0))

    def test_the_first_resolution_stands(self, account: User, give: Callable[..., Grant]) -> None:
        give("a", 10)
        job_id = hold(account, 6)
        settle(account, job_id, 2)
        postings = Posting.objects.count()

        again = settle(account, job_id, 6)
        released = release_hold(user_id=account.id, job_id=job_id)

        assert again == released == Resolution(charged=2, released=4)
        assert heaps("a") == (8, 0, 2, 0)
        assert Posting.objects.count() == postings

    def test_a_job_without_a_hold_is_charged_nothing(self, account: User) -> None:
        assert settle(account, uuid.uuid4(), 5) == Resolution(charged=0, released=0)
        assert not Posting.objects.exists()


class TestLateReturns:
    """What comes back of a hold after the end of its grant."""

    def test_it_can_be_used_for_a_day(
        self, account: User, give: Callable[..., Grant], clock: Clock
    ) -> None:
        give("a", 10, days=1)
        job_id = hold(account, 6)
        clock.wait(DAY + timedelta(hours=3))
        expire_grants()

        settle(account, job_id, 2)

        assert heaps("a") == (4, 0, 2, 4)
        assert usable_until("a") == clock() + timedelta(hours=24)
        assert read_balance(user_id=account.id) == Balance(available=4, held=0)
        clock.wait(timedelta(hours=23, minutes=59))
        hold(account, 1)
        clock.wait(timedelta(minutes=1))
        with pytest.raises(PaymentRequired):
            hold(account, 1)
        expire_grants()
        assert heaps("a") == (0, 1, 2, 7)

    def test_it_never_lives_longer_than_a_week_after_the_end(
        self, account: User, give: Callable[..., Grant], clock: Clock
    ) -> None:
        end = give("a", 10, days=1).valid_until
        job_id = hold(account, 10)
        for day in range(1, 9):
            clock.now = end + day * DAY - timedelta(hours=1)
            release_hold(user_id=account.id, job_id=job_id)
            assert usable_until("a") == min(clock() + DAY, end + 7 * DAY)
            if clock() < usable_until("a"):
                job_id = hold(account, 10)

        assert usable_until("a") == end + 7 * DAY
        with pytest.raises(PaymentRequired):
            hold(account, 1)

    def test_what_is_charged_late_prolongs_nothing(
        self, account: User, give: Callable[..., Grant], clock: Clock
    ) -> None:
        end = give("a", 10, days=1).valid_until
        job_id = hold(account, 6)
        clock.wait(2 * DAY)

        settle(account, job_id, 6)

        assert usable_until("a") == end

    def test_a_grant_that_runs_is_not_prolonged(
        self, account: User, give: Callable[..., Grant]
    ) -> None:
        end = give("a", 10, days=1).valid_until

        release_hold(user_id=account.id, job_id=hold(account, 6))

        assert usable_until("a") == end

    def test_a_prolonged_grant_is_charged_when_it_is_its_turn(
        self, account: User, give: Callable[..., Grant], clock: Clock
    ) -> None:
        give("old", 10, days=1)
        job_id = hold(account, 10)
        clock.wait(DAY)
        give("ends-sooner", 10, days=0.5)
        release_hold(user_id=account.id, job_id=job_id)

        settle(account, hold(account, 15), 12)

        assert heaps("ends-sooner") == (0, 0, 10, 0)
        assert heaps("old") == (8, 0, 2, 0)


class TestGrants:
    def test_are_given_once_for_each_key(self, account: User, give: Callable[..., Grant]) -> None:
        assert give("a", 10) == give("a", 99)

        assert heaps("a") == (10, 0, 0, 0)
        assert Posting.objects.count() == 1

    def test_of_two_users_may_have_the_same_key(
        self, account: User, give: Callable[..., Grant], stranger: User
    ) -> None:
        give("a", 10)
        other = add_grant(
            user_id=stranger.id,
            source=CreditSource.GIFT,
            amount=5,
            valid_from=START,
            valid_until=START + DAY,
            key="a",
        )

        assert other.total == 5
        assert Grant.objects.filter(idempotency_key="a").count() == 2

    def test_expire_once_they_have_ended(
        self, account: User, give: Callable[..., Grant], clock: Clock
    ) -> None:
        give("a", 10, days=1)
        give("b", 10, days=2)
        hold(account, 3)
        clock.wait(DAY)

        assert [expire_grants(), expire_grants()] == [1, 0]

        assert (heaps("a"), heaps("b")) == ((0, 3, 0, 7), (10, 0, 0, 0))
        assert Posting.objects.filter(kind=PostingKind.EXPIRE).count() == 1

    def test_of_a_trial_come_once(self, user: User) -> None:
        for _ in range(3):
            grant_trial_credits(user_id=user.id)

        (grant,) = Grant.objects.filter(user=user)
        assert (grant.total, grant.source) == (500, CreditSource.TRIAL)
        assert read_balance(user_id=user.id).available == 500

    def test_of_a_trial_need_a_trial(self, account: User) -> None:
        grant_trial_credits(user_id=account.id)

        assert not Grant.objects.exists()

    def test_of_an_administrator_need_a_reason(self, account: User, user: User) -> None:
        with pytest.raises(Invalid) as refused:
            give_credits(user=account, actor=user, amount=0, reason="short", key="x")

        assert refused.value.fields.keys() == {"amount", "reason"}
        assert not Grant.objects.filter(user=account).exists()

    def test_of_an_administrator_are_on_record(self, account: User, user: User) -> None:
        for _ in range(2):
            give_credits(user=account, actor=user, amount=50, reason=REASON, key="x")

        (grant,) = Grant.objects.filter(user=account)
        assert (grant.total, grant.granted_by, grant.reason) == (50, user.id, REASON)
        act = AuditRecord.objects.filter(user_id=account.id, act=Act.CREDITS_GIVEN).first()
        assert act is not None
        assert (act.actor_id, act.target) == (user.id, f"50: {REASON}")


class TestWithdrawals:
    def withdraw(self, user: User, **limits: Any) -> int:
        return withdraw_grant(user_id=user.id, key="a", reason="refunded", **limits)

    def test_take_what_is_unused_and_once(self, account: User, give: Callable[..., Grant]) -> None:
        give("a", 10)
        settle(account, hold(account, 3), 3)

        assert [self.withdraw(account), self.withdraw(account)] == [7, 0]

        assert heaps("a") == (0, 0, 3, 7)
        assert Posting.objects.get(kind=PostingKind.REVOKE).reason == "refunded"

    def test_of_a_grant_that_is_not_there_take_nothing(self, account: User) -> None:
        assert self.withdraw(account) == 0
        assert not Posting.objects.exists()

    def test_take_no_more_than_asked_for(self, account: User, give: Callable[..., Grant]) -> None:
        give("a", 10)

        assert self.withdraw(account, at_most=4) == 4
        assert heaps("a") == (6, 0, 0, 4)

    def test_take_once_what_they_are_told_twice(
        self, account: User, give: Callable[..., Grant]
    ) -> None:
        give("a", 10)
        job_id = hold(account, 8)

        taken = [self.withdraw(account, in_all=4), self.withdraw(account, in_all=4)]
        release_hold(user_id=account.id, job_id=job_id)
        taken += [self.withdraw(account, in_all=4), self.withdraw(account, in_all=4)]

        assert taken == [2, 0, 2, 0]
        assert heaps("a") == (6, 0, 0, 4)
        assert read_balance(user_id=account.id).available == 6

    @pytest.mark.parametrize("late", [timedelta(hours=1), 40 * DAY])
    def test_let_nothing_come_back_into_a_grant_that_is_taken_back_whole(
        self, account: User, give: Callable[..., Grant], clock: Clock, late: timedelta
    ) -> None:
        give("a", 10, days=30)
        job_id = hold(account, 10)
        clock.wait(DAY)

        assert [self.withdraw(account), self.withdraw(account)] == [0, 0]
        clock.wait(late)
        settle(account, job_id, 3)

        assert read_balance(user_id=account.id) == Balance(available=0, held=0)
        with pytest.raises(PaymentRequired):
            hold(account, 1)
        expire_grants()
        assert heaps("a") == (0, 0, 3, 7)
        assert Posting.objects.filter(kind=PostingKind.REVOKE).count() == 1


class TestRefunds:
    def refund(self, user: User, job_id: uuid.UUID, amount: int, actor: User) -> Grant:
        return refund_job(user_id=user.id, job_id=job_id, amount=amount, reason=REASON, actor=actor)

    def test_are_entries_against_the_charge_and_new_credits(
        self, account: User, give: Callable[..., Grant], user: User
    ) -> None:
        give("soon", 4, days=1)
        give("late", 10, days=2)
        job_id = hold(account, 8)
        settle(account, job_id, 6)
        before = list(Posting.objects.order_by("id").values())

        grant = self.refund(account, job_id, 5, user)

        assert (grant.total, grant.source, grant.granted_by) == (5, "refund", user.id)
        assert grant.valid_until == START + 60 * DAY
        entries = Posting.objects.filter(kind=PostingKind.REFUND)
        assert sum(entry.closed for entry in entries) == 5
        assert {(entry.reason, entry.actor_id) for entry in entries} == {(REASON, user.id)}
        ids = [row["id"] for row in before]
        assert list(Posting.objects.filter(id__in=ids).order_by("id").values()) == before
        assert read_balance(user_id=account.id).available == 8 + 5
        act = AuditRecord.objects.get(act=Act.CREDITS_REFUNDED)
        assert (act.user_id, act.actor_id) == (account.id, user.id)

    def test_never_exceed_the_charge_in_all(
        self, account: User, give: Callable[..., Grant], user: User
    ) -> None:
        give("a", 10)
        job_id = hold(account, 8)
        settle(account, job_id, 6)
        self.refund(account, job_id, 4, user)

        with pytest.raises(Invalid):
            self.refund(account, job_id, 3, user)
        self.refund(account, job_id, 2, user)
        with pytest.raises(Invalid):
            self.refund(account, job_id, 1, user)

        assert heaps("a") == (4, 0, 0, 6)
        assert read_balance(user_id=account.id).available == 10

    def test_need_a_charge(self, account: User, give: Callable[..., Grant], user: User) -> None:
        give("a", 10)
        job_id = hold(account, 8)

        with pytest.raises(Invalid):
            self.refund(account, job_id, 1, user)
        with pytest.raises(NotFound):
            self.refund(account, uuid.uuid4(), 1, user)

        assert heaps("a") == (2, 8, 0, 0)

    def test_need_a_reason(self, account: User, give: Callable[..., Grant], user: User) -> None:
        give("a", 10)
        job_id = hold(account, 8)
        settle(account, job_id, 6)

        with pytest.raises(Invalid):
            refund_job(user_id=account.id, job_id=job_id, amount=1, reason="no", actor=user)

        assert heaps("a") == (4, 0, 6, 0)
        assert not AuditRecord.objects.filter(act=Act.CREDITS_REFUNDED).exists()


@pytest.mark.django_db(transaction=True)
def test_the_shown_balance_follows_every_movement(user: User) -> None:
    shown = []

    def look() -> None:
        shown.append(balance_of(user_id=user.id))

    look()
    job_id = hold(user, 100)
    look()
    settle(user, job_id, 40)
    look()
    withdraw_grant(user_id=user.id, key="trial", reason="test", at_most=60)
    look()

    assert [(each.available, each.held) for each in shown] == [
        (500, 0),
        (400, 100),
        (460, 0),
        (400, 0),
    ]
