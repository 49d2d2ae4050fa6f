"""Celery tasks of a GPU worker: thin, with ids only, safe to run twice or for nothing."""

import functools
import socket
import threading
import time
from typing import Any

import structlog
from celery import current_app, shared_task
from celery.signals import worker_init, worker_ready, worker_shutting_down
from django.conf import settings
from django.db import connections

from apps.catalog.models import GenerationModel
from apps.generation.events import publisher
from apps.generation.wakeups import WAKE_TASK
from apps.generation.workers import HEARTBEAT_SECONDS, report_alive
from apps.plans.tiers import TIER_BY_QUEUE
from gpu_tasks.engine import Engine, EngineError
from gpu_tasks.runner import JobRunner, model_source

logger = structlog.get_logger(__name__)


@functools.cache
def runner() -> JobRunner:
    """Make this process's runner: one engine, and the tiers whose queues it listens to."""
    queues = current_app.amqp.queues.consume_from
    tiers = [TIER_BY_QUEUE[name] for name in queues if name in TIER_BY_QUEUE]
    if not tiers:
        raise SystemExit(
            "This worker listens to no GPU tier. Name its queues with -Q, from: "
            + ", ".join(TIER_BY_QUEUE)
        )
    engine = Engine(cache_bytes=settings.EASEL_MODEL_CACHE_BYTES)
    return JobRunner(engine=engine, tiers=tiers, worker=socket.gethostname())


@shared_task(name=WAKE_TASK)
def wake(job_id: str) -> None:
    """Run the job that is due next, whichever one `job_id` asked to be run."""
    del job_id
    runner().run_next()


@worker_init.connect
def load_default_model(**_: Any) -> None:
    """Have the default model in memory before the first job asks for it."""
    model = GenerationModel.objects.filter(is_enabled=True).first()
    # Celery closes the descriptors of open connections when the pool starts, also in a pool of
    # one process; psycopg would then wait for ever on a number that another socket has by now.
    connections.close_all()
    if model is None:
        logger.warning("no_model_installed", advice="python manage.py bootstrap_local")
        return
    try:
        runner().engine.warm_up(model_source(model))
    except EngineError as error:
        logger.warning("model_not_loaded", model=model.key, reason=error.reason)


@worker_ready.connect
def start_heartbeat(**_: Any) -> None:
    """Let `doctor` and the pages see that a worker is there."""

    def beat() -> None:
        while True:
            report_alive()
            time.sleep(HEARTBEAT_SECONDS)

    threading.Thread(target=beat, name="heartbeat", daemon=True).start()


@worker_shutting_down.connect
def send_last_events(**_: Any) -> None:
    publisher.flush(timeout=2)
