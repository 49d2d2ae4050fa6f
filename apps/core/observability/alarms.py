"""When somebody is told: thresholds and budgets, as data, for CloudWatch and for Prometheus.

An alarm of CloudWatch is a list of queries and an expression over them, once or for each tier or
member of the cache (`scope`). What a dimension is called in Terraform stands in for its value.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from apps.core.observability.catalog import METRICS, find_metric
from apps.core.observability.metric import NAMESPACE
from apps.core.observability.slos import (
    LATE_JOB_SECONDS,
    OBJECTIVES,
    WINDOWS,
    Objective,
    Severity,
    Window,
    burn_alarm_id,
    window_name,
)

ALB: Final = "AWS/ApplicationELB"
RDS: Final = "AWS/RDS"
SQS: Final = "AWS/SQS"
CACHE: Final = "AWS/ElastiCache"
S3: Final = "AWS/S3"
_LARGEST_PERIOD: Final = 86_400


class Scope(StrEnum):
    ONCE = "once"
    TIER = "tier"
    CACHE_MEMBER = "cache_member"


class Missing(StrEnum):
    """What it means that nothing was measured."""

    GOOD = "notBreaching"
    BAD = "breaching"


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    id: str
    namespace: str
    name: str
    stat: str
    dimensions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """One alarm; it breaches when the expression is beyond `threshold` in every period.

    `notifies` is off for the halves of a composite alarm. `promql` is its condition for
    Prometheus, where Prometheus knows of it.
    """

    name: str
    id: str
    severity: Severity
    title: str
    queries: tuple[Query, ...]
    threshold: float
    comparison: str = "GreaterThanThreshold"
    expression: str = ""
    period: int = 60
    evaluation_periods: int = 5
    missing: Missing = Missing.GOOD
    scope: Scope = Scope.ONCE
    notifies: bool = True
    promql: str | None = None

    @property
    def runbook(self) -> str:
        return runbook_of(self.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Composite:
    """An alarm while all of some others are, which tell nobody themselves."""

    name: str
    id: str
    severity: Severity
    title: str
    all: tuple[str, ...]
    scope: Scope
    promql: str

    @property
    def runbook(self) -> str:
        return runbook_of(self.id)


def runbook_of(alarm_id: str) -> str:
    return f"docs/operations/runbooks/{alarm_id}.md"


def of_metric(query_id: str, key: str, stat: str = "Sum", **dimensions: str) -> Query:
    """Ask for a metric of our own list.

    Raises:
        UnknownMetricError: the list has none, or CloudWatch is not told of it so.
    """
    metric = find_metric(key)
    if metric.cloudwatch is None or set(dimensions) != set(metric.dimensions):
        raise ValueError(f"{key} has the dimensions {metric.dimensions} in CloudWatch")
    return Query(
        id=query_id,
        namespace=NAMESPACE,
        name=metric.cloudwatch,
        stat=stat,
        dimensions=dimensions,
    )


def _of_balancer(query_id: str, name: str, stat: str = "Sum") -> Query:
    return Query(
        id=query_id, namespace=ALB, name=name, stat=stat, dimensions={"LoadBalancer": "alb"}
    )


def _of_colour(colour: str) -> Query:
    # The most that a part of the balancer sees, so that the last one counts.
    return Query(
        id=colour,
        namespace=ALB,
        name="HealthyHostCount",
        stat="Maximum",
        dimensions={"LoadBalancer": "alb", "TargetGroup": f"web_{colour}"},
    )


def _of_cluster(name: str, stat: str, **more: str) -> Query:
    dimensions = {"DBClusterIdentifier": "cluster", **more}
    return Query(id="m", namespace=RDS, name=name, stat=stat, dimensions=dimensions)


def _of_queue(queue: str) -> Query:
    return Query(
        id="m",
        namespace=SQS,
        name="ApproximateNumberOfMessagesVisible",
        stat="Maximum",
        dimensions={"QueueName": queue},
    )


def _of_bucket(query_id: str, name: str) -> Query:
    return Query(
        id=query_id,
        namespace=S3,
        name=name,
        stat="Sum",
        dimensions={"BucketName": "images_bucket", "FilterId": "EntireBucket"},
    )


def _series(key: str, part: int = 0) -> str:
    return METRICS[key].series[part]


_REQUESTS = _series("http_requests")
# `RequestCount` is of requests that a task was chosen for; of others there are the errors alone.
_ASKED: Final = "FILL(requests, 0) + FILL(balancer, 0)"

THRESHOLDS: Final = (
    Alarm(
        name="api-error-rate",
        id="api-error-rate",
        severity=Severity.CRITICAL,
        title="More than 5 % of the requests fail, for five minutes.",
        queries=(
            _of_balancer("target", "HTTPCode_Target_5XX_Count"),
            _of_balancer("balancer", "HTTPCode_ELB_5XX_Count"),
            _of_balancer("requests", "RequestCount"),
        ),
        expression=(
            f"IF(({_ASKED}) > 0, 100 * (FILL(target, 0) + FILL(balancer, 0)) / ({_ASKED}), 0)"
        ),
        threshold=5,
        promql=(
            f'100 * sum(rate({_REQUESTS}{{status="5xx"}}[1m])) / sum(rate({_REQUESTS}[1m])) > 5'
        ),
    ),
    Alarm(
        name="web-gone",
        id="web-gone",
        severity=Severity.CRITICAL,
        title="No task of web is healthy, for three minutes.",
        queries=(_of_colour("blue"), _of_colour("green")),
        # The colour that idles has no target, and so no count.
        expression="FILL(blue, 0) + FILL(green, 0)",
        comparison="LessThanThreshold",
        threshold=1,
        evaluation_periods=3,
        missing=Missing.BAD,
        promql=f'absent({_series("http_requests_in_flight")}{{job="easel-web"}})',
    ),
    Alarm(
        name="api-latency",
        id="api-latency",
        severity=Severity.HIGH,
        title="One request in a hundred takes longer than 5 s, for five minutes.",
        queries=(_of_balancer("m", "TargetResponseTime", "p99"),),
        threshold=5,
        promql=(
            "histogram_quantile(0.99, "
            f"sum by (le) (rate({_series('http_request_seconds')}[1m]))) > 5"
        ),
    ),
    Alarm(
        name="gpu-queue-depth",
        id="gpu-queue-depth",
        severity=Severity.HIGH,
        title="More than 100 jobs that could run wait for a GPU, for five minutes.",
        queries=(_of_queue("queue"),),
        threshold=100,
        scope=Scope.TIER,
        promql=f"{_series('messages')} > 100",
    ),
    Alarm(
        name="database-capacity",
        id="database-capacity",
        severity=Severity.HIGH,
        title="Aurora is above 80 % of its largest capacity, for ten minutes.",
        queries=(_of_cluster("ACUUtilization", "Average"),),
        threshold=80,
        evaluation_periods=10,
    ),
    Alarm(
        name="database-connections",
        id="database-connections",
        severity=Severity.CRITICAL,
        title="More than 80 % of the connections of the writer are taken, for five minutes.",
        queries=(_of_cluster("DatabaseConnections", "Maximum", Role="WRITER"),),
        expression="100 * m / max_connections",
        threshold=80,
    ),
    Alarm(
        name="database-replica-lag",
        id="database-replica-lag",
        severity=Severity.MEDIUM,
        title="A reader is more than 100 ms behind, for five minutes.",
        queries=(_of_cluster("AuroraReplicaLagMaximum", "Maximum"),),
        threshold=100,
    ),
    Alarm(
        name="redis-memory",
        id="redis-memory",
        severity=Severity.HIGH,
        title="Redis has more than 80 % of its memory in use, for five minutes.",
        queries=(
            Query(
                id="m",
                namespace=CACHE,
                name="DatabaseMemoryUsagePercentage",
                stat="Maximum",
                dimensions={"CacheClusterId": "member"},
            ),
        ),
        threshold=80,
        scope=Scope.CACHE_MEMBER,
    ),
    Alarm(
        name="s3-errors",
        id="s3-errors",
        severity=Severity.MEDIUM,
        title="More than 1 % of the requests to the bucket of pictures fail, for five minutes.",
        queries=(
            _of_bucket("client", "4xxErrors"),
            _of_bucket("server", "5xxErrors"),
            _of_bucket("requests", "AllRequests"),
        ),
        expression="100 * (FILL(client, 0) + FILL(server, 0)) / requests",
        threshold=1,
    ),
    Alarm(
        name="dead-letters",
        id="dead-letters",
        severity=Severity.MEDIUM,
        title="Wake-ups that nobody could take stay in a dead-letter queue, for 15 minutes.",
        queries=(_of_queue("dead_letter"),),
        threshold=0,
        evaluation_periods=15,
        scope=Scope.TIER,
        promql=f"{_series('dead_letters')} > 0",
    ),
    Alarm(
        name="books-drift",
        id="books-drift",
        severity=Severity.CRITICAL,
        title="The last audit found books that do not add up.",
        queries=(of_metric("m", "books_drift", "Maximum"),),
        threshold=0,
        period=300,
        evaluation_periods=1,
        promql=f"{_series('books_drift')} > 0",
    ),
    Alarm(
        name="scheduler-silent",
        id="scheduler-silent",
        severity=Severity.CRITICAL,
        title="The scheduler has told nothing, for five minutes.",
        queries=(of_metric("m", "scheduler_beats"),),
        comparison="LessThanThreshold",
        threshold=1,
        missing=Missing.BAD,
        promql=f"time() - {_series('tallied_timestamp_seconds')} > 300",
    ),
    Alarm(
        name="workers-gone",
        id="workers-gone",
        severity=Severity.CRITICAL,
        title="Jobs are due and their tier has no worker, for 15 minutes.",
        queries=(
            of_metric("due", "due", "Maximum", Tier="tier"),
            of_metric("workers", "workers", "Maximum", Tier="tier"),
        ),
        expression="IF(due > 0 AND workers < 1, 1, 0)",
        threshold=0,
        evaluation_periods=15,
        scope=Scope.TIER,
        promql=f"{_series('due')} > 0 and {_series('workers')} < 1",
    ),
)


def burn_alarms() -> Iterator[tuple[Objective, Window, Composite, tuple[Alarm, Alarm]]]:
    """Yield for each objective and pair of windows the alarm and its two halves."""
    for objective in OBJECTIVES:
        for window in WINDOWS:
            scope = Scope.TIER if objective.by_tier else Scope.ONCE
            name = f"{burn_alarm_id(objective)}-{window.name}"
            halves = (
                _half(objective, window, scope, "long", window.long_seconds),
                _half(objective, window, scope, "short", window.short_seconds),
            )
            composite = Composite(
                name=name,
                id=burn_alarm_id(objective),
                severity=window.severity,
                title=(
                    f"{objective.title}: the budget of a month goes {window.burn:g} times too fast."
                ),
                all=tuple(half.name for half in halves),
                scope=scope,
                promql=_burning(objective, window),
            )
            yield objective, window, composite, halves


def ratio_name(objective: Objective, window: str) -> str:
    """Return the name of the recorded share of bad events in a window."""
    return f"slo:{objective.id.replace('-', '_')}:error_ratio_{window}"


def _burning(objective: Objective, window: Window) -> str:
    limit = f"{round(window.burn * objective.budget, 6):g}"
    parts = [
        f"{ratio_name(objective, window_name(seconds))} > {limit}"
        for seconds in (window.long_seconds, window.short_seconds)
    ]
    if objective.least > 1:
        rate = objective.total.replace("{window}", window_name(window.long_seconds))
        parts.append(f"{window.long_seconds} * {rate} >= {objective.least}")
    return " and ".join(parts)


def _half(objective: Objective, window: Window, scope: Scope, which: str, seconds: int) -> Alarm:
    # No period is longer than a day: three days are three days one after the other.
    period = min(seconds, _LARGEST_PERIOD)
    bad = _event_queries("bad", objective.cloudwatch_bad, objective)
    total = _event_queries("total", objective.cloudwatch_total, objective)
    sums = [" + ".join(f"FILL({query.id}, 0)" for query in part) for part in (bad, total)]
    is_enough = f">= {objective.least}" if which == "long" and objective.least > 1 else "> 0"
    return Alarm(
        name=f"{burn_alarm_id(objective)}-{window.name}-{which}",
        id=burn_alarm_id(objective),
        severity=window.severity,
        title=f"{objective.title}: more than {window.burn:g} times the budget, {which} window.",
        queries=(*bad, *total),
        expression=f"IF(({sums[1]}) {is_enough}, 100 * ({sums[0]}) / ({sums[1]}), 0)",
        threshold=round(100 * window.burn * objective.budget, 4),
        period=period,
        evaluation_periods=seconds // period,
        scope=scope,
        notifies=False,
    )


def _event_queries(prefix: str, names: tuple[str, ...], objective: Objective) -> tuple[Query, ...]:
    queries: list[Query] = []
    for name in names:
        first = len(queries)
        if name.startswith("alb:"):
            queries.append(_of_balancer(f"{prefix}{first}", name.removeprefix("alb:")))
        elif "Tier" not in find_metric(name).dimensions:
            queries.append(of_metric(f"{prefix}{first}", name, Service="web"))
        else:
            # One of each tier adds up to all.
            tiers = ["tier"] if objective.by_tier else list(LATE_JOB_SECONDS)
            queries += (
                of_metric(f"{prefix}{first + number}", name, Tier=tier)
                for number, tier in enumerate(tiers)
            )
    return tuple(queries)
