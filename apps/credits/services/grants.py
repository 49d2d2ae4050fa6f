"""Give credits and take them back; only work that may cross tenants can."""

import uuid
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import connection, transaction
from django.db.models import Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.core.audit import record_act
from apps.core.errors import FieldMessages, Invalid, NotFound
from apps.core.models import Act
from apps.core.tenancy import service_scope, tenant_scope
from apps.credits.models import Grant, GrantBalance, Hold, Posting, PostingKind
from apps.credits.services.ledger import announce_change, lock_credits
from apps.plans.products import TRIAL, CreditSource

logger = structlog.get_logger(__name__)

EXPIRIES_A_SWEEP = 500
REASON_LENGTH = 10
# Credits given back or given away can be used so long.
GIFT_DAYS = 60


def add_grant(
    *,
    user_id: uuid.UUID,
    source: CreditSource,
    amount: int,
    valid_from: datetime,
    valid_until: datetime,
    key: str,
    paid_cents: int = 0,
    plan: str = "",
    reason: str = "",
    granted_by: uuid.UUID | None = None,
) -> Grant:
    """Give a user credits, once for each `key`: told again, it returns the grant of before."""
    with transaction.atomic():
        # Whoever is told of the same fact at the same moment waits here.
        lock_credits(user_id=user_id)
        earlier = Grant.objects.filter(user=user_id, idempotency_key=key).first()
        if earlier is not None:
            return earlier
        grant = Grant.objects.create(
            user_id=user_id,
            source=source,
            total=amount,
            valid_from=valid_from,
            valid_until=valid_until,
            idempotency_key=key,
            plan=plan,
            paid_cents=paid_cents,
            reason=reason,
            granted_by=granted_by,
        )
        Posting.objects.create(
            user_id=user_id, kind=PostingKind.GRANT, grant=grant, available=amount, reason=reason
        )
        announce_change(user_id)
    logger.info("credits_granted", user_id=str(user_id), source=source, amount=amount)
    return grant


def grant_trial_credits(*, user_id: uuid.UUID) -> None:
    """Give a user who is on trial its credits, once.

    By a function of PostgreSQL: who serves users may give these and no others.
    """
    with tenant_scope(user_id):
        with connection.cursor() as cursor:
            cursor.execute("SELECT easel_grant_trial_credits(%s)", [TRIAL.credits_a_month])
        announce_change(user_id)


def withdraw_grant(
    *,
    user_id: uuid.UUID,
    key: str,
    reason: str,
    actor_id: uuid.UUID | None = None,
    at_most: int | None = None,
    in_all: int | None = None,
) -> int:
    """Take back what is unused of a grant; return how many credits that was.

    Held ones are not unused: what comes back of them is taken by calling this again. `in_all` is
    the most that is taken by all calls together.
    """
    with transaction.atomic():
        lock_credits(user_id=user_id)
        balance = GrantBalance.objects.filter(user=user_id, grant__idempotency_key=key).first()
        unused = 0 if balance is None else balance.available
        taken = unused if at_most is None else min(unused, at_most)
        if in_all is not None:
            taken = min(taken, max(0, in_all - _revoked(user_id, key)))
        if balance is None or not taken:
            return 0
        _close(balance, taken, PostingKind.REVOKE, reason=reason, actor_id=actor_id)
    return taken


def give_credits(*, user: User, actor: User, amount: int, reason: str, key: str) -> Grant:
    """Give a user credits as an administrator, with a reason, once for each `key`.

    Raises:
        Invalid: the amount or the reason will not do.
    """
    _check_reason(reason, amount=amount)
    now = timezone.now()
    with transaction.atomic():
        grant = add_grant(
            user_id=user.id,
            source=CreditSource.GIFT,
            amount=amount,
            valid_from=now,
            valid_until=now + timedelta(days=GIFT_DAYS),
            key=f"gift:{key}",
            reason=reason.strip(),
            granted_by=actor.id,
        )
        record_act(
            act=Act.CREDITS_GIVEN,
            user_id=user.id,
            actor_id=actor.id,
            target=f"{amount}: {reason.strip()}",
        )
    return grant


