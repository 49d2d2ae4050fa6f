"""Workflows as they are shown: those that Easel came with in the language of the reader."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext

from apps.workflows.documents import Document
from apps.workflows.models import Workflow


def shown_text(text: str, *, is_shared: bool) -> str:
    """Return a text of a workflow, translated if Easel came with it."""
    return gettext(text) if is_shared and text else text


def shown_document(workflow: Workflow) -> Document:
    """Return the document of what `get_workflow` found."""
    document: Document = workflow.document  # type: ignore[attr-defined]
    return translated(document) if workflow.is_shared else document


def translated(document: Mapping[str, Any]) -> Document:
    """Return a shared document with its texts for people translated."""
    return {
        **document,
        "name": shown_text(document["name"], is_shared=True),
        "description": shown_text(document["description"], is_shared=True),
        "nodes": [
            {**node, "label": shown_text(node.get("label", ""), is_shared=True)}
            for node in document["nodes"]
        ],
        "form": [
            {**field, "title": shown_text(field.get("title", ""), is_shared=True)}
            for field in document.get("form", ())
        ],
    }
