"""The books: grants, holds, postings; and usage, one row for each piece of work served.

A grant is credits given to a user until a moment. A hold reserves credits for a job. Every
change is a posting, which moves credits of one grant between four heaps: available, held, spent
and closed (expired, revoked or given back). Grants, holds and postings are never changed;
PostgreSQL refuses it, keeps each grant's balance by a trigger and checks every rule of the books
(migration `0005_ledger`).
"""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from apps.core.models import TenantModel, TimestampedModel
from apps.plans.products import CreditSource
from apps.plans.tiers import GpuTier


class ActionType(models.TextChoices):
    """The kinds of work: by the seconds of a GPU, or by others and at a price a picture."""

    GENERATION = "generation"
    TRAINING = "training"
    PROVIDED = "provided"


class UsageRecord(TenantModel):
    """The measured seconds of a job, written in the transaction that ends it."""

    outlives_account: ClassVar[bool] = True

    job_id = models.UUIDField()
    api_key_id = models.UUIDField(null=True, blank=True, editable=False)
    action_type = models.CharField(max_length=16, choices=ActionType.choices)
    model_used = models.CharField(max_length=100)
    gpu_tier = models.CharField(max_length=20, choices=GpuTier.choices)
    # Of these, img2img runs only a part: those that were run.
    steps = models.PositiveIntegerField()
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    batch_size = models.PositiveIntegerField()
    compute_seconds = models.DecimalField(max_digits=10, decimal_places=3)
    # Whether all that was asked for was made; a cancelled job says nothing about what one takes.
    is_whole = models.BooleanField(default=True)
    credits_quoted = models.PositiveIntegerField(null=True)
    credits_consumed = models.PositiveIntegerField()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["user", "job_id"], name="credits_usage_once_a_job"),
        )
        indexes = (
            models.Index(fields=["user", "-created_at"], name="credits_usage_user_recent"),
            models.Index(fields=["-created_at"], name="credits_usage_recent"),
            models.Index(
                fields=["model_used", "gpu_tier", "-created_at"], name="credits_usage_of_model"
            ),
        )

    def __str__(self) -> str:
        return f"{self.action_type} {self.compute_seconds}s"


class Account(TenantModel):
    """The row that is locked while credits of a user move; it holds nothing that could be wrong."""

    outlives_account: ClassVar[bool] = True

    class Meta:
        constraints = (models.UniqueConstraint(fields=["user"], name="credits_account_of_user"),)

    def __str__(self) -> str:
        return str(self.user_id)


class Grant(TenantModel):
    """Credits given to a user, once for each `idempotency_key`; they end at `valid_until`."""

    outlives_account: ClassVar[bool] = True

    source = models.CharField(max_length=16, choices=CreditSource.choices)
    total = models.PositiveIntegerField()
    valid_from = models.DateTimeField()
    valid_until = models.DateTimeField()
    idempotency_key = models.CharField(max_length=255)
    plan = models.CharField(max_length=32, blank=True)
    paid_cents = models.PositiveIntegerField(default=0)
    reason = models.TextField(blank=True)
    granted_by = models.UUIDField(null=True, blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["user", "idempotency_key"], name="credits_grant_once"),
            models.UniqueConstraint(fields=["user", "id"], name="credits_grant_tenant_key"),
            models.CheckConstraint(condition=Q(total__gt=0), name="credits_grant_of_something"),
            models.CheckConstraint(
                condition=Q(valid_until__gt=F("valid_from")), name="credits_grant_ends_after_start"
            ),
        )
        indexes = (models.Index(fields=["user", "-created_at"], name="credits_grant_user"),)

    def __str__(self) -> str:
        return f"{self.total} ({self.source})"


class GrantBalance(TenantModel):
    """Where the credits of a grant are now; written by the trigger on postings alone.

    They can be used from `usable_from` until `usable_until`, which is the grant's end, or later
    by a short grace when credits came back from a hold after it.
    """

    outlives_account: ClassVar[bool] = True

    grant = models.ForeignKey(
        Grant, on_delete=models.PROTECT, db_constraint=False, related_name="balances"
    )
    available = models.PositiveIntegerField()
    held = models.PositiveIntegerField(default=0)
    spent = models.PositiveIntegerField(default=0)
    closed = models.PositiveIntegerField(default=0)
    usable_from = models.DateTimeField()
    usable_until = models.DateTimeField()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["user", "grant"], name="credits_balance_of_grant"),
        )
        indexes = (
            models.Index(
                fields=["user", "usable_until"],
                name="credits_balance_usable",
                condition=Q(available__gt=0),
            ),
            models.Index(
                fields=["usable_until"],
                name="credits_balance_ending",
                condition=Q(available__gt=0),
            ),
        )

    def __str__(self) -> str:
        return f"{self.available} available"


