"""The calls that concern subscriptions."""

from typing import Any

from tests.stripe_stand_in.changes import (
    bill_of,
    change_items,
    undone_if_unpaid,
)
from tests.stripe_stand_in.collection import collect
from tests.stripe_stand_in.customers import live_customer
from tests.stripe_stand_in.errors import invalid, missing, not_stood_in_for
from tests.stripe_stand_in.events import updating
from tests.stripe_stand_in.invoices import draft, finalize, open_draft
from tests.stripe_stand_in.items import Change, period_of, planned
from tests.stripe_stand_in.lists import page
from tests.stripe_stand_in.metadata import merged
from tests.stripe_stand_in.payment_methods import attach
from tests.stripe_stand_in.prorations import keep, waiting_lines
from tests.stripe_stand_in.routes import Call, route
from tests.stripe_stand_in.shapes import Json
from tests.stripe_stand_in.state import World
from tests.stripe_stand_in.statuses import end
from tests.stripe_stand_in.subscriptions import new_subscription

_UNKNOWN = (
    "add_invoice_items",
    "application_fee_percent",
    "billing_schedules",
    "billing_thresholds",
    "default_tax_rates",
    "discounts",
    "pause_collection",
    "transfer_data",
    "trial_end",
    "trial_from_plan",
    "trial_period_days",
)
# What may come with `pending_if_incomplete`; the rest is refused, as it is by Stripe.
_ALLOWED_PENDING = {
    "billing_cycle_anchor",
    "expand",
    "items",
    "off_session",
    "payment_behavior",
    "proration_behavior",
    "proration_date",
}
_OVER = {"canceled", "incomplete_expired"}


def refuse_unknown(given: dict[str, Any]) -> None:
    for name in _UNKNOWN:
        if given.get(name):
            raise not_stood_in_for(name, name)
    if (given.get("collection_method") or "charge_automatically") != "charge_automatically":
        raise not_stood_in_for("invoices that are sent", "collection_method")


@route("POST", "/v1/subscriptions", "SubscriptionCreateParams")
def create(world: World, call: Call) -> Json:
    refuse_unknown(call.parameters)
    customer = live_customer(world, call["customer"])
    behavior = call.get("payment_behavior", "allow_incomplete")
    with undone_if_unpaid(world, behavior):
        customer = world.objects[customer["id"]]
        chosen = call.get("default_payment_method")
        return new_subscription(
            world,
            customer,
            call["items"],
            metadata=call.get("metadata"),
            method=attach(world, chosen, customer) if chosen else None,
            behavior=behavior,
        )


@route("GET", "/v1/subscriptions/{id}", "SubscriptionRetrieveParams")
def retrieve(world: World, call: Call) -> Json:
    return world.get("subscription", call["id"])


@route("POST", "/v1/subscriptions/{id}", "SubscriptionModifyParams")
def update(world: World, call: Call) -> Json:
    refuse_unknown(call.parameters)
    subscription = world.get("subscription", call["id"])
    behavior = call.get("payment_behavior", "allow_incomplete")
    _refuse_update(subscription, call, behavior)
    with undone_if_unpaid(world, behavior):
        _set_plain(world, subscription, call)
        reset = call.get("billing_cycle_anchor") == "now"
        if call.get("items") or reset:
            change_items(
                world,
                subscription,
                planned(world, subscription, call.get("items", [])) or _same(subscription),
                proration=call.get("proration_behavior", "create_prorations"),
                payment_behavior=behavior,
                moment=call.get("proration_date"),
                reset=reset,
            )
    return subscription


def _same(subscription: Json) -> list[Change]:
    return [Change(item, item["price"], item["quantity"]) for item in subscription["items"]["data"]]


def _refuse_update(subscription: Json, call: Call, behavior: str) -> None:
    if subscription["status"] in _OVER and call.parameters.keys() - {
        "id",
        "metadata",
        "cancellation_details",
        "expand",
    }:
        raise invalid(
            "A canceled subscription can only update its cancellation_details and metadata."
        )
    if subscription["schedule"] and {"cancel_at_period_end", "cancel_at"} & call.parameters.keys():
        raise invalid(
            "The subscription is managed by the subscription schedule "
            f"`{subscription['schedule']}`, and updating any cancelation behavior directly is "
            "not allowed. Please update the schedule instead."
        )
    refused = call.parameters.keys() - _ALLOWED_PENDING - {"id"}
    if behavior == "pending_if_incomplete" and refused:
        raise invalid(
            "When `payment_behavior` is set to `pending_if_incomplete`, you cannot pass "
            f"`{min(refused)}`.",
            param=min(refused),
        )


