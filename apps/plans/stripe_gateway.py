"""The one place that talks to Stripe.

What Stripe says when it refuses goes to the log; the user is told in words of our own.
"""

import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import lru_cache
from typing import Any, TypeVar

import stripe
import structlog
from django.conf import settings
from django.utils.translation import gettext as _

from apps.core.errors import Conflict, ErrorCode
from apps.plans.errors import PaymentDeclined, PaymentProviderUnavailable, PaymentsOff
from apps.plans.stripe_objects import id_of, metadata_of

T = TypeVar("T")

logger = structlog.get_logger(__name__)

RETRIES = 1
PAGE = 100
# What a subscription never comes back from.
OVER = frozenset({"canceled", "incomplete_expired"})
# Marks the portal's configuration as ours.
_PORTAL = {"easel_portal": "2"}


def payments_are_on() -> bool:
    """Say whether there is a key."""
    return bool(settings.STRIPE_SECRET_KEY)


def require_payments() -> None:
    """Do nothing if payments are on.

    Raises:
        PaymentsOff: there is no key.
    """
    if not payments_are_on():
        raise PaymentsOff


def client() -> stripe.StripeClient:
    """Return the client.

    Raises:
        PaymentsOff: there is no key.
    """
    require_payments()
    return _client(
        settings.STRIPE_SECRET_KEY,
        settings.EASEL_STRIPE_API_URL,
        settings.EASEL_STRIPE_TIMEOUT_SECONDS,
    )


@lru_cache(maxsize=4)
def _client(key: str, url: str | None, seconds: float) -> stripe.StripeClient:
    return stripe.StripeClient(
        key,
        base_addresses={"api": url} if url else None,
        http_client=stripe.RequestsClient(timeout=seconds),
        max_network_retries=RETRIES,
    )


@contextmanager
def _asking(what: str) -> Iterator[stripe.StripeClient]:
    try:
        yield client()
    except stripe.CardError as error:
        logger.info("card_declined", what=what, code=error.code)
        raise PaymentDeclined from error
    except stripe.IdempotencyError as error:
        raise Conflict(
            _("This was asked for before, and differently."), code=ErrorCode.IDEMPOTENCY_CONFLICT
        ) from error
    except stripe.StripeError as error:
        logger.exception("stripe_failed", what=what, status=error.http_status, code=error.code)
        raise PaymentProviderUnavailable from error


def create_customer(*, user_id: uuid.UUID, email: str, key: str) -> str:
    """Make a customer and return its id; the same `key` makes no second one."""
    with _asking("create a customer") as asked:
        made = asked.v1.customers.create(
            {"email": email, "metadata": {"easel_user": str(user_id)}}, {"idempotency_key": key}
        )
    return made.id


def delete_customer(customer: str) -> None:
    """Delete a customer with all its data; Stripe ends its subscriptions at once."""
    with _asking("delete a customer") as asked:
        try:
            asked.v1.customers.delete(customer)
        except stripe.InvalidRequestError as error:
            if error.code != "resource_missing":
                raise


def find_price(lookup_key: str) -> stripe.Price | None:
    """Return the price that is sold now under a lookup key."""
    with _asking("find a price") as asked:
        found = asked.v1.prices.list({"lookup_keys": [lookup_key], "active": True})
    return found.data[0] if found.data else None


def fetch_price(price: str) -> stripe.Price:
    """Return a price."""
    with _asking("fetch a price") as asked:
        return asked.v1.prices.retrieve(price)


def create_checkout(
    *,
    customer: str,
    price: str,
    is_subscription: bool,
    success_url: str,
    cancel_url: str,
    key: str,
) -> stripe.checkout.Session:
    """Begin a checkout of one price; its `url` is Stripe's page."""
    params: Any = {
        "mode": "subscription" if is_subscription else "payment",
        "customer": customer,
        "line_items": [{"price": price, "quantity": 1}],
        "success_url": success_url,
        "cancel_url": cancel_url,
    }
    if not is_subscription:
        params["invoice_creation"] = {"enabled": True}
    with _asking("begin a checkout") as asked:
        return asked.v1.checkout.sessions.create(params, {"idempotency_key": key})


def open_checkouts(customer: str) -> list[stripe.checkout.Session]:
    """List the checkouts that a customer could still pay."""
    with _asking("list checkouts") as asked:
        return asked.v1.checkout.sessions.list(
            {"customer": customer, "status": "open", "limit": PAGE}
        ).data


