"""What the pages of workflows show."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db.models import F, OuterRef, Q, QuerySet, Subquery
from django.db.models.fields.json import KT

from apps.accounts.models import User
from apps.core.errors import NotFound
from apps.dashboard.workflow_outlines import Outline, outline_of
from apps.generation.models import Job, JobKind
from apps.images.models import Image
from apps.plans.entitlements import Feature, decide, refusal
from apps.plans.selectors import known_entitlements
from apps.workflows.models import Workflow
from apps.workflows.selectors import get_workflow, list_workflows, with_documents
from apps.workflows.shown import shown_text
from apps.workflows.workflow_serializers import WorkflowSerializer

PAGE_SIZE: Final = 24


@dataclass(frozen=True, slots=True)
class WorkflowCard:
    """A workflow in the words of its reader; `cover` names a picture, or the graph is drawn."""

    workflow: Workflow
    name: str
    description: str
    cover: uuid.UUID | None
    outline: Outline | None


@dataclass(frozen=True, slots=True)
class WorkflowsPage:
    """Own workflows, what was changed last first, where they go on, and the default ones."""

    own: Sequence[WorkflowCard]
    shared: Sequence[WorkflowCard]
    next: str


@dataclass(frozen=True, slots=True)
class WorkflowForm:
    """A workflow in the JSON form of the API, and why nothing is made, if so."""

    workflow: Mapping[str, Any]
    refusal: str | None


def workflows_page(*, user: User, words: str = "", after: str = "") -> WorkflowsPage:
    """Return the workflows that have `words`, from the `next` of a page on.

    Three queries: own ones, default ones (on the first page), covers of own ones if there are any.

    Raises:
        NotFound: there is no such page.
    """
    own = _having(list_workflows(user=user, is_shared=False), words)
    if after:
        updated_at, workflow_id = _place(after)
        own = own.filter(updated_at__lte=updated_at)
        own = own.exclude(updated_at=updated_at, id__gte=workflow_id)
    found = list(with_documents(own, user=user)[: PAGE_SIZE + 1])
    last = found[PAGE_SIZE - 1] if len(found) > PAGE_SIZE else None
    found = found[:PAGE_SIZE]
    covers = _covers(user, [workflow.id for workflow in found])
    return WorkflowsPage(
        own=[_card(workflow, covers.get(workflow.id)) for workflow in found],
        shared=[] if after else _default_cards(user, words),
        next="" if last is None else f"{last.updated_at:%Y%m%dT%H%M%S.%fZ}_{last.id}",
    )


def workflow_form(*, user: User, workflow_id: uuid.UUID) -> WorkflowForm:
    """Return what is filled in to run a workflow that `user` sees.

    Raises:
        NotFound: there is none.
    """
    workflow = get_workflow(user=user, workflow_id=workflow_id)
    decision = decide(known_entitlements(user_id=user.id), feature=Feature.GENERATION)
    return WorkflowForm(
        workflow=WorkflowSerializer(workflow, context={"user": user}).data,
        refusal=None if decision.allowed else refusal(decision),
    )


def has_own_document(*, user: User, image_name: uuid.UUID) -> bool:
    """Tell whether a workflow of Easel made a picture of `user`, or came with its file."""
    by_easel = Q(graph__has_key="easel_workflow") | Q(workflow__has_key="easel_workflow")
    return Image.objects.filter(by_easel, user=user, image_name=image_name).exists()


def _having(workflows: QuerySet[Workflow], words: str) -> QuerySet[Workflow]:
    for word in words.split():
        workflows = workflows.filter(Q(name__icontains=word) | Q(description__icontains=word))
    return workflows


def _default_cards(user: User, words: str) -> list[WorkflowCard]:
    shared = with_documents(list_workflows(user=user, is_shared=True), user=user)
    cards = [_card(workflow, None) for workflow in shared.order_by("node_count", "name")]
    # In the words that their reader sees, which the database does not have.
    wanted = words.lower().split()
    return [
        card
        for card in cards
        if all(word in f"{card.name} {card.description}".lower() for word in wanted)
    ]


def _card(workflow: Workflow, cover: uuid.UUID | None) -> WorkflowCard:
    document: Mapping[str, Any] = workflow.document  # type: ignore[attr-defined]
    return WorkflowCard(
        workflow=workflow,
        name=shown_text(workflow.name, is_shared=workflow.is_shared),
        description=shown_text(workflow.description, is_shared=workflow.is_shared),
        cover=cover,
        outline=None if cover else outline_of(document),
    )


def _covers(user: User, workflow_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, uuid.UUID]:
    """Return the names of the latest pictures that runs of workflows made."""
    ids = [str(workflow_id) for workflow_id in workflow_ids]
    if not ids:
        return {}
    runs = Job.objects.filter(user=user, kind=JobKind.WORKFLOW)
    latest = Image.objects.filter(
        user=user, session_id=OuterRef("id"), deleted_at=None, is_intermediate=False
    ).order_by("-created_at")
    made = (
        runs.annotate(of=KT("work__workflow"), cover=Subquery(latest.values("image_name")[:1]))
        .filter(of__in=ids, cover__isnull=False)
        .order_by("of", F("created_at").desc())
        .distinct("of")
    )
    return {uuid.UUID(of): cover for of, cover in made.values_list("of", "cover")}


def _place(text: str) -> tuple[datetime, uuid.UUID]:
    moment, _underscore, workflow_id = text.partition("_")
    try:
        return datetime.strptime(moment, "%Y%m%dT%H%M%S.%f%z"), uuid.UUID(workflow_id)
    except ValueError as error:
        raise NotFound from error
