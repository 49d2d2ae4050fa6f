"""Which attempt carries a job, by what the job makes."""

from collections.abc import Mapping

from apps.generation.models import Job, JobKind
from apps.generation.provided import is_provided
from gpu_tasks.runner.attempt import Attempt
from gpu_tasks.runner.provided import ProvidedAttempt
from gpu_tasks.runner.trainings import TrainingAttempt
from gpu_tasks.runner.workflows import WorkflowAttempt

_BY_KIND: Mapping[str, type[Attempt]] = {
    JobKind.GENERATION: Attempt,
    JobKind.WORKFLOW: WorkflowAttempt,
    JobKind.TRAINING: TrainingAttempt,
}


def attempt_class(job: Job) -> type[Attempt]:
    """Return the class of the attempts at a job.

    Raises:
        KeyError: this worker is older than the kind of the job.
    """
    if job.kind == JobKind.GENERATION and is_provided(job.model.base):
        return ProvidedAttempt
    return _BY_KIND[job.kind]
