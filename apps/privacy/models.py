"""A user's wish about the own data, worked off in the background."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.core.models import TenantModel


class RequestKind(models.TextChoices):
    """What is wished for."""

    EXPORT = "export", _("export of all data")
    DELETION = "deletion", _("deletion of the account")


class RequestState(models.TextChoices):
    """How far it is; a running one whose worker died is taken up again."""

    WAITING = "waiting", _("waiting")
    RUNNING = "running", _("running")
    DONE = "done", _("done")
    FAILED = "failed", _("failed")


OPEN_STATES = frozenset({RequestState.WAITING, RequestState.RUNNING})


class DataRequest(TenantModel):
    """An export or a deletion, with its progress in files and what came of it."""

    outlives_account: ClassVar[bool] = True

    kind = models.CharField(max_length=16, choices=RequestKind.choices)
    state = models.CharField(
        max_length=16, choices=RequestState.choices, default=RequestState.WAITING
    )
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    attempt = models.PositiveIntegerField(default=0)
    seen_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    file_key = models.CharField(max_length=255, blank=True)
    file_size_bytes = models.PositiveBigIntegerField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    error_id = models.CharField(max_length=32, blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["user", "kind"],
                condition=Q(state__in=sorted(OPEN_STATES)),
                name="privacy_one_open_request_of_a_kind",
            ),
        )
        indexes = (
            models.Index(fields=["user", "-created_at", "-id"], name="privacy_request_user_newest"),
            models.Index(
                fields=["created_at"],
                name="privacy_request_open",
                condition=Q(state__in=sorted(OPEN_STATES)),
            ),
            models.Index(
                fields=["expires_at"],
                name="privacy_request_expiring",
                condition=~Q(file_key=""),
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind} ({self.state})"
