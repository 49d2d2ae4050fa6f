"""Check, quote and start runs of workflows."""

import hashlib
import secrets
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from apps.accounts.models import ApiKey, User
from apps.catalog.limits import MAX_SEED
from apps.core.errors import Forbidden, Invalid
from apps.generation.models import Job, JobKind, Priority
from apps.generation.quotes import expired_quote
from apps.generation.services.jobs import accept_work, earlier_job
from apps.workflows.admission import (
    Admitted,
    admit_again,
    admit_workflow,
    check_workflow,
    sketch_of,
)
from apps.workflows.documents import read, read_with_inputs, refusal
from apps.workflows.quotes import (
    WorkflowQuote,
    graph_digest,
    quote_workflow,
    read_token,
    work_digest,
)
from apps.workflows.selectors import get_version
from apps.workflows.shown import ready_document
from gpu_tasks.nodes.graph import Graph, freeze_seeds
from gpu_tasks.nodes.problems import InvalidGraph


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
    chance = _new_chance()
    admitted = admit_workflow(user=user, graph=_frozen(graph, chance))
    return _quote(user, graph, chance, admitted)


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
    were left to chance are drawn now and stay; where others than those of the quote would cost
    something else, they are those of the quote. The same `idempotency_key` with the same `digest`
    returns the job it made before.

    Raises:
        Invalid: the graph cannot run; each node with what is wrong.
        NotFound: there is no such workflow or version.
        Conflict: the quote holds no more, or was for something else.
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
    promise = None if quote is None else read_token(quote, user=user, asked=graph)
    chance = _new_chance()
    if promise is None:
        admitted = admit_workflow(user=user, graph=_frozen(graph, chance))
    else:
        admitted = admit_workflow(user=user, graph=_frozen(graph, promise.chance))
        if _work_of(admitted) != promise.work:
            raise expired_quote()
        admitted = _redrawn(admitted, _frozen(graph, chance))
    offer = _quote(user, graph, chance, admitted)
    price = offer.offer.quote
    if promise is not None:
        price = replace(price, credits=promise.credits)
    checked, frozen = admitted.checked, admitted.checked.graph
    work = {
        **source,
        "document": frozen.to_json(),
        "digest": graph_digest(frozen),
        "drawn": sorted({*drawn, *_drawn(graph, frozen)}),
        "models": sorted(checked.models),
        "defaults": admitted.finder.defaults_of(checked.models),
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


def _new_chance() -> str:
    return secrets.token_hex(16)


def _frozen(graph: Graph, chance: str) -> Graph:
    """Return a graph with all its seeds; the same `chance` draws the same ones."""

    def draw(place: str) -> int:
        digest = hashlib.sha256(f"{chance} {place}".encode()).digest()
        return int.from_bytes(digest[:8]) % (MAX_SEED + 1)

    try:
        return freeze_seeds(graph, draw)
    except InvalidGraph as error:
        raise refusal(error.problems) from error


def _redrawn(admitted: Admitted, graph: Graph) -> Admitted:
    """Return what is admitted with the seeds of `graph`, if these make no other work of it."""
    try:
        other = admit_again(admitted, graph)
    except (Invalid, Forbidden):
        return admitted
    return other if _work_of(other) == _work_of(admitted) else admitted


def _work_of(admitted: Admitted) -> str:
    return work_digest(
        checked=admitted.checked, generations=admitted.generations, tier=admitted.tier
    )


def _quote(user: User, asked: Graph, chance: str, admitted: Admitted) -> WorkflowQuote:
    return quote_workflow(
        user=user,
        asked=asked,
        chance=chance,
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
