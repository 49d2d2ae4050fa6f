"""The calls that concern invoices, their lines, their payments, and items that wait for one."""

from typing import Any

from tests.stripe_stand_in.changes import preview
from tests.stripe_stand_in.collection import collect, owner_of, settle_elsewhere
from tests.stripe_stand_in.customers import live_customer
from tests.stripe_stand_in.errors import ApiError, declined, invalid, not_stood_in_for
from tests.stripe_stand_in.events import tell, updating
from tests.stripe_stand_in.invoices import finalize, intent_of, subscription_of, void
from tests.stripe_stand_in.items import planned
from tests.stripe_stand_in.lists import page
from tests.stripe_stand_in.metadata import merged
from tests.stripe_stand_in.payment_methods import attach, default_method
from tests.stripe_stand_in.routes import Call, route
from tests.stripe_stand_in.shapes import Json
from tests.stripe_stand_in.state import World
from tests.stripe_stand_in.statuses import expire_incomplete
from tests.stripe_stand_in.subscriptions import upcoming


@route("POST", "/v1/invoices/create_preview", "InvoiceCreatePreviewParams")
def create_preview(world: World, call: Call) -> Json:
    subscription = _previewed(world, call)
    details: dict[str, Any] = call.get("subscription_details") or {}
    if details.get("cancel_at_period_end") or (
        subscription["cancel_at"] and "cancel_at_period_end" not in details
    ):
        raise ApiError(
            404,
            "invalid_request_error",
            f"No upcoming invoices for customer: {subscription['customer']}",
            code="invoice_upcoming_none",
        )
    reset = details.get("billing_cycle_anchor") == "now"
    if not details.get("items") and not reset:
        invoice = upcoming(world, subscription)
        return invoice | {"id": f"upcoming_{invoice['id']}"}
    return preview(
        world,
        subscription,
        planned(world, subscription, details.get("items") or []),
        proration=details.get("proration_behavior") or "create_prorations",
        moment=details.get("proration_date"),
        reset=reset,
    )


def _previewed(world: World, call: Call) -> Json:
    if call.get("schedule") or call.get("schedule_details"):
        raise not_stood_in_for("previews of schedules", "schedule")
    if call.get("subscription"):
        return world.get("subscription", call["subscription"], param="subscription")
    if not call.get("customer"):
        raise not_stood_in_for("previews without a subscription or a customer", "customer")
    own = [
        one
        for one in world.every("subscription")
        if one["customer"] == call["customer"] and one["status"] != "canceled"
    ]
    if len(own) != 1:
        raise invalid("Name the subscription to preview.", param="subscription")
    return own[0]


@route("GET", "/v1/invoices/{id}", "InvoiceRetrieveParams")
def retrieve(world: World, call: Call) -> Json:
    return world.get("invoice", call["id"])


@route("POST", "/v1/invoices/{id}", "InvoiceModifyParams")
def update(world: World, call: Call) -> Json:
    invoice = world.get("invoice", call["id"])
    with updating(world, invoice, "invoice.updated"):
        invoice["metadata"] = merged(invoice["metadata"], call.get("metadata"))
        for name in ("description", "footer", "auto_advance", "default_payment_method"):
            if name in call:
                invoice[name] = call[name] if call[name] != "" else None
    return invoice


@route("GET", "/v1/invoices", "InvoiceListParams")
def list_invoices(world: World, call: Call) -> Json:
    found = world.every("invoice")
    if "subscription" in call:
        found = [one for one in found if subscription_of(one) == call["subscription"]]
    return page(call, found, filters=("customer", "status", "collection_method", "due_date"))


@route("GET", "/v1/invoices/{id}/lines", "InvoiceListLinesParams")
def list_lines(world: World, call: Call) -> Json:
    return page(call, world.get("invoice", call["id"])["lines"]["data"])


