"""A board as whoever has its link sees it, without signing in."""

import uuid
from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from apps.boards.answers import shared_file
from apps.boards.sharing_selectors import SharedBoard, linked_board
from apps.boards.showing import show_board, show_picture
from apps.core.client_address import address_block, client_address
from apps.core.errors import NotFound
from apps.core.rate_limits import Endpoint, counter, take
from apps.core.throttles import limit_headers

P = ParamSpec("P")
View = Callable[..., HttpResponse]
BoardView = Callable[Concatenate[HttpRequest, SharedBoard, str, P], HttpResponse]


def linked(endpoint: Endpoint) -> Callable[[BoardView[P]], View]:
    """Make a view of a board one of its link, counted on the address that asks.

    The view gets the board and the root of its addresses, and answers inside the transaction that
    the link opens. The address is a secret: it goes to no other site and into no search engine.
    """

    def decorate(view: BoardView[P]) -> View:
        @wraps(view)
        def answered(
            request: HttpRequest, /, token: str, *args: P.args, **kwargs: P.kwargs
        ) -> HttpResponse:
            refusal = _refusal(request, endpoint)
            if refusal is not None:
                return refusal
            try:
                with linked_board(token) as shared:
                    root = reverse("shared-link", args=[token])
                    response = view(request, shared, root, *args, **kwargs)
            except NotFound as error:
                raise Http404 from error
            response["Referrer-Policy"] = "no-referrer"
            response["X-Robots-Tag"] = "noindex, nofollow"
            return response

        guarded: View = require_safe(answered)
        return guarded

    return decorate


@never_cache
@linked(Endpoint.ANONYMOUS)
def linked_grid(request: HttpRequest, shared: SharedBoard, root: str) -> HttpResponse:
    """Show the pictures on a board."""
    shown = show_board(shared, address=root, cursor=request.GET.get("cursor", ""))
    return render(request, "shared/link_board.html", {"shown": shown})


@never_cache
@linked(Endpoint.ANONYMOUS)
def linked_picture(
    request: HttpRequest, shared: SharedBoard, root: str, image_name: uuid.UUID
) -> HttpResponse:
    """Show a picture on a board in large view."""
    shown = show_picture(shared, address=root, image_name=image_name)
    return render(request, "shared/link_picture.html", {"shown": shown})


@linked(Endpoint.FILE)
def linked_file(
    request: HttpRequest, shared: SharedBoard, root: str, image_name: uuid.UUID, variant: str
) -> HttpResponse:
    """Answer a file of a picture on a board."""
    del root
    return shared_file(request, share=shared.share, image_name=image_name, variant=variant)


def _refusal(request: HttpRequest, endpoint: Endpoint) -> HttpResponse | None:
    verdicts = take(counter(address_block(client_address(request)), endpoint))
    if verdicts is None or verdicts[0].allowed:
        return None
    text = _("Too many requests. Please wait a moment.")
    headers = limit_headers(verdicts[0])
    return HttpResponse(text, status=429, content_type="text/plain", headers=headers)
