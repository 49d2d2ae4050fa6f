"""The JSON of a picture."""

import uuid
from typing import Any

from django.urls import reverse
from django.utils.functional import cached_property
from rest_framework import serializers
from rest_framework.request import Request

from apps.core.serializers import utc_text
from apps.images.addresses import addresses_for
from apps.images.listed import ListedImage
from apps.images.models import Image
from apps.images.placeholders import placeholder_url
from apps.images.storage import THUMBNAIL_SIZES


class ThumbnailUrlsSerializer(serializers.Serializer[Any]):
    """Addresses of the WebP thumbnails by their longest side in pixels."""

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        return {str(size): serializers.CharField() for size in THUMBNAIL_SIZES}


class ImageSerializer(serializers.ModelSerializer[Image]):
    """A picture with every address a client needs.

    To a key or token its files have signed addresses, which end and need no key. A page's own are
    stable and need the session, or the cookies that go with it. `context` has the request, if one
    is answered.

    The fields are for the description of the API; `ImageWriter` writes.
    """

    url = serializers.CharField()
    full_url = serializers.CharField()
    thumbnail_url = serializers.CharField()
    thumbnail_urls = ThumbnailUrlsSerializer()
    generation = serializers.UUIDField(source="session_id", allow_null=True)
    placeholder = serializers.CharField(
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

    @cached_property
    def _writer(self) -> "ImageWriter":
        return ImageWriter(self.context.get("request"))

    def to_representation(self, instance: Image) -> dict[str, Any]:
        return self._writer.write(instance)


class ImageWriter:
    """Write pictures as `ImageSerializer` describes them, for the asker of a request.

    To ask that serializer's fields one by one would take a page three times as long.
    """

    def __init__(self, request: Request | None) -> None:
        self._list_url = reverse("images")
        self._addresses = addresses_for(request)

    @property
    def kind(self) -> str:
        """Name what the JSON of a picture hangs on beside the picture."""
        return self._addresses.kind

    def write(self, image: Image | ListedImage) -> dict[str, Any]:
        """Return the JSON form of `image`."""
        url = f"{self._list_url}/{image.image_name}"
        addresses, user_id, name = self._addresses, image.user_id, image.image_name
        thumbnails = {
            str(size): addresses.thumbnail(user_id=user_id, image_name=name, size=size)
            for size in THUMBNAIL_SIZES
        }
        return {
            "image_name": str(name),
            "url": url,
            "full_url": addresses.full(user_id=user_id, image_name=name),
            "thumbnail_url": thumbnails[str(THUMBNAIL_SIZES[0])],
            "thumbnail_urls": thumbnails,
            "width": image.width,
            "height": image.height,
            "file_size_bytes": image.file_size_bytes,
            "image_origin": image.image_origin,
            "image_category": image.image_category,
            "starred": image.starred,
            "rating": image.rating,
            "note": image.note,
            "tags": image.tags,
            "board": _text(image.board_id),
            "placeholder": placeholder_url(image.placeholder) if image.placeholder else "",
            "deleted_at": image.deleted_at and utc_text(image.deleted_at),
            "has_workflow": image.has_workflow,
            "generation": _text(image.session_id),
            "metadata": image.metadata,
            "created_at": utc_text(image.created_at),
        }


def _text(value: uuid.UUID | None) -> str | None:
    return None if value is None else str(value)


def thumbnail_address(
    request: Request | None,
    *,
    user_id: uuid.UUID,
    image_name: uuid.UUID,
    size: int = THUMBNAIL_SIZES[0],
) -> str:
    """Return where the asker of `request` finds a thumbnail: signed for keys and tokens."""
    return addresses_for(request).thumbnail(user_id=user_id, image_name=image_name, size=size)


class FlagField(serializers.ChoiceField):
    """A part of a multipart body that is `true` or `false`, as described: no other words."""

    def __init__(self, **options: Any) -> None:
        super().__init__(choices=["true", "false"], **options)

    def get_value(self, dictionary: Any) -> Any:
        """Take an empty part as what it is; a form's own field would take it as left out."""
        return dictionary.get(self.field_name, serializers.empty)


class UploadSerializer(serializers.Serializer[Any]):
    """An upload: one file in the multipart field `file`."""

    file = serializers.FileField(allow_empty_file=False)
    is_intermediate = FlagField(
        default="false",
        help_text="For jobs alone, as a mask is: no list shows it, and after a week it goes.",
    )


class DownloadSerializer(serializers.Serializer[Any]):
    """How a picture is answered: 1 as an attachment, 0 to be looked at."""

    download = serializers.ChoiceField(choices=["0", "1"], default="0")


class ImagePageSerializer(serializers.Serializer[Any]):
    """Pictures in the order asked for, and where the list goes on to both sides."""

    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)
    results = ImageSerializer(many=True)
