"""Move the credits of a user for a job: hold them, charge what it took, give back the rest."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.core.errors import PaymentRequired
from apps.credits.models import RESOLUTIONS, GrantBalance, Hold, Posting, PostingKind
from apps.credits.selectors import forget_balance, usable_balances
from apps.credits.signals import balance_changed
from apps.plans.entitlements import smallest_plan_with_credits

logger = structlog.get_logger(__name__)

# So long credits can be used that came back from a hold when their grant had ended, but in all
# no longer after its end than the second; else holds could be made to keep credits for ever.
GRACE = timedelta(hours=24)
MOST_GRACE = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Resolution:
    """How a hold ended, in credits."""

    charged: int
    released: int


def lock_credits(*, user_id: uuid.UUID) -> None:
    """Let nobody else move credits of this user until the end of the transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT easel_lock_credits(%s)", [user_id])


def hold_credits(
    *, user_id: uuid.UUID, job_id: uuid.UUID, amount: int, api_key_id: uuid.UUID | None = None
) -> Hold:
    """Reserve `amount` credits for a job, of the grants that end first.

    Raises:
        PaymentRequired: fewer are available; with both numbers and the smallest plan that has so
            many.
    """
    with transaction.atomic():
        lock_credits(user_id=user_id)
        balances = usable_balances(user_id=user_id, now=timezone.now())
        available = sum(balance.available for balance in balances)
        if available < amount:
            raise _too_few(required=amount, available=available)
        hold = Hold.objects.create(
            user_id=user_id, job_id=job_id, amount=amount, api_key_id=api_key_id
        )
        Posting.objects.bulk_create(
            Posting(
                user_id=user_id,
                kind=PostingKind.HOLD,
                grant_id=balance.grant_id,
                hold=hold,
                available=-part,
                held=part,
            )
            for balance, part in _earliest_first(balances, amount)
        )
        announce_change(user_id)
    return hold


def settle_hold(*, user_id: uuid.UUID, job_id: uuid.UUID, charge: int) -> Resolution:
    """Charge a job `charge` credits, at most its hold, and give back the rest.

    What is charged comes from the grants that end first. Of a hold that is resolved already, or
    of a job without one, it says what it was charged and changes nothing.
    """
    return _resolve(user_id, job_id, kind=PostingKind.SETTLE, charge=charge)


def release_hold(*, user_id: uuid.UUID, job_id: uuid.UUID) -> Resolution:
    """Give back all that was held for a job, to the grants it came from."""
    return _resolve(user_id, job_id, kind=PostingKind.RELEASE, charge=0)


def announce_change(user_id: uuid.UUID) -> None:
    """Forget the cached balance when this transaction is committed, and tell who listens."""

    def announce() -> None:
        forget_balance(user_id=user_id)
        balance_changed.send(sender=Posting, user_id=user_id)

    transaction.on_commit(announce)


def _resolve(
    user_id: uuid.UUID, job_id: uuid.UUID, *, kind: PostingKind, charge: int
) -> Resolution:
    with transaction.atomic():
        lock_credits(user_id=user_id)
        parts = list(
            Posting.objects.filter(user=user_id, hold__job_id=job_id)
            .select_related("grant")
            .order_by("grant__valid_until", "grant_id")
        )
        done = [part for part in parts if part.kind in RESOLUTIONS]
        if done:
            logger.warning("hold_resolved_before", job_id=str(job_id), kind=kind)
            charged = sum(part.spent for part in done)
            return Resolution(charged=charged, released=-sum(p.held for p in done) - charged)
        if not parts:
            logger.warning("job_without_hold", job_id=str(job_id), kind=kind)
            return Resolution(charged=0, released=0)
        now = timezone.now()
        amount = sum(part.held for part in parts)
        charge = left = min(charge, amount)
        postings = []
        for part in parts:
            spent = min(part.held, left)
            left -= spent
            postings.append(_resolved(part, kind=kind, spent=spent, now=now))
        Posting.objects.bulk_create(postings)
        announce_change(user_id)
    return Resolution(charged=charge, released=amount - charge)


def _resolved(part: Posting, *, kind: PostingKind, spent: int, now: datetime) -> Posting:
    back = part.held - spent
    ended = part.grant.valid_until <= now
    return Posting(
        user_id=part.user_id,
        kind=kind,
        grant_id=part.grant_id,
        hold_id=part.hold_id,
        available=back,
        held=-part.held,
        spent=spent,
        usable_until=min(now + GRACE, part.grant.valid_until + MOST_GRACE)
        if back and ended
        else None,
    )


def _earliest_first(
    balances: Iterable[GrantBalance], amount: int
) -> Iterable[tuple[GrantBalance, int]]:
    for balance in balances:
        part = min(balance.available, amount)
        if part:
            yield balance, part
        amount -= part


def _too_few(*, required: int, available: int) -> PaymentRequired:
    numbers: dict[str, Any] = {"required": required, "available": available}
    plan = smallest_plan_with_credits(required)
    if plan is not None:
        numbers["smallest_plan"] = plan
    return PaymentRequired(
        _(
            "This needs %(required)d credits and you have %(available)d. "
            "Choose fewer steps, a smaller size or fewer pictures, or buy credits."
        )
        % {"required": required, "available": available},
        **numbers,
    )
