"""What becomes of a customer's plan and credits in the whole life of a subscription."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from apps.core.errors import Conflict
from apps.core.models import Act, AuditRecord
from apps.plans.entitlements import entitlements_of
from apps.plans.errors import PaymentDeclined
from apps.plans.models import PauseReason, Payment, Subscription
from apps.plans.offers import RENEWAL_SLACK
from apps.plans.products import GRACE_DAYS, PLANS
from apps.plans.services.changes import preview_change
from apps.plans.services.checkout import start_checkout
from apps.plans.services.pauses import stop_by_staff
from apps.plans.services.subscriptions import start_subscription
from apps.plans.signals import payment_failed
from tests.payments.life import ORIGIN, Shop, credits_by_grant, session_of
from tests.stripe_stand_in.payment_methods import FAILING_CARD

GRACE = timedelta(days=GRACE_DAYS)


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> "At":
    return At(monkeypatch)


class At:
    """Sets our own clock."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.monkeypatch = monkeypatch

    def __call__(self, moment: datetime) -> None:
        self.monkeypatch.setattr(timezone, "now", lambda: moment)


def test_checkout_alone_gives_nothing_and_payment_gives_plan_and_credits(shop: Shop) -> None:
    url = start_checkout(user=shop.user, plan="pro", interval="month", origin=ORIGIN)
    assert entitlements_of(user_id=shop.user.id).plan.slug == "trial"
    assert credits_by_grant(shop.user) == []

    assert shop.stripe.pay_checkout(session_of(url))

    assert entitlements_of(user_id=shop.user.id).plan.slug == "pro"
    assert credits_by_grant(shop.user) == [("plan", 15_000, 15_000)]
    (payment,) = shop.payments()
    assert (payment.kind, payment.amount_cents, payment.currency, payment.credits) == (
        "subscription",
        7500,
        "usd",
        15_000,
    )
    end = shop.period_end(shop.row().stripe_subscription_id or "")
    assert (shop.row().renews_at, shop.row().valid_until) == (end, end + RENEWAL_SLACK)
    assert payment.period_end == end
    assert payment.hosted_invoice_url.startswith(shop.stripe.url)


def test_a_renewal_gives_the_next_periods_credits(shop: Shop) -> None:
    subscription = shop.subscribe("starter")
    shop.stripe.advance_to_renewal(subscription)

    assert credits_by_grant(shop.user) == [("plan", 5_000, 5_000), ("plan", 5_000, 5_000)]
    assert [each.kind for each in shop.payments()] == ["subscription", "renewal"]
    assert shop.row().renews_at == shop.period_end(subscription)
    first, second = shop.payments()
    assert second.period_start == first.period_end


def test_an_upgrade_costs_the_rest_of_the_period_and_gives_the_difference(shop: Shop) -> None:
    subscription = shop.subscribe("starter")
    shop.stripe.advance(days=10)
    expected = preview_change(user=shop.user, plan="studio", interval="month")

    assert shop.change("studio") is True

    assert credits_by_grant(shop.user) == [("plan", 5_000, 5_000), ("upgrade", 25_000, 25_000)]
    _first, payment = shop.payments()
    assert (payment.kind, payment.plan, payment.credits) == ("upgrade", "studio", 25_000)
    assert abs(payment.amount_cents - 12500 * 2 / 3) < 400
    assert expected.is_upgrade
    # Between the two, seconds of our clock and the ten days of Stripe's.
    assert expected.credits == 25_000
    assert payment.period_end == shop.period_end(subscription)
    assert entitlements_of(user_id=shop.user.id).plan.slug == "studio"


def test_an_upgrade_that_is_not_paid_does_not_happen(shop: Shop) -> None:
    shop.subscribe("starter")
    shop.stripe.fail_next_payment(shop.customer)

    with pytest.raises(PaymentDeclined):
        shop.change("pro")

    shop.tell()
    assert shop.row().plan == "starter"
    assert credits_by_grant(shop.user) == [("plan", 5_000, 5_000)]


def test_a_downgrade_begins_with_the_next_period(shop: Shop) -> None:
    subscription = shop.subscribe("pro")

    assert shop.change("starter") is False

    assert (shop.row().plan, shop.row().next_plan) == ("pro", "starter")
    shop.stripe.advance_to_renewal(subscription)
    assert (shop.row().plan, shop.row().next_plan) == ("starter", "")
    assert [(each.plan, each.amount_cents) for each in shop.payments()] == [
        ("pro", 7500),
        ("starter", 2500),
    ]


def test_a_downgrade_is_taken_back_by_going_on_and_by_an_upgrade(shop: Shop) -> None:
    subscription = shop.subscribe("pro")
    shop.change("starter")
    shop.reactivate()
    assert shop.row().next_plan == ""
    shop.change("starter")

    assert shop.change("studio") is True

    assert (shop.row().plan, shop.row().next_plan) == ("studio", "")
    shop.stripe.advance_to_renewal(subscription)
    assert shop.row().plan == "studio"


