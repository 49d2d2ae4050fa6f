"""The page of plan, packs and payments, and the ways from it to Stripe's pages."""

import uuid
from collections.abc import Callable
from functools import wraps

from django.contrib.auth.decorators import login_required
from django.contrib.messages import get_messages, success
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from apps.accounts.requests import origin_of, signed_in_user
from apps.core.errors import EaselError
from apps.dashboard.billing import plan_page
from apps.dashboard.forms import PackForm, PlanForm
from apps.dashboard.views import is_htmx, page
from apps.plans.selectors import count_payments
from apps.plans.services.changes import (
    cancel_at_period_end,
    change_plan,
    preview_change,
    reactivate,
)
from apps.plans.services.checkout import buy_pack, open_portal, start_checkout, waiting_path

View = Callable[[HttpRequest], HttpResponse]


def act(view: View) -> View:
    """Make `view` an act of the signed-in user; what goes wrong is said on the page of the plan."""

    @wraps(view)
    def answered(request: HttpRequest) -> HttpResponse:
        try:
            return view(request)
        except EaselError as error:
            return _plan(request, problem=str(error.detail), status=error.status)

    guarded: View = never_cache(login_required(answered))
    return guarded


@page
def plan(request: HttpRequest) -> HttpResponse:
    """Show the plan, what is sold, and what was paid."""
    return _plan(request)


@page
def waiting(request: HttpRequest) -> HttpResponse:
    """Wait for what Stripe tells; coming back from its page proves nothing."""
    before = request.GET.get("after", "")
    known = int(before) if before.isascii() and before.isdigit() and len(before) < 9 else 0
    has_come = count_payments(user=signed_in_user(request)) > known
    partial = "dashboard/partials/payment_wait.html"
    template = partial if is_htmx(request) else "dashboard/payment_wait.html"
    return render(request, template, {"section": "plan", "has_come": has_come})


@require_POST
@act
def subscribe(request: HttpRequest) -> HttpResponse:
    """Lead to the page where a plan is paid."""
    form = PlanForm(request.POST)
    url = start_checkout(user=signed_in_user(request), origin=origin_of(request), **form.settings())
    return _see_other(url)


@require_POST
@act
def buy(request: HttpRequest) -> HttpResponse:
    """Lead to the page where a pack is paid."""
    form = PackForm(request.POST)
    return _see_other(
        buy_pack(user=signed_in_user(request), origin=origin_of(request), **form.settings())
    )


@require_POST
@act
def portal(request: HttpRequest) -> HttpResponse:
    """Lead to the page of cards and invoices."""
    return _see_other(open_portal(user=signed_in_user(request), origin=origin_of(request)))


@require_http_methods(["GET", "HEAD", "POST"])
@act
def change(request: HttpRequest) -> HttpResponse:
    """Say what a change costs and when it begins; posted, do it."""
    user = signed_in_user(request)
    if request.method == "POST":
        waits_at = waiting_path(user=user)
        if change_plan(user=user, **PlanForm(request.POST).settings()):
            return redirect(waits_at)
        success(request, _("Your plan changes with the next period."))
        return redirect("dashboard:plan")
    chosen = PlanForm(request.GET).settings()
    asked = preview_change(user=user, plan=chosen["plan"], interval=chosen["interval"])
    context = {"section": "plan", "change": asked, "token": uuid.uuid4().hex}
    return render(request, "dashboard/plan_change.html", context)


@require_POST
@act
def cancel(request: HttpRequest) -> HttpResponse:
    """Let the plan end with its period."""
    cancel_at_period_end(user=signed_in_user(request))
    success(request, _("Your plan ends with the period that is paid."))
    return redirect("dashboard:plan")


@require_POST
@act
def go_on(request: HttpRequest) -> HttpResponse:
    """Let the plan go on as it is."""
    reactivate(user=signed_in_user(request))
    success(request, _("Your plan goes on."))
    return redirect("dashboard:plan")


def _plan(request: HttpRequest, *, problem: str = "", status: int = 200) -> HttpResponse:
    context = {
        "section": "plan",
        "plan": plan_page(user=signed_in_user(request)),
        "problem": problem,
        "notes": get_messages(request),
    }
    return render(request, "dashboard/plan.html", context, status=status)


def _see_other(url: str) -> HttpResponse:
    return HttpResponse(status=303, headers={"Location": url})
