"""One claimed run of a workflow on its way: nodes one after another, results stored at its end."""

import dataclasses
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import structlog
from django.conf import settings

from apps.core.errors import NotFound
from apps.core.observability.tracing import span
from apps.core.tenancy import tenant_scope
from apps.generation.services.admission import check_entitled
from apps.generation.services.results import finish_job, result_name
from apps.images.services.pictures import StoredPicture, delete_files, store_picture
from apps.plans.entitlements import Entitlements, Feature, check, decide, require
from apps.plans.storage import used_bytes
from apps.workflows.finding import TenantFinder
from gpu_tasks.engine import Engine, GenerationResult, InvalidRequest
from gpu_tasks.engine.libraries import LIBRARY_VERSIONS
from gpu_tasks.engine.request import SEED_COUNT
from gpu_tasks.nodes.checking import CheckedGraph, check_graph
from gpu_tasks.nodes.declaring import Category
from gpu_tasks.nodes.graph import read_document
from gpu_tasks.nodes.problems import Code, InvalidGraph
from gpu_tasks.nodes.run import NodeFailed, NodeState, RunCancelled, RunResult, run_graph
from gpu_tasks.nodes.values import LINKED_PICTURE
from gpu_tasks.runner.attempt import Attempt, Outcome
from gpu_tasks.runner.content import check_content
from gpu_tasks.runner.facts import facts_of
from gpu_tasks.runner.node_reports import NodeReporter
from gpu_tasks.runner.workflow_context import RunContext

logger = structlog.get_logger(__name__)


@dataclasses.dataclass(frozen=True, slots=True)
class _Kept:
    """A picture that a node keeps: the `number`-th of those that it keeps at once."""

    node: str
    number: int
    picture: Any
    board: str | None
    label: str
    seed: int | None


