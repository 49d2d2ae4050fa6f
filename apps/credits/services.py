"""Writes on usage."""

import math
import uuid
from decimal import Decimal

from apps.credits.models import ActionType, UsageRecord
from apps.plans.tiers import GpuTier


def record_generation(
    *,
    user_id: uuid.UUID,
    job_id: uuid.UUID,
    api_key_id: uuid.UUID | None,
    model: str,
    tier: GpuTier,
    steps: int,
    width: int,
    height: int,
    batch_size: int,
    compute_seconds: float,
) -> UsageRecord:
    """Write the usage of a finished job; one credit is one second, begun seconds count whole."""
    seconds = Decimal(compute_seconds).quantize(Decimal("0.001"))
    return UsageRecord.objects.create(
        user_id=user_id,
        job_id=job_id,
        api_key_id=api_key_id,
        action_type=ActionType.GENERATION,
        model_used=model,
        gpu_tier=tier,
        steps=steps,
        width=width,
        height=height,
        batch_size=batch_size,
        compute_seconds=seconds,
        credits_consumed=math.ceil(seconds),
    )
