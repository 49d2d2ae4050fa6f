"""What workers tell, who is told to take no jobs, and what a worker that ends does to its job."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.utils import timezone

from apps.accounts.models import User
from apps.catalog.models import GenerationModel
from apps.core.errors import ErrorCode
from apps.credits.models import UsageRecord
from apps.generation.models import DrainOrder, DrainScope, Job, JobState, Worker, WorkerState
from apps.generation.services.leases import claim_next_job, hand_back, recover_expired_jobs
from apps.generation.services.workers import drain, forget_gone_workers, report_worker, resume
from apps.generation.workers import live_workers, seconds_since_last_sign, state_of
from apps.images.models import Image
from apps.plans.tiers import GpuTier
from gpu_tasks.engine import Engine
from gpu_tasks.runner import JobRunner
from tests.database import login_url, session_database_url
from tests.factories import make_job, make_sign

pytestmark = pytest.mark.django_db(transaction=True)

LONG_AGO = timedelta(minutes=5)


def silence(name: str, for_time: timedelta) -> None:
    Worker.objects.filter(name=name).update(seen_at=timezone.now() - for_time)


def test_a_worker_keeps_one_row_with_its_last_sign() -> None:
    job_id = uuid.uuid4()
    assert report_worker(sign=make_sign("a@host")) == frozenset()
    busy = make_sign("a@host", state=WorkerState.BUSY, current_job=job_id, loaded_models=["x"])
    assert report_worker(sign=busy) == frozenset()

    worker = Worker.objects.get()
    assert (worker.name, worker.state, worker.current_job) == ("a@host", "busy", job_id)
    assert (worker.tiers, worker.gpu, worker.loaded_models) == (["basic"], "T4", ["x"])
    assert worker.memory_total_bytes == 16 * 1024**3
    assert timezone.now() - worker.seen_at < timedelta(seconds=10)


def test_a_name_belongs_to_one_living_process() -> None:
    report_worker(sign=make_sign("a@host"))
    other = make_sign("a@host", run=uuid.uuid4(), gpu="A100")

    assert report_worker(sign=other) is None
    assert Worker.objects.get().gpu == "T4"
    silence("a@host", timedelta(seconds=21))
    assert report_worker(sign=other) == frozenset()
    assert Worker.objects.get().gpu == "A100"


def test_a_process_that_said_goodbye_leaves_its_name_at_once() -> None:
    report_worker(sign=make_sign("a@host", state=WorkerState.GONE))

    assert report_worker(sign=make_sign("a@host", run=uuid.uuid4())) == frozenset()


def test_a_worker_is_heard_of_by_its_tier_until_it_is_silent_or_gone() -> None:
    assert seconds_since_last_sign() is None
    report_worker(sign=make_sign("a@host"))
    seconds = seconds_since_last_sign(tier=GpuTier.BASIC)
    assert seconds is not None
    assert seconds < 10
    assert seconds_since_last_sign(tier=GpuTier.DEDICATED) is None

    silence("a@host", LONG_AGO)
    assert seconds_since_last_sign() is None
    assert state_of(Worker.objects.get()) == WorkerState.GONE
    report_worker(sign=make_sign("b@host", state=WorkerState.GONE))
    assert not live_workers().exists()


def test_a_drained_worker_hears_it_with_its_next_sign_and_the_others_do_not() -> None:
    assert drain(scope=DrainScope.WORKER, target="a@host")
    assert not drain(scope=DrainScope.WORKER, target="a@host")

    assert report_worker(sign=make_sign("a@host")) == frozenset({GpuTier.BASIC})
    assert report_worker(sign=make_sign("b@host")) == frozenset()
    assert resume(scope=DrainScope.WORKER, target="a@host")
    assert not resume(scope=DrainScope.WORKER, target="a@host")
    assert report_worker(sign=make_sign("a@host")) == frozenset()


def test_a_drained_tier_stops_that_tier_alone() -> None:
    drain(scope=DrainScope.TIER, target=GpuTier.DEDICATED)

    every_tier = make_sign("a@host", tiers=list(GpuTier))
    assert report_worker(sign=every_tier) == frozenset({GpuTier.DEDICATED})
    assert report_worker(sign=make_sign("b@host")) == frozenset()


def test_workers_not_heard_of_for_a_day_are_forgotten_with_the_orders_to_them() -> None:
    report_worker(sign=make_sign("old@host"))
    report_worker(sign=make_sign("new@host"))
    silence("old@host", timedelta(days=1, minutes=1))
    drain(scope=DrainScope.WORKER, target="old@host")
    drain(scope=DrainScope.TIER, target=GpuTier.BASIC)

    assert forget_gone_workers() == 1
    assert [worker.name for worker in Worker.objects.all()] == ["new@host"]
    assert [order.scope for order in DrainOrder.objects.all()] == [DrainScope.TIER]


@pytest.mark.parametrize("login", ["web", "worker"])
def test_no_serving_login_writes_a_row_of_a_worker(login: str) -> None:
    report_worker(sign=make_sign("a@host"))
    url = login_url(login, url=session_database_url())
    for statement in (
        "UPDATE generation_worker SET state = 'gone'",
        "DELETE FROM generation_worker",
        "SELECT current_job FROM generation_worker",
        "SELECT * FROM generation_drainorder",
    ):
        with (
            psycopg.connect(url) as raw,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            raw.execute(statement)

    assert Worker.objects.get().state == WorkerState.IDLE


def test_pages_may_look_whether_anybody_works_on_a_tier() -> None:
    report_worker(sign=make_sign("a@host"))
    with psycopg.connect(login_url("web", url=session_database_url())) as raw:
        found = raw.execute("SELECT tiers, state FROM generation_worker").fetchall()

    assert found == [(["basic"], "idle")]


def test_an_attempt_handed_back_in_order_is_not_one_of_the_three(
    user: User, starter: GenerationModel
) -> None:
    job = make_job(user, starter)
    for number in range(1, 6):
        claimed = claim_next_job(tiers=[GpuTier.BASIC], worker="w")
        assert claimed is not None
        assert claimed.attempt == number
        hand_back(user_id=user.id, job_id=job.id, attempt=number, is_counted=False)
    for _lost in range(3):
        claim_next_job(tiers=[GpuTier.BASIC], worker="w")
        Job.objects.update(lease_expires_at=timezone.now() - timedelta(seconds=1))
        recover_expired_jobs()

    job.refresh_from_db()
    assert (job.state, job.error_code) == (JobState.FAILED, ErrorCode.WORKER_LOST)
    assert (job.attempt, job.hand_backs) == (8, 5)


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(device="cpu")


@pytest.fixture
def runner(engine: Engine) -> JobRunner:
    return JobRunner(engine=engine, tiers=[GpuTier.BASIC], worker="test")


def test_a_drained_runner_claims_nothing(
    runner: JobRunner, user: User, starter: GenerationModel
) -> None:
    make_job(user, starter)
    runner.drained = {GpuTier.BASIC}
    assert not runner.run_next()

    runner.drained = {GpuTier.DEDICATED}
    assert runner.run_next()


def test_a_runner_that_is_to_end_claims_nothing(
    runner: JobRunner, user: User, starter: GenerationModel
) -> None:
    job = make_job(user, starter)
    runner.shutdown.begin(reason="test", grace_seconds=60)

    assert not runner.run_next()
    job.refresh_from_db()
    assert (job.state, job.attempt) == (JobState.QUEUED, 0)


def test_a_job_whose_worker_has_no_time_left_is_handed_back_and_costs_nothing(
    runner: JobRunner,
    user: User,
    starter: GenerationModel,
    stored_files: Callable[[], set[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    job = make_job(user, starter, steps=50)
    steps = []

    def report(_reporter: Any, step: Any) -> None:
        steps.append(step.step)
        if len(steps) == 3:
            runner.shutdown.begin(reason="test", grace_seconds=0)

    monkeypatch.setattr("gpu_tasks.runner.progress.ProgressReporter.report", report)
    assert runner.run_next()

    job.refresh_from_db()
    assert (job.state, job.attempt, job.hand_backs) == (JobState.QUEUED, 1, 1)
    assert len(steps) == 3
    assert not Image.objects.exists()
    assert not UsageRecord.objects.exists()
    assert stored_files() == set()
    assert runner.current is None


def test_a_job_that_ends_within_the_grace_is_finished(
    runner: JobRunner, user: User, starter: GenerationModel
) -> None:
    job = make_job(user, starter, steps=4)
    runner.on_change = lambda: runner.shutdown.begin(reason="test", grace_seconds=60)

    assert runner.run_next()
    job.refresh_from_db()
    assert job.state == JobState.SUCCEEDED


def test_a_job_let_go_by_another_thread_refuses_the_late_result(
    runner: JobRunner,
    user: User,
    starter: GenerationModel,
    stored_files: Callable[[], set[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    job = make_job(user, starter, steps=2)
    monkeypatch.setattr(
        "gpu_tasks.runner.progress.ProgressReporter.report",
        lambda _reporter, step: runner.let_go() if step.fraction == 1 else None,
    )

    runner.run_next()

    job.refresh_from_db()
    assert (job.state, job.attempt, job.hand_backs) == (JobState.QUEUED, 1, 1)
    assert stored_files() == set()
