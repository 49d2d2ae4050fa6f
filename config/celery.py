"""The Celery application: one queue per GPU tier, messages that are only wake-ups."""

import os
from typing import Any

from celery import Celery
from celery.signals import worker_init
from django.core.exceptions import ImproperlyConfigured
from kombu.transport import TRANSPORT_ALIASES

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.local")

TRANSPORT_ALIASES |= {
    "redis": "config.transports:ValkeyTransport",
    "rediss": "config.transports:ValkeyTransport",
    "sqs": "config.transports:SqsTransport",
}

app = Celery("easel")
app.config_from_object("django.conf:settings", namespace="CELERY")
# Named, not autodiscovered: importing the tasks means importing torch, which only a worker does.
app.conf.imports = ("gpu_tasks.tasks",)


@worker_init.connect
def refuse_weak_settings(**_: Any) -> None:
    """Stop a worker from starting on weak settings."""
    from apps.core import checks  # needs Django's settings, which name this module's package

    try:
        checks.refuse_weak_settings()
    except ImproperlyConfigured as error:
        # Celery catches exceptions of receivers and goes on.
        raise SystemExit(str(error)) from error
