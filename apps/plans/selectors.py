"""Reads on plans."""

import uuid
from datetime import datetime

from django.db.models import QuerySet

from apps.accounts.models import User
from apps.core.errors import NotFound
from apps.plans.entitlements import entitlements_of
from apps.plans.models import Payment, Subscription, SubscriptionSource, TesterGrant
from apps.plans.products import Plan


def plan_of(*, user: User) -> Plan:
    """Return the plan that serves `user` now; whoever is paused still sees what the trial sees."""
    return entitlements_of(user_id=user.id).plan


def list_tester_grants() -> QuerySet[TesterGrant]:
    """List every tester grant, newest first; for staff."""
    return TesterGrant.objects.select_related("user", "subscription").order_by("-created_at", "-id")


def get_tester_grant(*, grant_id: uuid.UUID) -> TesterGrant:
    """Return a tester grant.

    Raises:
        NotFound: there is none of that id.
    """
    found = list_tester_grants().filter(id=grant_id).first()
    if found is None:
        raise NotFound
    return found


def running_subscription(*, user_id: uuid.UUID) -> Subscription | None:
    """Return the subscription that is paid by card and has not ended; `None` if there is none."""
    return (
        Subscription.objects.filter(user=user_id, source=SubscriptionSource.STRIPE, ended_at=None)
        .order_by("-valid_from")
        .first()
    )


def list_payments(*, user: User) -> QuerySet[Payment]:
    """List what `user` has paid, newest first."""
    return (
        Payment.objects.filter(user=user)
        .prefetch_related("reversals")
        .order_by("-created_at", "-id")
    )


def has_paid_since(*, user: User, moment: datetime) -> bool:
    """Say whether Stripe has told of a payment of `user` since `moment`."""
    return Payment.objects.filter(user=user, created_at__gte=moment).exists()
