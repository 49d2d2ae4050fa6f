"""Checkout sessions: a page of Stripe's where someone pays."""

from typing import Any

from tests.stripe_stand_in.customers import live_customer, new_customer
from tests.stripe_stand_in.errors import invalid, not_stood_in_for
from tests.stripe_stand_in.events import tell
from tests.stripe_stand_in.invoices import draft, finalize, line, open_draft, settle
from tests.stripe_stand_in.lists import includes, page
from tests.stripe_stand_in.metadata import merged
from tests.stripe_stand_in.payment_methods import attach, new_card, pays
from tests.stripe_stand_in.payments import confirm, new_intent
from tests.stripe_stand_in.prices import new_price
from tests.stripe_stand_in.routes import Call, route
from tests.stripe_stand_in.shapes import Json, listing
from tests.stripe_stand_in.state import World
from tests.stripe_stand_in.subscription_calls import refuse_unknown
from tests.stripe_stand_in.subscriptions import new_subscription

_HOURS_OPEN = 24


@route("POST", "/v1/checkout/sessions", "checkout.SessionCreateParams")
def create(world: World, call: Call) -> Json:
    mode = call.get("mode", "payment")
    _refuse(call, mode)
    customer = live_customer(world, call["customer"]) if call.get("customer") else None
    items = [_line_item(world, spec, mode) for spec in call["line_items"]]
    total = sum(item["amount_total"] for item in items)
    now = world.now(customer["id"] if customer else None)
    invoice_creation = call.get("invoice_creation") or {}
    session = world.make(
        "checkout.session",
        adaptive_pricing={"enabled": False},
        allow_promotion_codes=call.get("allow_promotion_codes"),
        amount_subtotal=total,
        amount_total=total,
        automatic_tax={"enabled": False, "liability": None, "provider": None, "status": None},
        billing_address_collection=call.get("billing_address_collection"),
        cancel_url=call.get("cancel_url"),
        client_reference_id=call.get("client_reference_id"),
        currency=items[0]["currency"],
        custom_fields=[],
        custom_text={
            "after_submit": None,
            "shipping_address": None,
            "submit": None,
            "terms_of_service_acceptance": None,
        },
        customer=customer["id"] if customer else None,
        customer_creation=_customer_creation(call, mode),
        customer_details=_details(customer, call.get("customer_email")),
        customer_email=call.get("customer_email"),
        expires_at=call.get("expires_at", now + _HOURS_OPEN * 3600),
        invoice_creation={
            "enabled": bool(invoice_creation.get("enabled")),
            "invoice_data": {
                "account_tax_ids": None,
                "custom_fields": None,
                "description": (invoice_creation.get("invoice_data") or {}).get("description"),
                "footer": None,
                "issuer": None,
                "metadata": (invoice_creation.get("invoice_data") or {}).get("metadata") or {},
                "rendering_options": None,
            },
        }
        if mode == "payment"
        else None,
        locale=call.get("locale"),
        metadata=merged({}, call.get("metadata")),
        mode=mode,
        payment_method_collection="always" if mode == "subscription" else "if_required",
        payment_method_options={"card": {"request_three_d_secure": "automatic"}},
        payment_method_types=["card"],
        payment_status="unpaid",
        phone_number_collection={"enabled": False},
        shipping_options=[],
        status="open",
        submit_type=call.get("submit_type"),
        success_url=call["success_url"],
        total_details={"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        ui_mode="hosted_page",
    )
    session["url"] = f"{world.url}/c/pay/{session['id']}"
    world.objects[session["id"]] = session
    world.note(session["id"]).update(items=items, data=call.parameters)
    return session


def _refuse(call: Call, mode: str) -> None:
    if mode == "setup":
        raise not_stood_in_for("sessions without a payment", "mode")
    if call.get("ui_mode", "hosted_page") != "hosted_page":
        raise not_stood_in_for("embedded sessions", "ui_mode")
    if call.get("discounts"):
        raise not_stood_in_for("discounts", "discounts")
    if not call.get("line_items"):
        raise invalid(
            "Missing required param: line_items.", param="line_items", code="parameter_missing"
        )
    if call.get("customer") and call.get("customer_email"):
        raise invalid(
            "You may only specify one of these parameters: customer, customer_email.",
            param="customer",
        )
    other = "payment_intent_data" if mode == "subscription" else "subscription_data"
    if call.get(other):
        raise invalid(f"You can not pass `{other}` in `{mode}` mode.", param=other)
    if mode == "subscription" and call.nested("invoice_creation", "enabled"):
        raise invalid(
            "You can only enable invoice creation when `mode` is set to `payment`.",
            param="invoice_creation[enabled]",
        )
    refuse_unknown(call.get("subscription_data") or {})


def _customer_creation(call: Call, mode: str) -> str | None:
    if call.get("customer"):
        return None
    if mode == "subscription" or call.nested("invoice_creation", "enabled"):
        return "always"
    return str(call.get("customer_creation", "if_required"))


def _details(customer: Json | None, email: str | None) -> Json | None:
    if customer is None and email is None:
        return None
    return {
        "address": None,
        "email": customer["email"] if customer else email,
        "name": customer["name"] if customer else None,
        "phone": None,
        "tax_exempt": "none",
        "tax_ids": None,
    }


def _line_item(world: World, spec: dict[str, Any], mode: str) -> Json:
    if spec.get("price_data"):
        price = new_price(world, spec["price_data"] | {"active": False})
    else:
        price = world.get("price", str(spec.get("price")), param="line_items[0][price]")
        if not price["active"]:
            raise invalid(
                "The price specified is inactive. This field only accepts active prices.",
                param="line_items[0][price]",
            )
    if mode == "payment" and price["recurring"]:
        raise invalid(
            "You specified `payment` mode but passed a recurring price. Either switch to "
            "`subscription` mode or use only one-time prices.",
            param="line_items",
        )
    if mode == "subscription" and not price["recurring"]:
        raise invalid(
            "You must provide at least one recurring price in `subscription` mode when using "
            "prices.",
            param="line_items",
        )
    quantity = spec.get("quantity", 1)
    total = price["unit_amount"] * quantity
    return world.make(
        "item",
        amount_discount=0,
        amount_subtotal=total,
        amount_tax=0,
        amount_total=total,
        currency=price["currency"],
        description=world.objects[price["product"]]["name"],
        discounts=[],
        price=price,
        quantity=quantity,
        taxes=[],
    )


def pay(
    world: World, session: Json, *, card: str = "pm_card_visa", email: str | None = None
) -> bool:
    """Do what the page's button does, and return whether the card paid."""
    if session["status"] != "open":
        raise invalid(f"This Checkout Session is {session['status']}.")
    method = new_card(world, card)
    works = pays(world, method) and not world.failing[session["customer"] or ""]
    if works:
        _know_customer(world, session, email)
    begin = _subscribe if session["mode"] == "subscription" and works else _pay_once
    if not begin(world, session, method):
        return False
    owner = world.objects.get(session["customer"] or "")
    session |= {
        "customer_details": session["customer_details"]
        or _details(owner, email or "buyer@example.com"),
        "payment_status": "paid",
        "status": "complete",
        "url": None,
    }
    tell(world, "checkout.session.completed", session)
    return True


def _know_customer(world: World, session: Json, email: str | None) -> None:
    """Make the customer who is not yet known, where the session is to make one."""
    if session["customer"] is None and session["customer_creation"] == "always":
        address = email or session["customer_email"] or "buyer@example.com"
        session["customer"] = new_customer(world, {"email": address})["id"]


def _subscribe(world: World, session: Json, method: Json) -> bool:
    note = world.note(session["id"])
    data = note["data"].get("subscription_data") or {}
    owner = world.objects[session["customer"]]
    attach(world, method["id"], owner)
    subscription = new_subscription(
        world,
        owner,
        [
            {"price": item["price"]["id"], "quantity": item["quantity"]}
            if item["price"]["active"]
            else {"price_data": note["data"]["line_items"][place]["price_data"]}
            for place, item in enumerate(note["items"])
        ],
        metadata=data.get("metadata"),
        method=method,
    )
    session["subscription"] = subscription["id"]
    session["invoice"] = subscription["latest_invoice"]
    return True


def _pay_once(world: World, session: Json, method: Json) -> bool:
    note = world.note(session["id"])
    data = note["data"].get("payment_intent_data") or {}
    intent = world.objects.get(note.get("intent", ""))
    if intent is None:
        intent = new_intent(
            world,
            amount=session["amount_total"],
            currency=session["currency"],
            customer=session["customer"],
            description=data.get("description"),
            metadata=data.get("metadata"),
        )
        note["intent"] = intent["id"]
        intent["setup_future_usage"] = data.get("setup_future_usage")
    intent["customer"] = session["customer"]
    if session["customer"] and data.get("setup_future_usage"):
        attach(world, method["id"], world.objects[session["customer"]])
    charge = confirm(world, intent, method)
    if charge["status"] != "succeeded":
        return False
    session["payment_intent"] = intent["id"]
    if session["invoice_creation"] and session["invoice_creation"]["enabled"]:
        session["invoice"] = _paid_invoice(world, session, intent, charge)["id"]
    return True


def _paid_invoice(world: World, session: Json, intent: Json, charge: Json) -> Json:
    moment = world.now(session["customer"])
    lines = [
        line(
            world,
            amount=item["amount_total"],
            currency=item["currency"],
            description=item["description"],
            period=(moment, moment),
            parent=None,
            price=item["price"],
            quantity=item["quantity"],
        )
        for item in world.note(session["id"])["items"]
    ]
    invoice = draft(
        world,
        customer=session["customer"],
        lines=lines,
        reason="manual",
        currency=session["currency"],
        metadata=dict(session["invoice_creation"]["invoice_data"]["metadata"]),
        auto_advance=False,
    )
    finalize(world, open_draft(world, invoice), intent)
    settle(world, invoice, charge)
    return invoice


def expire(world: World, session: Json) -> None:
    session |= {"status": "expired", "url": None}
    tell(world, "checkout.session.expired", session)


@route("GET", "/v1/checkout/sessions/{id}", "checkout.SessionRetrieveParams")
def retrieve(world: World, call: Call) -> Json:
    return world.get("checkout.session", call["id"])


@route("POST", "/v1/checkout/sessions/{id}", "checkout.SessionModifyParams")
def update(world: World, call: Call) -> Json:
    session = world.get("checkout.session", call["id"])
    session["metadata"] = merged(session["metadata"], call.get("metadata"))
    return session


@route("POST", "/v1/checkout/sessions/{id}/expire", "checkout.SessionExpireParams")
def expire_now(world: World, call: Call) -> Json:
    session = world.get("checkout.session", call["id"])
    if session["status"] != "open":
        raise invalid(
            "Only Checkout Sessions with a status in ['open'] can be expired. This Checkout "
            f"Session has a status of '{session['status']}'."
        )
    expire(world, session)
    return session


@route("GET", "/v1/checkout/sessions/{id}/line_items", "checkout.SessionListLineItemsParams")
def list_line_items(world: World, call: Call) -> Json:
    session = world.get("checkout.session", call["id"])
    return page(call, world.note(session["id"])["items"])


@route("GET", "/v1/checkout/sessions", "checkout.SessionListParams")
def list_sessions(world: World, call: Call) -> Json:
    return page(
        call,
        world.every("checkout.session"),
        filters=("customer", "payment_intent", "subscription", "status"),
    )


@includes("checkout.session", "line_items")
def _line_items(world: World, session: Json) -> Json:
    return listing(
        f"/v1/checkout/sessions/{session['id']}/line_items", world.note(session["id"])["items"]
    )
