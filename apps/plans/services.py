"""Writes on plans."""

from datetime import datetime

from django.utils import timezone

from apps.accounts.models import User
from apps.plans.models import Subscription
from apps.plans.products import Plan


def start_subscription(
    *, user: User, plan: Plan, valid_until: datetime | None = None
) -> Subscription:
    """Put `user` on `plan` from now until `valid_until`, or without an end."""
    return Subscription.objects.create(
        user=user, plan=plan.slug, valid_from=timezone.now(), valid_until=valid_until
    )
