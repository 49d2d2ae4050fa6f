"""Stripe away or wrong: a clear error, nothing changed, no credits for money that is not right."""

import socket
import time
from typing import Any

import pytest

from apps.core.errors import Conflict, ErrorCode
from apps.plans.errors import PaymentProviderUnavailable, PaymentsOff
from apps.plans.models import BillingAccount, Payment
from apps.plans.services.changes import cancel_at_period_end, change_plan, reactivate
from apps.plans.services.checkout import buy_pack, open_portal, start_checkout
from apps.plans.services.customers import customer_of
from apps.plans.services.prices import sync_prices
from apps.plans.services.reconciliation import reconcile_stripe
from apps.plans.stripe_gateway import client
from tests.payments.life import ORIGIN, Shop, books, credits_by_grant
from tests.stripe_stand_in import StripeStandIn


def acts(shop: Shop) -> dict[str, Any]:
    user = shop.user
    return {
        "subscribe": lambda: start_checkout(user=user, plan="pro", interval="month", origin=ORIGIN),
        "pack": lambda: buy_pack(user=user, pack="pack-1000", origin=ORIGIN),
        "portal": lambda: open_portal(user=user, origin=ORIGIN),
        "change": lambda: change_plan(user=user, plan="studio", interval="month"),
        "cancel": lambda: cancel_at_period_end(user=user),
        "reactivate": lambda: reactivate(user=user),
    }


@pytest.mark.parametrize("act", ["subscribe", "pack", "portal", "change", "cancel", "reactivate"])
@pytest.mark.parametrize("fault", ["refused", "500", "silent"])
def test_while_stripe_is_away_nothing_changes(
    shop: Shop, settings: Any, act: str, fault: str
) -> None:
    if act in {"change", "cancel", "reactivate"}:
        shop.subscribe("pro")
    before = books(shop.user)
    listener = socket.create_server(("127.0.0.1", 0))
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    if fault == "500":
        for method in ("GET", "POST", "DELETE"):
            shop.stripe.break_next(method, "/v1/", times=9)
    else:
        settings.EASEL_STRIPE_API_URL = address
        settings.EASEL_STRIPE_TIMEOUT_SECONDS = 0.2
    if fault == "refused":
        listener.close()
    began = time.monotonic()

    with pytest.raises(PaymentProviderUnavailable) as caught:
        acts(shop)[act]()

    listener.close()
    assert caught.value.code == ErrorCode.PAYMENT_PROVIDER_UNAVAILABLE
    assert "127.0.0.1" not in str(caught.value.detail)
    assert "tripe" not in str(caught.value.detail)
    assert time.monotonic() - began < 10
    assert books(shop.user) == before


@pytest.mark.parametrize("act", ["subscribe", "pack", "portal", "change", "cancel", "reactivate"])
def test_without_a_key_payments_are_off_in_so_many_words(
    user: Any, settings: Any, act: str
) -> None:
    settings.STRIPE_SECRET_KEY = ""
    with pytest.raises(PaymentsOff) as caught:
        acts(Shop(None, user))[act]()  # type: ignore[arg-type]

    assert (caught.value.status, caught.value.code) == (409, ErrorCode.PAYMENTS_OFF)
    assert not BillingAccount.objects.exists()
    assert reconcile_stripe() == 0


def test_a_customer_whose_answer_was_lost_is_not_made_twice(shop: Shop) -> None:
    shop.stripe.break_next("POST", "/v1/customers", is_done=True)

    customer = customer_of(user=shop.user)

    assert [each["id"] for each in shop.stripe.world.every("customer")] == [customer]
    assert customer_of(user=shop.user) == customer


def test_an_upgrade_whose_answer_was_lost_happens_once(shop: Shop) -> None:
    shop.subscribe("starter")
    shop.stripe.break_next("POST", "/v1/subscriptions/", is_done=True)

    change_plan(user=shop.user, plan="pro", interval="month", key="once")

    shop.tell()
    assert credits_by_grant(shop.user) == [("plan", 5_000, 5_000), ("upgrade", 10_000, 10_000)]


def test_the_same_click_twice_begins_one_checkout(shop: Shop) -> None:
    urls = {
        buy_pack(user=shop.user, pack="pack-1000", origin=ORIGIN, key="one click") for _ in range(2)
    }

    assert len(urls) == 1


def test_another_purchase_with_the_same_key_is_refused(shop: Shop) -> None:
    buy_pack(user=shop.user, pack="pack-1000", origin=ORIGIN, key="one click")

    with pytest.raises(Conflict) as caught:
        buy_pack(user=shop.user, pack="pack-5000", origin=ORIGIN, key="one click")

    assert caught.value.code == ErrorCode.IDEMPOTENCY_CONFLICT


def test_prices_are_made_once_and_followed_by_new_ones(stripe: StripeStandIn) -> None:
    assert sync_prices() == []
    keys = [each["lookup_key"] for each in stripe.world.every("price")]
    assert sorted(keys) == [
        "easel-pack-1000",
        "easel-pack-15000",
        "easel-pack-5000",
        "easel-pro-month",
        "easel-starter-month",
        "easel-studio-month",
    ]


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ({"unit_amount": 100}, "unknown price"),
        ({"currency": "krw"}, "unknown price"),
        ({"metadata": {}, "lookup_key": "easel-mine"}, "unknown price"),
    ],
)
def test_money_that_is_not_right_gives_no_credits(
    shop: Shop, wrong: dict[str, Any], problem: str
) -> None:
    customer = customer_of(user=shop.user)
    params: Any = {
        "product": client().v1.products.create({"name": "Mine"}).id,
        "currency": "usd",
        "unit_amount": 500,
        "metadata": {"easel_offer": "easel-pack-1000"},
    } | wrong
    price = client().v1.prices.create(params)
    session = client().v1.checkout.sessions.create(
        {
            "mode": "payment",
            "customer": customer,
            "line_items": [{"price": price.id, "quantity": 1}],
            "success_url": f"{ORIGIN}/",
        }
    )
    assert shop.stripe.pay_checkout(session.id)

    assert Payment.objects.get().credits == 0
    assert credits_by_grant(shop.user) == []
    assert problem


def test_two_packs_at_once_are_not_what_we_sell(shop: Shop) -> None:
    customer = customer_of(user=shop.user)
    (price,) = client().v1.prices.list({"lookup_keys": ["easel-pack-1000"]}).data
    session = client().v1.checkout.sessions.create(
        {
            "mode": "payment",
            "customer": customer,
            "line_items": [{"price": price.id, "quantity": 2}],
            "success_url": f"{ORIGIN}/",
        }
    )
    assert shop.stripe.pay_checkout(session.id)

    assert credits_by_grant(shop.user) == []


def test_a_plan_that_somebody_else_pays_is_not_the_users(shop: Shop, stranger: Any) -> None:
    theirs = Shop(shop.stripe, stranger)
    theirs.subscribe("pro")
    shop.buy()

    assert [each.kind for each in shop.payments()] == ["pack"]
    assert [each.kind for each in theirs.payments()] == ["subscription"]
    assert credits_by_grant(shop.user) == [("pack", 1_000, 1_000)]
