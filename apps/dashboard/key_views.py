"""The page of API keys."""

import uuid

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from apps.accounts.credentials import SESSION
from apps.accounts.requests import signed_in_user
from apps.accounts.selectors import list_keys
from apps.accounts.services.keys import create_key, revoke_key
from apps.core.errors import EaselError, NotFound
from apps.dashboard.forms import KeyForm
from apps.plans.selectors import plan_of


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
def keys(request: HttpRequest) -> HttpResponse:
    """List the keys, make one, and show its secret on the one answer that has it."""
    user = signed_in_user(request)
    form = KeyForm(request.POST) if request.method == "POST" else KeyForm()
    secret = None
    if form.is_bound and form.is_valid():
        try:
            _key, secret = create_key(user=user, granter=SESSION, **form.settings())
            form = KeyForm()
        except EaselError as error:
            form.add_error(None, str(error.detail))
    context = {
        "section": "keys",
        "form": form,
        "secret": secret,
        "api_root": request.build_absolute_uri("/api/v1"),
        "keys": list_keys(user=user),
        "api_access": plan_of(user=user).api,
    }
    return render(request, "dashboard/keys.html", context, status=422 if form.errors else 200)


@require_POST
@login_required
def revoke(request: HttpRequest, key_id: uuid.UUID) -> HttpResponse:
    """Revoke a key and lead back to the list."""
    try:
        revoke_key(user=signed_in_user(request), key_id=key_id)
    except NotFound as error:
        raise Http404 from error
    return redirect("dashboard:keys")
