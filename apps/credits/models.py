"""Usage: one row for each piece of work a user was served."""

from typing import ClassVar

from django.db import models

from apps.core.models import TenantModel
from apps.plans.tiers import GpuTier


class ActionType(models.TextChoices):
    """The kinds of work that cost GPU seconds."""

    GENERATION = "generation"


class UsageRecord(TenantModel):
    """The measured seconds of a job, written in the transaction that ends it."""

    outlives_account: ClassVar[bool] = True

    job_id = models.UUIDField()
    api_key_id = models.UUIDField(null=True, blank=True, editable=False)
    action_type = models.CharField(max_length=16, choices=ActionType.choices)
    model_used = models.CharField(max_length=100)
    gpu_tier = models.CharField(max_length=20, choices=GpuTier.choices)
    steps = models.PositiveIntegerField()
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    batch_size = models.PositiveIntegerField()
    compute_seconds = models.DecimalField(max_digits=10, decimal_places=3)
    credits_consumed = models.PositiveIntegerField()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["user", "job_id"], name="credits_usage_once_a_job"),
        )
        indexes = (models.Index(fields=["user", "-created_at"], name="credits_usage_user_recent"),)

    def __str__(self) -> str:
        return f"{self.action_type} {self.compute_seconds}s"
