import uuid
from typing import Any

from django.contrib import admin
from django.contrib.auth.models import Permission
from django.forms import ModelMultipleChoiceField
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import ApiKey, User
from apps.accounts.services.keys import revoke_key
from apps.accounts.services.users import set_active
from apps.core.admin import AuditedAdmin
from apps.core.audit import record_act
from apps.core.models import Act

RIGHTS = ("is_staff", "is_superuser", "groups", "user_permissions")
# What makes an account somebody's; who is blocked is so by the page of a user, with a reason.
WAYS_IN = ("oidc_subject", "email_verified", "is_active")


@admin.register(User)
class UserAdmin(AuditedAdmin[User]):
    """Accounts; what belongs to one is on a page of its own, to which each line leads."""

    change_form_template = "admin/accounts/user/change_form.html"
    list_display_links = None
    list_display = (
        "page",
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

    @admin.display(description=_("e-mail"), ordering="email")
    def page(self, user: User) -> str:
        return format_html('<a href="{}">{}</a>', reverse("admin:person", args=[user.pk]), user)

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        """Let superusers alone give rights and ways in: nobody must rise by changing users."""
        fixed = tuple(super().get_readonly_fields(request, obj))
        return fixed if request.user.is_superuser else (*fixed, *RIGHTS, *WAYS_IN)

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Leave the accounts of staff to superusers: whose e-mail one sets, one can become."""
        is_staff = obj is not None and (obj.is_staff or obj.is_superuser)
        if is_staff and not request.user.is_superuser:
            return False
        return super().has_change_permission(request, obj)

    def formfield_for_manytomany(
        self, db_field: Any, request: HttpRequest, **kwargs: Any
    ) -> ModelMultipleChoiceField[Any] | None:
        if db_field.name == "user_permissions":
            # The name of each has that of its model in it.
            kwargs["queryset"] = Permission.objects.select_related("content_type")
        return super().formfield_for_manytomany(db_field, request, **kwargs)

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
        if "is_active" in form.changed_data:
            set_active(user=obj, active=obj.is_active)


@admin.register(ApiKey)
class ApiKeyAdmin(AuditedAdmin[ApiKey]):
    """Keys for support to look at and to revoke; nobody can make one for somebody else."""

    list_display = ("name", "hint", "user", "scopes", "last_used_at", "expires_at", "revoked_at")
    search_fields = ("name", "hint", "user__email")
    list_select_related = ("user",)
    ordering = ("-created_at",)
    exclude = ("digest",)
    actions = ("revoke",)

    @admin.action(description=_("Revoke the selected keys"))
    def revoke(self, request: HttpRequest, queryset: Any) -> None:
        for key in queryset.filter(revoked_at__isnull=True).select_related("user"):
            revoke_key(user=key.user, key_id=key.id, actor_id=request.user.pk)

    def has_add_permission(self, request: HttpRequest) -> bool:
        del request
        return False

    def has_change_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        # Without an object it is asked for the list, whose action revokes.
        return obj is None and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        del request, obj
        return False
