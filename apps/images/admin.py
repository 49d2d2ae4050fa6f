from django.contrib import admin

from apps.core.admin import AuditedAdmin
from apps.images.models import Image


@admin.register(Image)
class ImageAdmin(AuditedAdmin[Image]):
    list_display = ("image_name", "user", "width", "height", "image_origin", "created_at")
    list_select_related = ("user",)
    list_filter = ("image_origin", "image_category")
    search_fields = ("image_name", "user__email")
    raw_id_fields = ("user",)
