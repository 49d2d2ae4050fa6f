"""Change a plan that is paid by card: at once for more, at the end of the period for less.

Stripe is asked; what it then tells is what changes our own rows.
"""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime

import stripe
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.core.audit import record_act
from apps.core.errors import Conflict, Invalid
from apps.core.models import Act
from apps.plans import stripe_gateway
from apps.plans.models import Subscription
from apps.plans.offers import Offer, is_upgrade, plan_offer
from apps.plans.selectors import running_subscription
from apps.plans.services.checkout import price_of
from apps.plans.stripe_objects import id_of, offer_of


@dataclass(frozen=True, slots=True)
class Change:
    """What a change does: an upgrade costs `cents` at once, a downgrade begins at `begins_at`."""

    offer: Offer
    is_upgrade: bool
    cents: int
    credits: int
    begins_at: datetime


@dataclass(frozen=True, slots=True)
class _Running:
    row: Subscription
    truth: stripe.Subscription
    offer: Offer

    @property
    def item(self) -> stripe.SubscriptionItem:
        item: stripe.SubscriptionItem = self.truth["items"].data[0]
        return item


def preview_change(*, user: User, plan: str, interval: str) -> Change:
    """Return what a change would do and cost; nothing is changed.

    Raises:
        Invalid, Conflict: as `change_plan`.
    """
    running, offer = _running_and_offer(user, plan, interval)
    if not is_upgrade(running.offer, offer):
        end = datetime.fromtimestamp(running.item.current_period_end, UTC)
        return Change(offer=offer, is_upgrade=False, cents=0, credits=0, begins_at=end)
    now = timezone.now()
    # Stripe's clock is the one that counts; ours may be a little ahead.
    moment = min(int(now.timestamp()), running.item.current_period_end - 1)
    invoice = stripe_gateway.preview_change(
        subscription=running.truth.id,
        item=running.item.id,
        price=price_of(offer),
        moment=max(moment, running.item.current_period_start),
    )
    return Change(
        offer=offer,
        is_upgrade=True,
        cents=max(0, invoice.amount_due),
        credits=max(0, offer.credits - running.offer.credits),
        begins_at=now,
    )


def change_plan(*, user: User, plan: str, interval: str, key: str | None = None) -> bool:
    """Upgrade at once and return True, or let a smaller plan begin with the next period.

    An upgrade is billed for the rest of the period, and does not happen if that is not paid. The
    same `key` upgrades once.

    Raises:
        Invalid: the plan is not sold so.
        Conflict: there is nothing to change, or it is so already.
        PaymentDeclined: the card did not pay.
        PaymentsOff, PaymentProviderUnavailable: Stripe is not there.
    """
    running, offer = _running_and_offer(user, plan, interval)
    _refuse_unpaid(running.truth)
    upgrades = is_upgrade(running.offer, offer)
    if upgrades:
        _let_go_on(running.truth)
        stripe_gateway.upgrade(
            subscription=running.truth.id,
            item=running.item.id,
            price=price_of(offer),
            key=f"easel-upgrade-{running.truth.id}-{offer.lookup_key}-{key or uuid.uuid4()}",
        )
    else:
        if running.truth.cancel_at_period_end:
            stripe_gateway.set_cancel_at_period_end(running.truth.id, cancels=False)
        stripe_gateway.schedule_change(
            subscription=running.truth,
            price=running.item.price.id,
            next_price=price_of(offer),
            start=running.item.current_period_start,
            end=running.item.current_period_end,
        )
    _record(user, f"asked for {offer.lookup_key}")
    return upgrades


def cancel_at_period_end(*, user: User) -> None:
    """Let the plan end with the period that is paid.

    Raises:
        Conflict: there is nothing to cancel.
        PaymentsOff, PaymentProviderUnavailable: Stripe is not there.
    """
    running = _running(user)
    if running.truth.cancel_at_period_end:
        return
    _release(running.truth)
    stripe_gateway.set_cancel_at_period_end(running.truth.id, cancels=True)
    _record(user, "asked to cancel")


def reactivate(*, user: User) -> None:
    """Let a plan that was to end, or to become smaller, go on as it is.

    Raises:
        Conflict: there is none.
        PaymentsOff, PaymentProviderUnavailable: Stripe is not there.
    """
    running = _running(user)
    _let_go_on(running.truth)
    _record(user, "asked to go on")


def _running_and_offer(user: User, plan: str, interval: str) -> tuple[_Running, Offer]:
    stripe_gateway.require_payments()
    offer = plan_offer(plan, interval)
    if offer is None:
        raise Invalid(fields={"plan": [_("This plan is not sold here; write to us.")]})
    running = _running(user)
    if offer.lookup_key == running.offer.lookup_key:
        raise Conflict(_("You are on this plan already."))
    return running, offer


def _running(user: User) -> _Running:
    stripe_gateway.require_payments()
    row = running_subscription(user_id=user.id)
    truth = None
    if row is not None and row.stripe_subscription_id:
        truth = stripe_gateway.fetch_subscription(row.stripe_subscription_id)
    if row is None or truth is None or truth.status in stripe_gateway.OVER:
        raise Conflict(_("You have no plan that is paid by card."))
    price = truth["items"].data[0].price
    offer = offer_of(price)
    if offer is None:
        raise Conflict(_("Your plan was made by hand; write to us to change it."))
    return _Running(row=row, truth=truth, offer=offer)


def _refuse_unpaid(truth: stripe.Subscription) -> None:
    if truth.status != "active":
        raise Conflict(_("Your last payment failed. Change your card first, then the plan."))


def _let_go_on(truth: stripe.Subscription) -> None:
    _release(truth)
    if truth.cancel_at_period_end:
        stripe_gateway.set_cancel_at_period_end(truth.id, cancels=False)


def _release(truth: stripe.Subscription) -> None:
    if truth.schedule:
        stripe_gateway.release_schedule(id_of(truth.schedule))


def _record(user: User, what: str) -> None:
    record_act(act=Act.PLAN_CHANGED, user_id=user.id, actor_id=user.id, target=what)
