"""The JSON of a picture."""

import uuid
from typing import Any

from django.urls import reverse
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request

from apps.accounts.credentials import CredentialKind
from apps.accounts.requests import credential_of
from apps.images.models import Image
from apps.images.placeholders import placeholder_url
from apps.images.selectors import FULL
from apps.images.signing import signed_address
from apps.images.storage import THUMBNAIL_SIZES


class ThumbnailUrlsSerializer(serializers.Serializer[Any]):
    """Addresses of the WebP thumbnails by their longest side in pixels."""

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        return {str(size): serializers.CharField() for size in THUMBNAIL_SIZES}


class ImageSerializer(serializers.ModelSerializer[Image]):
    """A picture with every address a client needs.

    To a key or token its files have signed addresses, which end and need no key. A page's own are
    stable and need the session. `context` has the request, if one is answered.
    """

    url = serializers.SerializerMethodField()
    full_url = serializers.SerializerMethodField()
    thumbnail_url = serializers.SerializerMethodField()
    thumbnail_urls = serializers.SerializerMethodField()
    generation = serializers.UUIDField(source="session_id", allow_null=True)
    placeholder = serializers.SerializerMethodField(
        help_text="A tiny picture of its colours as a `data:` URL, to be shown until it is there."
    )
    board = serializers.UUIDField(source="board_id", allow_null=True)
    metadata = serializers.DictField()

    class Meta:
        model = Image
        fields = (
            "image_name",
            "url",
            "full_url",
            "thumbnail_url",
            "thumbnail_urls",
            "width",
            "height",
            "file_size_bytes",
            "image_origin",
            "image_category",
            "starred",
            "rating",
            "note",
            "tags",
            "board",
            "placeholder",
            "deleted_at",
            "has_workflow",
            "generation",
            "metadata",
            "created_at",
        )

    def get_placeholder(self, image: Image) -> str:
        return placeholder_url(image.placeholder) if image.placeholder else ""

    def get_url(self, image: Image) -> str:
        return reverse("image", args=[image.image_name])

    def get_full_url(self, image: Image) -> str:
        if self._is_signed():
            return _signed(image, FULL)
        return reverse("image-full", args=[image.image_name])

    def get_thumbnail_url(self, image: Image) -> str:
        return self._thumbnail_url(image, THUMBNAIL_SIZES[0])

    @extend_schema_field(ThumbnailUrlsSerializer)
    def get_thumbnail_urls(self, image: Image) -> dict[str, str]:
        return {str(size): self._thumbnail_url(image, size) for size in THUMBNAIL_SIZES}

    def _thumbnail_url(self, image: Image, size: int) -> str:
        return thumbnail_address(
            self.context.get("request"),
            user_id=image.user_id,
            image_name=image.image_name,
            size=size,
        )

    def _is_signed(self) -> bool:
        return _is_program(self.context.get("request"))


def thumbnail_address(
    request: Request | None,
    *,
    user_id: uuid.UUID,
    image_name: uuid.UUID,
    size: int = THUMBNAIL_SIZES[0],
) -> str:
    """Return where the asker of `request` finds a thumbnail: signed for keys and tokens."""
    if _is_program(request):
        return signed_address(user_id=user_id, image_name=image_name, variant=str(size))
    return reverse("image-thumbnail", args=[image_name, size])


def _is_program(request: Request | None) -> bool:
    return request is not None and credential_of(request).kind != CredentialKind.SESSION


def _signed(image: Image, variant: str) -> str:
    return signed_address(user_id=image.user_id, image_name=image.image_name, variant=variant)


class UploadSerializer(serializers.Serializer[Any]):
    """An upload: one file in the multipart field `file`."""

    file = serializers.FileField(allow_empty_file=False)


class DownloadSerializer(serializers.Serializer[Any]):
    """How a picture is answered: 1 as an attachment, 0 to be looked at."""

    download = serializers.ChoiceField(choices=["0", "1"], default="0")


class ImagePageSerializer(serializers.Serializer[Any]):
    """Pictures in the order asked for, and where the list goes on to both sides."""

    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)
    results = ImageSerializer(many=True)
