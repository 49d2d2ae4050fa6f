"""What is drawn on both dashboards, by section; each line refers to the list of metrics."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from apps.core.observability.alarms import ALB, RDS, S3, SQS
from apps.core.observability.catalog import METRICS, find_metric
from apps.core.observability.metric import NAMESPACE


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A metric of CloudWatch, or by `search` all of its kind."""

    name: str
    stat: str
    label: str
    namespace: str = NAMESPACE
    dimensions: Mapping[str, str] = field(default_factory=dict)
    search: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One graph: `prometheus` are pairs of an expression and the name of its line."""

    section: str
    title: str
    unit: str
    prometheus: tuple[tuple[str, str], ...] = ()
    cloudwatch: tuple[Line, ...] = ()


def _series(key: str, part: int = 0) -> str:
    return METRICS[key].series[part]


def _balancer(name: str, stat: str, label: str) -> Line:
    return Line(
        name=name, stat=stat, label=label, namespace=ALB, dimensions={"LoadBalancer": "${alb}"}
    )


def _cluster(name: str, stat: str, label: str) -> Line:
    return Line(
        name=name,
        stat=stat,
        label=label,
        namespace=RDS,
        dimensions={"DBClusterIdentifier": "${cluster}"},
    )


def _bucket(name: str) -> Line:
    return Line(
        name=name,
        stat="Sum",
        label=name,
        namespace=S3,
        dimensions={"BucketName": "${images_bucket}", "FilterId": "EntireBucket"},
    )


def _own(key: str, stat: str, label: str = "", **dimensions: str) -> Line:
    """Draw one of our own metrics: with its dimensions, or else each value that they have."""
    metric = find_metric(key)
    if metric.cloudwatch is None:
        raise ValueError(f"CloudWatch is not told of {key}")
    if dimensions or not metric.dimensions:
        return Line(name=metric.cloudwatch, stat=stat, label=label, dimensions=dimensions)
    schema = ",".join((NAMESPACE, *metric.dimensions))
    return Line(
        name=metric.cloudwatch,
        stat=stat,
        label=label,
        search=f'{{{schema}}} MetricName="{metric.cloudwatch}"',
    )


def _quantile(share: float) -> str:
    return (
        f"histogram_quantile({share:g}, sum by (le) (rate({_series('http_request_seconds')}[5m])))"
    )


_MEAN_RUN = (
    f"sum by (model) (rate({_series('run_seconds', 1)}[15m]))"
    f" / sum by (model) (rate({_series('run_seconds', 2)}[15m]))"
)
_LATE_WAIT = (
    f"histogram_quantile(0.95, sum by (tier, le) (rate({_series('queue_wait_seconds')}[15m])))"
)

PANELS: Final = (
    Panel(
        section="API",
        title="Requests",
        unit="reqps",
        prometheus=((f"sum by (status) (rate({_series('http_requests')}[5m]))", "{{status}}"),),
        cloudwatch=(
            _balancer("RequestCount", "Sum", "at the load balancer"),
            _own("http_requests", "Sum", "answered by web", Service="web"),
        ),
    ),
    Panel(
        section="API",
        title="Latency",
        unit="s",
        prometheus=tuple((_quantile(share), f"p{100 * share:g}") for share in (0.5, 0.9, 0.99)),
        cloudwatch=tuple(
            _balancer("TargetResponseTime", stat, stat) for stat in ("p50", "p90", "p99")
        ),
    ),
    Panel(
        section="API",
        title="Errors",
        unit="reqps",
        prometheus=((f"sum by (code) (rate({_series('errors')}[5m]))", "{{code}}"),),
        cloudwatch=(
            _balancer("HTTPCode_Target_5XX_Count", "Sum", "5xx of web"),
            _balancer("HTTPCode_ELB_5XX_Count", "Sum", "5xx of the load balancer"),
            _own("http_server_errors", "Sum", "5xx counted by web", Service="web"),
        ),
    ),
    Panel(
        section="API",
        title="Connections",
        unit="short",
        prometheus=(
            (f"sum({_series('sockets')})", "sockets"),
            (f"sum({_series('http_requests_in_flight')})", "requests in flight"),
            (f"sum by (database) ({_series('database_pool_in_use')})", "in use: {{database}}"),
            (f"sum by (database) ({_series('database_pool_waiting')})", "waiting: {{database}}"),
        ),
        cloudwatch=(
            _own("sockets", "Maximum", "sockets of a process", Service="web"),
            _own("database_pool_in_use", "Maximum"),
            _balancer("ActiveConnectionCount", "Sum", "at the load balancer"),
        ),
    ),
    Panel(
        section="GPU",
        title="Utilisation",
        unit="percent",
        prometheus=((f"avg by (tier) ({_series('gpu_utilization_percent')})", "{{tier}}"),),
        cloudwatch=(_own("gpu_utilization_percent", "Average"),),
    ),
    Panel(
        section="GPU",
        title="Memory",
        unit="percent",
        prometheus=((f"max by (tier) ({_series('gpu_memory_percent')})", "{{tier}}"),),
        cloudwatch=(_own("gpu_memory_percent", "Maximum"),),
    ),
    Panel(
        section="GPU",
        title="Run time by model",
        unit="s",
        prometheus=((_MEAN_RUN, "{{model}}"),),
        cloudwatch=(_own("run_seconds", "Average"),),
    ),
    Panel(
        section="GPU",
        title="Queue depth",
        unit="short",
        prometheus=(
            (f"{_series('due')}", "due: {{tier}}"),
            (f"{_series('messages')}", "messages: {{tier}}"),
        ),
        cloudwatch=(
            _own("due", "Maximum"),
            Line(
                name="ApproximateNumberOfMessagesVisible",
                stat="Maximum",
                label="",
                namespace=SQS,
                search=(
                    f'{{{SQS},QueueName}} MetricName="ApproximateNumberOfMessagesVisible" easel-gpu'
                ),
            ),
        ),
    ),
    Panel(
        section="GPU",
        title="Models: hits and loads",
        unit="short",
        prometheus=(
            (f"sum(rate({_series('model_hits')}[15m]))", "hits"),
            (f"sum(rate({_series('model_loads')}[15m]))", "loads"),
            (f"sum(rate({_series('out_of_memory')}[15m]))", "out of memory"),
        ),
        cloudwatch=(
            _own("model_hits", "Sum"),
            _own("model_loads", "Sum"),
            _own("out_of_memory", "Sum"),
        ),
    ),
    Panel(
        section="GPU",
        title="Wait in the queue, p95",
        unit="s",
        prometheus=(
            (
                _LATE_WAIT,
                "{{tier}}",
            ),
        ),
        cloudwatch=(_own("queue_wait_seconds", "p95"),),
    ),
    Panel(
        section="Business",
        title="Active users",
        unit="short",
        prometheus=((_series("active_users"), "in 24 hours"),),
        cloudwatch=(_own("active_users", "Maximum", "in 24 hours"),),
    ),
    Panel(
        section="Business",
        title="Pictures an hour",
        unit="short",
        prometheus=((_series("pictures_last_hour"), "pictures"),),
        cloudwatch=(_own("pictures_last_hour", "Maximum", "pictures"),),
    ),
    Panel(
        section="Business",
        title="Credits an hour",
        unit="short",
        prometheus=((_series("credits_last_hour"), "credits"),),
        cloudwatch=(_own("credits_last_hour", "Maximum", "credits"),),
    ),
    Panel(
        section="Business",
        title="Monthly recurring revenue",
        unit="currencyUSD",
        prometheus=((_series("recurring_revenue_dollars"), "MRR"),),
        cloudwatch=(_own("recurring_revenue_dollars", "Maximum", "MRR"),),
    ),
    Panel(
        section="Infrastructure",
        title="Aurora: capacity",
        unit="percent",
        cloudwatch=(
            _cluster("ACUUtilization", "Average", "of the largest capacity"),
            _cluster("CPUUtilization", "Average", "processor"),
        ),
    ),
    Panel(
        section="Infrastructure",
        title="Aurora: connections and lag",
        unit="short",
        cloudwatch=(
            _cluster("DatabaseConnections", "Maximum", "connections"),
            _cluster("AuroraReplicaLagMaximum", "Maximum", "lag of readers, ms"),
        ),
    ),
    Panel(
        section="Infrastructure",
        title="S3: requests and errors",
        unit="short",
        cloudwatch=(_bucket("AllRequests"), _bucket("4xxErrors"), _bucket("5xxErrors")),
    ),
    Panel(
        section="Infrastructure",
        title="Workers",
        unit="short",
        prometheus=(
            (_series("workers"), "alive: {{tier}}"),
            (_series("busy_workers"), "busy: {{tier}}"),
            (_series("draining_workers"), "draining: {{tier}}"),
        ),
        cloudwatch=(_own("workers", "Maximum"), _own("busy_workers", "Maximum")),
    ),
    Panel(
        section="Infrastructure",
        title="Slow queries",
        unit="short",
        prometheus=((f"sum by (file) (increase({_series('slow_queries')}[1h]))", "{{file}}"),),
    ),
)
SECTIONS: Final = tuple(dict.fromkeys(panel.section for panel in PANELS))
