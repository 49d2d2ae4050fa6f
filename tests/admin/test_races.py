"""The same form or request twice at the same moment: one grant."""

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connection

from apps.accounts.models import User
from apps.core.errors import Invalid
from apps.core.models import Act, AuditRecord
from apps.core.tenancy import service_scope
from apps.credits.selectors import holds_of_jobs, read_balance
from apps.credits.services.grants import give_credits, refund_job
from apps.plans import models as plans
from apps.plans.services.testers import grant_tester_plan
from tests.admin.books import REASON, charged_job

pytestmark = pytest.mark.django_db(transaction=True)

AT_ONCE = 4


def at_once(service: Callable[[int], Any]) -> list[Any]:
    """Call `service` with 0, 1 … in as many threads, each in a transaction of its own."""
    barrier = Barrier(AT_ONCE)

    def run(number: int) -> Any:
        try:
            with service_scope("test"):
                barrier.wait(10)
                return service(number)
        finally:
            connection.close()

    with ThreadPoolExecutor(AT_ONCE) as threads:
        return list(threads.map(run, range(AT_ONCE)))


def test_one_key_grants_the_tester_plan_once(user: User, stranger: User) -> None:
    def grant(_number: int) -> uuid.UUID:
        facts: dict[str, Any] = {"days": 30, "reason": REASON, "key": "one"}
        return grant_tester_plan(user=user, actor=stranger, **facts).id

    assert len(set(at_once(grant))) == 1
    assert plans.TesterGrant.objects.count() == 1
    assert plans.Subscription.objects.filter(user=user, plan="tester").count() == 1
    assert AuditRecord.objects.filter(act=Act.TESTER_GRANTED).count() == 1
    assert read_balance(user_id=user.id).available == 50_500


def test_with_keys_of_their_own_all_are_granted(user: User, stranger: User) -> None:
    def grant(number: int) -> uuid.UUID:
        facts: dict[str, Any] = {"days": 30, "reason": REASON, "key": str(number)}
        return grant_tester_plan(user=user, actor=stranger, **facts).id

    assert len(set(at_once(grant))) == AT_ONCE
    assert read_balance(user_id=user.id).available == 500 + AT_ONCE * 50_000


def test_one_key_gives_credits_once(user: User, stranger: User) -> None:
    at_once(
        lambda _number: (
            give_credits(user=user, actor=stranger, amount=100, reason=REASON, key="one").id
        )
    )

    assert read_balance(user_id=user.id).available == 600
    assert AuditRecord.objects.filter(act=Act.CREDITS_GIVEN).count() == 1


def test_refunds_at_once_are_together_never_above_the_charge(user: User, stranger: User) -> None:
    job_id = charged_job(user, quoted=8, charged=5)

    def refund(number: int) -> bool:
        try:
            refund_job(
                user_id=user.id,
                job_id=job_id,
                amount=2,
                reason=REASON,
                actor=stranger,
                key=str(number),
            )
        except Invalid:
            return False
        return True

    assert sorted(at_once(refund)) == [False, False, True, True]
    assert holds_of_jobs(user_id=user.id, job_ids=[job_id])[job_id].refunded == 4
    assert read_balance(user_id=user.id).available == 499
