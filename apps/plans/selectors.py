"""Reads on plans."""

import uuid

from django.core.cache import cache
from django.db.models import QuerySet
from django.utils import timezone

from apps.accounts.models import User
from apps.core.errors import NotFound
from apps.plans.entitlements import Entitlements, entitlements_of
from apps.plans.models import TesterGrant
from apps.plans.products import Plan

PLAN_SECONDS = 10 * 60
# So long after a change nothing is kept: whoever read before it may want to keep what was.
_CHANGED = "changed"
_CHANGED_SECONDS = 10


def plan_of(*, user: User) -> Plan:
    """Return the plan that serves `user` now; whoever is paused still sees what the trial sees."""
    return entitlements_of(user_id=user.id).plan


def known_entitlements(*, user_id: uuid.UUID) -> Entitlements:
    """Return what a user has, for pages and for reading; asked for again when the plan ends.

    It is forgotten when a change is committed. What is generated is decided by
    `entitlements_of`, which asks the database.
    """
    key = _plan_key(user_id)
    known = cache.get(key)
    if isinstance(known, Entitlements):
        return known
    has = entitlements_of(user_id=user_id)
    seconds = float(PLAN_SECONDS)
    if has.pause is None and has.ends_at is not None:
        seconds = min(seconds, (has.ends_at - timezone.now()).total_seconds())
    if seconds >= 1:
        # Not in the place of the mark of a change.
        cache.add(key, has, timeout=int(seconds))
    return has


def forget_plan(*, user_id: uuid.UUID) -> None:
    """Have what is known of the plan of a user read again."""
    cache.set(_plan_key(user_id), _CHANGED, timeout=_CHANGED_SECONDS)


def _plan_key(user_id: uuid.UUID) -> str:
    return f"plan:{user_id}"


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
