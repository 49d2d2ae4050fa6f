"""The JSON of canvases."""

from typing import Any

from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from apps.canvas.documents import DocumentSerializer, WholeField, canvas_side, refuse_too_large
from apps.canvas.models import MAX_NAME_LENGTH, CanvasDocument, CanvasFile
from apps.core.serializers import IdField, TextField


class CanvasSummarySerializer(serializers.ModelSerializer[CanvasDocument]):
    """A canvas as it is listed."""

    url = serializers.SerializerMethodField()
    preview_url = serializers.SerializerMethodField(
        help_text="A small picture of it; null until one was saved."
    )

    class Meta:
        model = CanvasDocument
        fields = (
            *("id", "url", "name", "width", "height", "version", "preview_url"),
            *("created_at", "updated_at", "deleted_at"),
        )

    def get_url(self, canvas: CanvasDocument) -> str:
        return reverse("canvas", args=[canvas.id])

    def get_preview_url(self, canvas: CanvasDocument) -> str | None:
        if canvas.preview is None:
            return None
        return reverse("canvas-layer", args=[canvas.id, canvas.preview])


class CanvasSerializer(CanvasSummarySerializer):
    """A canvas with its document; the pixels of a layer are at `layers/{image}` below its URL."""

    document = DocumentSerializer()

    class Meta(CanvasSummarySerializer.Meta):
        fields = (*CanvasSummarySerializer.Meta.fields, "document")  # type: ignore[assignment]

    def to_representation(self, instance: CanvasDocument) -> dict[str, Any]:
        shown = CanvasSummarySerializer(instance, context=self.context).data
        # As it is kept: it was checked when it came.
        return {**shown, "document": instance.document}


class NewCanvasSerializer(serializers.Serializer[Any]):
    """A canvas by its size, or by the picture to begin with."""

    name = TextField(max_length=MAX_NAME_LENGTH, required=False)
    width = canvas_side(required=False)
    height = canvas_side(required=False)
    image = IdField(required=False, help_text="The name of one of your pictures.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        sides = {"width", "height"} & attrs.keys()
        if "image" in attrs:
            if sides:
                raise serializers.ValidationError(
                    {"image": [_("Give a picture or a size, not both.")]}
                )
            return attrs
        missing = sorted({"width", "height"} - sides)
        if missing:
            raise serializers.ValidationError({name: [_("Give a size.")] for name in missing})
        refuse_too_large(attrs["width"], attrs["height"])
        return attrs


class CanvasSaveSerializer(serializers.Serializer[Any]):
    """A save: the `version` it builds on, and the whole document."""

    version = WholeField(min_value=1, max_value=2**31 - 1)
    document = DocumentSerializer()
    preview = IdField(
        required=False, allow_null=True, help_text="A small picture of it; left out, it stays."
    )


class CanvasChangesSerializer(serializers.Serializer[Any]):
    name = TextField(max_length=MAX_NAME_LENGTH)


class LayerFileSerializer(serializers.ModelSerializer[CanvasFile]):
    """The pixels of a layer, to be named as its `image` by the next save."""

    url = serializers.SerializerMethodField()

    class Meta:
        model = CanvasFile
        fields = ("name", "url", "width", "height", "file_size_bytes")

    def get_url(self, file: CanvasFile) -> str:
        return reverse("canvas-layer", args=[file.document_id, file.name])


class LayerUploadSerializer(serializers.Serializer[Any]):
    """The pixels of a layer: a PNG in the multipart field `file`."""

    file = serializers.FileField(allow_empty_file=False)