def expire_checkout(session: str) -> None:
    """Close a checkout; one that was paid or has ended stays as it is."""
    with _asking("end a checkout") as asked:
        try:
            asked.v1.checkout.sessions.expire(session)
        except stripe.InvalidRequestError:
            logger.info("checkout_not_expired", session=session)


def fetch_checkout(session: str) -> stripe.checkout.Session | None:
    """Return a checkout with what was bought and its invoice."""
    return _found(
        "fetch a checkout",
        lambda asked: asked.v1.checkout.sessions.retrieve(
            session, {"expand": ["line_items", "invoice"]}
        ),
    )


def find_checkout(payment_intent: str) -> stripe.checkout.Session | None:
    """Return the checkout that a payment belongs to, if it does to one."""
    with _asking("find a checkout") as asked:
        found = asked.v1.checkout.sessions.list({"payment_intent": payment_intent})
    return fetch_checkout(found.data[0].id) if found.data else None


def open_portal(*, customer: str, return_url: str) -> str:
    """Begin a visit to the portal and return its address."""
    with _asking("open the portal") as asked:
        configuration = _portal_configuration(asked)
        return asked.v1.billing_portal.sessions.create(
            {"customer": customer, "return_url": return_url, "configuration": configuration}
        ).url


def _portal_configuration(asked: stripe.StripeClient) -> str:
    """Return our configuration; plans change on our own page, where it is said what that does."""
    name, value = next(iter(_PORTAL.items()))
    listed = asked.v1.billing_portal.configurations.list({"active": True, "limit": PAGE})
    for configuration in listed.data:
        if metadata_of(configuration).get(name) == value:
            return configuration.id
    return asked.v1.billing_portal.configurations.create(
        {
            "features": {
                "customer_update": {"enabled": True, "allowed_updates": ["address"]},
                "invoice_history": {"enabled": True},
                "payment_method_update": {"enabled": True},
                "subscription_cancel": {"enabled": True, "mode": "at_period_end"},
                "subscription_update": {"enabled": False},
            },
            "metadata": _PORTAL,
        }
    ).id


def fetch_subscription(subscription: str) -> stripe.Subscription | None:
    """Return a subscription with its schedule."""
    return _found(
        "fetch a subscription",
        lambda asked: asked.v1.subscriptions.retrieve(subscription, {"expand": ["schedule"]}),
    )


def list_subscriptions(customer: str) -> list[stripe.Subscription]:
    """List a customer's subscriptions, those that have ended too."""
    with _asking("list subscriptions") as asked:
        return asked.v1.subscriptions.list(
            {"customer": customer, "status": "all", "limit": PAGE}
        ).data


def list_invoices(subscription: str) -> list[stripe.Invoice]:
    """List a subscription's invoices with their payments, the oldest first."""
    with _asking("list invoices") as asked:
        pages = asked.v1.invoices.list(
            {"subscription": subscription, "limit": PAGE, "expand": ["data.payments"]}
        )
        return list(pages.auto_paging_iter())[::-1]


def find_invoice(payment_intent: str) -> stripe.Invoice | None:
    """Return the invoice that was paid by a payment, if one was."""
    with _asking("find an invoice") as asked:
        found = asked.v1.invoice_payments.list(
            {"payment": {"type": "payment_intent", "payment_intent": payment_intent}}
        ).data
        if not found:
            return None
        return asked.v1.invoices.retrieve(id_of(found[0].invoice))


def fetch_payment_intent(payment_intent: str) -> stripe.PaymentIntent | None:
    """Return a payment."""
    return _found(
        "fetch a payment", lambda asked: asked.v1.payment_intents.retrieve(payment_intent)
    )


def list_refunds(payment_intent: str) -> list[stripe.Refund]:
    """List what was given back of a payment, the oldest first."""
    with _asking("list refunds") as asked:
        return asked.v1.refunds.list({"payment_intent": payment_intent, "limit": PAGE}).data[::-1]


def list_disputes(payment_intent: str) -> list[stripe.Dispute]:
    """List the disputes of a payment, the oldest first."""
    with _asking("list disputes") as asked:
        return asked.v1.disputes.list({"payment_intent": payment_intent, "limit": PAGE}).data[::-1]


