from django.apps import AppConfig


class WorkflowsConfig(AppConfig):
    name = "apps.workflows"

    def ready(self) -> None:
        from apps.generation.models import JobKind
        from apps.generation.retries import retry_by
        from apps.workflows.services.runs import retry_run

        retry_by(JobKind.WORKFLOW, retry_run)
