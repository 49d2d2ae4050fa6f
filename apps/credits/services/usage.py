"""Writes on usage."""

import uuid
from decimal import Decimal

from apps.credits.costs import Shape
from apps.credits.models import ActionType, UsageRecord
from apps.plans.tiers import GpuTier


def record_generation(
    *,
    user_id: uuid.UUID,
    job_id: uuid.UUID,
    api_key_id: uuid.UUID | None,
    action: ActionType = ActionType.GENERATION,
    model: str,
    tier: GpuTier,
    shape: Shape,
    is_whole: bool,
    compute_seconds: float,
    quoted: int | None,
    charged: int,
) -> UsageRecord:
    """Write the usage of a finished job: what it took, and the credits it was charged."""
    return UsageRecord.objects.create(
        user_id=user_id,
        job_id=job_id,
        api_key_id=api_key_id,
        action_type=action,
        model_used=model,
        gpu_tier=tier,
        steps=shape.steps,
        width=shape.width,
        height=shape.height,
        batch_size=shape.batch_size,
        is_whole=is_whole,
        compute_seconds=Decimal(compute_seconds).quantize(Decimal("0.001")),
        credits_quoted=quoted,
        credits_consumed=charged,
    )
