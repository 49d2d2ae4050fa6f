"""What may be asked of the catalog."""

import re
from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers

from apps.catalog.models import ModelKind, base_choices, installable_bases

MOST_WORDS = 50
ALL_KINDS = "all"
_SHA256 = r"^[0-9a-fA-F]{64}$"
# Names of settings of a generation; what one means is checked when it is used.
_NUMBERS = frozenset({"width", "height", "steps", "guidance_scale", "clip_skip", "weight"})
_TEXTS = frozenset({"scheduler", "negative_prompt", "prediction_type"})


class ModelListQuerySerializer(serializers.Serializer[Any]):
    """Which models to list."""

    kind = serializers.ChoiceField(
        choices=[*ModelKind.values, ALL_KINDS], default=ModelKind.MAIN.value
    )
    base = serializers.ChoiceField(choices=[base for base, _name in base_choices()], default="")
    q = serializers.CharField(max_length=100, default="", allow_blank=True)


class DefaultsField(serializers.JSONField):
    """Settings that a model suggests: few, with small values."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """Take an object of known settings.

        Raises:
            ValidationError: it is none.
        """
        found = super().to_internal_value(data)
        if not isinstance(found, dict) or not all(_is_setting(*item) for item in found.items()):
            raise serializers.ValidationError(
                _("Use an object with settings of a picture: numbers, or short texts.")
            )
        return found


def _is_setting(name: str, value: Any) -> bool:
    if name in _NUMBERS:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return is_number and -10_000 <= value <= 10_000
    # Of letters that PostgreSQL takes.
    is_text = isinstance(value, str) and not re.search("[\0\ud800-\udfff]", value)
    return name in _TEXTS and is_text and len(value) <= 2000


def _words(length: int) -> serializers.ListField:
    child = serializers.CharField(max_length=length)
    return serializers.ListField(child=child, max_length=MOST_WORDS, required=False)


class ModelChangesSerializer(serializers.Serializer[Any]):
    """What its user may say about a model."""

    name = serializers.CharField(max_length=100, required=False)
    description = serializers.CharField(max_length=5000, required=False, allow_blank=True)
    tags = _words(40)
    trigger_words = _words(100)
    preprocessor = serializers.CharField(max_length=32, required=False, allow_blank=True)
    defaults = DefaultsField(required=False)
    is_enabled = serializers.BooleanField(required=False)


class UploadAnnouncementSerializer(serializers.Serializer[Any]):
    """A file whose parts will be sent."""

    file_name = serializers.CharField(max_length=200)
    size = serializers.IntegerField(min_value=1)


class InstallRequestSerializer(serializers.Serializer[Any]):
    """A place to install from, or an upload that is announced; and what is known of the model."""

    source = serializers.CharField(  # type: ignore[assignment]  # a field of this name
        max_length=2000,
        required=False,
        help_text="`owner/name` of the model hub (with `:file` for one of its files), or a URL.",
    )
    upload = UploadAnnouncementSerializer(required=False)
    sha256 = serializers.RegexField(
        _SHA256, required=False, help_text="Of the file; another one is refused."
    )
    name = serializers.CharField(max_length=100, required=False)
    kind = serializers.ChoiceField(choices=ModelKind.choices, required=False)
    base = serializers.ChoiceField(
        choices=[base for base, _name in installable_bases()], required=False
    )
    description = serializers.CharField(max_length=5000, required=False, allow_blank=True)
    tags = _words(40)
    trigger_words = _words(100)
    preprocessor = serializers.CharField(max_length=32, required=False, allow_blank=True)
    license = serializers.CharField(max_length=64, required=False, allow_blank=True)
    commercial_use = serializers.BooleanField(
        required=False, help_text="You may use the model commercially, by its licence."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("source" in attrs) == ("upload" in attrs):
            raise serializers.ValidationError(
                {"source": [_("Name a source, or announce an upload; one of the two.")]}
            )
        return attrs
