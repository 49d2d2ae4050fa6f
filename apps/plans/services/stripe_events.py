"""Apply what Stripe tells: each event once, in any order.

The event says only which object changed; what is written follows from the object as it is now.
"""

from datetime import UTC, datetime
from typing import Any

import structlog
from djstripe.models import Event

from apps.core.tenancy import service_scope
from apps.plans import stripe_gateway
from apps.plans.models import BillingAccount, Payment
from apps.plans.services.payments import book_checkout
from apps.plans.services.reversals import sync_reversals
from apps.plans.services.stripe_subscriptions import sync_subscription
from apps.plans.stripe_objects import id_of, subscription_of

logger = structlog.get_logger(__name__)

# What is applied, and what the endpoint at Stripe is to send. Stripe lists 20 kinds at most.
EVENTS = (
    "charge.dispute.closed",
    "charge.dispute.created",
    "charge.dispute.funds_reinstated",
    "charge.dispute.updated",
    "charge.refunded",
    "checkout.session.async_payment_succeeded",
    "checkout.session.completed",
    "customer.subscription.created",
    "customer.subscription.deleted",
    "customer.subscription.paused",
    "customer.subscription.resumed",
    "customer.subscription.updated",
    "invoice.paid",
    "invoice.payment_failed",
    "refund.created",
    "refund.failed",
    "refund.updated",
    "subscription_schedule.released",
    "subscription_schedule.updated",
)


def apply_event(*, event: dict[str, Any]) -> bool:
    """Store an event and do what follows from it, in one transaction; `False` if it was known.

    Told twice at once, the second waits for the first: if that fails, it is done by the second.

    Raises:
        EaselError: Stripe could not be asked; nothing was written, and it is to be told again.
    """
    with service_scope(f"stripe event {event['type']}"):
        _stored, is_new = Event.objects.get_or_create(id=event["id"], defaults=_columns_of(event))
        if not is_new:
            return False
        if event["type"] in EVENTS:
            _apply(event["data"]["object"])
    logger.info("stripe_event_applied", event_id=event["id"], type=event["type"])
    return True


def _columns_of(event: dict[str, Any]) -> dict[str, Any]:
    """Keep which object it was about; names, addresses and cards in it are none of ours."""
    about = event["data"]["object"]
    kept = {name: about.get(name) for name in ("id", "object") if about.get(name)}
    customer = _customer_of(about)
    return {
        "type": event["type"],
        "created": datetime.fromtimestamp(event["created"], UTC),
        "livemode": event.get("livemode"),
        "api_version": event.get("api_version") or "",
        "request_id": ((event.get("request") or {}).get("id") or "")[:50],
        "data": {"object": kept | ({"customer": customer} if customer else {})},
    }


def _customer_of(about: dict[str, Any]) -> str:
    if about.get("object") == "customer":
        return str(about.get("id") or "")
    return id_of(about.get("customer"))


def _apply(about: dict[str, Any]) -> None:
    match about.get("object"):
        case "subscription":
            _subscription(_customer_of(about), about["id"])
        case "subscription_schedule":
            _subscription(
                _customer_of(about),
                id_of(about.get("subscription") or about.get("released_subscription")),
            )
        case "invoice":
            details = (about.get("parent") or {}).get("subscription_details") or {}
            _subscription(_customer_of(about), id_of(details.get("subscription")))
        case "checkout.session":
            _checkout(_customer_of(about), about["id"])
        case "charge" | "refund" | "dispute":
            _reversed(id_of(about.get("payment_intent")))


def lock_account(customer: str) -> BillingAccount | None:
    """Return who a customer is, locked: events of one customer are applied one after the other."""
    account = BillingAccount.objects.select_for_update().filter(stripe_customer_id=customer).first()
    if account is None:
        logger.warning("stripe_customer_unknown", customer=customer)
    return account


def _subscription(customer: str, subscription: str) -> None:
    account = lock_account(customer) if subscription else None
    if account is not None:
        sync_subscription(account=account, subscription_id=subscription)


def _checkout(customer: str, session_id: str) -> None:
    account = lock_account(customer)
    session = stripe_gateway.fetch_checkout(session_id) if account is not None else None
    if account is None or session is None:
        return
    book_checkout(account=account, session=session)
    if session.subscription:
        sync_subscription(account=account, subscription_id=id_of(session.subscription))


def _reversed(payment_intent: str) -> None:
    """Book what the money was for first, if that is not known yet."""
    intent = stripe_gateway.fetch_payment_intent(payment_intent) if payment_intent else None
    account = lock_account(id_of(intent.customer)) if intent is not None else None
    if account is None:
        return
    payment = _payment_by(account, payment_intent)
    if payment is None:
        invoice = stripe_gateway.find_invoice(payment_intent)
        subscription = subscription_of(invoice) if invoice is not None else ""
        if subscription:
            sync_subscription(account=account, subscription_id=subscription)
        elif session := stripe_gateway.find_checkout(payment_intent):
            book_checkout(account=account, session=session)
        payment = _payment_by(account, payment_intent)
    if payment is None:
        logger.error("reversal_of_unknown_payment", payment_intent=payment_intent)
        return
    sync_reversals(account=account, payment=payment)


def _payment_by(account: BillingAccount, payment_intent: str) -> Payment | None:
    return Payment.objects.filter(
        user=account.user_id, stripe_payment_intent_id=payment_intent
    ).first()
