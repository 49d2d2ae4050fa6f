"""The page of models: what there is, one's own, and what is being installed."""

import uuid
from itertools import groupby

from django.conf import settings
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
from apps.catalog.selectors import get_own_model, list_catalog, list_installs
from apps.catalog.serializers import render_list
from apps.catalog.services.own_models import (
    delete_own_model,
    edit_own_model,
    remove_cover,
    set_cover,
)
from apps.core.errors import EaselError, Invalid, NotFound
from apps.dashboard.forms import InstallForm
from apps.images.files import encode_thumbnail
from apps.images.uploads import read_upload

MOST_INSTALLS = 10
COVER_SIZE = 512
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
    return _models(request, user, form=form, status=422 if form.errors else 200)


@require_POST
@login_required
def act_on_model(request: HttpRequest, key: str) -> HttpResponse:
    """Switch a model of one's own on or off, give it a cover or take that away, or delete it."""
    user = signed_in_user(request)
    try:
        match request.POST.get("act"):
            case "delete":
                delete_own_model(user=user, key=key)
            case "enable" | "disable" as act:
                edit_own_model(user=user, key=key, is_enabled=act == "enable")
            case "cover":
                set_cover(user=user, key=key, picture=_cover(user, key, request))
            case "uncover":
                remove_cover(user=user, key=key)
            case _:
                raise Http404
    except NotFound as error:
        raise Http404 from error
    except EaselError as error:
        told = [message for messages in error.fields.values() for message in messages]
        problem = " ".join(told) or str(error.detail)
        return _models(request, user, problem=problem, status=error.status)
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


def _models(
    request: HttpRequest,
    user: User,
    *,
    form: InstallForm | None = None,
    problem: str = "",
    status: int = 200,
) -> HttpResponse:
    context = {"form": form or InstallForm(), "problem": problem, "section": "models"}
    context |= _installs(user) | _listed(request, user)
    return render(request, "dashboard/models.html", context, status=status)


def _cover(user: User, key: str, request: HttpRequest) -> bytes:
    """Return the picture that was sent, as covers are kept.

    Raises:
        NotFound: `user` has no such model; nothing is decoded then.
        Invalid: it is no picture, or a damaged one.
    """
    get_own_model(user=user, key=key)
    sent = request.FILES.get("cover")
    if sent is None:
        raise Invalid(_("Choose a picture first."))
    upload = read_upload(sent, max_pixels=settings.EASEL_UPLOAD_MAX_PIXELS)
    return encode_thumbnail(upload.picture, size=COVER_SIZE)


def _listed(request: HttpRequest, user: User) -> dict[str, object]:
    # PostgreSQL takes no NUL.
    words = request.GET.get("q", "").replace("\0", "")[:100]
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