@route("POST", "/v1/invoices/{id}/finalize", "InvoiceFinalizeInvoiceParams")
def finalize_invoice(world: World, call: Call) -> Json:
    invoice = world.get("invoice", call["id"])
    if invoice["status"] != "draft":
        raise invalid(
            "This invoice is already finalized, you can't re-finalize a non-draft invoice.",
            code="invoice_not_editable",
        )
    return finalize(world, invoice)


@route("POST", "/v1/invoices/{id}/pay", "InvoicePayParams")
def pay(world: World, call: Call) -> Json:
    invoice = world.get("invoice", call["id"])
    if invoice["status"] == "paid":
        raise invalid("Invoice is already paid")
    if invoice["status"] in ("void", "uncollectible"):
        raise invalid(f"Invoice is {invoice['status']}")
    if invoice["status"] == "draft":
        finalize(world, invoice)
    if call.get("paid_out_of_band"):
        settle_elsewhere(world, invoice)
        return invoice
    pay_invoice(world, invoice, call.get("payment_method"))
    return invoice


def pay_invoice(world: World, invoice: Json, chosen: str | None = None) -> None:
    """Charge a given card, else the default one; a decline is an error."""
    customer = world.objects[invoice["customer"]]
    method = attach(world, chosen, customer) if chosen else None
    method = method or default_method(world, customer["id"], owner_of(world, invoice))
    if method is None:
        raise invalid(
            "There is no `default_payment_method` set on this Customer or Invoice. Please set a "
            "default payment method.",
        )
    charge = collect(world, invoice, method, automatic=False)
    if invoice["status"] != "paid":
        raise declined(charge, intent_of(world, invoice))


@route("POST", "/v1/invoices/{id}/void", "InvoiceVoidInvoiceParams")
def void_invoice(world: World, call: Call) -> Json:
    invoice = world.get("invoice", call["id"])
    if invoice["status"] not in ("open", "uncollectible"):
        raise invalid(f"You cannot void an invoice that is {invoice['status']}.")
    void(world, invoice)
    subscription = owner_of(world, invoice)
    if subscription and subscription["status"] == "incomplete":
        expire_incomplete(world, subscription)
    return invoice


@route("POST", "/v1/invoices/{id}/mark_uncollectible", "InvoiceMarkUncollectibleParams")
def mark_uncollectible(world: World, call: Call) -> Json:
    invoice = world.get("invoice", call["id"])
    if invoice["status"] != "open":
        raise invalid("You can only mark an open invoice as uncollectible.")
    now = world.now(invoice["customer"])
    invoice |= {"status": "uncollectible", "auto_advance": False, "next_payment_attempt": None}
    invoice["status_transitions"] = invoice["status_transitions"] | {"marked_uncollectible_at": now}
    tell(world, "invoice.marked_uncollectible", invoice)
    return invoice


@route("GET", "/v1/invoice_payments/{id}", "InvoicePaymentRetrieveParams")
def retrieve_payment(world: World, call: Call) -> Json:
    return world.get("invoice_payment", call["id"])


@route("GET", "/v1/invoice_payments", "InvoicePaymentListParams")
def list_payments(world: World, call: Call) -> Json:
    found = world.every("invoice_payment")
    intent = call.nested("payment", "payment_intent")
    if intent:
        found = [one for one in found if one["payment"]["payment_intent"] == intent]
    return page(call, found, filters=("invoice", "status"))


@route("GET", "/v1/invoiceitems/{id}", "InvoiceItemRetrieveParams")
def retrieve_item(world: World, call: Call) -> Json:
    return world.get("invoiceitem", call["id"])


@route("GET", "/v1/invoiceitems", "InvoiceItemListParams")
def list_items(world: World, call: Call) -> Json:
    if call.get("customer"):
        live_customer(world, call["customer"])
    found = world.every("invoiceitem")
    if call.get("pending"):
        found = [item for item in found if item["invoice"] is None]
    return page(call, found, filters=("customer", "invoice"))
