"""The page of the billing portal."""

from tests.stripe_stand_in.changes import preview
from tests.stripe_stand_in.items import Change, period_of
from tests.stripe_stand_in.money import day, said
from tests.stripe_stand_in.payment_methods import default_method
from tests.stripe_stand_in.portal import features_of, live_subscription, prices_on_offer
from tests.stripe_stand_in.shapes import Json
from tests.stripe_stand_in.sheet import form, sheet, table
from tests.stripe_stand_in.state import World
from tests.stripe_stand_in.words import INTERVALS, say

_PARTS = {
    "payment_method_update": ["card"],
    "subscription_cancel": ["subscription", "cancel"],
    "subscription_update": ["subscription", "plans"],
    "subscription_update_confirm": ["confirm"],
}
_ALL = ["subscription", "plans", "cancel", "card", "invoices"]


def portal_page(world: World, session: Json, language: str, error: str) -> str:
    flow = session["flow"]
    parts = _PARTS.get(flow["type"], _ALL) if flow else _ALL
    body = "".join(_DRAWN[part](world, session, language) for part in parts)
    if session["return_url"]:
        body += form("back", say(language, "back"))
    return sheet(language, say(language, "portal"), body, error)


def _price(price: Json, language: str) -> str:
    recurring = price["recurring"]
    interval = INTERVALS[recurring["interval"]][language == "ko"]
    return f"{said(price['unit_amount'], price['currency'])} / {interval}"


def _name(world: World, price: Json) -> str:
    return str(world.objects[price["product"]]["name"])


def _subscription(world: World, session: Json, language: str) -> str:
    subscription = live_subscription(world, session)
    if subscription is None:
        return f"<p>{say(language, 'no_subscription')}</p>"
    price = subscription["items"]["data"][0]["price"]
    boundary = day(period_of(subscription)[1])
    word = "cancels_on" if subscription["cancel_at"] else "next_on"
    word = "changes_on" if subscription["schedule"] else word
    rows = [
        (_name(world, price), _price(price, language)),
        (say(language, word, day=boundary), subscription["status"]),
    ]
    return f"<h2>{say(language, 'plan')}</h2>{table(rows)}"


def _plans(world: World, session: Json, language: str) -> str:
    return "".join(
        form(
            "change_plan",
            say(language, "change_to", name=_name(world, price), price=_price(price, language)),
            price=price["id"],
        )
        for price in prices_on_offer(world, session)
    )


def _cancel(world: World, session: Json, language: str) -> str:
    subscription = live_subscription(world, session)
    if subscription is None:
        return ""
    if subscription["cancel_at"] or subscription["schedule"]:
        return form("reactivate", say(language, "reactivate"))
    if not features_of(world, session)["subscription_cancel"]["enabled"]:
        return ""
    return form("cancel", say(language, "cancel"))


def _card(world: World, session: Json, language: str) -> str:
    method = default_method(world, session["customer"], live_subscription(world, session))
    shown = say(language, "no_card")
    if method:
        shown = f"{method['card']['brand']} •••• {method['card']['last4']}"
    return (
        f"<h2>{say(language, 'card')}</h2><p>{shown}</p>"
        + form("card_good", say(language, "card_good"))
        + form("card_failing", say(language, "card_failing"))
    )


def _invoices(world: World, session: Json, language: str) -> str:
    drawn, payable = [], ""
    for invoice in world.every("invoice"):
        if invoice["customer"] != session["customer"] or invoice["status"] == "draft":
            continue
        amount = said(invoice["total"], invoice["currency"])
        drawn.append((f"{day(invoice['created'])} · {invoice['status']}", amount))
        if invoice["status"] == "open":
            due = said(invoice["amount_remaining"], invoice["currency"])
            payable += form("pay", say(language, "pay", amount=due), invoice=invoice["id"])
    return f"<h2>{say(language, 'invoices')}</h2>{table(drawn)}{payable}"


def _confirm(world: World, session: Json, language: str) -> str:
    subscription = live_subscription(world, session)
    wanted = session["flow"]["subscription_update_confirm"]["items"][0]
    if subscription is None or not wanted["price"]:
        return f"<p>{say(language, 'no_subscription')}</p>"
    price = world.objects[wanted["price"]]
    item = subscription["items"]["data"][0]
    proration = features_of(world, session)["subscription_update"]["proration_behavior"]
    bill = preview(
        world,
        subscription,
        [Change(item, price, wanted["quantity"] or 1)],
        proration=proration,
    )
    due = said(bill["amount_due"], bill["currency"])
    return (
        table([(_name(world, price), _price(price, language))])
        + f"<p class=total>{say(language, 'due_now', amount=due)}</p>"
        + form("change_plan", say(language, "confirm"), is_quiet=False, price=price["id"])
    )


_DRAWN = {
    "cancel": _cancel,
    "card": _card,
    "confirm": _confirm,
    "invoices": _invoices,
    "plans": _plans,
    "subscription": _subscription,
}
