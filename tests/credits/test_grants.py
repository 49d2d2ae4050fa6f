"""Grants: given once, taken back, ended, and refunds as new ones, rule by rule."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from apps.accounts.models import User
from apps.core.errors import Invalid, NotFound, PaymentRequired
from apps.core.models import Act, AuditRecord
from apps.credits.models import Grant, Posting, PostingKind
from apps.credits.selectors import Balance, read_balance
from apps.credits.services.grants import (
    add_grant,
    expire_grants,
    give_credits,
    grant_trial_credits,
    refund_job,
    withdraw_grant,
)
from apps.credits.services.ledger import release_hold
from apps.plans.products import CreditSource
from tests.credits.moves import DAY, REASON, START, Clock, heaps, hold, settle


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
