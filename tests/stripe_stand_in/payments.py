"""Payment intents, and the charges that they try."""

from typing import Any

from tests.stripe_stand_in.events import tell, updating
from tests.stripe_stand_in.lists import includes, page
from tests.stripe_stand_in.metadata import merged
from tests.stripe_stand_in.payment_methods import pays
from tests.stripe_stand_in.routes import Call, route
from tests.stripe_stand_in.shapes import Json, listing
from tests.stripe_stand_in.state import World, new_id

DECLINE = "Your card was declined."
_SECONDS_TO_PAYOUT = 2 * 86400


def new_intent(
    world: World,
    *,
    amount: int,
    currency: str,
    customer: str | None,
    description: str | None = None,
    metadata: dict[str, str] | None = None,
) -> Json:
    intent = world.make(
        "payment_intent",
        amount=amount,
        amount_capturable=0,
        amount_details={"tip": {}},
        amount_received=0,
        capture_method="automatic_async",
        confirmation_method="automatic",
        currency=currency,
        customer=customer,
        description=description,
        metadata=dict(metadata or {}),
        payment_method_options={"card": {"request_three_d_secure": "automatic"}},
        payment_method_types=["card"],
        status="requires_payment_method",
    )
    intent["client_secret"] = f"{intent['id']}_secret_{new_id('')[1:]}"
    world.objects[intent["id"]] = intent
    tell(world, "payment_intent.created", intent)
    return intent


def confirm(world: World, intent: Json, method: Json) -> Json:
    """Try to charge a card for an intent; the charge says whether it paid."""
    customer = intent["customer"] or ""
    works = pays(world, method) and not world.failing[customer]
    world.failing[customer] = max(0, world.failing[customer] - 1)
    charge = _new_charge(world, intent, method, works=works)
    intent["latest_charge"] = charge["id"]
    if works:
        intent |= {
            "amount_received": intent["amount"],
            "last_payment_error": None,
            "payment_method": method["id"],
            "status": "succeeded",
        }
        tell(world, "charge.succeeded", charge)
        tell(world, "payment_intent.succeeded", intent)
        return charge
    intent |= {
        "last_payment_error": {
            "charge": charge["id"],
            "code": "card_declined",
            "decline_code": "generic_decline",
            "doc_url": "https://docs.stripe.com/error-codes/card-declined",
            "message": DECLINE,
            "payment_method": dict(method),
            "type": "card_error",
        },
        "payment_method": None,
        "status": "requires_payment_method",
    }
    tell(world, "charge.failed", charge)
    tell(world, "payment_intent.payment_failed", intent)
    return charge


def _new_charge(world: World, intent: Json, method: Json, *, works: bool) -> Json:
    card = method["card"]
    charge = world.make(
        "charge",
        amount=intent["amount"],
        amount_captured=intent["amount"] if works else 0,
        amount_refunded=0,
        billing_details=dict(method["billing_details"]),
        calculated_statement_descriptor="EASEL",
        captured=works,
        currency=intent["currency"],
        customer=intent["customer"],
        description=intent["description"],
        disputed=False,
        failure_code=None if works else "card_declined",
        failure_message=None if works else DECLINE,
        fraud_details={},
        metadata=dict(intent["metadata"]),
        outcome={
            "advice_code": None if works else "try_again_later",
            "network_advice_code": None,
            "network_decline_code": None if works else "01",
            "network_status": "approved_by_network" if works else "declined_by_network",
            "reason": None if works else "generic_decline",
            "risk_level": "normal",
            "seller_message": "Payment complete." if works else DECLINE,
            "type": "authorized" if works else "issuer_declined",
        },
        paid=works,
        payment_intent=intent["id"],
        payment_method=method["id"],
        payment_method_details={
            "card": {
                "amount_authorized": intent["amount"] if works else None,
                "brand": card["brand"],
                "checks": dict(card["checks"]),
                "country": card["country"],
                "exp_month": card["exp_month"],
                "exp_year": card["exp_year"],
                "fingerprint": card["fingerprint"],
                "funding": card["funding"],
                "last4": card["last4"],
                "network": card["brand"],
                "three_d_secure": None,
                "wallet": None,
            },
            "type": "card",
        },
        refunded=False,
        status="succeeded" if works else "failed",
    )
    world.objects[charge["id"]] = charge
    if works:
        charge["receipt_url"] = f"{world.url}/receipts/{charge['id']}"
        charge["balance_transaction"] = book(world, "charge", charge, charge["amount"])["id"]
    return charge


