from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.defaultfilters import filesizeformat
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.text import Truncator
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.accounts.requests import signed_in_user
from apps.catalog.installs.requests import request_install
from apps.catalog.models import GenerationModel, ModelInstall, base_choices
from apps.catalog.services.licenses import record_license, withdraw_license
from apps.catalog.staff_forms import LicenseForm, SharedInstallForm
from apps.core.admin import AuditedAdmin, ReadOnlyAdmin
from apps.core.staff_forms import show_form

MAY_INSTALL = "catalog.add_generationmodel"
MAY_CHANGE = "catalog.change_generationmodel"


@admin.register(GenerationModel)
class GenerationModelAdmin(AuditedAdmin[GenerationModel]):
    """Models that all share and those of users; what follows from the weights stays as it is."""

    list_display = (
        *("cover", "name", "kind", "family", "user", "license"),
        *("has_license_on_record", "is_enabled"),
    )
    list_display_links = ("name",)
    list_filter = ("kind", "is_enabled", "access", "commercial_use", "base")
    list_select_related = ("user",)
    search_fields = ("key", "name", "=user__email", "=sha256")
    readonly_fields = (
        *("key", "user", "kind", "base", "location", "sha256", "size_bytes", "files", "source"),
        *("license_recorded_by", "license_recorded_at", "license_note", "cover_key"),
        *("created_at", "updated_at", "deleted_at"),
    )
    actions = ("enable", "disable")
    change_form_template = "admin/catalog/generationmodel/change_form.html"

    @admin.display(description=_("cover"))
    def cover(self, model: GenerationModel) -> str:
        """Draw the cover of a model that all share; those of users are theirs to see."""
        if not model.cover_key or model.user_id is not None:
            return ""
        url = reverse("model-cover", args=[model.key])
        return format_html('<img class="staff-cover" src="{}" alt="" loading="lazy">', url)

    @admin.display(description=_("family"), ordering="base")
    def family(self, model: GenerationModel) -> str:
        return str(dict(base_choices()).get(model.base, model.base))

    @admin.display(description=_("licence on record"), boolean=True)
    def has_license_on_record(self, model: GenerationModel) -> bool:
        return model.license_recorded_at is not None

    def has_add_permission(self, request: HttpRequest) -> bool:
        # They come in by installs.
        del request
        return False

    @admin.action(description=_("Switch on"), permissions=["change"])
    def enable(self, request: HttpRequest, models: QuerySet[GenerationModel]) -> None:
        self._switch(request, models, to=True)

    @admin.action(description=_("Switch off"), permissions=["change"])
    def disable(self, request: HttpRequest, models: QuerySet[GenerationModel]) -> None:
        self._switch(request, models, to=False)

    def _switch(self, request: HttpRequest, models: QuerySet[GenerationModel], *, to: bool) -> None:
        for model in models:
            model.is_enabled = to
            model.save(update_fields=["is_enabled"])
            self.log_change(request, model, [{"changed": {"fields": ["is_enabled"]}}])

    def get_urls(self) -> list[Any]:
        """Add the form that records a licence."""
        return [
            path(
                "<slug:key>/license/",
                self.admin_site.admin_view(self.license_view),
                name="catalog_generationmodel_license",
            ),
            *super().get_urls(),
        ]

    def license_view(self, request: HttpRequest, key: str) -> HttpResponse:
        """Ask which licence there is and record it, or withdraw the one on record."""
        staff = signed_in_user(request)
        if not staff.has_perm(MAY_CHANGE):
            raise PermissionDenied
        model = GenerationModel.objects.filter(key=key).first()
        if model is None:
            raise Http404
        if request.method == "POST" and "withdraw" in request.POST:
            withdraw_license(key=key, staff=staff)
            messages.success(request, gettext("The licence was withdrawn."))
            return redirect("admin:catalog_generationmodel_change", key)
        form = LicenseForm(request.POST) if request.method == "POST" else LicenseForm()
        if request.method == "POST":
            recorded = form.carry_out(
                lambda: record_license(key=key, staff=staff, note=form.cleaned_data["note"])
            )
            if recorded is not None:
                messages.success(request, gettext("The licence is on record."))
                return redirect("admin:catalog_generationmodel_change", key)
        return show_form(
            self,
            request,
            form,
            title=_("Record a licence"),
            submit=_("Record"),
            template="admin/catalog/generationmodel/license.html",
            original=model,
        )


@admin.register(ModelInstall)
class ModelInstallAdmin(ReadOnlyAdmin[ModelInstall]):
    """Installs of everybody; a shared one is begun by a form."""

    list_display = (
        *("created_at", "user", "is_shared", "what", "status", "progress", "model_key"),
        "error_id",
    )
    list_filter = ("status", "source_kind", "is_shared", "created_at")
    list_select_related = ("user",)
    search_fields = ("=user__email", "=id", "source", "=model_key", "=error_id")

    @admin.display(description=_("source"), ordering="source")
    def what(self, install: ModelInstall) -> str:
        return Truncator(install.file_name or install.source).chars(48)

    @admin.display(description=_("progress"))
    def progress(self, install: ModelInstall) -> str:
        """Draw how much of the files has come, where it is known how much there is."""
        if not install.total_bytes:
            return filesizeformat(install.done_bytes)
        return format_html(
            '<progress class="staff-progress" max="{}" value="{}"></progress> {} / {}',
            install.total_bytes,
            install.done_bytes,
            filesizeformat(install.done_bytes),
            filesizeformat(install.total_bytes),
        )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return signed_in_user(request).has_perm(MAY_INSTALL)

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Ask where the model is, and install it for all."""
        del form_url, extra_context
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = SharedInstallForm(request.POST) if request.method == "POST" else SharedInstallForm()
        if request.method == "POST":
            install = form.carry_out(
                lambda: request_install(
                    user=signed_in_user(request),
                    source=form.cleaned_data["source"],
                    wanted=form.wanted(),
                    expected_sha256=form.cleaned_data["sha256"],
                    is_shared=True,
                )
            )
            if install is not None:
                messages.success(request, gettext("The install has begun."))
                return redirect("admin:catalog_modelinstall_change", install.id)
        title, submit = _("Install a model for all"), _("Install")
        return show_form(self, request, form, title=title, submit=submit)
