"""Forms of the admin whose work a service does: its refusals stand beside their fields."""

import uuid
from collections.abc import Callable
from typing import Any, TypeVar

from django import forms
from django.contrib.admin import ModelAdmin
from django.contrib.admin.helpers import AdminForm
from django.db import transaction
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _

from apps.core.errors import EaselError

T = TypeVar("T")

# The record has room for so much beside what was done to what.
MOST_REASON = 100
REASON_ATTRIBUTES = {"rows": 3, "cols": 60, "class": "vLargeTextField"}


class StaffForm(forms.Form):
    """A form with a key of its own: sent twice, it is one act."""

    key = forms.UUIDField(widget=forms.HiddenInput, initial=uuid.uuid4)

    def carry_out(self, service: Callable[[], T]) -> T | None:
        """Return what `service` does, or `None` if the form or the service refused."""
        if not self.is_valid():
            return None
        try:
            with transaction.atomic():
                return service()
        except EaselError as error:
            for name, messages in (error.fields or {"": [str(error.detail)]}).items():
                for message in messages:
                    self.add_error(name if name in self.fields else None, message)
        return None


class ReasonForm(StaffForm):
    """A form that asks why, for the record."""

    reason = forms.CharField(
        label=_("Reason"),
        max_length=MOST_REASON,
        widget=forms.Textarea(attrs=REASON_ATTRIBUTES),
        help_text=_("10 to 100 characters; it stays on record with your name."),
    )


def show_form(
    model_admin: "ModelAdmin[Any]",
    request: HttpRequest,
    form: forms.Form,
    *,
    title: object,
    submit: object,
    template: str = "admin/staff_form.html",
    **context: Any,
) -> TemplateResponse:
    """Show `form` on a page of the admin of a model; with 422 if it was refused."""
    names = [name for name in form.fields if not form.fields[name].widget.is_hidden]
    # It reads the fields of a form, and nothing of a model.
    laid_out = AdminForm(form, [(None, {"fields": names})], {})  # type: ignore[arg-type]
    page = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "title": title,
        "submit": submit,
        "form": form,
        "fieldset": next(iter(laid_out)),
        "media": model_admin.media + form.media,
        **context,
    }
    return TemplateResponse(request, template, page, status=422 if form.errors else 200)
