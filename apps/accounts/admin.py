import uuid
from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from apps.accounts.models import User
from apps.core.admin import AuditedAdmin
from apps.core.audit import record_act
from apps.core.models import Act

RIGHTS = ("is_staff", "is_superuser", "groups", "user_permissions")


@admin.register(User)
class UserAdmin(AuditedAdmin[User]):
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
    filter_horizontal = ("groups", "user_permissions")
    ordering = ("-created_at",)

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        """Let superusers alone give rights: who may change users must not rise by it."""
        fixed = tuple(super().get_readonly_fields(request, obj))
        return fixed if request.user.is_superuser else (*fixed, *RIGHTS)

    def subject_of(self, obj: User) -> uuid.UUID | None:
        return obj.id

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:  # noqa: FBT001  (Django's signature)
        super().save_model(request, obj, form, change)
        roles = {*RIGHTS, "is_active"} & set(form.changed_data)
        if roles:
            record_act(
                act=Act.ROLE_CHANGED,
                user_id=obj.id,
                actor_id=request.user.pk,
                target=", ".join(sorted(roles)),
            )
