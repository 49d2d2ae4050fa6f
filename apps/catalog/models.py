"""Models that pictures are made with or by the help of, and their installs."""

import secrets
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.core.models import OwnedModel, TenantModel, TimestampedModel
from apps.plans.products import ModelAccess
from gpu_tasks.engine.family_facts import FAMILY_FACTS
from gpu_tasks.providers.facts import PROVIDER_FACTS, facts_of

# Seconds of a picture of 1024 × 1024 pixels in 20 steps, before any were measured (DESIGN, 1).
PLANNED_SECONDS: Mapping[str, float] = MappingProxyType(
    {base: facts.planned_seconds for base, facts in FAMILY_FACTS.items()}
)


def base_choices() -> list[tuple[str, str]]:
    """List all families with their names; asked, so that one more is no migration."""
    provided = [(base, facts.title) for base, facts in PROVIDER_FACTS.items()]
    return [*installable_bases(), *provided]


def installable_bases() -> list[tuple[str, str]]:
    """List the families of the engine with their names, which have weights."""
    return [(base, facts.name) for base, facts in FAMILY_FACTS.items()]


def access_of_family(base: str) -> ModelAccess:
    """Return what a plan must include for models of a family, or of none."""
    return ModelAccess(facts_of(base).access.value) if base else ModelAccess.SD_ONLY


class ModelKind(models.TextChoices):
    """What a model is for; the main ones make pictures, the others help them."""

    MAIN = "main", _("main model")
    LORA = "lora", _("LoRA")
    VAE = "vae", _("VAE")
    CONTROLNET = "controlnet", _("ControlNet")
    T2I_ADAPTER = "t2i_adapter", _("T2I adapter")
    IP_ADAPTER = "ip_adapter", _("IP-Adapter")
    EMBEDDING = "embedding", _("embedding")
    UPSCALER = "upscaler", _("upscaler")
    DEPTH = "depth", _("depth estimator")
    SAFETY = "safety", _("safety checker")


# They work beside any family.
KINDS_WITHOUT_FAMILY = frozenset({ModelKind.UPSCALER, ModelKind.DEPTH, ModelKind.SAFETY})
# What users may bring themselves, on any plan that includes the family.
KINDS_OF_USERS = frozenset({ModelKind.LORA, ModelKind.EMBEDDING})

OWN_PREFIX = "own-"


def new_own_key() -> str:
    """Make the key of a user's own model: it collides with none and tells of none."""
    return OWN_PREFIX + secrets.token_hex(6)


