"""What is counted of jobs and workers, and how Prometheus and CloudWatch are told."""

import json
import logging
import logging.config
import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from apps.accounts.models import User
from apps.catalog.models import GenerationModel
from apps.core.errors import ErrorCode
from apps.core.health import check_database
from apps.generation.metrics import exposition
from apps.generation.models import Job, JobState, JobTally, TallyMark, WorkerState
from apps.generation.provided import enter_models_of_providers
from apps.generation.services.cloudwatch import tally_and_publish
from apps.generation.services.tallies import tally_ended_jobs
from apps.generation.services.workers import report_worker
from apps.generation.tallies import RUN_BOUNDS, WAIT_BOUNDS, cumulative
from tests.factories import make_job, make_sign

pytestmark = pytest.mark.django_db(transaction=True)

AN_HOUR = timedelta(hours=1)


@pytest.fixture
def counting() -> datetime:
    """Have jobs counted that ended in the last half hour; return a moment in it."""
    TallyMark.objects.create(id=1, until=timezone.now() - timedelta(minutes=29))
    return timezone.now() - timedelta(minutes=10)


def end_job(
    job: Job,
    *,
    at: datetime,
    waited: float = 3,
    ran: float = 8,
    state: JobState = JobState.SUCCEEDED,
    code: str = "",
) -> None:
    """Let a job have waited and run for some seconds, and ended at a moment."""
    started = at - timedelta(seconds=ran)
    Job.objects.filter(id=job.id).update(
        state=state,
        error_code=code,
        created_at=started - timedelta(seconds=waited),
        started_at=started,
        finished_at=at,
        compute_seconds=ran / 2,
    )


def test_counting_begins_with_the_first_look(user: User, starter: GenerationModel) -> None:
    end_job(make_job(user, starter), at=timezone.now() - AN_HOUR)

    assert tally_ended_jobs() == []
    assert tally_ended_jobs() == []
    assert not JobTally.objects.exists()
    assert TallyMark.objects.count() == 1


