from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from apps.core.admin import AuditedAdmin, ReadOnlyAdmin
from apps.plans.models import Notice, Subscription
from apps.plans.services.notices import send_again
from apps.plans.services.subscriptions import announce_plan_change


@admin.register(Subscription)
class SubscriptionAdmin(AuditedAdmin[Subscription]):
    list_display = ("user", "plan", "valid_from", "valid_until")
    list_select_related = ("user",)
    list_filter = ("plan",)
    search_fields = ("user__email",)
    raw_id_fields = ("user",)

    def save_model(self, request: HttpRequest, obj: Subscription, form: Any, change: Any) -> None:
        super().save_model(request, obj, form, change)
        announce_plan_change(user_id=obj.user_id)

    def delete_model(self, request: HttpRequest, obj: Subscription) -> None:
        super().delete_model(request, obj)
        announce_plan_change(user_id=obj.user_id)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Subscription]) -> None:
        users = set(queryset.values_list("user_id", flat=True))
        super().delete_queryset(request, queryset)
        for user_id in users:
            announce_plan_change(user_id=user_id)


@admin.register(Notice)
class NoticeAdmin(ReadOnlyAdmin[Notice]):
    list_display = ("created_at", "user", "kind", "state", "attempts", "sent_at")
    list_select_related = ("user",)
    list_filter = ("state", "kind")
    search_fields = ("user__email",)
    actions = ("send_again",)

    @admin.action(description="Send again what could not be sent, or perhaps was not")
    def send_again(self, request: HttpRequest, queryset: QuerySet[Notice]) -> None:
        count = send_again(
            notice_ids=queryset.values_list("id", flat=True), actor_id=request.user.pk
        )
        self.message_user(request, f"{count} will be sent again.")
