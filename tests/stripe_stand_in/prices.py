"""Products and their prices."""

from typing import Any

from tests.stripe_stand_in.errors import invalid
from tests.stripe_stand_in.events import tell, updating
from tests.stripe_stand_in.lists import includes, page
from tests.stripe_stand_in.metadata import merged
from tests.stripe_stand_in.routes import Call, route
from tests.stripe_stand_in.shapes import Json, complete, listing
from tests.stripe_stand_in.state import World

_PLAIN_OF_PRODUCT = ("name", "active", "description", "images", "url", "unit_label", "tax_code")


def new_product(world: World, given: dict[str, Any]) -> Json:
    if given.get("id") in world.objects:
        raise invalid(f"Product already exists: {given['id']}", code="resource_already_exists")
    chosen = {"id": given["id"]} if given.get("id") else {}
    product = world.new(
        "product",
        **chosen,
        active=given.get("active", True),
        description=given.get("description"),
        images=given.get("images") or [],
        marketing_features=[],
        metadata=merged({}, given.get("metadata")),
        name=given["name"],
        type="service",
        updated=world.now(),
    )
    tell(world, "product.created", product)
    return product


def new_price(world: World, given: dict[str, Any]) -> Json:
    """Make a price; `product` or `product_data` says of what, `recurring` how often."""
    if given.get("unit_amount") is None and given.get("unit_amount_decimal") is None:
        raise invalid("Prices must have a `unit_amount`.", param="unit_amount")
    if given.get("product_data"):
        product = new_product(world, given["product_data"])["id"]
    else:
        product = world.get("product", str(given.get("product")), param="product")["id"]
    _claim_lookup_key(world, given)
    amount = given.get("unit_amount")
    amount = int(float(given["unit_amount_decimal"])) if amount is None else amount
    price = world.new(
        "price",
        active=given.get("active", True),
        billing_scheme="per_unit",
        currency=given["currency"].lower(),
        lookup_key=given.get("lookup_key"),
        metadata=merged({}, given.get("metadata")),
        nickname=given.get("nickname"),
        product=product,
        recurring=_recurring(given.get("recurring")),
        tax_behavior=given.get("tax_behavior") or "unspecified",
        type="recurring" if given.get("recurring") else "one_time",
        unit_amount=amount,
        unit_amount_decimal=str(amount),
    )
    tell(world, "price.created", price)
    return price


def _recurring(given: dict[str, Any] | None) -> Json | None:
    if not given:
        return None
    return {
        "interval": given["interval"],
        "interval_count": given.get("interval_count", 1),
        "meter": None,
        "trial_period_days": None,
        "usage_type": "licensed",
    }


def _claim_lookup_key(world: World, given: dict[str, Any]) -> None:
    key = given.get("lookup_key")
    for price in world.every("price") if key else []:
        if price["lookup_key"] != key:
            continue
        if not given.get("transfer_lookup_key"):
            raise invalid(
                f"A price (`{price['id']}`) already uses that lookup key.", param="lookup_key"
            )
        with updating(world, price, "price.updated"):
            price["lookup_key"] = None


def plan_of(price: Json) -> Json:
    """Return the plan that every recurring price still is, for callers of old."""
    recurring = price["recurring"]
    return complete(
        {
            "id": price["id"],
            "object": "plan",
            "active": price["active"],
            "amount": price["unit_amount"],
            "amount_decimal": price["unit_amount_decimal"],
            "billing_scheme": "per_unit",
            "created": price["created"],
            "currency": price["currency"],
            "interval": recurring["interval"],
            "interval_count": recurring["interval_count"],
            "livemode": False,
            "metadata": dict(price["metadata"]),
            "product": price["product"],
            "usage_type": "licensed",
        }
    )


@route("POST", "/v1/products", "ProductCreateParams")
def create_product(world: World, call: Call) -> Json:
    product = new_product(world, call.parameters)
    if call.get("default_price_data"):
        price = new_price(world, call["default_price_data"] | {"product": product["id"]})
        product["default_price"] = price["id"]
    return product


@route("GET", "/v1/products/{id}", "ProductRetrieveParams")
def retrieve_product(world: World, call: Call) -> Json:
    return world.get("product", call["id"])


@route("POST", "/v1/products/{id}", "ProductModifyParams")
def update_product(world: World, call: Call) -> Json:
    product = world.get("product", call["id"])
    with updating(world, product, "product.updated"):
        for name in _PLAIN_OF_PRODUCT:
            if name in call:
                product[name] = call[name]
        product["metadata"] = merged(product["metadata"], call.get("metadata"))
    return product


@route("GET", "/v1/products", "ProductListParams")
def list_products(world: World, call: Call) -> Json:
    found = world.every("product")
    if "ids" in call:
        found = [product for product in found if product["id"] in call["ids"]]
    return page(call, found, filters=("active", "url"))


@route("GET", "/v1/products/{id}/features", "ProductListFeaturesParams")
def list_features(world: World, call: Call) -> Json:
    world.get("product", call["id"])
    return listing(call.path, [])


@route("POST", "/v1/prices", "PriceCreateParams")
def create_price(world: World, call: Call) -> Json:
    return new_price(world, call.parameters)


@route("GET", "/v1/prices/{id}", "PriceRetrieveParams")
def retrieve_price(world: World, call: Call) -> Json:
    return world.get("price", call["id"], param="price")


@route("POST", "/v1/prices/{id}", "PriceModifyParams")
def update_price(world: World, call: Call) -> Json:
    price = world.get("price", call["id"], param="price")
    if "lookup_key" in call:
        _claim_lookup_key(world, call.parameters)
    with updating(world, price, "price.updated"):
        for name in ("active", "nickname", "lookup_key"):
            if name in call:
                price[name] = call[name] if call[name] != "" else None
        price["metadata"] = merged(price["metadata"], call.get("metadata"))
    return price


@route("GET", "/v1/prices", "PriceListParams")
def list_prices(world: World, call: Call) -> Json:
    found = world.every("price")
    if "lookup_keys" in call:
        found = [price for price in found if price["lookup_key"] in call["lookup_keys"]]
    return page(call, found, filters=("active", "currency", "product", "type"))


@includes("price", "currency_options")
def _currency_options(world: World, price: Json) -> Json:
    return {
        price["currency"]: {
            "custom_unit_amount": None,
            "tax_behavior": price["tax_behavior"],
            "unit_amount": price["unit_amount"],
            "unit_amount_decimal": price["unit_amount_decimal"],
        }
    }
