"""Which attempt carries a job, by what the job makes."""

from collections.abc import Mapping

from apps.generation.models import Job, JobKind
from gpu_tasks.runner.attempt import Attempt
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
    return _BY_KIND[job.kind]
