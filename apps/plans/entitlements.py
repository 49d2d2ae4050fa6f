"""May this user do this, and if not, what would let them: the one place that answers.

The API, the pages and the workers ask `may`, or `require` to be refused with an error. Numbers
that other apps keep (bytes stored, say) are handed in by whoever asks.
"""

import dataclasses
import uuid
from datetime import datetime
from typing import Any

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.core.errors import ErrorCode, Forbidden
from apps.plans.models import PauseReason, Subscription
from apps.plans.products import PLAN_ORDER, PLANS, PLANS_SOLD, TRIAL, ModelAccess, Plan, PlanType

BYTES_A_GB = 1000**3


class Feature(models.TextChoices):
    """What a plan may or may not let somebody do."""

    GENERATION = "generation"
    MODEL = "model"
    STORAGE = "storage"
    API = "api"
    THIRD_PARTY_API = "third_party_api"
    LORA_TRAINING = "lora_training"
    COLLABORATION = "collaboration"
    NODE_EDITOR = "node_editor"


REFUSAL_CODES: dict[Feature, ErrorCode] = {
    Feature.GENERATION: ErrorCode.PLAN_PAUSED,
    Feature.MODEL: ErrorCode.MODEL_NOT_IN_PLAN,
    Feature.STORAGE: ErrorCode.STORAGE_FULL,
    Feature.API: ErrorCode.API_ACCESS,
    Feature.THIRD_PARTY_API: ErrorCode.FEATURE_NOT_IN_PLAN,
    Feature.LORA_TRAINING: ErrorCode.FEATURE_NOT_IN_PLAN,
    Feature.COLLABORATION: ErrorCode.FEATURE_NOT_IN_PLAN,
    Feature.NODE_EDITOR: ErrorCode.FEATURE_NOT_IN_PLAN,
}
_MODEL_RANKS = {access: rank for rank, access in enumerate(ModelAccess)}


@dataclasses.dataclass(frozen=True, slots=True)
class Entitlements:
    """What a user has now: a plan with a customer's own values filled in, or a pause.

    Paused users keep what the trial lets them see and make nothing new. `ends_at` is the end of
    the plan, or when it ended; without one, a paused user never had a plan.
    """

    plan: Plan
    pause: PauseReason | None
    ends_at: datetime | None

    @property
    def storage_bytes(self) -> int | None:
        """Return the bytes that may be stored; `None` is without limit."""
        gigabytes = self.plan.storage_gb
        return None if gigabytes is None else gigabytes * BYTES_A_GB


@dataclasses.dataclass(frozen=True, slots=True)
class Decision:
    """An answer of `may`; a refusal says what would help.

    `smallest_plan` is the slug of the smallest plan on sale that would do, `None` if none would.
    """

    allowed: bool
    entitlements: Entitlements
    feature: Feature
    smallest_plan: str | None = None
    limit: int | None = None
    used: int | None = None


def entitlements_of(*, user_id: uuid.UUID) -> Entitlements:
    """Return what a user has now; one query.

    Whoever is on several plans is served by the greatest of them, and by none while staff have
    paused one: buying another is no way around that.
    """
    now = timezone.now()
    begun = list(Subscription.objects.filter(user=user_id, valid_from__lte=now))
    if any(each.pause_reason == PauseReason.STAFF for each in begun):
        return Entitlements(plan=TRIAL, pause=PauseReason.STAFF, ends_at=None)
    current = [each for each in begun if each.valid_until is None or each.valid_until > now]
    paused = [each for each in current if each.pause_reason]
    serving = [
        each
        for each in current
        # A trial that is still running is no way around a pause.
        if not each.pause_reason and not (paused and each.plan == TRIAL.slug)
    ]
    if serving:
        best = max(serving, key=lambda each: (PLAN_ORDER.index(each.plan), each.valid_from))
        return Entitlements(plan=_with_customs(best), pause=None, ends_at=best.valid_until)
    if paused:
        reason = PauseReason(max(paused, key=lambda each: each.valid_from).pause_reason)
        return Entitlements(plan=TRIAL, pause=reason, ends_at=None)
    return _after_the_end(begun)


def may(
    *,
    user_id: uuid.UUID,
    feature: Feature,
    access: ModelAccess | None = None,
    used_bytes: int = 0,
) -> Decision:
    """Decide whether a user may use `feature`.

    `access` is what a model asks for; `used_bytes` is what would be stored with the next file.
    """
    return decide(
        entitlements_of(user_id=user_id), feature=feature, access=access, used_bytes=used_bytes
    )


def decide(
    has: Entitlements,
    *,
    feature: Feature,
    access: ModelAccess | None = None,
    used_bytes: int = 0,
) -> Decision:
    """Decide as `may` does, from what is known of a user already."""
    allowed = _does(has.plan, feature, access, used_bytes)
    if feature == Feature.GENERATION:
        allowed = has.pause is None
    if allowed:
        return Decision(allowed=True, entitlements=has, feature=feature)
    enough = (plan.slug for plan in PLANS_SOLD if _does(plan, feature, access, used_bytes))
    stored = feature == Feature.STORAGE
    return Decision(
        allowed=False,
        entitlements=has,
        feature=feature,
        smallest_plan=next(enough, None),
        limit=has.storage_bytes if stored else None,
        used=used_bytes if stored else None,
    )


