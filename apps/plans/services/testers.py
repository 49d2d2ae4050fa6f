"""Grant the tester plan, and take it back."""

import uuid
from datetime import timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.core.audit import record_act
from apps.core.errors import Conflict, FieldMessages, Invalid
from apps.core.models import Act
from apps.plans.models import SubscriptionSource, TesterGrant
from apps.plans.products import (
    PLANS,
    TESTER_CREDITS,
    TESTER_DAYS,
    TESTER_REASON_LENGTH,
    CreditSource,
)
from apps.plans.services.subscriptions import start_subscription
from apps.plans.signals import credits_due, credits_withdrawn

MAX_TESTER_CREDITS = 1_000_000


def grant_tester_plan(
    *,
    user: User,
    actor: User,
    days: int,
    reason: str,
    credits: int = TESTER_CREDITS,
) -> TesterGrant:
    """Put `user` on the tester plan for `days`, with credits that end with it.

    Raises:
        Invalid: days, credits or reason are outside of what may be granted.
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
    now = timezone.now()
    until = now + timedelta(days=days)
    with transaction.atomic():
        subscription = start_subscription(
            user=user, plan=PLANS["tester"], valid_until=until, source=SubscriptionSource.TESTER
        )
        grant = TesterGrant.objects.create(
            user=user,
            subscription=subscription,
            credits=credits,
            days=days,
            reason=reason,
            granted_by=actor.id,
        )
        credits_due.send(
            sender=TesterGrant,
            user_id=user.id,
            source=CreditSource.TESTER,
            amount=credits,
            valid_from=now,
            valid_until=until,
            key=f"tester:{grant.id}",
            paid_cents=0,
            plan="tester",
            reason=reason,
            granted_by=actor.id,
        )
        record_act(
            act=Act.TESTER_GRANTED,
            user_id=user.id,
            actor_id=actor.id,
            target=f"{credits} credits, {days} days: {reason}",
        )
    return grant


def revoke_tester_plan(*, grant_id: uuid.UUID, actor: User, reason: str) -> TesterGrant:
    """End a tester grant now and take back the credits that are left of it.

    Raises:
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
        grant = TesterGrant.objects.select_for_update(of=("self",)).get(id=grant_id)
        if grant.revoked_at is not None:
            raise Conflict(_("This grant was revoked before."))
        grant.revoked_at, grant.revoked_by, grant.revoke_reason = now, actor.id, reason
        grant.save(update_fields=["revoked_at", "revoked_by", "revoke_reason"])
        subscription = grant.subscription
        if subscription is not None and (subscription.valid_until or now) >= now:
            subscription.valid_until = max(now, subscription.valid_from + timedelta(microseconds=1))
            subscription.save(update_fields=["valid_until"])
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
