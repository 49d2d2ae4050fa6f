"""Whatever the order in which Stripe tells, and however often: the same books."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import transaction

from apps.plans.models import BillingAccount
from tests.payments.life import Shop, books

pytestmark = pytest.mark.slow


@contextmanager
def undone() -> Iterator[None]:
    """Run a block and take back all that it wrote; Stripe's world stays as it has become."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def live(shop: Shop) -> str:
    """Go through everything that happens to a plan, and return the id of the customer."""
    stripe = shop.stripe
    subscription = shop.subscribe("starter")
    shop.buy("pack-1000")
    shop.buy("pack-5000")
    stripe.advance(days=5)
    shop.change("pro")
    stripe.advance_to_renewal(subscription)
    shop.change("starter")
    stripe.advance_to_renewal(subscription)
    stripe.fail_next_payment(shop.customer)
    stripe.advance_to_renewal(subscription)
    stripe.advance(days=4)
    shop.cancel()
    shop.reactivate()
    # Those of one second come in any order.
    by_kind = {each.kind: each for each in shop.payments()}
    shop.refund(by_kind["subscription"], 1000)
    stripe.close_dispute(shop.dispute(by_kind["pack"]), "won")
    shop.refund(by_kind["renewal"])
    stripe.fail_next_payment(shop.customer, times=99)
    stripe.advance_to_renewal(subscription)
    stripe.advance(days=30)
    return shop.customer


@pytest.fixture
def lived(shop: Shop) -> tuple[str, dict[str, Any]]:
    """Return the customer of a whole life and the books of it; the books are taken back."""
    kept: list[Any] = []
    with undone():
        kept += [live(shop), books(shop.user)]
    customer, told = kept
    assert len(told["payments"]) == 7
    assert len(told["reversals"]) == 4
    BillingAccount.objects.create(user=shop.user, stripe_customer_id=customer)
    return customer, told


def test_every_webhook_twice_and_shuffled_makes_the_same_books(
    shop: Shop, lived: tuple[str, dict[str, Any]]
) -> None:
    _customer, told = lived
    for seed in range(3):
        order = shop.stripe.events * 2
        random.Random(seed).shuffle(order)
        with undone():
            for event in order:
                shop.stripe.redeliver(event)
            assert books(shop.user) == told, f"seed {seed}"


def test_told_once_more_in_another_order_nothing_changes(shop: Shop) -> None:
    live(shop)
    before = books(shop.user)
    order = shop.stripe.events * 2
    random.Random(7).shuffle(order)

    for event in order:
        shop.stripe.redeliver(event)

    assert books(shop.user) == before


def test_from_the_last_event_to_the_first_the_books_are_the_same(
    shop: Shop, lived: tuple[str, dict[str, Any]]
) -> None:
    _customer, told = lived

    for event in reversed(shop.stripe.events):
        shop.stripe.redeliver(event)

    assert books(shop.user) == told
