"""What is promised of the service, as data: objectives, budgets, windows of alerts.

The windows and their burn rates are those of the Site Reliability Workbook, chapter 5: two per
cent of a month's budget in an hour, five in six hours, ten in three days.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from apps.core.observability.catalog import METRICS

DAYS: Final = 30
# Failures that count against us; all others are the wish of a user, or his own fault.
OUR_FAULTS: Final = ("internal", "model_unavailable", "storage_unavailable", "worker_lost")
# Slower is too slow, by the objective of latency; a bound of the histogram of requests.
SLOW_REQUEST_SECONDS: Final = 1.0
# So long a job may wait, by tier; bounds of the histogram of waits. Each tier may be empty, one of
# them at all times and the others by night: to be noticed and to start takes an instance up to nine
# minutes.
LATE_JOB_SECONDS: Final[Mapping[str, float]] = {
    "basic": 600.0,
    "high_performance": 600.0,
    "dedicated": 600.0,
}
# Of fewer jobs in the long window a late one says nothing about a tier.
LEAST_JOBS: Final = 10


class Severity(StrEnum):
    """Who is told: for a critical alarm a person is woken, the others are read at work."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A pair of windows, and how many times too fast the budget must go in both."""

    name: str
    burn: float
    long_seconds: int
    short_seconds: int
    severity: Severity


WINDOWS: Final = (
    Window(
        name="fast",
        burn=14.4,
        long_seconds=3600,
        short_seconds=300,
        severity=Severity.CRITICAL,
    ),
    Window(
        name="slow",
        burn=6.0,
        long_seconds=6 * 3600,
        short_seconds=1800,
        severity=Severity.HIGH,
    ),
    Window(
        name="lasting",
        burn=1.0,
        long_seconds=3 * 24 * 3600,
        short_seconds=6 * 3600,
        severity=Severity.MEDIUM,
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """A share of good events within `DAYS`, of all or of each tier.

    `bad` and `total` are PromQL with `{window}` for the time; `cloudwatch_bad` and
    `cloudwatch_total` are keys of metrics, or names of load balancer metrics with `alb:`.
    `promised` is what the contract with customers says, below the objective so that we see
    trouble before it costs money. Nobody is told because of fewer events than `least` in the long
    window (a day of it, where CloudWatch counts by days).
    """

    id: str
    title: str
    good: str
    target: float
    promised: float | None
    bad: str
    total: str
    cloudwatch_bad: tuple[str, ...]
    cloudwatch_total: tuple[str, ...]
    by_tier: bool = False
    least: int = 1

    @property
    def budget(self) -> float:
        """Return the share of events that may be bad."""
        return round(1 - self.target, 6)


def _series(key: str, part: int = 0) -> str:
    return METRICS[key].series[part]


def _at(bound: float) -> str:
    """Match a bound of a histogram, which some write with a fraction and some without."""
    return f'le=~"{bound:g}([.]0)?"'


_LATE = " or ".join(
    f'(sum by (tier) (rate({_series("queue_wait_seconds", 2)}{{tier="{tier}"}}[{{window}}]))'
    f" - sum by (tier) (rate({_series('queue_wait_seconds')}"
    f'{{tier="{tier}",{_at(seconds)}}}[{{window}}])))'
    for tier, seconds in LATE_JOB_SECONDS.items()
)
_FAULTS = "|".join(OUR_FAULTS)

OBJECTIVES: Final = (
    Objective(
        id="availability",
        title="Availability",
        good="requests that are not answered with 5xx",
        target=0.999,
        promised=0.995,
        bad=f'sum(rate({_series("http_requests")}{{status="5xx"}}[{{window}}]))',
        total=f"sum(rate({_series('http_requests')}[{{window}}]))",
        cloudwatch_bad=("alb:HTTPCode_Target_5XX_Count", "alb:HTTPCode_ELB_5XX_Count"),
        # Requests that no task was there for are errors of the balancer, and in no other count.
        cloudwatch_total=("alb:RequestCount", "alb:HTTPCode_ELB_5XX_Count"),
    ),
    Objective(
        id="latency",
        title="API latency",
        good=f"requests answered within {SLOW_REQUEST_SECONDS:g} s",
        target=0.99,
        promised=None,
        bad=(
            f"sum(rate({_series('http_request_seconds', 2)}[{{window}}]))"
            f" - sum(rate({_series('http_request_seconds')}"
            f"{{{_at(SLOW_REQUEST_SECONDS)}}}[{{window}}]))"
        ),
        total=f"sum(rate({_series('http_request_seconds', 2)}[{{window}}]))",
        cloudwatch_bad=("requests_slow",),
        cloudwatch_total=("http_requests",),
    ),
    Objective(
        id="queue-wait",
        title="Wait in the queue",
        good="jobs that begin within the time of their tier: "
        + ", ".join(f"{tier} {seconds:g} s" for tier, seconds in LATE_JOB_SECONDS.items()),
        target=0.95,
        promised=None,
        bad=_LATE,
        total=f"sum by (tier) (rate({_series('queue_wait_seconds', 2)}[{{window}}]))",
        cloudwatch_bad=("jobs_late",),
        cloudwatch_total=("jobs_started",),
        by_tier=True,
        least=LEAST_JOBS,
    ),
    Objective(
        id="job-success",
        title="Success of jobs",
        good="jobs that succeed, of all that succeed or fail by a fault of ours",
        target=0.99,
        promised=0.98,
        bad=f'sum(rate({_series("failures")}{{code=~"{_FAULTS}"}}[{{window}}])) or vector(0)',
        total=(
            f'(sum(rate({_series("jobs")}{{state="succeeded"}}[{{window}}])) or vector(0))'
            f' + (sum(rate({_series("failures")}{{code=~"{_FAULTS}"}}[{{window}}])) or vector(0))'
        ),
        cloudwatch_bad=("jobs_broken",),
        cloudwatch_total=("jobs_served",),
    ),
)


def window_name(seconds: int) -> str:
    """Return a window as Prometheus writes it, with the largest unit that divides it."""
    for unit, size in (("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def burn_alarm_id(objective: Objective) -> str:
    return f"slo-{objective.id}-burn"
