"""Keys that users have at providers, and the calls that were made."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.core.models import TenantModel
from gpu_tasks.providers.facts import PROVIDER_CHOICES

MOST_KEY_LENGTH = 500
HINT_LENGTH = 4


def provider_choices() -> list[tuple[str, str]]:
    """List the providers; asked, so that one more is no migration."""
    return PROVIDER_CHOICES


class KeyOwner(models.TextChoices):
    """By whose key a picture is asked for, and so whom the provider bills."""

    OWN = "own", _("your own key")
    HOUSE = "house", _("our key")


class ProviderKey(TenantModel):
    """A user's own key at a provider.

    `sealed` is it encrypted (`apps.providers.sealing`); nobody is shown more than `hint`, its last
    four characters. `checked_at` is when the provider took it, if that is known.
    """

    private_fields: ClassVar[tuple[str, ...]] = ("sealed",)

    provider = models.CharField(max_length=16, choices=provider_choices)
    sealed = models.TextField()
    hint = models.CharField(max_length=HINT_LENGTH)
    checked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["user", "provider"], name="providers_key_once"),
        )

    def __str__(self) -> str:
        return f"{self.provider} …{self.hint}"


class CallOutcome(models.TextChoices):
    """What came of a call; one that stays begun was lost with its worker."""

    BEGUN = "begun", _("begun")
    MADE = "made", _("made")
    FAILED = "failed", _("failed")
    UNSURE = "unsure", _("perhaps made")


class ProviderCall(TenantModel):
    """One call of a provider, written before it begins: a lost one may have been billed too.

    `cost_micros` are millionths of a dollar that it cost us, or may have; none by a user's key.
    """

    outlives_account: ClassVar[bool] = True

    job_id = models.UUIDField()
    attempt = models.PositiveIntegerField()
    provider = models.CharField(max_length=16, choices=provider_choices)
    model_used = models.CharField(max_length=100)
    key_owner = models.CharField(max_length=8, choices=KeyOwner.choices)
    outcome = models.CharField(max_length=8, choices=CallOutcome.choices, default=CallOutcome.BEGUN)
    pictures_asked = models.PositiveIntegerField()
    pictures_made = models.PositiveIntegerField(default=0)
    cost_micros = models.PositiveBigIntegerField()
    seconds = models.FloatField(null=True, blank=True)
    error_code = models.CharField(max_length=32, blank=True)
    # The provider's own name of the call, to ask it about.
    request_id = models.CharField(max_length=100, blank=True)

    class Meta:
        indexes = (
            models.Index(fields=["-created_at"], name="providers_call_recent"),
            models.Index(fields=["user", "job_id"], name="providers_call_of_job"),
        )

    def __str__(self) -> str:
        return f"{self.provider} {self.outcome}"
