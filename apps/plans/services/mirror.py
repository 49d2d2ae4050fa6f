"""Copies of Stripe's objects in dj-stripe's tables, for staff; nothing depends on them.

Written here and not by dj-stripe's own synchronization, which keeps the secret key in a table and
asks Stripe for every object that another names. Names and addresses of persons are left out.
"""

import json
from datetime import UTC, datetime
from typing import Any

import stripe
from djstripe.models import Customer, Invoice, Subscription

_ABOUT_PERSONS = ("account_tax_ids", "customer_", "hosted_invoice_url", "invoice_pdf", "footer")


def copy_subscription(truth: stripe.Subscription, invoices: list[stripe.Invoice]) -> None:
    """Bring the copies of a subscription and its invoices to what they are now."""
    customer, _made = Customer.objects.get_or_create(
        id=_customer(truth), defaults={"livemode": truth.livemode}
    )
    subscription, _made = Subscription.objects.update_or_create(
        id=truth.id, defaults=_columns(truth) | {"customer": customer}
    )
    for invoice in invoices:
        Invoice.objects.update_or_create(
            id=invoice.id,
            defaults=_columns(invoice) | {"customer": customer, "subscription": subscription},
        )


def forget_customer(*, customer: str) -> None:
    """Delete the copies of what a customer had."""
    Invoice.objects.filter(customer=customer).delete()
    Subscription.objects.filter(customer=customer).delete()
    Customer.objects.filter(id=customer).delete()


def _customer(truth: stripe.Subscription) -> str:
    return truth.customer if isinstance(truth.customer, str) else truth.customer.id


def _columns(found: stripe.Subscription | stripe.Invoice) -> dict[str, Any]:
    data = {
        name: value
        for name, value in json.loads(str(found)).items()
        if not name.startswith(_ABOUT_PERSONS)
    }
    return {
        "livemode": found.livemode,
        "created": datetime.fromtimestamp(found.created, UTC),
        "metadata": data.get("metadata") or {},
        "stripe_data": data,
    }
