"""The JSON of presets, wildcards and prompts made of templates."""

import re
import uuid
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from apps.catalog.limits import MAX_PROMPT_LENGTH, MAX_SEED
from apps.core.serializers import IdField, TextField, utc_text
from apps.generation.dynamic_prompts import MAX_PROMPTS
from apps.images.serializers import thumbnail_address
from apps.workflows.models import (
    MAX_NAME_LENGTH,
    MAX_VALUE_LENGTH,
    MAX_VALUES,
    MAX_VALUES_LENGTH,
    MAX_WILDCARD_NAME_LENGTH,
    StylePreset,
    Wildcard,
)

# What a template can name; see apps/generation/dynamic_prompts.py.
_WILDCARD_NAME = re.compile(r"[^\W_](?:[\w/-]*[^\W_])?")


class StylePresetSerializer(serializers.ModelSerializer[StylePreset]):
    """A style; `cover` is the name of a picture, `cover_url` its thumbnail's address."""

    is_shared = serializers.BooleanField(
        read_only=True, help_text="Whether everybody has it, and nobody but staff changes it."
    )
    cover = serializers.UUIDField(allow_null=True, read_only=True)
    cover_url = serializers.CharField(allow_null=True, read_only=True)

    class Meta:
        model = StylePreset
        fields = (
            "id",
            "name",
            "prompt",
            "negative_prompt",
            "is_shared",
            "cover",
            "cover_url",
            "created_at",
        )

    def to_representation(self, instance: StylePreset) -> dict[str, Any]:
        cover = getattr(instance, "cover", None)
        request = self.context.get("request")
        return {
            "id": str(instance.id),
            # The names of those that Easel comes with are translated.
            "name": gettext(instance.name) if instance.is_shared else instance.name,
            "prompt": instance.prompt,
            "negative_prompt": instance.negative_prompt,
            "is_shared": instance.is_shared,
            "cover": cover and str(cover),
            "cover_url": cover and _address(request, instance, cover),
            "created_at": utc_text(instance.created_at),
        }


def _address(request: Any, preset: StylePreset, cover: uuid.UUID) -> str | None:
    if preset.user_id is None:
        return None
    return thumbnail_address(request, user_id=preset.user_id, image_name=cover)


class StylePresetListSerializer(serializers.Serializer[Any]):
    results = StylePresetSerializer(many=True)


class _TemplateField(TextField):
    def __init__(self, **options: Any) -> None:
        super().__init__(
            max_length=MAX_PROMPT_LENGTH,
            allow_blank=True,
            help_text="{prompt} stands for what it is put around; without it, this follows.",
            **options,
        )


class NewStylePresetSerializer(serializers.Serializer[Any]):
    name = TextField(max_length=MAX_NAME_LENGTH)
    prompt = _TemplateField(default="")
    negative_prompt = _TemplateField(default="")
    cover = IdField(source="cover_name", allow_null=True, default=None)


class StylePresetChangesSerializer(serializers.Serializer[Any]):
    """What is given is changed."""

    name = TextField(max_length=MAX_NAME_LENGTH, required=False)
    prompt = _TemplateField(required=False)
    negative_prompt = _TemplateField(required=False)
    cover = IdField(source="cover_name", allow_null=True, required=False)


class WildcardSerializer(serializers.ModelSerializer[Wildcard]):
    class Meta:
        model = Wildcard
        fields = ("id", "name", "values", "created_at")


class WildcardListSerializer(serializers.Serializer[Any]):
    results = WildcardSerializer(many=True)


class _WildcardNameField(TextField):
    def __init__(self, **options: Any) -> None:
        super().__init__(
            max_length=MAX_WILDCARD_NAME_LENGTH,
            help_text="Letters, digits, and - _ / between; capitals do not matter.",
            **options,
        )

    def to_internal_value(self, data: Any) -> str:
        name = super().to_internal_value(data).lower()
        if not _WILDCARD_NAME.fullmatch(name) or "__" in name:
            raise serializers.ValidationError(
                _("Use letters and digits, with single - _ or / between them.")
            )
        return name


class _ValuesField(serializers.ListField):
    def __init__(self, **options: Any) -> None:
        super().__init__(
            child=TextField(max_length=MAX_VALUE_LENGTH, allow_blank=True, trim_whitespace=False),
            allow_empty=False,
            max_length=MAX_VALUES,
            **options,
        )

    def to_internal_value(self, data: Any) -> list[str]:
        values: list[str] = super().to_internal_value(data)
        if sum(map(len, values)) > MAX_VALUES_LENGTH:
            raise serializers.ValidationError(
                _("All values together may have %(most)d characters.") % {"most": MAX_VALUES_LENGTH}
            )
        return values


class NewWildcardSerializer(serializers.Serializer[Any]):
    name = _WildcardNameField()
    values = _ValuesField()


class WildcardChangesSerializer(serializers.Serializer[Any]):
    """What is given is changed."""

    name = _WildcardNameField(required=False)
    values = _ValuesField(required=False)


class PromptTemplatesSerializer(serializers.Serializer[Any]):
    """Templates of a prompt and a negative prompt, and a style to put the outcome in."""

    prompt = TextField(max_length=MAX_PROMPT_LENGTH, allow_blank=True)
    negative_prompt = TextField(max_length=MAX_PROMPT_LENGTH, allow_blank=True, default="")
    preset = IdField(source="preset_id", allow_null=True, default=None)
    count = serializers.IntegerField(min_value=1, max_value=MAX_PROMPTS, default=1)
    seed = serializers.IntegerField(
        min_value=0,
        max_value=MAX_SEED,
        allow_null=True,
        default=None,
        help_text="The same seed makes the same prompts; nothing or null draws one.",
    )
    mode = serializers.ChoiceField(
        choices=["random", "all"],
        default="random",
        help_text="`count` outcomes at random, or all there are.",
    )


class MadePromptSerializer(serializers.Serializer[Any]):
    prompt = serializers.CharField()
    negative_prompt = serializers.CharField()


class MadePromptsSerializer(serializers.Serializer[Any]):
    """Prompts to ask for, and the seed that makes them again."""

    prompts = MadePromptSerializer(many=True)
    seed = serializers.IntegerField()
