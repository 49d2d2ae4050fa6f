"""What happens when money goes back, by a refund or a dispute, and when it comes again."""

from datetime import timedelta
from typing import Any

import stripe
import structlog
from django.utils import timezone

from apps.core.audit import record_act
from apps.core.models import Act
from apps.core.tenancy import service_scope
from apps.plans import stripe_gateway
from apps.plans.models import BillingAccount, Payment, PaymentKind, PaymentReversal, ReversalKind
from apps.plans.offers import RENEWAL_SLACK
from apps.plans.products import CreditSource
from apps.plans.services.pauses import set_pauses
from apps.plans.signals import credits_due, credits_withdrawn

logger = structlog.get_logger(__name__)

# Credits that come back when a dispute is won can be used so long at least.
RETURNED_DAYS = 30
# No job holds credits for longer.
HELD_AT_MOST = timedelta(days=3)
_REFUND_FAILED = frozenset({"failed", "canceled"})
_DISPUTE_WON = frozenset({"won", "warning_closed", "prevented"})
_TAKING = (ReversalKind.REFUND, ReversalKind.DISPUTE)


def sync_reversals(*, account: BillingAccount, payment: Payment) -> None:
    """Book every refund and dispute of a payment as it is now."""
    intent = payment.stripe_payment_intent_id
    found: list[stripe.Refund | stripe.Dispute] = [
        *stripe_gateway.list_refunds(intent),
        *stripe_gateway.list_disputes(intent),
    ]
    for each in sorted(found, key=lambda one: (one.created, one.id)):
        if isinstance(each, stripe.Dispute):
            _book_dispute(payment, each)
        else:
            _book_refund(payment, each)
    set_pauses(user_id=account.user_id)


def withdraw_released() -> int:
    """Withdraw credits that were held when their payment was reversed and have come back since.

    Returns how many payments that concerned.
    """
    since = timezone.now() - HELD_AT_MOST
    with service_scope("find reversed payments"):
        recent = list(
            PaymentReversal.objects.filter(kind__in=_TAKING, created_at__gte=since)
            .values_list("user_id", "payment_id")
            .distinct()
        )
    return sum(_withdraw_again(user_id, payment_id) for user_id, payment_id in recent)


def _withdraw_again(user_id: Any, payment_id: Any) -> bool:
    with service_scope("withdraw credits of a reversed payment"):
        BillingAccount.objects.select_for_update().get(user=user_id)
        payment = Payment.objects.get(user=user_id, id=payment_id)
        last = (
            PaymentReversal.objects.filter(user=user_id, payment=payment, kind__in=_TAKING)
            .order_by("-created_at", "-part")
            .first()
        )
        if (
            last is None
            or _came_again(last)
            or not (taken := _withdraw(payment, last.kind, cents=payment.reversed_cents))
        ):
            return False
        parts = PaymentReversal.objects.filter(
            user=user_id, stripe_id=last.stripe_id, kind=last.kind
        ).count()
        _add(
            payment,
            last.kind,
            last.stripe_id,
            cents=last.amount_cents,
            credits_=taken,
            part=parts,
        )
    return True


def _came_again(reversal: PaymentReversal) -> bool:
    return PaymentReversal.objects.filter(
        user=reversal.user_id, stripe_id=reversal.stripe_id, kind=ReversalKind.RETURNED
    ).exists()


def _book_refund(payment: Payment, refund: stripe.Refund) -> None:
    if refund.status in _REFUND_FAILED:
        if _is_booked(payment, ReversalKind.REFUND, refund.id):
            _return(payment, ReversalKind.REFUND, refund.id, cents=refund.amount)
        return
    _take(payment, ReversalKind.REFUND, refund.id, cents=refund.amount)


