"""`celery -A config gpu …`, as an operator runs it, and what it does to jobs and workers."""

import json
import os
import subprocess
import sys
import uuid
from datetime import timedelta
from typing import Any

import pytest
from click.testing import CliRunner, Result
from django.utils import timezone

from apps.accounts.models import User
from apps.catalog.models import GenerationModel
from apps.core.models import Act, AuditRecord
from apps.generation.management.gpu import gpu
from apps.generation.models import DrainOrder, Job, JobState, WorkerState
from apps.generation.services.leases import claim_next_job
from apps.generation.services.workers import report_worker
from apps.plans.tiers import GpuTier
from tests.database import session_database_url
from tests.factories import make_job, make_sign
from tests.queues import empty_queues, waiting_messages
from tests.sqs import SqsServer, celery_on_sqs
from tests.stack import ROOT

pytestmark = pytest.mark.django_db(transaction=True)


def run(*words: str) -> Result:
    return CliRunner().invoke(gpu, list(words))


def answer(*words: str) -> Any:
    result = run(*words, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_celery_has_the_command_from_the_metadata_of_the_project(
    user: User, starter: GenerationModel
) -> None:
    make_job(user, starter)
    result = subprocess.run(
        [sys.executable, "-m", "celery", "-A", "config", "gpu", "status", "--json"],
        cwd=ROOT,
        env={**os.environ, "EASEL_DATABASE_URL": session_database_url()},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert result.returncode == 0, result.stderr
    basic = next(row for row in json.loads(result.stdout) if row["tier"] == "basic")
    assert (basic["waiting"], basic["due"], basic["messages"]) == (1, 1, 1)


def test_status_shows_each_tier(user: User, stranger: User, starter: GenerationModel) -> None:
    make_job(user, starter)
    make_job(user, starter)
    make_job(stranger, starter)
    claim_next_job(tiers=[GpuTier.BASIC], worker="a@host")
    Job.objects.filter(state=JobState.QUEUED).update(
        created_at=timezone.now() - timedelta(seconds=90)
    )
    report_worker(sign=make_sign("a@host", state=WorkerState.BUSY))
    report_worker(sign=make_sign("b@host", state=WorkerState.DRAINING))

    basic, high, dedicated = answer("status")

    assert 90 <= basic.pop("oldest_due_seconds") < 100
    assert basic == {
        "tier": "basic",
        "waiting": 2,
        "due": 1,
        "running": 1,
        "messages": 2,
        "dead_letters": None,
        "workers": 2,
        "busy_workers": 1,
        "draining_workers": 1,
        "is_drained": False,
    }
    assert (high["tier"], high["waiting"], high["workers"]) == ("high_performance", 0, 0)
    assert dedicated["oldest_due_seconds"] == 0.0


def test_queues_shows_messages_and_dead_letters_of_sqs(
    user: User, starter: GenerationModel
) -> None:
    with SqsServer() as server, celery_on_sqs(server):
        make_job(user, starter)
        basic = answer("queues")[0]

    assert basic.pop("oldest_due_seconds") < 60
    assert basic == {"queue": "easel-gpu-basic.fifo", "due": 1, "messages": 1, "dead_letters": 0}


def test_figures_of_the_database_are_shown_while_the_broker_is_away(
    user: User, starter: GenerationModel
) -> None:
    server = SqsServer()
    with celery_on_sqs(server):
        make_job(user, starter)
        basic = answer("queues")[0]

    assert (basic["due"], basic["messages"], basic["dead_letters"]) == (1, None, None)


def test_workers_shows_what_each_is_at() -> None:
    job_id = uuid.uuid4()
    report_worker(sign=make_sign("a@host", state=WorkerState.BUSY, current_job=job_id))

    (worker,) = answer("workers")

    assert (worker["name"], worker["state"], worker["gpu"]) == ("a@host", "busy", "T4")
    assert worker["current_job"] == str(job_id)
    assert worker["loaded_models"] == ["starter"]
    assert worker["is_drained"] is False


def test_tables_for_people_have_a_line_for_each() -> None:
    report_worker(sign=make_sign("a@host"))

    lines = run("workers").output.splitlines()

    assert lines[0].split()[:3] == ["name", "state", "tiers"]
    assert lines[1].split()[:3] == ["a@host", "idle", "basic"]
    assert len(run("status").output.splitlines()) == 1 + len(GpuTier)


@pytest.mark.parametrize("target", ["a@host", "basic"])
def test_a_worker_or_a_tier_is_drained_and_resumed_on_record(target: str) -> None:
    report_worker(sign=make_sign("a@host"))

    assert answer("drain", target) == {"target": target, "drained": True, "changed": True}
    assert answer("drain", target)["changed"] is False
    assert report_worker(sign=make_sign("a@host")) == frozenset({GpuTier.BASIC})
    assert answer("resume", target) == {"target": target, "drained": False, "changed": True}
    assert report_worker(sign=make_sign("a@host")) == frozenset()
    acts = AuditRecord.objects.filter(act=Act.ADMIN_CHANGE).order_by("created_at")
    assert [record.target for record in acts] == [
        f"drain {target}",
        f"drain {target}",
        f"resume {target}",
    ]


def test_nobody_is_drained_who_is_not_there() -> None:
    result = run("drain", "nobody@host")

    assert result.exit_code == 1
    assert "There is no nobody@host." in result.output
    assert not DrainOrder.objects.exists()
    assert not AuditRecord.objects.filter(act=Act.ADMIN_CHANGE).exists()


def test_a_waiting_job_is_woken(user: User, starter: GenerationModel) -> None:
    job = make_job(user, starter)
    empty_queues()

    assert answer("requeue", str(job.id)) == {"job_id": str(job.id), "result": "woken"}

    assert waiting_messages() == 1
    record = AuditRecord.objects.get(act=Act.ADMIN_CHANGE)
    assert (record.user_id, record.target) == (user.id, f"requeue job {job.id}")


def test_a_job_that_a_worker_holds_is_taken_only_if_so_told(
    user: User, starter: GenerationModel
) -> None:
    job = make_job(user, starter)
    claim_next_job(tiers=[GpuTier.BASIC], worker="w")

    refused = run("requeue", str(job.id))
    job.refresh_from_db()
    assert (refused.exit_code, job.state) == (1, JobState.RUNNING)
    assert "is_running" in refused.output
    assert answer("requeue", str(job.id), "--take")["result"] == "taken_back"

    job.refresh_from_db()
    assert (job.state, job.attempt, job.hand_backs) == (JobState.QUEUED, 1, 1)


def test_a_job_whose_lease_is_over_is_taken_back_and_counted(
    user: User, starter: GenerationModel
) -> None:
    job = make_job(user, starter)
    claim_next_job(tiers=[GpuTier.BASIC], worker="w")
    Job.objects.update(lease_expires_at=timezone.now() - timedelta(seconds=1))

    assert answer("requeue", str(job.id))["result"] == "taken_back"

    job.refresh_from_db()
    assert (job.state, job.hand_backs) == (JobState.QUEUED, 0)


def test_an_ended_job_stays_as_it_is(user: User, starter: GenerationModel) -> None:
    job = make_job(user, starter)
    now = timezone.now()
    Job.objects.update(state=JobState.FAILED, finished_at=now)

    result = run("requeue", str(job.id))

    job.refresh_from_db()
    assert (result.exit_code, job.state) == (1, JobState.FAILED)
    assert "has_ended" in result.output


def test_a_job_that_is_not_there_is_said_so() -> None:
    job_id = uuid.uuid4()

    result = run("requeue", str(job_id))

    assert result.exit_code == 1
    assert f"There is no {job_id}." in result.output


def test_dead_letters_are_purged_and_a_broker_that_is_away_is_said_so() -> None:
    assert answer("purge-dead") == {"dead_letters": 0}
    server = SqsServer()
    with celery_on_sqs(server):
        result = run("purge-dead")

    assert result.exit_code == 1
    assert "The broker is away" in result.output
