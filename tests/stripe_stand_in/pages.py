"""The pages that people see: which one an address shows, and what its buttons do."""

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from tests.stripe_stand_in import checkout, portal
from tests.stripe_stand_in.clocks import advance_server
from tests.stripe_stand_in.collection import DAY
from tests.stripe_stand_in.errors import ApiError, missing
from tests.stripe_stand_in.invoice_calls import pay_invoice
from tests.stripe_stand_in.items import period_of
from tests.stripe_stand_in.money import day, said
from tests.stripe_stand_in.payment_methods import FAILING_CARD, GOOD_CARD
from tests.stripe_stand_in.portal_page import portal_page
from tests.stripe_stand_in.shapes import Json
from tests.stripe_stand_in.sheet import button, sheet, table
from tests.stripe_stand_in.state import World
from tests.stripe_stand_in.words import language_of, say

if TYPE_CHECKING:
    from tests.stripe_stand_in.stand_in import StripeStandIn


@dataclass(frozen=True)
class Shown:
    """A page, or where to go instead."""

    html: str = ""
    location: str | None = None
    status: int = 200


def answer(
    stand_in: "StripeStandIn", method: str, path: str, form: dict[str, str], accepted: str
) -> Shown:
    kind, _, identifier = path.strip("/").rpartition("/")
    if identifier == "pdf":
        kind, _, identifier = kind.rpartition("/")
    with stand_in.acting(hands_over=False) as world:
        if path == "/":
            return _dashboard(stand_in, method, form, language_of(None, accepted))
        if kind == "c/pay":
            session = world.get("checkout.session", identifier)
            return _checkout(world, session, form, language_of(session["locale"], accepted))
        if kind == "p/session":
            session = world.get("billing_portal.session", identifier)
            return _portal(world, session, form, language_of(session["locale"], accepted))
        if kind in ("invoices", "receipts"):
            return _document(world, identifier, form, language_of(None, accepted))
    raise missing("page", path)


def _checkout(world: World, session: Json, form: dict[str, str], language: str) -> Shown:
    action, error = form.get("action"), ""
    if action == "back":
        return Shown(location=session["cancel_url"] or session["success_url"])
    if action in ("pay", "fail") and session["status"] == "open":
        card = GOOD_CARD if action == "pay" else FAILING_CARD
        if checkout.pay(world, session, card=card, email=form.get("email") or None):
            address = session["success_url"].replace("{CHECKOUT_SESSION_ID}", session["id"])
            return Shown(location=address)
        error = say(language, "declined")
    amount = said(session["amount_total"], session["currency"])
    word = "subscribe" if session["mode"] == "subscription" else "pay"
    rows = [
        (
            f"{item['quantity']} × {item['description']}",
            said(item["amount_total"], item["currency"]),
        )
        for item in world.note(session["id"])["items"]
    ]
    inputs = ""
    if session["customer_details"] is None:
        inputs = (
            f"<label>{say(language, 'email')}"
            '<input type="email" name="email" value="buyer@example.com"></label>'
        )
    if session["status"] == "open":
        buttons = button("pay", say(language, word, amount=amount)) + button(
            "fail", say(language, "fail"), is_quiet=True
        )
    else:
        buttons = f"<p>{say(language, 'done')}</p>"
    buttons += button("back", say(language, "back"), is_quiet=True)
    body = (
        table(rows)
        + f"<p class=total>{escape(amount)}</p><form method=post>{inputs}{buttons}</form>"
    )
    return Shown(sheet(language, say(language, word, amount=amount), body, error))


def _portal(world: World, session: Json, form: dict[str, str], language: str) -> Shown:
    action, error = form.get("action"), ""
    if action == "back":
        return Shown(location=session["return_url"] or "/")
    if action:
        try:
            _press(world, session, action, form)
        except ApiError as refusal:
            is_card = refusal.error["type"] == "card_error"
            error = say(language, "declined") if is_card else str(refusal)
        else:
            after = (session["flow"] or {}).get("after_completion") or {}
            if after.get("type") == "redirect":
                return Shown(location=after["redirect"]["return_url"])
            # A reload is not to press the button again.
            return Shown(location=session["url"])
    return Shown(portal_page(world, session, language, error))


def _press(world: World, session: Json, action: str, form: dict[str, str]) -> None:
    if action == "cancel":
        portal.cancel(world, session)
    elif action == "reactivate":
        portal.reactivate(world, session)
    elif action == "change_plan":
        portal.change_plan(world, session, form["price"])
    elif action in ("card_good", "card_failing"):
        card = GOOD_CARD if action == "card_good" else FAILING_CARD
        portal.change_card(world, session, card)
    elif action == "pay":
        invoice = world.get("invoice", form["invoice"])
        if invoice["customer"] != session["customer"]:
            raise missing("invoice", form["invoice"])
        pay_invoice(world, invoice)


def _document(world: World, identifier: str, form: dict[str, str], language: str) -> Shown:
    found, error = world.objects.get(identifier), ""
    if found is None or found["object"] not in ("invoice", "charge"):
        raise missing("page", identifier)
    if found["object"] == "charge":
        amount = said(found["amount"], found["currency"])
        body = table([(day(found["created"]), amount), (found["status"], found["id"])])
        return Shown(sheet(language, say(language, "receipt"), body))
    if form.get("action") == "pay" and found["status"] == "open":
        try:
            pay_invoice(world, found)
        except ApiError:
            error = say(language, "declined")
    rows = [
        (one["description"], said(one["amount"], one["currency"])) for one in found["lines"]["data"]
    ]
    rows.append((say(language, "total"), said(found["total"], found["currency"])))
    body = table([*rows, (found["status"], found["number"] or "")])
    if found["status"] == "open":
        amount = said(found["amount_remaining"], found["currency"])
        body += f"<form method=post>{button('pay', say(language, 'pay', amount=amount))}</form>"
    return Shown(sheet(language, found["number"] or say(language, "invoices"), body, error))


def _dashboard(
    stand_in: "StripeStandIn", method: str, form: dict[str, str], language: str
) -> Shown:
    world = stand_in.world
    days = {"advance_day": 1, "advance_month": 31}.get(form.get("action", ""))
    if method == "POST" and days:
        advance_server(world, world.server_now() + days * DAY)
        return Shown(location="/")
    rows = [
        (
            str(world.objects[one["customer"]].get("email") or one["customer"]),
            f"{one['status']} → {day(period_of(one)[1])}",
        )
        for one in world.every("subscription")
    ]
    events = [(event["type"], day(event["created"])) for event in world.every("event")[:40]]
    buttons = "".join(
        button(action, say(language, action), is_quiet=True)
        for action in ("advance_day", "advance_month")
    )
    body = (
        f"<p class=total>{day(stand_in.now)}</p><form method=post>{buttons}</form>"
        f"<h2>{say(language, 'subscriptions')}</h2>{table(rows)}<h2>Events</h2>{table(events)}"
    )
    return Shown(sheet(language, say(language, "account"), body))
