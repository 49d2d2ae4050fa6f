from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from apps.core.admin import AuditedAdmin, ReadOnlyAdmin
from apps.workflows.models import StylePreset, Wildcard, Workflow


@admin.register(StylePreset)
class StylePresetAdmin(AuditedAdmin[StylePreset]):
    """The styles that everybody has; those of users are theirs."""

    list_display = ("name", "prompt", "negative_prompt")
    search_fields = ("name",)
    fields = ("name", "prompt", "negative_prompt")

    def get_queryset(self, request: HttpRequest) -> QuerySet[StylePreset]:
        return super().get_queryset(request).filter(user=None)


@admin.register(Wildcard)
class WildcardAdmin(ReadOnlyAdmin[Wildcard]):
    list_display = ("name", "user", "updated_at")
    search_fields = ("name", "user__email")


@admin.register(Workflow)
class WorkflowAdmin(ReadOnlyAdmin[Workflow]):
    list_display = ("name", "user", "version", "node_count", "updated_at")
    search_fields = ("name", "user__email")
