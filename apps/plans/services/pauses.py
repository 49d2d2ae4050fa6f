"""Pause plans whose money went back, and lift the pause when that is settled."""

import uuid

from django.db.models import Q
from django.utils import timezone

from apps.core.audit import record_act
from apps.core.models import Act
from apps.plans.models import (
    DISPUTE_IS_OVER,
    PERIOD_PAYMENTS,
    PauseReason,
    Payment,
    PaymentReversal,
    ReversalKind,
    Subscription,
    SubscriptionSource,
)
from apps.plans.services.subscriptions import announce_plan_change

_PAUSABLE = (SubscriptionSource.STRIPE, SubscriptionSource.TRIAL)


def set_pauses(*, user_id: uuid.UUID) -> None:
    """Set the pause of each plan of a user to what the reversals of payments say.

    An open dispute pauses all of them, a lost one and a whole refund the period that was paid.
    What staff stopped stays so until staff lift it.
    """
    announce_plan_change(user_id=user_id)
    is_disputed = _has_open_dispute(user_id)
    rows = Subscription.objects.filter(user=user_id, source__in=_PAUSABLE)
    for row in rows.exclude(pause_reason=PauseReason.STAFF):
        pause = PauseReason.DISPUTED if is_disputed else _pause_of_period(row)
        if row.pause_reason == pause:
            continue
        row.pause_reason = pause
        row.save(update_fields=["pause_reason"])
        if pause:
            record_act(act=Act.PLAN_PAUSED, user_id=user_id, actor_id=None, target=pause)


def stop_by_staff(*, user_id: uuid.UUID, stopped: bool) -> bool:
    """Pause the running plans of a user as staff, or lift that; `False` if nothing was changed.

    A pause outlasts its plan: what was bought after that does not serve until it is lifted either.
    Other pauses stay what they are, and when staff lift theirs, payments decide again.
    """
    announce_plan_change(user_id=user_id)
    plans = Subscription.objects.filter(user=user_id)
    if stopped:
        running = plans.filter(Q(valid_until=None) | Q(valid_until__gt=timezone.now()))
        return bool(running.filter(pause_reason="").update(pause_reason=PauseReason.STAFF))
    lifted = plans.filter(pause_reason=PauseReason.STAFF).update(pause_reason="")
    if lifted:
        set_pauses(user_id=user_id)
    return bool(lifted)


def _has_open_dispute(user_id: uuid.UUID) -> bool:
    kinds: dict[str, set[str]] = {}
    for stripe_id, kind in PaymentReversal.objects.filter(user=user_id).values_list(
        "stripe_id", "kind"
    ):
        kinds.setdefault(stripe_id, set()).add(kind)
    return any(
        ReversalKind.DISPUTE in found and not found & DISPUTE_IS_OVER for found in kinds.values()
    )


def _pause_of_period(row: Subscription) -> str:
    if row.source != SubscriptionSource.STRIPE:
        return ""
    paid = (
        Payment.objects.filter(
            user=row.user_id,
            stripe_subscription_id=row.stripe_subscription_id,
            kind__in=PERIOD_PAYMENTS,
        )
        .order_by("-period_end")
        .first()
    )
    if paid is None:
        return ""
    reversals = PaymentReversal.objects.filter(user=row.user_id, payment=paid)
    if reversals.filter(kind=ReversalKind.DISPUTE_LOST).exists():
        return PauseReason.DISPUTED
    if paid.amount_cents and paid.reversed_cents >= paid.amount_cents:
        return PauseReason.REFUNDED
    return ""