def book(world: World, kind: str, source: Json, amount: int, *, fee: int | None = None) -> Json:
    """Put an amount on the account's balance; a charge costs 2.9 % and 30 cents."""
    if fee is None:
        fee = (amount * 29 + 500) // 1000 + 30 if kind == "charge" else 0
    return world.new(
        "balance_transaction",
        amount=amount,
        available_on=world.now(source.get("customer")) + _SECONDS_TO_PAYOUT,
        balance_type="payments",
        created=world.now(source.get("customer")),
        currency=source["currency"],
        description=None,
        exchange_rate=None,
        fee=fee,
        fee_details=[
            {
                "amount": fee,
                "application": None,
                "currency": source["currency"],
                "description": "Stripe processing fees",
                "type": "stripe_fee",
            }
        ]
        if fee
        else [],
        net=amount - fee,
        reporting_category=kind if kind != "adjustment" else "dispute",
        source=source["id"],
        status="pending",
        type=kind,
    )


def cancel_intent(world: World, intent: Json, reason: str) -> None:
    intent |= {
        "canceled_at": world.now(intent["customer"]),
        "cancellation_reason": reason,
        "status": "canceled",
    }
    tell(world, "payment_intent.canceled", intent)


def _change(world: World, subject: Json, call: Call, kind: str | None) -> Json:
    changed: dict[str, Any] = {"metadata": merged(subject["metadata"], call.get("metadata"))}
    if "description" in call:
        changed["description"] = call["description"] or None
    with updating(world, subject, *([kind] if kind else [])):
        subject |= changed
    return subject


@route("GET", "/v1/payment_intents/{id}", "PaymentIntentRetrieveParams")
def retrieve_intent(world: World, call: Call) -> Json:
    return world.get("payment_intent", call["id"], param="intent")


@route("POST", "/v1/payment_intents/{id}", "PaymentIntentModifyParams")
def update_intent(world: World, call: Call) -> Json:
    return _change(world, world.get("payment_intent", call["id"], param="intent"), call, None)


@route("GET", "/v1/payment_intents", "PaymentIntentListParams")
def list_intents(world: World, call: Call) -> Json:
    return page(call, world.every("payment_intent"), filters=("customer",))


@route("GET", "/v1/charges/{id}", "ChargeRetrieveParams")
def retrieve_charge(world: World, call: Call) -> Json:
    return world.get("charge", call["id"])


@route("POST", "/v1/charges/{id}", "ChargeModifyParams")
def update_charge(world: World, call: Call) -> Json:
    return _change(world, world.get("charge", call["id"]), call, "charge.updated")


@route("GET", "/v1/charges", "ChargeListParams")
def list_charges(world: World, call: Call) -> Json:
    return page(call, world.every("charge"), filters=("customer", "payment_intent"))


@route("GET", "/v1/balance_transactions/{id}")
def retrieve_balance_transaction(world: World, call: Call) -> Json:
    return world.get("balance_transaction", call["id"])


@route("GET", "/v1/balance_transactions", "BalanceTransactionListParams")
def list_balance_transactions(world: World, call: Call) -> Json:
    return page(call, world.every("balance_transaction"), filters=("source", "type", "currency"))


@includes("charge", "refunds")
def _refunds(world: World, charge: Json) -> Json:
    found = [refund for refund in world.every("refund") if refund["charge"] == charge["id"]]
    return listing(f"/v1/charges/{charge['id']}/refunds", found)
