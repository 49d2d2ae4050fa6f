"""A user who pays at the stand-in of Stripe, whose webhooks come to our own address."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from apps.accounts.models import User
from apps.plans.services.prices import sync_prices
from tests.payments.life import Shop
from tests.stripe_stand_in import StripeStandIn

WEBHOOK = "/billing/stripe/webhook/"


def deliver(body: bytes, headers: dict[str, str]) -> None:
    response = Client(headers={"Stripe-Signature": headers["Stripe-Signature"]}).post(
        WEBHOOK, body, content_type="application/json"
    )
    assert response.status_code == 200


@pytest.fixture
def stripe(db: None, settings: Any) -> Iterator[StripeStandIn]:
    with StripeStandIn(deliver=deliver) as stand_in:
        settings.STRIPE_SECRET_KEY = stand_in.secret_key
        settings.EASEL_STRIPE_WEBHOOK_SECRET = stand_in.webhook_secret
        settings.EASEL_STRIPE_API_URL = stand_in.url
        sync_prices()
        yield stand_in


@pytest.fixture
def shop(stripe: StripeStandIn, user: User) -> Shop:
    return Shop(stripe, user)
