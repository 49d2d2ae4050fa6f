"""The trash: see what was thrown away, take it back, or let it go for good."""

import uuid

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from apps.accounts.requests import signed_in_user
from apps.dashboard.views import page
from apps.images.selectors import list_trash, picture_counts
from apps.images.services.library import TRASH_KEPT, empty_trash, restore_images

PICTURES_SHOWN = 200


@page
def trash(request: HttpRequest) -> HttpResponse:
    """Show what was thrown away, the latest first."""
    user = signed_in_user(request)
    context = {
        "section": "gallery",
        "images": list_trash(user=user)[:PICTURES_SHOWN],
        "count": picture_counts(user_id=user.id)["trash_count"],
        "days": TRASH_KEPT.days,
    }
    return render(request, "dashboard/trash.html", context)


@require_POST
@login_required
def act_on_trash(request: HttpRequest) -> HttpResponse:
    """Take a picture back, or empty the trash."""
    user = signed_in_user(request)
    match request.POST.get("act"):
        case "restore":
            try:
                names = [uuid.UUID(name) for name in request.POST.getlist("image")]
            except ValueError as error:
                raise Http404 from error
            restore_images(user=user, names=names)
        case "empty":
            empty_trash(user=user)
        case _:
            raise Http404
    return redirect("dashboard:trash")
