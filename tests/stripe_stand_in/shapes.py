"""Objects in full: what an object leaves open is null, as it is in an answer of Stripe."""

from typing import Any

from tests.stripe_stand_in.typed import class_of, fields_of, is_optional

Json = dict[str, Any]

# Some fields are not null but absent: those for other kinds of payment, those that come only when
# asked for by `expand`, and `deleted`.
SPARSE = {"payment_method", "balance_transaction", "account", "webhook_endpoint"}
ABSENT: dict[str, set[str]] = {
    "customer": {
        "cash_balance",
        "invoice_credit_balance",
        "sources",
        "subscriptions",
        "tax",
        "tax_ids",
    },
    "price": {"currency_options", "tiers"},
    "charge": {"level3", "presentment_details", "refunds"},
    "invoice": {"confirmation_secret", "payments"},
    "checkout.session": {"line_items", "optional_items", "presentment_details"},
    "payment_intent": {"hooks", "payment_details", "presentment_details"},
    "subscription": {"presentment_details"},
    "refund": {"instructions_email", "next_action", "presentment_details", "failure_reason"},
    "subscription_item": {"billed_until"},
    "line_item": {"subscription"},
}


def complete(given: Json) -> Json:
    """Return an object with every field that its class has; the order is that of the class."""
    kind = given["object"]
    absent = ABSENT.get(kind, set()) | {"deleted"}
    blank: Json = {"id": given.get("id"), "object": kind}
    if kind not in SPARSE:
        for name, hint in fields_of(class_of(kind)).items():
            if is_optional(hint) and name not in absent:
                blank[name] = None
    return blank | given


def listing(url: str, data: list[Json], *, has_more: bool = False, **more: Any) -> Json:
    return {"object": "list", "data": data, "has_more": has_more, "url": url} | more
