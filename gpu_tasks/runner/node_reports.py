"""Tell the user of a workflow how far its nodes are, and the job as a whole."""

from collections.abc import Mapping

from django.conf import settings
from PIL import Image as PillowImage

from apps.generation.events import NodeEvent, NodeProgress, publisher
from apps.generation.models import Job
from apps.workflows.node_states import save_node
from gpu_tasks.engine import StepProgress
from gpu_tasks.nodes.run import NodeState
from gpu_tasks.runner.progress import ProgressReporter, data_url

# Nodes of which nobody knows what they take; they take little.
UNKNOWN_SECONDS = 0.01


class NodeReporter:
    """Publish each state of a node, and what it means for the whole by the seconds expected."""

    def __init__(
        self, *, job: Job, expected: Mapping[str, float], reporter: ProgressReporter
    ) -> None:
        self._job = job
        self._expected = expected
        self._reporter = reporter
        self._fractions: dict[str, float] = {}

    @property
    def fraction(self) -> float:
        """Return which part of the run is done, 0 to 1."""
        total = sum(self._seconds(node) for node in self._expected) or UNKNOWN_SECONDS
        done = sum(self._seconds(node) * part for node, part in self._fractions.items())
        return min(done / total, 1.0)

    def report(self, state: NodeState) -> None:
        """Take what a run says of a node, and pass it on."""
        if state.node in self._expected:
            self._fractions[state.node] = state.fraction
        # What may be refused when it is finished is not shown before.
        is_shown = state.preview is not None and not settings.EASEL_SAFETY_CHECKER
        progress: NodeProgress = {
            "state": state.state,
            "seconds": round(state.seconds, 3),
            "fraction": round(state.fraction, 3),
            "preview": data_url(state.preview) if is_shown and state.preview else None,
        }
        job = self._job
        save_node(job_id=job.id, attempt=job.attempt, node=state.node, progress=progress)
        event: NodeEvent = {
            "type": "node",
            "job_id": str(job.id),
            "attempt": job.attempt,
            "node": state.node,
            **progress,
        }
        publisher.publish(job.user_id, event)
        self._report_whole(state.preview)

    def _seconds(self, node: str) -> float:
        return max(self._expected[node], UNKNOWN_SECONDS)

    def _report_whole(self, preview: PillowImage.Image | None) -> None:
        done = round(100 * self.fraction)
        if done and preview is not None:
            self._reporter.report(
                StepProgress(
                    step=done, total=100, image_index=None, images_total=1, preview=lambda: preview
                )
            )
