"""Two tellings at the same moment, in two threads with connections of their own."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from apps.accounts.models import User
from apps.plans.models import BillingAccount, Payment
from apps.plans.services import payments, stripe_events
from tests.payments.conftest import WEBHOOK
from tests.payments.life import Shop, credits_by_grant
from tests.stripe_stand_in import StripeStandIn
from tests.stripe_stand_in.shapes import Json
from tests.stripe_stand_in.webhooks import body_of, signed


@pytest.fixture
def raced(transactional_db: None, stripe: StripeStandIn, user: User) -> Shop:
    shop = Shop(stripe, user)
    stripe.hold()
    shop.subscribe("pro")
    return shop


def at_once(shop: Shop, *events: Json) -> list[int]:
    """Deliver events by a thread each, and return how each was answered."""

    def tell(event: Json) -> int:
        body = body_of(event)
        headers = signed(body, shop.stripe.webhook_secret)
        client = Client(
            raise_request_exception=False, headers={"Stripe-Signature": headers["Stripe-Signature"]}
        )
        try:
            answer = client.post(WEBHOOK, body, content_type="application/json")
        finally:
            connection.close()
        return answer.status_code

    with ThreadPoolExecutor(len(events)) as pool:
        return sorted(pool.map(tell, events))


def event_of(shop: Shop, kind: str) -> Json:
    return next(each for each in shop.stripe.events if each["type"] == kind)


@pytest.fixture
def meeting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let two that are about to book wait for each other, as long as that can succeed."""
    barrier = threading.Barrier(2)
    book = payments._book

    def meet(*args: Any, **kwargs: Any) -> None:
        with suppress(threading.BrokenBarrierError):
            barrier.wait(timeout=3)
        book(*args, **kwargs)

    monkeypatch.setattr(payments, "_book", meet)


@pytest.mark.usefixtures("meeting")
def test_one_event_told_twice_at_once_is_applied_once(raced: Shop) -> None:
    event = event_of(raced, "invoice.paid")

    assert at_once(raced, event, event) == [200, 200]

    assert Payment.objects.count() == 1
    assert credits_by_grant(raced.user) == [("plan", 15_000, 15_000)]


@pytest.mark.usefixtures("meeting")
def test_two_events_of_one_payment_at_once_book_it_once(raced: Shop) -> None:
    events = event_of(raced, "invoice.paid"), event_of(raced, "customer.subscription.updated")

    assert at_once(raced, *events) == [200, 200]

    assert Payment.objects.count() == 1
    assert credits_by_grant(raced.user) == [("plan", 15_000, 15_000)]


@pytest.mark.usefixtures("meeting")
def test_without_the_lock_one_of_the_two_would_fail(
    raced: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unlocked(customer: str) -> BillingAccount:
        return BillingAccount.objects.get(stripe_customer_id=customer)

    monkeypatch.setattr(stripe_events, "lock_account", unlocked)
    events = event_of(raced, "invoice.paid"), event_of(raced, "customer.subscription.updated")

    assert at_once(raced, *events) == [200, 500]
    # Whoever was first has booked it, and Stripe tells the other again.
    assert Payment.objects.count() == 1
