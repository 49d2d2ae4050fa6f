"""Pages of staff that ask for a reason before anything is done."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from apps.accounts.models import User
from apps.accounts.requests import signed_in_user
from apps.core.staff_forms import ReasonForm, show_form


def staff_with(request: HttpRequest, permission: str) -> User:
    """Return who asks.

    Raises:
        PermissionDenied: that is not theirs to do.
    """
    staff = signed_in_user(request)
    if not staff.has_perm(permission):
        raise PermissionDenied
    return staff


def ask_why(
    request: HttpRequest,
    *,
    of: type[Model],
    title: object,
    submit: object,
    says: object,
    act: Callable[[str], object],
    done: str,
    back: str,
    is_grave: bool = False,
    **context: Any,
) -> HttpResponse:
    """Ask for a reason and then `act` with it; `says` is what will happen, `done` what has."""
    form = ReasonForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.carry_out(lambda: _done(act, form)):
        messages.success(request, done)
        return redirect(back)
    return show_form(
        admin.site.get_model_admin(of),
        request,
        form,
        title=title,
        submit=submit,
        template="admin/reports/ask.html",
        says=says,
        back=back,
        is_grave=is_grave,
        **context,
    )


def _done(act: Callable[[str], object], form: ReasonForm) -> bool:
    act(form.cleaned_data["reason"])
    return True
