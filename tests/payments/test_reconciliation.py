"""Webhooks that never came are found, and so is what else Stripe and we must agree on."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from djstripe.models import Event

from apps.accounts.services.users import close_account
from apps.core.tenancy import service_scope, tenant_scope
from apps.credits.services.ledger import release_hold
from apps.plans.models import BillingAccount, PaymentReversal, StripeMark, Subscription
from apps.plans.services import stripe_events
from apps.plans.services.reconciliation import reconcile_stripe
from tests.credits.moves import hold_for
from tests.payments.life import Shop, books, credits_by_grant


def lose_all(shop: Shop) -> None:
    for event in shop.stripe.undelivered:
        shop.stripe.lose(event)


def test_lost_webhooks_are_found(shop: Shop) -> None:
    shop.stripe.hold()
    shop.subscribe("pro")
    shop.buy("pack-1000")
    lose_all(shop)
    assert shop.payments() == []

    assert reconcile_stripe() > 0

    assert sorted(each.credits for each in shop.payments()) == [1_000, 15_000]
    assert shop.row().plan == "pro"
    assert reconcile_stripe() == 0


def test_nothing_is_done_twice_when_a_webhook_comes_after_all(shop: Shop) -> None:
    shop.stripe.hold()
    shop.subscribe("pro")
    reconcile_stripe()
    before = books(shop.user)

    shop.stripe.deliver_all()

    assert books(shop.user) == before


def test_one_event_that_cannot_be_applied_keeps_no_other_waiting(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.stripe.hold()
    shop.buy("pack-1000")
    shop.subscribe("pro")

    def fail(**_: Any) -> None:
        raise RuntimeError

    with monkeypatch.context() as patched:
        patched.setattr(stripe_events, "book_checkout", fail)
        reconcile_stripe()
    assert [each.kind for each in shop.payments()] == ["subscription"]
    assert not StripeMark.objects.exists()

    reconcile_stripe()
    assert sorted(each.kind for each in shop.payments()) == ["pack", "subscription"]


def test_while_stripe_is_away_nothing_is_lost(shop: Shop) -> None:
    shop.stripe.hold()
    shop.subscribe("pro")
    lose_all(shop)
    shop.stripe.break_next("GET", "/v1/events", times=2)

    assert reconcile_stripe() == 0
    assert not Event.objects.exists()
    assert reconcile_stripe() > 0


def test_a_renewal_that_nobody_told_of_is_seen_on_an_unpaid_plan(shop: Shop) -> None:
    subscription = shop.subscribe("pro")
    shop.stripe.fail_next_payment(shop.customer)
    shop.stripe.advance_to_renewal(subscription)
    assert shop.row().past_due_since is not None
    shop.stripe.hold()
    shop.stripe.advance(days=4)
    lose_all(shop)
    # As if Stripe kept no event of it.
    StripeMark.objects.update_or_create(
        id=1, defaults={"known_until": timezone.now() + timedelta(days=365)}
    )

    reconcile_stripe()

    assert shop.row().past_due_since is None


def test_credits_that_were_held_when_the_money_went_back_are_taken_when_they_come_again(
    shop: Shop,
) -> None:
    shop.buy("pack-1000")
    job = uuid.uuid4()
    with tenant_scope(shop.user.id):
        # The trial's credits end first.
        hold_for(user_id=shop.user.id, job_id=job, amount=900, api_key_id=None)
    (payment,) = shop.payments()
    shop.refund(payment)
    assert credits_by_grant(shop.user) == [("pack", 1_000, 0)]
    with tenant_scope(shop.user.id):
        release_hold(user_id=shop.user.id, job_id=job)
    assert credits_by_grant(shop.user) == [("pack", 1_000, 400)]

    reconcile_stripe()

    assert credits_by_grant(shop.user) == [("pack", 1_000, 0)]
    parts = PaymentReversal.objects.order_by("part").values_list("part", "credits")
    assert list(parts) == [(0, 600), (1, 400)]
    reconcile_stripe()
    assert PaymentReversal.objects.count() == 2


def test_a_deleted_account_is_charged_no_more_and_stripe_forgets_it(
    shop: Shop, django_capture_on_commit_callbacks: Any
) -> None:
    subscription, customer = shop.subscribe("pro"), shop.customer

    with django_capture_on_commit_callbacks(execute=True), service_scope("test"):
        close_account(user_id=shop.user.id)

    assert shop.stripe.get(subscription)["status"] == "canceled"
    assert shop.stripe.get(customer).get("deleted") is True
    assert BillingAccount.objects.get(user=shop.user).closed_at is not None
    Subscription.objects.filter(user=shop.user).delete()
    shop.stripe.deliver_all()
    assert not Subscription.objects.filter(user=shop.user).exists()


def test_a_deleted_account_is_told_later_when_stripe_is_away(
    shop: Shop, django_capture_on_commit_callbacks: Any
) -> None:
    subscription = shop.subscribe("pro")
    shop.stripe.break_next("GET", "/v1/checkout/sessions", times=2)
    with django_capture_on_commit_callbacks(execute=True), service_scope("test"):
        close_account(user_id=shop.user.id)
    assert shop.stripe.get(subscription)["status"] == "active"

    reconcile_stripe()

    assert shop.stripe.get(subscription)["status"] == "canceled"
