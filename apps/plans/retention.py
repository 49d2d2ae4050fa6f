"""Whose pictures go, and when: a while after the end of the last plan, and never unannounced."""

import uuid
from datetime import UTC, datetime, timedelta

from django.db.models import Exists, F, Func, OuterRef, Q, QuerySet, TextField
from django.utils import timezone

from apps.accounts.models import User
from apps.plans.models import (
    DISPUTE_IS_OVER,
    Notice,
    NoticeKind,
    NoticeState,
    PauseReason,
    PaymentReversal,
    ReversalKind,
    Subscription,
)
from apps.plans.products import RETENTION_DAYS, RETENTION_NOTICE_DAYS

RETENTION = timedelta(days=RETENTION_DAYS)
# So long before their pictures go, users are told by mail; without the mail they do not go.
NOTICE_PERIOD = timedelta(days=RETENTION_NOTICE_DAYS)


class MomentText(Func):
    """A moment as `moment_text` writes it."""

    template = "to_char(%(expressions)s AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US')"
    arity = 1
    output_field = TextField()


def moment_text(moment: datetime) -> str:
    """Write the end of a plan, which is what notices about it are known by."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")


def ended_plans(*, until: datetime) -> QuerySet[Subscription]:
    """List the last plan of each user whose plans have all ended by `until`; oldest end first.

    Not that of staff, nor of anybody with a payment in dispute; a dispute that was lost is over.
    """
    return last_plans().filter(valid_until__lte=until).order_by("valid_until")


def last_plans() -> QuerySet[Subscription]:
    """List the plan of each user that ends last, if it ends; of whom, see `ended_plans`."""
    longer = Subscription.objects.filter(user=OuterRef("user")).filter(
        Q(valid_until=None)
        | Q(valid_until__gt=OuterRef("valid_until"))
        # Of two that end together one is the last.
        | Q(valid_until=OuterRef("valid_until"), id__gt=OuterRef("id"))
    )
    theirs = PaymentReversal.objects.filter(user=OuterRef("user"))
    over = PaymentReversal.objects.filter(
        user=OuterRef("user"), stripe_id=OuterRef("stripe_id"), kind__in=DISPUTE_IS_OVER
    )
    disputed = theirs.filter(~Exists(over), kind=ReversalKind.DISPUTE)
    paused = Subscription.objects.filter(user=OuterRef("user"), pause_reason=PauseReason.DISPUTED)
    lost = theirs.filter(kind=ReversalKind.DISPUTE_LOST)
    return Subscription.objects.filter(
        ~Exists(longer),
        ~Exists(disputed),
        ~Exists(paused) | Exists(lost),
        valid_until__isnull=False,
        user__is_staff=False,
    )


def ended_plans_to_announce() -> QuerySet[Subscription]:
    """List the ended plans of users who are to be told by now that their pictures will go."""
    ended = ended_plans(until=timezone.now() - RETENTION + NOTICE_PERIOD)
    return ended.exclude(Exists(noted_ends(NoticeKind.PICTURES_WILL_GO)))


def ended_plans_past_retention() -> QuerySet[Subscription]:
    """List the ended plans of users whose pictures go now: it is time, and they were told."""
    now = timezone.now()
    told = noted_ends(NoticeKind.PICTURES_WILL_GO).filter(
        state=NoticeState.SENT, sent_at__lte=now - NOTICE_PERIOD
    )
    return ended_plans(until=now - RETENTION).filter(Exists(told))


def pictures_go_at(*, ended_at: datetime) -> datetime:
    """Return when the pictures go of a user who is told of it now."""
    return max(ended_at + RETENTION, timezone.now() + NOTICE_PERIOD)


def lock_end_of_plan(*, user_id: uuid.UUID) -> bool:
    """Say whether the pictures of a user go now, and keep it so until the transaction ends.

    Whoever puts the user on a plan meanwhile waits: a new subscription refers to the user's row,
    a longer one is a change of a row locked here. It waits for nobody itself, so it is in no
    deadlock: where something is being changed right now, the answer is no.
    """
    subscriptions = Subscription.objects.filter(user=user_id)
    free = subscriptions.select_for_update(skip_locked=True, of=("self",)).values_list("id")
    user = User.objects.filter(id=user_id).select_for_update(skip_locked=True).values_list("id")
    if len(free) != subscriptions.count() or not len(user):
        return False
    return ended_plans_past_retention().filter(user=user_id).exists()


def noted_ends(kind: NoticeKind) -> QuerySet[Notice]:
    """List, within a query of plans, the notices of a kind about the end of the same plan."""
    return Notice.objects.annotate(end=MomentText(OuterRef("valid_until"))).filter(
        user=OuterRef("user"), kind=kind, key=F("end")
    )
