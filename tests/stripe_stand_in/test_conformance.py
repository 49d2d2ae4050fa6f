"""The check of answers finds what is wrong with one."""

import copy
from typing import Any

import pytest

from tests.stripe_stand_in.conformance import complaints
from tests.stripe_stand_in.shop import Shop


def good(shop: Shop) -> Any:
    return copy.deepcopy(shop.get(shop.subscribe()))


def with_literal(subscription: Any) -> None:
    subscription["status"] = "activ"


def with_missing(subscription: Any) -> None:
    del subscription["billing_cycle_anchor"]


def with_unknown(subscription: Any) -> None:
    subscription["current_period_end"] = 1


def with_string(subscription: Any) -> None:
    subscription["created"] = "1"


def with_bool(subscription: Any) -> None:
    subscription["created"] = True


def with_null(subscription: Any) -> None:
    subscription["customer"] = None


def with_nested(subscription: Any) -> None:
    del subscription["items"]["data"][0]["price"]["currency"]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (with_literal, "subscription.status: 'activ' is none of"),
        (with_missing, "subscription.billing_cycle_anchor: missing"),
        (with_unknown, "subscription.current_period_end: unknown"),
        (with_string, "subscription.created: '1' is no <class 'int'>"),
        (with_bool, "subscription.created: True is no <class 'int'>"),
        (with_null, "subscription.customer: None is no"),
        (with_nested, "subscription.items.data[0].price.currency: missing"),
    ],
)
def test_it_finds_what_is_wrong(shop: Shop, spoil: Any, said: str) -> None:
    subscription = good(shop)
    assert complaints(subscription) == []

    spoil(subscription)

    found = complaints(subscription)
    assert len(found) == 1
    assert found[0].startswith(said)
