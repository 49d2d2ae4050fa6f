"""Webhooks: signed, held, lost, repeated, out of order, and posted to an address."""

import json
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
import stripe

from tests.stripe_stand_in.browsing import fetch
from tests.stripe_stand_in.conformance import complaints
from tests.stripe_stand_in.shop import Shop
from tests.stripe_stand_in.stand_in import StripeStandIn
from tests.stripe_stand_in.webhooks import body_of, signed

Letter = tuple[bytes, dict[str, str]]


@contextmanager
def shop_that_delivers(letters: list[Letter], **how: Any) -> Iterator[Shop]:
    def deliver(body: bytes, headers: dict[str, str]) -> None:
        letters.append((body, headers))

    with StripeStandIn(deliver=deliver, **how) as stand_in:
        client = stripe.StripeClient(stand_in.secret_key, base_addresses={"api": stand_in.url})
        yield Shop(stand_in, client)


def types_of(letters: list[Letter]) -> list[str]:
    return [json.loads(body)["type"] for body, _ in letters]


def test_the_package_accepts_the_signature(shop: Shop) -> None:
    letters: list[Letter] = []
    with shop_that_delivers(letters) as delivering:
        delivering.stand_in.advance(days=40)
        delivering.buy_pack()

        for body, headers in letters:
            event = stripe.Webhook.construct_event(
                body, headers["Stripe-Signature"], delivering.stand_in.webhook_secret
            )
            assert complaints(json.loads(body)) == []
            assert event.api_version == stripe.api_version
        assert event.type == "checkout.session.completed"
        assert event.created >= time.time() + 39 * 86400


@pytest.mark.parametrize("wrong", ["secret", "body", "age"])
def test_the_package_refuses_another_signature(stand_in: StripeStandIn, wrong: str) -> None:
    event = {"id": "evt_1", "object": "event"}
    body = body_of(event)
    secret = "whsec_other" if wrong == "secret" else stand_in.webhook_secret
    at = int(time.time()) - 301 if wrong == "age" else None
    header = signed(body, secret, at=at)["Stripe-Signature"]
    if wrong == "body":
        body += b" "

    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(body, header, stand_in.webhook_secret)


def test_a_callable_gets_events_when_a_method_is_done(shop: Shop) -> None:
    letters: list[Letter] = []
    with shop_that_delivers(letters) as delivering:
        session = delivering.checkout(delivering.pack, "payment")
        assert letters == []

        delivering.stand_in.pay_checkout(session)

        assert types_of(letters)[0] == "product.created"
        assert types_of(letters)[-1] == "checkout.session.completed"
        assert delivering.stand_in.undelivered == []


def test_held_events_are_delivered_in_any_order_and_twice(shop: Shop) -> None:
    letters: list[Letter] = []
    with shop_that_delivers(letters, held=True) as delivering:
        delivering.subscribe()
        waiting = [event["type"] for event in delivering.stand_in.undelivered]
        assert letters == []

        delivering.stand_in.deliver_all(shuffle=random.Random(3), times=2)

        assert sorted(types_of(letters)) == sorted(waiting * 2)
        assert types_of(letters) != waiting * 2


def test_a_lost_event_is_only_on_the_list(shop: Shop) -> None:
    letters: list[Letter] = []
    with shop_that_delivers(letters, held=True) as delivering:
        session = delivering.buy_pack()
        lost = delivering.stand_in.undelivered[-1]

        delivering.stand_in.lose(lost)
        delivering.stand_in.deliver_all()

        assert "checkout.session.completed" not in types_of(letters)
        listed = delivering.v1.events.list({"types": ["checkout.session.completed"]}).data
        assert [event.data.object["id"] for event in listed] == [session["id"]]
        delivering.stand_in.redeliver(lost["id"])
        assert json.loads(letters[-1][0])["id"] == lost["id"]


def test_what_a_delivery_causes_is_delivered_too() -> None:
    seen: list[str] = []

    def deliver(body: bytes, headers: dict[str, str]) -> None:
        event = json.loads(body)
        seen.append(event["type"])
        if event["type"] == "customer.created":
            params: Any = {"metadata": {"seen": "yes"}}
            client.v1.customers.update(event["data"]["object"]["id"], params)

    with StripeStandIn(deliver=deliver) as stand_in:
        client = stripe.StripeClient(stand_in.secret_key, base_addresses={"api": stand_in.url})
        client.v1.customers.create({"name": "Ada"})
        stand_in.deliver_all()

    assert seen == ["customer.created", "customer.updated"]


@contextmanager
def listening(statuses: list[int]) -> Iterator[tuple[str, list[Letter]]]:
    letters: list[Letter] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            letters.append((body, dict(self.headers)))
            self.send_response(statuses.pop(0) if statuses else 200)
            self.end_headers()

        def log_message(self, *arguments: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/hook/", letters
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_an_address_gets_events_as_they_come_until_it_takes_them() -> None:
    with listening([500]) as (url, letters), StripeStandIn(webhook_url=url) as stand_in:
        client = stripe.StripeClient(stand_in.secret_key, base_addresses={"api": stand_in.url})
        client.v1.customers.create({"name": "Ada"})
        stand_in.wait_until_delivered()

        assert types_of(letters) == ["customer.created", "customer.created"]
        assert [made.status for made in stand_in.deliveries] == [500, 200]
        header = letters[1][1]["Stripe-Signature"]
        stripe.Webhook.construct_event(letters[1][0], header, stand_in.webhook_secret)


def test_an_address_gets_nothing_while_events_are_held() -> None:
    with listening([]) as (url, letters), StripeStandIn(webhook_url=url, held=True) as stand_in:
        client = stripe.StripeClient(stand_in.secret_key, base_addresses={"api": stand_in.url})
        client.v1.customers.create({"name": "Ada"})
        time.sleep(0.1)
        assert letters == []

        stand_in.release()
        stand_in.wait_until_delivered()

        assert types_of(letters) == ["customer.created"]


def test_a_page_leaves_its_events_to_the_thread_of_the_test() -> None:
    threads: set[int] = set()

    def deliver(body: bytes, headers: dict[str, str]) -> None:
        threads.add(threading.get_ident())

    with StripeStandIn(deliver=deliver) as stand_in:
        client = stripe.StripeClient(stand_in.secret_key, base_addresses={"api": stand_in.url})
        shop = Shop(stand_in, client)
        url = shop.get(shop.checkout(shop.pack, "payment"))["url"]

        assert fetch(url, {"action": "pay"})[0] == 303
        assert fetch(f"{stand_in.url}/", {"action": "advance_day"})[0] == 303

        assert threads == set()
        stand_in.deliver_all()

    assert threads == {threading.get_ident()}
