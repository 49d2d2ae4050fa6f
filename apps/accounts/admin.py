from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from apps.accounts.models import ApiKey, User
from apps.accounts.services.keys import revoke_key
from apps.accounts.services.users import set_active


@admin.register(User)
class UserAdmin(admin.ModelAdmin[User]):
    list_display = ("email", "name", "is_active", "is_staff", "last_login", "created_at")
    list_filter = ("is_active", "is_staff")
    search_fields = ("email", "name")
    readonly_fields = ("last_login", "created_at", "updated_at")
    exclude = ("password",)
    ordering = ("-created_at",)

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: Any) -> None:
        super().save_model(request, obj, form, change)
        if "is_active" in form.changed_data:
            set_active(user=obj, active=obj.is_active)


@admin.register(ApiKey)
class ApiKeyAdmin(admin.ModelAdmin[ApiKey]):
    """Keys for support to look at and to revoke; nobody can make one for somebody else."""

    list_display = ("name", "hint", "user", "scopes", "last_used_at", "expires_at", "revoked_at")
    search_fields = ("name", "hint", "user__email")
    list_select_related = ("user",)
    ordering = ("-created_at",)
    exclude = ("digest",)
    actions = ("revoke",)

    @admin.action(description="Revoke the selected keys")
    def revoke(self, request: HttpRequest, queryset: Any) -> None:
        del request
        for key in queryset.filter(revoked_at__isnull=True).select_related("user"):
            revoke_key(user=key.user, key_id=key.id)

    def has_add_permission(self, request: HttpRequest) -> bool:
        del request
        return False

    def has_change_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        # Without an object it is asked for the list, whose action revokes.
        return obj is None and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        del request, obj
        return False
