"""What a customer is told by mail of a plan and its payments, and what pages know of it."""

from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone

from apps.images.models import Image
from apps.images.services.retention import (
    delete_pictures_past_retention,
    note_pictures_that_will_go,
)
from apps.plans.models import Notice, NoticeState, Subscription
from apps.plans.retention import NOTICE_PERIOD
from apps.plans.selectors import known_entitlements
from apps.plans.services.notices import note_plan_ends, send_notices
from tests.factories import make_image
from tests.payments.life import Shop

pytestmark = pytest.mark.django_db


def told() -> list[str]:
    """Look twice, as two schedulers would, and return the subjects of all mails."""
    for _round in range(2):
        note_plan_ends()
        send_notices()
    return [str(letter.subject) for letter in mail.outbox]


def test_a_failed_payment_is_one_mail_however_often_it_fails(shop: Shop) -> None:
    subscription = shop.subscribe("pro")
    shop.stripe.fail_next_payment(shop.customer, times=2)
    shop.stripe.advance_to_renewal(subscription)
    shop.stripe.advance(days=4)

    notice = Notice.objects.get()
    assert notice.kind == "payment_failed"
    assert notice.facts["retry_at"] is not None
    assert told() == ["Your payment for Easel failed"]


def test_a_dispute_is_one_mail_though_it_pauses_the_trial_too(shop: Shop) -> None:
    shop.subscribe("pro")
    assert told() == []
    dispute = shop.dispute(shop.payments()[0])
    assert Subscription.objects.filter(pause_reason="disputed").count() == 2

    assert told() == ["Your Easel account is paused"]
    shop.stripe.close_dispute(dispute, "lost")
    assert told() == ["Your Easel account is paused"]


def test_a_refund_that_pauses_is_one_mail(shop: Shop) -> None:
    shop.subscribe("pro")
    shop.refund(shop.payments()[0], 100)
    assert told() == []
    Subscription.objects.filter(plan="trial").delete()
    shop.refund(shop.payments()[0])

    assert told() == ["Your Easel account is paused"]


@pytest.mark.parametrize(
    ("outcome", "deleted"), [(None, 0), ("lost", 1), ("won", 1)], ids=["open", "lost", "won"]
)
def test_pictures_stay_while_a_dispute_is_open(
    outcome: str | None, deleted: int, shop: Shop
) -> None:
    shop.subscribe("pro")
    dispute = shop.dispute(shop.payments()[0])
    if outcome is not None:
        shop.stripe.close_dispute(dispute, outcome)  # type: ignore[arg-type]
    make_image(shop.user)
    now = timezone.now()
    Subscription.objects.update(
        valid_from=now - timedelta(days=90), valid_until=now - timedelta(days=60)
    )

    assert note_pictures_that_will_go() == deleted
    assert send_notices() == deleted
    Notice.objects.filter(state=NoticeState.SENT).update(sent_at=now - NOTICE_PERIOD)

    assert delete_pictures_past_retention() == deleted
    assert Image.objects.count() == 1 - deleted


@pytest.mark.django_db(transaction=True)
def test_pages_know_a_plan_as_soon_as_it_is_paid_or_paused(shop: Shop) -> None:
    assert known_entitlements(user_id=shop.user.id).plan.slug == "trial"
    shop.subscribe("pro")
    assert known_entitlements(user_id=shop.user.id).plan.slug == "pro"
    shop.change("studio")
    assert known_entitlements(user_id=shop.user.id).plan.slug == "studio"
    shop.dispute(shop.payments()[0])
    assert known_entitlements(user_id=shop.user.id).pause == "disputed"