class GenerationModel(OwnedModel, TimestampedModel):
    """A model that all share, made by administrators, or one of a user's own.

    `location` is a directory below the models root, or else below the same name in the file
    store; `files` are relative to it. Weights are safetensors. A deleted one that jobs name keeps
    its row, without its files.
    """

    private_fields: ClassVar[tuple[str, ...]] = ("license_recorded_by",)

    key = models.SlugField(primary_key=True, max_length=64)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="+",
        null=True,
        blank=True,
        editable=False,
    )
    kind = models.CharField(max_length=16, choices=ModelKind.choices, default=ModelKind.MAIN)
    name = models.CharField(max_length=100)
    base = models.CharField(max_length=32, choices=base_choices, blank=True)
    location = models.CharField(max_length=255)
    access = models.CharField(
        max_length=16, choices=ModelAccess.choices, default=ModelAccess.SD_ONLY
    )
    # Of main models; the others have what they suggest in `defaults`.
    default_width = models.PositiveIntegerField(default=0)
    default_height = models.PositiveIntegerField(default=0)
    min_size = models.PositiveIntegerField(default=0)
    max_size = models.PositiveIntegerField(default=0)
    default_steps = models.PositiveIntegerField(default=0)
    default_guidance = models.FloatField(default=0.0)
    default_scheduler = models.CharField(max_length=32, blank=True)
    defaults = models.JSONField(default=dict, blank=True)
    # What turns a picture into one that a ControlNet or T2I adapter takes: "canny", "depth" …
    preprocessor = models.CharField(max_length=32, blank=True)
    description = models.TextField(blank=True)
    tags = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    trigger_words = ArrayField(models.CharField(max_length=100), default=list, blank=True)
    example_prompts = ArrayField(models.TextField(), default=list, blank=True)
    cover_key = models.CharField(max_length=255, blank=True)
    # Of the one file, or of the sorted lines "path\0sha256\n" of all (`fingerprints`).
    sha256 = models.CharField(max_length=64, blank=True)
    size_bytes = models.PositiveBigIntegerField(default=0)
    files = models.JSONField(default=list, blank=True)
    # A URL, the name at a model hub, or "upload".
    source = models.CharField(max_length=500, blank=True)
    license = models.CharField(max_length=64, blank=True)
    commercial_use = models.BooleanField(default=False)
    # No foreign key: the record outlives the account of who made it.
    license_recorded_by = models.UUIDField(null=True, blank=True, editable=False)
    license_recorded_at = models.DateTimeField(null=True, blank=True, editable=False)
    license_note = models.TextField(blank=True)
    is_enabled = models.BooleanField(default=True)
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ("created_at", "key")
        indexes = (
            models.Index(fields=["user", "kind", "created_at", "key"], name="catalog_model_listed"),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def suggested(self) -> dict[str, Any]:
        """What a form begins with: its own defaults beside those of a main model's columns."""
        columns: dict[str, Any] = {}
        if self.kind == ModelKind.MAIN:
            columns = {
                "width": self.default_width,
                "height": self.default_height,
                "steps": self.default_steps,
                "guidance_scale": self.default_guidance,
                "scheduler": self.default_scheduler,
            }
        own: dict[str, Any] = self.defaults
        return columns | own


class InstallSource(models.TextChoices):
    """Where a model comes from."""

    HUB = "hub", _("model hub")
    URL = "url", _("address")
    S3 = "s3", "S3"
    UPLOAD = "upload", _("upload")


class InstallStatus(models.TextChoices):
    """How far an install is; a running one whose maker died is taken up again."""

    UPLOADING = "uploading", _("waiting for its parts")
    WAITING = "waiting", _("waiting")
    RUNNING = "running", _("running")
    READY = "ready", _("installed")
    FAILED = "failed", _("failed")
    CANCELLED = "cancelled", _("cancelled")


OPEN_INSTALLS = frozenset({InstallStatus.UPLOADING, InstallStatus.WAITING, InstallStatus.RUNNING})


class ModelInstall(TenantModel):
    """A model on its way into the catalog: a user's own, or by an administrator a shared one.

    `wanted` is what its user says about it: name, kind, base, license … `file_name` and
    `total_bytes` of an upload are announced; its parts lie in the file store until it ends. Who
    makes it renews `lease_until`; `attempt` is the fencing token. `model_key` is what came of it,
    `detail` why nothing did, in the language of its user.
    """

    source_kind = models.CharField(max_length=8, choices=InstallSource.choices)
    source = models.CharField(max_length=2000)
    file_name = models.CharField(max_length=200, blank=True)
    # Of an upload, in their order: {"key", "size"}.
    parts = models.JSONField(default=list, blank=True)
    is_shared = models.BooleanField(default=False)
    status = models.CharField(
        max_length=16, choices=InstallStatus.choices, default=InstallStatus.WAITING
    )
    wanted = models.JSONField(default=dict, blank=True)
    expected_sha256 = models.CharField(max_length=64, blank=True)
    done_bytes = models.PositiveBigIntegerField(default=0)
    total_bytes = models.PositiveBigIntegerField(null=True, blank=True)
    attempt = models.PositiveIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    model_key = models.CharField(max_length=64, blank=True)
    detail = models.TextField(blank=True)
    error_id = models.CharField(max_length=32, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = (
            models.Index(fields=["user", "-created_at", "-id"], name="catalog_install_newest"),
            models.Index(
                fields=["created_at", "id"],
                condition=models.Q(status__in=sorted(OPEN_INSTALLS)),
                name="catalog_install_open",
            ),
        )

    def __str__(self) -> str:
        return f"{self.source} ({self.status})"
