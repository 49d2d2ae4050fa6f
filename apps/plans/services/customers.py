"""Who is which customer at Stripe, from before the first payment until the account is gone."""

import hashlib
import uuid
from typing import Any

import structlog
from django.db import transaction
from django.utils import timezone

from apps.accounts.models import User
from apps.core.errors import EaselError
from apps.core.tenancy import service_scope
from apps.plans import stripe_gateway
from apps.plans.models import BillingAccount
from apps.plans.services.mirror import forget_customer

logger = structlog.get_logger(__name__)

CLOSED_A_SWEEP = 20


def customer_of(*, user: User) -> str:
    """Return the id of the customer that `user` is, made now if there is none."""
    known = BillingAccount.objects.filter(user=user).first()
    if known is not None:
        return known.stripe_customer_id
    # Two requests at once, and one that is repeated after an error, make the same customer; and
    # with another address than before it is another request to Stripe.
    digest = hashlib.sha256(user.email.encode()).hexdigest()[:16]
    customer = stripe_gateway.create_customer(
        user_id=user.id, email=user.email, key=f"easel-customer-{user.id}-{digest}"
    )
    BillingAccount.objects.bulk_create(
        [BillingAccount(user=user, stripe_customer_id=customer)], ignore_conflicts=True
    )
    return BillingAccount.objects.get(user=user).stripe_customer_id


def close_customer(*, sender: object, user_id: uuid.UUID, **kwargs: Any) -> None:
    """Answer `account_closed`: nothing more is charged, and Stripe forgets the person.

    At once if Stripe can be reached, else by the sweep.
    """
    del sender, kwargs
    open_accounts = BillingAccount.objects.filter(user=user_id, closing_at=None)
    if open_accounts.update(closing_at=timezone.now()):
        transaction.on_commit(close_customers)


def close_customers() -> int:
    """Delete the customers of deleted accounts at Stripe; return how many were."""
    if not stripe_gateway.payments_are_on():
        return 0
    with service_scope("find customers of deleted accounts"):
        waiting = list(
            BillingAccount.objects.filter(closing_at__isnull=False, closed_at=None)[:CLOSED_A_SWEEP]
        )
    done = 0
    for account in waiting:
        try:
            _close(account)
        except EaselError:
            logger.exception("customer_not_closed", user_id=str(account.user_id))
            continue
        done += 1
    return done


def _close(account: BillingAccount) -> None:
    customer = account.stripe_customer_id
    for session in stripe_gateway.open_checkouts(customer):
        stripe_gateway.expire_checkout(session.id)
    for subscription in stripe_gateway.list_subscriptions(customer):
        if subscription.status not in stripe_gateway.OVER:
            stripe_gateway.cancel_now(subscription.id)
    stripe_gateway.delete_customer(customer)
    with service_scope("forget a customer"):
        forget_customer(customer=customer)
        BillingAccount.objects.filter(id=account.id).update(closed_at=timezone.now())
