"""Cards: the test cards of Stripe that pay, and those that do not."""

from tests.stripe_stand_in.customers import live_customer
from tests.stripe_stand_in.errors import ApiError, invalid
from tests.stripe_stand_in.events import tell, updating
from tests.stripe_stand_in.lists import page
from tests.stripe_stand_in.metadata import merged
from tests.stripe_stand_in.routes import Call, route
from tests.stripe_stand_in.shapes import Json
from tests.stripe_stand_in.state import World

GOOD_CARD = "pm_card_visa"
FAILING_CARD = "pm_card_chargeCustomerFail"
# Brand, last four digits, whether attaching works, whether charging works.
_TEST_CARDS = {
    "pm_card_visa": ("visa", "4242", True, True),
    "pm_card_mastercard": ("mastercard", "4444", True, True),
    "pm_card_chargeCustomerFail": ("visa", "0341", True, False),
    "pm_card_chargeDeclined": ("visa", "0002", False, False),
}
_NUMBERS = {
    "4242424242424242": "pm_card_visa",
    "5555555555554444": "pm_card_mastercard",
    "4000000000000341": "pm_card_chargeCustomerFail",
    "4000000000000002": "pm_card_chargeDeclined",
}


def new_card(world: World, name: str, customer: str | None = None) -> Json:
    """Make a card of its own from a name of Stripe's list of test cards."""
    brand, last4, _, _ = _TEST_CARDS[name]
    method = world.new(
        "payment_method",
        allow_redisplay="unspecified",
        billing_details={
            "address": dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state")),
            "email": None,
            "name": None,
            "phone": None,
            "tax_id": None,
        },
        card={
            "brand": brand,
            "checks": {
                "address_line1_check": None,
                "address_postal_code_check": None,
                "cvc_check": "pass",
            },
            "country": world.settings.country,
            "display_brand": brand,
            "exp_month": 12,
            "exp_year": 2034,
            "fingerprint": f"print{brand}{last4}",
            "funding": "credit",
            "generated_from": None,
            "last4": last4,
            "networks": {"available": [brand], "preferred": None},
            "regulated_status": "unregulated",
            "three_d_secure_usage": {"supported": True},
            "wallet": None,
        },
        customer=customer,
        metadata={},
        type="card",
    )
    world.note(method["id"])["test_card"] = name
    return method


def pays(world: World, method: Json) -> bool:
    return _TEST_CARDS[world.note(method["id"])["test_card"]][3]


def attach(world: World, identifier: str, customer: Json) -> Json:
    """Give a card to a customer; a test card's name makes a new card."""
    if identifier in _TEST_CARDS:
        if not _TEST_CARDS[identifier][2]:
            raise ApiError(
                402,
                "card_error",
                "Your card was declined.",
                code="card_declined",
                decline_code="generic_decline",
            )
        method = new_card(world, identifier)
    else:
        method = world.get("payment_method", identifier, param="payment_method")
    if method["customer"] == customer["id"]:
        return method
    if method["customer"]:
        raise invalid("The payment method you provided has already been attached to a customer.")
    method["customer"] = customer["id"]
    tell(world, "payment_method.attached", method)
    return method


def default_method(world: World, customer: str, subscription: Json | None = None) -> Json | None:
    """Return the card that Stripe would charge: the subscription's, else the customer's."""
    own = (subscription or {}).get("default_payment_method")
    settings = world.objects[customer].get("invoice_settings") or {}
    identifier = own or settings.get("default_payment_method")
    return world.objects.get(identifier) if identifier else None


@route("POST", "/v1/payment_methods", "PaymentMethodCreateParams")
def create(world: World, call: Call) -> Json:
    number, token = call.nested("card", "number"), call.nested("card", "token")
    name = _NUMBERS.get(number or "") or str(token or "").replace("tok_", "pm_card_", 1)
    if call.get("type") != "card" or name not in _TEST_CARDS:
        raise invalid("The stand-in knows the test cards alone.", param="card")
    method = new_card(world, name)
    method["metadata"] = merged({}, call.get("metadata"))
    return method


@route("GET", "/v1/payment_methods/{id}", "PaymentMethodRetrieveParams")
def retrieve(world: World, call: Call) -> Json:
    return world.get("payment_method", call["id"], param="payment_method")


@route("POST", "/v1/payment_methods/{id}/attach", "PaymentMethodAttachParams")
def attach_to_customer(world: World, call: Call) -> Json:
    return attach(world, call["id"], live_customer(world, call["customer"]))


@route("POST", "/v1/payment_methods/{id}/detach", "PaymentMethodDetachParams")
def detach(world: World, call: Call) -> Json:
    method = world.get("payment_method", call["id"], param="payment_method")
    if not method["customer"]:
        raise invalid("The payment method you provided is not attached to a customer.")
    customer = world.objects[method["customer"]]
    with updating(world, customer, "customer.updated"):
        if customer["invoice_settings"]["default_payment_method"] == method["id"]:
            customer["invoice_settings"]["default_payment_method"] = None
    method["customer"] = None
    tell(world, "payment_method.detached", method, previous={"customer": customer["id"]})
    return method


@route("GET", "/v1/payment_methods", "PaymentMethodListParams")
def list_methods(world: World, call: Call) -> Json:
    return page(call, world.every("payment_method"), filters=("customer", "type"))


@route("GET", "/v1/customers/{id}/payment_methods", "CustomerListPaymentMethodsParams")
def list_of_customer(world: World, call: Call) -> Json:
    customer = live_customer(world, call["id"], param="id")
    own = [one for one in world.every("payment_method") if one["customer"] == customer["id"]]
    return page(call, own, filters=("type",))
