"""The one list of metrics: what is emitted, shown or alarmed on is named here and nowhere else.

It is data. What measures a domain lies in that domain's app and refers to a metric by its key.
"""

from collections.abc import Mapping
from typing import Final

from apps.core.observability.metric import Kind, Metric, Source, Unit, UnknownMetricError

REQUEST_BOUNDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
WAIT_BOUNDS: Final = (1.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)
RUN_BOUNDS: Final = (1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0)


def _gauge(
    key: str,
    text: str,
    *,
    source: Source,
    unit: Unit = Unit.COUNT,
    labels: tuple[str, ...] = (),
    cloudwatch: str | None = None,
    dimensions: tuple[str, ...] = (),
) -> Metric:
    return Metric(
        key=key,
        kind=Kind.GAUGE,
        unit=unit,
        help=text,
        source=source,
        labels=labels,
        cloudwatch=cloudwatch,
        dimensions=dimensions,
    )


def _counter(
    key: str,
    text: str,
    *,
    source: Source,
    unit: Unit = Unit.COUNT,
    is_in_prometheus: bool = True,
    labels: tuple[str, ...] = (),
    cloudwatch: str | None = None,
    dimensions: tuple[str, ...] = (),
) -> Metric:
    return Metric(
        key=key,
        kind=Kind.COUNTER,
        unit=unit,
        help=text,
        source=source,
        is_in_prometheus=is_in_prometheus,
        labels=labels,
        cloudwatch=cloudwatch,
        dimensions=dimensions,
    )


def _of_tier(key: str, text: str, cloudwatch: str | None, unit: Unit = Unit.COUNT) -> Metric:
    return _gauge(
        key,
        text,
        source=Source.FLEET,
        unit=unit,
        labels=("tier",),
        cloudwatch=cloudwatch,
        dimensions=("Tier",) if cloudwatch else (),
    )


