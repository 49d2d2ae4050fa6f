"""The address where Stripe tells: what it believes, and what it does when something fails."""

import json
import time
from typing import Any

import pytest
from django.test import Client
from djstripe.models import APIKey, Event, WebhookEndpoint

from apps.plans.models import Payment, Subscription
from apps.plans.services import stripe_subscriptions
from tests.payments.life import Shop, books
from tests.stripe_stand_in.webhooks import body_of, signed

WEBHOOK = "/billing/stripe/webhook/"


def post(body: bytes, signature: str = "") -> int:
    headers = {"Stripe-Signature": signature} if signature else {}
    response = Client(headers=headers).post(WEBHOOK, body, content_type="application/json")
    return response.status_code


@pytest.fixture
def paid(shop: Shop) -> dict[str, Any]:
    """Return an event that nobody has told us yet, of a plan that was paid."""
    shop.stripe.hold()
    shop.subscribe("pro")
    return next(each for each in shop.stripe.events if each["type"] == "invoice.paid")


def nothing_happened() -> bool:
    return not (Event.objects.exists() or Payment.objects.exists())


def signature(body: bytes, secret: str, *, at: int | None = None) -> str:
    return signed(body, secret, at=at)["Stripe-Signature"]


def test_an_event_that_stripe_signed_is_applied(shop: Shop, paid: dict[str, Any]) -> None:
    body = body_of(paid)

    assert post(body, signature(body, shop.stripe.webhook_secret)) == 200

    assert Payment.objects.get().credits == 15_000
    assert Subscription.objects.get(source="stripe").plan == "pro"


def test_an_unsigned_a_forged_and_an_old_event_change_nothing(
    shop: Shop, paid: dict[str, Any]
) -> None:
    body, secret = body_of(paid), shop.stripe.webhook_secret
    good = signature(body, secret)
    forged = body.replace(b'"livemode": false', b'"livemode": true', 1)

    assert forged != body
    assert post(body) == 400
    assert post(body, signature(body, "whsec_of_somebody_else")) == 400
    assert post(forged, good) == 400
    assert post(body, signature(body, secret, at=int(time.time()) - 400)) == 400
    assert post(body, "t=x,v1=") == 400
    assert nothing_happened()


def test_signed_nonsense_and_a_huge_body_change_nothing(shop: Shop) -> None:
    secret = shop.stripe.webhook_secret
    for body in (b"", b"{", b"[]", b'{"object": "event"}', b"\xff\xfe", b'{"id": 1}'):
        assert post(body, signature(body, secret)) == 400
    huge = json.dumps({"pad": "x" * 600_000}).encode()
    assert post(huge, signature(huge, secret)) == 413
    assert nothing_happened()


def test_whoever_sends_one_wrong_signature_after_the_other_must_wait(shop: Shop) -> None:
    body = b"{}"
    statuses = [post(body, signature(body, "whsec_wrong")) for _ in range(31)]

    assert statuses == [400] * 30 + [429]
    assert shop.stripe.webhook_secret


def test_the_address_takes_nothing_but_posts(shop: Shop) -> None:
    assert Client().get(WEBHOOK).status_code == 405
    assert shop.payments() == []


def test_without_a_key_or_a_secret_nothing_is_believed(
    shop: Shop, paid: dict[str, Any], settings: Any
) -> None:
    body = body_of(paid)
    settings.EASEL_STRIPE_WEBHOOK_SECRET = ""

    assert post(body, signature(body, shop.stripe.webhook_secret)) == 400
    assert post(body, signature(body, "")) == 400
    assert nothing_happened()


def test_a_crash_in_the_middle_leaves_nothing_and_the_next_telling_does_it(
    shop: Shop, paid: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(**_: Any) -> None:
        raise RuntimeError

    body = body_of(paid)
    good = signature(body, shop.stripe.webhook_secret)
    # After the payment was booked and its credits were given.
    with monkeypatch.context() as patched:
        patched.setattr(stripe_subscriptions, "set_pauses", crash)
        client = Client(raise_request_exception=False, headers={"Stripe-Signature": good})
        crashed = client.post(WEBHOOK, body, content_type="application/json")
    assert crashed.status_code == 500
    assert nothing_happened()

    assert post(body, good) == 200
    assert Payment.objects.count() == 1


def test_while_stripe_is_away_an_event_is_put_off(shop: Shop, paid: dict[str, Any]) -> None:
    body = body_of(paid)
    good = signature(body, shop.stripe.webhook_secret)
    shop.stripe.break_next("GET", "/v1/subscriptions", times=2)

    assert post(body, good) == 503
    assert nothing_happened()
    assert post(body, good) == 200
    assert Payment.objects.count() == 1


def test_an_event_of_a_customer_who_is_none_of_ours_is_kept_and_does_nothing(shop: Shop) -> None:
    made = json.loads(json.dumps(shop_event(shop)))
    made["id"], made["data"]["object"]["customer"] = "evt_of_another", "cus_of_another"
    before = books(shop.user)

    shop.stripe.redeliver(made)

    assert Event.objects.filter(id="evt_of_another").exists()
    assert books(shop.user) == before


def shop_event(shop: Shop) -> dict[str, Any]:
    shop.subscribe("pro")
    return next(each for each in shop.stripe.events if each["type"] == "invoice.paid")


def test_what_is_kept_of_an_event_names_nobody_and_no_key_is_stored(
    shop: Shop, stripe: Any
) -> None:
    shop.subscribe("pro")
    shop.buy()

    assert Event.objects.count() == len(stripe.events)
    for event in Event.objects.all():
        assert event.stripe_data == {}
        assert event.data["object"].keys() <= {"id", "object", "customer"}
        assert shop.user.email not in json.dumps(event.data)
    assert not APIKey.objects.exists()
    assert not WebhookEndpoint.objects.exists()