def test_a_cancelled_plan_ends_with_its_period(shop: Shop, at: At) -> None:
    subscription = shop.subscribe("pro")
    end = shop.period_end(subscription)
    shop.cancel()
    assert (shop.row().cancels_at, shop.row().valid_until) == (end, end)

    shop.stripe.advance_to(int(end.timestamp()) + 60)

    assert (shop.row().ended_at, shop.row().valid_until, shop.row().cancels_at) == (end, end, None)
    at(end + timedelta(minutes=1))
    assert entitlements_of(user_id=shop.user.id).pause == PauseReason.NO_PLAN


def test_a_cancelled_plan_goes_on_when_it_is_taken_back(shop: Shop) -> None:
    subscription = shop.subscribe("pro")
    shop.cancel()
    shop.reactivate()

    assert shop.row().cancels_at is None
    shop.stripe.advance_to_renewal(subscription)
    assert [each.kind for each in shop.payments()] == ["subscription", "renewal"]


def test_a_failed_payment_is_told_once_and_the_plan_goes_on_for_the_grace(
    shop: Shop, at: At
) -> None:
    told: list[object] = []

    def listen(*, user_id: object, retry_at: object, **_: object) -> None:
        told.append((user_id, retry_at))

    payment_failed.connect(listen)
    subscription = shop.subscribe("pro")
    end = shop.period_end(subscription)
    shop.stripe.fail_next_payment(shop.customer, times=2)
    shop.stripe.advance_to_renewal(subscription)

    assert (shop.row().past_due_since, shop.row().valid_until) == (end, end + GRACE)
    at(end + GRACE - timedelta(minutes=1))
    assert entitlements_of(user_id=shop.user.id).plan.slug == "pro"
    at(end + GRACE + timedelta(minutes=1))
    assert entitlements_of(user_id=shop.user.id).pause == PauseReason.PAYMENT_FAILED
    shop.stripe.advance(days=4)
    assert len(told) == 1
    assert credits_by_grant(shop.user) == [("plan", 15_000, 15_000)]
    assert AuditRecord.objects.filter(act=Act.PAYMENT_FAILED).count() == 1
    payment_failed.disconnect(listen)


def test_a_plan_that_is_paid_after_all_recovers(shop: Shop) -> None:
    subscription = shop.subscribe("pro")
    shop.stripe.fail_next_payment(shop.customer)
    shop.stripe.advance_to_renewal(subscription)
    assert shop.row().past_due_since is not None

    shop.stripe.advance(days=4)

    assert shop.row().past_due_since is None
    assert shop.row().valid_until == shop.period_end(subscription) + RENEWAL_SLACK
    assert [each.kind for each in shop.payments()] == ["subscription", "renewal"]


@pytest.mark.parametrize("after", ["cancel", "unpaid", "past_due"])
def test_a_plan_that_is_never_paid_pauses(shop: Shop, at: At, after: str) -> None:
    shop.stripe.settings.after_retries = after  # type: ignore[assignment]
    subscription = shop.subscribe("pro")
    end = shop.period_end(subscription)
    shop.stripe.fail_next_payment(shop.customer, times=99)
    shop.stripe.advance_to_renewal(subscription)
    shop.stripe.advance(days=20)

    assert (shop.row().past_due_since, shop.row().valid_until) == (end, end + GRACE)
    at(end + timedelta(days=20))
    has = entitlements_of(user_id=shop.user.id)
    assert (has.plan.slug, has.pause) == ("trial", PauseReason.PAYMENT_FAILED)


def test_a_pack_gives_its_credits_for_sixty_days(shop: Shop) -> None:
    shop.buy("pack-5000")

    assert credits_by_grant(shop.user) == [("pack", 5_000, 5_000)]
    (payment,) = shop.payments()
    assert (payment.kind, payment.amount_cents) == ("pack", 2500)
    assert payment.period_end - payment.period_start == timedelta(days=60)
    assert payment.number


def test_a_partial_refund_takes_its_share_and_a_whole_one_all_and_pauses(shop: Shop) -> None:
    shop.subscribe("pro")
    (payment,) = shop.payments()
    shop.refund(payment, 2500)
    assert credits_by_grant(shop.user) == [("plan", 15_000, 10_000)]
    assert entitlements_of(user_id=shop.user.id).plan.slug == "pro"

    shop.refund(payment)

    assert credits_by_grant(shop.user) == [("plan", 15_000, 0)]
    assert entitlements_of(user_id=shop.user.id).pause == PauseReason.REFUNDED


def test_whoever_got_the_money_back_can_take_a_plan_anew(shop: Shop) -> None:
    old = shop.subscribe("pro")
    shop.refund(shop.payments()[0])

    url = start_checkout(user=shop.user, plan="starter", interval="month", origin=ORIGIN)
    assert shop.stripe.pay_checkout(session_of(url))

    assert shop.stripe.get(old)["status"] == "canceled"
    assert entitlements_of(user_id=shop.user.id).plan.slug == "starter"


