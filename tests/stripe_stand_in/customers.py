"""Customers."""

from typing import Any

from tests.stripe_stand_in.errors import invalid
from tests.stripe_stand_in.events import tell, updating
from tests.stripe_stand_in.lists import includes, page
from tests.stripe_stand_in.metadata import merged
from tests.stripe_stand_in.routes import Call, route
from tests.stripe_stand_in.shapes import Json, listing
from tests.stripe_stand_in.state import World, new_id

_PLAIN = ("email", "name", "phone", "description", "address", "shipping", "preferred_locales")
_ADDRESS = ("city", "country", "line1", "line2", "postal_code", "state")


def new_customer(world: World, given: dict[str, Any]) -> Json:
    if given.get("test_clock"):
        world.get("test_helpers.test_clock", given["test_clock"], param="test_clock")
    settings = given.get("invoice_settings") or {}
    customer = world.make(
        "customer",
        balance=given.get("balance", 0),
        created=world.now(),
        delinquent=False,
        invoice_prefix=new_id("")[1:9].upper(),
        invoice_settings={
            "custom_fields": None,
            "default_payment_method": settings.get("default_payment_method"),
            "footer": settings.get("footer"),
            "rendering_options": None,
        },
        metadata=merged({}, given.get("metadata")),
        next_invoice_sequence=1,
        preferred_locales=[],
        tax_exempt=given.get("tax_exempt") or "none",
        test_clock=given.get("test_clock"),
    )
    if customer["test_clock"]:
        customer["created"] = world.objects[customer["test_clock"]]["frozen_time"]
    _set_plain(customer, given)
    world.objects[customer["id"]] = customer
    tell(world, "customer.created", customer)
    return customer


def live_customer(world: World, identifier: str, *, param: str = "customer") -> Json:
    """Return a customer that was not deleted."""
    customer = world.get("customer", identifier, param=param)
    if customer.get("deleted"):
        raise invalid(f"No such customer: '{identifier}'", param=param, code="resource_missing")
    return customer


def _set_plain(customer: Json, given: dict[str, Any]) -> None:
    for name in _PLAIN:
        if name in given:
            customer[name] = given[name] if given[name] != "" else None
    if isinstance(customer["address"], dict):
        customer["address"] = dict.fromkeys(_ADDRESS) | customer["address"]


@route("POST", "/v1/customers", "CustomerCreateParams")
def create(world: World, call: Call) -> Json:
    # Imported here: a payment method belongs to a customer, and a customer may come with one.
    from tests.stripe_stand_in.payment_methods import attach

    customer = new_customer(world, call.parameters)
    if call.get("payment_method"):
        attach(world, call["payment_method"], customer)
    default = customer["invoice_settings"]["default_payment_method"]
    if default:
        customer["invoice_settings"]["default_payment_method"] = attach(world, default, customer)[
            "id"
        ]
    return customer


@route("GET", "/v1/customers/{id}", "CustomerRetrieveParams")
def retrieve(world: World, call: Call) -> Json:
    return world.get("customer", call["id"])


@route("POST", "/v1/customers/{id}", "CustomerModifyParams")
def update(world: World, call: Call) -> Json:
    customer = live_customer(world, call["id"], param="id")
    with updating(world, customer, "customer.updated"):
        _set_plain(customer, call.parameters)
        customer["metadata"] = merged(customer["metadata"], call.get("metadata"))
        if "balance" in call:
            customer["balance"] = call["balance"]
        default = call.nested("invoice_settings", "default_payment_method")
        if default:
            _own_payment_method(world, default, customer)
        if default is not None:
            customer["invoice_settings"]["default_payment_method"] = default or None
    return customer


def _own_payment_method(world: World, identifier: str, customer: Json) -> None:
    method = world.get(
        "payment_method", identifier, param="invoice_settings[default_payment_method]"
    )
    if method["customer"] != customer["id"]:
        raise invalid(
            "The customer does not have a payment method with the ID "
            f"{identifier}. The payment method must be attached to the customer.",
            param="invoice_settings[default_payment_method]",
        )


@route("DELETE", "/v1/customers/{id}", "CustomerDeleteParams")
def delete(world: World, call: Call) -> Json:
    from tests.stripe_stand_in.statuses import end

    customer = live_customer(world, call["id"], param="id")
    for subscription in world.every("subscription"):
        if subscription["customer"] == customer["id"] and subscription["status"] != "canceled":
            end(world, subscription)
    tell(world, "customer.deleted", customer)
    gone = {"id": customer["id"], "object": "customer", "deleted": True}
    world.objects[customer["id"]] = gone
    return gone


@route("GET", "/v1/customers", "CustomerListParams")
def list_customers(world: World, call: Call) -> Json:
    found = [customer for customer in world.every("customer") if not customer.get("deleted")]
    return page(call, found, filters=("email", "test_clock"))


@includes("customer", "subscriptions")
def _subscriptions(world: World, customer: Json) -> Json:
    found = [
        subscription
        for subscription in world.every("subscription")
        if subscription["customer"] == customer["id"] and subscription["status"] != "canceled"
    ]
    return listing(f"/v1/customers/{customer['id']}/subscriptions", found)


@includes("customer", "sources")
def _sources(world: World, customer: Json) -> Json:
    return listing(f"/v1/customers/{customer['id']}/sources", [])


@includes("customer", "tax_ids")
def _tax_ids(world: World, customer: Json) -> Json:
    return listing(f"/v1/customers/{customer['id']}/tax_ids", [])
