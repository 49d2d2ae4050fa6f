"""Celery tasks of a GPU worker: thin, with ids only, safe to run twice or for nothing."""

from typing import Any

import structlog
from celery import current_app, shared_task
from celery.signals import worker_init, worker_ready, worker_shutdown, worker_shutting_down
from django.conf import settings
from django.db import connection, connections

from apps.catalog.models import GenerationModel, ModelKind
from apps.core.database import widen_pool
from apps.core.observability.processes import Role
from apps.core.observability.tracing import start_tracing
from apps.generation.wakeups import WAKE_TASK
from apps.plans.tiers import TIER_BY_QUEUE, GpuTier
from config.broker import is_sqs
from gpu_tasks.engine import Engine, EngineError
from gpu_tasks.providers import PROVIDER_FACTS
from gpu_tasks.runner import JobRunner, WorkerProcess

logger = structlog.get_logger(__name__)

# Two passes and the keepers of their leases, the preloader, signs of life, and some to spare.
CONNECTIONS = 8
# Its own, and that of the keeper of its lease.
CONNECTIONS_A_CALL = 2


class _Here:
    """What this process is made of, once Celery has said which queues it listens to."""

    runner: JobRunner
    process: WorkerProcess | None = None


@shared_task(name=WAKE_TASK)
def wake(job_id: str) -> None:
    """Run the job that is due next, whichever one `job_id` asked to be run."""
    del job_id
    _Here.runner.run_next()
    if _Here.process is not None:
        _Here.process.end_if_grown()


@worker_init.connect
def load_default_model(sender: Any, **_: Any) -> None:
    """Have the default model in memory before the first job asks for it."""
    start_tracing(Role.WORKER)
    widen_pool(connection, least=CONNECTIONS + CONNECTIONS_A_CALL * settings.EASEL_PROVIDER_CALLS)
    tiers = _tiers_of_queues()
    engine = Engine(cache_bytes=settings.EASEL_MODEL_CACHE_BYTES)
    _Here.runner = JobRunner(
        engine=engine, tiers=tiers, worker=str(sender.hostname)[:100], ends_aside=True
    )
    shared = GenerationModel.objects.filter(kind=ModelKind.MAIN, user=None, deleted_at=None)
    # Those that others make have nothing to load.
    model = shared.filter(is_enabled=True).exclude(base__in=list(PROVIDER_FACTS)).first()
    # Celery closes the descriptors of open connections when the pool starts, also in a pool of
    # one process; psycopg would then wait for ever on a number that another socket has by now.
    connections.close_all()
    if model is None:
        logger.warning("no_model_installed", advice="python manage.py bootstrap_local")
        return
    try:
        engine.warm_up(_Here.runner.source(model, tier=tiers[0]))
    except EngineError as error:
        logger.warning("model_not_loaded", model=model.key, reason=error.reason)
    except OSError as error:
        logger.warning("model_not_loaded", model=model.key, reason=type(error).__name__)


@worker_ready.connect
def start_process(sender: Any, **_: Any) -> None:
    """Begin with signs of life and with watching for what ends this process."""
    queues = list(current_app.amqp.queues.consume_from)

    def listen(wanted: bool) -> None:  # noqa: FBT001  (the one thing that is said)
        # By the event loop's own thread, and after the job that it may be at.
        change = sender.add_task_queue if wanted else sender.cancel_task_queue
        for queue in queues:
            sender.call_soon(change, queue)

    _Here.process = WorkerProcess(runner=_Here.runner, listen=listen)
    _Here.process.start()


@worker_shutting_down.connect
def stop_claiming(**_: Any) -> None:
    """Heed SIGTERM and its like; they come again from whoever is impatient."""
    if _Here.process is not None:
        _Here.process.on_signal()


@worker_shutdown.connect
def say_goodbye(**_: Any) -> None:
    _Here.runner.wait_for_all()
    if _Here.process is not None:
        _Here.process.say_goodbye()


def _tiers_of_queues() -> list[GpuTier]:
    queues = current_app.amqp.queues.consume_from
    tiers = [TIER_BY_QUEUE[name] for name in queues if name in TIER_BY_QUEUE]
    names = ", ".join(TIER_BY_QUEUE)
    if not tiers:
        raise SystemExit(
            f"This worker listens to no GPU tier. Name its queue with -Q, from: {names}"
        )
    if len(tiers) > 1 and is_sqs(settings.CELERY_BROKER_URL):
        raise SystemExit(
            "On SQS a worker listens to one tier alone, since it polls queue by queue. Name one"
            f" of them by -Q: {names}"
        )
    return tiers