def _book_dispute(payment: Payment, dispute: stripe.Dispute) -> None:
    _take(payment, ReversalKind.DISPUTE, dispute.id, cents=dispute.amount)
    if dispute.status in _DISPUTE_WON:
        _return(payment, ReversalKind.DISPUTE, dispute.id, cents=dispute.amount)
    elif dispute.status == "lost" and not _is_booked(
        payment, ReversalKind.DISPUTE_LOST, dispute.id
    ):
        _add(payment, ReversalKind.DISPUTE_LOST, dispute.id, cents=0, credits_=0)


def _take(payment: Payment, kind: ReversalKind, stripe_id: str, *, cents: int) -> None:
    if _is_booked(payment, kind, stripe_id):
        return
    taken = _withdraw(payment, kind, cents=payment.reversed_cents + cents)
    _add(payment, kind, stripe_id, cents=cents, credits_=taken)
    logger.warning("payment_reversed", key=payment.key, kind=kind, cents=cents, credits=taken)
    record_act(
        act=Act.PAYMENT_REVERSED,
        user_id=payment.user_id,
        actor_id=None,
        target=f"{cents / 100:.2f} {payment.currency} by {kind}, {taken} credits",
    )


def _return(payment: Payment, kind: ReversalKind, stripe_id: str, *, cents: int) -> None:
    """Give back what a reversal that came to nothing had taken."""
    if _is_booked(payment, ReversalKind.RETURNED, stripe_id):
        return
    taken: int = sum(
        PaymentReversal.objects.filter(
            user=payment.user_id, stripe_id=stripe_id, kind=kind
        ).values_list("credits", flat=True)
    )
    _add(payment, ReversalKind.RETURNED, stripe_id, cents=cents, credits_=taken)
    if taken:
        now = timezone.now()
        slack = timedelta() if payment.kind == PaymentKind.PACK else RENEWAL_SLACK
        credits_due.send(
            sender=PaymentReversal,
            user_id=payment.user_id,
            source=CreditSource.PACK if payment.kind == PaymentKind.PACK else CreditSource.PLAN,
            amount=taken,
            valid_from=payment.period_start,
            valid_until=max(payment.period_end + slack, now + timedelta(days=RETURNED_DAYS)),
            key=_returned_key(stripe_id),
            # The revenue is that of the first grant.
            paid_cents=0,
            plan=payment.plan,
            reason="",
            granted_by=None,
        )
    record_act(
        act=Act.PAYMENT_RECEIVED,
        user_id=payment.user_id,
        actor_id=None,
        target=f"{cents / 100:.2f} {payment.currency} came again, {taken} credits",
    )


def _share(payment: Payment, cents: int) -> int | None:
    """Return how many credits go with so many cents of a payment; `None` is all of them."""
    if cents >= payment.amount_cents:
        return None
    return payment.credits * cents // payment.amount_cents


def _withdraw(payment: Payment, kind: str, *, cents: int) -> int:
    """Withdraw what is unused of a payment's credits, up to the share that so many cents are."""
    share = _share(payment, cents)
    returned = PaymentReversal.objects.filter(
        user=payment.user_id, payment=payment, kind=ReversalKind.RETURNED
    ).values_list("stripe_id", flat=True)
    taken = 0
    for key in (payment.key, *map(_returned_key, returned)):
        for _receiver, answer in credits_withdrawn.send(
            sender=PaymentReversal,
            user_id=payment.user_id,
            key=key,
            reason=f"payment {kind}",
            actor_id=None,
            at_most=None,
            in_all=share,
        ):
            taken += int(answer or 0)
    return taken


def _returned_key(stripe_id: str) -> str:
    return f"stripe:returned:{stripe_id}"


def _is_booked(payment: Payment, kind: ReversalKind, stripe_id: str) -> bool:
    return PaymentReversal.objects.filter(
        user=payment.user_id, stripe_id=stripe_id, kind=kind
    ).exists()


def _add(
    payment: Payment, kind: str, stripe_id: str, *, cents: int, credits_: int, part: int = 0
) -> None:
    PaymentReversal.objects.create(
        user_id=payment.user_id,
        payment=payment,
        kind=kind,
        stripe_id=stripe_id,
        part=part,
        amount_cents=cents,
        credits=credits_,
    )