class Hold(TenantModel):
    """Credits reserved for a job: its quote, and the most that it can be charged."""

    outlives_account: ClassVar[bool] = True

    job_id = models.UUIDField()
    amount = models.PositiveIntegerField()
    api_key_id = models.UUIDField(null=True, blank=True, editable=False)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["user", "job_id"], name="credits_hold_once_a_job"),
            models.UniqueConstraint(fields=["user", "id"], name="credits_hold_tenant_key"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="credits_hold_of_something"),
        )
        indexes = (models.Index(fields=["user", "-created_at"], name="credits_hold_user"),)

    def __str__(self) -> str:
        return f"{self.amount} for {self.job_id}"


class PostingKind(models.TextChoices):
    """Why credits of a grant moved."""

    GRANT = "grant", _("given")
    HOLD = "hold", _("held")
    SETTLE = "settle", _("charged")
    RELEASE = "release", _("released")
    EXPIRE = "expire", _("expired")
    REVOKE = "revoke", _("taken back")
    REFUND = "refund", _("given back")


RESOLUTIONS = (PostingKind.SETTLE, PostingKind.RELEASE)


class Posting(TenantModel):
    """One movement of credits of one grant between its heaps; never changed.

    `available`, `held`, `spent` and `closed` are what each heap gains; together zero, except in
    the posting that a grant begins with. `usable_until` prolongs a grant of which credits came back
    late, and ends one that is taken back.
    """

    outlives_account: ClassVar[bool] = True

    kind = models.CharField(max_length=8, choices=PostingKind.choices)
    grant = models.ForeignKey(
        Grant, on_delete=models.PROTECT, db_constraint=False, related_name="postings"
    )
    hold = models.ForeignKey(
        Hold, on_delete=models.PROTECT, db_constraint=False, null=True, related_name="postings"
    )
    available = models.IntegerField(default=0)
    held = models.IntegerField(default=0)
    spent = models.IntegerField(default=0)
    closed = models.IntegerField(default=0)
    usable_until = models.DateTimeField(null=True, blank=True)
    reason = models.TextField(blank=True)
    actor_id = models.UUIDField(null=True, blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["user", "grant"],
                condition=Q(kind=PostingKind.GRANT),
                name="credits_posting_grant_once",
            ),
            models.UniqueConstraint(
                fields=["user", "hold", "grant"],
                condition=Q(kind=PostingKind.HOLD),
                name="credits_posting_hold_once",
            ),
            models.UniqueConstraint(
                fields=["user", "hold", "grant"],
                condition=Q(kind__in=RESOLUTIONS),
                name="credits_posting_resolved_once",
            ),
            models.CheckConstraint(
                condition=(
                    Q(kind=PostingKind.GRANT, hold=None, held=0, spent=0, closed=0)
                    & Q(available__gt=0)
                )
                | (
                    Q(kind=PostingKind.HOLD, hold__isnull=False, spent=0, closed=0)
                    & Q(available__lt=0, held=-F("available"))
                )
                | (
                    Q(kind=PostingKind.SETTLE, hold__isnull=False, closed=0)
                    & Q(held__lt=0, spent__gte=0, available__gte=0)
                    & Q(held=-F("available") - F("spent"))
                )
                | (
                    Q(kind=PostingKind.RELEASE, hold__isnull=False, spent=0, closed=0)
                    & Q(held__lt=0, available=-F("held"))
                )
                | (
                    Q(kind__in=(PostingKind.EXPIRE, PostingKind.REVOKE), hold=None)
                    & Q(held=0, spent=0, available__lte=0, closed=-F("available"))
                    & (Q(available__lt=0) | Q(usable_until__isnull=False))
                )
                | (
                    Q(kind=PostingKind.REFUND, hold__isnull=False, held=0, available=0)
                    & Q(spent__lt=0, closed=-F("spent"))
                ),
                name="credits_posting_shape",
            ),
            models.CheckConstraint(
                condition=Q(usable_until=None)
                | Q(kind__in=RESOLUTIONS, available__gt=0)
                | Q(kind=PostingKind.REVOKE),
                name="credits_posting_moves_end",
            ),
        )
        indexes = (
            models.Index(fields=["user", "-created_at", "-id"], name="credits_posting_newest"),
            models.Index(fields=["user", "hold"], name="credits_posting_of_hold"),
            models.Index(fields=["user", "grant"], name="credits_posting_of_grant"),
            models.Index(fields=["kind", "-created_at"], name="credits_posting_of_kind"),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.available:+d}"


class MeasuredCost(TimestampedModel):
    """The seconds that the last jobs of a kind took, newest first; no user is in it.

    A kind is model, tier and shape. The row without a shape (zeros) holds, for all shapes of a
    model on a tier, seconds divided by `work` (see `costs`).
    """

    model = models.CharField(max_length=100)
    tier = models.CharField(max_length=20, choices=GpuTier.choices)
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    steps = models.PositiveIntegerField()
    batch_size = models.PositiveIntegerField()
    seconds = ArrayField(models.FloatField())
    measured_until = models.DateTimeField()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["model", "tier", "width", "height", "steps", "batch_size"],
                name="credits_measured_cost_once",
            ),
        )

    def __str__(self) -> str:
        return f"{self.model} on {self.tier}"
