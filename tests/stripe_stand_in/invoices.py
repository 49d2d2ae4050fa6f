"""Invoices: their lines, and their way from draft to paid or void."""

from typing import Any

from tests.stripe_stand_in.events import tell, updating
from tests.stripe_stand_in.lists import includes
from tests.stripe_stand_in.payments import cancel_intent, confirm, new_intent
from tests.stripe_stand_in.shapes import Json, listing
from tests.stripe_stand_in.state import World

Period = tuple[int, int]


def line(
    world: World,
    *,
    amount: int,
    currency: str,
    description: str,
    period: Period,
    parent: Json | None,
    price: Json | None = None,
    quantity: int = 1,
    metadata: dict[str, str] | None = None,
) -> Json:
    pricing = None
    if price:
        pricing = {
            "price_details": {"price": price["id"], "product": price["product"]},
            "type": "price_details",
            "unit_amount_decimal": price["unit_amount_decimal"],
        }
    return world.make(
        "line_item",
        amount=amount,
        currency=currency,
        description=description,
        discount_amounts=[],
        discountable=amount >= 0,
        discounts=[],
        metadata=dict(metadata or {}),
        parent=parent,
        period={"start": period[0], "end": period[1]},
        pretax_credit_amounts=[],
        pricing=pricing,
        quantity=quantity,
        quantity_decimal=str(quantity),
        subtotal=amount,
        taxes=[],
    )


def draft(
    world: World,
    *,
    customer: str,
    lines: list[Json],
    reason: str,
    currency: str,
    period: Period | None = None,
    subscription: Json | None = None,
    **more: Any,
) -> Json:
    """Make an invoice that is not yet kept and of which nothing is told."""
    now = world.now(customer)
    owner = world.objects[customer]
    total = sum(one["amount"] for one in lines)
    start, end = period or (now, now)
    parent = None
    if subscription:
        parent = {
            "quote_details": None,
            "subscription_details": {
                "metadata": dict(subscription["metadata"]),
                "subscription": subscription["id"],
            },
            "type": "subscription_details",
        }
    invoice = world.make(
        "invoice",
        account_country=world.settings.country,
        account_name="Easel",
        amount_overpaid=0,
        amount_paid=0,
        amount_shipping=0,
        attempt_count=0,
        attempted=False,
        auto_advance=True,
        automatic_tax={
            "disabled_reason": None,
            "enabled": False,
            "liability": None,
            "provider": None,
            "status": None,
        },
        billing_reason=reason,
        collection_method="charge_automatically",
        currency=currency,
        customer=customer,
        customer_address=owner["address"],
        customer_email=owner["email"],
        customer_name=owner["name"],
        customer_phone=owner["phone"],
        customer_shipping=owner["shipping"],
        customer_tax_exempt=owner["tax_exempt"],
        customer_tax_ids=[],
        default_tax_rates=[],
        discounts=[],
        effective_at=None,
        issuer={"type": "self"},
        metadata={},
        parent=parent,
        payment_settings={
            "default_mandate": None,
            "payment_method_options": None,
            "payment_method_types": None,
        },
        period_end=end,
        period_start=start,
        post_payment_credit_notes_amount=0,
        pre_payment_credit_notes_amount=0,
        status="draft",
        status_transitions=dict.fromkeys(
            ("finalized_at", "marked_uncollectible_at", "paid_at", "voided_at")
        ),
        subtotal=total,
        subtotal_excluding_tax=total,
        total=total,
        total_discount_amounts=[],
        total_excluding_tax=total,
        total_pretax_credit_amounts=[],
        total_taxes=[],
        test_clock=owner.get("test_clock"),
    )
    for one in lines:
        one["invoice"] = invoice["id"]
    invoice["lines"] = listing(f"/v1/invoices/{invoice['id']}/lines", lines)
    _apply_balance(invoice, owner["balance"])
    return invoice | more


def _apply_balance(invoice: Json, balance: int) -> None:
    """Say what is due when the customer's balance is used; a negative one is credit."""
    owed = invoice["total"] + balance
    invoice["starting_balance"] = balance
    invoice["amount_due"] = max(0, owed)
    invoice["amount_remaining"] = max(0, owed)


def open_draft(world: World, invoice: Json) -> Json:
    """Keep a draft; the subscription's invoice items that wait are on it already."""
    world.objects[invoice["id"]] = invoice
    subscription = subscription_of(invoice)
    if subscription:
        world.objects[subscription]["latest_invoice"] = invoice["id"]
    for one in invoice["lines"]["data"]:
        details = (one["parent"] or {}).get("subscription_item_details") or {}
        details = details or (one["parent"] or {}).get("invoice_item_details") or {}
        if details.get("invoice_item"):
            world.objects[details["invoice_item"]]["invoice"] = invoice["id"]
    tell(world, "invoice.created", invoice)
    return invoice


def subscription_of(invoice: Json) -> str | None:
    details = (invoice["parent"] or {}).get("subscription_details") or {}
    subscription: str | None = details.get("subscription")
    return subscription


