"""Holds and what becomes of them, rule by rule."""

import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from apps.accounts.models import User
from apps.core.errors import PaymentRequired
from apps.credits.models import Grant, Hold, Posting, PostingKind
from apps.credits.selectors import Balance, balance_of, read_balance
from apps.credits.services.grants import (
    expire_grants,
    withdraw_grant,
)
from apps.credits.services.ledger import Resolution, release_hold
from tests.credits.moves import DAY, Clock, heaps, hold, hold_for, settle, usable_until


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
            hold_for(user_id=account.id, job_id=job_id, amount=4)

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
