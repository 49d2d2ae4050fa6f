"""What the admin of every app shares: its changes are on record, and the record can be read."""

import uuid
from typing import Any, TypeVar

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from apps.core.audit import record_act
from apps.core.models import Act, AuditRecord

M = TypeVar("M", bound=Model)


class AuditedAdmin(admin.ModelAdmin[M]):
    """An admin whose additions, changes and deletions are acts on the account they concern."""

    show_full_result_count = False

    def log_addition(self, request: HttpRequest, obj: M, message: Any) -> Any:
        self._record(request, obj, "added")
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: M, message: Any) -> Any:
        self._record(request, obj, "changed")
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        for obj in queryset:
            self._record(request, obj, "deleted")
        return super().log_deletions(request, queryset)

    def subject_of(self, obj: M) -> uuid.UUID | None:
        """Return whose account `obj` belongs to."""
        return getattr(obj, "user_id", None)

    def _record(self, request: HttpRequest, obj: M, what: str) -> None:
        record_act(
            act=Act.ADMIN_CHANGE,
            user_id=self.subject_of(obj),
            actor_id=request.user.pk,
            target=f"{what} {obj._meta.label_lower} {obj.pk}",
        )


class ReadOnlyAdmin(admin.ModelAdmin[M]):
    """An admin of rows that are looked at and never changed by hand."""

    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        del request
        return False

    def has_change_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        del request, obj
        return False

    def has_delete_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        del request, obj
        return False


@admin.register(AuditRecord)
class AuditRecordAdmin(ReadOnlyAdmin[AuditRecord]):
    list_display = ("created_at", "act", "user_id", "actor_id", "target", "address", "request_id")
    list_filter = ("act", "created_at")
    search_fields = ("=user_id", "=actor_id", "=request_id", "target")
