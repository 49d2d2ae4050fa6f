"""Writes on workflows: each save is a version, and versions stay as they are."""

import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django.db import transaction
from django.db.models import BigIntegerField, F, Func, Sum, Window
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.core.audit import record_act
from apps.core.errors import Conflict, ErrorCode, NotFound
from apps.core.models import Act
from apps.images.services.library import lock_library
from apps.workflows.documents import Document, read
from apps.workflows.models import (
    MAX_VERSION_BYTES,
    MAX_WORKFLOW_NAME_LENGTH,
    MAX_WORKFLOWS,
    VERSIONS_KEPT,
    Workflow,
    WorkflowVersion,
)
from apps.workflows.selectors import get_version, get_workflow
from apps.workflows.shown import shown_document
from gpu_tasks.nodes.graph import Graph


def create_workflow(
    *,
    user: User,
    name: str | None = None,
    description: str | None = None,
    document: object = None,
) -> Workflow:
    """Keep a workflow for `user`; without a document it has no nodes yet.

    Raises:
        Invalid: the document is none.
        Conflict: there are as many workflows as one may have.
    """
    graph = Graph(nodes={}) if document is None else read(document)
    return _insert(user=user, graph=_entitled(graph, name=name, description=description))


def import_workflow(*, user: User, document: object) -> Workflow:
    """Keep a workflow that somebody exported; errors as `create_workflow`."""
    with transaction.atomic():
        workflow = _insert(user=user, graph=_entitled(read(document)))
        record_act(
            act=Act.WORKFLOW_IMPORTED, user_id=user.id, actor_id=user.id, target=workflow.name
        )
    return workflow


def duplicate_workflow(*, user: User, workflow_id: uuid.UUID) -> Workflow:
    """Copy a workflow that `user` sees, so that it is theirs to change.

    Raises:
        NotFound: there is none.
        Conflict: there are as many workflows as one may have.
    """
    workflow = get_workflow(user=user, workflow_id=workflow_id)
    graph = read(shown_document(workflow, user=user))
    name = _("%(name)s (copy)") % {"name": graph.name[: MAX_WORKFLOW_NAME_LENGTH - 20]}
    return _insert(user=user, graph=replace(graph, name=name))


def edit_workflow(
    *,
    user: User,
    workflow_id: uuid.UUID,
    base_version: int,
    name: str | None = None,
    description: str | None = None,
    document: object = None,
) -> Workflow:
    """Save what is given as a new version; what changes nothing makes none.

    A save that is repeated because its answer was lost changes nothing either.

    Raises:
        NotFound: `user` has no such workflow of their own.
        Conflict: it is not at `base_version` any more, nor what it would be after this save; the
            number that it is at comes along.
        Invalid: the document is none.
    """
    given = None if document is None else read(document)
    with transaction.atomic():
        workflow = _locked(user, workflow_id)
        kept = get_version(user=user, workflow_id=workflow_id, number=workflow.version)
        graph = given or read(kept.document)
        changed = _entitled(graph, name=name, description=description).to_json()
        if changed != kept.document:
            if workflow.version != base_version:
                raise Conflict(
                    _("This workflow was saved elsewhere meanwhile. Load it anew first."),
                    code=ErrorCode.VERSION_CONFLICT,
                    version=workflow.version,
                )
            _add_version(workflow, changed)
        return get_workflow(user=user, workflow_id=workflow_id)


def restore_version(*, user: User, workflow_id: uuid.UUID, number: int) -> Workflow:
    """Save an earlier version anew, as the latest one.

    Raises:
        NotFound: `user` has no such workflow of their own, or the version is kept no more.
    """
    with transaction.atomic():
        workflow = _locked(user, workflow_id)
        version = get_version(user=user, workflow_id=workflow_id, number=number)
        if version.number != workflow.version:
            _add_version(workflow, version.document)
        return get_workflow(user=user, workflow_id=workflow_id)


def delete_workflow(*, user: User, workflow_id: uuid.UUID) -> None:
    """Delete a workflow with all of its versions; what it made stays.

    Raises:
        NotFound: `user` has no such workflow of their own.
    """
    with transaction.atomic():
        workflow = _locked(user, workflow_id)
        record_act(
            act=Act.WORKFLOW_DELETED, user_id=user.id, actor_id=user.id, target=workflow.name
        )
        workflow.delete()


def _entitled(graph: Graph, *, name: str | None = None, description: str | None = None) -> Graph:
    """Return a graph by the name that is given, or its own, or one for what has none."""
    return replace(
        graph,
        name=(graph.name if name is None else name).strip() or _("Untitled workflow"),
        description=graph.description if description is None else description,
    )


def _insert(*, user: User, graph: Graph) -> Workflow:
    document = graph.to_json()
    with transaction.atomic():
        lock_library(user_id=user.id)
        if Workflow.objects.filter(user=user).count() >= MAX_WORKFLOWS:
            raise Conflict(_("You have as many workflows as there can be."), limit=MAX_WORKFLOWS)
        workflow = Workflow.objects.create(user=user, **_facts(document))
        WorkflowVersion.objects.create(
            user=user, workflow=workflow, number=workflow.version, document=document
        )
        _make_room(user.id)
        return get_workflow(user=user, workflow_id=workflow.id)


def _add_version(workflow: Workflow, document: Document) -> None:
    number = workflow.version + 1
    WorkflowVersion.objects.create(
        user=workflow.user, workflow=workflow, number=number, document=document
    )
    Workflow.objects.filter(id=workflow.id).update(version=number, **_facts(document))
    WorkflowVersion.objects.filter(
        user=workflow.user, workflow=workflow, number__lte=number - VERSIONS_KEPT
    ).delete()
    _make_room(workflow.user_id)


def _make_room(user_id: uuid.UUID | None) -> None:
    """Delete the oldest earlier versions of a user if all take more than they may."""
    stored = Func(F("document"), function="pg_column_size", output_field=BigIntegerField())
    versions = WorkflowVersion.objects.filter(user=user_id)
    over = (versions.aggregate(total=Sum(stored))["total"] or 0) - MAX_VERSION_BYTES
    if over <= 0:
        return
    # Each with the bytes of those that go before it.
    earlier = versions.filter(number__lt=F("workflow__version")).annotate(
        freed=Window(Sum(stored), order_by=[F("created_at").asc(), F("id").asc()]) - stored
    )
    gone = earlier.filter(freed__lt=over).values_list("id", flat=True)
    versions.filter(id__in=list(gone)).delete()


def _facts(document: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": document["name"],
        "description": document["description"],
        "node_count": len(document["nodes"]),
    }


def _locked(user: User, workflow_id: uuid.UUID) -> Workflow:
    workflow = Workflow.objects.select_for_update().filter(user=user, id=workflow_id).first()
    if workflow is None:
        raise NotFound
    return workflow
