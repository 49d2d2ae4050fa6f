"""Disputes: a bank takes a charge back, and may return it."""

from typing import Literal

from tests.stripe_stand_in.errors import invalid
from tests.stripe_stand_in.events import tell, updating
from tests.stripe_stand_in.lists import page
from tests.stripe_stand_in.metadata import merged
from tests.stripe_stand_in.payments import book
from tests.stripe_stand_in.routes import Call, route
from tests.stripe_stand_in.shapes import Json
from tests.stripe_stand_in.state import World
from tests.stripe_stand_in.typed import class_of, fields_of, is_optional

FEE_CENTS = 1500
_SECONDS_TO_ANSWER = 14 * 86400
_OPEN = {"needs_response", "under_review"}


def _no_evidence() -> Json:
    fields = fields_of(fields_of(class_of("dispute"))["evidence"])
    empty: Json = {name: None for name, hint in fields.items() if is_optional(hint)}
    return empty | {"enhanced_evidence": {}}


def open_dispute(world: World, charge: Json, *, reason: str = "fraudulent") -> Json:
    if charge["disputed"]:
        raise invalid(f"Charge {charge['id']} is disputed already.")
    now = world.now(charge["customer"])
    dispute = world.make(
        "dispute",
        amount=charge["amount"],
        balance_transactions=[],
        charge=charge["id"],
        created=now,
        currency=charge["currency"],
        enhanced_eligibility_types=[],
        evidence=_no_evidence(),
        evidence_details={
            "due_by": now + _SECONDS_TO_ANSWER,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
        },
        is_charge_refundable=False,
        metadata={},
        payment_intent=charge["payment_intent"],
        payment_method_details={
            "card": {
                "brand": charge["payment_method_details"]["card"]["brand"],
                "case_type": "chargeback",
                "network": charge["payment_method_details"]["card"]["network"],
                "network_reason_code": "10.4",
            },
            "type": "card",
        },
        reason=reason,
        status="needs_response",
    )
    world.objects[dispute["id"]] = dispute
    charge["disputed"] = True
    tell(world, "charge.dispute.created", dispute)
    with updating(world, dispute, "charge.dispute.funds_withdrawn"):
        _book(world, dispute, -dispute["amount"], fee=FEE_CENTS)
    return dispute


def _book(world: World, dispute: Json, amount: int, *, fee: int = 0) -> None:
    customer = world.objects[dispute["charge"]]["customer"]
    source = {"id": dispute["id"], "currency": dispute["currency"], "customer": customer}
    booked = dict(book(world, "adjustment", source, amount, fee=fee))
    dispute["balance_transactions"] = [*dispute["balance_transactions"], booked]


def close_dispute(world: World, dispute: Json, status: Literal["won", "lost"]) -> Json:
    if dispute["status"] not in _OPEN:
        raise invalid("This dispute is already closed")
    with updating(world, dispute, "charge.dispute.closed"):
        dispute["status"] = status
    if status == "won":
        with updating(world, dispute, "charge.dispute.funds_reinstated"):
            _book(world, dispute, dispute["amount"])
    return dispute


@route("GET", "/v1/disputes/{id}", "DisputeRetrieveParams")
def retrieve(world: World, call: Call) -> Json:
    return world.get("dispute", call["id"])


@route("POST", "/v1/disputes/{id}", "DisputeModifyParams")
def update(world: World, call: Call) -> Json:
    dispute = world.get("dispute", call["id"])
    with updating(world, dispute, "charge.dispute.updated"):
        dispute["metadata"] = merged(dispute["metadata"], call.get("metadata"))
        if call.get("evidence"):
            dispute["evidence"] = dispute["evidence"] | call["evidence"]
            submitted = call.get("submit", True)
            dispute["evidence_details"] = dispute["evidence_details"] | {
                "has_evidence": True,
                "submission_count": dispute["evidence_details"]["submission_count"]
                + int(submitted),
            }
            dispute["status"] = "under_review" if submitted else dispute["status"]
    return dispute


@route("POST", "/v1/disputes/{id}/close", "DisputeCloseParams")
def close(world: World, call: Call) -> Json:
    """Accept a dispute, which is to lose it."""
    return close_dispute(world, world.get("dispute", call["id"]), "lost")


@route("GET", "/v1/disputes", "DisputeListParams")
def list_disputes(world: World, call: Call) -> Json:
    return page(call, world.every("dispute"), filters=("charge", "payment_intent"))
