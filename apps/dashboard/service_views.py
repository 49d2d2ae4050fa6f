"""The page of other people's image services: prices, and one's own keys there."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from apps.accounts.models import User
from apps.accounts.requests import signed_in_user
from apps.core.errors import EaselError, NotFound
from apps.dashboard.views import page
from apps.plans.entitlements import Feature, decide, entitlements_of, refusal
from apps.providers.serializers import render_providers
from apps.providers.services import delete_own_key, set_own_key
from gpu_tasks.providers.facts import ProviderName


@page
def services(request: HttpRequest) -> HttpResponse:
    """Show the services, their prices and one's keys."""
    return render(request, "dashboard/services.html", _context(request))


@never_cache
@require_POST
@login_required
@sensitive_post_parameters("key")
def set_key(request: HttpRequest, provider: str) -> HttpResponse:
    """Save a key and lead back; what is wrong with it stands beside its field."""
    name = _named(provider)
    try:
        key = set_own_key(
            user=signed_in_user(request), provider=name, key=request.POST.get("key", "")
        )
    except EaselError as error:
        problem = " ".join(error.fields.get("key", ())) or str(error.detail)
        context = _context(request) | {"problem": problem, "problem_of": provider}
        return render(request, "dashboard/services.html", context, status=error.status)
    request.session["notice"] = (
        _("Your key is saved, and the service accepts it.")
        if key.checked_at
        else _("Your key is saved. The service did not answer, so it is checked at its first use.")
    )
    return redirect("dashboard:services")


@require_POST
@login_required
def delete_key(request: HttpRequest, provider: str) -> HttpResponse:
    """Forget a key and lead back."""
    try:
        delete_own_key(user=signed_in_user(request), provider=_named(provider))
    except NotFound as error:
        raise Http404 from error
    request.session["notice"] = _("Your key is deleted.")
    return redirect("dashboard:services")


def _context(request: HttpRequest) -> dict[str, Any]:
    user = signed_in_user(request)
    return {
        "section": "settings",
        "services": [_shown(each) for each in render_providers(user=user)],
        "refusal": _refusal(user),
        "notice": request.session.pop("notice", ""),
    }


def _shown(provider: dict[str, Any]) -> dict[str, Any]:
    """Add of each model the range of its prices."""
    for model in provider["models"]:
        prices = [price["credits"] for price in model["prices"]]
        model |= {"least": min(prices), "most": max(prices)}
    return provider


def _refusal(user: User) -> str:
    decision = decide(entitlements_of(user_id=user.id), feature=Feature.THIRD_PARTY_API)
    return "" if decision.allowed else refusal(decision)


def _named(provider: str) -> ProviderName:
    try:
        return ProviderName(provider)
    except ValueError as error:
        raise Http404 from error
