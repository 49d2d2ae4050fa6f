"""Copies of Stripe's objects in dj-stripe's tables, for staff; nothing depends on them."""

import stripe


def copy_subscription(truth: stripe.Subscription, invoices: list[stripe.Invoice]) -> None:
    del truth, invoices


def forget_customer(*, customer: str) -> None:
    del customer
