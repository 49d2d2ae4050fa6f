import uuid
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.html import format_html
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _

from apps.core.admin import AuditedAdmin, ReadOnlyAdmin
from apps.core.errors import EaselError
from apps.generation.models import AppealState, ContentAppeal, Job, Worker
from apps.generation.services.appeals import LEAST_REASON, MOST_REASON, decide_appeal


@admin.register(Job)
class JobAdmin(ReadOnlyAdmin[Job]):
    """The jobs of everybody; each has a page of its own, where staff act by the services alone."""

    list_display = (
        *("created_at", "user", "state_shown", "model", "tier", "attempt", "compute_seconds"),
        *("finished_at", "error_code", "error_id"),
    )
    list_select_related = ("user", "model")
    list_filter = ("state", "tier", "created_at", "error_code", "model")
    search_fields = ("=id", "=batch_id", "user__email", "=error_id")
    search_help_text = _("An id of a job or a batch, an e-mail, or an error id.")

    @admin.display(description=_("state"), ordering="state")
    def state_shown(self, job: Job) -> str:
        return format_html(
            '<span class="staff-state staff-state--{}">{}</span>',
            job.state,
            job.get_state_display(),
        )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Job]:
        jobs = super().get_queryset(request).defer("parameters", "work", "grid")
        return jobs.order_by("-created_at", "-id")

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: Any = None,
    ) -> HttpResponse:
        del form_url, extra_context
        if not self.has_view_permission(request):
            raise PermissionDenied
        try:
            return redirect("admin:job", uuid.UUID(object_id))
        except ValueError as error:
            raise Http404 from error


@admin.register(Worker)
class WorkerAdmin(ReadOnlyAdmin[Worker]):
    """What workers said of themselves; the page of the fleet shows it, with the word to drain."""

    list_display = ("name", "state", "gpu", "seen_at", "version")
    list_filter = ("state",)
    search_fields = ("name",)
    ordering = ("name",)


class AppealForm(forms.ModelForm[ContentAppeal]):
    """What staff say to an appeal, as the service asks it."""

    class Meta:
        model = ContentAppeal
        fields = ("state", "note")
        widgets: ClassVar[dict[str, Any]] = {"note": forms.Textarea(attrs={"rows": 4, "cols": 60})}

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("state") == AppealState.OPEN:
            self.add_error("state", _("Accept or reject it."))
        if not LEAST_REASON <= len(str(data.get("note", "")).strip()) <= MOST_REASON:
            self.add_error("note", _("Say why, in a sentence: its user reads it."))
        return data


@admin.register(ContentAppeal)
class ContentAppealAdmin(AuditedAdmin[ContentAppeal]):
    """The appeals of all users: an open one is accepted or rejected, with a note."""

    form = AppealForm
    change_form_template = "admin/generation/contentappeal/change_form.html"
    list_display = ("created_at", "user", "summary", "state", "decided_at")
    list_select_related = ("user",)
    list_filter = ("state", "created_at")
    search_fields = ("=job_id", "user__email")
    readonly_fields = ("user", "job_id", "reason", "decided_by", "decided_at")
    fields = ("user", "reason", "state", "note", "decided_by", "decided_at")

    @admin.display(description=_("reason"))
    def summary(self, appeal: ContentAppeal) -> str:
        return Truncator(appeal.reason).chars(80)

    def has_add_permission(self, request: HttpRequest) -> bool:
        del request
        return False

    def has_delete_permission(self, request: HttpRequest, obj: ContentAppeal | None = None) -> bool:
        # What was answered is on record.
        del request, obj
        return False

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: Any = None,
    ) -> HttpResponse:
        """Show what the refused job was asked for beside the form."""
        appeal = self.get_object(request, object_id)
        job = None if appeal is None else Job.objects.filter(id=appeal.job_id).first()
        context = {"job": job, "asked": None if job is None else job.settings}
        return super().change_view(request, object_id, form_url, context | (extra_context or {}))

    def has_change_permission(self, request: HttpRequest, obj: ContentAppeal | None = None) -> bool:
        is_open = obj is None or obj.state == AppealState.OPEN
        return is_open and super().has_change_permission(request, obj)

    def save_model(self, request: HttpRequest, obj: ContentAppeal, form: Any, change: bool) -> None:  # noqa: FBT001  (Django's)
        del form, change
        try:
            decide_appeal(
                appeal_id=obj.id,
                staff=request.user,  # type: ignore[arg-type]
                accept=obj.state == AppealState.ACCEPTED,
                note=obj.note,
            )
        except EaselError as error:
            said = "; ".join(each for lines in error.fields.values() for each in lines)
            self.message_user(request, said or str(error.detail), messages.ERROR)

    def get_queryset(self, request: HttpRequest) -> QuerySet[ContentAppeal]:
        return super().get_queryset(request).order_by("-created_at")
