"""What a web process counts: requests, their times, errors, sockets, connections of the pool.

A request only leaves a note. A thread reads the notes once a second, and once a minute tells
CloudWatch what they come to.
"""

import threading
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from django.conf import settings
from django.db import connections
from prometheus_client import (
    CollectorRegistry,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client import (
    Counter as PrometheusCounter,
)
from prometheus_client import (
    Gauge as PrometheusGauge,
)
from prometheus_client import (
    Histogram as PrometheusHistogram,
)
from prometheus_client.multiprocess import MultiProcessCollector

from apps.core.observability.catalog import find_metric
from apps.core.observability.figures import Figure, publish
from apps.core.observability.metric import Kind
from apps.core.observability.processes import Role, shared_folder
from apps.core.observability.slos import SLOW_REQUEST_SECONDS

SECONDS_BETWEEN_READINGS: Final = 1.0
READINGS_A_MINUTE: Final = 60
# A process whose thread was not started reads its notes itself when there are so many.
MOST_NOTES: Final = 4096
# CloudWatch is told so many times of requests a minute; of more, these are evenly chosen.
MOST_TIMES: Final = 1000
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

disable_created_metrics()  # type: ignore[no-untyped-call]


def _make(key: str, registry: CollectorRegistry) -> Any:
    metric = find_metric(key)
    match metric.kind:
        case Kind.COUNTER:
            return PrometheusCounter(metric.name, metric.help, metric.labels, registry=registry)
        case Kind.GAUGE:
            return PrometheusGauge(
                metric.name,
                metric.help,
                metric.labels,
                registry=registry,
                multiprocess_mode="livesum",
            )
        case Kind.HISTOGRAM:
            return PrometheusHistogram(
                metric.name, metric.help, metric.labels, registry=registry, buckets=metric.bounds
            )


@dataclass(frozen=True, slots=True)
class _Answered:
    route: str
    method: str
    status: int
    seconds: float


@dataclass(slots=True)
class _Minute:
    """What CloudWatch has not been told of yet."""

    requests: int = 0
    server_errors: int = 0
    slow: int = 0
    seconds: list[float] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)


class WebFigures:
    """The counts of this process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = _make("http_requests", self.registry)
        self._seconds = _make("http_request_seconds", self.registry)
        self._server_errors = _make("http_server_errors", self.registry)
        self._in_flight = _make("http_requests_in_flight", self.registry)
        self._errors = _make("errors", self.registry)
        self._sockets = _make("sockets", self.registry)
        self._pools = {
            key: _make(key, self.registry)
            for key in ("database_pool_size", "database_pool_in_use", "database_pool_waiting")
        }
        self._notes: deque[_Answered | str] = deque(maxlen=4 * MOST_NOTES)
        self._minute = _Minute()
        self._lock = threading.Lock()
        self._reading = threading.Lock()
        self._flying = 0
        self._open_sockets = 0

    def began(self) -> None:
        with self._lock:
            self._flying += 1

    def ended(self, *, route: str, method: str, status: int, seconds: float) -> None:
        with self._lock:
            self._flying -= 1
        self._notes.append(
            _Answered(route, method if method in METHODS else "other", status, seconds)
        )
        if len(self._notes) >= MOST_NOTES:
            self.read_notes()

    def note_error(self, code: str) -> None:
        self._notes.append(code)

    def socket_opened(self) -> None:
        with self._lock:
            self._open_sockets += 1

    def socket_closed(self) -> None:
        with self._lock:
            self._open_sockets -= 1

    def read_notes(self) -> None:
        """Count what was noted since the last time, and look at the gauges."""
        with self._reading:
            for _number in range(len(self._notes)):
                note = self._notes.popleft()
                if isinstance(note, str):
                    self._errors.labels(note).inc()
                    self._minute.errors[note] += 1
                else:
                    self._count(note)
            self._in_flight.set(self._flying)
            self._sockets.set(self._open_sockets)
            for figure in _figures_of_pools():
                self._pools[figure.key].labels(figure.labels["database"]).set(figure.value)

    def _count(self, note: _Answered) -> None:
        self._requests.labels(note.route, note.method, f"{note.status // 100}xx").inc()
        self._seconds.labels(note.route).observe(note.seconds)
        minute = self._minute
        minute.requests += 1
        minute.slow += note.seconds > SLOW_REQUEST_SECONDS
        minute.seconds.append(note.seconds)
        if note.status >= 500:
            self._server_errors.inc()
            minute.server_errors += 1

    def exposition(self) -> bytes:
        """Return the counts of this process and its siblings in the text format of Prometheus."""
        self.read_notes()
        folder = shared_folder()
        if folder is None:
            return generate_latest(self.registry)
        registry = CollectorRegistry()
        MultiProcessCollector(registry, path=folder)  # type: ignore[no-untyped-call]
        return generate_latest(registry)

    def take_minute(self) -> list[Figure]:
        """Return what CloudWatch is to be told, and begin anew."""
        self.read_notes()
        with self._reading:
            minute, self._minute = self._minute, _Minute()
        service = {"service": str(Role.ADMIN if settings.EASEL_SERVE_ADMIN else Role.WEB)}
        return [
            Figure("http_requests", minute.requests, service),
            Figure("http_server_errors", minute.server_errors, service),
            Figure("requests_slow", minute.slow, service),
            Figure("http_request_seconds", chosen_times(minute.seconds), service),
            Figure("http_requests_in_flight", self._flying, service),
            Figure("sockets", self._open_sockets, service),
            *(
                Figure("errors", count, service | {"code": code})
                for code, count in sorted(minute.errors.items())
            ),
            *(
                Figure(figure.key, figure.value, {**service, **figure.labels})
                for figure in _figures_of_pools()
            ),
        ]


def chosen_times(seconds: list[float]) -> list[float]:
    """Return at most `MOST_TIMES` of some times, evenly chosen by rank, so that quantiles stay."""
    ranked = sorted(round(value, 4) for value in seconds)
    count = len(ranked)
    if count <= MOST_TIMES:
        return ranked
    return [ranked[place * (count - 1) // (MOST_TIMES - 1)] for place in range(MOST_TIMES)]


def _figures_of_pools() -> Iterator[Figure]:
    for alias in connections:
        pool = getattr(connections[alias], "pool", None)
        # One that nobody has asked for a connection yet counts those that it would begin with.
        if pool is None or pool.closed:
            continue
        counts = pool.get_stats()
        size, idle = counts["pool_size"], counts["pool_available"]
        database = {"database": alias}
        yield Figure("database_pool_size", size, database)
        yield Figure("database_pool_in_use", size - idle, database)
        yield Figure("database_pool_waiting", counts.get("requests_waiting", 0), database)


figures = WebFigures()


def start_reading() -> None:
    """Read the notes of this process from now on, in a thread."""
    threading.Thread(target=_keep_reading, name="web-figures", daemon=True).start()


def _keep_reading() -> None:
    pause = threading.Event()
    readings = 0
    while True:
        pause.wait(SECONDS_BETWEEN_READINGS)
        figures.read_notes()
        readings += 1
        if readings % READINGS_A_MINUTE == 0:
            publish(figures.take_minute())
