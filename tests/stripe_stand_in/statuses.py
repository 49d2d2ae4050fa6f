"""How a subscription's status changes, and how it ends."""

from tests.stripe_stand_in.events import tell, updating
from tests.stripe_stand_in.shapes import Json
from tests.stripe_stand_in.state import World


def set_status(world: World, subscription: Json, status: str) -> None:
    with updating(world, subscription, "customer.subscription.updated"):
        subscription["status"] = status


def set_delinquent(world: World, customer: Json, *, delinquent: bool) -> None:
    if "delinquent" in customer:
        with updating(world, customer, "customer.updated"):
            customer["delinquent"] = delinquent


def end(world: World, subscription: Json, reason: str = "cancellation_requested") -> None:
    """Cancel a subscription now; a schedule ends with it."""
    now = world.now(subscription["customer"])
    if subscription["schedule"]:
        schedule = world.objects[subscription["schedule"]]
        schedule |= {"status": "canceled", "canceled_at": now, "current_phase": None}
        tell(world, "subscription_schedule.canceled", schedule)
    subscription |= {
        "canceled_at": subscription["canceled_at"] or now,
        "ended_at": now,
        "pending_update": None,
        "schedule": None,
        "status": "canceled",
    }
    subscription["cancellation_details"] = subscription["cancellation_details"] | {"reason": reason}
    tell(world, "customer.subscription.deleted", subscription)


def expire_incomplete(world: World, subscription: Json) -> None:
    """Give up on a subscription whose first invoice was not paid."""
    subscription["ended_at"] = world.now(subscription["customer"])
    set_status(world, subscription, "incomplete_expired")


def release_schedule(world: World, schedule: Json) -> Json:
    """Leave the subscription as it is, to itself."""
    subscription = world.objects[schedule["subscription"]]
    schedule |= {
        "current_phase": None,
        "released_at": world.now(schedule["customer"]),
        "released_subscription": subscription["id"],
        "status": "released",
        "subscription": None,
    }
    with updating(world, subscription, "customer.subscription.updated"):
        subscription["schedule"] = None
    tell(world, "subscription_schedule.released", schedule)
    return schedule
