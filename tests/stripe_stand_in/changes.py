"""Changing what a subscription is for, and billing the difference."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from tests.stripe_stand_in import pending
from tests.stripe_stand_in.collection import collect
from tests.stripe_stand_in.errors import declined
from tests.stripe_stand_in.events import updating
from tests.stripe_stand_in.invoices import draft, finalize, intent_of, open_draft
from tests.stripe_stand_in.items import (
    Change,
    period_of,
    put_in_place,
    restarts_cycle,
    set_period,
)
from tests.stripe_stand_in.prorations import (
    Proration,
    cycle_lines,
    keep,
    lines_of,
    prorations,
    waiting_lines,
)
from tests.stripe_stand_in.shapes import Json
from tests.stripe_stand_in.state import World


@dataclass(frozen=True)
class Bill:
    """What a change costs, and whether it is billed at once."""

    parts: list[Proration]
    restarts: bool
    is_immediate: bool

    @property
    def kept(self) -> list[Proration]:
        return [part for part in self.parts if part.is_proration]

    @property
    def whole(self) -> list[Proration]:
        return [part for part in self.parts if not part.is_proration]


def bill_of(
    world: World,
    subscription: Json,
    changes: list[Change],
    *,
    proration: str,
    moment: int,
    reset: bool = False,
) -> Bill:
    restarts = reset or restarts_cycle(changes)
    parts = []
    if proration != "none" or restarts:
        parts = prorations(world, subscription, changes, moment, restarts=restarts)
    if proration == "none":
        parts = [part for part in parts if not part.is_proration]
    return Bill(parts, restarts, restarts or (proration == "always_invoice" and bool(parts)))


def change_items(
    world: World,
    subscription: Json,
    changes: list[Change],
    *,
    proration: str = "create_prorations",
    payment_behavior: str = "allow_incomplete",
    moment: int | None = None,
    reset: bool = False,
) -> None:
    """Change the items of a subscription.

    Raises a card error under `error_if_incomplete` when the bill is not paid; the caller undoes
    what was done by then.
    """
    now = world.now(subscription["customer"])
    bill = bill_of(
        world,
        subscription,
        changes,
        proration=proration,
        moment=now if moment is None else moment,
        reset=reset,
    )
    anchor = now if bill.restarts else None
    waits = bill.is_immediate and payment_behavior == "pending_if_incomplete"
    keep(world, subscription, bill.kept)
    if not waits:
        with updating(world, subscription, "customer.subscription.updated"):
            put_in_place(world, subscription, changes, anchor=anchor)
    if bill.parts:
        _remember(world, subscription, changes)
    if bill.is_immediate:
        _bill_now(world, subscription, changes, bill, payment_behavior, anchor)


def _remember(world: World, subscription: Json, changes: list[Change]) -> None:
    for change in changes:
        world.note(change.item["id"])["billed"] = change.new_total


def _bill_now(
    world: World,
    subscription: Json,
    changes: list[Change],
    bill: Bill,
    payment_behavior: str,
    anchor: int | None,
) -> None:
    before = {change.item["id"]: change.old_total for change in changes}
    waits = payment_behavior == "pending_if_incomplete"
    invoice = draft(
        world,
        customer=subscription["customer"],
        lines=[*waiting_lines(world, subscription), *lines_of(world, subscription, bill.whole)],
        reason="subscription_update",
        currency=subscription["currency"],
        subscription=subscription,
    )
    open_draft(world, invoice)
    world.note(invoice["id"])["is_for_pending_update"] = waits
    finalize(world, invoice)
    charge = collect(world, invoice) if invoice["status"] == "open" else None
    if waits and invoice["status"] == "paid":
        with updating(world, subscription, "customer.subscription.updated"):
            put_in_place(world, subscription, changes, anchor=anchor)
    elif waits:
        pending.hold(world, subscription, invoice, changes, anchor=anchor)
        for item, total in before.items():
            world.note(item)["billed"] = total
    elif invoice["status"] != "paid" and payment_behavior == "error_if_incomplete":
        raise declined(charge, intent_of(world, invoice))


def preview(
    world: World,
    subscription: Json,
    changes: list[Change],
    *,
    proration: str = "create_prorations",
    moment: int | None = None,
    reset: bool = False,
) -> Json:
    """Return the invoice that a change would lead to: at once, or with the next renewal."""
    now = world.now(subscription["customer"]) if moment is None else moment
    bill = bill_of(world, subscription, changes, proration=proration, moment=now, reset=reset)
    lines = [*waiting_lines(world, subscription), *lines_of(world, subscription, bill.parts)]
    if bill.is_immediate:
        return _draft_preview(world, subscription, lines, (now, now))
    start, boundary = period_of(subscription)
    future = dict(subscription)
    put_in_place(world, future, changes, anchor=None)
    set_period(future, boundary)
    lines += cycle_lines(world, future)
    return _draft_preview(world, subscription, lines, (start, boundary))


def _draft_preview(
    world: World, subscription: Json, lines: list[Json], period: tuple[int, int]
) -> Json:
    invoice = draft(
        world,
        customer=subscription["customer"],
        lines=lines,
        reason="upcoming",
        currency=subscription["currency"],
        period=period,
        subscription=subscription,
    )
    return invoice | {"id": f"upcoming_{invoice['id']}"}


def undone_if_unpaid(world: World, payment_behavior: str) -> AbstractContextManager[None]:
    """Return the block that undoes its changes when they are refused, where that is asked for."""
    if payment_behavior == "error_if_incomplete":
        return world.or_as_before()
    return nullcontext()
