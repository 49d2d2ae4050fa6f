"""Subscriptions: how they begin, renew and stop."""

from typing import Any

from tests.stripe_stand_in.collection import collect
from tests.stripe_stand_in.errors import declined, invalid
from tests.stripe_stand_in.events import tell, updating
from tests.stripe_stand_in.invoices import draft, finalize, intent_of, open_draft, void
from tests.stripe_stand_in.items import (
    new_item,
    period_of,
    price_of,
    set_period,
)
from tests.stripe_stand_in.metadata import merged
from tests.stripe_stand_in.payment_methods import default_method
from tests.stripe_stand_in.prorations import cycle_lines, remember_billed, waiting_lines
from tests.stripe_stand_in.shapes import Json, listing
from tests.stripe_stand_in.state import World, new_id
from tests.stripe_stand_in.statuses import end, expire_incomplete

SECONDS_TO_PAY_FIRST = 23 * 3600


def new_subscription(
    world: World,
    customer: Json,
    specs: list[dict[str, Any]],
    *,
    metadata: Any = None,
    method: Json | None = None,
    behavior: str = "allow_incomplete",
) -> Json:
    """Begin a subscription and bill its first period."""
    subscription = _make(world, customer, specs, metadata, method)
    method = method or default_method(world, customer["id"])
    if method is None and behavior != "default_incomplete":
        raise invalid(
            "This customer has no attached payment source or default payment method. Please "
            "consider adding a default payment method.",
            code="resource_missing",
        )
    world.objects[subscription["id"]] = subscription
    invoice = draft(
        world,
        customer=customer["id"],
        lines=cycle_lines(world, subscription),
        reason="subscription_create",
        currency=subscription["currency"],
        subscription=subscription,
    )
    subscription["latest_invoice"] = invoice["id"]
    tell(world, "customer.subscription.created", subscription)
    open_draft(world, invoice)
    remember_billed(world, subscription)
    finalize(world, invoice)
    if invoice["status"] == "paid":
        with updating(world, subscription, "customer.subscription.updated"):
            subscription["status"] = "active"
    elif behavior != "default_incomplete":
        charge = collect(world, invoice, method)
        if invoice["status"] != "paid" and behavior == "error_if_incomplete":
            raise declined(charge, intent_of(world, invoice))
    return subscription


def _make(
    world: World,
    customer: Json,
    specs: list[dict[str, Any]],
    metadata: Any,
    method: Json | None,
) -> Json:
    now = world.now(customer["id"])
    identifier = new_id("sub")
    items = []
    for place, spec in enumerate(specs):
        price = price_of(world, spec, f"items[{place}][price]")
        items.append(new_item(world, identifier, price, spec.get("quantity", 1), now))
    if not items:
        raise invalid("Missing required param: items.", param="items", code="parameter_missing")
    currency = items[0]["price"]["currency"]
    return world.make(
        "subscription",
        id=identifier,
        automatic_tax={"disabled_reason": None, "enabled": False, "liability": None},
        billing_cycle_anchor=now,
        billing_mode={"flexible": {"proration_discounts": "included"}, "type": "flexible"},
        billing_schedules=[],
        cancel_at_period_end=False,
        cancellation_details={"comment": None, "feedback": None, "reason": None},
        collection_method="charge_automatically",
        currency=currency,
        customer=customer["id"],
        default_payment_method=method["id"] if method else None,
        default_tax_rates=[],
        discounts=[],
        invoice_settings={"account_tax_ids": None, "issuer": {"type": "self"}},
        items=listing(f"/v1/subscription_items?subscription={identifier}", items),
        metadata=merged({}, metadata),
        payment_settings={
            "payment_method_options": None,
            "payment_method_types": None,
            "save_default_payment_method": "off",
        },
        start_date=now,
        status="incomplete",
        test_clock=customer["test_clock"],
        trial_settings={"end_behavior": {"missing_payment_method": "create_invoice"}},
    )


def renew(world: World, subscription: Json) -> None:
    """Begin the next period, with an invoice that is finalized an hour later."""
    start, boundary = period_of(subscription)
    now = world.now(subscription["customer"])
    world.note(subscription["id"]).pop("is_announced", None)
    with updating(world, subscription, "customer.subscription.updated"):
        set_period(subscription, boundary)
        invoice = draft(
            world,
            customer=subscription["customer"],
            lines=[*waiting_lines(world, subscription), *cycle_lines(world, subscription)],
            reason="subscription_cycle",
            currency=subscription["currency"],
            period=(start, boundary),
            subscription=subscription,
            automatically_finalizes_at=now + world.settings.draft_seconds,
        )
        if subscription["status"] == "unpaid":
            invoice |= {"auto_advance": False, "automatically_finalizes_at": None}
        open_draft(world, invoice)
    remember_billed(world, subscription)


def finalize_and_collect(world: World, invoice: Json) -> None:
    finalize(world, invoice)
    if invoice["status"] == "open":
        collect(world, invoice)


def reach_period_end(world: World, subscription: Json) -> None:
    if subscription["cancel_at_period_end"]:
        end(world, subscription)
    else:
        renew(world, subscription)


def give_up_first_payment(world: World, subscription: Json) -> None:
    void(world, world.objects[subscription["latest_invoice"]])
    expire_incomplete(world, subscription)


def announce_renewal(world: World, subscription: Json) -> None:
    """Tell `invoice.upcoming`, whose invoice has no id yet."""
    world.note(subscription["id"])["is_announced"] = True
    invoice = upcoming(world, subscription)
    del invoice["id"]
    tell(world, "invoice.upcoming", invoice)


def upcoming(world: World, subscription: Json) -> Json:
    """Return what the next renewal would bill, without keeping it."""
    start, boundary = period_of(subscription)
    future = dict(subscription)
    set_period(future, boundary)
    return draft(
        world,
        customer=subscription["customer"],
        lines=[*waiting_lines(world, subscription), *cycle_lines(world, future)],
        reason="upcoming",
        currency=subscription["currency"],
        period=(start, boundary),
        subscription=subscription,
        next_payment_attempt=boundary + world.settings.draft_seconds,
    )
