"""Run jobs: where the service and the engine meet; neither knows the other."""

from gpu_tasks.runner.jobs import JobRunner
from gpu_tasks.runner.process import WorkerProcess
from gpu_tasks.runner.sources import model_source

__all__ = ["JobRunner", "WorkerProcess", "model_source"]
