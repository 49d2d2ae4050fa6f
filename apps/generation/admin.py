from django.contrib import admin

from apps.core.admin import AuditedAdmin
from apps.generation.models import Job


@admin.register(Job)
class JobAdmin(AuditedAdmin[Job]):
    list_display = ("id", "user", "state", "tier", "model", "attempt", "created_at", "finished_at")
    list_select_related = ("user", "model")
    list_filter = ("state", "tier", "error_code")
    search_fields = ("id", "user__email", "error_id")
    raw_id_fields = ("user",)
