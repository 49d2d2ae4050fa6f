"""Reads on presets, wildcards and workflows."""

import uuid

from django.db.models import F, OuterRef, Q, QuerySet, Subquery

from apps.accounts.models import User
from apps.core.errors import NotFound
from apps.generation.models import Job, JobKind
from apps.generation.selectors import get_job
from apps.images.models import Image
from apps.workflows.models import StylePreset, Wildcard, Workflow, WorkflowVersion


def list_presets(*, user: User) -> QuerySet[StylePreset]:
    """List the presets that `user` sees, own ones first, each by name, with their `cover`."""
    shown = Image.objects.filter(
        user=OuterRef("user"),
        image_name=OuterRef("cover_name"),
        deleted_at=None,
        is_intermediate=False,
    )
    presets = StylePreset.objects.filter(Q(user=user) | Q(user=None))
    # PostgreSQL has what is null last.
    return presets.annotate(cover=Subquery(shown.values("image_name")[:1])).order_by("user", "name")


def get_preset(*, user: User, preset_id: uuid.UUID) -> StylePreset:
    """Return a preset that `user` sees.

    Raises:
        NotFound: there is none.
    """
    preset = list_presets(user=user).filter(id=preset_id).first()
    if preset is None:
        raise NotFound
    return preset


def list_wildcards(*, user: User) -> QuerySet[Wildcard]:
    """List the wildcards of `user` by name."""
    return Wildcard.objects.filter(user=user).order_by("name")


def get_wildcard(*, user: User, wildcard_id: uuid.UUID) -> Wildcard:
    """Return a wildcard of `user`.

    Raises:
        NotFound: there is none.
    """
    wildcard = list_wildcards(user=user).filter(id=wildcard_id).first()
    if wildcard is None:
        raise NotFound
    return wildcard


def wildcard_table(*, user: User) -> dict[str, list[str]]:
    """Return the values of all wildcards of `user` by name."""
    return dict(list_wildcards(user=user).values_list("name", "values"))


def list_workflows(*, user: User, is_shared: bool | None = None) -> QuerySet[Workflow]:
    """List the workflows that `user` sees, or only own or only shared ones; changed last first."""
    own, shared = Q(user=user), Q(user=None)
    shown = {None: own | shared, False: own, True: shared}[is_shared]
    return Workflow.objects.filter(shown).order_by("-updated_at", "-id")


def with_documents(workflows: QuerySet[Workflow], *, user: User) -> QuerySet[Workflow]:
    """Add the `document` of its latest version to each of what `user` sees."""
    latest = WorkflowVersion.objects.filter(
        Q(user=user) | Q(user=None), workflow=OuterRef("id"), number=OuterRef("version")
    )
    return workflows.annotate(document=Subquery(latest.values("document")))


def get_workflow(*, user: User, workflow_id: uuid.UUID) -> Workflow:
    """Return a workflow that `user` sees, with the `document` of its latest version.

    Raises:
        NotFound: there is none.
    """
    workflows = with_documents(list_workflows(user=user), user=user)
    workflow = workflows.filter(id=workflow_id).first()
    if workflow is None:
        raise NotFound
    return workflow


def list_versions(*, user: User, workflow_id: uuid.UUID) -> QuerySet[WorkflowVersion]:
    """List what is kept of a workflow that `user` sees, the latest version first.

    Raises:
        NotFound: there is no such workflow.
    """
    if not list_workflows(user=user).filter(id=workflow_id).exists():
        raise NotFound
    seen = Q(user=user) | Q(user=None)
    return WorkflowVersion.objects.filter(seen, workflow=workflow_id).order_by("-number")


def get_version(*, user: User, workflow_id: uuid.UUID, number: int | None) -> WorkflowVersion:
    """Return a version of a workflow that `user` sees; the latest one without a number.

    Raises:
        NotFound: there is none, or it is kept no more.
    """
    seen = WorkflowVersion.objects.filter(Q(user=user) | Q(user=None), workflow=workflow_id)
    version = seen.filter(number=F("workflow__version") if number is None else number).first()
    if version is None:
        raise NotFound
    return version


def get_run(*, user: User, job_id: uuid.UUID) -> Job:
    """Return the job of a run of `user`.

    Raises:
        NotFound: there is none of that id, it is somebody else's, or no run of a workflow.
    """
    job = get_job(user=user, job_id=job_id)
    if job.kind != JobKind.WORKFLOW:
        raise NotFound
    return job
