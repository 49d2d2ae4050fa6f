"""What an object of Stripe says, read without asking Stripe."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import stripe

from apps.plans.offers import CENTS, CURRENCY, OFFER, Offer, offers


def id_of(value: Any) -> str:
    """Return the id of what may be an id, an object or its JSON; "" of nothing."""
    if not value:
        return ""
    if isinstance(value, str):
        return value
    return str(value.get("id") or "") if isinstance(value, dict) else str(value.id)


def moment_of(seconds: int) -> datetime:
    """Return the moment that Stripe writes as seconds since 1970."""
    return datetime.fromtimestamp(seconds, UTC)


def offer_of(price: stripe.Price) -> Offer | None:
    """Return what a price is for; `None` if it is none of ours, or of another amount.

    An amount that our table had earlier is on the price itself, by the command that made it.
    """
    metadata = metadata_of(price)
    offer = offers().get(metadata.get(OFFER) or price.lookup_key or "")
    if offer is None:
        return None
    cents = metadata.get(CENTS) or str(offer.cents)
    interval = price.recurring.interval if price.recurring else None
    sold = (str(price.unit_amount), price.currency, interval)
    return offer if sold == (cents, CURRENCY, offer.interval) else None


def subscription_of(invoice: stripe.Invoice) -> str:
    """Return the id of the subscription that an invoice is for, or ""."""
    details = invoice.parent.subscription_details if invoice.parent else None
    return id_of(details.subscription) if details else ""


def cents_of(line: stripe.InvoiceLineItem) -> int:
    """Return the cents of one unit for a whole period."""
    return int(Decimal(line.pricing.unit_amount_decimal or 0)) if line.pricing else 0


def metadata_of(found: Any) -> dict[str, str]:
    """Return the metadata of an object of Stripe as a plain dict."""
    kept = found.metadata
    return {} if kept is None else {str(name): str(value) for name, value in kept.to_dict().items()}
