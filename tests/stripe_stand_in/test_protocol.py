"""What holds for every call: keys, parameters, errors, lists, idempotency."""

import http.client
import json
from typing import Any

import pytest
import stripe

from tests.stripe_stand_in.shop import Shop
from tests.stripe_stand_in.stand_in import StripeStandIn


def test_a_wrong_key_is_refused(stand_in: StripeStandIn) -> None:
    stranger = stripe.StripeClient("sk_test_other", base_addresses={"api": stand_in.url})

    with pytest.raises(stripe.AuthenticationError, match="Invalid API Key provided"):
        stranger.v1.customers.create({"email": "eve@example.com"})

    assert stand_in.events == []


@pytest.mark.parametrize("authorization", [None, "Bearer ", "Basic !", "Basic c2s6"])
def test_no_key_is_refused(stand_in: StripeStandIn, authorization: str | None) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", int(stand_in.url.rpartition(":")[2]))
    headers = {"Authorization": authorization} if authorization else {}
    connection.request("GET", "/v1/account", headers=headers)
    answer = connection.getresponse()

    assert answer.status == 401
    assert json.loads(answer.read())["error"]["type"] == "invalid_request_error"
    connection.close()


@pytest.mark.parametrize(
    ("params", "param", "code"),
    [
        ({"emial": "ada@example.com"}, "emial", "parameter_unknown"),
        ({"address": {"town": "Seoul"}}, "address[town]", "parameter_unknown"),
        ({"balance": "much"}, "balance", "parameter_invalid_integer"),
        ({"tax_exempt": "always"}, "tax_exempt", None),
    ],
)
def test_parameters_are_checked(shop: Shop, params: Any, param: str, code: str | None) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        shop.v1.customers.create(params)

    assert (refused.value.param, refused.value.code) == (param, code)
    assert shop.v1.customers.list().data == []


def test_what_is_missing_is_named(shop: Shop) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        shop.v1.billing_portal.sessions.create({})
    assert refused.value.code == "parameter_missing"
    with pytest.raises(stripe.InvalidRequestError) as absent:
        shop.v1.customers.retrieve("cus_of_another_account")
    assert (absent.value.http_status, absent.value.code) == (404, "resource_missing")


def test_metadata_is_merged(shop: Shop) -> None:
    customer = shop.v1.customers.create({"metadata": {"user": "1", "old": "x"}}).id

    found = shop.v1.customers.update(customer, {"metadata": {"old": "", "new": "y"}})

    assert found.metadata is not None
    assert found.metadata.to_dict() == {"user": "1", "new": "y"}


def test_a_key_of_idempotency_gives_the_first_answer_again(shop: Shop) -> None:
    params: Any = {"email": "ada@example.com"}

    first = shop.v1.customers.create(params, {"idempotency_key": "once"})
    again = shop.v1.customers.create(params, {"idempotency_key": "once"})

    assert first == again
    assert len(shop.v1.customers.list().data) == 1
    assert again.last_response is not None
    assert again.last_response.headers["Idempotent-Replayed"] == "true"
    event = shop.stand_in.events[0]
    assert event["request"]["idempotency_key"] == "once"


def test_a_key_of_idempotency_is_for_one_request(shop: Shop) -> None:
    shop.v1.customers.create({"email": "ada@example.com"}, {"idempotency_key": "once"})

    with pytest.raises(stripe.IdempotencyError):
        shop.v1.customers.create({"email": "eve@example.com"}, {"idempotency_key": "once"})

    assert len(shop.v1.customers.list().data) == 1


def test_a_lost_answer_is_found_again_by_its_key(shop: Shop) -> None:
    shop.stand_in.break_next("POST", "/v1/customers", is_done=True)
    with pytest.raises(stripe.APIError):
        shop.v1.customers.create({"name": "Ada"}, {"idempotency_key": "once"})

    found = shop.v1.customers.create({"name": "Ada"}, {"idempotency_key": "once"})

    assert [one.id for one in shop.v1.customers.list().data] == [found.id]


def test_a_request_that_failed_did_nothing(shop: Shop) -> None:
    shop.stand_in.break_next("POST", "/v1/customers", status=503)

    with pytest.raises(stripe.APIError):
        shop.v1.customers.create({"name": "Ada"})

    assert shop.v1.customers.list().data == []


