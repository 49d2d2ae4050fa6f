"""All of the list of metrics is emitted, by whom the list says: seen in runs of each of them."""

import json
import logging.config
import sys
from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from apps.accounts.models import User
from apps.catalog.models import GenerationModel
from apps.core import slow_queries
from apps.core.errors import ErrorCode
from apps.core.health import check_database
from apps.core.observability import web
from apps.core.observability.catalog import METRICS
from apps.core.observability.figures import publish
from apps.core.observability.metric import Kind, Source
from apps.core.observability.middleware import ObservationMiddleware
from apps.core.observability.web import WebFigures
from apps.core.postgresql.base import DatabaseWrapper
from apps.generation.metrics import exposition
from apps.generation.models import Job, JobState, TallyMark
from apps.generation.services.audit import audit_credits
from apps.generation.services.cloudwatch import tally_and_publish
from apps.plans.tiers import GpuTier
from gpu_tasks.engine import Engine
from gpu_tasks.runner import JobRunner, model_source, telemetry
from tests.engine.test_out_of_memory import part_that_fails, this_machine_runs_out
from tests.factories import make_job
from tests.sqs import SqsServer, celery_on_sqs

pytestmark = pytest.mark.django_db(transaction=True)


def prometheus_of(*sources: Source) -> set[str]:
    return {m.key for m in METRICS.values() if m.source in sources and m.is_in_prometheus}


def cloudwatch_of(*sources: Source) -> set[str]:
    return {m.key for m in METRICS.values() if m.source in sources and m.cloudwatch}


def exposed(text: bytes) -> set[str]:
    """Return the keys of what Prometheus is told; a counter counts once it has counted."""
    by_name = {metric.name: metric for metric in METRICS.values()}
    found: set[str] = set()
    for family in text_string_to_metric_families(text.decode()):
        metric = by_name[family.name]
        values = [s.value for s in family.samples if not s.name.endswith("_sum")]
        if values and (metric.kind is Kind.GAUGE or any(values)):
            found.add(metric.key)
    return found


def logged(caplog: pytest.LogCaptureFixture) -> set[str]:
    """Return the keys of what the lines of the log tell CloudWatch since the last time."""
    by_name = {metric.cloudwatch: metric.key for metric in METRICS.values()}
    logging_settings: dict[str, Any] = django_settings.LOGGING
    spec = dict(logging_settings["formatters"]["json"])
    formatter = logging.config.DictConfigurator({"version": 1}).configure_formatter(spec)
    found = [json.loads(formatter.format(record)) for record in caplog.records]
    caplog.clear()
    return {
        by_name[metric["Name"]]
        for line in found
        if "_aws" in line
        for metric in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]
    }


@pytest.fixture(autouse=True)
def _told(settings: Any, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    settings.EASEL_CLOUDWATCH_METRICS = True
    with caplog.at_level(logging.INFO, logger="apps.core.observability.figures"):
        yield


@pytest.fixture
def _open_pool(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    spec: dict[str, Any] = dict(connection.settings_dict)
    spec |= {"CONN_HEALTH_CHECKS": False, "CONN_MAX_AGE": 0}
    spec["OPTIONS"] = spec["OPTIONS"] | {"pool": {"min_size": 1, "max_size": 1}}
    wrapper = DatabaseWrapper(spec, alias="default")
    monkeypatch.setattr(web, "connections", {"default": wrapper})
    with wrapper.cursor():
        yield
    wrapper.close()
    wrapper.close_pool()


@pytest.mark.usefixtures("_open_pool")
def test_web_tells_all_that_the_list_has_of_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    figures = WebFigures()
    for module in ("errors", "observability.middleware"):
        monkeypatch.setattr(f"apps.core.{module}.figures", figures)
    Client().get("/api/v1/images/00000000-0000-0000-0000-000000000001")
    failing = ObservationMiddleware(lambda _request: HttpResponse(status=500))
    failing(RequestFactory().get("/anywhere"))

    assert exposed(figures.exposition()) == prometheus_of(Source.WEB)
    publish(figures.take_minute())
    assert logged(caplog) == cloudwatch_of(Source.WEB)


@pytest.fixture
def _on_sqs() -> Iterator[None]:
    with SqsServer() as server, celery_on_sqs(server):
        yield


@pytest.mark.usefixtures("_on_sqs")
def test_admin_and_scheduler_tell_all_that_the_list_has_of_them(
    user: User,
    starter: GenerationModel,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    TallyMark.objects.create(id=1, until=timezone.now() - timedelta(minutes=29))
    for state, code in ((JobState.SUCCEEDED, ""), (JobState.FAILED, ErrorCode.INTERNAL)):
        end_job(make_job(user, starter), state=state, code=code)
    audit_credits()
    monkeypatch.setattr(slow_queries, "_reported_at", {})
    settings.EASEL_SLOW_QUERY_SECONDS = 0.0
    check_database()
    settings.EASEL_SLOW_QUERY_SECONDS = 10.0
    caplog.clear()

    assert tally_and_publish() == 2

    assert logged(caplog) == cloudwatch_of(Source.FLEET, Source.BUSINESS, Source.SCHEDULER)
    assert exposed(exposition()) == prometheus_of(Source.FLEET, Source.BUSINESS)


def end_job(job: Job, *, state: JobState, code: str) -> None:
    ended = timezone.now() - timedelta(minutes=10)
    Job.objects.filter(id=job.id).update(
        state=state,
        error_code=code,
        created_at=ended - timedelta(seconds=11),
        started_at=ended - timedelta(seconds=8),
        finished_at=ended,
        compute_seconds=4,
    )


def test_workers_tell_all_that_the_list_has_of_them(
    user: User,
    starter: GenerationModel,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    engine = Engine(device="cpu")
    runner = JobRunner(engine=engine, tiers=[GpuTier.BASIC], worker="here")
    make_job(user, starter, steps=1, width=64, height=64)
    assert runner.run_next()
    source = model_source(starter)
    with part_that_fails(engine, source, "unet", calls=1, fail=this_machine_runs_out):
        make_job(user, starter, steps=1, width=64, height=64)
        assert runner.run_next()
    # No test machine has a card: its driver's answers, in the shape that NVML gives them.
    nvml = SimpleNamespace(
        NVMLError=RuntimeError,
        nvmlInit=lambda: None,
        nvmlShutdown=lambda: None,
        nvmlDeviceGetHandleByUUID=lambda uuid: uuid,
        nvmlDeviceGetUtilizationRates=lambda _card: SimpleNamespace(gpu=87, memory=30),
        nvmlDeviceGetMemoryInfo=lambda _card: SimpleNamespace(total=16, used=12, free=4),
    )
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    monkeypatch.setattr(telemetry, "device_uuid", lambda _device: "GPU-1")
    caplog.clear()

    telemetry.tell_figures(engine, tiers=runner.tiers, worker=runner.worker)

    assert logged(caplog) == cloudwatch_of(Source.WORKER)
    assert prometheus_of(Source.WORKER) <= exposed(exposition())
