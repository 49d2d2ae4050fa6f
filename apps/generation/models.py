"""The job: the one truth about a piece of work, whatever the queue has lost or repeated.

And the lane: where a user's jobs of a tier wait for their turn.
"""

import time
import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Func, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from apps.core.models import TenantModel
from apps.generation.parameters.settings import GenerationParameters
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


class JobKind(models.TextChoices):
    """What a job makes: pictures of one request, those of a workflow, or a LoRA."""

    GENERATION = "generation", _("pictures")
    WORKFLOW = "workflow", _("workflow")
    TRAINING = "training", _("training")


class Priority(models.TextChoices):
    """Where in its user's queue a job waits; a background one runs only when its tier is idle."""

    FRONT = "front", _("front")
    NORMAL = "normal", _("normal")
    BACKGROUND = "background", _("background")


# What each of the jobs that share a forward pass may have for itself.
OWN_PARAMETERS = ("prompt", "negative_prompt", "seed", "num_images", "init_image")
_OWN = ", ".join(f"'{name}'" for name in OWN_PARAMETERS)


def position_now() -> int:
    """Return the place of a job that is asked for now: the time in microseconds."""
    return int(time.time() * 1_000_000)


class Job(TenantModel):
    """A request for pictures, or for what takes a GPU as long.

    `attempt` counts claims and is the fencing token: whoever holds an older one has lost the
    job. `parallel_limit` is the plan's at the time of asking. Of a user's waiting jobs those of
    the smallest `position` come first, the background ones among themselves. `expected_seconds`
    are what its quote expects. Generations of one `batch_shape` can share a forward pass.

    What a job of another kind is to do is its `work`, whose "models" and "pictures" name what it
    needs; its `parameters` are a sketch by which lists and receipts show it.
    """

    state = models.CharField(max_length=16, choices=JobState.choices, default=JobState.QUEUED)
    tier = models.CharField(max_length=20, choices=GpuTier.choices)
    parallel_limit = models.PositiveIntegerField(null=True)
    model = models.ForeignKey("catalog.GenerationModel", on_delete=models.PROTECT)
    kind = models.CharField(
        max_length=16,
        choices=JobKind.choices,
        default=JobKind.GENERATION,
        db_default=JobKind.GENERATION,
    )
    parameters = models.JSONField()
    work = models.JSONField(null=True, blank=True)
    idempotency_key = models.CharField(max_length=255, null=True, blank=True)
    request_digest = models.CharField(max_length=64)
    # The key that asked, if it was one; keys are revoked, never deleted.
    api_key_id = models.UUIDField(null=True, blank=True, editable=False)

    priority = models.CharField(max_length=16, choices=Priority.choices, default=Priority.NORMAL)
    position = models.BigIntegerField(default=position_now)
    batch_id = models.UUIDField(null=True, blank=True)
    # Of the first job of a grid: what varies across and down.
    grid = models.JSONField(null=True, blank=True)
    expected_seconds = models.FloatField(default=1.0)
    batch_shape = models.GeneratedField(
        expression=Func(
            F("model"),
            F("parameters"),
            template=f"md5(%(expressions)s - ARRAY[{_OWN}]::text[])::text)",
            arg_joiner=" || (",
        ),
        output_field=models.CharField(max_length=32),
        db_persist=True,
    )
    # Since when its user's queue does not list it any more; the job and its receipt stay.
    pruned_at = models.DateTimeField(null=True, blank=True)

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
    # The place in the trace of who asked, where whichever worker has the job goes on.
    traceparent = models.CharField(max_length=55, null=True, blank=True, editable=False)
    leftovers_removed_at = models.DateTimeField(null=True, blank=True)

    # What the workflow that it runs is called, where `put_titles` has looked it up.
    title = ""

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
                fields=["user", "tier", "position", "id"],
                name="generation_job_line",
                condition=Q(state=JobState.QUEUED) & ~Q(priority=Priority.BACKGROUND),
            ),
            models.Index(
                fields=["user", "tier", "position", "id"],
                name="generation_job_background",
                condition=Q(state=JobState.QUEUED, priority=Priority.BACKGROUND),
            ),
            models.Index(
                fields=["user", "batch_id"],
                name="generation_job_batch",
                condition=Q(batch_id__isnull=False),
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

    @property
    def settings(self) -> GenerationParameters:
        """Return `parameters` as what they are."""
        return GenerationParameters.from_json(self.parameters)

    @property
    def needs_model(self) -> bool:
        """Return whether `model` itself is run: a workflow that names none is shown by one."""
        return self.kind != JobKind.WORKFLOW or self.model_id in (self.work or {})["models"]

    @property
    def models_wanted(self) -> set[str]:
        """Return the keys of the models that are needed beside `model`."""
        if self.work is not None:
            return set(self.work["models"]) - {self.model_id}
        return {key for _field, key, _kinds in self.settings.models_named()}

    @property
    def pictures_wanted(self) -> set[uuid.UUID]:
        """Return the names of the pictures of its user that are looked at."""
        if self.work is not None:
            return {uuid.UUID(name) for name in self.work["pictures"]}
        return {uuid.UUID(name) for _field, name in self.settings.pictures_named()}


_HAS_PLACE = Q(parallel_limit__isnull=True) | Q(
    parallel_limit__gt=F("running") + F("running_elsewhere")
)


class Lane(TenantModel):
    """One user's line in one tier; written by PostgreSQL alone, with every change of a job.

    A claim looks at lanes, so it costs the same whatever number of jobs waits in them.
    `served_seconds` are the GPU seconds of the user as of `served_at`; they halve in half an
    hour, and what runs now counts as expected. `served_rank` orders lanes by them at any time.
    `running_elsewhere` are the user's jobs in other tiers. A lane that a worker has let wait for
    the sake of a model it had loaded was passed over at `passed_at`.
    """

    tier = models.CharField(max_length=20, choices=GpuTier.choices)
    waiting = models.PositiveIntegerField(default=0)
    waiting_seconds = models.FloatField(default=0)
    waiting_background = models.PositiveIntegerField(default=0)
    running = models.PositiveIntegerField(default=0)
    running_elsewhere = models.PositiveIntegerField(default=0)
    parallel_limit = models.PositiveIntegerField(null=True, blank=True)
    served_seconds = models.FloatField(default=0)
    served_at = models.DateTimeField()
    served_rank = models.FloatField()
    passed_at = models.DateTimeField(null=True, blank=True)
    paused_at = models.DateTimeField(null=True, blank=True)
    is_due = models.GeneratedField(
        expression=Q(paused_at__isnull=True, waiting__gt=0) & _HAS_PLACE,  # type: ignore[arg-type]
        output_field=models.BooleanField(),
        db_persist=True,
    )
    is_background_due = models.GeneratedField(
        expression=Q(paused_at__isnull=True, waiting_background__gt=0) & _HAS_PLACE,  # type: ignore[arg-type]
        output_field=models.BooleanField(),
        db_persist=True,
    )
    is_active = models.GeneratedField(
        expression=Q(paused_at__isnull=True) & (Q(waiting__gt=0) | Q(running__gt=0)),  # type: ignore[arg-type]
        output_field=models.BooleanField(),
        db_persist=True,
    )

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["user", "tier"], name="generation_lane_of_user"),
        )
        indexes = (
            models.Index(
                fields=["tier", "served_rank"],
                name="generation_lane_due",
                condition=Q(is_due=True),
            ),
            models.Index(
                fields=["tier", "served_rank"],
                name="generation_lane_background",
                condition=Q(is_background_due=True),
            ),
            models.Index(
                fields=["tier", "served_rank"],
                name="generation_lane_active",
                condition=Q(is_active=True),
            ),
        )

    def __str__(self) -> str:
        return f"{self.user_id} in {self.tier}"

    @property
    def places(self) -> int | None:
        """Return how many more jobs the plan lets run now; `None` for any number."""
        if self.parallel_limit is None:
            return None
        return max(self.parallel_limit - self.running - self.running_elsewhere, 0)

    @property
    def due(self) -> int:
        """Return how many waiting jobs could run now; each of them has one wake-up."""
        waiting = self.waiting + self.waiting_background
        if self.paused_at is not None:
            return 0
        return waiting if self.places is None else min(waiting, self.places)


class AppealState(models.TextChoices):
    OPEN = "open", pgettext_lazy("appeal", "open")
    ACCEPTED = "accepted", _("accepted")
    REJECTED = "rejected", _("rejected")


class ContentAppeal(TenantModel):
    """A user's word against the refusal of the pictures of one job.

    An accepted one lets its user have the same settings (by `digest`) made without the check.
    """

    job_id = models.UUIDField(editable=False)
    digest = models.CharField(max_length=64, editable=False)
    reason = models.TextField(max_length=2000)
    state = models.CharField(max_length=16, choices=AppealState.choices, default=AppealState.OPEN)
    note = models.TextField(max_length=2000, blank=True)
    # No foreign key: the record outlives the account of who decided.
    decided_by = models.UUIDField(null=True, blank=True, editable=False)
    decided_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["user", "job_id"], name="generation_appeal_once"),
        )
        indexes = (
            models.Index(
                fields=["user", "digest"],
                name="generation_appeal_cleared",
                condition=Q(state=AppealState.ACCEPTED),
            ),
            models.Index(fields=["state", "created_at"], name="generation_appeal_open"),
        )

    def __str__(self) -> str:
        return f"{self.job_id} ({self.state})"


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
