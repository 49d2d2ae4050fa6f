"""The list of metrics is the only one: nothing else is emitted."""

import ast
import re
from pathlib import Path

import pytest

from apps.core.errors import ErrorCode
from apps.core.observability.catalog import METRICS, find_metric
from apps.core.observability.figures import Figure
from apps.core.observability.metric import Kind, Source, UnknownMetricError
from apps.core.observability.slos import (
    LATE_JOB_SECONDS,
    OBJECTIVES,
    OUR_FAULTS,
    SLOW_REQUEST_SECONDS,
)
from apps.plans.tiers import GpuTier

ROOT = Path(__file__).resolve().parents[2]
LISTS = ROOT / "apps" / "core" / "observability"
NAME = re.compile(r"easel_[a-z0-9_]+")


def sources() -> list[Path]:
    folders = (ROOT / "apps", ROOT / "gpu_tasks", ROOT / "config")
    return [file for folder in folders for file in folder.rglob("*.py")]


def test_no_module_makes_a_metric_by_itself() -> None:
    makers = {"CounterMetricFamily", "GaugeMetricFamily", "HistogramMetricFamily"}
    makers |= {"PrometheusCounter", "PrometheusGauge", "PrometheusHistogram"}
    allowed = {LISTS / "figures.py", LISTS / "web.py"}
    for file in sources():
        names = {
            node.id
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
            if isinstance(node, ast.Name)
        }
        assert file in allowed or not names & makers, file
        assert file == LISTS / "figures.py" or "CloudWatchMetrics" not in file.read_text(
            encoding="utf-8"
        ), file


def test_a_metric_that_is_not_listed_cannot_be_emitted() -> None:
    with pytest.raises(UnknownMetricError):
        Figure("coffee", 1)
    with pytest.raises(UnknownMetricError):
        Figure("due", 1, {"planet": "earth"})
    with pytest.raises(UnknownMetricError):
        find_metric("easel_due")


def test_names_are_told_apart_and_written_as_each_side_wants() -> None:
    clouds = [metric.cloudwatch for metric in METRICS.values() if metric.cloudwatch]
    assert len(clouds) == len(set(clouds))
    for key, metric in METRICS.items():
        assert NAME.fullmatch(metric.name), key
        assert metric.is_in_prometheus or metric.cloudwatch, key
        assert (metric.kind is Kind.HISTOGRAM) == bool(metric.bounds), key
        assert list(metric.bounds) == sorted(set(metric.bounds)), key
        assert metric.cloudwatch is not None or not metric.dimensions, key
        assert metric.help.endswith("."), key
        # What a dimension is called follows from the label.
        assert all(name == name.capitalize() for name in metric.dimensions), key


def test_no_label_has_as_many_values_as_there_are_users() -> None:
    labels = {name for metric in METRICS.values() for name in metric.labels}
    assert labels == {
        *("code", "database", "file", "method", "model", "route", "state", "status"),
        *("tier", "worker"),
    }


def test_objectives_are_measured_at_bounds_of_their_histograms() -> None:
    assert SLOW_REQUEST_SECONDS in METRICS["http_request_seconds"].bounds
    assert set(LATE_JOB_SECONDS.values()) <= set(METRICS["queue_wait_seconds"].bounds)
    assert set(LATE_JOB_SECONDS) == set(GpuTier.values)
    assert set(OUR_FAULTS) <= {str(code) for code in ErrorCode}
    for objective in OBJECTIVES:
        assert objective.promised is None or objective.promised < objective.target < 1


def test_each_source_has_something_to_tell() -> None:
    assert {metric.source for metric in METRICS.values()} == set(Source)