def preview_change(*, subscription: str, item: str, price: str, moment: int) -> stripe.Invoice:
    """Return the invoice that a change at `moment` would lead to at once."""
    with _asking("preview a change") as asked:
        return asked.v1.invoices.create_preview(
            {
                "subscription": subscription,
                "subscription_details": {
                    "items": [{"id": item, "price": price}],
                    "proration_behavior": "always_invoice",
                    "proration_date": moment,
                },
            }
        )


def upgrade(*, subscription: str, item: str, price: str, key: str) -> None:
    """Change the price at once and bill the difference; unpaid it does not happen.

    Raises:
        PaymentDeclined: the card was declined, or wants its owner to confirm.
    """
    with _asking("upgrade") as asked:
        asked.v1.subscriptions.update(
            subscription,
            {
                "items": [{"id": item, "price": price}],
                "proration_behavior": "always_invoice",
                "payment_behavior": "error_if_incomplete",
            },
            {"idempotency_key": key},
        )


def schedule_change(
    *, subscription: stripe.Subscription, price: str, next_price: str, start: int, end: int
) -> None:
    """Let another price begin when the period ends, by the schedule there is or a new one."""
    with _asking("schedule a change") as asked:
        schedule = id_of(subscription.schedule) if subscription.schedule else None
        if schedule is None:
            schedule = asked.v1.subscription_schedules.create(
                {"from_subscription": subscription.id}
            ).id
        asked.v1.subscription_schedules.update(
            schedule,
            {
                "end_behavior": "release",
                "proration_behavior": "none",
                "phases": [
                    {
                        "items": [{"price": price, "quantity": 1}],
                        "start_date": start,
                        "end_date": end,
                    },
                    {
                        "items": [{"price": next_price, "quantity": 1}],
                        "proration_behavior": "none",
                    },
                ],
            },
        )


def release_schedule(schedule: str) -> None:
    """Let a subscription go on as it is."""
    with _asking("release a schedule") as asked:
        asked.v1.subscription_schedules.release(schedule)


def set_cancel_at_period_end(subscription: str, *, cancels: bool) -> None:
    """Let a subscription end with its period, or go on after all."""
    with _asking("cancel or go on") as asked:
        asked.v1.subscriptions.update(subscription, {"cancel_at_period_end": cancels})


def cancel_now(subscription: str) -> None:
    """End a subscription at once, without a further bill; one that has ended stays as it is."""
    with _asking("end a subscription") as asked:
        try:
            asked.v1.subscriptions.cancel(subscription, {"prorate": False, "invoice_now": False})
        except stripe.InvalidRequestError as error:
            if error.code != "resource_missing":
                raise


def list_events(*, since: datetime, types: Sequence[str]) -> Iterator[stripe.Event]:
    """Yield the events since a moment, the newest first; Stripe keeps those of 30 days."""
    with _asking("list events") as asked:
        found = asked.v1.events.list(
            {"created": {"gte": int(since.timestamp())}, "types": list(types), "limit": PAGE}
        )
        yield from found.auto_paging_iter()


def ensure_price(
    *, lookup_key: str, name: str, cents: int, currency: str, interval: str | None, metadata: Any
) -> bool:
    """Make product and price unless they are there as they should be; say whether it made them."""
    with _asking("make a price") as asked:
        found = asked.v1.prices.list({"lookup_keys": [lookup_key], "active": True}).data
        if found and _is_as(found[0], cents, currency, interval, metadata):
            return False
        if found:
            product = id_of(found[0].product)
        else:
            product = asked.v1.products.create({"name": name, "metadata": metadata}).id
        params: Any = {
            "product": product,
            "currency": currency,
            "unit_amount": cents,
            "lookup_key": lookup_key,
            "transfer_lookup_key": True,
            "metadata": metadata,
        }
        if interval:
            params["recurring"] = {"interval": interval}
        asked.v1.prices.create(params)
    return True


def _is_as(
    price: stripe.Price, cents: int, currency: str, interval: str | None, metadata: Any
) -> bool:
    recurring = price.recurring.interval if price.recurring else None
    return (
        price.unit_amount == cents
        and price.currency == currency
        and recurring == interval
        and metadata_of(price) == metadata
    )


def _found(what: str, ask: Callable[[stripe.StripeClient], T]) -> T | None:
    with _asking(what) as asked:
        try:
            return ask(asked)
        except stripe.InvalidRequestError as error:
            if error.code != "resource_missing":
                raise
            return None
