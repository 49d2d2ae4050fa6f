from django.apps import AppConfig


class CoreConfig(AppConfig):
    name = "apps.core"

    def ready(self) -> None:
        from apps.core import checks  # noqa: F401  (importing registers them)
        from apps.core.sentry import start_sentry

        start_sentry()
