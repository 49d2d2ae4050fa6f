"""What users keep: styles and wildcards for writing prompts, and workflows with their versions."""

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
MAX_WORKFLOWS = 500
MAX_WORKFLOW_NAME_LENGTH = 120
MAX_DESCRIPTION_LENGTH = 2000
# Of one workflow; the oldest go first, the latest stays.
VERSIONS_KEPT = 200
# Of all workflows of a user, as PostgreSQL stores them; the oldest that are not the latest go.
MAX_VERSION_BYTES = 50_000_000

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


class Workflow(TenantModel):
    """A graph of nodes that runs as one job, as its latest version has it.

    `name`, `description` and `node_count` repeat what the document of `version` says. One without
    a user is shared: Easel came with it, everybody sees it.
    """

    user = models.ForeignKey(  # type: ignore[assignment]  # of nobody if it is shared
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="+",
        null=True,
        blank=True,
    )
    name = models.CharField(max_length=MAX_WORKFLOW_NAME_LENGTH)
    description = models.TextField(blank=True, max_length=MAX_DESCRIPTION_LENGTH)
    version = models.PositiveIntegerField(default=1)
    node_count = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["user", "id"], name="workflows_workflow_of_user"),
        )
        indexes = (
            models.Index(fields=["user", "-updated_at", "-id"], name="workflows_workflow_newest"),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def is_shared(self) -> bool:
        return self.user_id is None


class WorkflowVersion(TenantModel):
    """A document as it was saved once; PostgreSQL refuses that it changes."""

    user = models.ForeignKey(  # type: ignore[assignment]  # of nobody as its workflow
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="+",
        null=True,
        blank=True,
    )
    workflow = models.ForeignKey(
        # PostgreSQL ties it to a workflow of the same user.
        Workflow,
        on_delete=models.CASCADE,
        related_name="versions",
        db_constraint=False,
        db_index=False,
    )
    number = models.PositiveIntegerField()
    document = models.JSONField()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["user", "workflow", "number"],
                nulls_distinct=False,
                name="workflows_version_numbered",
            ),
        )

    def __str__(self) -> str:
        return f"{self.workflow_id} ({self.number})"
