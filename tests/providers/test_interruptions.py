"""What is made and billed at a provider is neither lost nor bought again by itself."""

import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.db import OperationalError

from apps.accounts.models import User
from apps.catalog.models import GenerationModel
from apps.core.errors import ErrorCode
from apps.generation.models import Job, JobState
from apps.generation.services.leases import recover_expired_jobs
from apps.images.models import Image
from apps.plans.tiers import GpuTier
from apps.providers.models import CallOutcome, ProviderCall
from apps.providers.services import begin_call, end_call
from gpu_tasks.engine import Engine
from gpu_tasks.providers import PROVIDER_FACTS
from gpu_tasks.runner import JobRunner, attempt, provided
from tests.providers.running import MEDIUM, ask, charged, keep_own_key, run
from tests.providers.stand_in import OPENAI_KEY, Answer, Call, StandIn, status
from tests.stack import wait_until

pytestmark = pytest.mark.django_db(transaction=True)
CORE = "stable-image-core"


def as_usual(_call: Call, usual: Answer) -> Answer:
    return usual


def failing(function: Callable[..., Any], *, call: int) -> Callable[..., Any]:
    """Return `function` with a database that is away at one of its calls."""
    calls = []

    def maybe(*given: Any, **named: Any) -> Any:
        calls.append(1)
        if len(calls) == call:
            raise OperationalError("away for a moment")
        return function(*given, **named)

    return maybe


