"""A worker process around a runner: what it tells, what makes it end, what it listens to."""

import os
import signal
import threading
import uuid
from collections.abc import Callable
from datetime import datetime
from queue import SimpleQueue

import structlog
from django.conf import settings
from django.db import DatabaseError, connection
from django.utils import timezone

from apps.core.observability.tracing import flush_traces
from apps.generation.events import publisher
from apps.generation.models import WorkerState
from apps.generation.services.workers import report_worker
from apps.generation.workers import HEARTBEAT_SECONDS, SignOfLife
from config.transports import receipts
from gpu_tasks.engine.device import device_bytes, device_name
from gpu_tasks.runner.jobs import JobRunner
from gpu_tasks.runner.telemetry import SECONDS_BETWEEN_FIGURES, tell_figures
from gpu_tasks.worker import spot
from gpu_tasks.worker.heartbeat import Heartbeat
from gpu_tasks.worker.memory import machine_bytes, resident_bytes
from gpu_tasks.worker.shutdown import start_guard
from gpu_tasks.worker.watchdog import EXIT_CODE, SilenceWatch

logger = structlog.get_logger(__name__)

# Past the deadline a job gets this time to see it between two steps.
SECONDS_TO_NOTICE = 2.0
# A worker that has grown has no deadline: whatever runs may end.
NO_HURRY_SECONDS = 24 * 3600.0


class WorkerProcess:
    """What surrounds the runner of this process; all of it runs in threads.

    `listen` is called with whether to take wake-ups, whenever that changes.
    """

    def __init__(self, *, runner: JobRunner, listen: Callable[[bool], None]) -> None:
        self.runner = runner
        self._listen = listen
        self._is_listening = True
        self._run = uuid.uuid4()
        self._started_at = timezone.now()
        # A handler may not wait for a lock that its own thread holds; this queue has none.
        self._signals: SimpleQueue[None] = SimpleQueue()
        self._own_signals = 0
        self._heartbeat = Heartbeat(
            self._beat, every=HEARTBEAT_SECONDS, failures=(DatabaseError, OSError)
        )

        self._figures = Heartbeat(
            self._tell_figures, every=SECONDS_BETWEEN_FIGURES, failures=(OSError,)
        )

    def start(self) -> None:
        """Begin to tell and to watch; the process listens to its queues from now on."""
        self.runner.on_change = self._heartbeat.hasten
        self._heartbeat.start()
        self._figures.start()
        threading.Thread(target=self._heed_signals, name="signals", daemon=True).start()
        start_guard(
            self.runner.shutdown, after_seconds=SECONDS_TO_NOTICE, give_up=self._end_in_mid_job
        )
        SilenceWatch(
            seconds=settings.EASEL_RECEIVE_SILENCE_SECONDS,
            heard_at=lambda: receipts.last_monotonic,
            is_listening=lambda: self._is_listening and self.runner.current is None,
            give_up=lambda: self._exit(EXIT_CODE),
        ).start()
        if settings.EASEL_METADATA_URL not in {None, "off"}:
            spot.start_watch(settings.EASEL_METADATA_URL, on_notice=self._heed)

    def on_signal(self) -> None:
        """Take a request to end, in a signal handler."""
        self._signals.put(None)

    def end_if_grown(self) -> None:
        """Ask for the end when this process has grown beyond its limit."""
        limit = settings.EASEL_WORKER_MAX_RSS_BYTES
        rss = resident_bytes()
        if limit and rss is not None and rss > limit and not self.runner.shutdown.is_asked:
            logger.warning("worker_grown", rss_bytes=rss, limit_bytes=limit)
            self._end("memory", grace_seconds=NO_HURRY_SECONDS)

    def say_goodbye(self) -> None:
        """Tell that the process ends, and send what is waiting."""
        self._heartbeat.stop(timeout=2)
        self._figures.stop(timeout=2)
        self._tell_figures()
        try:
            report_worker(sign=self.sign(WorkerState.GONE))
        except (DatabaseError, OSError) as error:
            logger.warning("goodbye_failed", error=type(error).__name__)
        publisher.flush(timeout=2)
        flush_traces()

    def sign(self, state: WorkerState | None = None) -> SignOfLife:
        """Return what there is to tell at this moment."""
        job = self.runner.current
        engine = self.runner.engine
        total, used = device_bytes(engine.device) or machine_bytes() or (None, None)
        last: datetime | None = receipts.last
        return SignOfLife(
            name=self.runner.worker,
            run=self._run,
            tiers=self.runner.tiers,
            gpu=device_name(engine.device),
            memory_total_bytes=total,
            memory_used_bytes=used,
            rss_bytes=resident_bytes(),
            loaded_models=engine.loaded_models,
            current_job=None if job is None else job.id,
            state=state or self._state(),
            last_received_at=last,
            started_at=self._started_at,
            version=settings.EASEL_VERSION,
        )

    def _state(self) -> WorkerState:
        if not self.runner.open_tiers:
            return WorkerState.DRAINING
        return WorkerState.IDLE if self.runner.current is None else WorkerState.BUSY

    def _tell_figures(self) -> None:
        tell_figures(self.runner.engine, tiers=self.runner.tiers, worker=self.runner.worker)

    def _beat(self) -> None:
        if settings.EASEL_HEARTBEAT_PATH is not None:
            settings.EASEL_HEARTBEAT_PATH.touch()
        try:
            drained = report_worker(sign=self.sign())
            if drained is None:
                # Somebody lives under this name already, or died less than a moment ago.
                self.runner.worker = f"{self.runner.worker[:80]}#{os.getpid()}"
                drained = report_worker(sign=self.sign()) or frozenset()
        finally:
            connection.close()
        self.runner.drained = drained
        self._follow_orders()

    def _follow_orders(self) -> None:
        # A wake-up taken by a worker that claims nothing would be lost to the others.
        wanted = bool(self.runner.open_tiers) or self.runner.shutdown.is_asked
        if wanted != self._is_listening:
            self._is_listening = wanted
            logger.info("listening" if wanted else "drained", worker=self.runner.worker)
            self._listen(wanted)
            self._heartbeat.hasten()

    def _heed_signals(self) -> None:
        """Grant the job its grace when asked to end, and none when asked again."""
        grace = settings.EASEL_SHUTDOWN_GRACE_SECONDS
        while True:
            self._signals.get()
            if self._own_signals:
                self._own_signals -= 1
                continue
            self.runner.shutdown.begin(reason="signal", grace_seconds=grace)
            self._heartbeat.hasten()
            grace = 0.0

    def _heed(self, notice: spot.Notice) -> None:
        # The group starts another instance at a recommendation, and ends this one when that is
        # there. A worker that ended by itself would be started again and read the same.
        if notice is spot.Notice.INTERRUPTION:
            self._end(notice, grace_seconds=0.0)

    def _end(self, reason: str, *, grace_seconds: float) -> None:
        self.runner.shutdown.begin(reason=reason, grace_seconds=grace_seconds)
        # Celery ends by it in order.
        self._own_signals += 1
        os.kill(os.getpid(), signal.SIGTERM)

    def _end_in_mid_job(self) -> None:
        if self.runner.current is not None:
            self._exit(0)

    def _exit(self, code: int) -> None:
        """End at once, from any thread: the main one may hang, and Python would wait for it."""
        try:
            self.runner.let_go()
        except (DatabaseError, OSError) as error:
            # Its lease runs out by itself.
            logger.warning("job_not_let_go", error=type(error).__name__)
        self.say_goodbye()
        os._exit(code)
