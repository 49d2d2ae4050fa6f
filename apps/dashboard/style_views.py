"""The page of styles, wildcards and templates."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from apps.accounts.requests import signed_in_user
from apps.catalog.limits import MAX_PROMPT_LENGTH
from apps.dashboard.style_selectors import styles_page
from apps.dashboard.views import is_htmx, page
from apps.generation.dynamic_prompts import MAX_PROMPTS
from apps.workflows.models import MAX_NAME_LENGTH, MAX_WILDCARD_NAME_LENGTH


@page
def styles(request: HttpRequest) -> HttpResponse:
    """Show styles and wildcards and where templates are tried; to htmx the cards alone."""
    context = {
        "section": "styles",
        "page": styles_page(user=signed_in_user(request)),
        "limits": {
            "prompt": MAX_PROMPT_LENGTH,
            "name": MAX_NAME_LENGTH,
            "wildcard_name": MAX_WILDCARD_NAME_LENGTH,
            "prompts": MAX_PROMPTS,
        },
    }
    partial = "dashboard/partials/style_lists.html"
    return render(request, partial if is_htmx(request) else "dashboard/styles.html", context)
