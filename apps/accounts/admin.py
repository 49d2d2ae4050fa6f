from django.contrib import admin

from apps.accounts.models import User


@admin.register(User)
class UserAdmin(admin.ModelAdmin[User]):
    list_display = (
        "email",
        "name",
        "is_active",
        "email_verified",
        "is_staff",
        "last_login",
        "created_at",
    )
    list_filter = ("is_active", "email_verified", "is_staff")
    search_fields = ("email", "name")
    readonly_fields = ("last_login", "created_at", "updated_at")
    exclude = ("password",)
    ordering = ("-created_at",)
