"""The billing portal: a page of Stripe's where a customer looks after a subscription."""

from typing import Any

from tests.stripe_stand_in.changes import change_items
from tests.stripe_stand_in.customers import live_customer
from tests.stripe_stand_in.errors import invalid, missing
from tests.stripe_stand_in.events import updating
from tests.stripe_stand_in.items import Change, period_of, price_of
from tests.stripe_stand_in.lists import page
from tests.stripe_stand_in.metadata import merged
from tests.stripe_stand_in.payment_methods import attach, new_card
from tests.stripe_stand_in.routes import Call, route
from tests.stripe_stand_in.schedules import schedule_from, set_phases
from tests.stripe_stand_in.shapes import Json
from tests.stripe_stand_in.state import World
from tests.stripe_stand_in.statuses import end, release_schedule
from tests.stripe_stand_in.subscription_calls import set_cancel_at_period_end

_LIVE = {"active", "past_due", "unpaid", "trialing"}
_REASONS = [
    "too_expensive",
    "missing_features",
    "switched_service",
    "unused",
    "customer_service",
    "too_complex",
    "low_quality",
    "other",
]
_MONTHS = {"day": 1 / 30, "week": 7 / 30, "month": 1, "year": 12}


def _default_features() -> Json:
    return {
        "customer_update": {"allowed_updates": ["email", "address"], "enabled": True},
        "invoice_history": {"enabled": True},
        "payment_method_update": {"enabled": True, "payment_method_configuration": None},
        "subscription_cancel": {
            "cancellation_reason": {"enabled": False, "options": _REASONS},
            "enabled": True,
            "mode": "at_period_end",
            "proration_behavior": "none",
        },
        "subscription_update": {
            "billing_cycle_anchor": None,
            "default_allowed_updates": ["price"],
            "enabled": True,
            "products": [],
            "proration_behavior": "always_invoice",
            "schedule_at_period_end": {
                "conditions": [{"type": "decreasing_item_amount"}, {"type": "shortening_interval"}]
            },
            "trial_update_behavior": "end_trial",
        },
    }


def _deep(old: Any, new: Any) -> Any:
    if not isinstance(old, dict) or not isinstance(new, dict):
        return new
    return old | {key: _deep(old.get(key), value) for key, value in new.items()}


def new_configuration(world: World, given: dict[str, Any], *, is_default: bool) -> Json:
    features: Json = _deep(_default_features(), given.get("features") or {})
    update = features["subscription_update"]
    for product in update["products"] or []:
        product.setdefault("adjustable_quantity", {"enabled": False, "maximum": None, "minimum": 1})
    profile = given.get("business_profile") or {}
    return world.new(
        "billing_portal.configuration",
        active=True,
        business_profile={
            "headline": profile.get("headline"),
            "privacy_policy_url": profile.get("privacy_policy_url"),
            "terms_of_service_url": profile.get("terms_of_service_url"),
        },
        default_return_url=given.get("default_return_url"),
        features=features,
        is_default=is_default,
        login_page={"enabled": False, "url": None},
        metadata=merged({}, given.get("metadata")),
        name=given.get("name"),
        updated=world.now(),
    )


def _default_configuration(world: World) -> Json:
    for configuration in world.every("billing_portal.configuration"):
        if configuration["is_default"]:
            return configuration
    return new_configuration(world, {}, is_default=True)


def _flow(world: World, given: dict[str, Any] | None, customer: Json) -> Json | None:
    if not given:
        return None
    kind = given["type"]
    flow: Json = {
        "after_completion": {
            "hosted_confirmation": None,
            "redirect": None,
            "type": "portal_homepage",
        }
        | (given.get("after_completion") or {}),
        "customer_update": None,
        "subscription_cancel": None,
        "subscription_update": None,
        "subscription_update_confirm": None,
        "type": kind,
    }
    details = given.get(kind)
    if kind.startswith("subscription_"):
        if not details:
            raise invalid(
                f"Missing required param: flow_data[{kind}].",
                param=f"flow_data[{kind}]",
                code="parameter_missing",
            )
        subscription = world.get(
            "subscription", details["subscription"], param=f"flow_data[{kind}][subscription]"
        )
        if subscription["customer"] != customer["id"]:
            raise missing("subscription", subscription["id"], f"flow_data[{kind}][subscription]")
        flow[kind] = dict(details)
    if kind == "subscription_cancel":
        flow[kind].setdefault("retention", None)
    if kind == "subscription_update_confirm":
        flow[kind].setdefault("discounts", None)
        flow[kind]["items"] = [
            {"id": None, "price": None, "quantity": 1} | item for item in flow[kind]["items"]
        ]
    return flow


@route("POST", "/v1/billing_portal/sessions", "billing_portal.SessionCreateParams")
def create(world: World, call: Call) -> Json:
    customer = live_customer(world, call["customer"])
    chosen = call.get("configuration")
    configuration = (
        world.get("billing_portal.configuration", chosen, param="configuration")
        if chosen
        else _default_configuration(world)
    )
    session = world.make(
        "billing_portal.session",
        configuration=configuration["id"],
        customer=customer["id"],
        flow=_flow(world, call.get("flow_data"), customer),
        locale=call.get("locale"),
        return_url=call.get("return_url") or configuration["default_return_url"],
    )
    session["url"] = f"{world.url}/p/session/{session['id']}"
    world.objects[session["id"]] = session
    return session


def live_subscription(world: World, session: Json) -> Json | None:
    """Return the subscription that a session is about."""
    for subscription in world.every("subscription"):
        if subscription["customer"] == session["customer"] and subscription["status"] in _LIVE:
            return subscription
    return None


