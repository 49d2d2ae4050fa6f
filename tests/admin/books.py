"""Make what staff look at: jobs that were charged, and days that are past."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.accounts.models import User
from apps.core.models import Act, AuditRecord
from apps.credits.costs import Shape
from apps.credits.models import ActionType, Grant, Posting
from apps.credits.services.grants import add_grant
from apps.credits.services.ledger import settle_hold
from apps.credits.services.usage import record_generation
from apps.plans import models as plans  # pytest would take TesterGrant for a test
from apps.plans.products import CreditSource
from apps.plans.tiers import GpuTier
from tests.credits.moves import hold_for

REASON = "the picture came out grey"


@contextmanager
def at(moment: datetime) -> Iterator[None]:
    """Let it be `moment` for all that asks Django for the time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(timezone, "now", lambda: moment)
        yield


def buy_credits(user: User, amount: int, *, cents: int) -> Grant:
    """Give `user` credits that were paid for, for ten days, so that they are used first or soon."""
    now = timezone.now()
    return add_grant(
        user_id=user.id,
        source=CreditSource.PACK,
        amount=amount,
        valid_from=now,
        valid_until=now + timedelta(days=5),
        key=str(uuid.uuid4()),
        paid_cents=cents,
    )


def charged_job(
    user: User,
    *,
    quoted: int = 8,
    charged: int = 5,
    seconds: float | None = None,
    model: str = "starter",
    tier: GpuTier = GpuTier.BASIC,
    steps: int = 20,
    is_whole: bool = True,
    action: ActionType = ActionType.GENERATION,
) -> uuid.UUID:
    """Hold, settle and record a job of `user`; return its id."""
    job_id = uuid.uuid4()
    hold_for(user_id=user.id, job_id=job_id, amount=quoted)
    settle_hold(user_id=user.id, job_id=job_id, charge=charged)
    record_generation(
        user_id=user.id,
        job_id=job_id,
        api_key_id=None,
        action=action,
        model=model,
        tier=tier,
        shape=Shape(512, 512, steps, 1),
        is_whole=is_whole,
        compute_seconds=charged if seconds is None else seconds,
        quoted=quoted,
        charged=charged,
    )
    return job_id


def state_of_the_books() -> tuple[Any, ...]:
    """Return all that a refused form must leave as it was, apart from records of having looked."""
    return (
        list(Grant.objects.order_by("id").values_list("id", "total")),
        Posting.objects.count(),
        list(plans.TesterGrant.objects.order_by("id").values_list("id", "revoked_at")),
        list(plans.Subscription.objects.order_by("id").values_list("id", "updated_at")),
        AuditRecord.objects.exclude(act__in=(Act.SERVICE_SCOPE, Act.SIGNED_IN)).count(),
    )
