"""Settings, entry points and the local platform of Easel."""

from config.celery import app as celery_app

__all__ = ["celery_app"]
