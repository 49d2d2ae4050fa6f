"""The job: the one truth about a piece of work, whatever the queue has lost or repeated."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.core.models import TenantModel
from apps.plans.tiers import GpuTier


class JobState(models.TextChoices):
    """Where a job stands; every change is a compare-and-set on state and attempt."""

    QUEUED = "queued", _("waiting")
    RUNNING = "running", _("running")
    SUCCEEDED = "succeeded", _("done")
    FAILED = "failed", _("failed")
    CANCELLED = "cancelled", _("cancelled")


ACTIVE_STATES = frozenset({JobState.QUEUED, JobState.RUNNING})
TERMINAL_STATES = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED})


class Job(TenantModel):
    """A request for pictures.

    `attempt` counts claims and is the fencing token: whoever holds an older one has lost the
    job. `parallel_limit` is the plan's at the time of asking, so that a claim needs no join.
    """

    state = models.CharField(max_length=16, choices=JobState.choices, default=JobState.QUEUED)
    tier = models.CharField(max_length=20, choices=GpuTier.choices)
    parallel_limit = models.PositiveIntegerField(null=True)
    model = models.ForeignKey("catalog.GenerationModel", on_delete=models.PROTECT)
    parameters = models.JSONField()
    idempotency_key = models.CharField(max_length=255, null=True, blank=True)
    request_digest = models.CharField(max_length=64)
    # The key that asked, if it was one; keys are revoked, never deleted.
    api_key_id = models.UUIDField(null=True, blank=True, editable=False)

    attempt = models.PositiveIntegerField(default=0)
    worker = models.CharField(max_length=100, blank=True)
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    woken_at = models.DateTimeField(null=True, blank=True)
    wake_count = models.PositiveIntegerField(default=0)

    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    compute_seconds = models.DecimalField(max_digits=10, decimal_places=3, null=True, blank=True)
    error_code = models.CharField(max_length=32, blank=True)
    error_id = models.CharField(max_length=32, blank=True)
    leftovers_removed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["user", "idempotency_key"],
                condition=Q(idempotency_key__isnull=False),
                name="generation_job_idempotent",
            ),
            models.CheckConstraint(
                condition=Q(state=JobState.RUNNING, lease_expires_at__isnull=False)
                | (~Q(state=JobState.RUNNING) & Q(lease_expires_at__isnull=True)),
                name="generation_job_lease_while_running",
            ),
            models.CheckConstraint(
                condition=Q(state__in=sorted(TERMINAL_STATES), finished_at__isnull=False)
                | Q(state__in=sorted(ACTIVE_STATES), finished_at__isnull=True),
                name="generation_job_finished_at_end",
            ),
        )
        indexes = (
            models.Index(fields=["user", "-created_at", "-id"], name="generation_job_user_newest"),
            models.Index(
                fields=["tier", "created_at"],
                name="generation_job_waiting",
                condition=Q(state=JobState.QUEUED),
            ),
            models.Index(
                fields=["user"],
                name="generation_job_running_of",
                condition=Q(state=JobState.RUNNING),
            ),
            models.Index(
                fields=["lease_expires_at"],
                name="generation_job_leases",
                condition=Q(state=JobState.RUNNING),
            ),
            models.Index(
                fields=["finished_at"],
                name="generation_job_leftovers",
                condition=Q(leftovers_removed_at__isnull=True, finished_at__isnull=False),
            ),
        )

    def __str__(self) -> str:
        return f"{self.id} ({self.state})"
