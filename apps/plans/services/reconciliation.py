"""Find what webhooks did not bring: Stripe lists its events for 30 days."""

from datetime import timedelta

import structlog
from django.utils import timezone
from djstripe.models import Event

from apps.core.errors import EaselError
from apps.core.tenancy import service_scope
from apps.plans import stripe_gateway
from apps.plans.models import BillingAccount, StripeMark, Subscription, SubscriptionSource
from apps.plans.services.customers import close_customers
from apps.plans.services.reversals import withdraw_released
from apps.plans.services.stripe_events import EVENTS, apply_event, lock_account
from apps.plans.services.stripe_subscriptions import sync_subscription

logger = structlog.get_logger(__name__)

KEPT_BY_STRIPE = timedelta(days=30)
# Events may be listed, and webhooks come, so much later than they are dated.
OVERLAP = timedelta(minutes=30)


def reconcile_stripe() -> int:
    """Apply events that never came, look after unpaid plans, and tell Stripe of deleted accounts.

    Returns how many events were found. May run twice at once, and goes on where it was if Stripe
    was away.
    """
    if not stripe_gateway.payments_are_on():
        return 0
    try:
        found = _apply_missing()
        _look_after_unpaid()
    except EaselError:
        # Stripe is away; the gateway has logged it.
        return 0
    close_customers()
    withdraw_released()
    return found


def _apply_missing() -> int:
    now = timezone.now()
    with service_scope("when Stripe was last asked"):
        mark = StripeMark.objects.filter(id=1).first()
    since = now - KEPT_BY_STRIPE if mark is None else mark.known_until - OVERLAP
    listed = list(stripe_gateway.list_events(since=since, types=EVENTS))
    with service_scope("which events have come"):
        known = set(
            Event.objects.filter(id__in=[each.id for each in listed]).values_list("id", flat=True)
        )
    found, failed = 0, False
    for event in reversed(listed):
        if event.id in known:
            continue
        try:
            found += apply_event(event=event.to_dict(recursive=True))
        except EaselError:
            raise
        except Exception:
            # One event that cannot be applied must not keep the others waiting.
            logger.exception("stripe_event_failed", event_id=event.id)
            failed = True
    if not failed:
        with service_scope("when Stripe was last asked"):
            StripeMark.objects.update_or_create(id=1, defaults={"known_until": now})
    return found


def _look_after_unpaid() -> None:
    with service_scope("find unpaid plans"):
        unpaid = list(
            Subscription.objects.filter(
                source=SubscriptionSource.STRIPE, ended_at=None, past_due_since__isnull=False
            ).values_list("user_id", "stripe_subscription_id")
        )
    for user_id, subscription_id in unpaid:
        with service_scope("look after an unpaid plan"):
            account = BillingAccount.objects.filter(user=user_id).first()
            locked = lock_account(account.stripe_customer_id) if account is not None else None
            if locked is not None and subscription_id:
                sync_subscription(account=locked, subscription_id=subscription_id)
