"""Check, quote and start runs of workflows."""

import secrets
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from apps.accounts.models import ApiKey, User
from apps.catalog.limits import MAX_SEED
from apps.generation.models import Job, JobKind, Priority
from apps.generation.services.jobs import accept_work, earlier_job
from apps.workflows.admission import Admitted, admit_workflow, check_workflow, sketch_of
from apps.workflows.documents import read, read_with_inputs
from apps.workflows.quotes import WorkflowQuote, graph_digest, hold_to_token, quote_workflow
from apps.workflows.selectors import get_version
from apps.workflows.shown import ready_document
from gpu_tasks.nodes.graph import Graph, freeze_seeds


def check_document(*, user: User, document: object) -> None:
    """Do nothing if a document could run.

    Raises:
        Invalid: it could not; each node with what is wrong.
    """
    check_workflow(user=user, graph=read(document))


def quote_run(
    *,
    user: User,
    document: object = None,
    workflow: uuid.UUID | None = None,
    version: int | None = None,
    inputs: Mapping[str, object] | None = None,
) -> WorkflowQuote:
    """Quote what `start_run` would start; errors as it raises before it holds credits."""
    graph = _asked(user, document, workflow, version, inputs or {})
    return _quote(user, admit_workflow(user=user, graph=graph))


def start_run(
    *,
    user: User,
    document: object = None,
    workflow: uuid.UUID | None = None,
    version: int | None = None,
    inputs: Mapping[str, object] | None = None,
    priority: Priority = Priority.NORMAL,
    quote: str | None = None,
    idempotency_key: str | None = None,
    digest: str = "",
    api_key: ApiKey | None = None,
) -> Job:
    """Start a run of a document, or of a version of a workflow that `user` sees.

    `inputs` are literals put in before, by "node.input"; `quote` is the token of one. Seeds that
    were left to chance are drawn now and stay. The same `idempotency_key` with the same `digest`
    returns the job it made before.

    Raises:
        Invalid: the graph cannot run; each node with what is wrong.
        NotFound: there is no such workflow or version.
        PaymentRequired, Forbidden, Conflict: as `admit_workflow` and `accept_work`.
    """
    earlier = earlier_job(user=user, key=idempotency_key, digest=digest)
    if earlier is not None:
        return earlier
    graph = _asked(user, document, workflow, version, inputs or {})
    return _accept(
        user,
        graph,
        source={"workflow": None if workflow is None else str(workflow), "version": version},
        priority=priority,
        quote=quote,
        idempotency_key=idempotency_key,
        digest=digest,
        api_key=api_key,
    )


def retry_run(
    *,
    user: User,
    job: Job,
    new_seed: bool = False,
    api_key: ApiKey | None = None,
    idempotency_key: str | None = None,
) -> Job:
    """Run a workflow again: with the seeds that were drawn for it, or with new ones.

    Raises:
        EaselError: as `start_run`.
    """
    work: Mapping[str, Any] = job.work or {}
    graph = read(work["document"])
    if new_seed:
        graph = read_with_inputs(work["document"], dict.fromkeys(work["drawn"]))
    return _accept(
        user,
        graph,
        source={"workflow": work["workflow"], "version": work["version"]},
        drawn=work["drawn"],
        priority=Priority(job.priority),
        api_key=api_key,
        idempotency_key=idempotency_key,
    )


def _asked(
    user: User,
    document: object,
    workflow: uuid.UUID | None,
    version: int | None,
    inputs: Mapping[str, object],
) -> Graph:
    if workflow is not None:
        kept = get_version(user=user, workflow_id=workflow, number=version)
        document = kept.document
        if kept.user_id is None:
            document = ready_document(kept.document, user=user)
    return read_with_inputs(document, inputs)


def _accept(
    user: User,
    graph: Graph,
    *,
    source: Mapping[str, Any],
    drawn: Sequence[str] = (),
    quote: str | None = None,
    **asked: Any,
) -> Job:
    frozen = freeze_seeds(graph, lambda: secrets.randbelow(MAX_SEED + 1))
    admitted = admit_workflow(user=user, graph=frozen)
    offer = _quote(user, admitted)
    price = offer.offer.quote
    if quote is not None:
        # What was quoted left its seeds to chance.
        price = hold_to_token(price, quote, user=user, graph=graph, tier=admitted.tier)
    checked = admitted.checked
    work = {
        **source,
        "document": frozen.to_json(),
        "digest": graph_digest(frozen),
        "drawn": sorted({*drawn, *_drawn(graph, frozen)}),
        "models": sorted(checked.models),
        "pictures": sorted(checked.pictures),
        # What each node is expected to take.
        "seconds": {node: round(seconds, 3) for node, seconds in offer.nodes.items()},
    }
    return accept_work(
        user=user,
        kind=JobKind.WORKFLOW,
        work=work,
        model=admitted.model,
        sketch=sketch_of(admitted),
        tier=admitted.tier,
        parallel_limit=admitted.has.plan.parallel_queues,
        quote=price,
        **asked,
    )


def _quote(user: User, admitted: Admitted) -> WorkflowQuote:
    return quote_workflow(
        user=user,
        checked=admitted.checked,
        generations=admitted.generations,
        tier=admitted.tier,
    )


def _drawn(graph: Graph, frozen: Graph) -> Iterator[str]:
    for node in frozen.nodes.values():
        asked = graph.nodes[node.id].inputs
        for name, value in node.inputs.items():
            if value is not None and asked.get(name) is None:
                yield f"{node.id}.{name}"
