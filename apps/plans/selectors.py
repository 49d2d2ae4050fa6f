"""Reads on plans."""

import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.core.cache import cache
from django.db import models
from django.db.models import DateTimeField, ExpressionWrapper, F, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import User
from apps.accounts.selectors import account_by_email
from apps.core.errors import Invalid, NotFound
from apps.plans.entitlements import Entitlements, entitlements_of
from apps.plans.models import Payment, Subscription, SubscriptionSource, TesterGrant
from apps.plans.products import PLAN_ORDER, PLANS, ModelAccess, Plan
from apps.plans.stripe_gateway import payments_are_on

PLAN_SECONDS = 10 * 60
# So long after a change nothing is kept: whoever read before it may want to keep what was.
_CHANGED = "changed"
_CHANGED_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Billing:
    """What a user has, the subscription that is paid by card, and whether payments are on."""

    has: Entitlements
    subscription: Subscription | None
    payments_on: bool


def plan_of(*, user: User) -> Plan:
    """Return the plan that serves `user` now; whoever is paused still sees what the trial sees."""
    return entitlements_of(user_id=user.id).plan


@dataclass(frozen=True, slots=True)
class PlanFact:
    """One line of a comparison of plans; `now` and `then` are ready to be shown."""

    name: Any
    now: Any
    then: Any


@dataclass(frozen=True, slots=True)
class TesterPreview:
    """What a user has now, and what the tester plan would change."""

    user: User
    now: Entitlements
    facts: list[PlanFact]
    is_greater_now: bool


class TesterState(models.TextChoices):
    """What has become of a tester grant."""

    ACTIVE = "active", _("active")
    ENDED = "ended", _("ended")
    REVOKED = "revoked", _("revoked")


def in_state(grants: QuerySet[Any], state: TesterState) -> QuerySet[Any]:
    """Narrow `list_tester_grants` to those in a state."""
    if state == TesterState.REVOKED:
        return grants.filter(revoked_at__isnull=False)
    now = timezone.now()
    ends = {"ends_at__gt": now} if state == TesterState.ACTIVE else {"ends_at__lte": now}
    return grants.filter(revoked_at=None, **ends)


def state_of(grant: Any) -> TesterState:
    """Return the state of a grant of `list_tester_grants`."""
    if grant.revoked_at is not None:
        return TesterState.REVOKED
    return TesterState.ACTIVE if grant.ends_at > timezone.now() else TesterState.ENDED


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
    """List every tester grant with who gave and revoked it, newest first; for staff."""
    people = User.objects.values("email")
    length = ExpressionWrapper(
        F("created_at") + F("days") * timedelta(days=1), output_field=DateTimeField()
    )
    return (
        TesterGrant.objects.select_related("user", "subscription")
        .annotate(
            ends_at=Coalesce("subscription__valid_until", length),
            # No foreign keys: the record outlives the accounts of administrators.
            granted_by_email=Subquery(people.filter(id=OuterRef("granted_by"))),
            revoked_by_email=Subquery(people.filter(id=OuterRef("revoked_by"))),
        )
        .order_by("-created_at", "-id")
    )


def get_tester_grant(*, grant_id: uuid.UUID) -> TesterGrant:
    """Return a tester grant.

    Raises:
        NotFound: there is none of that id.
    """
    found = list_tester_grants().filter(id=grant_id).first()
    if found is None:
        raise NotFound
    return found


def search_tester_grants(
    *,
    state: str | None = None,
    user_id: uuid.UUID | None = None,
    email: str | None = None,
) -> QuerySet[TesterGrant]:
    """List tester grants, newest first, in a state or of a user."""
    grants = list_tester_grants()
    if state is not None:
        grants = in_state(grants, TesterState(state))
    if user_id is not None:
        grants = grants.filter(user=user_id)
    if email is not None:
        grants = grants.filter(user__email__iexact=email)
    return grants


def find_tester(*, user_id: uuid.UUID | None, email: str | None) -> User:
    """Return whom a grant is for, by id or by e-mail; within a service scope.

    Raises:
        Invalid: neither or both were given, or nobody has this id or e-mail.
    """
    if email is not None and user_id is None:
        user, field = account_by_email(email=email), "email"
    elif user_id is not None and email is None:
        user, field = User.objects.filter(id=user_id).first(), "user_id"
    else:
        message = str(_("Name the user by id or by e-mail, and not by both."))
        raise Invalid(fields={"user_id": [message], "email": [message]})
    if user is None:
        raise Invalid(fields={field: [str(_("There is no such user."))]})
    return user


def preview_tester_plan(*, user: User) -> TesterPreview:
    """Compare what `user` has now with the tester plan."""
    now = entitlements_of(user_id=user.id)
    tester = PLANS["tester"]
    is_greater = now.pause is None and PLAN_ORDER.index(now.plan.slug) > PLAN_ORDER.index("tester")
    then = now.plan if is_greater else tester
    facts = [PlanFact(name, _said(now.plan, key), _said(then, key)) for key, name in _FACTS.items()]
    return TesterPreview(user=user, now=now, facts=facts, is_greater_now=is_greater)


_FACTS = {
    "slug": _("Plan"),
    "gpu_tier": _("GPU tier"),
    "parallel_queues": _("Parallel queues"),
    "storage_gb": _("Storage, GB"),
    "models": _("Models"),
    "third_party_api": _("Third-party API"),
    "lora_training": _("LoRA training"),
    "collaboration": _("Collaboration"),
    "node_editor": _("Node editor"),
    "api": _("API"),
}


_MODELS = {
    ModelAccess.SD_ONLY: _("Stable Diffusion"),
    ModelAccess.FLUX_INCLUDED: _("Stable Diffusion and FLUX"),
    ModelAccess.FULL: _("all"),
}


def _said(plan: Plan, key: str) -> Any:
    value = getattr(plan, key)
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if value is None:
        return _("unlimited")
    if isinstance(value, ModelAccess):
        return _MODELS[value]
    return getattr(value, "label", value)


def running_subscription(*, user_id: uuid.UUID) -> Subscription | None:
    """Return the subscription that is paid by card and has not ended; `None` if there is none."""
    return (
        Subscription.objects.filter(user=user_id, source=SubscriptionSource.STRIPE, ended_at=None)
        .order_by("-valid_from")
        .first()
    )


def billing_of(*, user: User) -> Billing:
    """Return what there is to know of a user's plan; two queries."""
    return Billing(
        has=entitlements_of(user_id=user.id),
        subscription=running_subscription(user_id=user.id),
        payments_on=payments_are_on(),
    )


def list_payments(*, user: User) -> QuerySet[Payment]:
    """List what `user` has paid, newest first."""
    return (
        Payment.objects.filter(user=user)
        .prefetch_related("reversals")
        .order_by("-created_at", "-id")
    )


def count_payments(*, user: User) -> int:
    """Count the payments of `user` that Stripe has told of."""
    return Payment.objects.filter(user=user).count()
