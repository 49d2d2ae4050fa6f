"""Refunds of a charge, in part or whole."""

from typing import Any

from tests.stripe_stand_in.errors import invalid
from tests.stripe_stand_in.events import tell, updating
from tests.stripe_stand_in.lists import page
from tests.stripe_stand_in.metadata import merged
from tests.stripe_stand_in.payments import book
from tests.stripe_stand_in.routes import Call, route
from tests.stripe_stand_in.shapes import Json
from tests.stripe_stand_in.state import World


def _charge_of(world: World, call: Call) -> Json:
    if call.get("charge"):
        return world.get("charge", call["charge"], param="charge")
    if not call.get("payment_intent"):
        raise invalid(
            "One of the following params should be provided for this request: "
            "payment_intent or charge."
        )
    intent = world.get("payment_intent", call["payment_intent"], param="payment_intent")
    if intent["status"] != "succeeded":
        raise invalid(
            f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund.",
            param="payment_intent",
        )
    return world.get("charge", intent["latest_charge"], param="charge")


def refund_charge(world: World, charge: Json, amount: int | None = None, **more: Any) -> Json:
    """Pay back what is left of a charge, or a part of it in cents."""
    left = charge["amount"] - charge["amount_refunded"]
    if charge["status"] != "succeeded":
        raise invalid(f"Charge {charge['id']} cannot be refunded.", param="charge")
    if charge["disputed"]:
        raise invalid(
            f"Charge {charge['id']} has been charged back; cannot issue a refund.",
            code="charge_disputed",
        )
    if left == 0:
        raise invalid(
            f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded"
        )
    amount = left if amount is None else amount
    if amount < 1:
        raise invalid("This value must be greater than or equal to 1.", param="amount")
    if amount > left:
        raise invalid(
            f"Refund amount (${amount / 100:.2f}) is greater than unrefunded amount on charge "
            f"(${left / 100:.2f})",
            param="amount",
        )
    refund = world.make(
        "refund",
        amount=amount,
        charge=charge["id"],
        created=world.now(charge["customer"]),
        currency=charge["currency"],
        customer=charge["customer"],
        destination_details={
            "card": {
                "reference": "7270126700000000",
                "reference_status": "available",
                "reference_type": "acquirer_reference_number",
                "type": "refund",
            },
            "type": "card",
        },
        metadata=merged({}, more.get("metadata")),
        payment_intent=charge["payment_intent"],
        reason=more.get("reason"),
        status="succeeded",
    )
    refund["balance_transaction"] = book(world, "refund", refund, -amount)["id"]
    world.objects[refund["id"]] = refund
    with updating(world, charge, "charge.refunded"):
        charge["amount_refunded"] += amount
        charge["refunded"] = charge["amount_refunded"] == charge["amount"]
    tell(world, "refund.created", refund)
    tell(world, "refund.updated", refund, previous={"destination_details": {"card": {}}})
    tell(world, "charge.refund.updated", refund, previous={"destination_details": {"card": {}}})
    return refund


@route("POST", "/v1/refunds", "RefundCreateParams")
def create(world: World, call: Call) -> Json:
    return refund_charge(
        world,
        _charge_of(world, call),
        call.get("amount"),
        reason=call.get("reason"),
        metadata=call.get("metadata"),
    )


@route("GET", "/v1/refunds/{id}", "RefundRetrieveParams")
def retrieve(world: World, call: Call) -> Json:
    return world.get("refund", call["id"])


@route("POST", "/v1/refunds/{id}", "RefundModifyParams")
def update(world: World, call: Call) -> Json:
    refund = world.get("refund", call["id"])
    with updating(world, refund, "refund.updated"):
        refund["metadata"] = merged(refund["metadata"], call.get("metadata"))
    return refund


@route("GET", "/v1/refunds", "RefundListParams")
def list_refunds(world: World, call: Call) -> Json:
    return page(call, world.every("refund"), filters=("charge", "payment_intent"))


@route("GET", "/v1/charges/{charge}/refunds", "ChargeListRefundsParams")
def list_of_charge(world: World, call: Call) -> Json:
    world.get("charge", call["charge"])
    return page(call, world.every("refund"), filters=("charge",))
