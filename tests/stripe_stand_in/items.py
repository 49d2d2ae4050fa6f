"""The items of a subscription, and changes of them."""

from dataclasses import dataclass
from typing import Any

from tests.stripe_stand_in.errors import invalid
from tests.stripe_stand_in.metadata import merged
from tests.stripe_stand_in.money import later, period_end
from tests.stripe_stand_in.prices import new_price, plan_of
from tests.stripe_stand_in.shapes import Json
from tests.stripe_stand_in.state import World


@dataclass(frozen=True)
class Change:
    """What an item is to become: another price, another quantity, new, or nothing."""

    item: Json
    price: Json
    quantity: int
    metadata: Any = None
    is_new: bool = False
    is_deleted: bool = False

    @property
    def old_total(self) -> int:
        return 0 if self.is_new else self.item["price"]["unit_amount"] * self.item["quantity"]

    @property
    def new_total(self) -> int:
        return 0 if self.is_deleted else int(self.price["unit_amount"]) * self.quantity

    @property
    def changes_money(self) -> bool:
        return (
            self.is_new
            or self.is_deleted
            or self.item["price"]["id"] != self.price["id"]
            or self.item["quantity"] != self.quantity
        )


def price_of(world: World, spec: dict[str, Any], param: str = "items[0][price]") -> Json:
    """Return the recurring price of an item, made on the spot from `price_data`."""
    if spec.get("price_data"):
        price = new_price(world, spec["price_data"] | {"active": False})
    else:
        price = world.get("price", str(spec.get("price")), param=param)
        if not price["active"]:
            raise invalid(
                "The price specified is inactive. This field only accepts active prices.",
                param=param,
            )
    if not price["recurring"]:
        raise invalid(
            "The price specified is set to `type=one_time` but this field only accepts prices "
            "with `type=recurring`.",
            param=param,
        )
    return price


def new_item(world: World, subscription: str, price: Json, quantity: int, now: int) -> Json:
    return world.make(
        "subscription_item",
        created=now,
        current_period_end=later(now, price["recurring"]),
        current_period_start=now,
        discounts=[],
        metadata={},
        plan=plan_of(price),
        price=price,
        quantity=quantity,
        subscription=subscription,
        tax_rates=[],
    )


def planned(world: World, subscription: Json, specs: list[dict[str, Any]]) -> list[Change]:
    """Return what an update's `items` would change; an item without an id is a new one."""
    changes = []
    for place, spec in enumerate(specs):
        param = f"items[{place}][price]"
        if not spec.get("id"):
            changes.append(_addition(world, subscription, spec, param))
            continue
        item = _item(subscription, spec["id"], f"items[{place}][id]")
        named = spec.get("price") or spec.get("price_data")
        changes.append(
            Change(
                item,
                price_of(world, spec, param) if named else item["price"],
                spec["quantity"] if "quantity" in spec else item["quantity"],
                metadata=spec.get("metadata"),
                is_deleted=bool(spec.get("deleted")),
            )
        )
    return changes


def _addition(world: World, subscription: Json, spec: dict[str, Any], param: str) -> Change:
    price = price_of(world, spec, param)
    if any(item["price"]["id"] == price["id"] for item in subscription["items"]["data"]):
        raise invalid("Cannot add multiple subscription items with the same plan.", param=param)
    now = world.now(subscription["customer"])
    item = new_item(world, subscription["id"], price, spec.get("quantity", 1), now)
    return Change(item, price, item["quantity"], metadata=spec.get("metadata"), is_new=True)


def _item(subscription: Json, identifier: str, param: str) -> Json:
    for item in subscription["items"]["data"]:
        if item["id"] == identifier:
            found: Json = item
            return found
    raise invalid(
        f"No such subscription item: '{identifier}'", param=param, code="resource_missing"
    )


def put_in_place(
    world: World, subscription: Json, changes: list[Change], *, anchor: int | None
) -> None:
    """Change the items; with an anchor a new period begins at it."""
    data = [dict(item) for item in subscription["items"]["data"]]
    start, end = period_of(subscription)
    for change in changes:
        if change.is_deleted:
            data = [item for item in data if item["id"] != change.item["id"]]
            continue
        if change.is_new:
            data.append(dict(change.item))
        item = next(one for one in data if one["id"] == change.item["id"])
        item |= {
            "current_period_end": end,
            "current_period_start": start,
            "metadata": merged(item["metadata"], change.metadata),
            "plan": plan_of(change.price),
            "price": change.price,
            "quantity": change.quantity,
        }
    subscription["items"] = subscription["items"] | {"data": data}
    if anchor is not None:
        subscription["billing_cycle_anchor"] = anchor
        set_period(subscription, anchor)


def set_period(subscription: Json, start: int) -> None:
    """Begin a period of every item; it ends at the next boundary of the billing cycle."""
    subscription["items"] = subscription["items"] | {
        "data": [
            item
            | {
                "current_period_start": start,
                "current_period_end": period_end(
                    subscription["billing_cycle_anchor"], start, item["price"]["recurring"]
                ),
            }
            for item in subscription["items"]["data"]
        ]
    }


def period_of(subscription: Json) -> tuple[int, int]:
    first = subscription["items"]["data"][0]
    return first["current_period_start"], first["current_period_end"]


def restarts_cycle(changes: list[Change]) -> bool:
    """Say whether a change is to another interval, which is billed from its moment on."""
    return any(
        not change.is_new
        and not change.is_deleted
        and _interval(change.item["price"]) != _interval(change.price)
        for change in changes
    )


def _interval(price: Json) -> tuple[str, int]:
    return price["recurring"]["interval"], price["recurring"]["interval_count"]
