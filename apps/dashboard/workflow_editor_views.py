"""The page on which a workflow is built as a graph."""

import uuid
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from apps.accounts.requests import signed_in_user
from apps.dashboard.views import page
from apps.images.selectors import get_listed_image
from apps.workflows.models import MAX_WORKFLOW_NAME_LENGTH
from apps.workflows.selectors import get_workflow
from apps.workflows.shown import shown_text
from gpu_tasks.nodes.graph import MAX_LABEL


@page
def new_workflow(request: HttpRequest) -> HttpResponse:
    """Show the editor with nothing in it, or with what made `image`; saving makes the workflow."""
    image = request.GET.get("image", "")
    if image:
        get_listed_image(user_id=signed_in_user(request).id, image_name=_name(image))
    return _editor(request, {"image": image})


@page
def workflow(request: HttpRequest, workflow_id: uuid.UUID) -> HttpResponse:
    """Show one workflow in the editor, one's own or one that everybody has."""
    found = get_workflow(user=signed_in_user(request), workflow_id=workflow_id)
    name = shown_text(found.name, is_shared=found.is_shared)
    return _editor(request, {"workflow": found, "name": name})


def _editor(request: HttpRequest, shown: dict[str, Any]) -> HttpResponse:
    limits = {"name": MAX_WORKFLOW_NAME_LENGTH, "label": MAX_LABEL}
    context = {"section": "workflows", "limits": limits}
    return render(request, "dashboard/workflow_editor.html", context | shown)


def _name(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError as error:
        raise Http404 from error
