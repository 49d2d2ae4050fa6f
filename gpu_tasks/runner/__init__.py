"""Run jobs: where the service and the engine meet; neither knows the other."""

from gpu_tasks.runner.jobs import JobRunner, model_source
from gpu_tasks.runner.process import WorkerProcess

__all__ = ["JobRunner", "WorkerProcess", "model_source"]
