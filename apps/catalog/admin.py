from django.contrib import admin

from apps.catalog.models import GenerationModel


@admin.register(GenerationModel)
class GenerationModelAdmin(admin.ModelAdmin[GenerationModel]):
    list_display = ("key", "name", "base", "access", "license", "commercial_use", "is_enabled")
    list_filter = ("base", "access", "is_enabled")
    search_fields = ("key", "name")
