"""The trash: see what was thrown away, take it back, or let it go for good."""

import uuid

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from apps.accounts.requests import signed_in_user
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


@page
def trash(request: HttpRequest) -> HttpResponse:
    """Show what was thrown away, the latest first, or to htmx what follows a picture."""
    user = signed_in_user(request)
    found = trash_page(user=user, size=PAGE_SIZE, after=request.GET.get("after", ""))
    context = {"section": "gallery", "page": found, "days": TRASH_KEPT.days}
    if is_htmx(request):
        return render(request, "dashboard/partials/thrown.html", context)
    context["count"] = picture_counts(user_id=user.id)["trash_count"]
    return render(request, "dashboard/trash.html", context)


@require_POST
@login_required
def act_on_trash(request: HttpRequest) -> HttpResponse:
    """Take the selected pictures back, or all; let the selected go for good, or all."""
    user = signed_in_user(request)
    try:
        names = [uuid.UUID(name) for name in request.POST.getlist("image")]
    except ValueError as error:
        raise Http404 from error
    match request.POST.get("act"):
        case "restore":
            restore_images(user=user, names=names)
        case "purge":
            purge_images(user_id=user.id, names=names, actor_id=user.id)
        case "restore-all":
            restore_trash(user=user)
        case "empty":
            empty_trash(user=user)
        case _:
            raise Http404
    return redirect("dashboard:trash")
