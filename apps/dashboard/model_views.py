"""The page of models: what there is, one's own, and what is being installed."""

import uuid
from itertools import groupby

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from apps.accounts.models import User
from apps.accounts.requests import signed_in_user
from apps.catalog.install_serializers import ModelInstallSerializer
from apps.catalog.installs.requests import cancel_install, request_install
from apps.catalog.models import OPEN_INSTALLS, ModelKind
from apps.catalog.selectors import list_catalog, list_installs
from apps.catalog.serializers import render_list
from apps.catalog.services.own_models import delete_own_model, edit_own_model
from apps.core.errors import EaselError, NotFound
from apps.dashboard.forms import InstallForm

MOST_INSTALLS = 10
_KIND_ORDER = {kind.value: place for place, kind in enumerate(ModelKind)}


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
def models(request: HttpRequest) -> HttpResponse:
    """List the models and the installs, and begin one."""
    user = signed_in_user(request)
    if request.headers.get("HX-Request"):
        return render(request, "dashboard/partials/model_installs.html", _installs(user))
    form = InstallForm(request.POST) if request.method == "POST" else InstallForm()
    if form.is_bound and form.is_valid():
        try:
            request_install(user=user, **form.settings())
            return redirect("dashboard:models")
        except EaselError as error:
            form.add_error("source", " ".join(error.fields.get("source", [str(error.detail)])))
    context = _installs(user) | {"form": form, **_listed(request, user), "section": "models"}
    return render(request, "dashboard/models.html", context, status=422 if form.errors else 200)


@require_POST
@login_required
def act_on_model(request: HttpRequest, key: str) -> HttpResponse:
    """Switch a model of one's own on or off, or delete it."""
    user = signed_in_user(request)
    act = request.POST.get("act")
    try:
        if act == "delete":
            delete_own_model(user=user, key=key)
        elif act in {"enable", "disable"}:
            edit_own_model(user=user, key=key, is_enabled=act == "enable")
        else:
            raise Http404
    except NotFound as error:
        raise Http404 from error
    return redirect("dashboard:models")


@require_POST
@login_required
def cancel(request: HttpRequest, install_id: uuid.UUID) -> HttpResponse:
    """Give an install up and lead back to the list."""
    try:
        cancel_install(user=signed_in_user(request), install_id=install_id)
    except NotFound as error:
        raise Http404 from error
    return redirect("dashboard:models")


def _listed(request: HttpRequest, user: User) -> dict[str, object]:
    words = request.GET.get("q", "")[:100]
    rendered = render_list(list_catalog(user=user, words=words), user=user)
    rendered.sort(key=lambda model: _KIND_ORDER[model["kind"]])
    groups = [
        (_heading(kind), list(found))
        for kind, found in groupby(rendered, key=lambda model: str(model["kind"]))
    ]
    return {"groups": groups, "words": words}


def _heading(kind: str) -> str:
    return {
        ModelKind.MAIN: _("Main models"),
        ModelKind.LORA: _("LoRAs"),
        ModelKind.VAE: _("VAEs"),
        ModelKind.CONTROLNET: _("ControlNets"),
        ModelKind.T2I_ADAPTER: _("T2I adapters"),
        ModelKind.IP_ADAPTER: _("IP-Adapters"),
        ModelKind.EMBEDDING: _("Embeddings"),
        ModelKind.UPSCALER: _("Upscalers"),
        ModelKind.DEPTH: _("Depth estimators"),
        ModelKind.SAFETY: _("Safety checkers"),
    }[ModelKind(kind)]


def _installs(user: User) -> dict[str, object]:
    installs = list(list_installs(user=user)[:MOST_INSTALLS])
    rendered = ModelInstallSerializer(installs, many=True).data
    shown = [
        {**facts, "state": install.get_status_display(), "is_open": install.status in OPEN_INSTALLS}
        for install, facts in zip(installs, rendered, strict=True)
    ]
    return {"installs": shown}
