"""Bring our row of a subscription, and what was paid for it, to what Stripe has now.

Whatever event was the reason, and in whatever order they come: the object itself is asked for.
"""

from datetime import datetime, timedelta
from typing import Any

import stripe
import structlog
from django.db.models import Max

from apps.core.audit import record_act
from apps.core.models import Act
from apps.plans import stripe_gateway
from apps.plans.models import (
    PERIOD_PAYMENTS,
    BillingAccount,
    Payment,
    Subscription,
    SubscriptionSource,
)
from apps.plans.offers import RENEWAL_SLACK
from apps.plans.products import GRACE_DAYS
from apps.plans.services.mirror import copy_subscription
from apps.plans.services.pauses import set_pauses
from apps.plans.services.payments import book_invoice
from apps.plans.signals import payment_failed
from apps.plans.stripe_objects import id_of, moment_of, offer_of

logger = structlog.get_logger(__name__)

GRACE = timedelta(days=GRACE_DAYS)
_MOMENT = timedelta(microseconds=1)
_OWING = frozenset({"past_due", "unpaid", "incomplete", "incomplete_expired"})
# Nothing was ever paid.
_NEVER_BEGAN = frozenset({"incomplete", "incomplete_expired"})


def sync_subscription(*, account: BillingAccount, subscription_id: str) -> None:
    """Book every paid invoice of a subscription, the oldest first, and bring our row up to date.

    The account's row is locked by the caller, so what is read from Stripe here is not older than
    what another event has written.
    """
    truth = stripe_gateway.fetch_subscription(subscription_id)
    if truth is None or id_of(truth.customer) != account.stripe_customer_id:
        logger.warning("subscription_not_found", subscription=subscription_id)
        return
    invoices = stripe_gateway.list_invoices(subscription_id)
    for invoice in invoices:
        book_invoice(account=account, invoice=invoice)
    if account.closing_at is None:
        _write_row(account, truth, invoices)
        copy_subscription(truth, invoices)


def _write_row(
    account: BillingAccount, truth: stripe.Subscription, invoices: list[stripe.Invoice]
) -> None:
    row = Subscription.objects.filter(user=account.user_id, stripe_subscription_id=truth.id).first()
    if row is None and truth.status in _NEVER_BEGAN:
        return
    offer = offer_of(truth["items"].data[0].price)
    if offer is None or offer.interval is None:
        logger.error("subscription_of_unknown_price", subscription=truth.id)
        return
    before = (row.plan, row.past_due_since) if row is not None else ("", None)
    row = row or Subscription(user_id=account.user_id, stripe_subscription_id=truth.id)
    row.plan, row.interval = offer.plan, offer.interval
    row.source = SubscriptionSource.STRIPE
    row.next_plan = _next_plan(truth)
    for name, value in _times(account, truth).items():
        setattr(row, name, value)
    row.save()
    _record(row, before)
    if row.past_due_since and not before[1] and row.ended_at is None:
        _tell_failure(row, invoices)
    set_pauses(user_id=account.user_id)


def _times(account: BillingAccount, truth: stripe.Subscription) -> dict[str, datetime | None]:
    """Return from when until when the plan holds.

    An unpaid period counts as far as the grace goes, from where it began.
    """
    item = truth["items"].data[0]
    start, renews = moment_of(truth.start_date), moment_of(item.current_period_end)
    ended = moment_of(truth.ended_at) if truth.ended_at else None
    unpaid_from = _unpaid_from(account, truth)
    cancels = moment_of(truth.cancel_at) if truth.cancel_at and ended is None else None
    until = (renews if cancels is None else min(cancels, renews)) + (
        RENEWAL_SLACK if cancels is None else timedelta()
    )
    if unpaid_from is not None:
        until = unpaid_from + GRACE
    if ended is not None:
        until = min(until, ended)
    return {
        "valid_from": start,
        "valid_until": max(until, start + _MOMENT),
        "renews_at": renews,
        "cancels_at": cancels,
        "ended_at": ended,
        "past_due_since": unpaid_from,
    }


def _unpaid_from(account: BillingAccount, truth: stripe.Subscription) -> datetime | None:
    reason = truth.cancellation_details.reason if truth.cancellation_details else None
    gave_up = truth.status == "canceled" and reason == "payment_failed"
    if truth.status not in _OWING and not gave_up:
        return None
    began = moment_of(truth["items"].data[0].current_period_start)
    paid_until = Payment.objects.filter(
        user=account.user_id, stripe_subscription_id=truth.id, kind__in=PERIOD_PAYMENTS
    ).aggregate(end=Max("period_end"))["end"]
    return began if paid_until is None else min(began, paid_until)


def _next_plan(truth: stripe.Subscription) -> str:
    """Return the plan that the schedule puts in place after the present phase, if it is another."""
    schedule: Any = truth.schedule
    if not schedule or isinstance(schedule, str) or schedule.current_phase is None:
        return ""
    for phase in schedule.phases:
        if phase.start_date >= schedule.current_phase.end_date:
            offer = offer_of(stripe_gateway.fetch_price(id_of(phase["items"][0].price)))
            return offer.plan if offer is not None else ""
    return ""


def _record(row: Subscription, before: tuple[str, datetime | None]) -> None:
    if row.plan != before[0]:
        record_act(
            act=Act.PLAN_CHANGED,
            user_id=row.user_id,
            actor_id=None,
            target=f"{before[0] or 'none'} → {row.plan}",
        )


def _tell_failure(row: Subscription, invoices: list[stripe.Invoice]) -> None:
    owed = [invoice for invoice in invoices if invoice.status == "open"]
    attempt = owed[-1].next_payment_attempt if owed else None
    record_act(
        act=Act.PAYMENT_FAILED, user_id=row.user_id, actor_id=None, target=f"renewal of {row.plan}"
    )
    payment_failed.send(
        sender=Subscription,
        user_id=row.user_id,
        retry_at=moment_of(attempt) if attempt else None,
    )
