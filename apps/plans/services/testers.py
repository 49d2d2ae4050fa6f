"""Grant the tester plan, and take it back."""

import uuid
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.core.audit import record_act
from apps.core.errors import Conflict, ErrorCode, FieldMessages, Invalid, NotFound
from apps.core.models import Act
from apps.plans.models import SubscriptionSource, TesterGrant
from apps.plans.products import (
    PLANS,
    TESTER_CREDITS,
    TESTER_DAYS,
    TESTER_REASON_LENGTH,
    CreditSource,
)
from apps.plans.services.subscriptions import announce_plan_change, start_subscription
from apps.plans.signals import credits_due, credits_withdrawn

MAX_TESTER_CREDITS = 1_000_000
_GRANTS = uuid.UUID("5d0c7c5e-3b0d-4b3c-9a0e-6f1f3b1d7a52")


def grant_tester_plan(
    *,
    user: User,
    actor: User,
    days: int,
    reason: str,
    credits: int = TESTER_CREDITS,
    key: str | None = None,
) -> TesterGrant:
    """Put `user` on the tester plan for `days`, with credits that end with it.

    The same `key` of the same `actor` returns the grant it made before.

    Raises:
        Invalid: days, credits or reason are outside of what may be granted.
        Conflict: `key` was used for another grant.
    """
    reason = reason.strip()
    problems: FieldMessages = {}
    if days not in TESTER_DAYS:
        problems["days"] = [
            _("Choose from %(least)d to %(most)d days.")
            % {"least": TESTER_DAYS[0], "most": TESTER_DAYS[-1]}
        ]
    if not 0 < credits <= MAX_TESTER_CREDITS:
        problems["credits"] = [
            _("Choose from 1 to %(most)d credits.") % {"most": MAX_TESTER_CREDITS}
        ]
    if len(reason) < TESTER_REASON_LENGTH:
        problems["reason"] = [
            _("Say why in at least %(least)d characters.") % {"least": TESTER_REASON_LENGTH}
        ]
    if problems:
        raise Invalid(fields=problems)
    wanted = TesterGrant(
        # The key of the row is what makes a repeated request meet the first one.
        id=uuid.uuid4() if key is None else uuid.uuid5(_GRANTS, f"{actor.id}:{key}"),
        user=user,
        credits=credits,
        days=days,
        reason=reason,
        granted_by=actor.id,
    )
    earlier = _granted_before(wanted)
    if earlier is not None:
        return earlier
    try:
        _grant(wanted, user=user)
    except IntegrityError:
        raced = _granted_before(wanted)
        if raced is None:
            raise
        return raced
    return wanted


def _granted_before(wanted: TesterGrant) -> TesterGrant | None:
    earlier = TesterGrant.objects.filter(id=wanted.id).first()
    asked = ("user_id", "credits", "days", "reason", "granted_by")
    if earlier and any(getattr(earlier, name) != getattr(wanted, name) for name in asked):
        raise Conflict(
            _("This was sent before with other values; nothing was changed. Begin anew."),
            code=ErrorCode.IDEMPOTENCY_CONFLICT,
        )
    return earlier


def _grant(grant: TesterGrant, *, user: User) -> None:
    now = timezone.now()
    until = now + timedelta(days=grant.days)
    with transaction.atomic():
        grant.subscription = start_subscription(
            user=user, plan=PLANS["tester"], valid_until=until, source=SubscriptionSource.TESTER
        )
        grant.save(force_insert=True)
        credits_due.send(
            sender=TesterGrant,
            user_id=user.id,
            source=CreditSource.TESTER,
            amount=grant.credits,
            valid_from=now,
            valid_until=until,
            key=f"tester:{grant.id}",
            paid_cents=0,
            plan="tester",
            reason=grant.reason,
            granted_by=grant.granted_by,
        )
        record_act(
            act=Act.TESTER_GRANTED,
            user_id=user.id,
            actor_id=grant.granted_by,
            target=f"{grant.credits} credits, {grant.days} days: {grant.reason}",
        )


def revoke_tester_plan(*, grant_id: uuid.UUID, actor: User, reason: str) -> TesterGrant:
    """End a tester grant now and take back the credits that are left of it.

    Raises:
        NotFound: there is no such grant.
        Invalid: no reason was given.
        Conflict: it was revoked before.
    """
    reason = reason.strip()
    if len(reason) < TESTER_REASON_LENGTH:
        raise Invalid(
            fields={
                "reason": [
                    _("Say why in at least %(least)d characters.") % {"least": TESTER_REASON_LENGTH}
                ]
            }
        )
    now = timezone.now()
    with transaction.atomic():
        grant = TesterGrant.objects.select_for_update(of=("self",)).filter(id=grant_id).first()
        if grant is None:
            raise NotFound
        if grant.revoked_at is not None:
            raise Conflict(_("This grant was revoked before."))
        grant.revoked_at, grant.revoked_by, grant.revoke_reason = now, actor.id, reason
        grant.save(update_fields=["revoked_at", "revoked_by", "revoke_reason"])
        subscription = grant.subscription
        if subscription is not None and (subscription.valid_until or now) >= now:
            subscription.valid_until = max(now, subscription.valid_from + timedelta(microseconds=1))
            subscription.save(update_fields=["valid_until"])
            announce_plan_change(user_id=grant.user_id)
        credits_withdrawn.send(
            sender=TesterGrant,
            user_id=grant.user_id,
            key=f"tester:{grant.id}",
            reason=reason,
            actor_id=actor.id,
            at_most=None,
        )
        record_act(act=Act.TESTER_REVOKED, user_id=grant.user_id, actor_id=actor.id, target=reason)
    return grant
