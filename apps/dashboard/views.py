import uuid
from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from apps.accounts.requests import signed_in_user
from apps.catalog.limits import MAX_GUIDANCE, MAX_PROMPT_LENGTH
from apps.core.audit import list_acts
from apps.core.errors import NotFound
from apps.dashboard.gallery_selectors import (
    GALLERY_ORDERS,
    RATINGS,
    board_shelf,
    gallery_outline,
    gallery_page,
    model_names,
)
from apps.dashboard.selectors import composer_of, get_picture, wants_first_steps
from apps.images.selectors import get_image
from apps.privacy.selectors import list_requests

P = ParamSpec("P")
# A page shows the latest; the API has them all.
RECORDS_SHOWN = 100
REQUESTS_SHOWN = 10

View = Callable[Concatenate[HttpRequest, P], HttpResponse]


def page(view: View[P]) -> View[P]:
    """Make `view` a page of the studio: signed in, only read, never cached, 404 for strangers."""

    @wraps(view)
    def answered(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except NotFound as error:
            raise Http404 from error

    guarded: View[P] = require_safe(never_cache(login_required(answered)))
    return guarded


@page
def create(request: HttpRequest) -> HttpResponse:
    """Show the composer, the settings and the stage; the rest is live."""
    user = signed_in_user(request)
    composer = composer_of(user=user)
    context = {
        "section": "create",
        "first_steps": wants_first_steps(user=user),
        "models": composer.models,
        "boards": composer.boards,
        "services": composer.services,
        "is_first": composer.is_first,
        "refusal": composer.refusal,
        "limits": {"prompt": MAX_PROMPT_LENGTH, "guidance": MAX_GUIDANCE},
    }
    return render(request, "dashboard/create.html", context)


@page
def gallery(request: HttpRequest) -> HttpResponse:
    """Show pictures, the newest or those asked for, or to htmx the tiles after a cursor."""
    user = signed_in_user(request)
    found = gallery_page(user=user, asked=request.GET.dict())
    context = {"section": "gallery", "page": found}
    if is_htmx(request):
        return render(request, "dashboard/partials/tiles.html", context)
    context |= {
        "orders": GALLERY_ORDERS,
        "ratings": RATINGS,
        "models": model_names(user=user),
        "shelf": board_shelf(user=user, shown=found.asked.get("board", "")),
    }
    return render(request, "dashboard/gallery.html", context)


@page
def outline(request: HttpRequest) -> HttpResponse:
    """Tell where the pages of a list begin, so that one can go to any of them at once."""
    found = gallery_outline(user=signed_in_user(request), asked=request.GET.dict())
    cursors = [cursor.to_text() for cursor in found.cursors]
    return JsonResponse({"cursors": cursors, "length": found.length, "goes_on": found.goes_on})


@page
def shelf(request: HttpRequest) -> HttpResponse:
    """Render the boards anew, after something about them has changed."""
    boards = board_shelf(user=signed_in_user(request), shown=request.GET.get("board", ""))
    return render(request, "dashboard/partials/boards.html", {"shelf": boards})


@page
def image(request: HttpRequest, image_name: uuid.UUID) -> HttpResponse:
    """Show a picture with its facts: as a page, or to htmx as the inside of the dialog."""
    picture = get_picture(user=signed_in_user(request), image_name=image_name)
    template = "dashboard/partials/picture.html" if is_htmx(request) else "dashboard/image.html"
    return render(request, template, {"section": "gallery", "picture": picture})


@page
def image_tile(request: HttpRequest, image_name: uuid.UUID) -> HttpResponse:
    """Render one tile, for a picture that arrives while the gallery is open."""
    shown = get_image(user_id=signed_in_user(request).id, image_name=image_name)
    return render(request, "dashboard/partials/tile.html", {"image": shown})


@page
def activity(request: HttpRequest) -> HttpResponse:
    """Show what was lately done to the account."""
    records = list_acts(user_id=signed_in_user(request).id)[:RECORDS_SHOWN]
    return render(request, "dashboard/activity.html", {"section": "account", "records": records})


@page
def own_data(request: HttpRequest) -> HttpResponse:
    """Show how to take one's data along or delete the account; to htmx how far the work is."""
    requests = list_requests(user=signed_in_user(request))[:REQUESTS_SHOWN]
    partial = "dashboard/partials/data_requests.html"
    template = partial if is_htmx(request) else "dashboard/own_data.html"
    return render(request, template, {"section": "account", "requests": requests})


def is_htmx(request: HttpRequest) -> bool:
    """Say whether htmx asks for a part of a page."""
    return request.headers.get("HX-Request") == "true"
