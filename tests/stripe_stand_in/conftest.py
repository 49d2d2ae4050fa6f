"""Every test here has a stand-in of its own, whose answers are checked when it is over."""

from collections.abc import Iterator

import pytest
import stripe

from tests.stripe_stand_in.conformance import complaints
from tests.stripe_stand_in.shop import Shop
from tests.stripe_stand_in.stand_in import StripeStandIn


@pytest.fixture
def stand_in() -> Iterator[StripeStandIn]:
    with StripeStandIn() as running:
        yield running
    wrong = [
        f"{seen.method} {seen.path}: {line}"
        for seen in running.requests
        for line in complaints(seen.answer)
    ]
    wrong += [line for event in running.events for line in complaints(event)]
    assert sorted(set(wrong)) == []


@pytest.fixture
def client(stand_in: StripeStandIn) -> stripe.StripeClient:
    return stripe.StripeClient(
        stand_in.secret_key, base_addresses={"api": stand_in.url}, max_network_retries=0
    )


@pytest.fixture
def shop(stand_in: StripeStandIn, client: stripe.StripeClient) -> Shop:
    return Shop(stand_in, client)
