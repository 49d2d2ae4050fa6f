"""Writes on plans."""

from datetime import datetime
from typing import Any

from django.db import connection
from django.utils import timezone

from apps.accounts.models import User
from apps.core.tenancy import tenant_scope
from apps.plans.models import Subscription
from apps.plans.products import TRIAL_DAYS, Plan


def start_subscription(
    *, user: User, plan: Plan, valid_until: datetime | None = None
) -> Subscription:
    """Put `user` on `plan` from now until `valid_until`, or without an end."""
    return Subscription.objects.create(
        user=user, plan=plan.slug, valid_from=timezone.now(), valid_until=valid_until
    )


def start_trial(*, user: User) -> None:
    """Put a new `user` on trial, unless there has been a plan before.

    By a function of PostgreSQL: who serves users may begin a trial and nothing better.
    """
    with tenant_scope(user.id), connection.cursor() as cursor:
        cursor.execute("SELECT easel_start_trial(%s)", [TRIAL_DAYS])


def start_trial_of_opened_account(*, sender: object, user: User, **kwargs: Any) -> None:
    """Answer `account_opened`."""
    del sender, kwargs
    start_trial(user=user)
