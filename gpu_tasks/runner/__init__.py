"""Run jobs: where the service and the engine meet; neither knows the other."""

from gpu_tasks.runner.jobs import JobRunner, model_source

__all__ = ["JobRunner", "model_source"]
