from django.contrib import admin

from apps.core.admin import ReadOnlyAdmin
from apps.credits.models import UsageRecord


@admin.register(UsageRecord)
class UsageRecordAdmin(ReadOnlyAdmin[UsageRecord]):
    list_display = (
        "created_at",
        "user",
        "action_type",
        "model_used",
        "gpu_tier",
        "compute_seconds",
        "credits_consumed",
    )
    list_select_related = ("user",)
    list_filter = ("action_type", "gpu_tier", "created_at")
    search_fields = ("user__email", "=job_id")
