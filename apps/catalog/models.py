"""A model that pictures are made with: where its weights lie and what it can do."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.core.models import TimestampedModel
from apps.plans.products import ModelAccess


class BaseFamily(models.TextChoices):
    """The architecture; the engine has one pipeline set for each."""

    SD_15 = "sd-1.5-class", _("Stable Diffusion 1.5 class")


# Seconds of a picture of 1024 × 1024 pixels in 20 steps, before any were measured (DESIGN, 1).
PLANNED_SECONDS: dict[BaseFamily, float] = {BaseFamily.SD_15: 5.0}


class GenerationModel(TimestampedModel):
    """A shared model; `location` is a directory below the models root, weights as safetensors."""

    key = models.SlugField(primary_key=True, max_length=64)
    name = models.CharField(max_length=100)
    base = models.CharField(max_length=32, choices=BaseFamily.choices)
    location = models.CharField(max_length=255)
    access = models.CharField(
        max_length=16, choices=ModelAccess.choices, default=ModelAccess.SD_ONLY
    )
    default_width = models.PositiveIntegerField()
    default_height = models.PositiveIntegerField()
    min_size = models.PositiveIntegerField()
    max_size = models.PositiveIntegerField()
    default_steps = models.PositiveIntegerField()
    default_guidance = models.FloatField()
    default_scheduler = models.CharField(max_length=32)
    license = models.CharField(max_length=64)
    commercial_use = models.BooleanField(default=False)
    example_prompts = ArrayField(models.TextField(), default=list, blank=True)
    is_enabled = models.BooleanField(default=True)

    class Meta:
        ordering = ("created_at", "key")

    def __str__(self) -> str:
        return self.name