def _set_plain(world: World, subscription: Json, call: Call) -> None:
    chosen = call.get("default_payment_method")
    method = None
    if chosen:
        method = attach(world, chosen, world.objects[subscription["customer"]])["id"]
    with updating(world, subscription, "customer.subscription.updated"):
        subscription["metadata"] = merged(subscription["metadata"], call.get("metadata"))
        if chosen is not None:
            subscription["default_payment_method"] = method
        if "description" in call:
            subscription["description"] = call["description"] or None
        if call.get("cancellation_details"):
            details = {key: value or None for key, value in call["cancellation_details"].items()}
            subscription["cancellation_details"] = subscription["cancellation_details"] | details
        if "cancel_at_period_end" in call:
            set_cancel_at_period_end(world, subscription, cancel=call["cancel_at_period_end"])
        elif "cancel_at" in call:
            _set_cancel_at(world, subscription, call["cancel_at"])


def set_cancel_at_period_end(world: World, subscription: Json, *, cancel: bool) -> None:
    boundary = period_of(subscription)[1]
    _set_cancel_at(world, subscription, boundary if cancel else None)
    subscription["cancel_at_period_end"] = cancel


def _set_cancel_at(world: World, subscription: Json, moment: Any) -> None:
    if isinstance(moment, str) and moment:
        moment = period_of(subscription)[1]
    subscription |= {
        "cancel_at": moment or None,
        "cancel_at_period_end": False,
        "canceled_at": world.now(subscription["customer"]) if moment else None,
    }
    subscription["cancellation_details"] = subscription["cancellation_details"] | {
        "reason": "cancellation_requested" if moment else None
    }


@route("DELETE", "/v1/subscriptions/{id}", "SubscriptionCancelParams")
def cancel(world: World, call: Call) -> Json:
    subscription = world.get("subscription", call["id"])
    if subscription["status"] in _OVER:
        raise missing("subscription", call["id"])
    details = call.get("cancellation_details") or {}
    subscription["cancellation_details"] = subscription["cancellation_details"] | details
    if call.get("prorate"):
        _credit_rest(world, subscription)
    if call.get("invoice_now") and waiting_lines(world, subscription):
        _bill_waiting(world, subscription)
    end(world, subscription)
    return subscription


def _credit_rest(world: World, subscription: Json) -> None:
    gone = [
        Change(item, item["price"], item["quantity"], is_deleted=True)
        for item in subscription["items"]["data"]
    ]
    now = world.now(subscription["customer"])
    bill = bill_of(world, subscription, gone, proration="create_prorations", moment=now)
    keep(world, subscription, bill.kept)


def _bill_waiting(world: World, subscription: Json) -> None:
    invoice = draft(
        world,
        customer=subscription["customer"],
        lines=waiting_lines(world, subscription),
        reason="subscription_update",
        currency=subscription["currency"],
        subscription=subscription,
    )
    finalize(world, open_draft(world, invoice))
    if invoice["status"] == "open":
        collect(world, invoice)


@route("GET", "/v1/subscriptions", "SubscriptionListParams")
def list_subscriptions(world: World, call: Call) -> Json:
    found = world.every("subscription")
    status = call.get("status")
    if status == "ended":
        found = [one for one in found if one["status"] in _OVER]
    elif status is None:
        found = [one for one in found if one["status"] != "canceled"]
    elif status != "all":
        found = [one for one in found if one["status"] == status]
    if "price" in call:
        found = [one for one in found if call["price"] in _price_ids(one)]
    return page(call, found, filters=("customer", "test_clock"))


def _price_ids(subscription: Json) -> list[str]:
    return [item["price"]["id"] for item in subscription["items"]["data"]]


@route("GET", "/v1/subscription_items", "SubscriptionItemListParams")
def list_items(world: World, call: Call) -> Json:
    subscription = world.get("subscription", call["subscription"], param="subscription")
    return page(call, subscription["items"]["data"])


@route("GET", "/v1/subscription_items/{id}", "SubscriptionItemRetrieveParams")
def retrieve_item(world: World, call: Call) -> Json:
    for subscription in world.every("subscription"):
        for item in subscription["items"]["data"]:
            if item["id"] == call["id"]:
                found: Json = item
                return found
    raise missing("subscription_item", call["id"], "subscription_item")
