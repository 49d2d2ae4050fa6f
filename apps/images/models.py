"""The record of a picture; its files lie in storage under the keys named here."""

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.core.models import TenantModel


class ImageOrigin(models.TextChoices):
    """Where a picture came from."""

    INTERNAL = "internal", _("made here")
    EXTERNAL = "external", _("uploaded")


class ImageCategory(models.TextChoices):
    """What a picture is to its user."""

    GENERAL = "general", _("result")
    USER = "user", _("upload")


class Image(TenantModel):
    """A picture of one user.

    `session_id` is the job that made it and `node_id` its place in that job's batch: together
    they are unique, so that no redelivery can ever make a second record of one result.
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
        )
        indexes = (
            models.Index(fields=["user", "-created_at", "-id"], name="images_image_user_newest"),
        )

    def __str__(self) -> str:
        return str(self.image_name)


class StorageUse(TenantModel):
    """The bytes that the pictures of a user take; kept by a trigger on pictures, exactly."""

    stored_bytes = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["user"], name="images_storage_use_of_user"),)

    def __str__(self) -> str:
        return f"{self.stored_bytes} bytes"
