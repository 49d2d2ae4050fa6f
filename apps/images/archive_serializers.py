"""Archives in JSON: what may be asked of them, and how they are shown."""

from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.core.serializers import IdField
from apps.images.archive_selectors import ALL, MOST_NAMED
from apps.images.exports import DEFAULT_QUALITY, ExportFormat
from apps.images.models import Archive, ArchiveStatus
from apps.images.requests import BoardField


class AnyBoardField(BoardField):
    """The id of a board, `none` for the pictures on no board, or `all` for every picture."""

    def to_internal_value(self, data: Any) -> Any:
        return ALL if data == ALL else super().to_internal_value(data)


class ArchiveRequestSerializer(serializers.Serializer[Any]):
    """Pictures by name, or a board: one of the two."""

    images = serializers.ListField(
        child=IdField(), required=False, min_length=1, help_text=f"At most {MOST_NAMED:,}."
    )
    board = AnyBoardField(
        required=False, help_text="A board, `none` for the pictures on no board, or `all`."
    )
    format = serializers.ChoiceField(
        choices=[kind.value for kind in ExportFormat], default=ExportFormat.PNG.value
    )
    quality = serializers.IntegerField(
        min_value=1,
        max_value=100,
        default=DEFAULT_QUALITY,
        help_text="Of a WebP or a JPEG; a PNG is always whole.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("images" in attrs) == ("board" in attrs):
            raise serializers.ValidationError(
                {"images": [_("Name pictures or a board, not both.")]}
            )
        return attrs


class ArchiveSerializer(serializers.ModelSerializer[Archive]):
    """An archive with its progress in pictures; `url` is where its file is once it is ready.

    One that `is_streamed` is made while it is sent, and counts as none of those kept.
    """

    format = serializers.CharField(source="export_format")
    url = serializers.SerializerMethodField()
    detail = serializers.SerializerMethodField(help_text="Why it failed; empty unless it has.")

    class Meta:
        model = Archive
        fields = (
            *("id", "status", "done", "total", "size_bytes", "url", "format", "is_streamed"),
            *("created_at", "expires_at", "detail", "error_id"),
        )

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_url(self, archive: Archive) -> str | None:
        return archive_url(archive)

    def get_detail(self, archive: Archive) -> str:
        if archive.status != ArchiveStatus.FAILED:
            return ""
        return _("The archive could not be made. Try again; if it persists, tell support.")


def archive_url(archive: Archive) -> str | None:
    """Return where the file of an archive can be fetched, if it can."""
    if archive.status != ArchiveStatus.READY:
        return None
    return reverse("image-archive-file", args=[archive.id])
