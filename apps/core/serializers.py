"""Fields and shapes that every part of the API shares."""

import math
from datetime import UTC, datetime
from typing import Any

from rest_framework import serializers


class ErrorSerializer(serializers.Serializer[Any]):
    """The envelope of every answer that is not a success."""

    detail = serializers.CharField()
    code = serializers.CharField()
    error_id = serializers.CharField()
    invalid_fields = serializers.ListField(child=serializers.CharField(), required=False)
    fields = serializers.DictField(  # type: ignore[assignment]
        child=serializers.ListField(child=serializers.CharField()), required=False
    )


class TextField(serializers.CharField):
    """A text that is one: Django REST framework would take a number for its digits."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class SwitchField(serializers.BooleanField):
    """`true` or `false`: Django REST framework would take 0, "no" and more."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class FiniteFloatField(serializers.FloatField):
    """A number that is one: `Infinity` and `NaN` pass every comparison with a limit."""

    def to_internal_value(self, data: Any) -> float:
        value = super().to_internal_value(data)
        if not math.isfinite(value):
            self.fail("invalid")
        return value


class IdField(serializers.UUIDField):
    """A UUID as text: Django REST framework would take `false` for the number 0."""

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str):
            self.fail("invalid", value=data)
        return super().to_internal_value(data)


def utc_text(moment: datetime) -> str:
    """Write a moment as the fields of Django REST framework do: ISO 8601, of UTC, with a Z."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