def finalize(world: World, invoice: Json, intent: Json | None = None) -> Json:
    """Open a draft for payment; one of which nothing is due is paid by that.

    The intent to pay is a new one, or one that was paid before there was an invoice.
    """
    owner = world.objects[invoice["customer"]]
    now = world.now(owner["id"])
    _apply_balance(invoice, owner["balance"])
    owed = invoice["total"] + owner["balance"]
    with updating(world, owner, "customer.updated"):
        invoice["ending_balance"] = owner["balance"] = min(0, owed)
        owner["currency"] = owner["currency"] or invoice["currency"]
        number = owner["next_invoice_sequence"]
        owner["next_invoice_sequence"] = number + 1
    invoice |= {
        "automatically_finalizes_at": None,
        "effective_at": now,
        "hosted_invoice_url": f"{world.url}/invoices/{invoice['id']}",
        "invoice_pdf": f"{world.url}/invoices/{invoice['id']}/pdf",
        "number": f"{owner['invoice_prefix']}-{number:04}",
        "status": "open",
    }
    invoice["status_transitions"] = invoice["status_transitions"] | {"finalized_at": now}
    if invoice["amount_due"]:
        intent = intent or new_intent(
            world,
            amount=invoice["amount_due"],
            currency=invoice["currency"],
            customer=owner["id"],
            description=_why(invoice),
        )
        world.new(
            "invoice_payment",
            amount_requested=invoice["amount_due"],
            created=now,
            currency=invoice["currency"],
            invoice=invoice["id"],
            is_default=True,
            payment={"payment_intent": intent["id"], "type": "payment_intent"},
            status="open",
            status_transitions={"canceled_at": None, "paid_at": None},
        )
        tell(world, "invoice.finalized", invoice)
    else:
        tell(world, "invoice.finalized", invoice)
        settle(world, invoice)
    return invoice


def _why(invoice: Json) -> str:
    return {
        "subscription_create": "Subscription creation",
        "subscription_cycle": "Subscription update",
        "subscription_update": "Subscription update",
    }.get(invoice["billing_reason"], "Payment for Invoice")


def payment_of(world: World, invoice: Json) -> Json | None:
    """Return the payment that an open or paid invoice has, if any is due."""
    for payment in world.every("invoice_payment"):
        if payment["invoice"] == invoice["id"]:
            return payment
    return None


def intent_of(world: World, invoice: Json) -> Json | None:
    payment = payment_of(world, invoice)
    return world.objects[payment["payment"]["payment_intent"]] if payment else None


def attempt(world: World, invoice: Json, method: Json | None) -> Json | None:
    """Try to charge a card for an open invoice, and return the charge if there was one."""
    intent = intent_of(world, invoice)
    charge = confirm(world, intent, method) if intent and method else None
    if charge and charge["status"] == "succeeded":
        settle(world, invoice, charge)
    else:
        with updating(world, invoice, "invoice.updated"):
            invoice["attempt_count"] += 1
            invoice["attempted"] = True
    return charge


def settle(world: World, invoice: Json, charge: Json | None = None) -> None:
    """Mark an invoice as paid; without a charge outside of Stripe, or with nothing due."""
    now = world.now(invoice["customer"])
    payment = payment_of(world, invoice)
    with updating(world, invoice, "invoice.updated"):
        invoice |= {
            "amount_paid": invoice["amount_due"],
            "amount_remaining": 0,
            "attempted": True,
            "auto_advance": False,
            "next_payment_attempt": None,
            "status": "paid",
        }
        invoice["attempt_count"] += 1 if charge else 0
        invoice["status_transitions"] = invoice["status_transitions"] | {"paid_at": now}
    if payment:
        payment |= {"amount_paid": payment["amount_requested"], "status": "paid"}
        payment["status_transitions"] = {"canceled_at": None, "paid_at": now}
        tell(world, "invoice_payment.paid", payment)
    tell(world, "invoice.paid", invoice)
    tell(world, "invoice.payment_succeeded", invoice)


def void(world: World, invoice: Json) -> Json:
    now = world.now(invoice["customer"])
    invoice |= {"status": "void", "auto_advance": False, "next_payment_attempt": None}
    invoice["status_transitions"] = invoice["status_transitions"] | {"voided_at": now}
    payment, intent = payment_of(world, invoice), intent_of(world, invoice)
    if payment and intent:
        payment["status"] = "canceled"
        payment["status_transitions"] = {"canceled_at": now, "paid_at": None}
        cancel_intent(world, intent, "void_invoice")
    tell(world, "invoice.voided", invoice)
    return invoice


@includes("invoice", "payments")
def _payments(world: World, invoice: Json) -> Json:
    found = [one for one in world.every("invoice_payment") if one["invoice"] == invoice["id"]]
    return listing("/v1/invoice_payments", found)


@includes("invoice", "confirmation_secret")
def _confirmation_secret(world: World, invoice: Json) -> Json | None:
    intent = intent_of(world, invoice)
    return {"client_secret": intent["client_secret"], "type": "payment_intent"} if intent else None
