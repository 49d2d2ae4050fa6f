"""Subscription schedules: phases that a subscription goes through."""

from typing import Any

from tests.stripe_stand_in.changes import change_items
from tests.stripe_stand_in.errors import invalid, not_stood_in_for
from tests.stripe_stand_in.events import tell, updating
from tests.stripe_stand_in.items import Change, new_item, period_of, price_of, put_in_place
from tests.stripe_stand_in.items import restarts_cycle as changes_interval
from tests.stripe_stand_in.lists import page
from tests.stripe_stand_in.metadata import merged
from tests.stripe_stand_in.money import later
from tests.stripe_stand_in.routes import Call, route
from tests.stripe_stand_in.shapes import Json
from tests.stripe_stand_in.state import World
from tests.stripe_stand_in.statuses import end, release_schedule

_OVER = {"canceled", "completed", "released"}


def schedule_from(world: World, subscription: Json) -> Json:
    """Put a subscription under a schedule whose one phase is its present period."""
    if subscription["schedule"]:
        raise invalid(
            "You cannot migrate a subscription that is already attached to a schedule: "
            f"{subscription['schedule']}."
        )
    start, boundary = period_of(subscription)
    items = [
        {"price": item["price"]["id"], "quantity": item["quantity"]}
        for item in subscription["items"]["data"]
    ]
    schedule = world.new(
        "subscription_schedule",
        billing_mode=dict(subscription["billing_mode"]),
        current_phase={"start_date": start, "end_date": boundary},
        customer=subscription["customer"],
        default_settings={
            "application_fee_percent": None,
            "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
            "billing_cycle_anchor": "automatic",
            "billing_thresholds": None,
            "collection_method": "charge_automatically",
            "default_payment_method": None,
            "description": None,
            "invoice_settings": {
                "account_tax_ids": None,
                "days_until_due": None,
                "issuer": {"type": "self"},
            },
            "on_behalf_of": None,
            "transfer_data": None,
        },
        end_behavior="release",
        metadata={},
        phases=[_phase(world, {"items": items}, start, boundary)],
        status="active",
        subscription=subscription["id"],
        test_clock=world.clock_of(subscription["customer"]),
    )
    with updating(world, subscription, "customer.subscription.updated"):
        subscription["schedule"] = schedule["id"]
    tell(world, "subscription_schedule.created", schedule)
    return schedule


def _phase(world: World, given: dict[str, Any], start: int, boundary: int) -> Json:
    prices = [price_of(world, item, "phases") for item in given["items"]]
    return {
        "add_invoice_items": [],
        "application_fee_percent": None,
        "billing_cycle_anchor": None,
        "billing_thresholds": None,
        "collection_method": None,
        "currency": prices[0]["currency"],
        "default_payment_method": None,
        "default_tax_rates": [],
        "description": given.get("description"),
        "discounts": [],
        "end_date": boundary,
        "invoice_settings": None,
        "items": [
            {
                "billing_thresholds": None,
                "discounts": [],
                "metadata": merged({}, item.get("metadata")),
                "plan": price["id"],
                "price": price["id"],
                "quantity": item.get("quantity", 1),
                "tax_rates": [],
            }
            for item, price in zip(given["items"], prices, strict=True)
        ],
        "metadata": merged({}, given.get("metadata")),
        "on_behalf_of": None,
        "proration_behavior": given.get("proration_behavior") or "create_prorations",
        "start_date": start,
        "transfer_data": None,
        "trial_end": None,
    }


def set_phases(
    world: World, schedule: Json, given: list[dict[str, Any]], *, proration: str
) -> None:
    """Replace the phases; the first one is the current one, and it may change its items."""
    current = schedule["current_phase"]
    start = given[0].get("start_date", None)
    if start is None:
        raise invalid("The first phase must have a start date.", param="phases[0][start_date]")
    if start != current["start_date"]:
        raise invalid(
            "You can not modify the start date of the current phase.",
            param="phases[0][start_date]",
        )
    phases = []
    for place, one in enumerate(given):
        phase = _phase(world, one, start, _end_of(world, one, start))
        if phase["end_date"] <= max(start, world.now(schedule["customer"])):
            raise invalid("A phase must end later.", param=f"phases[{place}][end_date]")
        phases.append(phase)
        start = phase["end_date"]
    with updating(world, schedule, "subscription_schedule.updated"):
        schedule["phases"] = phases
        schedule["current_phase"] = current | {"end_date": phases[0]["end_date"]}
    _follow(world, schedule, phases[0], proration=proration)


def _end_of(world: World, given: dict[str, Any], start: int) -> int:
    boundary = given.get("end_date")
    if boundary == "now":
        raise not_stood_in_for("phases that end now", "end_date")
    if boundary:
        return int(boundary)
    duration = given.get("duration") or price_of(world, given["items"][0], "phases")["recurring"]
    return later(start, duration)


