from django.contrib import admin

from apps.catalog.models import GenerationModel
from apps.core.admin import AuditedAdmin


@admin.register(GenerationModel)
class GenerationModelAdmin(AuditedAdmin[GenerationModel]):
    list_display = ("key", "name", "base", "access", "license", "commercial_use", "is_enabled")
    list_filter = ("base", "access", "is_enabled")
    search_fields = ("key", "name")
