"""The part of a trace that is an attempt at a job."""

import threading
import time

from apps.core.observability.tracing import Attributes, add_span, start_span
from apps.generation.models import Job
from gpu_tasks.engine import Phase


class AttemptTrace:
    """Go on with the trace of whoever asked for the job, which came with its row.

    `asked_ns` is when the worker asked for a job, in nanoseconds since 1970.
    """

    def __init__(self, job: Job, *, asked_ns: int) -> None:
        facts: Attributes = {
            "easel.tier": job.tier,
            "easel.model": job.model_id,
            "easel.job_id": str(job.id),
            "easel.attempt": job.attempt,
        }
        self._span = start_span("attempt", facts, parent=job.traceparent, start_ns=asked_ns)
        self._lock = threading.Lock()
        self._has_ended = False
        add_span("claim", parent=self.traceparent, start_ns=asked_ns, end_ns=time.time_ns())

    @property
    def traceparent(self) -> str:
        return self._span.traceparent

    def add_phase(self, phase: Phase, begun_ns: int, ended_ns: int) -> None:
        """Add what the engine has done for the job."""
        add_span(phase.value, parent=self.traceparent, start_ns=begun_ns, end_ns=ended_ns)

    def fail(self, error: Exception) -> None:
        self._span.fail(type(error))

    def end(self) -> None:
        """End it, from whichever thread; the second time does nothing."""
        with self._lock:
            has_ended, self._has_ended = self._has_ended, True
        if not has_ended:
            self._span.end()
