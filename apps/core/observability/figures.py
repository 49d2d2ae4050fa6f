"""Figures: values of metrics of the list, and the ways in which they are told."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import structlog
from django.conf import settings
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.core import Metric as Family

from apps.core.observability.catalog import find_metric
from apps.core.observability.metric import NAMESPACE, Kind, Metric, UnknownMetricError

logger = structlog.get_logger(__name__)

# So many values a metric may have in one line of CloudWatch's embedded metric format.
VALUES_A_LINE: Final = 100

Value = float | Sequence[float]


@dataclass(frozen=True, slots=True)
class Figure:
    """The value of a metric, with what tells it apart.

    `labels` may be more than one of the two asks for. Of a histogram the value is a list.

    Raises:
        UnknownMetricError: the list has no such metric, or one with other labels.
    """

    key: str
    value: Value
    labels: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        metric = find_metric(self.key)
        wanted = {name.lower() for name in metric.dimensions if metric.cloudwatch}
        known = set(metric.labels) | wanted
        if not self.labels.keys() <= known:
            raise UnknownMetricError(f"{self.key} is told apart by {sorted(known)}.")

    @property
    def metric(self) -> Metric:
        return find_metric(self.key)


Collect = Callable[[], Iterable[Figure]]
_collectors: dict[str, Collect] = {}


def register_collector(name: str, collect: Collect) -> None:
    """Have `collect` asked whenever the figures of the whole service are told; once a name."""
    _collectors[name] = collect


def collect_all() -> list[Figure]:
    """Return the figures of every registered collector."""
    return [figure for collect in _collectors.values() for figure in collect()]


def families(figures: Iterable[Figure]) -> Iterator[Family]:
    """Yield gauges and counters as Prometheus wants them, a family for each metric."""
    found: dict[str, Any] = {}
    for figure in figures:
        metric = figure.metric
        if not metric.is_in_prometheus:
            continue
        if metric.key not in found:
            found[metric.key] = family_of(metric.key)
        found[metric.key].add_metric([figure.labels[name] for name in metric.labels], figure.value)
    yield from found.values()


def family_of(key: str) -> Any:
    """Return the empty family of a metric of the list."""
    metric = find_metric(key)
    kinds = {
        Kind.COUNTER: CounterMetricFamily,
        Kind.GAUGE: GaugeMetricFamily,
        Kind.HISTOGRAM: HistogramMetricFamily,
    }
    return kinds[metric.kind](metric.name, metric.help, labels=metric.labels)


def publish(figures: Iterable[Figure]) -> None:
    """Log figures in CloudWatch's embedded metric format, where that is on.

    Those with the same dimensions share a line. What a counter has twice is added up.
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html

    Raises:
        ValueError: a gauge has two values with the same dimensions.
    """
    if not settings.EASEL_CLOUDWATCH_METRICS:
        return
    lines: dict[tuple[tuple[str, str], ...], dict[Metric, Value]] = {}
    for figure in figures:
        metric = figure.metric
        if metric.cloudwatch is None:
            continue
        place = tuple((name, figure.labels[name.lower()]) for name in metric.dimensions)
        _put(lines.setdefault(place, {}), metric, figure.value)
    for place, values in lines.items():
        _log(dict(place), values)


def _put(values: dict[Metric, Value], metric: Metric, value: Value) -> None:
    before = values.get(metric)
    if before is None:
        values[metric] = value
    elif isinstance(before, Sequence) and isinstance(value, Sequence):
        values[metric] = [*before, *value]
    elif (
        metric.kind is Kind.COUNTER
        and not isinstance(before, Sequence)
        and not isinstance(value, Sequence)
    ):
        values[metric] = before + value
    else:
        raise ValueError(f"{metric.key} has two values at once")


def _log(dimensions: Mapping[str, str], values: Mapping[Metric, Value]) -> None:
    """Log one line, and further ones for the values that it has no room for."""
    now: dict[Metric, Any] = {}
    later: dict[Metric, Value] = {}
    for metric, value in values.items():
        if not isinstance(value, Sequence):
            now[metric] = value
        elif value:
            now[metric] = list(value[:VALUES_A_LINE])
            later[metric] = value[VALUES_A_LINE:]
    if not now:
        return
    directive = {
        "Namespace": NAMESPACE,
        "Dimensions": [list(dimensions)],
        "Metrics": [{"Name": metric.cloudwatch, "Unit": metric.unit.value} for metric in now],
    }
    logger.info(
        "cloudwatch_metrics",
        _aws={"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [directive]},
        **dimensions,
        **{str(metric.cloudwatch): value for metric, value in now.items()},
    )
    _log(dimensions, later)