def _subscription(world: World, session: Json) -> Json:
    subscription = live_subscription(world, session)
    if subscription is None:
        raise invalid("There is no subscription.")
    return subscription


def features_of(world: World, session: Json) -> Json:
    features: Json = world.objects[session["configuration"]]["features"]
    return features


def cancel(world: World, session: Json) -> None:
    subscription = _subscription(world, session)
    feature = features_of(world, session)["subscription_cancel"]
    if not feature["enabled"]:
        raise invalid("Canceling is not allowed here.")
    if feature["mode"] == "immediately":
        end(world, subscription)
        return
    if subscription["schedule"]:
        release_schedule(world, world.objects[subscription["schedule"]])
    with updating(world, subscription, "customer.subscription.updated"):
        set_cancel_at_period_end(world, subscription, cancel=True)


def reactivate(world: World, session: Json) -> None:
    """Take a cancellation or a scheduled change back."""
    subscription = _subscription(world, session)
    if subscription["schedule"]:
        release_schedule(world, world.objects[subscription["schedule"]])
    with updating(world, subscription, "customer.subscription.updated"):
        set_cancel_at_period_end(world, subscription, cancel=False)


def prices_on_offer(world: World, session: Json) -> list[Json]:
    """Return what a subscription may be changed to."""
    feature = features_of(world, session)["subscription_update"]
    subscription = live_subscription(world, session)
    if not feature["enabled"] or subscription is None:
        return []
    named = {price for product in feature["products"] or [] for price in product["prices"]}
    current = subscription["items"]["data"][0]["price"]["id"]
    found = [
        price
        for price in world.every("price")
        if price["recurring"]
        and price["active"]
        and price["currency"] == subscription["currency"]
        and price["id"] != current
        and (not named or price["id"] in named)
    ]
    return sorted(found, key=lambda price: int(price["unit_amount"]))


def change_plan(world: World, session: Json, price: str, quantity: int | None = None) -> None:
    """Change the plan: at once, or at the period's end where the configuration says so."""
    subscription = _subscription(world, session)
    feature = features_of(world, session)["subscription_update"]
    if not feature["enabled"]:
        raise invalid("Changing the plan is not allowed here.")
    new = price_of(world, {"price": price}, "price")
    item = subscription["items"]["data"][0]
    quantity = quantity or item["quantity"]
    if subscription["schedule"]:
        release_schedule(world, world.objects[subscription["schedule"]])
    if _waits(feature, item["price"], new):
        start, boundary = period_of(subscription)
        old_items = [{"price": item["price"]["id"], "quantity": item["quantity"]}]
        set_phases(
            world,
            schedule_from(world, subscription),
            [
                {"items": old_items, "start_date": start, "end_date": boundary},
                {"items": [{"price": price, "quantity": quantity}]},
            ],
            proration="none",
        )
        return
    with world.or_as_before():
        with updating(world, subscription, "customer.subscription.updated"):
            if subscription["cancel_at_period_end"]:
                set_cancel_at_period_end(world, subscription, cancel=False)
        change_items(
            world,
            subscription,
            [Change(item, new, quantity)],
            proration=feature["proration_behavior"],
            payment_behavior="error_if_incomplete",
        )


def _waits(feature: Json, old: Json, new: Json) -> bool:
    conditions = {one["type"] for one in feature["schedule_at_period_end"]["conditions"]}
    shorter = _months(new) < _months(old)
    cheaper = new["unit_amount"] / _months(new) < old["unit_amount"] / _months(old)
    return ("shortening_interval" in conditions and shorter) or (
        "decreasing_item_amount" in conditions and cheaper
    )


def _months(price: Json) -> float:
    return _MONTHS[price["recurring"]["interval"]] * int(price["recurring"]["interval_count"])


def change_card(world: World, session: Json, card: str) -> None:
    """Make a new card the customer's default, and that of the subscription."""
    customer = world.objects[session["customer"]]
    method = attach(world, new_card(world, card)["id"], customer)
    with updating(world, customer, "customer.updated"):
        customer["invoice_settings"] = customer["invoice_settings"] | {
            "default_payment_method": method["id"]
        }
    subscription = live_subscription(world, session)
    if subscription and subscription["default_payment_method"]:
        with updating(world, subscription, "customer.subscription.updated"):
            subscription["default_payment_method"] = method["id"]


@route("POST", "/v1/billing_portal/configurations", "billing_portal.ConfigurationCreateParams")
def create_configuration(world: World, call: Call) -> Json:
    return new_configuration(world, call.parameters, is_default=False)


@route("POST", "/v1/billing_portal/configurations/{id}", "billing_portal.ConfigurationModifyParams")
def update_configuration(world: World, call: Call) -> Json:
    configuration = world.get("billing_portal.configuration", call["id"], param="configuration")
    configuration["features"] = _deep(configuration["features"], call.get("features") or {})
    configuration["metadata"] = merged(configuration["metadata"], call.get("metadata"))
    for name in ("active", "default_return_url", "name"):
        if name in call:
            configuration[name] = call[name] if call[name] != "" else None
    configuration["updated"] = world.now()
    return configuration


@route(
    "GET", "/v1/billing_portal/configurations/{id}", "billing_portal.ConfigurationRetrieveParams"
)
def retrieve_configuration(world: World, call: Call) -> Json:
    return world.get("billing_portal.configuration", call["id"], param="configuration")


@route("GET", "/v1/billing_portal/configurations", "billing_portal.ConfigurationListParams")
def list_configurations(world: World, call: Call) -> Json:
    found = world.every("billing_portal.configuration")
    return page(call, found, filters=("active", "is_default"))
