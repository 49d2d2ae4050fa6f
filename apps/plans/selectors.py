"""Reads on plans."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from apps.accounts.models import User
from apps.core.errors import NotFound
from apps.plans.entitlements import Entitlements, entitlements_of
from apps.plans.models import Payment, Subscription, SubscriptionSource, TesterGrant
from apps.plans.products import Plan
from apps.plans.stripe_gateway import payments_are_on


@dataclass(frozen=True, slots=True)
class Billing:
    """What a user has, the subscription that is paid by card, and whether payments are on."""

    has: Entitlements
    subscription: Subscription | None
    payments_on: bool


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


def billing_of(*, user: User) -> Billing:
    """Return what there is to know of a user's plan; two queries."""
    return Billing(
        has=entitlements_of(user_id=user.id),
        subscription=running_subscription(user_id=user.id),
        payments_on=payments_are_on(),
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
