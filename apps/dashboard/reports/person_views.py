"""The page of one user, and what staff do to the account."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from apps.accounts.models import User
from apps.core.errors import NotFound
from apps.dashboard.reports.asking import ask_why, staff_with
from apps.dashboard.reports.finding import place_of
from apps.dashboard.reports.person_page import find_person, person_page
from apps.dashboard.reports.services import set_blocked, set_stopped, sign_out_everywhere

MAY_SEE = "accounts.view_user"


@dataclass(frozen=True, slots=True)
class PersonAct:
    """What staff do to an account: who may, how it is asked, and the service that does it."""

    permission: str
    title: Any
    submit: Any
    says: Any
    done: Any
    service: Callable[..., None]
    is_grave: bool = False


PERSON_ACTS = {
    "sign-out": PersonAct(
        "accounts.change_user",
        gettext_lazy("Sign this user out everywhere"),
        gettext_lazy("Sign out everywhere"),
        gettext_lazy("Every session ends at once, on all devices. API keys go on working."),
        gettext_lazy("Every session was ended."),
        sign_out_everywhere,
    ),
    "block": PersonAct(
        "accounts.change_user",
        gettext_lazy("Block this user"),
        gettext_lazy("Block"),
        gettext_lazy(
            "Nobody gets in any more: neither sessions nor API keys. Pictures and books stay."
        ),
        gettext_lazy("The user is blocked."),
        partial(set_blocked, blocked=True),
        is_grave=True,
    ),
    "unblock": PersonAct(
        "accounts.change_user",
        gettext_lazy("Let this user in again"),
        gettext_lazy("Let in"),
        gettext_lazy("The user can sign in again, and API keys work again."),
        gettext_lazy("The user can sign in again."),
        partial(set_blocked, blocked=False),
    ),
    "pause": PersonAct(
        "plans.change_subscription",
        gettext_lazy("Pause this user's plan"),
        gettext_lazy("Pause"),
        gettext_lazy(
            "Nothing new is made until the pause is lifted. What is paid by card goes on being"
            " paid."
        ),
        gettext_lazy("The plan is paused."),
        partial(set_stopped, stopped=True),
        is_grave=True,
    ),
    "resume": PersonAct(
        "plans.change_subscription",
        gettext_lazy("Lift the pause"),
        gettext_lazy("Lift the pause"),
        gettext_lazy("The plan goes on as it was before staff paused it."),
        gettext_lazy("The plan goes on."),
        partial(set_stopped, stopped=False),
    ),
}


@require_safe
def find(request: HttpRequest) -> HttpResponse:
    """Lead to what has the name that was asked for."""
    staff = staff_with(request, MAY_SEE)
    return redirect(place_of(request.GET.get("q", ""), staff=staff))


@require_safe
def person(request: HttpRequest, user_id: uuid.UUID) -> HttpResponse:
    """Show a user: plan, credits, work, storage, keys, sessions, and acts on the account."""
    staff = staff_with(request, MAY_SEE)
    try:
        page = person_page(user_id=user_id, staff=staff)
    except NotFound as error:
        raise Http404 from error
    context = {
        "title": page.person.email,
        "page": page,
        "may": {
            "grant": staff.has_perm("plans.add_testergrant"),
            "give": staff.has_perm("credits.add_grant"),
            "plan": staff.has_perm("plans.add_subscription"),
            "pause": staff.has_perm("plans.change_subscription"),
            "change": staff.has_perm("accounts.change_user"),
        },
    }
    return render(request, "admin/reports/person.html", admin.site.each_context(request) | context)


def act_on_person(request: HttpRequest, user_id: uuid.UUID, act: str) -> HttpResponse:
    """Ask why, and do one of `PERSON_ACTS`."""
    asked = PERSON_ACTS.get(act)
    if asked is None:
        raise Http404
    staff = staff_with(request, asked.permission)
    staff_with(request, MAY_SEE)
    try:
        user = find_person(user_id=user_id)
    except NotFound as error:
        raise Http404 from error
    return ask_why(
        request,
        of=User,
        original=user,
        title=asked.title,
        submit=asked.submit,
        says=asked.says,
        act=lambda reason: asked.service(user=user, actor=staff, reason=reason),
        done=str(asked.done),
        back=reverse("admin:person", args=[user_id]),
        is_grave=asked.is_grave,
    )
