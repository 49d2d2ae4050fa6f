"""The shape of errors, for the OpenAPI document."""

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
