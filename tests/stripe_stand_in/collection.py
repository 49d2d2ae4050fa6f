"""Collecting an invoice, and what that does to its subscription."""

from tests.stripe_stand_in import pending
from tests.stripe_stand_in.events import tell, updating
from tests.stripe_stand_in.invoices import attempt, settle, subscription_of
from tests.stripe_stand_in.payment_methods import default_method
from tests.stripe_stand_in.shapes import Json
from tests.stripe_stand_in.state import World
from tests.stripe_stand_in.statuses import end, set_delinquent, set_status

DAY = 86400
_BEHIND = {"past_due", "unpaid"}


def owner_of(world: World, invoice: Json) -> Json | None:
    return world.objects.get(subscription_of(invoice) or "")


def collect(
    world: World, invoice: Json, method: Json | None = None, *, automatic: bool = True
) -> Json | None:
    """Charge an open invoice, and return the charge; `automatic` follows up on a failure."""
    subscription = owner_of(world, invoice)
    method = method or default_method(world, invoice["customer"], subscription)
    charge = attempt(world, invoice, method)
    if invoice["status"] == "paid":
        after_payment(world, invoice)
    else:
        _after_failure(world, invoice, subscription, automatic=automatic)
    return charge


def settle_elsewhere(world: World, invoice: Json) -> None:
    settle(world, invoice)
    after_payment(world, invoice)


def after_payment(world: World, invoice: Json) -> None:
    """Bring a subscription to what a paid invoice makes of it."""
    subscription = owner_of(world, invoice)
    owes = any(
        other["customer"] == invoice["customer"]
        and other["status"] == "open"
        and other["attempted"]
        for other in world.every("invoice")
    )
    set_delinquent(world, world.objects[invoice["customer"]], delinquent=owes)
    if subscription is None or subscription["status"] == "canceled":
        return
    if pending.waits_for(world, subscription) == invoice["id"]:
        pending.apply(world, subscription)
    is_settled = subscription["status"] in _BEHIND and not _open_invoices(world, subscription)
    if subscription["status"] == "incomplete" or is_settled:
        set_status(world, subscription, "active")


def _open_invoices(world: World, subscription: Json) -> list[Json]:
    return [
        invoice
        for invoice in world.every("invoice")
        if subscription_of(invoice) == subscription["id"] and invoice["status"] == "open"
    ]


def _after_failure(
    world: World, invoice: Json, subscription: Json | None, *, automatic: bool
) -> None:
    retried = (
        subscription is not None
        and invoice["billing_reason"] != "subscription_create"
        and not world.note(invoice["id"]).get("is_for_pending_update")
    )
    if retried and automatic:
        _plan_next_attempt(world, invoice)
    tell(world, "invoice.payment_failed", invoice)
    set_delinquent(world, world.objects[invoice["customer"]], delinquent=True)
    if subscription is None or not retried or subscription["status"] == "canceled":
        return
    if subscription["status"] == "active":
        set_status(world, subscription, "past_due")
    if automatic and invoice["next_payment_attempt"] is None:
        _give_up(world, subscription)


def _plan_next_attempt(world: World, invoice: Json) -> None:
    note = world.note(invoice["id"])
    failures = note["failures"] = note.get("failures", 0) + 1
    gaps = world.settings.retry_days
    with updating(world, invoice, "invoice.updated"):
        invoice["next_payment_attempt"] = (
            world.now(invoice["customer"]) + gaps[failures - 1] * DAY
            if failures <= len(gaps)
            else None
        )
        invoice["auto_advance"] = failures <= len(gaps)


def _give_up(world: World, subscription: Json) -> None:
    if world.settings.after_retries == "cancel":
        end(world, subscription, "payment_failed")
    elif world.settings.after_retries == "unpaid":
        set_status(world, subscription, "unpaid")