def refund_job(
    *, user_id: uuid.UUID, job_id: uuid.UUID, amount: int, reason: str, actor: User
) -> Grant:
    """Give back some of what a job was charged, as new credits, by entries against the old ones.

    Raises:
        NotFound: nothing was held for this job.
        Invalid: it was charged less than `amount`, refunds of before taken off; or no reason.
    """
    _check_reason(reason, amount=amount)
    now = timezone.now()
    with transaction.atomic():
        lock_credits(user_id=user_id)
        hold = Hold.objects.filter(user=user_id, job_id=job_id).first()
        if hold is None:
            raise NotFound
        postings = list(Posting.objects.filter(user=user_id, hold=hold).order_by("grant_id"))
        spent: dict[uuid.UUID, int] = {}
        for posting in postings:
            spent[posting.grant_id] = spent.get(posting.grant_id, 0) + posting.spent
        if sum(spent.values()) < amount:
            raise Invalid(
                fields={
                    "amount": [
                        _("At most %(most)d credits of this job can be given back.")
                        % {"most": sum(spent.values())}
                    ]
                }
            )
        refunds = [posting for posting in postings if posting.kind == PostingKind.REFUND]
        left = amount
        for grant_id, charged in spent.items():
            part = min(charged, left)
            left -= part
            if part:
                Posting.objects.create(
                    user_id=user_id,
                    kind=PostingKind.REFUND,
                    grant_id=grant_id,
                    hold=hold,
                    spent=-part,
                    closed=part,
                    reason=reason.strip(),
                    actor_id=actor.id,
                )
        grant = add_grant(
            user_id=user_id,
            source=CreditSource.REFUND,
            amount=amount,
            valid_from=now,
            valid_until=now + timedelta(days=GIFT_DAYS),
            key=f"refund:{job_id}:{len(refunds)}",
            reason=reason.strip(),
            granted_by=actor.id,
        )
        record_act(
            act=Act.CREDITS_REFUNDED,
            user_id=user_id,
            actor_id=actor.id,
            target=f"{amount} of job {job_id}: {reason.strip()}",
        )
    return grant


def expire_grants() -> int:
    """Close what is left of grants that have ended; return how many there were."""
    now = timezone.now()
    with service_scope("expire credits"):
        ended = list(
            GrantBalance.objects.filter(available__gt=0, usable_until__lte=now)
            .order_by("usable_until")
            .values_list("user_id", "grant_id")[:EXPIRIES_A_SWEEP]
        )
    for user_id, grant_id in ended:
        with service_scope("expire credits"):
            lock_credits(user_id=user_id)
            balance = GrantBalance.objects.filter(
                user=user_id, grant=grant_id, available__gt=0, usable_until__lte=now
            ).first()
            if balance is not None:
                _close(balance, balance.available, PostingKind.EXPIRE)
    return len(ended)


def grant_due_credits(*, sender: object, **facts: Any) -> None:
    """Answer `credits_due`."""
    del sender
    facts.pop("signal", None)
    add_grant(**facts)


def withdraw_credits(*, sender: object, **facts: Any) -> int:
    """Answer `credits_withdrawn` with the number of credits that were taken."""
    del sender
    facts.pop("signal", None)
    return withdraw_grant(**facts)


def grant_credits_of_trial(*, sender: object, user_id: uuid.UUID, **kwargs: Any) -> None:
    """Answer `trial_started`."""
    del sender, kwargs
    grant_trial_credits(user_id=user_id)


def _revoked(user_id: uuid.UUID, key: str) -> int:
    taken = Posting.objects.filter(
        user=user_id, grant__idempotency_key=key, kind=PostingKind.REVOKE
    ).aggregate(taken=Sum("closed"))["taken"]
    return taken or 0


def _close(
    balance: GrantBalance,
    amount: int,
    kind: PostingKind,
    *,
    reason: str = "",
    actor_id: uuid.UUID | None = None,
) -> None:
    Posting.objects.create(
        user_id=balance.user_id,
        kind=kind,
        grant_id=balance.grant_id,
        available=-amount,
        closed=amount,
        reason=reason,
        actor_id=actor_id,
    )
    announce_change(balance.user_id)


def _check_reason(reason: str, *, amount: int) -> None:
    problems: FieldMessages = {}
    if len(reason.strip()) < REASON_LENGTH:
        problems["reason"] = [
            _("Say why in at least %(least)d characters.") % {"least": REASON_LENGTH}
        ]
    if amount < 1:
        problems["amount"] = [_("Choose at least one credit.")]
    if problems:
        raise Invalid(fields=problems)
