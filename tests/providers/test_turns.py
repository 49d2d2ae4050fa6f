"""Whose turn it is where a worker has a GPU and places for calls, and what of it is told."""

from types import SimpleNamespace
from typing import Any

import pytest

from apps.accounts.models import User
from apps.catalog.models import GenerationModel
from apps.core.tenancy import service_scope
from apps.credits.usage import Span, total_of, usage_cells
from apps.generation.models import Job, JobState, Lane, Priority
from apps.generation.queue_selectors import next_model
from apps.generation.services.leases import claim_next_job
from apps.plans.products import PLANS
from apps.plans.services.subscriptions import start_subscription
from apps.plans.tiers import GpuTier
from gpu_tasks import tasks
from gpu_tasks.engine import Engine
from gpu_tasks.providers import PROVIDER_MODEL_KEYS
from gpu_tasks.runner import JobRunner, attempt
from tests.factories import make_job, make_user
from tests.providers.running import MEDIUM, ask, run
from tests.providers.stand_in import StandIn, status
from tests.queues import empty_queues, waiting_messages

pytestmark = pytest.mark.django_db(transaction=True)


def claimed_while_full() -> Job | None:
    return claim_next_job(tiers=[GpuTier.BASIC], worker="w", unwanted=PROVIDER_MODEL_KEYS)


def test_the_gpu_has_its_job_behind_any_number_of_others_without_one(
    stranger: User,
    starter: GenerationModel,
    models: dict[str, GenerationModel],
    stand_in: StandIn,
) -> None:
    for number in range(33):
        other = make_user(f"other-{number}@example.com")
        start_subscription(user=other, plan=PLANS["pro"])
        ask(other, models[MEDIUM])
    last = make_job(stranger, starter)
    with service_scope("make one the last"):
        Lane.objects.filter(user=stranger).update(served_seconds=100.0, served_rank=1e12)

    assert next_model(tiers=[GpuTier.BASIC]) == (starter, GpuTier.BASIC)
    assert claimed_while_full() == last
    # With a place the order is as ever.
    first = claim_next_job(tiers=[GpuTier.BASIC], worker="w")
    assert first is not None
    assert first.model == models[MEDIUM]


def test_the_background_of_the_gpu_does_not_wait_for_those_without_a_place(
    pro: User,
    stranger: User,
    starter: GenerationModel,
    models: dict[str, GenerationModel],
    stand_in: StandIn,
) -> None:
    ask(pro, models[MEDIUM])
    behind = make_job(stranger, starter, priority=Priority.BACKGROUND)

    assert claimed_while_full() == behind
    assert claimed_while_full() is None


def test_a_background_without_a_place_is_passed_over(
    pro: User,
    stranger: User,
    starter: GenerationModel,
    models: dict[str, GenerationModel],
    stand_in: StandIn,
) -> None:
    ask(pro, models[MEDIUM], priority=Priority.BACKGROUND)
    assert claimed_while_full() is None
    behind = make_job(stranger, starter, priority=Priority.BACKGROUND)

    assert claimed_while_full() == behind


def test_a_worker_without_places_leaves_providers_to_others(
    engine: Engine,
    pro: User,
    stranger: User,
    starter: GenerationModel,
    models: dict[str, GenerationModel],
    stand_in: StandIn,
    settings: Any,
) -> None:
    settings.EASEL_PROVIDER_CALLS = 0
    runner = JobRunner(engine=engine, tiers=[GpuTier.BASIC], worker="test")
    ask(pro, models[MEDIUM])
    quick = make_job(stranger, starter)

    assert runner.run_next()
    assert not runner.run_next()
    quick.refresh_from_db()
    assert quick.state == JobState.SUCCEEDED


def test_a_worker_has_connections_for_all_its_calls(
    db: None, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.EASEL_PROVIDER_CALLS = 16
    asked: list[int] = []
    monkeypatch.setattr(tasks, "widen_pool", lambda _wrapper, *, least: asked.append(least))
    monkeypatch.setattr(tasks, "_tiers_of_queues", lambda: [GpuTier.BASIC])
    monkeypatch.setattr(tasks, "start_tracing", lambda _role: None)
    monkeypatch.setattr(tasks._Here, "runner", None, raising=False)

    tasks.load_default_model(SimpleNamespace(hostname="here"))

    # Its own and that of its lease for each, and those of a worker that makes none.
    assert asked == [2 * 16 + 8]


def test_a_wake_up_that_finds_all_places_taken_is_sent_again_when_one_is_free(
    engine: Engine,
    pro: User,
    enterprise_stranger: User,
    models: dict[str, GenerationModel],
    stand_in: StandIn,
    settings: Any,
) -> None:
    settings.EASEL_PROVIDER_CALLS = 1
    runner = JobRunner(engine=engine, tiers=[GpuTier.BASIC], worker="test")
    stand_in.then(stand_in.hold)
    ask(pro, models[MEDIUM])
    assert runner.run_next()
    assert stand_in.held.wait(10)
    second = ask(enterprise_stranger, models[MEDIUM])
    empty_queues()
    assert not runner.run_next()
    assert waiting_messages() == 0

    stand_in.let_go.set()
    runner.wait_for_all()

    assert waiting_messages() == 1
    run(runner, second)
    assert second.state == JobState.SUCCEEDED
    # Nobody missed anything this time.
    assert waiting_messages() == 1


def test_seconds_of_others_are_in_no_figure_of_the_gpus(
    runner: JobRunner,
    pro: User,
    models: dict[str, GenerationModel],
    stand_in: StandIn,
) -> None:
    with service_scope("look at a lane"):
        job = ask(pro, models[MEDIUM])
        before = Lane.objects.get(user=pro, tier=job.tier).served_seconds
    stand_in.then(stand_in.hold)
    assert runner.run_next()
    assert stand_in.held.wait(10)
    with service_scope("look at a lane"):
        running = Lane.objects.get(user=pro, tier=job.tier).served_seconds
    stand_in.let_go.set()
    runner.wait_for_all()
    job.refresh_from_db()
    with service_scope("look at a lane"):
        lane = Lane.objects.get(user=pro, tier=job.tier)

    assert job.compute_seconds is not None
    assert job.compute_seconds > 0
    assert (before, running, lane.served_seconds) == (0, 0, 0)
    assert (lane.running, lane.waiting) == (0, 0)
    today = job.created_at.date()
    used = total_of(usage_cells(user_id=pro.id, span=Span(today, today), by=[]))
    assert (used.jobs, used.credits, float(used.seconds)) == (1, 11, 0)


def test_what_goes_wrong_beside_the_gpu_is_in_the_log(
    runner: JobRunner,
    pro: User,
    models: dict[str, GenerationModel],
    stand_in: StandIn,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(**_: Any) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(attempt, "fail_job", broken)
    stand_in.then(status(400, "invalid_value"))
    ask(pro, models[MEDIUM])
    assert runner.run_next()
    runner.wait_for_all()

    assert "attempt_beside_failed" in caplog.text
    assert runner.current is None
