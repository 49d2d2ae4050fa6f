"""How the business goes, as operators see it."""

from datetime import timedelta
from decimal import Decimal
from unittest import mock
from uuid import uuid4

import pytest
from django.utils import timezone

from apps.accounts.models import User
from apps.core.observability.figures import collect_all
from apps.core.tenancy import tenant_scope
from apps.credits.models import ActionType, UsageRecord
from apps.plans.models import BillingInterval, Subscription, SubscriptionSource
from apps.plans.tiers import GpuTier
from tests.factories import make_user

pytestmark = pytest.mark.django_db(transaction=True)


def use(user: User, *, minutes_ago: int, pictures: int, credits: int) -> None:
    # The row cannot be changed afterwards.
    moment = timezone.now() - timedelta(minutes=minutes_ago)
    with mock.patch.object(timezone, "now", return_value=moment), tenant_scope(user.id):
        UsageRecord.objects.create(
            user=user,
            job_id=uuid4(),
            action_type=ActionType.GENERATION,
            model_used="starter",
            gpu_tier=GpuTier.BASIC,
            steps=20,
            width=64,
            height=64,
            batch_size=pictures,
            compute_seconds=Decimal(credits),
            credits_consumed=credits,
        )


def figures() -> dict[str, object]:
    return {figure.key: figure.value for figure in collect_all()}


def test_users_count_for_a_day_and_pictures_and_credits_for_an_hour(user: User) -> None:
    other = make_user("other@example.com")
    use(user, minutes_ago=5, pictures=4, credits=12)
    use(user, minutes_ago=59, pictures=1, credits=3)
    use(user, minutes_ago=61, pictures=100, credits=100)
    use(other, minutes_ago=23 * 60, pictures=1, credits=1)
    use(make_user("gone@example.com"), minutes_ago=25 * 60, pictures=1, credits=1)

    found = figures()

    assert found["active_users"] == 2
    assert found["pictures_last_hour"] == 5
    assert found["credits_last_hour"] == 15


def test_revenue_is_what_active_subscriptions_by_card_bring_in(user: User) -> None:
    assert figures()["recurring_revenue_dollars"] == 0
    for email, plan, interval in (
        ("a@example.com", "starter", BillingInterval.MONTH),
        ("b@example.com", "pro", BillingInterval.MONTH),
    ):
        Subscription.objects.filter(user=make_user(email)).update(
            plan=plan, source=SubscriptionSource.STRIPE, interval=interval, valid_until=None
        )

    assert figures()["recurring_revenue_dollars"] == 100.0
