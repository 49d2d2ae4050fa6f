"""What a metric is: its names, kind, unit, labels, and who emits it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

NAMESPACE: Final = "Easel"
PREFIX: Final = "easel_"


class Kind(StrEnum):
    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Unit(StrEnum):
    """The units of CloudWatch that are used."""

    COUNT = "Count"
    SECONDS = "Seconds"
    PERCENT = "Percent"
    NONE = "None"


class Source(StrEnum):
    """Who emits a metric: Prometheus asks web and admin, CloudWatch reads everybody's log."""

    WEB = "web"
    FLEET = "admin and scheduler"
    WORKER = "worker"
    BUSINESS = "admin and scheduler, of the business"
    SCHEDULER = "scheduler"


class UnknownMetricError(Exception):
    """Something was to be emitted that the list of metrics does not have so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A metric under its names; `None` where it is not told to Prometheus or to CloudWatch.

    A counter counts up in Prometheus; CloudWatch is told what came since the last time.
    """

    key: str
    kind: Kind
    unit: Unit
    help: str
    source: Source
    is_in_prometheus: bool = True
    labels: tuple[str, ...] = ()
    cloudwatch: str | None = None
    dimensions: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()

    @property
    def name(self) -> str:
        """Return the name of the family; of a counter without its `_total`."""
        return f"{PREFIX}{self.key}"

    @property
    def series(self) -> tuple[str, ...]:
        """Return the names by which Prometheus can be asked for it."""
        match self.kind:
            case Kind.COUNTER:
                return (f"{self.name}_total",)
            case Kind.HISTOGRAM:
                return (f"{self.name}_bucket", f"{self.name}_sum", f"{self.name}_count")
            case Kind.GAUGE:
                return (self.name,)
