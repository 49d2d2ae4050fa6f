"""Run a checked graph: each node once it has all it needs, each result as long as it is needed."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from gpu_tasks.engine.errors import GenerationCancelled
from gpu_tasks.nodes.declaring import NodeContext
from gpu_tasks.nodes.identity import identities
from gpu_tasks.nodes.metering import MeteredEngine, Stopwatch
from gpu_tasks.nodes.values import OUTLINED_TYPES, ValueType

if TYPE_CHECKING:
    from PIL.Image import Image

    from gpu_tasks.engine.guides import AddOn
    from gpu_tasks.engine.request import GenerationRequest, ModelSource, StepProgress
    from gpu_tasks.nodes.checking import CheckedGraph, CheckedNode

PREVIEW_SIDE: Final = 128
# Nobody sees more, and each preview is drawn.
SECONDS_BETWEEN_STEPS: Final = 0.2

State = Literal["running", "done", "cached", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeState:
    """Tell what has become of a node.

    `seconds` are those that count (see `RunResult`), `fraction` is the part of it that is done,
    and `preview` a small picture of what it makes, where it makes one.
    """

    node: str
    state: State
    seconds: float = 0.0
    fraction: float = 0.0
    preview: Image | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedPictures:
    """Pictures that a node kept as a result; `seeds` are none or one for each."""

    node: str
    pictures: tuple[Image, ...]
    board: str | None
    label: str
    seeds: tuple[int, ...]


@dataclass(slots=True, kw_only=True)
class RunResult:
    """Tell what a run has made, or had made when it ended.

    `seconds` are those of each node that ran, `compute_seconds` their sum. What is no computing
    does not count: loading models, pictures and weights, and storing.
    """

    saved: list[SavedPictures] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def pictures(self) -> tuple[Image, ...]:
        return tuple(picture for one in self.saved for picture in one.pictures)

    @property
    def compute_seconds(self) -> float:
        return sum(self.seconds.values())


class RunCancelled(Exception):
    """Stop a run that was cancelled; `result` is what was made until then."""

    def __init__(self, result: RunResult) -> None:
        super().__init__("The run was cancelled.")
        self.result = result


class NodeFailed(Exception):
    """Say which node of a run failed, and of what; `result` is what was made until then."""

    def __init__(self, node: str, cause: Exception, result: RunResult) -> None:
        super().__init__(f"{node}: {cause}")
        self.node = node
        self.cause = cause
        self.result = result


OnNode = Callable[[NodeState], None]


def run_graph(checked: CheckedGraph, context: NodeContext, *, on_node: OnNode) -> RunResult:
    """Run a graph.

    Nodes of the same type with the same inputs are run once, but for those that keep something.
    `context` serves all nodes; each is given one of its own that passes on to it. `on_node` is
    called in this thread when a node begins, while a model makes steps for it, and when it ends;
    what was told beforehand (prompts, numbers) is done at once.

    Raises:
        NodeFailed: a node could not do its work; the others that were left do not run.
        RunCancelled: `context.is_cancelled` said so, between nodes or within one.
    """
    return _Run(checked, context, on_node).run()


class _Run:
    def __init__(self, checked: CheckedGraph, context: NodeContext, on_node: OnNode) -> None:
        self.checked = checked
        self.context = context
        self.on_node = on_node
        self.result = RunResult()
        self.identities = identities(checked.running)
        # What is made, by the identity of what made it, until its last reader has run.
        self.made: dict[str, Mapping[str, Any]] = {}
        self.previews: dict[str, Image | None] = {}
        first = {self.identities[node.id]: node for node in reversed(checked.running)}
        self.readers: Counter[str] = Counter(
            self.identities[source]
            for node in first.values()
            for source, _output in node.links.values()
        )

    def run(self) -> RunResult:
        running = {node.id for node in self.checked.running if not node.is_folded}
        for node_id in self.checked.order:
            node = self.checked.nodes[node_id]
            if node.is_folded:
                self.on_node(NodeState(node=node_id, state="done", fraction=1.0))
            elif node_id in running:
                self._visit(node)
        return self.result

    def _visit(self, node: CheckedNode) -> None:
        if self.context.is_cancelled():
            raise RunCancelled(self.result)
        identity = self.identities[node.id]
        if identity in self.previews:
            preview = self.previews[identity]
            self.on_node(NodeState(node=node.id, state="cached", fraction=1.0, preview=preview))
            return
        watch = Stopwatch()
        own = _OwnContext(self, node, watch)
        self.on_node(NodeState(node=node.id, state="running"))
        watch.start()
        try:
            outputs = node.node.run(self._values(node), own)
        except GenerationCancelled as error:
            self.result.seconds[node.id] = watch.seconds
            raise RunCancelled(self.result) from error
        except Exception as error:
            self.result.seconds[node.id] = watch.seconds
            self.on_node(NodeState(node=node.id, state="failed", seconds=watch.seconds))
            raise NodeFailed(node.id, error, self.result) from error
        seconds = self.result.seconds[node.id] = watch.seconds
        preview = _preview_of(node, outputs) or own.last_preview
        self.previews[identity] = preview
        if self.readers[identity]:
            self.made[identity] = outputs
        self._release(node)
        self.on_node(
            NodeState(node=node.id, state="done", seconds=seconds, fraction=1.0, preview=preview)
        )

    def _values(self, node: CheckedNode) -> dict[str, Any]:
        linked = {
            name: self.made[self.identities[source]][output]
            for name, (source, output) in node.links.items()
        }
        return {**node.values, **linked}

    def _release(self, node: CheckedNode) -> None:
        for source, _output in node.links.values():
            identity = self.identities[source]
            self.readers[identity] -= 1
            if not self.readers[identity]:
                del self.made[identity]


class _OwnContext:
    """The context of one node: passes on to that of the run, and stops the watch meanwhile."""

    def __init__(self, run: _Run, node: CheckedNode, watch: Stopwatch) -> None:
        self.node_id = node.id
        self.engine: Any = MeteredEngine(run.context.engine, watch)
        self.last_preview: Image | None = None
        self._run = run
        self._watch = watch
        self._told = 0.0

    def load_picture(self, name: str) -> Image:
        with self._watch.stopped():
            return self._run.context.load_picture(name)

    def request(
        self, settings: Mapping[str, Any], pictures: Mapping[str, Image]
    ) -> tuple[GenerationRequest, ModelSource]:
        with self._watch.stopped():
            return self._run.context.request(settings, pictures)

    def upscaler(self, key: str) -> AddOn:
        with self._watch.stopped():
            return self._run.context.upscaler(key)

    def is_cancelled(self) -> bool:
        return self._run.context.is_cancelled()

    def on_step(self, progress: StepProgress) -> None:
        with self._watch.stopped():
            self._run.context.on_step(progress)
            now = time.monotonic()
            if now - self._told < SECONDS_BETWEEN_STEPS and progress.fraction < 1:
                return
            self._told = now
            self.last_preview = progress.preview()
            self._run.on_node(
                NodeState(
                    node=self.node_id,
                    state="running",
                    seconds=self._watch.seconds,
                    fraction=progress.fraction,
                    preview=self.last_preview,
                )
            )

    def save(
        self,
        node_id: str,
        pictures: Sequence[Image],
        *,
        board: str | None = None,
        label: str = "",
        seeds: Sequence[int] = (),
    ) -> None:
        with self._watch.stopped():
            self._run.context.save(node_id, pictures, board=board, label=label, seeds=seeds)
        self._run.result.saved.append(
            SavedPictures(
                node=node_id,
                pictures=tuple(pictures),
                board=board,
                label=label,
                seeds=tuple(seeds),
            )
        )


def _preview_of(node: CheckedNode, outputs: Mapping[str, Any]) -> Image | None:
    for output in node.node.outputs:
        if output.type in OUTLINED_TYPES and output.type is not ValueType.LATENTS:
            picture: Image = outputs[output.name][0].copy()
            picture.thumbnail((PREVIEW_SIDE, PREVIEW_SIDE), reducing_gap=1.0)
            return picture
    return None
