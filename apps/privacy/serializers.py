"""The JSON of a request about one's own data."""

from typing import Any

from django.urls import reverse
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.core.serializers import TextField
from apps.privacy.models import DataRequest


class DataRequestSerializer(serializers.ModelSerializer[DataRequest]):
    """A request with its progress in files; `file_url` while a finished export can be fetched."""

    url = serializers.SerializerMethodField()
    file_url = serializers.SerializerMethodField()

    class Meta:
        model = DataRequest
        fields = (
            "id",
            "url",
            "kind",
            "state",
            "done",
            "total",
            "created_at",
            "finished_at",
            "file_url",
            "file_size_bytes",
            "expires_at",
            "error_id",
        )

    def get_url(self, request: DataRequest) -> str:
        return reverse("data-request", args=[request.id])

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_file_url(self, request: DataRequest) -> str | None:
        return reverse("data-request-file", args=[request.id]) if request.file_key else None


class DeletionSerializer(serializers.Serializer[Any]):
    """The e-mail of the account, typed anew."""

    email = TextField(max_length=254)
