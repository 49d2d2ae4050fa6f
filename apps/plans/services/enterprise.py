"""Give enterprise customers, whose plans are set by hand, their credits of the month."""

import calendar
import uuid
from datetime import datetime

from django.db.models import Q
from django.utils import timezone

from apps.core.tenancy import service_scope
from apps.plans.models import Subscription, SubscriptionSource
from apps.plans.products import CreditSource
from apps.plans.signals import credits_due


def grant_enterprise_credits(*, subscription_id: uuid.UUID | None = None) -> int:
    """Give each customer, or one, the credits of the running month; return to how many.

    A month begins on the day of the subscription's first, or on the last of a shorter month.
    Once for each of them, so it may run as often as it likes; a month that is over when it runs
    is not made up for, since its credits would have ended with it.
    """
    now = timezone.now()
    due = Subscription.objects.filter(
        Q(valid_until=None) | Q(valid_until__gt=now),
        plan="enterprise",
        source=SubscriptionSource.MANUAL,
        custom_credits_a_month__gt=0,
        pause_reason="",
        valid_from__lte=now,
    )
    if subscription_id is not None:
        due = due.filter(id=subscription_id)
    with service_scope("credits of enterprise customers"):
        found = list(due.order_by("id"))
    for subscription in found:
        with service_scope("credits of an enterprise customer"):
            _grant_month(subscription, now)
    return len(found)


def _grant_month(subscription: Subscription, now: datetime) -> None:
    begins, ends = month_around(now, first=subscription.valid_from)
    if subscription.valid_until is not None:
        ends = min(ends, subscription.valid_until)
    dollars = subscription.custom_dollars_a_month or 0
    credits_due.send(
        sender=Subscription,
        user_id=subscription.user_id,
        source=CreditSource.PLAN,
        amount=subscription.custom_credits_a_month,
        valid_from=begins,
        valid_until=ends,
        key=f"manual:{subscription.id}:{begins:%Y-%m}",
        # Billed outside of Easel, and income all the same.
        paid_cents=100 * dollars,
        plan=subscription.plan,
        reason="",
        granted_by=None,
    )


def month_around(now: datetime, *, first: datetime) -> tuple[datetime, datetime]:
    """Return begin and end of the month that holds `now`, of months that begin as `first` did."""
    past = (now.year - first.year) * 12 + now.month - first.month
    if _months_after(first, past) > now:
        past -= 1
    return _months_after(first, past), _months_after(first, past + 1)


def _months_after(first: datetime, months: int) -> datetime:
    year, month = divmod(first.year * 12 + first.month - 1 + months, 12)
    last_day = calendar.monthrange(year, month + 1)[1]
    return first.replace(year=year, month=month + 1, day=min(first.day, last_day))
