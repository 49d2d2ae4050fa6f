"""Canvases: the list of them, and the page on which one is worked."""

import uuid
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from apps.accounts.requests import signed_in_user
from apps.canvas.documents import MAX_SIDE, MIN_SIDE
from apps.canvas.models import MAX_NAME_LENGTH
from apps.canvas.selectors import document_page, get_document
from apps.catalog.limits import MAX_GUIDANCE, MAX_PROMPT_LENGTH, MAX_STEPS
from apps.dashboard.canvas_selectors import canvas_tools
from apps.dashboard.views import is_htmx, page
from apps.images.selectors import get_listed_image, list_images
from gpu_tasks.engine.guides import MAX_FEATHER

PAGE_SIZE = 24
PICTURES_OFFERED = 24
NEW_SIDE = 1024


@page
def canvases(request: HttpRequest) -> HttpResponse:
    """Show the canvases, what was saved last first, or to htmx those that follow one."""
    user = signed_in_user(request)
    found = document_page(user=user, size=PAGE_SIZE, after=request.GET.get("after", ""))
    context = {"section": "canvas", "page": found}
    if is_htmx(request):
        return render(request, "dashboard/canvas_cards.html", context)
    context |= {
        "pictures": list_images(user=user)[:PICTURES_OFFERED],
        "limits": {"name": MAX_NAME_LENGTH, "least": MIN_SIDE, "most": MAX_SIDE},
    }
    return render(request, "dashboard/canvas_list.html", context)


@page
def new_canvas(request: HttpRequest) -> HttpResponse:
    """Show a canvas that is made as the page opens: of `image`, or of `width` and `height`."""
    image = request.GET.get("image", "")
    if image:
        get_listed_image(user_id=signed_in_user(request).id, image_name=_name(image))
    begin = {"image": image, "width": _side(request, "width"), "height": _side(request, "height")}
    return _editor(request, {"begin": begin})


@page
def canvas(request: HttpRequest, canvas_id: uuid.UUID) -> HttpResponse:
    """Show one canvas in the editor, with what is asked of the models beside it."""
    document = get_document(user=signed_in_user(request), document_id=canvas_id)
    return _editor(request, {"canvas": document})


def _editor(request: HttpRequest, shown: dict[str, Any]) -> HttpResponse:
    tools = canvas_tools(user=signed_in_user(request))
    context = {
        "section": "canvas",
        "tools": tools,
        "refusal": tools.refusal,
        "limits": {
            "name": MAX_NAME_LENGTH,
            "prompt": MAX_PROMPT_LENGTH,
            "guidance": MAX_GUIDANCE,
            "steps": MAX_STEPS,
            "feather": MAX_FEATHER,
        },
    }
    return render(request, "dashboard/canvas_edit.html", context | shown)


def _name(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError as error:
        raise Http404 from error


def _side(request: HttpRequest, name: str) -> int:
    text = request.GET.get(name, "")
    is_number = text.isascii() and text.isdigit() and len(text) <= 5
    if not (is_number and MIN_SIDE <= int(text) <= MAX_SIDE):
        return NEW_SIDE
    return int(text)
