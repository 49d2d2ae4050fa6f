"""The JSON of a canvas, version 1: what clients send is hostile until it has passed here.

Places and sizes are in pixels of the canvas; layers lie bottom first; the pixels of a layer are a
file of the same canvas, named by `image`.
"""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.conf import settings
from django.core.validators import RegexValidator
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from apps.canvas.models import MAX_NAME_LENGTH
from apps.core.serializers import IdField, SwitchField, TextField

VERSION: Final = 1
MIN_SIDE: Final = 16
MAX_SIDE: Final = 8192
MAX_LAYERS: Final = 64
# So far a layer or the box may lie from the corner of the canvas.
MAX_OFFSET: Final = 4 * MAX_SIDE
KINDS: Final = ("picture", "mask", "control")
DEFAULT_BOX_SIDE: Final = 512


class NumberField(serializers.FloatField):
    """A number that is one, whole or not, and stays as it was written."""

    def to_internal_value(self, data: Any) -> Any:
        # As a limit, it keeps out what is not finite and what no float can hold.
        if isinstance(data, bool) or not isinstance(data, int | float) or not abs(data) < 2**31:
            self.fail("invalid")
        return data


class WholeField(serializers.IntegerField):
    """A whole number: Django REST framework would take its digits, 1.0 and true."""

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, bool) or not isinstance(data, int):
            self.fail("invalid")
        return data


class _ExactSerializer(serializers.Serializer[Any]):
    """An object that has these fields and no others."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping) and data.keys() - self.fields.keys():
            raise serializers.ValidationError(_("There is a field here that is not known."))
        return super().to_internal_value(data)


def _place() -> NumberField:
    return NumberField(min_value=-MAX_OFFSET, max_value=MAX_OFFSET)


def _side() -> NumberField:
    return NumberField(min_value=1, max_value=MAX_SIDE)


def canvas_side(**options: Any) -> WholeField:
    """Return the field of a side of a canvas."""
    return WholeField(min_value=MIN_SIDE, max_value=MAX_SIDE, **options)


class LayerSerializer(_ExactSerializer):
    """A layer; without an `image` it is empty."""

    id = TextField(max_length=64, validators=[RegexValidator(r"\A[A-Za-z0-9_-]+\Z")])
    kind = serializers.ChoiceField(choices=KINDS)
    name = TextField(max_length=MAX_NAME_LENGTH, allow_blank=True)
    visible = SwitchField()
    opacity = NumberField(min_value=0, max_value=1)
    locked = SwitchField()
    x = _place()
    y = _place()
    width = _side()
    height = _side()
    image = IdField(allow_null=True)


class BoxSerializer(_ExactSerializer):
    """The part of the canvas that is asked for next."""

    x = _place()
    y = _place()
    width = _side()
    height = _side()


class DocumentSerializer(_ExactSerializer):
    """A canvas: its size, its layers bottom first, and the box."""

    version = WholeField(min_value=VERSION, max_value=VERSION)
    width = canvas_side()
    height = canvas_side()
    layers = LayerSerializer(many=True, max_length=MAX_LAYERS)  # type: ignore[call-arg]
    box = BoxSerializer()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        refuse_too_large(attrs["width"], attrs["height"])
        ids = [layer["id"] for layer in attrs["layers"]]
        if len(set(ids)) < len(ids):
            raise serializers.ValidationError({"layers": [_("Two layers have the same id.")]})
        return attrs


def refuse_too_large(width: int, height: int) -> None:
    """Refuse a canvas of more pixels than a picture may have.

    Raises:
        ValidationError: of `width`.
    """
    if width * height > settings.EASEL_UPLOAD_MAX_PIXELS:
        raise serializers.ValidationError({"width": [_("The canvas has too many pixels.")]})


def as_json(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a checked document as it is kept: names as texts."""
    layers = [
        {**layer, "image": None if layer["image"] is None else str(layer["image"])}
        for layer in document["layers"]
    ]
    return {**document, "layers": layers, "box": dict(document["box"])}


def empty_document(*, width: int, height: int, layers: Sequence[Any] = ()) -> dict[str, Any]:
    """Return a canvas of this size with a box in its middle."""
    box_width, box_height = min(width, DEFAULT_BOX_SIDE), min(height, DEFAULT_BOX_SIDE)
    return {
        "version": VERSION,
        "width": width,
        "height": height,
        "layers": list(layers),
        "box": {
            "x": (width - box_width) // 2,
            "y": (height - box_height) // 2,
            "width": box_width,
            "height": box_height,
        },
    }


def picture_layer(*, name: str, width: int, height: int, image: uuid.UUID) -> dict[str, Any]:
    """Return a layer of one picture that begins in the corner of the canvas."""
    return {
        "id": str(uuid.uuid4()),
        "kind": "picture",
        "name": name[:MAX_NAME_LENGTH],
        "visible": True,
        "opacity": 1,
        "locked": False,
        "x": 0,
        "y": 0,
        "width": width,
        "height": height,
        "image": str(image),
    }


def named_files(document: Mapping[str, Any], preview: uuid.UUID | None) -> set[uuid.UUID]:
    """Return the names of all files that a kept document and its preview need."""
    names = {uuid.UUID(layer["image"]) for layer in document["layers"] if layer["image"]}
    return names if preview is None else {*names, preview}
