"""The figures of the fleet for CloudWatch: lines of the log in its embedded metric format.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

import structlog
from django.conf import settings

from apps.generation.fleet import TierFigures, measure_tiers
from apps.generation.models import JobState
from apps.generation.services.tallies import EndedJob, tally_ended_jobs

logger = structlog.get_logger(__name__)

NAMESPACE: Final = "Easel"
# So many values a metric may have in one line.
VALUES_A_LINE: Final = 100
_COUNT, _SECONDS = "Count", "Seconds"


def tally_and_publish() -> int:
    """Tally ended jobs, and log all figures for CloudWatch where that is on; return the jobs."""
    ended = tally_ended_jobs()
    if settings.EASEL_CLOUDWATCH_METRICS:
        for figures in measure_tiers():
            _publish_tier(figures)
        _publish_jobs(ended)
    return len(ended)


def _publish_tier(figures: TierFigures) -> None:
    values: dict[str, tuple[str, Any]] = {
        "Waiting": (_COUNT, figures.waiting),
        "Due": (_COUNT, figures.due),
        "Running": (_COUNT, figures.running),
        "OldestDueSeconds": (_SECONDS, figures.oldest_due_seconds),
        "Workers": (_COUNT, figures.workers),
        "BusyWorkers": (_COUNT, figures.busy_workers),
        "Messages": (_COUNT, figures.messages),
        "DeadLetters": (_COUNT, figures.dead_letters),
    }
    _emit({"Tier": figures.tier.value}, values)


def _publish_jobs(ended: Sequence[EndedJob]) -> None:
    for tier, model in sorted({(job.tier, job.model) for job in ended}):
        jobs = [job for job in ended if (job.tier, job.model) == (tier, model)]
        place = {"Tier": tier, "Model": model}
        _emit(
            place,
            {
                "JobsEnded": (_COUNT, len(jobs)),
                "GpuSeconds": (_SECONDS, round(sum(job.compute_seconds for job in jobs), 3)),
            },
        )
        for start in range(0, len(jobs), VALUES_A_LINE):
            part = jobs[start : start + VALUES_A_LINE]
            _emit(
                place,
                {
                    "QueueWaitSeconds": (_SECONDS, _values(job.wait_seconds for job in part)),
                    "RunSeconds": (_SECONDS, _values(job.run_seconds for job in part)),
                },
            )
        failed = [job.error_code for job in jobs if job.state == JobState.FAILED]
        for code in sorted(set(failed)):
            _emit({"Tier": tier, "Code": code}, {"Failures": (_COUNT, failed.count(code))})


def _values(seconds: Any) -> list[float] | None:
    return [round(value, 3) for value in seconds if value is not None] or None


def _emit(dimensions: Mapping[str, str], values: Mapping[str, tuple[str, Any]]) -> None:
    known = {name: value for name, value in values.items() if value[1] is not None}
    if not known:
        return
    directive = {
        "Namespace": NAMESPACE,
        "Dimensions": [list(dimensions)],
        "Metrics": [{"Name": name, "Unit": unit} for name, (unit, _value) in known.items()],
    }
    logger.info(
        "cloudwatch_metrics",
        _aws={"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [directive]},
        **dimensions,
        **{name: value for name, (_unit, value) in known.items()},
    )
