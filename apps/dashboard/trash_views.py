"""The trash: see what was thrown away, take it back, or let it go for good."""

import uuid
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from apps.accounts.models import User
from apps.accounts.requests import signed_in_user
from apps.canvas.selectors import list_trash
from apps.canvas.services.documents import empty_trash as empty_canvas_trash
from apps.canvas.services.documents import restore_document
from apps.core.errors import Conflict, NotFound
from apps.dashboard.views import is_htmx, page
from apps.images.selectors import picture_counts, trash_page
from apps.images.services.library import (
    TRASH_KEPT,
    empty_trash,
    purge_images,
    restore_images,
    restore_trash,
)

PAGE_SIZE = 48
# The latest; older ones follow once these are back or gone.
CANVASES_SHOWN = 48


@page
def trash(request: HttpRequest) -> HttpResponse:
    """Show what was thrown away, the latest first, or to htmx what follows a picture."""
    user = signed_in_user(request)
    found = trash_page(user=user, size=PAGE_SIZE, after=request.GET.get("after", ""))
    context = {"section": "gallery", "page": found, "days": TRASH_KEPT.days}
    if is_htmx(request):
        return render(request, "dashboard/partials/thrown.html", context)
    return _show(request, context)


@require_POST
@login_required
def act_on_trash(request: HttpRequest) -> HttpResponse:
    """Take the selected pictures back, or all, or a canvas; let the selected go, or all."""
    user = signed_in_user(request)
    names = _ids(request, "image")
    match request.POST.get("act"):
        case "restore":
            restore_images(user=user, names=names)
        case "purge":
            purge_images(user_id=user.id, names=names, actor_id=user.id)
        case "restore-all":
            restore_trash(user=user)
        case "empty":
            empty_trash(user=user)
            empty_canvas_trash(user=user)
        case "restore-canvas":
            return _restore_canvases(request, user)
        case _:
            raise Http404
    return redirect("dashboard:trash")


def _show(request: HttpRequest, context: dict[str, Any], status: int = 200) -> HttpResponse:
    user = signed_in_user(request)
    thrown = list(list_trash(user=user)[: CANVASES_SHOWN + 1])
    context |= {
        "count": picture_counts(user_id=user.id)["trash_count"],
        "canvases": thrown[:CANVASES_SHOWN],
        "has_more_canvases": len(thrown) > CANVASES_SHOWN,
    }
    return render(request, "dashboard/trash.html", context, status=status)


def _ids(request: HttpRequest, name: str) -> list[uuid.UUID]:
    try:
        return [uuid.UUID(each) for each in request.POST.getlist(name)]
    except ValueError as error:
        raise Http404 from error


def _restore_canvases(request: HttpRequest, user: User) -> HttpResponse:
    try:
        for canvas_id in _ids(request, "canvas"):
            restore_document(user=user, document_id=canvas_id)
    except NotFound as error:
        raise Http404 from error
    except Conflict as error:
        found = trash_page(user=user, size=PAGE_SIZE)
        context = {"section": "gallery", "page": found, "days": TRASH_KEPT.days}
        return _show(request, context | {"refusal": error.detail}, status=409)
    return redirect("dashboard:trash")
