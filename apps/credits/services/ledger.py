"""Move the credits of a user for a job: hold them, charge what it took, give back the rest."""

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog
from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.core.errors import PaymentRequired
from apps.core.tenancy import service_scope
from apps.credits.models import RESOLUTIONS, Hold, Posting, PostingKind
from apps.credits.selectors import forget_balance
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
    *, user_id: uuid.UUID, amounts: Mapping[uuid.UUID, int], api_key_id: uuid.UUID | None = None
) -> list[Hold]:
    """Reserve credits for jobs, a hold each, of the grants that end first; all or nothing.

    Raises:
        PaymentRequired: fewer are available than all need together; with both numbers and the
            smallest plan that has so many.
    """
    holds = [
        Hold(user_id=user_id, job_id=job_id, amount=amount, api_key_id=api_key_id)
        for job_id, amount in amounts.items()
    ]
    total = sum(amounts.values())
    # Without a savepoint: nothing is caught here, and two statements more are half of the work.
    with transaction.atomic(savepoint=False), connection.cursor() as cursor:
        cursor.execute(
            "SELECT easel_hold_credits(%s, job.hold, job.id, job.amount, %s, %s)"
            " FROM unnest(%s::uuid[], %s::uuid[], %s::integer[]) AS job (hold, id, amount)",
            [
                *(user_id, api_key_id, timezone.now(), [hold.id for hold in holds]),
                *(list(amounts), list(amounts.values())),
            ],
        )
        # Each says what was available before it.
        available = [row[0] for row in cursor.fetchall()]
        if total <= available[0]:
            announce_change(user_id)
    if total > available[0]:
        raise _too_few(required=total, available=available[0])
    return holds


def release_holds(*, user_id: uuid.UUID, job_ids: Collection[uuid.UUID]) -> None:
    """Give back all that was held for many jobs, in one statement."""
    if not job_ids:
        return
    facts: list[Any] = [user_id, PostingKind.RELEASE, timezone.now(), GRACE, MOST_GRACE]
    with transaction.atomic(savepoint=False), connection.cursor() as cursor:
        cursor.execute(
            "SELECT ended.is_new FROM unnest(%s::uuid[]) AS job (id)"
            " CROSS JOIN LATERAL easel_resolve_hold(%s, job.id, %s, 0, %s, %s, %s) ended",
            [list(job_ids), *facts],
        )
        if any(is_new for (is_new,) in cursor.fetchall()):
            announce_change(user_id)


def settle_hold(*, user_id: uuid.UUID, job_id: uuid.UUID, charge: int) -> Resolution:
    """Charge a job `charge` credits, at most its hold, and give back the rest.

    What is charged comes from the grants that end first. Of a hold that is resolved already, or
    of a job without one, it says what it was charged and changes nothing.
    """
    return _resolve(user_id, job_id, kind=PostingKind.SETTLE, charge=charge)


def release_hold(*, user_id: uuid.UUID, job_id: uuid.UUID) -> Resolution:
    """Give back all that was held for a job, to the grants it came from."""
    return _resolve(user_id, job_id, kind=PostingKind.RELEASE, charge=0)


def release_open_holds(*, user_id: uuid.UUID) -> None:
    """Give back all that is held for jobs of a user, whose jobs are gone."""
    with service_scope("release the holds of a closed account"):
        lock_credits(user_id=user_id)
        open_holds = Hold.objects.filter(user=user_id).exclude(
            postings__in=Posting.objects.filter(user=user_id, kind__in=RESOLUTIONS)
        )
        for job_id in list(open_holds.values_list("job_id", flat=True)):
            release_hold(user_id=user_id, job_id=job_id)


def release_holds_of_closed_account(
    *, sender: object, user_id: uuid.UUID, **kwargs: object
) -> None:
    """Answer `account_closed`.

    After its transaction: that one has the user's row, for which whoever ends a job of the user
    waits with the lock on the credits.
    """
    del sender, kwargs
    transaction.on_commit(lambda: release_open_holds(user_id=user_id))


def announce_change(user_id: uuid.UUID) -> None:
    """Forget the cached balance when this transaction is committed, and tell who listens."""

    def announce() -> None:
        forget_balance(user_id=user_id)
        balance_changed.send(sender=Posting, user_id=user_id)

    transaction.on_commit(announce)


def _resolve(
    user_id: uuid.UUID, job_id: uuid.UUID, *, kind: PostingKind, charge: int
) -> Resolution:
    with transaction.atomic(savepoint=False), connection.cursor() as cursor:
        facts: list[Any] = [user_id, job_id, kind, charge, timezone.now(), GRACE, MOST_GRACE]
        cursor.execute(
            "SELECT charged, released, is_new FROM easel_resolve_hold(%s, %s, %s, %s, %s, %s, %s)",
            facts,
        )
        row = cursor.fetchone()
        if row is None:
            logger.warning("job_without_hold", job_id=str(job_id), kind=kind)
            return Resolution(charged=0, released=0)
        charged, released, is_new = row
        if is_new:
            announce_change(user_id)
        else:
            logger.warning("hold_resolved_before", job_id=str(job_id), kind=kind)
    return Resolution(charged=int(charged), released=int(released))


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
