"""Workflows: the list of them, and the page on which one is filled in and run without its graph."""

import uuid

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from apps.accounts.requests import signed_in_user
from apps.dashboard.views import is_htmx, page
from apps.dashboard.workflow_selectors import workflow_form, workflows_page
from apps.workflows.models import MAX_WORKFLOW_NAME_LENGTH

MAX_WORDS_LENGTH = 200


@page
def workflows(request: HttpRequest) -> HttpResponse:
    """Show own workflows and those to start from; to htmx the cards alone, or those that follow."""
    # PostgreSQL takes no NUL.
    words = request.GET.get("q", "").replace("\0", "")[:MAX_WORDS_LENGTH]
    after = request.GET.get("after", "")
    found = workflows_page(user=signed_in_user(request), words=words, after=after)
    context = {
        "section": "workflows",
        "page": found,
        "words": words,
        "limits": {"name": MAX_WORKFLOW_NAME_LENGTH, "words": MAX_WORDS_LENGTH},
    }
    if is_htmx(request):
        partial = "workflow_own" if after else "workflow_lists"
        return render(request, f"dashboard/partials/{partial}.html", context)
    return render(request, "dashboard/workflows.html", context)


@page
def form(request: HttpRequest, workflow_id: uuid.UUID) -> HttpResponse:
    """Show what a workflow asks for, what it costs, and what it makes."""
    shown = workflow_form(user=signed_in_user(request), workflow_id=workflow_id)
    context = {"section": "workflows", "form": shown, "workflow": shown.workflow}
    return render(request, "dashboard/workflow_form.html", context)
