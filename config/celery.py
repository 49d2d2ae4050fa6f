"""The Celery application: one queue per GPU tier, messages that are only wake-ups."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.local")

app = Celery("easel")
app.config_from_object("django.conf:settings", namespace="CELERY")
# Named, not autodiscovered: importing the tasks means importing torch, which only a worker does.
app.conf.imports = ("gpu_tasks.tasks",)
