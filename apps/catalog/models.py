"""Models that pictures are made with or by the help of, and their installs."""

import secrets
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.core.models import OwnedModel, TimestampedModel
from apps.plans.products import ModelAccess


class BaseFamily(models.TextChoices):
    """The architecture; the engine has one pipeline set for each."""

    SD_15 = "sd-1.5-class", _("Stable Diffusion 1.5 class")
    SD_2 = "sd-2", "Stable Diffusion 2"
    SDXL = "sdxl", "SDXL"
    SDXL_REFINER = "sdxl-refiner", _("SDXL refiner")
    SD_35 = "sd-3.5", "Stable Diffusion 3.5"
    FLUX_1 = "flux-1", "FLUX.1"
    FLUX_1_FILL = "flux-1-fill", "FLUX.1 Fill"
    FLUX_1_KONTEXT = "flux-1-kontext", "FLUX.1 Kontext"
    FLUX_2 = "flux-2", "FLUX.2"
    QWEN_IMAGE = "qwen-image", "Qwen-Image"
    QWEN_IMAGE_EDIT = "qwen-image-edit", "Qwen-Image-Edit"
    Z_IMAGE = "z-image", "Z-Image"


# Seconds of a picture of 1024 × 1024 pixels in 20 steps, before any were measured (DESIGN, 1).
PLANNED_SECONDS: Mapping[BaseFamily, float] = MappingProxyType(
    {
        BaseFamily.SD_15: 5.0,
        BaseFamily.SD_2: 5.0,
        BaseFamily.SDXL: 13.0,
        BaseFamily.SDXL_REFINER: 13.0,
        BaseFamily.SD_35: 18.0,
        BaseFamily.FLUX_1: 22.0,
        BaseFamily.FLUX_1_FILL: 22.0,
        BaseFamily.FLUX_1_KONTEXT: 22.0,
        BaseFamily.FLUX_2: 30.0,
        BaseFamily.QWEN_IMAGE: 35.0,
        BaseFamily.QWEN_IMAGE_EDIT: 35.0,
        BaseFamily.Z_IMAGE: 37.0,
    }
)
# SD on every plan, FLUX and its peers from Pro (DESIGN, 1).
SD_FAMILIES = frozenset(
    {
        BaseFamily.SD_15,
        BaseFamily.SD_2,
        BaseFamily.SDXL,
        BaseFamily.SDXL_REFINER,
        BaseFamily.SD_35,
    }
)


def access_of_family(base: str) -> ModelAccess:
    """Return what a plan must include for models of a family, or of none."""
    is_basic = not base or BaseFamily(base) in SD_FAMILIES
    return ModelAccess.SD_ONLY if is_basic else ModelAccess.FLUX_INCLUDED


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
    base = models.CharField(max_length=32, choices=BaseFamily.choices, blank=True)
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
