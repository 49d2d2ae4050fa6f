"""Writes on plans."""

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from apps.accounts.models import User
from apps.plans.models import Subscription
from apps.plans.products import TRIAL, TRIAL_DAYS, Plan


def start_subscription(
    *, user: User, plan: Plan, valid_until: datetime | None = None
) -> Subscription:
    """Put `user` on `plan` from now until `valid_until`, or without an end."""
    return Subscription.objects.create(
        user=user, plan=plan.slug, valid_from=timezone.now(), valid_until=valid_until
    )


def start_trial(*, user: User) -> Subscription:
    """Put a new `user` on trial."""
    end = timezone.now() + timedelta(days=TRIAL_DAYS)
    return start_subscription(user=user, plan=TRIAL, valid_until=end)


def start_trial_of_opened_account(*, sender: object, user: User, **kwargs: Any) -> None:
    """Answer `account_opened`."""
    del sender, kwargs
    start_trial(user=user)
