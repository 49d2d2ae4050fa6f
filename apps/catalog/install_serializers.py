"""Installs in JSON."""

from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers

from apps.catalog.models import InstallSource, InstallStatus, ModelInstall


class ModelInstallSerializer(serializers.ModelSerializer[ModelInstall]):
    """An install with its progress in bytes; `model` is the key of what came of it.

    Of an upload `done_bytes` is where the next part begins.
    """

    status = serializers.ChoiceField(choices=InstallStatus.values)
    source_kind = serializers.ChoiceField(choices=InstallSource.values)
    model = serializers.SerializerMethodField()
    detail = serializers.SerializerMethodField(help_text="Why it failed; empty unless it has.")

    class Meta:
        model = ModelInstall
        fields = (
            *("id", "status", "source_kind", "source", "file_name", "done_bytes", "total_bytes"),
            *("model", "detail", "error_id", "created_at", "finished_at"),
        )

    def get_model(self, install: ModelInstall) -> str | None:
        return install.model_key or None

    def get_detail(self, install: ModelInstall) -> str:
        return install_detail(install)


class ModelInstallListSerializer(serializers.Serializer[Any]):
    results = ModelInstallSerializer(many=True)


def install_detail(install: ModelInstall) -> str:
    """Say why an install failed, if it has."""
    if install.status != InstallStatus.FAILED:
        return ""
    return install.detail or _(
        "The model could not be installed. Try again; if it persists, tell support."
    )
