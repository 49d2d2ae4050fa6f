from django.contrib import admin

from apps.core.admin import ReadOnlyAdmin
from apps.privacy.models import DataRequest


@admin.register(DataRequest)
class DataRequestAdmin(ReadOnlyAdmin[DataRequest]):
    list_display = ("created_at", "user", "kind", "state", "done", "total", "finished_at")
    list_select_related = ("user",)
    list_filter = ("kind", "state")
    search_fields = ("user__email", "error_id")
