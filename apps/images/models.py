"""The record of a picture; its files lie in storage under the keys named here."""

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.core.models import TenantModel

MAX_RATING = 5
MAX_TAGS = 20
MAX_TAG_LENGTH = 40
MAX_NOTE_LENGTH = 2000


class ImageOrigin(models.TextChoices):
    """Where a picture came from."""

    INTERNAL = "internal", _("made here")
    EXTERNAL = "external", _("uploaded")


class ImageCategory(models.TextChoices):
    """What a picture is to its user."""

    GENERAL = "general", _("result")
    USER = "user", _("upload")


class ImageAct(models.TextChoices):
    """What can be done to many pictures at once."""

    STAR = "star"
    UNSTAR = "unstar"
    RATE = "rate"
    TAG = "tag"
    UNTAG = "untag"
    TRASH = "trash"
    RESTORE = "restore"
    PURGE = "purge"


class Image(TenantModel):
    """A picture of one user.

    `session_id` is the job that made it and `node_id` its place in that job's batch: together
    they are unique, so that no redelivery can ever make a second record of one result.

    PostgreSQL keeps some columns more that only `search` uses and that follow from these: `seed`,
    `settings_digest`, `facets` and `word_bits`.
    """

    image_name = models.UUIDField(default=uuid.uuid4, editable=False)
    image_origin = models.CharField(max_length=16, choices=ImageOrigin.choices)
    image_category = models.CharField(max_length=16, choices=ImageCategory.choices)
    session_id = models.UUIDField(null=True, blank=True)
    node_id = models.CharField(max_length=64, blank=True)
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    file_size_bytes = models.PositiveBigIntegerField()
    metadata = models.JSONField(default=dict, blank=True)
    workflow = models.JSONField(null=True, blank=True)
    graph = models.JSONField(null=True, blank=True)
    is_intermediate = models.BooleanField(default=False)
    starred = models.BooleanField(default=False)
    rating = models.PositiveSmallIntegerField(default=0)
    note = models.TextField(blank=True)
    tags = ArrayField(models.CharField(max_length=MAX_TAG_LENGTH), default=list, blank=True)
    # Which board that is the app of boards knows, which stands above this one.
    board_id = models.UUIDField(null=True, blank=True)
    placeholder = models.CharField(max_length=128, blank=True)
    # Since then in the trash.
    deleted_at = models.DateTimeField(null=True, blank=True)
    has_workflow = models.BooleanField(default=False)
    s3_key = models.CharField(max_length=255)
    s3_thumbnail_key = models.CharField(max_length=255)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["user", "image_name"], name="images_image_name_unique"),
            models.UniqueConstraint(
                fields=["user", "session_id", "node_id"],
                condition=models.Q(session_id__isnull=False),
                name="images_image_once_a_result",
            ),
            models.UniqueConstraint(fields=["user", "id"], name="images_image_of_user"),
            models.CheckConstraint(
                condition=models.Q(rating__lte=MAX_RATING), name="images_image_rating_limit"
            ),
        )
        indexes = (
            models.Index(
                fields=["user", "-deleted_at", "-id"],
                condition=models.Q(deleted_at__isnull=False),
                name="images_image_trash",
            ),
            models.Index(
                fields=["created_at"],
                condition=models.Q(is_intermediate=True),
                name="images_image_intermediate",
            ),
        )

    def __str__(self) -> str:
        return str(self.image_name)


class StorageUse(TenantModel):
    """What the pictures of a user come to; kept by triggers on pictures, exactly.

    Bytes count until the files are gone, so those of the trash count too. `image_count` is of
    what is not in the trash, `loose_count` of those of them in no board.
    """

    stored_bytes = models.PositiveBigIntegerField(default=0)
    image_count = models.PositiveIntegerField(default=0)
    loose_count = models.PositiveIntegerField(default=0)
    trash_count = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["user"], name="images_storage_use_of_user"),)

    def __str__(self) -> str:
        return f"{self.stored_bytes} bytes"


class HourCount(TenantModel):
    """How many pictures a user made in an hour; days of any time zone are sums of these."""

    hour = models.DateTimeField()
    image_count = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["user", "hour"], name="images_hour_of_user"),
        )

    def __str__(self) -> str:
        return f"{self.image_count} at {self.hour}"


class Purge(TenantModel):
    """A picture that is gone for good, whose files are still to be deleted.

    Written by a trigger in the transaction that deletes the picture's row, so that no file is
    forgotten whoever deletes it, and no request waits for the store.
    """

    image_name = models.UUIDField()

    def __str__(self) -> str:
        return str(self.image_name)


class ArchiveStatus(models.TextChoices):
    """How far an archive is; a running one whose maker died is begun again."""

    WAITING = "waiting", _("waiting")
    RUNNING = "running", _("running")
    READY = "ready", _("ready")
    FAILED = "failed", _("failed")


OPEN_ARCHIVES = frozenset({ArchiveStatus.WAITING, ArchiveStatus.RUNNING})


class Archive(TenantModel):
    """A zip of pictures: of those named, or of a board (its id, `none` or `all`).

    A small one is made anew whenever it is sent and has no file. Of another, `file_key` names the
    zip once it is stored, until `expires_at`. Who makes it renews `lease_until`; `attempt` is the
    fencing token.
    """

    status = models.CharField(
        max_length=16, choices=ArchiveStatus.choices, default=ArchiveStatus.WAITING
    )
    image_names = ArrayField(models.UUIDField(), default=list, blank=True)
    board = models.CharField(max_length=36, blank=True)
    export_format = models.CharField(max_length=8)
    quality = models.PositiveSmallIntegerField()
    is_streamed = models.BooleanField(default=False)
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField()
    # Of the pictures, as they are stored; of the zip once there is one.
    size_bytes = models.PositiveBigIntegerField()
    attempt = models.PositiveIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    file_key = models.CharField(max_length=255, blank=True)
    expires_at = models.DateTimeField()
    error_id = models.CharField(max_length=32, blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["user"],
                condition=models.Q(status=ArchiveStatus.RUNNING),
                name="images_archive_one_running",
            ),
        )
        indexes = (
            models.Index(fields=["user", "-created_at", "-id"], name="images_archive_newest"),
            models.Index(
                fields=["created_at", "id"],
                condition=models.Q(status__in=sorted(OPEN_ARCHIVES)),
                name="images_archive_open",
            ),
            models.Index(fields=["expires_at"], name="images_archive_expiring"),
        )

    def __str__(self) -> str:
        return f"{self.total} pictures ({self.status})"
