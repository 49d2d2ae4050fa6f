from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from apps.core.admin import AuditedAdmin
from apps.images.kept_lists import note_library_change
from apps.images.models import Image


@admin.register(Image)
class ImageAdmin(AuditedAdmin[Image]):
    list_display = ("image_name", "user", "width", "height", "image_origin", "created_at")
    list_select_related = ("user",)
    list_filter = ("image_origin", "image_category")
    search_fields = ("image_name", "user__email")
    raw_id_fields = ("user",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        # A row without files would be a picture of nothing.
        del request
        return False

    def save_model(self, request: HttpRequest, obj: Image, form: Any, change: Any) -> None:
        note_library_change(obj.user_id)
        super().save_model(request, obj, form, change)

    def delete_model(self, request: HttpRequest, obj: Image) -> None:
        note_library_change(obj.user_id)
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Image]) -> None:
        for user_id in queryset.order_by().values_list("user", flat=True).distinct():
            note_library_change(user_id)
        super().delete_queryset(request, queryset)
