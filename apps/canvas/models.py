"""Canvases: documents of layers, and the files that hold the pixels of these."""

import uuid

from django.db import models

from apps.core.models import TenantModel

MAX_NAME_LENGTH = 100
MAX_DOCUMENTS = 500


class CanvasDocument(TenantModel):
    """A canvas of one user; `document` is the JSON that `documents` describes.

    `version` counts the saves, so that no tab saves over what another one did meanwhile.
    `preview` names the file of a small picture of the whole.
    """

    name = models.CharField(max_length=MAX_NAME_LENGTH)
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    document = models.JSONField()
    version = models.PositiveIntegerField(default=1)
    preview = models.UUIDField(null=True, blank=True)
    # Since then in the trash.
    deleted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["user", "id"], name="canvas_document_of_user"),
        )
        indexes = (
            models.Index(
                fields=["user", "-updated_at", "-id"],
                condition=models.Q(deleted_at=None),
                name="canvas_document_newest",
            ),
            models.Index(
                fields=["deleted_at"],
                condition=models.Q(deleted_at__isnull=False),
                name="canvas_document_trash",
            ),
        )

    def __str__(self) -> str:
        return self.name


class CanvasFile(TenantModel):
    """A PNG of a canvas: the pixels of a layer, or its preview.

    A save that names it no more sets `unnamed_at`, and one that names it again takes that back: who
    undoes the deletion of a layer finds its pixels.
    """

    document = models.ForeignKey(
        # PostgreSQL ties it to a document of the same user.
        CanvasDocument,
        on_delete=models.CASCADE,
        related_name="files",
        db_constraint=False,
        db_index=False,
    )
    name = models.UUIDField(default=uuid.uuid4, editable=False)
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    file_size_bytes = models.PositiveBigIntegerField()
    unnamed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["user", "name"], name="canvas_file_name_unique"),
        )
        indexes = (
            models.Index(fields=["user", "document"], name="canvas_file_of_document"),
            models.Index(
                fields=["unnamed_at"],
                condition=models.Q(unnamed_at__isnull=False),
                name="canvas_file_unnamed",
            ),
        )

    def __str__(self) -> str:
        return str(self.name)
