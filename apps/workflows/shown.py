"""Workflows that Easel came with, for one reader: in their language, with models they can use."""

from collections.abc import Iterator, Mapping
from typing import Any

from django.utils.translation import gettext

from apps.accounts.models import User
from apps.catalog.models import GenerationModel, ModelKind
from apps.catalog.selectors import list_catalog
from apps.generation.parameters.add_ons import fits
from apps.workflows.documents import Document
from apps.workflows.models import Workflow
from gpu_tasks.engine.family_facts import FAMILY_FACTS
from gpu_tasks.nodes.registry import NODES
from gpu_tasks.nodes.values import ValueType


def shown_text(text: str, *, is_shared: bool) -> str:
    """Return a text of a workflow, translated if Easel came with it."""
    return gettext(text) if is_shared and text else text


def shown_document(workflow: Workflow, *, user: User) -> Document:
    """Return the document of what `get_workflow` found, as `ready_document`."""
    document: Document = workflow.document  # type: ignore[attr-defined]
    return ready_document(document, user=user) if workflow.is_shared else document


def ready_document(document: Mapping[str, Any], *, user: User) -> Document:
    """Return a shared document translated, with what was left open chosen for `user`.

    Open are models, of which the first that fits is taken, and the size that a model makes best;
    what nothing fits stays open. One query.
    """
    models = _Choice(user)
    return {
        **document,
        "name": shown_text(document["name"], is_shared=True),
        "description": shown_text(document["description"], is_shared=True),
        "nodes": [
            {
                **node,
                "label": shown_text(node["label"], is_shared=True),
                "inputs": {**dict(models.fill(node)), **node["inputs"]},
            }
            for node in document["nodes"]
        ],
        "form": [
            {**field, "title": shown_text(field["title"], is_shared=True)}
            for field in document["form"]
        ],
    }


class _Choice:
    """Choose models for the inputs of one document, each once."""

    def __init__(self, user: User) -> None:
        found = list_catalog(user=user).filter(is_enabled=True)
        self._models = [one for one in found if not one.base or one.base in FAMILY_FACTS]
        self._main = next((one for one in self._models if one.kind == ModelKind.MAIN), None)
        self._taken: set[str] = set()

    def fill(self, node: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        if self._main is None:
            return
        if node["type"] == "size":
            yield "square", max(self._main.default_width, self._main.default_height)
        for declared in NODES[node["type"]].inputs:
            if declared.type is ValueType.MODEL_KEY and declared.required:
                model = self._choose(self._main, declared.kinds)
                if model is not None:
                    yield declared.name, model.key

    def _choose(self, main: GenerationModel, kinds: tuple[str, ...]) -> GenerationModel | None:
        if ModelKind.MAIN in kinds:
            return main
        suitable = (
            one
            for one in self._models
            if one.kind in kinds and one.key not in self._taken and fits(one, main.base)
        )
        model = next(suitable, None)
        if model is not None:
            self._taken.add(model.key)
        return model