def test_every_ended_job_is_counted_once(
    counting: datetime, user: User, starter: GenerationModel
) -> None:
    end_job(make_job(user, starter), at=counting, waited=3, ran=8)
    end_job(make_job(user, starter), at=counting, waited=0.5, ran=700)
    make_job(user, starter)

    assert len(tally_ended_jobs()) == 2
    assert tally_ended_jobs() == []

    tally = JobTally.objects.get()
    assert (tally.tier, tally.model, tally.state) == ("basic", starter.key, "succeeded")
    assert (tally.jobs, tally.compute_seconds) == (2, 354.0)
    assert (tally.wait_seconds, tally.run_seconds) == (3.5, 708.0)
    assert tally.waits == [1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    assert tally.runs == [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1]


def test_a_job_that_has_just_ended_is_counted_later(
    counting: datetime, user: User, starter: GenerationModel
) -> None:
    job = make_job(user, starter)
    end_job(job, at=timezone.now())
    assert tally_ended_jobs() == []

    # Its end may have been committed only now, after other jobs that ended later.
    TallyMark.objects.update(until=timezone.now() - timedelta(seconds=30))
    Job.objects.update(finished_at=timezone.now() - timedelta(seconds=20))
    assert len(tally_ended_jobs()) == 1


def test_what_was_counted_stays_when_the_jobs_go(
    counting: datetime, user: User, starter: GenerationModel
) -> None:
    end_job(make_job(user, starter), at=counting)
    tally_ended_jobs()
    Job.objects.all().delete()
    end_job(make_job(user, starter), at=timezone.now() - timedelta(seconds=20))
    TallyMark.objects.update(until=timezone.now() - timedelta(seconds=60))
    tally_ended_jobs()

    assert JobTally.objects.get().jobs == 2


def test_buckets_hold_what_the_lower_ones_hold() -> None:
    assert cumulative([1, 0, 2], [1.0, 2.5]) == [("1", 1.0), ("2.5", 1.0), ("+Inf", 3.0)]


class Samples(dict[tuple[str, frozenset[str]], float]):
    """Values by name and the values of their labels, in any order."""

    def __getitem__(self, key: tuple[str, Any]) -> float:
        name, labels = key
        return super().__getitem__((name, frozenset(labels)))


def samples() -> Samples:
    found = Samples()
    for family in text_string_to_metric_families(exposition().decode()):
        for sample in family.samples:
            found[sample.name, frozenset(sample.labels.values())] = sample.value
    return found


def test_prometheus_is_told_of_jobs_and_workers(
    counting: datetime, user: User, starter: GenerationModel
) -> None:
    end_job(make_job(user, starter), at=counting, waited=3, ran=8)
    failed = make_job(user, starter)
    end_job(failed, at=counting, ran=40, state=JobState.FAILED, code=ErrorCode.OUT_OF_MEMORY)
    tally_ended_jobs()
    make_job(user, starter)
    report_worker(sign=make_sign("a@host", state=WorkerState.BUSY))

    found = samples()

    key = starter.key
    assert found["easel_waiting", ("basic",)] == 1
    assert found["easel_due", ("basic",)] == 1
    assert found["easel_workers", ("basic",)] == 1
    assert found["easel_busy_workers", ("basic",)] == 1
    assert found["easel_workers", ("dedicated",)] == 0
    assert found["easel_jobs_total", ("basic", key, "succeeded")] == 1
    assert found["easel_jobs_total", ("basic", key, "failed")] == 1
    assert found["easel_failures_total", ("basic", key, "out_of_memory")] == 1
    assert found["easel_gpu_seconds_total", ("basic", key)] == 24.0
    assert found["easel_queue_wait_seconds_bucket", ("basic", key, "1")] == 0
    assert found["easel_queue_wait_seconds_bucket", ("basic", key, "5")] == 2
    assert found["easel_queue_wait_seconds_sum", ("basic", key)] == 6.0
    assert found["easel_run_seconds_bucket", ("basic", key, "10")] == 1
    assert found["easel_run_seconds_count", ("basic", key)] == 2
    assert ("easel_dead_letters", frozenset({"basic"})) not in found


def test_prometheus_is_told_of_slow_queries_of_all_processes(settings: Any) -> None:
    settings.EASEL_SLOW_QUERY_SECONDS = 0.0
    check_database()
    check_database()
    settings.EASEL_SLOW_QUERY_SECONDS = 1.0

    assert samples()["easel_slow_queries_total", ("default", "apps/core/health.py")] == 2


def test_metrics_are_there_for_who_has_the_token_alone(client: Client, settings: Any) -> None:
    assert client.get("/metrics").status_code == 404
    settings.EASEL_METRICS_TOKEN = "the-token"

    for shown in ("", "the-token", "Bearer another", "Bearer "):
        assert client.get("/metrics", headers={"Authorization": shown}).status_code == 404
    answer = client.get("/metrics", headers={"Authorization": "Bearer the-token"})
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/plain")
    assert b'easel_waiting{tier="basic"} 0.0' in answer.content
    assert client.post("/metrics").status_code == 405


def test_on_one_machine_metrics_are_open_to_itself_and_not_through_a_proxy(
    client: Client, settings: Any
) -> None:
    settings.EASEL_METRICS_ON_LOOPBACK = True

    assert client.get("/metrics").status_code == 200
    assert client.get("/metrics", REMOTE_ADDR="192.0.2.1").status_code == 404
    proxied = client.get("/metrics", headers={"X-Forwarded-For": "192.0.2.1"})
    assert proxied.status_code == 404
    settings.EASEL_METRICS_TOKEN = "the-token"
    assert client.get("/metrics").status_code == 404


def emitted(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """Return the lines of the log as production writes them."""
    logging_settings: dict[str, Any] = settings.LOGGING
    spec = dict(logging_settings["formatters"]["json"])
    formatter = logging.config.DictConfigurator({"version": 1}).configure_formatter(spec)
    lines = [json.loads(formatter.format(record)) for record in caplog.records]
    return [line for line in lines if "_aws" in line]


def test_cloudwatch_is_told_in_lines_of_the_log(
    counting: datetime,
    user: User,
    starter: GenerationModel,
    settings: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    settings.EASEL_CLOUDWATCH_METRICS = True
    end_job(make_job(user, starter), at=counting, waited=3, ran=8)
    failed = make_job(user, starter)
    end_job(failed, at=counting, ran=40, state=JobState.FAILED, code=ErrorCode.INTERNAL)
    with caplog.at_level(logging.INFO, logger="apps.core.observability.figures"):
        assert tally_and_publish() == 2

    lines = emitted(caplog)
    for line in lines:
        (directive,) = line["_aws"]["CloudWatchMetrics"]
        assert directive["Namespace"] == "Easel"
        assert re.fullmatch(r"\d{13}", str(line["_aws"]["Timestamp"]))
        # Each metric and dimension that is named is a member of the line.
        names = [metric["Name"] for metric in directive["Metrics"]]
        assert {*names, *directive["Dimensions"][0]} <= line.keys()
    tiers = [line for line in lines if "Waiting" in line]
    assert [line["Tier"] for line in tiers] == ["basic", "high_performance", "dedicated"]
    assert (tiers[0]["Waiting"], tiers[0]["BusyWorkers"]) == (0, 0)
    (ended,) = [line for line in lines if "JobsEnded" in line]
    assert (ended["JobsEnded"], ended["GpuSeconds"], ended["Model"]) == (2, 24.0, starter.key)
    (times,) = [line for line in lines if "RunSeconds" in line]
    assert sorted(times["RunSeconds"]) == [8.0, 40.0]
    assert times["QueueWaitSeconds"] == [3.0, 3.0]
    (failures,) = [line for line in lines if "Failures" in line]
    assert (failures["Failures"], failures["Code"]) == (1, "internal")


def test_seconds_of_other_services_are_none_of_the_gpus(
    counting: datetime,
    user: User,
    starter: GenerationModel,
    settings: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    settings.EASEL_CLOUDWATCH_METRICS = True
    enter_models_of_providers()
    job = make_job(user, starter)
    Job.objects.filter(id=job.id).update(model="gpt-image-1-5-low")
    end_job(job, at=counting)
    with caplog.at_level(logging.INFO, logger="apps.core.observability.figures"):
        assert tally_and_publish() == 1

    lines = emitted(caplog)
    assert [line["JobsEnded"] for line in lines if "JobsEnded" in line] == [1]
    assert not [line for line in lines if "GpuSeconds" in line]
    names = {name for name, _labels in samples()}
    assert "easel_jobs_total" in names
    assert "easel_gpu_seconds_total" not in names


def test_nothing_is_published_unless_it_is_on(
    counting: datetime, user: User, starter: GenerationModel, caplog: pytest.LogCaptureFixture
) -> None:
    end_job(make_job(user, starter), at=counting)

    with caplog.at_level(logging.INFO):
        assert tally_and_publish() == 1
    assert emitted(caplog) == []


def test_bounds_rise() -> None:
    assert list(WAIT_BOUNDS) == sorted(set(WAIT_BOUNDS))
    assert list(RUN_BOUNDS) == sorted(set(RUN_BOUNDS))
