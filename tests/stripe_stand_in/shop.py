"""A shop at the stand-in: three plans, a pack, and what the tests do with them."""

from functools import cached_property
from typing import Any

import stripe

from tests.stripe_stand_in.shapes import Json
from tests.stripe_stand_in.stand_in import StripeStandIn

STARTER, PRO, PRO_YEARLY, PACK = 2500, 7500, 75000, 500


class Shop:
    def __init__(self, stand_in: StripeStandIn, client: stripe.StripeClient) -> None:
        self.stand_in = stand_in
        self.v1 = client.v1

    def _price(self, name: str, amount: int, interval: str | None = None) -> str:
        params: Any = {
            "currency": "usd",
            "lookup_key": name,
            "product_data": {"name": name.title()},
            "unit_amount": amount,
        }
        if interval:
            params["recurring"] = {"interval": interval}
        return self.v1.prices.create(params).id

    @cached_property
    def starter(self) -> str:
        return self._price("starter", STARTER, "month")

    @cached_property
    def pro(self) -> str:
        return self._price("pro", PRO, "month")

    @cached_property
    def pro_yearly(self) -> str:
        return self._price("pro_yearly", PRO_YEARLY, "year")

    @cached_property
    def pack(self) -> str:
        return self._price("pack", PACK)

    @cached_property
    def customer(self) -> str:
        return self.v1.customers.create({"email": "ada@example.com", "name": "Ada"}).id

    def checkout(self, price: str, mode: Any = "subscription", **more: Any) -> str:
        params: Any = {
            "cancel_url": "http://testserver/plans/",
            "line_items": [{"price": price, "quantity": 1}],
            "mode": mode,
            "success_url": "http://testserver/done/?session={CHECKOUT_SESSION_ID}",
        } | more
        if "customer" not in params and "customer_email" not in params:
            params["customer"] = self.customer
        return self.v1.checkout.sessions.create(params).id

    def subscribe(self, price: str | None = None, **more: Any) -> str:
        """Subscribe by Checkout and return the subscription."""
        session = self.checkout(price or self.starter, **more)
        assert self.stand_in.pay_checkout(session)
        return str(self.stand_in.get(session)["subscription"])

    def buy_pack(self, **more: Any) -> Json:
        """Buy a pack by Checkout and return the session."""
        session = self.checkout(self.pack, "payment", **more)
        assert self.stand_in.pay_checkout(session)
        return self.stand_in.get(session)

    def change(self, subscription: str, price: str, **more: Any) -> stripe.Subscription:
        item = self.stand_in.get(subscription)["items"]["data"][0]["id"]
        params: Any = {"items": [{"id": item, "price": price}]} | more
        return self.v1.subscriptions.update(subscription, params)

    def change_at_period_end(self, subscription: str, price: str) -> str:
        """Put a change under a schedule and return the schedule."""
        schedule = self.v1.subscription_schedules.create({"from_subscription": subscription})
        phase = schedule.phases[0]
        current: Any = {
            "end_date": phase.end_date,
            "items": [{"price": str(phase["items"][0].price), "quantity": 1}],
            "start_date": phase.start_date,
        }
        self.v1.subscription_schedules.update(
            schedule.id,
            {"end_behavior": "release", "phases": [current, {"items": [{"price": price}]}]},
        )
        return schedule.id

    def get(self, identifier: str) -> Json:
        return self.stand_in.get(identifier)

    def invoice_of(self, subscription: str) -> Json:
        """Return the latest invoice."""
        return self.get(self.get(subscription)["latest_invoice"])

    def told(self) -> list[str]:
        """Return the types of all events, and forget about them."""
        types = [event["type"] for event in self.stand_in.undelivered]
        for event in self.stand_in.undelivered:
            self.stand_in.lose(event)
        return types

    def period(self, subscription: str) -> tuple[int, int]:
        item = self.get(subscription)["items"]["data"][0]
        return item["current_period_start"], item["current_period_end"]

    def lines(self, subscription: str) -> list[int]:
        """Return the amounts of the latest invoice's lines."""
        return [line["amount"] for line in self.invoice_of(subscription)["lines"]["data"]]