def test_a_paid_renewal_lifts_the_pause_of_a_refund(shop: Shop) -> None:
    subscription = shop.subscribe("pro")
    shop.refund(shop.payments()[0])
    shop.stripe.advance_to_renewal(subscription)

    assert shop.row().pause_reason == ""


def test_a_dispute_pauses_and_one_that_is_won_gives_everything_back(shop: Shop) -> None:
    shop.subscribe("pro")
    dispute = shop.dispute(shop.payments()[0])
    assert entitlements_of(user_id=shop.user.id).pause == PauseReason.DISPUTED
    assert credits_by_grant(shop.user) == [("plan", 15_000, 0)]

    shop.stripe.close_dispute(dispute, "won")

    assert entitlements_of(user_id=shop.user.id).plan.slug == "pro"
    assert credits_by_grant(shop.user) == [("plan", 15_000, 0), ("plan", 15_000, 15_000)]


def test_what_staff_stopped_stays_so_whatever_becomes_of_payments(shop: Shop) -> None:
    subscription = shop.subscribe("pro")
    Subscription.objects.filter(pk=shop.row().pk).update(pause_reason=PauseReason.STAFF)

    shop.stripe.close_dispute(shop.dispute(shop.payments()[0]), "won")
    shop.stripe.advance_to_renewal(subscription)

    assert entitlements_of(user_id=shop.user.id).pause == PauseReason.STAFF


def test_a_stopped_user_buys_nothing_and_what_was_bought_does_not_serve(shop: Shop) -> None:
    trial = Subscription.objects.get(user=shop.user)
    Subscription.objects.filter(pk=trial.pk).update(pause_reason=PauseReason.STAFF)

    for buy in (shop.subscribe, shop.buy):
        with pytest.raises(Conflict) as refused:
            buy()
        assert "nothing is sold to it" in str(refused.value.detail)
    assert not Payment.objects.filter(user=shop.user).exists()

    start_subscription(user=shop.user, plan=PLANS["pro"])
    assert entitlements_of(user_id=shop.user.id).pause == PauseReason.STAFF
    # Nor does it once the plan that was paused is over.
    Subscription.objects.filter(pk=trial.pk).update(valid_until=timezone.now())
    assert entitlements_of(user_id=shop.user.id).pause == PauseReason.STAFF

    assert stop_by_staff(user_id=shop.user.id, stopped=False)
    assert entitlements_of(user_id=shop.user.id).plan.slug == "pro"


def test_a_dispute_that_is_lost_stays_a_pause_until_the_next_paid_period(shop: Shop) -> None:
    subscription = shop.subscribe("pro")
    dispute = shop.dispute(shop.payments()[0])
    shop.stripe.close_dispute(dispute, "lost")

    assert entitlements_of(user_id=shop.user.id).pause == PauseReason.DISPUTED
    assert credits_by_grant(shop.user) == [("plan", 15_000, 0)]
    shop.stripe.advance_to_renewal(subscription)
    assert shop.row().pause_reason == ""


def test_a_disputed_pack_pauses_the_trial_too(shop: Shop) -> None:
    shop.buy("pack-1000")
    shop.dispute(shop.payments()[0])

    assert entitlements_of(user_id=shop.user.id).pause == PauseReason.DISPUTED
    assert credits_by_grant(shop.user) == [("pack", 1_000, 0)]


def test_nobody_takes_a_second_plan_even_before_stripe_has_told_of_the_first(shop: Shop) -> None:
    shop.stripe.hold()
    first = start_checkout(user=shop.user, plan="pro", interval="month", origin=ORIGIN)
    second = start_checkout(user=shop.user, plan="starter", interval="month", origin=ORIGIN)
    assert shop.stripe.get(session_of(first))["status"] == "expired"
    assert shop.stripe.pay_checkout(session_of(second))

    with pytest.raises(Conflict):
        start_checkout(user=shop.user, plan="pro", interval="month", origin=ORIGIN)


def test_a_card_that_fails_at_the_checkout_gives_nothing(shop: Shop) -> None:
    url = start_checkout(user=shop.user, plan="pro", interval="month", origin=ORIGIN)

    assert shop.stripe.pay_checkout(session_of(url), card=FAILING_CARD) is False

    assert credits_by_grant(shop.user) == []
    assert shop.payments() == []


def test_the_yearly_price_gives_the_credits_of_the_year(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    import dataclasses

    from apps.plans import offers, products
    from apps.plans.services.prices import sync_prices

    yearly = dataclasses.replace(products.PLANS["pro"], dollars_a_year=750)
    sold = tuple(yearly if each.slug == "pro" else each for each in products.PLANS_SOLD)
    monkeypatch.setattr(offers, "PLANS_SOLD", sold)
    assert sync_prices() == ["easel-pro-year"]

    shop.subscribe("pro", "year")

    (payment,) = shop.payments()
    assert (payment.amount_cents, payment.credits, payment.interval) == (75_000, 180_000, "year")
    assert shop.row().renews_at == datetime.fromtimestamp(payment.period_end.timestamp(), UTC)
