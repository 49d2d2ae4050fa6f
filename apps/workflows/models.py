"""What users keep for writing prompts: styles to put them in, and wildcards for their templates."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_noop

from apps.catalog.limits import MAX_PROMPT_LENGTH
from apps.core.models import TenantModel

MAX_NAME_LENGTH = 100
MAX_PRESETS = 500
MAX_WILDCARDS = 100
MAX_WILDCARD_NAME_LENGTH = 64
MAX_VALUES = 1000
MAX_VALUE_LENGTH = 500
# Of all values of a wildcard; whoever expands a template reads all wildcards.
MAX_VALUES_LENGTH = 20_000
PLACEHOLDER = "{prompt}"

# Presets that Easel comes with (migration 0002), for the translation of their names.
SHIPPED_NAMES = (
    gettext_noop("Photograph"),
    gettext_noop("Oil painting"),
    gettext_noop("Watercolour"),
    gettext_noop("Ink drawing"),
    gettext_noop("Anime"),
    gettext_noop("Pixel art"),
    gettext_noop("3D render"),
    gettext_noop("Film noir"),
)


class StylePreset(TenantModel):
    """Words around a prompt: each text says where it goes by `{prompt}`, or follows it.

    One without a user is shared: administrators made it, everybody sees it. `cover_name` names a
    picture of its user; one that is not there is none.
    """

    user = models.ForeignKey(  # type: ignore[assignment]  # of nobody if it is shared
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="+",
        null=True,
        blank=True,
    )
    name = models.CharField(max_length=MAX_NAME_LENGTH)
    prompt = models.TextField(blank=True, max_length=MAX_PROMPT_LENGTH)
    negative_prompt = models.TextField(blank=True, max_length=MAX_PROMPT_LENGTH)
    cover_name = models.UUIDField(null=True, blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["user", "name"],
                # One name once among the shared ones too.
                nulls_distinct=False,
                name="workflows_preset_name",
            ),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def is_shared(self) -> bool:
        return self.user_id is None


class Wildcard(TenantModel):
    """Values of which `__name__` in a template is one; `name` is in small letters."""

    name = models.CharField(max_length=MAX_WILDCARD_NAME_LENGTH)
    values = ArrayField(models.TextField(max_length=MAX_VALUE_LENGTH), size=MAX_VALUES)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["user", "name"], name="workflows_wildcard_name"),
        )

    def __str__(self) -> str:
        return self.name