class WorkflowAttempt(Attempt):
    """Carry one run from its claim to its end; a cancelled one keeps what was saved before."""

    is_solo: ClassVar[bool] = True

    _has: Entitlements
    _finder: TenantFinder
    _checked: CheckedGraph
    _result: RunResult

    def _prepare(self) -> None:
        job = self.job
        check_entitled(job)
        with tenant_scope(job.user_id):
            self._has = require(user_id=job.user_id, feature=Feature.NODE_EDITOR)
            try:
                graph = read_document(self._work["document"])
                self._finder = TenantFinder(
                    user_id=job.user_id, graph=graph, defaults=self._work.get("defaults", {})
                )
                self._checked = check_graph(graph, self._finder)
            except InvalidGraph as error:
                raise _gone_or_invalid(error) from error
        self._nodes = NodeReporter(
            job=job, expected=self._work.get("seconds", {}), reporter=self._reporter
        )

    def make(self, engine: Engine) -> Outcome:
        """Run the nodes; what is raised ends the job.

        Raises:
            RunCancelled: a cancel was asked for, or this process ends.
            Exception: what kept a node from its work.
        """
        context = RunContext(
            user_id=self.job.user_id,
            engine=engine,
            finder=self._finder,
            source=self._source,
            is_cancelled=self._must_stop,
        )
        try:
            result = run_graph(self._checked, context, on_node=self._note_node)
        except NodeFailed as failed:
            logger.warning("node_failed", node=failed.node)
            raise failed.cause from failed
        self._result = result
        return GenerationResult(
            images=result.pictures,
            seeds=(0,) * len(result.pictures),
            compute_seconds=result.compute_seconds,
            model_load_seconds=0.0,
            device=self._device,
            library_versions=LIBRARY_VERSIONS,
        )

    @property
    def _work(self) -> Mapping[str, Any]:
        return self.job.work or {}

    def _note_node(self, state: NodeState) -> None:
        self._nodes.report(state)
        self._pace.note(self._nodes.fraction)

    def _end(self, outcome: Outcome) -> None:
        is_cancelled = isinstance(outcome, RunCancelled)
        if isinstance(outcome, RunCancelled):
            if not self.lease.must_stop():
                self.let_go()
                return
            self._result = outcome.result
        elif isinstance(outcome, Exception):
            raise outcome
        if self.lease.lost:
            self._leave()
            return
        self._finish(cancelled=is_cancelled)

    def _finish(self, *, cancelled: bool) -> None:
        job, kept = self.job, list(_kept(self._result))
        check_content(job, self._result.pictures)
        with span("store", {"easel.pictures": len(kept)}):
            stored = self._store_kept(kept)
        with span("settle"):
            finished = finish_job(
                user_id=job.user_id,
                job_id=job.id,
                attempt=job.attempt,
                pictures=stored,
                compute_seconds=self._result.compute_seconds,
                cancelled=cancelled,
            )
        self.lease.closed = True
        if not finished:
            self._leave()
            for picture in stored:
                delete_files(user_id=job.user_id, image_name=picture.image_name)

    def _store_kept(self, kept: Sequence[_Kept]) -> list[StoredPicture]:
        """Store pictures; a cancel comes too late for them, since they are made and charged.

        Raises:
            Forbidden: the plan has no storage left.
        """
        job = self.job
        with tenant_scope(job.user_id):
            used = used_bytes(user_id=job.user_id)
        asked = self._as_asked()
        stored = []
        for index, one in enumerate(kept):
            if self.lease.lost:
                break
            check(decide(self._has, feature=Feature.STORAGE, used_bytes=used + 1))
            picture = store_picture(
                user_id=job.user_id,
                image_name=result_name(job_id=job.id, attempt=job.attempt, index=index),
                picture=one.picture,
                metadata=self._facts(one),
                graph=self._work["document"],
            )
            used += picture.file_size_bytes
            stored.append(
                dataclasses.replace(
                    picture,
                    # In the order in which they were kept, and by which node.
                    node_id=f"{index:04d}.{one.node}",
                    board_id=None if one.board is None else uuid.UUID(one.board),
                    workflow=asked,
                )
            )
        return stored

    def _as_asked(self) -> dict[str, Any]:
        """Return the document as it was asked for, with seeds left to chance as they were."""
        drawn = set(self._work["drawn"])
        document: dict[str, Any] = dict(self._work["document"])
        document["nodes"] = [
            {
                **node,
                "inputs": {
                    name: None if f"{node['id']}.{name}" in drawn else value
                    for name, value in node["inputs"].items()
                },
            }
            for node in document["nodes"]
        ]
        return document

    def _facts(self, kept: _Kept) -> dict[str, Any]:
        """Return what is kept with a picture: of the generation that made it, if one did."""
        job = self.job
        maker, is_in_order = self._maker_of(kept.node)
        facts: dict[str, Any] = {
            "generation": str(job.id),
            "easel_version": settings.EASEL_VERSION,
        }
        seed = kept.seed
        if maker is not None:
            node = self._checked.nodes[maker]
            parameters = self._finder.parameters_of(node.cost.generation or {})
            model = self._finder.models[(node.cost.generation or {})["model"]]
            facts = facts_of(
                job,
                model=model,
                parameters=parameters,
                add_ons=self._finder.models,
                device=self._device,
                seconds=self._result.compute_seconds,
                batch=parameters.num_images,
            )
            if seed is None and is_in_order and kept.number < parameters.num_images:
                seed = (parameters.seed + kept.number) % SEED_COUNT
            facts = _without_links(facts)
        named = {"workflow_name": self._checked.graph.name, "label": kept.label}
        return {
            **facts,
            # Of a generation's pictures it is told, too, that nobody knows it.
            **({} if seed is None and maker is None else {"seed": seed}),
            **{name: text for name, text in named.items() if text},
        }

    def _maker_of(self, node: str) -> tuple[str | None, bool]:
        """Return the node whose generation a picture comes from; `None` if there is not just one.

        The nearest count: what went into these was made before. Beside it, whether its pictures
        come in the order in which they were made: nodes of batches pick, repeat and mix them.
        """
        makers, is_in_order = set(), True
        waiting = [(node, False)]
        seen = set(waiting)
        while waiting:
            reader, is_mixed = waiting.pop()
            is_mixed |= self._checked.nodes[reader].node.category is Category.BATCH
            for source, _output in self._checked.nodes[reader].links.values():
                if self._checked.nodes[source].cost.generation is not None:
                    makers.add(source)
                    is_in_order &= not is_mixed
                elif (source, is_mixed) not in seen:
                    seen.add((source, is_mixed))
                    waiting.append((source, is_mixed))
        return (makers.pop() if len(makers) == 1 else None), is_in_order


def _kept(result: RunResult) -> Iterator[_Kept]:
    for saved in result.saved:
        seeds = saved.seeds or (None,) * len(saved.pictures)
        for number, (picture, seed) in enumerate(zip(saved.pictures, seeds, strict=True)):
            yield _Kept(saved.node, number, picture, saved.board, saved.label, seed)


def _without_links(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return facts of making without pictures that other nodes made: nobody has them."""
    linked = {name for name, value in facts.items() if LINKED_PICTURE in str(value)}
    if "init_image" in linked:
        linked |= {"outpaint", "upscale"}
    left = {name: value for name, value in facts.items() if name not in linked}
    return left | ({"init_image": None, "strength": None} if "init_image" in linked else {})


def _gone_or_invalid(error: InvalidGraph) -> Exception:
    """Return the error of a graph that could run when it was accepted."""
    if any(problem.code == Code.NOT_FOUND for problem in error.problems):
        return NotFound()
    return InvalidRequest({"document": str(error)})
