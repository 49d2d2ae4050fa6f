from django.contrib import admin

from apps.core.admin import AuditedAdmin
from apps.plans.models import Subscription


@admin.register(Subscription)
class SubscriptionAdmin(AuditedAdmin[Subscription]):
    list_display = ("user", "plan", "valid_from", "valid_until")
    list_select_related = ("user",)
    list_filter = ("plan",)
    search_fields = ("user__email",)
    raw_id_fields = ("user",)