def unanswered(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return `function` with a database that goes away after its first commit."""
    calls = []

    def maybe(**given: Any) -> Any:
        result = function(**given)
        calls.append(1)
        if len(calls) == 1:
            raise OperationalError("server closed the connection unexpectedly")
        return result

    return maybe


def test_an_end_of_the_process_while_a_limit_is_waited_out_keeps_what_is_there(
    runner: JobRunner, pro: User, models: dict[str, GenerationModel], stand_in: StandIn
) -> None:
    stand_in.then(as_usual, status(429, "rate_limit_exceeded", Retry_After="30"))
    job = ask(pro, models[CORE], num_images=3)
    assert runner.run_next()
    wait_until(lambda: len(stand_in.calls) == 2, seconds=10, what="the second call")

    runner.shutdown.begin(reason="test", grace_seconds=300)
    runner.wait_for_all()

    job.refresh_from_db()
    assert (job.state, charged(job), Image.objects.count()) == (JobState.SUCCEEDED, 9, 1)


@pytest.mark.parametrize(
    "seconds_left", [0, PROVIDER_FACTS[CORE].planned_seconds], ids=["none", "too-few-for-a-call"]
)
def test_no_call_is_begun_whose_end_this_process_will_not_see(
    runner: JobRunner,
    pro: User,
    models: dict[str, GenerationModel],
    stand_in: StandIn,
    seconds_left: float,
) -> None:
    stand_in.then(stand_in.hold)
    job = ask(pro, models[CORE], num_images=3)
    assert runner.run_next()
    assert stand_in.held.wait(10)

    runner.shutdown.begin(reason="test", grace_seconds=seconds_left)
    stand_in.let_go.set()
    runner.wait_for_all()

    job.refresh_from_db()
    assert (job.state, charged(job), Image.objects.count()) == (JobState.SUCCEEDED, 9, 1)
    assert stand_in.made == 1


def test_a_job_whose_first_call_would_take_too_long_is_handed_back_before_it(
    runner: JobRunner,
    pro: User,
    models: dict[str, GenerationModel],
    stand_in: StandIn,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def find_key(_attempt: provided.ProvidedAttempt) -> str:
        runner.shutdown.begin(reason="test", grace_seconds=25)
        return OPENAI_KEY

    monkeypatch.setattr(provided.ProvidedAttempt, "_find_key", find_key)

    job = run(runner, ask(pro, models[MEDIUM]))

    assert (job.state, job.hand_backs) == (JobState.QUEUED, 1)
    assert not stand_in.calls


def test_a_database_that_is_away_between_two_calls_costs_no_picture(
    runner: JobRunner,
    pro: User,
    models: dict[str, GenerationModel],
    stand_in: StandIn,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(provided, "begin_call", failing(begin_call, call=2))

    job = run(runner, ask(pro, models[CORE], num_images=3))

    assert (job.state, charged(job), stand_in.made) == (JobState.SUCCEEDED, 9, 1)


@pytest.mark.parametrize(
    ("name", "away"),
    [
        ("check_content", partial(failing, call=1)),
        ("finish_job", partial(failing, call=1)),
        ("finish_job", unanswered),
    ],
    ids=["check", "settle", "answer"],
)
def test_a_database_that_is_away_at_the_end_costs_no_picture(
    name: str,
    away: Callable[[Callable[..., Any]], Callable[..., Any]],
    runner: JobRunner,
    pro: User,
    models: dict[str, GenerationModel],
    stand_in: StandIn,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(provided, "DATABASE_WAITS_SECONDS", (0.1,))
    monkeypatch.setattr(attempt, name, away(getattr(attempt, name)))

    job = run(runner, ask(pro, models[MEDIUM]))

    assert (job.state, job.attempt, charged(job)) == (JobState.SUCCEEDED, 1, 11)
    assert stand_in.made == 1
    assert default_storage.exists(Image.objects.get().s3_key)


def test_a_timeout_whose_record_cannot_be_ended_is_not_made_again(
    runner: JobRunner,
    pro: User,
    models: dict[str, GenerationModel],
    stand_in: StandIn,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.EASEL_PROVIDER_TIMEOUT_SECONDS = 0.3
    monkeypatch.setattr(provided, "end_call", failing(end_call, call=1))
    stand_in.then(stand_in.hold)

    job = run(runner, ask(pro, models[MEDIUM]))

    assert (job.state, job.error_code) == (JobState.FAILED, ErrorCode.IMAGE_PROVIDER_TIMEOUT)
    assert ProviderCall.objects.get().outcome == CallOutcome.BEGUN


@pytest.fixture
def store_is_back(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """A store that cannot be written to until this is set."""
    is_back = threading.Event()
    save = default_storage.save

    def save_or_fail(*given: Any, **named: Any) -> str:
        if not is_back.is_set():
            raise OSError("no space left")
        return save(*given, **named)

    monkeypatch.setattr(default_storage, "save", save_or_fail)
    return is_back


def test_a_store_that_comes_back_has_the_pictures_without_another_call(
    runner: JobRunner,
    pro: User,
    models: dict[str, GenerationModel],
    stand_in: StandIn,
    store_is_back: threading.Event,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(provided, "STORE_WAITS_SECONDS", (0.3,) * 30)
    job = ask(pro, models[MEDIUM])
    assert runner.run_next()
    wait_until(lambda: stand_in.made == 1, seconds=10, what="the picture")
    time.sleep(0.3)
    store_is_back.set()
    runner.wait_for_all()

    job.refresh_from_db()
    assert (job.state, job.attempt, charged(job)) == (JobState.SUCCEEDED, 1, 11)
    assert stand_in.made == 1


def test_a_store_that_stays_away_ends_the_job_instead_of_buying_again(
    runner: JobRunner,
    pro: User,
    models: dict[str, GenerationModel],
    stand_in: StandIn,
    store_is_back: threading.Event,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(provided, "STORE_WAITS_SECONDS", (0.01,))

    job = run(runner, ask(pro, models[MEDIUM]))

    assert (job.state, job.error_code) == (JobState.FAILED, ErrorCode.STORAGE_UNAVAILABLE)
    assert (charged(job), stand_in.made) == (0, 1)
    assert not runner.run_next()


def test_a_lost_attempt_is_not_bought_again_by_a_users_own_key(
    runner: JobRunner,
    engine: Engine,
    pro: User,
    models: dict[str, GenerationModel],
    stand_in: StandIn,
) -> None:
    keep_own_key(pro, stand_in)
    stand_in.then(stand_in.hold)
    job = ask(pro, models[MEDIUM])
    assert runner.run_next()
    assert stand_in.held.wait(10)
    Job.objects.filter(id=job.id).update(lease_expires_at="2020-01-01T00:00Z")
    assert recover_expired_jobs() == 1

    run(JobRunner(engine=engine, tiers=list(GpuTier), worker="other"), job)

    assert (job.state, job.error_code) == (JobState.FAILED, ErrorCode.IMAGE_PROVIDER_TIMEOUT)
    assert (charged(job), len(stand_in.calls)) == (0, 1)


def test_an_attempt_that_was_handed_back_before_anything_was_made_is_made_by_an_own_key(
    runner: JobRunner,
    engine: Engine,
    pro: User,
    models: dict[str, GenerationModel],
    stand_in: StandIn,
) -> None:
    keep_own_key(pro, stand_in)
    stand_in.then(status(429, "rate_limit_exceeded", Retry_After="30"))
    job = ask(pro, models[MEDIUM])
    assert runner.run_next()
    wait_until(
        lambda: ProviderCall.objects.filter(outcome=CallOutcome.FAILED).exists(),
        seconds=10,
        what="the end of the first call",
    )
    runner.shutdown.begin(reason="test", grace_seconds=300)
    runner.wait_for_all()

    run(JobRunner(engine=engine, tiers=list(GpuTier), worker="other"), job)

    assert (job.state, job.attempt, charged(job)) == (JobState.SUCCEEDED, 2, 1)
