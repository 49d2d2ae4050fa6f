"""Subscriptions in the admin, and the monthly credits of customers whose plan is set by hand."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apps.accounts.models import User
from apps.core.models import Act, AuditRecord
from apps.credits.models import Grant
from apps.credits.selectors import read_balance
from apps.plans.entitlements import entitlements_of
from apps.plans.models import PauseReason, Subscription, SubscriptionSource
from apps.plans.products import CreditSource
from apps.plans.services.enterprise import grant_enterprise_credits, month_around
from tests.admin.books import at, state_of_the_books

pytestmark = pytest.mark.django_db

ADD = "/admin/plans/subscription/add/"


def filled(person: User, **values: Any) -> dict[str, Any]:
    day = timezone.now() - timedelta(days=3)
    return {
        "user": str(person.id),
        "plan": "enterprise",
        "valid_from_0": f"{day:%Y-%m-%d}",
        "valid_from_1": "00:00:00",
        **values,
    }


def customer(user: User, begins: datetime, **fields: Any) -> Subscription:
    return Subscription.objects.create(
        user=user,
        plan="enterprise",
        valid_from=begins,
        **{"custom_credits_a_month": 1000, "custom_dollars_a_month": 99, **fields},
    )


def given(user: User) -> list[tuple[datetime, datetime, int]]:
    grants = Grant.objects.filter(user=user, source=CreditSource.PLAN).order_by("valid_from")
    return list(grants.values_list("valid_from", "valid_until", "total"))


def day(year: int, month: int, number: int, hour: int = 0) -> datetime:
    return datetime(year, month, number, hour, tzinfo=UTC)


def test_an_enterprise_customer_gets_own_values_and_credits_at_once(
    billing: Client, biller: User, user: User
) -> None:
    values = {
        "custom_dollars_a_month": 2000,
        "custom_credits_a_month": 400_000,
        "custom_parallel_queues": 12,
        "custom_storage_gb": 5000,
    }

    assert billing.post(ADD, filled(user, **values)).status_code == 302

    plan = entitlements_of(user_id=user.id).plan
    assert (plan.dollars_a_month, plan.credits_a_month) == (2000, 400_000)
    assert (plan.parallel_queues, plan.storage_gb) == (12, 5000)
    assert read_balance(user_id=user.id).available == 500 + 400_000
    grant = Grant.objects.get(source=CreditSource.PLAN)
    assert (grant.paid_cents, grant.plan) == (200_000, "enterprise")
    record = AuditRecord.objects.get(act=Act.ADMIN_CHANGE)
    assert (record.user_id, record.actor_id) == (user.id, biller.id)


@pytest.mark.parametrize(
    ("values", "fields"),
    [
        ({"plan": "pro", "custom_credits_a_month": 5}, ["custom_credits_a_month"]),
        ({"plan": "pro", "custom_storage_gb": 0}, ["custom_storage_gb"]),
        ({"custom_credits_a_month": -1}, ["custom_credits_a_month"]),
        ({"valid_until_0": "2020-01-01", "valid_until_1": "00:00"}, ["valid_until"]),
        ({"plan": "gold"}, ["plan"]),
        ({"user": ""}, ["user"]),
    ],
)
def test_wrong_values_are_refused_and_change_nothing(
    billing: Client, user: User, values: dict[str, Any], fields: list[str]
) -> None:
    before = state_of_the_books()

    response = billing.post(ADD, filled(user, **values))

    assert response.status_code == 200
    assert list(response.context["adminform"].form.errors) == fields
    assert state_of_the_books() == before


def test_what_is_paid_by_card_stays_as_the_provider_says_but_can_be_paused(
    billing: Client, user: User
) -> None:
    now = timezone.now()
    paid = Subscription.objects.create(
        user=user,
        plan="pro",
        source=SubscriptionSource.STRIPE,
        stripe_subscription_id="sub_1",
        valid_from=now,
        valid_until=now + timedelta(days=30),
    )
    url = f"/admin/plans/subscription/{paid.id}"

    sent = {**filled(user), "plan": "studio", "source": "manual", "pause_reason": "staff"}
    assert billing.post(f"{url}/change/", sent).status_code == 302
    assert billing.post(f"{url}/delete/", {"post": "yes"}).status_code == 403

    after = Subscription.objects.get(id=paid.id)
    assert (after.plan, after.source, after.valid_until) == ("pro", "stripe", paid.valid_until)
    assert after.pause_reason == PauseReason.STAFF
    assert entitlements_of(user_id=user.id).pause == PauseReason.STAFF


def test_pauses_that_follow_from_payments_are_not_for_staff_to_set(
    billing: Client, user: User
) -> None:
    subscription = Subscription.objects.get(user=user)
    url = f"/admin/plans/subscription/{subscription.id}/change/"

    assert billing.post(url, filled(user, plan="trial", pause_reason="disputed")).status_code == 200
    assert Subscription.objects.get(user=user).pause_reason == ""


def test_support_sees_subscriptions_and_changes_none(support: Client, user: User) -> None:
    before = state_of_the_books()
    subscription = Subscription.objects.get(user=user)
    url = f"/admin/plans/subscription/{subscription.id}/change/"

    assert support.get(url).status_code == 200
    assert support.post(url, filled(user)).status_code == 403
    assert support.post(ADD, filled(user)).status_code == 403
    assert state_of_the_books() == before


@pytest.mark.parametrize(
    ("now", "begins", "ends"),
    [
        (day(2026, 1, 31), day(2026, 1, 31), day(2026, 2, 28)),
        (day(2026, 2, 27, 23), day(2026, 1, 31), day(2026, 2, 28)),
        (day(2026, 2, 28), day(2026, 2, 28), day(2026, 3, 31)),
        (day(2026, 3, 30), day(2026, 2, 28), day(2026, 3, 31)),
        (day(2026, 3, 31), day(2026, 3, 31), day(2026, 4, 30)),
        (day(2026, 12, 31), day(2026, 12, 31), day(2027, 1, 31)),
        (day(2028, 2, 29), day(2028, 2, 29), day(2028, 3, 31)),
    ],
)
def test_months_that_begin_on_the_31st_end_with_shorter_ones(
    now: datetime, begins: datetime, ends: datetime
) -> None:
    assert month_around(now, first=day(2026, 1, 31)) == (begins, ends)


def test_credits_come_once_a_month_until_its_end(user: User) -> None:
    customer(user, day(2026, 1, 31))
    runs = [day(2026, 1, 31), day(2026, 2, 1), day(2026, 2, 28), day(2026, 3, 30), day(2026, 3, 31)]

    for moment in runs:
        for _ in range(2):
            with at(moment):
                assert grant_enterprise_credits() == 1

    assert given(user) == [
        (day(2026, 1, 31), day(2026, 2, 28), 1000),
        (day(2026, 2, 28), day(2026, 3, 31), 1000),
        (day(2026, 3, 31), day(2026, 4, 30), 1000),
    ]
    assert set(Grant.objects.filter(source="plan").values_list("paid_cents", flat=True)) == {9900}


def test_a_month_that_nobody_was_there_for_is_not_made_up_for(user: User) -> None:
    customer(user, day(2026, 1, 15))

    with at(day(2026, 4, 20)):
        grant_enterprise_credits()

    assert given(user) == [(day(2026, 4, 15), day(2026, 5, 15), 1000)]


def test_credits_end_with_the_subscription(user: User) -> None:
    customer(user, day(2026, 1, 1), valid_until=day(2026, 2, 10))

    for moment in (day(2026, 2, 5), day(2026, 2, 10), day(2026, 3, 5)):
        with at(moment):
            grant_enterprise_credits()

    assert given(user) == [(day(2026, 2, 1), day(2026, 2, 10), 1000)]


@pytest.mark.parametrize(
    "fields",
    [
        {"custom_credits_a_month": None},
        {"custom_credits_a_month": 0},
        {"pause_reason": PauseReason.PAYMENT_FAILED},
        {"source": SubscriptionSource.STRIPE},
        {"valid_from": day(2026, 3, 1)},
    ],
)
def test_nothing_comes_to_whom_nothing_is_due(user: User, fields: dict[str, Any]) -> None:
    begins = fields.pop("valid_from", day(2026, 1, 1))
    customer(user, begins, **fields)

    with at(day(2026, 2, 5)):
        assert grant_enterprise_credits() == 0

    assert given(user) == []
