"""Updates of a subscription that wait for their invoice to be paid."""

from tests.stripe_stand_in.events import tell, updating
from tests.stripe_stand_in.invoices import void
from tests.stripe_stand_in.items import Change, put_in_place
from tests.stripe_stand_in.shapes import Json
from tests.stripe_stand_in.state import World

SECONDS_TO_PAY = 23 * 3600


def hold(
    world: World, subscription: Json, invoice: Json, changes: list[Change], *, anchor: int | None
) -> None:
    """Keep the changes until the invoice is paid, at most 23 hours."""
    now = world.now(subscription["customer"])
    world.note(subscription["id"])["pending"] = (invoice["id"], changes, anchor)
    with updating(world, subscription, "customer.subscription.updated"):
        subscription["pending_update"] = {
            "billing_cycle_anchor": anchor,
            "expires_at": now + SECONDS_TO_PAY,
            "subscription_items": [
                change.item | {"price": change.price, "quantity": change.quantity}
                for change in changes
            ],
            "trial_end": None,
            "trial_from_plan": None,
        }


def waits_for(world: World, subscription: Json) -> str | None:
    """Return the invoice that a subscription's update waits for."""
    if not subscription["pending_update"]:
        return None
    return str(world.note(subscription["id"])["pending"][0])


def apply(world: World, subscription: Json) -> None:
    _, changes, anchor = world.note(subscription["id"]).pop("pending")
    with updating(world, subscription, "customer.subscription.updated"):
        subscription["pending_update"] = None
        put_in_place(world, subscription, changes, anchor=anchor)
    tell(world, "customer.subscription.pending_update_applied", subscription)


def expire(world: World, subscription: Json) -> None:
    invoice, _, _ = world.note(subscription["id"]).pop("pending")
    void(world, world.objects[invoice])
    with updating(world, subscription, "customer.subscription.updated"):
        subscription["pending_update"] = None
    tell(world, "customer.subscription.pending_update_expired", subscription)
