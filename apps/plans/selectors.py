"""Reads on plans."""

import uuid

from django.db.models import QuerySet

from apps.accounts.models import User
from apps.core.errors import NotFound
from apps.plans.entitlements import entitlements_of
from apps.plans.models import TesterGrant
from apps.plans.products import Plan


def plan_of(*, user: User) -> Plan:
    """Return the plan that serves `user` now; whoever is paused still sees what the trial sees."""
    return entitlements_of(user_id=user.id).plan


def list_tester_grants() -> QuerySet[TesterGrant]:
    """List every tester grant, newest first; for staff."""
    return TesterGrant.objects.select_related("user", "subscription").order_by("-created_at", "-id")


def get_tester_grant(*, grant_id: uuid.UUID) -> TesterGrant:
    """Return a tester grant.

    Raises:
        NotFound: there is none of that id.
    """
    found = list_tester_grants().filter(id=grant_id).first()
    if found is None:
        raise NotFound
    return found