_ALL: Final = (
    # The web processes.
    _counter(
        "http_requests",
        "Requests answered, by the name of the route.",
        source=Source.WEB,
        labels=("route", "method", "status"),
        cloudwatch="Requests",
        dimensions=("Service",),
    ),
    Metric(
        key="http_request_seconds",
        kind=Kind.HISTOGRAM,
        unit=Unit.SECONDS,
        help="From the first middleware to the answer.",
        source=Source.WEB,
        labels=("route",),
        cloudwatch="RequestSeconds",
        dimensions=("Service",),
        bounds=REQUEST_BOUNDS,
    ),
    _counter(
        "http_server_errors",
        "Requests answered with 5xx.",
        source=Source.WEB,
        cloudwatch="ServerErrors",
        dimensions=("Service",),
    ),
    _gauge(
        "http_requests_in_flight",
        "Requests that are being answered.",
        source=Source.WEB,
        cloudwatch="RequestsInFlight",
        dimensions=("Service",),
    ),
    _counter(
        "errors",
        "Errors told to users, by their code.",
        source=Source.WEB,
        labels=("code",),
        cloudwatch="Errors",
        dimensions=("Service", "Code"),
    ),
    _gauge(
        "sockets",
        "Open WebSocket connections.",
        source=Source.WEB,
        cloudwatch="Sockets",
        dimensions=("Service",),
    ),
    _gauge(
        "database_pool_size",
        "Connections that the pool of a process has.",
        source=Source.WEB,
        labels=("database",),
        cloudwatch="DatabasePoolSize",
        dimensions=("Service", "Database"),
    ),
    _gauge(
        "database_pool_in_use",
        "Of these, connections that somebody uses.",
        source=Source.WEB,
        labels=("database",),
        cloudwatch="DatabasePoolInUse",
        dimensions=("Service", "Database"),
    ),
    _gauge(
        "database_pool_waiting",
        "Requests that wait for a connection of the pool.",
        source=Source.WEB,
        labels=("database",),
        cloudwatch="DatabasePoolWaiting",
        dimensions=("Service", "Database"),
    ),
    _counter(
        "slow_queries",
        "Queries that took too long.",
        source=Source.FLEET,
        labels=("database", "file"),
    ),
    # Queues, jobs and workers.
    _of_tier("waiting", "Jobs that wait.", "Waiting"),
    _of_tier("due", "Jobs that a free worker would claim now.", "Due"),
    _of_tier("running", "Jobs that a worker holds.", "Running"),
    _of_tier(
        "oldest_due_seconds", "Age of the oldest job that is due.", "OldestDueSeconds", Unit.SECONDS
    ),
    _of_tier("messages", "Wake-ups at the broker.", "Messages"),
    _of_tier("dead_letters", "Wake-ups received too often.", "DeadLetters"),
    _of_tier("workers", "Workers heard of lately.", "Workers"),
    _of_tier("busy_workers", "Workers at a job.", "BusyWorkers"),
    _of_tier("draining_workers", "Workers that are to claim nothing.", None),
    _counter(
        "jobs",
        "Jobs that ended.",
        source=Source.FLEET,
        labels=("tier", "model", "state"),
        cloudwatch="JobsEnded",
        dimensions=("Tier", "Model"),
    ),
    _counter(
        "failures",
        "Jobs that failed.",
        source=Source.FLEET,
        labels=("tier", "model", "code"),
        cloudwatch="Failures",
        dimensions=("Tier", "Code"),
    ),
    _counter(
        "gpu_seconds",
        "Seconds that made pictures.",
        source=Source.FLEET,
        unit=Unit.SECONDS,
        labels=("tier", "model"),
        cloudwatch="GpuSeconds",
        dimensions=("Tier", "Model"),
    ),
    Metric(
        key="queue_wait_seconds",
        kind=Kind.HISTOGRAM,
        unit=Unit.SECONDS,
        help="From asking to the beginning.",
        source=Source.FLEET,
        labels=("tier", "model"),
        cloudwatch="QueueWaitSeconds",
        dimensions=("Tier", "Model"),
        bounds=WAIT_BOUNDS,
    ),
    Metric(
        key="run_seconds",
        kind=Kind.HISTOGRAM,
        unit=Unit.SECONDS,
        help="From the beginning to the end.",
        source=Source.FLEET,
        labels=("tier", "model"),
        cloudwatch="RunSeconds",
        dimensions=("Tier", "Model"),
        bounds=RUN_BOUNDS,
    ),
    # What the objectives of the service are measured by; CloudWatch wants it without the model.
    _counter(
        "jobs_served",
        "Jobs that succeeded, or failed by a fault of ours.",
        source=Source.SCHEDULER,
        is_in_prometheus=False,
        cloudwatch="JobsServed",
        dimensions=("Tier",),
    ),
    _counter(
        "jobs_broken",
        "Jobs that failed by a fault of ours.",
        source=Source.SCHEDULER,
        is_in_prometheus=False,
        cloudwatch="JobsBroken",
        dimensions=("Tier",),
    ),
    _counter(
        "jobs_started",
        "Jobs of which it is known how long they waited.",
        source=Source.SCHEDULER,
        is_in_prometheus=False,
        cloudwatch="JobsStarted",
        dimensions=("Tier",),
    ),
    _counter(
        "jobs_late",
        "Of these, jobs that waited longer than their tier promises.",
        source=Source.SCHEDULER,
        is_in_prometheus=False,
        cloudwatch="JobsLate",
        dimensions=("Tier",),
    ),
    _counter(
        "requests_slow",
        "Requests that took longer than the objective of latency.",
        source=Source.WEB,
        is_in_prometheus=False,
        cloudwatch="RequestsSlow",
        dimensions=("Service",),
    ),
    # The cards.
    _gauge(
        "gpu_utilization_percent",
        "Share of the time in which the GPU was at work.",
        source=Source.WORKER,
        unit=Unit.PERCENT,
        labels=("tier", "worker"),
        cloudwatch="GpuUtilization",
        dimensions=("Tier",),
    ),
    _gauge(
        "gpu_memory_percent",
        "Share of the memory of the GPU that is taken.",
        source=Source.WORKER,
        unit=Unit.PERCENT,
        labels=("tier", "worker"),
        cloudwatch="GpuMemory",
        dimensions=("Tier",),
    ),
    _counter(
        "model_hits",
        "Uses of a model that was in memory.",
        source=Source.WORKER,
        labels=("tier", "model"),
        cloudwatch="ModelHits",
        dimensions=("Tier", "Model"),
    ),
    _counter(
        "model_loads",
        "Loads of a model into memory.",
        source=Source.WORKER,
        labels=("tier", "model"),
        cloudwatch="ModelLoads",
        dimensions=("Tier", "Model"),
    ),
    _counter(
        "model_load_seconds",
        "Seconds that loads took.",
        source=Source.WORKER,
        unit=Unit.SECONDS,
        labels=("tier", "model"),
        cloudwatch="ModelLoadSeconds",
        dimensions=("Tier", "Model"),
    ),
    _counter(
        "out_of_memory",
        "Times that memory ran out, also where a second try went well.",
        source=Source.WORKER,
        labels=("tier", "model"),
        cloudwatch="OutOfMemory",
        dimensions=("Tier", "Model"),
    ),
    # The business.
    _gauge(
        "active_users",
        "Users who had a picture made within 24 hours.",
        source=Source.BUSINESS,
        cloudwatch="ActiveUsers",
    ),
    _gauge(
        "pictures_last_hour",
        "Pictures made within an hour.",
        source=Source.BUSINESS,
        cloudwatch="PicturesLastHour",
    ),
    _gauge(
        "credits_last_hour",
        "Credits spent within an hour.",
        source=Source.BUSINESS,
        cloudwatch="CreditsLastHour",
    ),
    _gauge(
        "recurring_revenue_dollars",
        "What the active subscriptions bring in a month.",
        source=Source.BUSINESS,
        unit=Unit.NONE,
        cloudwatch="RecurringRevenue",
    ),
    _gauge(
        "books_drift",
        "Findings of the last audit of the books.",
        source=Source.FLEET,
        cloudwatch="BooksDrift",
    ),
    _gauge(
        "tallied_timestamp_seconds",
        "Until when the scheduler has counted ended jobs.",
        source=Source.FLEET,
        unit=Unit.SECONDS,
    ),
    _counter(
        "scheduler_beats",
        "Rounds in which the scheduler told its figures.",
        source=Source.SCHEDULER,
        is_in_prometheus=False,
        cloudwatch="SchedulerBeats",
    ),
)

METRICS: Final[Mapping[str, Metric]] = {metric.key: metric for metric in _ALL}


def find_metric(key: str) -> Metric:
    """Return the metric of a key.

    Raises:
        UnknownMetricError: the list has none.
    """
    try:
        return METRICS[key]
    except KeyError:
        raise UnknownMetricError(f"The list of metrics has no {key!r}.") from None