def _changes(world: World, subscription: Json, phase: Json) -> list[Change]:
    """Return the changes from a subscription's items to those of a phase, one for one."""
    old = subscription["items"]["data"]
    changes = []
    for place, item in enumerate(phase["items"]):
        price = world.objects[item["price"]]
        if place < len(old):
            changes.append(Change(old[place], price, item["quantity"]))
        else:
            now = world.now(subscription["customer"])
            added = new_item(world, subscription["id"], price, item["quantity"], now)
            changes.append(Change(added, price, item["quantity"], is_new=True))
    changes += [
        Change(item, item["price"], item["quantity"], is_deleted=True)
        for item in old[len(phase["items"]) :]
    ]
    return [change for change in changes if change.changes_money]


def _follow(world: World, schedule: Json, phase: Json, *, proration: str) -> None:
    """Give the subscription the items and the metadata of a phase."""
    subscription = world.objects[schedule["subscription"]]
    now = world.now(subscription["customer"])
    changes = _changes(world, subscription, phase)
    with updating(world, subscription, "customer.subscription.updated"):
        subscription["metadata"] = merged(subscription["metadata"], phase["metadata"])
        if changes and period_of(subscription)[1] == now:
            # The renewal that comes next bills the new items, from this boundary on.
            if changes_interval(changes):
                subscription["billing_cycle_anchor"] = now
            put_in_place(world, subscription, changes, anchor=None)
            changes = []
    if changes:
        change_items(world, subscription, changes, proration=proration)


def leave_phase(world: World, schedule: Json) -> None:
    """Enter the next phase; after the last one, do what the schedule says."""
    now = world.now(schedule["customer"])
    for phase in schedule["phases"]:
        if phase["start_date"] == now:
            with updating(world, schedule, "subscription_schedule.updated"):
                schedule["current_phase"] = {
                    "start_date": phase["start_date"],
                    "end_date": phase["end_date"],
                }
            _follow(world, schedule, phase, proration=phase["proration_behavior"])
            return
    if schedule["end_behavior"] == "release":
        release_schedule(world, schedule)
        return
    subscription = world.objects[schedule["subscription"]]
    schedule |= {"completed_at": now, "current_phase": None, "status": "completed"}
    subscription["schedule"] = None
    tell(world, "subscription_schedule.completed", schedule)
    end(world, subscription)


@route("POST", "/v1/subscription_schedules", "SubscriptionScheduleCreateParams")
def create(world: World, call: Call) -> Json:
    if not call.get("from_subscription"):
        raise not_stood_in_for("schedules that begin a subscription", "from_subscription")
    subscription = world.get("subscription", call["from_subscription"], param="from_subscription")
    if call.get("phases"):
        raise invalid(
            "You cannot set `phases` if `from_subscription` is set. You can update the schedule "
            "afterwards.",
            param="phases",
        )
    schedule = schedule_from(world, subscription)
    schedule["metadata"] = merged({}, call.get("metadata"))
    return schedule


@route("GET", "/v1/subscription_schedules/{id}", "SubscriptionScheduleRetrieveParams")
def retrieve(world: World, call: Call) -> Json:
    return world.get("subscription_schedule", call["id"])


def _active(world: World, call: Call, verb: str) -> Json:
    schedule = world.get("subscription_schedule", call["id"])
    if schedule["status"] in _OVER:
        raise invalid(
            f"You cannot {verb} a subscription schedule that is in the `{schedule['status']}` "
            "status."
        )
    return schedule


@route("POST", "/v1/subscription_schedules/{id}", "SubscriptionScheduleModifyParams")
def update(world: World, call: Call) -> Json:
    schedule = _active(world, call, "update")
    with updating(world, schedule, "subscription_schedule.updated"):
        schedule["metadata"] = merged(schedule["metadata"], call.get("metadata"))
        if "end_behavior" in call:
            schedule["end_behavior"] = call["end_behavior"]
    if call.get("phases"):
        set_phases(
            world,
            schedule,
            call["phases"],
            proration=call.get("proration_behavior", "create_prorations"),
        )
    return schedule


@route("POST", "/v1/subscription_schedules/{id}/release", "SubscriptionScheduleReleaseParams")
def release(world: World, call: Call) -> Json:
    return release_schedule(world, _active(world, call, "release"))


@route("POST", "/v1/subscription_schedules/{id}/cancel", "SubscriptionScheduleCancelParams")
def cancel(world: World, call: Call) -> Json:
    """Cancel a schedule and its subscription with it."""
    schedule = _active(world, call, "cancel")
    end(world, world.objects[schedule["subscription"]])
    return schedule


@route("GET", "/v1/subscription_schedules", "SubscriptionScheduleListParams")
def list_schedules(world: World, call: Call) -> Json:
    found = world.every("subscription_schedule")
    if call.get("scheduled"):
        found = [one for one in found if one["status"] == "not_started"]
    return page(call, found, filters=("customer",))
