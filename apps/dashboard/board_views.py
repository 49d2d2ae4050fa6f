"""The page of boards."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from apps.accounts.requests import signed_in_user
from apps.dashboard.board_selectors import boards_page
from apps.dashboard.views import is_htmx, page


@page
def boards(request: HttpRequest) -> HttpResponse:
    """Show all boards as cards; to htmx the cards alone, after something has changed."""
    shown = boards_page(user=signed_in_user(request))
    partial = "dashboard/partials/board_cards.html"
    template = partial if is_htmx(request) else "dashboard/boards.html"
    return render(request, template, {"section": "boards", "page": shown})
