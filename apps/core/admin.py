"""What the admin of every app shares: its changes are on record, and the record can be read."""

import uuid
from collections.abc import Iterator
from typing import Any, TypeVar

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db.models import F, Model, OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

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


class KindFilter(admin.SimpleListFilter):
    """Acts, unless asked for the pages that staff merely opened: these are many and hide others."""

    title = _("kind")
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        del request, model_admin
        return [("staff", _("acts by staff")), ("opened", _("pages opened")), ("all", _("all"))]

    def choices(self, changelist: Any) -> Iterator[Any]:
        """List the kinds, with acts in the place of Django's "All"."""
        for value, title in ((None, _("acts")), *self.lookup_choices):
            yield {
                "selected": self.value() == value,
                "query_string": changelist.get_query_string({self.parameter_name: value})
                if value
                else changelist.get_query_string(remove=[self.parameter_name]),
                "display": title,
            }

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        del request
        match self.value():
            case "staff":
                by_another = queryset.exclude(user_id=None).exclude(actor_id=None)
                return by_another.exclude(actor_id=F("user_id"))
            case "opened":
                return queryset.filter(act=Act.SERVICE_SCOPE)
            case "all":
                return queryset
        # Whose pictures were looked at is an act; that the admin was opened is not.
        return queryset.exclude(act=Act.SERVICE_SCOPE, user_id=None)


@admin.register(AuditRecord)
class AuditRecordAdmin(ReadOnlyAdmin[AuditRecord]):
    """Who did what to whose account; people are named as long as there are accounts of theirs."""

    list_display = ("created_at", "act", "whose", "by", "target", "address")
    list_filter = (KindFilter, "created_at", "act")
    search_fields = ("=user_id", "=actor_id", "=request_id", "target")
    search_help_text = _("An e-mail, an id of a user or a request, or words of the target.")
    ordering = ("-created_at", "-id")

    def get_queryset(self, request: HttpRequest) -> QuerySet[AuditRecord]:
        return (
            super()
            .get_queryset(request)
            .annotate(whose_email=_email_of("user_id"), by_email=_email_of("actor_id"))
        )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[AuditRecord], search_term: str
    ) -> tuple[QuerySet[AuditRecord], bool]:
        """Find the acts of and on an account by its e-mail too."""
        if "@" not in search_term:
            return super().get_search_results(request, queryset, search_term)
        people = get_user_model().objects.filter(email__iexact=search_term.strip()).values("pk")
        return queryset.filter(Q(user_id__in=people) | Q(actor_id__in=people)), False

    @admin.display(description=_("whose account"), ordering="whose_email")
    def whose(self, record: Any) -> str:
        return str(record.whose_email or record.user_id or "")

    @admin.display(description=_("by"), ordering="by_email")
    def by(self, record: Any) -> str:
        return str(record.by_email or record.actor_id or "")


def _email_of(column: str) -> Subquery:
    return Subquery(get_user_model().objects.filter(pk=OuterRef(column)).values("email"))
