from django.apps import AppConfig
from django.db.backends.signals import connection_created
from django_structlog.signals import bind_extra_request_metadata


class CoreConfig(AppConfig):
    name = "apps.core"

    def ready(self) -> None:
        from apps.core import (
            checks,  # noqa: F401  (importing registers them)
            repeated_queries,
            slow_queries,
        )
        from apps.core.client_address import log_client_address
        from apps.core.sentry import start_sentry

        connection_created.connect(slow_queries.watch)
        connection_created.connect(repeated_queries.watch)
        bind_extra_request_metadata.connect(log_client_address)
        start_sentry()
