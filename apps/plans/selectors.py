"""Reads on plans."""

from django.db.models import Q
from django.utils import timezone

from apps.accounts.models import User
from apps.plans.models import Subscription
from apps.plans.products import PLANS, TRIAL, Plan


def plan_of(*, user: User) -> Plan:
    """Return the plan `user` is on now: the one that began last, else the trial."""
    now = timezone.now()
    slug = (
        Subscription.objects.filter(user=user, valid_from__lte=now)
        .filter(Q(valid_until__isnull=True) | Q(valid_until__gt=now))
        .order_by("-valid_from")
        .values_list("plan", flat=True)
        .first()
    )
    return PLANS[slug] if slug else TRIAL
