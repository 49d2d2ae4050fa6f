"""The job: the one truth about a piece of work, whatever the queue has lost or repeated."""

from django.contrib.postgres.fields import ArrayField
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
    # Of these attempts, those that a worker gave up in order: they count for nothing.
    hand_backs = models.PositiveIntegerField(default=0, db_default=0)
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
                name="generation_job_ended",
                condition=Q(finished_at__isnull=False),
            ),
            models.Index(
                fields=["finished_at"],
                name="generation_job_leftovers",
                condition=Q(leftovers_removed_at__isnull=True, finished_at__isnull=False),
            ),
        )

    def __str__(self) -> str:
        return f"{self.id} ({self.state})"


class WorkerState(models.TextChoices):
    """What a worker said last that it is at."""

    IDLE = "idle", _("idle")
    BUSY = "busy", _("busy")
    DRAINING = "draining", _("taking no jobs")
    GONE = "gone", _("gone")


class Worker(models.Model):
    """The last sign of life of a worker process; `run` tells two processes of one name apart.

    Written by `easel_report_worker` alone. Whoever dies without a word stays in its last state:
    `apps.generation.workers` looks at `seen_at` too.
    """

    name = models.CharField(max_length=100, primary_key=True)
    run = models.UUIDField()
    tiers = ArrayField(models.CharField(max_length=20, choices=GpuTier.choices))
    gpu = models.CharField(max_length=100)
    memory_total_bytes = models.BigIntegerField(null=True, blank=True)
    memory_used_bytes = models.BigIntegerField(null=True, blank=True)
    rss_bytes = models.BigIntegerField(null=True, blank=True)
    loaded_models = ArrayField(models.CharField(max_length=100))
    current_job = models.UUIDField(null=True, blank=True)
    state = models.CharField(max_length=16, choices=WorkerState.choices)
    last_received_at = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    version = models.CharField(max_length=32)

    def __str__(self) -> str:
        return f"{self.name} ({self.state})"


class DrainScope(models.TextChoices):
    WORKER = "worker", _("one worker")
    TIER = "tier", _("a tier")


class DrainOrder(models.Model):
    """An operator's word that a worker, or every worker of a tier, is to claim nothing more."""

    scope = models.CharField(max_length=16, choices=DrainScope.choices)
    target = models.CharField(max_length=100)
    since = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["scope", "target"], name="generation_drainorder_once"),
        )

    def __str__(self) -> str:
        return f"{self.scope} {self.target}"


class JobTally(models.Model):
    """Jobs that ended so far, of one kind; it only grows, whatever becomes of their rows.

    `waits` and `runs` count by the bounds of `apps.generation.tallies`, the last beyond them.
    """

    tier = models.CharField(max_length=20, choices=GpuTier.choices)
    model = models.CharField(max_length=64)
    state = models.CharField(max_length=16, choices=JobState.choices)
    error_code = models.CharField(max_length=32, blank=True)
    jobs = models.BigIntegerField(default=0)
    compute_seconds = models.FloatField(default=0)
    wait_seconds = models.FloatField(default=0)
    waits = ArrayField(models.BigIntegerField())
    run_seconds = models.FloatField(default=0)
    runs = ArrayField(models.BigIntegerField())

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["tier", "model", "state", "error_code"], name="generation_jobtally_kind"
            ),
        )

    def __str__(self) -> str:
        return f"{self.tier} {self.model} {self.state} {self.error_code}: {self.jobs}"


class TallyMark(models.Model):
    """Until when ended jobs have been counted; one row, locked by whoever counts."""

    until = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.until:%Y-%m-%d %H:%M:%S}"