def require(
    *,
    user_id: uuid.UUID,
    feature: Feature,
    access: ModelAccess | None = None,
    used_bytes: int = 0,
) -> Entitlements:
    """Return what a user has, if it includes `feature`.

    Raises:
        Forbidden: it does not; with the code of the limit, the numbers and the smallest plan.
    """
    decision = may(user_id=user_id, feature=feature, access=access, used_bytes=used_bytes)
    check(decision)
    return decision.entitlements


def check(decision: Decision) -> None:
    """Do nothing if the answer is yes.

    Raises:
        Forbidden: it is no; with the code of the limit, the numbers and the smallest plan.
    """
    if decision.allowed:
        return
    has = decision.entitlements
    numbers: dict[str, Any] = {
        "plan": has.plan.slug,
        "feature": decision.feature.value,
        "smallest_plan": decision.smallest_plan,
        "pause": has.pause.value if has.pause is not None else None,
        "limit": decision.limit,
        "used": decision.used,
    }
    raise Forbidden(
        refusal(decision),
        code=REFUSAL_CODES[decision.feature],
        **{name: value for name, value in numbers.items() if value is not None},
    )


def refusal(decision: Decision) -> str:
    """Say in the active language why the answer is no and what would help."""
    has = decision.entitlements
    if decision.feature == Feature.GENERATION:
        if has.pause == PauseReason.NO_PLAN and has.ends_at is None:
            return _(
                "You have had your trial with an earlier account, so nothing new is made here. "
                "Take a plan to begin."
            )
        return _PAUSE_DETAILS[has.pause or PauseReason.NO_PLAN]()
    name = decision.smallest_plan
    if decision.feature == Feature.STORAGE:
        detail = _("Your storage is full. Delete pictures or take a larger plan.")
    elif decision.feature == Feature.MODEL:
        detail = _("Your plan does not include this model.")
    elif decision.feature == Feature.API:
        detail = _("Your plan has no API access.")
    else:
        detail = _("Your plan does not include this.")
    if name is None:
        return detail
    return detail + " " + _("The smallest plan that does: %(plan)s.") % {"plan": name.title()}


_PAUSE_DETAILS = {
    PauseReason.NO_PLAN: lambda: _(
        "Your plan has ended, so nothing new is made. Take a plan to go on; your pictures are here."
    ),
    PauseReason.PAYMENT_FAILED: lambda: _(
        "Your last payment failed, so nothing new is made. Change your card to go on."
    ),
    PauseReason.REFUNDED: lambda: _(
        "Your last payment was given back, so nothing new is made. Take a plan to go on."
    ),
    PauseReason.DISPUTED: lambda: _(
        "Your last payment is disputed, so nothing new is made until that is settled."
    ),
    PauseReason.STAFF: lambda: _(
        "Your account was stopped, so nothing new is made. Write to us to learn why."
    ),
}


def _does(plan: Plan, feature: Feature, access: ModelAccess | None, used_bytes: int) -> bool:
    match feature:
        case Feature.GENERATION:
            return plan.plan_type == PlanType.PAID
        case Feature.MODEL:
            wanted = access or ModelAccess.SD_ONLY
            return _MODEL_RANKS[wanted] <= _MODEL_RANKS[plan.models]
        case Feature.STORAGE:
            return plan.storage_gb is None or used_bytes <= plan.storage_gb * BYTES_A_GB
        case Feature.API:
            return plan.api
        case Feature.THIRD_PARTY_API:
            return plan.third_party_api
        case Feature.LORA_TRAINING:
            return plan.lora_training
        case Feature.COLLABORATION:
            return plan.collaboration
        case Feature.NODE_EDITOR:
            return plan.node_editor


def _with_customs(subscription: Subscription) -> Plan:
    plan = PLANS[subscription.plan]
    customs: dict[str, Any] = {
        "dollars_a_month": subscription.custom_dollars_a_month,
        "credits_a_month": subscription.custom_credits_a_month,
        "parallel_queues": subscription.custom_parallel_queues,
        "storage_gb": subscription.custom_storage_gb,
    }
    return dataclasses.replace(
        plan, **{name: value for name, value in customs.items() if value is not None}
    )


def _after_the_end(ended: list[Subscription]) -> Entitlements:
    if not ended:
        return Entitlements(plan=TRIAL, pause=PauseReason.NO_PLAN, ends_at=None)
    last = max(ended, key=lambda each: each.valid_until or each.valid_from)
    reason = PauseReason.PAYMENT_FAILED if last.past_due_since else PauseReason.NO_PLAN
    return Entitlements(plan=TRIAL, pause=reason, ends_at=last.valid_until)


def smallest_plan_with_credits(amount: int) -> str | None:
    """Return the slug of the smallest plan on sale that gives `amount` credits a month."""
    enough = (
        plan.slug
        for plan in PLANS_SOLD
        if plan.credits_a_month is None or plan.credits_a_month >= amount
    )
    return next(enough, None)