def test_lists_come_in_pages(shop: Shop) -> None:
    made = [shop.v1.customers.create({"name": str(number)}).id for number in range(7)]

    first = shop.v1.customers.list({"limit": 3})
    second = shop.v1.customers.list({"limit": 3, "starting_after": made[4]})
    back = shop.v1.customers.list({"limit": 3, "ending_before": made[0]})

    assert [one.id for one in first.data] == made[:3:-1]
    assert (first.has_more, second.has_more) == (True, True)
    assert [one.id for one in second.data] == made[3:0:-1]
    assert [one.id for one in back.data] == made[3:0:-1]
    assert [one.id for one in first.auto_paging_iter()] == made[::-1]


def test_prices_are_found_by_their_lookup_keys(shop: Shop) -> None:
    wanted = {shop.starter, shop.pack}
    assert shop.pro not in wanted

    found = shop.v1.prices.list(
        {"lookup_keys": ["starter", "pack"], "expand": ["data.product", "data.currency_options"]}
    )

    assert {price.id for price in found.data} == wanted
    assert {price.type for price in found.data} == {"recurring", "one_time"}
    product = found.data[0].product
    assert isinstance(product, stripe.Product)
    assert product.name == "Pack"


def test_a_lookup_key_moves_to_a_new_price(shop: Shop) -> None:
    params: Any = {
        "currency": "usd",
        "lookup_key": "starter",
        "product": shop.get(shop.starter)["product"],
        "recurring": {"interval": "month"},
        "unit_amount": 2700,
    }
    with pytest.raises(stripe.InvalidRequestError, match="already uses that lookup key"):
        shop.v1.prices.create(params)

    new = shop.v1.prices.create(params | {"transfer_lookup_key": True})

    assert [one.id for one in shop.v1.prices.list({"lookup_keys": ["starter"]}).data] == [new.id]


def test_events_are_listed_by_time_and_type(shop: Shop) -> None:
    shop.subscribe()
    shop.stand_in.advance(days=1)
    moment = shop.stand_in.now
    shop.buy_pack()

    later = shop.v1.events.list({"created": {"gte": moment}, "limit": 100})
    paid = shop.v1.events.list({"types": ["invoice.paid", "checkout.session.completed"]})

    assert {event.type for event in later.data} >= {"payment_intent.succeeded"}
    assert "customer.subscription.created" not in {event.type for event in later.data}
    assert [event.type for event in paid.data] == [
        "checkout.session.completed",
        "checkout.session.completed",
        "invoice.paid",
    ]
    assert shop.v1.events.retrieve(paid.data[0].id) == paid.data[0]


def test_only_what_exists_is_expanded(shop: Shop) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="cannot be expanded"):
        shop.v1.customers.retrieve(shop.customer, {"expand": ["wallet"]})


def test_what_is_not_stood_in_for_is_refused(shop: Shop) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="stand-in knows no"):
        shop.checkout(shop.starter, subscription_data={"trial_period_days": 7})


def test_requests_are_on_record(shop: Shop) -> None:
    shop.v1.customers.create({"name": "Ada", "metadata": {"user": "1"}})

    seen = shop.stand_in.requests[-1]

    assert (seen.method, seen.path, seen.status) == ("POST", "/v1/customers", 200)
    assert seen.parameters == {"name": "Ada", "metadata": {"user": "1"}}


def test_the_account_and_the_rest_answer(shop: Shop) -> None:
    account = shop.v1.accounts.retrieve_current()
    endpoint = shop.v1.webhook_endpoints.create(
        {"url": "http://127.0.0.1:9/hook/", "enabled_events": ["invoice.paid"]}
    )

    assert account.object == "account"
    assert endpoint.secret is not None
    assert "secret" not in shop.v1.webhook_endpoints.retrieve(endpoint.id)
    assert shop.v1.products.features.list(shop.get(shop.starter)["product"]).data == []


def test_an_account_goes_on_in_a_later_process() -> None:
    with StripeStandIn(held=True) as first:
        client = stripe.StripeClient(first.secret_key, base_addresses={"api": first.url})
        customer = client.v1.customers.create({"email": "ada@example.com"})
        first.advance(days=3)
        kept = first.world.to_json()

    with StripeStandIn(held=True, kept=kept) as later:
        client = stripe.StripeClient(later.secret_key, base_addresses={"api": later.url})
        found = client.v1.customers.retrieve(customer.id)

    assert found.email == "ada@example.com"
    assert later.world.ahead == first.world.ahead
    assert [event["id"] for event in later.undelivered] == [
        event["id"] for event in first.undelivered
    ]
