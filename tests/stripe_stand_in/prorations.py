"""What a change in mid-period costs: credit for the time not used, a charge for the rest."""

from dataclasses import dataclass

from tests.stripe_stand_in.events import tell
from tests.stripe_stand_in.invoices import line, subscription_of
from tests.stripe_stand_in.items import Change, period_of
from tests.stripe_stand_in.money import day, later, said, share, total_of
from tests.stripe_stand_in.shapes import Json
from tests.stripe_stand_in.state import World


@dataclass(frozen=True)
class Proration:
    item: Json
    amount: int
    description: str
    period: tuple[int, int]
    price: Json
    quantity: int
    credited: Json | None = None
    is_proration: bool = True


def prorations(
    world: World, subscription: Json, changes: list[Change], moment: int, *, restarts: bool
) -> list[Proration]:
    """Return the parts of the period after `moment`, to the second.

    What is credited is what was billed for the period, as in Stripe's flexible billing mode: a
    price that was changed without proration and never paid is not paid back.
    """
    start, end = period_of(subscription)
    found = []
    for change in changes:
        if not change.changes_money and not restarts:
            continue
        if not change.is_new:
            found.append(_credit(world, change, moment, (start, end)))
        if not change.is_deleted:
            found.append(_charge(world, change, moment, (start, end), restarts=restarts))
    return found


def _credit(world: World, change: Change, moment: int, period: tuple[int, int]) -> Proration:
    start, end = period
    billed = world.note(change.item["id"]).get("billed", change.old_total)
    name = _product_name(world, change.item["price"])
    return Proration(
        item=change.item,
        amount=-share(billed, end - moment, end - start),
        description=f"Unused time on {_times(change.item['quantity'])}{name} after {day(moment)}",
        period=(moment, end),
        price=change.item["price"],
        quantity=change.item["quantity"],
        credited=_credited(world, change.item),
    )


def _charge(
    world: World, change: Change, moment: int, period: tuple[int, int], *, restarts: bool
) -> Proration:
    start, end = period
    name = _product_name(world, change.price)
    if restarts:
        return Proration(
            item=change.item,
            amount=change.new_total,
            description=full_description(world, change.price, change.quantity),
            period=(moment, later(moment, change.price["recurring"])),
            price=change.price,
            quantity=change.quantity,
            is_proration=False,
        )
    return Proration(
        item=change.item,
        amount=share(change.new_total, end - moment, end - start),
        description=f"Remaining time on {_times(change.quantity)}{name} after {day(moment)}",
        period=(moment, end),
        price=change.price,
        quantity=change.quantity,
    )


def _times(quantity: int) -> str:
    return "" if quantity == 1 else f"{quantity} × "


def _product_name(world: World, price: Json) -> str:
    return str(world.objects[price["product"]]["name"])


def full_description(world: World, price: Json, quantity: int) -> str:
    name, recurring = _product_name(world, price), price["recurring"]
    amount = said(price["unit_amount"], price["currency"])
    return f"{quantity} × {name} (at {amount} / {recurring['interval']})"


def _credited(world: World, item: Json) -> Json | None:
    """Return the invoice line that billed the period of an item, as far as there is one."""
    for invoice in world.every("invoice"):
        if subscription_of(invoice) != item["subscription"] or invoice["status"] == "void":
            continue
        for one in invoice["lines"]["data"]:
            details = (one["parent"] or {}).get("subscription_item_details") or {}
            if details.get("subscription_item") == item["id"] and one["amount"] > 0:
                return {"invoice": invoice["id"], "invoice_line_items": [one["id"]]}
    return None


def lines_of(world: World, subscription: Json, parts: list[Proration]) -> list[Json]:
    """Return lines for a preview, where no invoice items are kept."""
    return [_line(world, subscription, part, None) for part in parts]


def _line(world: World, subscription: Json, part: Proration, invoice_item: str | None) -> Json:
    details = {
        "invoice_item": invoice_item,
        "proration": part.is_proration,
        "proration_details": {"credited_items": part.credited} if part.is_proration else None,
        "subscription": subscription["id"],
        "subscription_item": part.item["id"],
    }
    return line(
        world,
        amount=part.amount,
        currency=subscription["currency"],
        description=part.description,
        period=part.period,
        price=part.price,
        quantity=part.quantity,
        metadata=subscription["metadata"],
        parent={
            "invoice_item_details": None,
            "subscription_item_details": details,
            "type": "subscription_item_details",
        },
    )


def keep(world: World, subscription: Json, parts: list[Proration]) -> list[Json]:
    """Keep invoice items that wait for the subscription's next invoice."""
    kept = []
    for part in parts:
        item = world.new(
            "invoiceitem",
            amount=part.amount,
            currency=subscription["currency"],
            customer=subscription["customer"],
            date=world.now(subscription["customer"]),
            description=part.description,
            discountable=False,
            discounts=[],
            metadata={},
            net_amount=part.amount,
            parent={
                "subscription_details": {
                    "subscription": subscription["id"],
                    "subscription_item": part.item["id"],
                },
                "type": "subscription_details",
            },
            period={"start": part.period[0], "end": part.period[1]},
            pricing={
                "price_details": {"price": part.price["id"], "product": part.price["product"]},
                "type": "price_details",
                "unit_amount_decimal": part.price["unit_amount_decimal"],
            },
            proration=part.is_proration,
            proration_details=_details_of_item(part),
            quantity=part.quantity,
            quantity_decimal=str(part.quantity),
            tax_rates=[],
            test_clock=world.clock_of(subscription["customer"]),
        )
        world.note(item["id"])["part"] = part
        tell(world, "invoiceitem.created", item)
        kept.append(item)
    return kept


def _details_of_item(part: Proration) -> Json | None:
    if part.credited is None:
        return None
    credited = {
        "invoice_item": None,
        "invoice_line_item_details": part.credited,
        "type": "invoice_line_items",
    }
    return {"credited_items": credited, "discount_amounts": []}


def waiting_lines(world: World, subscription: Json) -> list[Json]:
    """Return lines of the invoice items that wait for the next invoice, oldest first."""
    lines = []
    for item in world.every("invoiceitem")[::-1]:
        details = (item["parent"] or {}).get("subscription_details") or {}
        if item["invoice"] is None and details.get("subscription") == subscription["id"]:
            part = world.note(item["id"])["part"]
            lines.append(_line(world, subscription, part, item["id"]))
    return lines


def cycle_lines(world: World, subscription: Json) -> list[Json]:
    """Return the lines of a whole period of every item."""
    return [
        _line(
            world,
            subscription,
            Proration(
                item=item,
                amount=total_of(item),
                description=full_description(world, item["price"], item["quantity"]),
                period=(item["current_period_start"], item["current_period_end"]),
                price=item["price"],
                quantity=item["quantity"],
                is_proration=False,
            ),
            None,
        )
        for item in subscription["items"]["data"]
    ]


def remember_billed(world: World, subscription: Json) -> None:
    for item in subscription["items"]["data"]:
        world.note(item["id"])["billed"] = total_of(item)
